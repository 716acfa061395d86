"""Several values of one thing: a row of switches, or a line of values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.control import name_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pruna_nb.catalog import Field


class Switches:
    """A row of switches, of which several may be on.

    Parameters
    ----------
    choices : sequence
        What can be chosen.
    changed : callable
        Called at each change.
    hint : callable
        Returns the tooltip of a choice.

    Attributes
    ----------
    buttons : dict
        The switches, by choice.
    box : ipywidgets.HBox
    """

    def __init__(
        self,
        choices: Iterable[Any],
        changed: Callable[[], object],
        hint: Callable[[Any], str],
    ) -> None:
        self._changed = changed
        self.buttons: dict[Any, Any] = {}
        self.box = w.HBox(layout=w.Layout(flex_flow="row wrap"))
        self.offer(choices, hint)

    def offer(self, choices: Iterable[Any], hint: Callable[[Any], str]) -> None:
        """Replace what can be chosen; what was on and is still there stays on."""
        on, old = self.value(), self.buttons
        self.buttons = {
            choice: w.ToggleButton(
                description=str(choice).replace("_", " "),
                value=choice in on,
                button_style="primary" if choice in on else "",
                tooltip=hint(choice),
                layout=w.Layout(width="auto", min_width="52px", margin="2px 4px 2px 0"),
            )
            for choice in choices
        }
        for button in self.buttons.values():
            button.observe(self._switched, "value")
        self.box.children = list(self.buttons.values())
        for button in old.values():
            button.close()

    def _switched(self, change: Any) -> None:
        change["owner"].button_style = "primary" if change["new"] else ""
        self._changed()

    def value(self) -> tuple[Any, ...]:
        """Return the choices that are on, in the order in which they are offered."""
        return tuple(choice for choice, button in self.buttons.items() if button.value)

    def restore(self, state: Iterable[Any]) -> None:
        """Switch on some choices, and the others off."""
        wanted = list(state)
        for choice, button in self.buttons.items():
            button.value = choice in wanted


class SeveralValues:
    """Several values of a field: switches where they can be listed, else one line or a box.

    Parameters
    ----------
    field : Field
    changed : callable
        Called at each change.
    read : callable
        Returns typed text as a value of the field.

    Attributes
    ----------
    box : ipywidgets.HBox
        With the field's name.
    """

    def __init__(
        self, field: Field, changed: Callable[[], object], read: Callable[[str], Any]
    ) -> None:
        self._field, self._read = field, read
        choices = field.choices or ((True, False) if field.type == "boolean" else ())
        self.widget: Any
        self._switches: Switches | None = None
        if choices:
            self._switches = Switches(choices, changed, lambda one: f"{field.name}={one!r}")
            self.widget = self._switches.box
        elif self._is_number:
            self.widget = w.Text(placeholder="several, such as 1, 2, 3")
        else:
            self.widget = w.Textarea(rows=2, placeholder="several, one a line")
        if self._switches is None:
            self.widget.observe(lambda _: changed(), "value")
        self.widget.layout.flex = "1 1 0"
        self.widget.layout.min_width = "0"
        self.box = w.HBox([name_box(field), self.widget])
        self.box.layout = w.Layout(flex="1 1 0", min_width="0", align_items="flex-start")
        self.box.add_class(f"pruna-several-{field.name}")

    @property
    def _is_number(self) -> bool:
        return self._field.type in {"integer", "number"}

    def value(self) -> tuple[Any, ...]:
        """Return the values, each once; what cannot be read stays text, and the check names it."""
        if self._switches is not None:
            return self._switches.value()
        parts = re.split(r"[,;\s]+" if self._is_number else "\n", self.widget.value)
        return tuple(dict.fromkeys(self._read(part) for part in parts if part.strip()))

    def restore(self, values: Sequence[Any]) -> None:
        """Set the values."""
        if self._switches is not None:
            self._switches.restore(values)
        else:
            self.widget.value = (", " if self._is_number else "\n").join(map(str, values))
