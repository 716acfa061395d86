"""Choices of which several may be taken, as buttons in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.labels import help_of
from pruna_nb.form.rows import help_box, name_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pruna_nb.catalog import Field


class Chips:
    """A row of switches, one for each choice of a field.

    Attributes
    ----------
    box : ipywidgets.HBox
        The row.
    buttons : dict
        The switches, by choice.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self._told: list[Callable[[], object]] = []
        self.buttons = {
            choice: w.ToggleButton(
                description=str(choice).replace("_", " "),
                tooltip=f"{field.name}={choice!r}",
                layout=w.Layout(width="auto", min_width="52px", margin="2px 4px 2px 0"),
            )
            for choice in field.choices
        }
        for button in self.buttons.values():
            button.observe(self._switched, "value")
        chips = w.HBox(
            list(self.buttons.values()),
            layout=w.Layout(flex="1 1 300px", flex_flow="row wrap", min_width="0"),
        )
        wide = w.Layout(flex="1 1 600px", min_width="0", align_items="center")
        both = w.HBox([name_box(field), chips], layout=wide)
        self.box = w.HBox(
            [both, help_box(f"{help_of(field)} Several are compared.")],
            layout=w.Layout(flex_flow="row wrap", align_items="center"),
        )
        self.box.add_class(f"pruna-{field.name}")

    def value(self) -> tuple[Any, ...]:
        """Give the choices that are taken, in the catalogue's order."""
        return tuple(choice for choice, button in self.buttons.items() if button.value)

    def restore(self, state: Iterable[Any]) -> None:
        """Take the choices of a state, as far as there are such."""
        wanted = list(state)
        for choice, button in self.buttons.items():
            button.value = choice in wanted

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""
        self._told.append(told)

    def _switched(self, change: Any) -> None:
        change["owner"].button_style = "primary" if change["new"] else ""
        for told in self._told:
            told()
