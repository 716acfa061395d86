"""The choice of the model, and of others beside it that make the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.catalog import all_models, get_model, lookup_model, model_names
from pruna_nb.errors import InputError
from pruna_nb.form.control import LABEL, help_box, name_box
from pruna_nb.form.labels import model_line, price_of
from pruna_nb.form.several import Switches
from pruna_nb.form.sweep import in_common
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.catalog import Model


class ModelsInput:
    """A dropdown for the model, and a row of switches for others of its task.

    Parameters
    ----------
    chosen : str or sequence of str
        What is chosen at first.
    changed : callable
        Called when another model, or another set of them, is chosen.

    Attributes
    ----------
    box : ipywidgets.VBox
    """

    def __init__(self, chosen: str | Sequence[str], changed: Callable[[], object]) -> None:
        first, *others = [chosen] if isinstance(chosen, str) else chosen
        self._told = changed
        self._quiet = True
        names = model_names()
        names = names if first in names else (*names, first)
        tasks = {model.name: f"  ({model.task.replace('-', ' ')})" for model in all_models()}
        self.widget = w.Dropdown(
            options=[(f"{name}{tasks.get(name, '')}", name) for name in names],
            value=first,
            description="Model",
            style={"description_width": LABEL},
            layout=w.Layout(flex="1 1 300px", max_width="440px", min_width="0"),
        )
        self.widget.add_class("pruna-model")
        self.about = help_box("")
        layout = w.Layout(flex_flow="row wrap", align_items="center")
        self.more = w.ToggleButton(
            icon="plus",
            tooltip="Other models beside it, which make the same",
            layout=w.Layout(width="30px", flex="0 0 30px", margin="2px 0 2px 4px"),
        )
        self.more.add_class("pruna-more-models")
        self.more.observe(lambda _: self._show(), "value")
        head = w.HBox([self.widget, self.more, self.about], layout=layout)
        self._switches = Switches([], self._changed, _price)
        self._switches.box.add_class("pruna-models")
        label = name_box("Compare with")
        self._row = w.HBox([label, self._switches.box], layout=w.Layout(align_items="flex-start"))
        self._switches.box.layout.flex = "1 1 0"
        self.box = w.VBox([head, self._row])
        self.widget.observe(lambda _: self._turned(), "value")
        self._offer(others)
        self._quiet = False

    def _turned(self) -> None:
        """Offer what can stand beside another model."""
        self._quiet = True
        self._offer(self._switches.value())
        self._quiet = False
        self._changed()

    def _offer(self, on: Sequence[str]) -> None:
        model = lookup_model(self.widget.value)
        names = [each.name for each in all_models() if each.task == model.task and model.known]
        names = [name for name in names if name != model.name and _suits(model, name)]
        on = [name for name in on if name != model.name and _suits(model, name)]
        self._switches.offer([*names, *(name for name in on if name not in names)], _price)
        self._switches.restore(on)
        self.more.layout.display = "" if names or on else "none"
        self.more.value = bool(on)
        self._show()

    def _show(self) -> None:
        self._row.layout.display = "" if self.more.value else "none"
        if not self.more.value:
            self._switches.restore([])

    def _changed(self) -> None:
        if not self._quiet:
            self._told()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models that are chosen."""
        return (self.widget.value, *self._switches.value())

    def value(self) -> str | tuple[str, ...]:
        """Return the name of the model; a tuple if there are several."""
        return self.names if len(self.names) > 1 else self.names[0]

    def restore(self, value: str | Sequence[str]) -> None:
        """Choose a model, or several.

        Raises
        ------
        UnknownModelError
            If there is none of that name.
        InputError
            If they have too little in common.
        """
        first, *others = [value] if isinstance(value, str) else list(value)
        if first not in {name for _, name in self.widget.options}:
            get_model(first)  # raises, with near names
        in_common([lookup_model(first), *map(get_model, others)])
        self._quiet = True
        self.widget.value = first
        self._offer(others)
        self._quiet = False
        self._changed()

    def describe(self) -> None:
        """Show what each model costs, and its limit; read from the settings that are in force."""
        models = [lookup_model(name) for name in self.names]
        several = len(models) > 1
        lines = [
            f"{each.name}: {model_line(each)}" if several else model_line(each) for each in models
        ]
        self.about.value = note("\n".join(lines), f"{FAINT};font-size:.9em")


def _price(name: Any) -> str:
    return price_of(lookup_model(name))


def _suits(model: Model, name: str) -> bool:
    """Whether another model can stand beside a model."""
    try:
        in_common([model, lookup_model(name)])
    except InputError:
        return False
    return True
