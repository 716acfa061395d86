"""The form's upper half: a model, its fields, and the sweep that they describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.arguments import Problems
from pruna_nb.catalog import Field, lookup_model
from pruna_nb.errors import InputError
from pruna_nb.form.inputs import (
    Chips,
    PromptsInput,
    ReplaceInput,
    RowsInput,
    SeedsInput,
    make_input,
)
from pruna_nb.form.models_input import ModelsInput
from pruna_nb.form.states import states_of
from pruna_nb.form.sweep import IncompleteError, Sweep, in_common
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pruna_nb.catalog import Model
    from pruna_nb.form.control import Control
    from pruna_nb.form.memory import Memory
    from pruna_nb.form.remembering import Remembering
    from pruna_nb.settings.scopes import Scope

# what a form has for a model that the catalogue does not know
_PLAIN_FIELDS = {
    "prompt": Field("prompt", "string", help="What to make, in words."),
    "seed": Field("seed", "integer", help="A number that makes the result repeatable."),
}
_ROWS = Field("rows", "array")
_REPLACE = Field(
    "replace", "string", help="Each prompt with fox also with cat and with dog: fox -> cat, dog."
)
_NO_EXTRA = ("model", "rows", "prompt", "seed", "replace")
_PRICED = ("duration", "resolution", "draft")
# How several outputs are delivered is not published: seeds ask for several.
_LEFT_OUT = frozenset({"num_outputs"})


class FieldValue:
    """The value of one field of a form, to be read and set from code."""

    def __init__(self, controls: Controls, name: str) -> None:
        self._controls, self._name = controls, name

    @property
    def value(self) -> Any:
        """What the field sends; None if it is not sent.

        Several values for a prompt, an aspect ratio and a seed. Set to what `explore` takes;
        raises InputError for a value that the model does not take.
        """
        return self._controls.get(self._name)

    @value.setter
    def value(self, value: Any) -> None:
        self._controls.set(self._name, value)

    def __repr__(self) -> str:
        secret = getattr(self._controls.model.fields.get(self._name), "secret", False)
        return f"<FieldValue {self._name}: {'***' if secret else repr(self.value)}>"


class Controls:
    """Everything that a person sets before the click.

    Parameters
    ----------
    states : dict
        What the code gives: "model", and fields as `states_of` returns them.
    memory : Memory
        What was typed before in the same place.
    scope : Scope
        The settings of the form's cell.
    rows : sequence of (int, str), optional
        A frame's rows, which replace the prompts.
    bound : mapping of str to str
        Fields whose values are a frame's columns, by field.
    templates : sequence of str
        What is filled from the rows to be their prompts.
    fill : callable, optional
        Fills them.

    Attributes
    ----------
    box : ipywidgets.VBox
        The controls.
    """

    def __init__(
        self,
        states: dict[str, Any],
        memory: Memory,
        *,
        scope: Scope,
        rows: Sequence[tuple[int, str]] | None = None,
        bound: Mapping[str, str] | None = None,
        templates: Sequence[str] = (),
        fill: Callable[[int, str], str] | None = None,
    ) -> None:
        self._templates, self._fill = templates, fill
        self._memory, self._scope = memory, scope
        self._bound = dict(bound or {})
        self._states = {**states, **memory.typed}
        self._listeners: list[Callable[[], object]] = []
        self._inputs: dict[str, Control] = {}
        # these outlive a change of the model
        self._replace = self._begun(ReplaceInput(_REPLACE))
        self._prompts = self._begun(PromptsInput(_PLAIN_FIELDS["prompt"], self._replace))
        self._seeds = self._begun(SeedsInput(_PLAIN_FIELDS["seed"]))
        self._rows = None if rows is None else self._begun(RowsInput(_ROWS, rows))
        self._models = ModelsInput(self._states["model"], self._chose_models)
        self._fields = w.VBox()
        self._more = w.Accordion([w.VBox()], titles=("More fields",), selected_index=None)
        self._more.add_class("pruna-more")
        self.box = w.VBox([self._models.box, self._fields, self._more])
        self._lay_out()

    @property
    def models(self) -> list[Model]:
        """The models that are chosen."""
        return [lookup_model(name) for name in self._models.names]

    @property
    def model(self) -> Model:
        """The model that is chosen; of several, the fields that all of them have."""
        return in_common(self.models)

    @property
    def axis_names(self) -> list[str]:
        """What can be an axis."""
        return ["prompt", "row", "model", *self.model.fields]

    @property
    def names(self) -> list[str]:
        """What can be set now: the model, a frame's rows, the model's fields."""
        return ["model", *self._inputs]

    def get(self, name: str) -> Any:
        """Return what a field sends."""
        if name == "model":
            return self._models.value()
        if name not in self._inputs:
            raise InputError(f"{self.model.name} has no field {name!r} in this form.")
        return self._inputs[name].value()

    def set(self, name: str, value: Any) -> None:
        """Set a field to what `explore` takes; None sets the model's default."""
        self.get(name)
        if name == "model":
            self._models.restore(value)
            return
        control = self._inputs[name]
        if value is None:
            default = control.field.default
            value = {"prompt": "", "seed": "", "rows": (), "replace": ""}.get(name, default)
        elif name == "replace":
            value = str(value)
        elif name != "rows":
            problems, model = Problems(), self.model
            states = states_of(model, {name: value}, problems, unchecked=not model.known)
            problems.check()
            value = states[name]
        control.restore(value)
        self._keep(name, control.state())

    def save_typed(self, remembering: Remembering) -> None:
        """Write on disk what was typed, without secrets."""
        secret = frozenset().union(*(each.secret_names for each in self.models))
        remembering.save_typed(self._memory.given, self._memory.typed, secret)

    def on_change(self, listener: Callable[[], object]) -> None:
        """Call a function at each change."""
        self._listeners.append(listener)

    def sweep(self) -> Sweep:
        """Return what the controls describe now.

        Raises
        ------
        IncompleteError
            If something is missing.
        InputError
            If something cannot be read.
        """
        models, model = self.models, self.model
        rows = None if self._rows is None else self._rows.value()
        if rows is not None and not rows:
            raise IncompleteError("Choose at least one row.")
        prompted = "prompt" in model.required or not model.known
        if prompted and "prompt" in self._inputs and not self._prompts.value():
            raise IncompleteError("Write a prompt.")
        chosen = {
            name: control.value()
            for name, control in self._inputs.items()
            if name not in {"rows", "replace"} and self._counts(control.field)
        }
        # a tuple holds several values; the default alone is not sent: the request stays equal to
        # one without it
        axes = {
            name: value
            for name, value in chosen.items()
            if isinstance(value, tuple)
            and value
            and not (name == "aspect_ratio" and value == (self._inputs[name].field.default,))
        }
        shared = {
            name: value
            for name, value in chosen.items()
            if value is not None and not isinstance(value, tuple)
        }
        present = {*shared, *axes, *self._bound, "prompt"}
        if missing := [name for name in model.required if name not in present]:
            raise IncompleteError(f"{model.name} needs {' and '.join(missing)}.", missing)
        if not model.known:  # the code may give fields that have no control
            extra = {name: each for name, each in self._states.items() if name not in _NO_EXTRA}
            shared = {**extra, **shared}
        if self._templates:
            axes["prompt"] = tuple(self._templates)
        return Sweep(models[0], axes, shared, rows, models[1:], self._fill)

    def empty_sweep(self) -> Sweep:
        """Return a sweep of no points, of the model that is chosen."""
        if self._rows is not None:
            return Sweep(self.model, rows=())
        return Sweep(self.model, {"prompt": ()})

    def _counts(self, field: Field) -> bool:
        """Whether a field has a meaning beside what is chosen, such as a width for "custom"."""
        for other, wanted in (field.only_when or {}).items():
            value = self._inputs[other].value() if other in self._inputs else None
            if isinstance(self._inputs.get(other), Chips) and wanted not in (value or ()):
                return False
        return True

    def _begun(self, control: Any) -> Any:
        """Return a control in the state that its field has; its changes are kept from now on."""
        name = control.field.name
        if name in self._states:
            control.restore(self._states[name])
        control.on_change(lambda: self._keep(name, control.state()))
        return control

    def _chose_models(self) -> None:
        self._lay_out()
        self._keep("model", self._models.value())

    def _lay_out(self) -> None:
        """Make the chosen model's controls; what was typed stays where a field is the same."""
        model = self.model
        with self._scope.entered():
            self._models.describe()
        fields = {
            name: field
            for name, field in (model.fields if model.known else _PLAIN_FIELDS).items()
            if name not in self._bound and name not in _LEFT_OUT
        }
        self._inputs = {} if self._rows is None else {"rows": self._rows}
        main = [control.box for control in self._inputs.values()]
        more: list[Any] = []
        if "prompt" in fields:
            self._inputs["prompt"], self._inputs["replace"] = self._prompts, self._replace
            main.append(self._prompts.box)
        for name, column in self._bound.items():
            if name != "prompt":
                text = f"{name} is taken from the column {column!r}."
                main.append(w.HTML(note(text, f"{FAINT};margin-left:138px")))
        for name, field in fields.items():
            if name in {"prompt", "seed"}:
                continue
            if name == "aspect_ratio" and field.choices:
                chips = Chips(field)
                chips.restore([field.default])  # of several models, none may be on
                self._inputs[name] = self._begun(chips)
            else:
                self._inputs[name] = self._begun(make_input(field, self._scope))
            first = field.required or field.media or field.only_when or name in _PRICED
            (main if first or name == "aspect_ratio" else more).append(self._inputs[name].box)
        if "seed" in fields:
            self._inputs["seed"] = self._seeds
            main.append(self._seeds.box)
        self._fields.children = main
        self._more.children[0].children = more
        self._more.layout.display = "" if more else "none"
        self._show_conditional()

    def _show_conditional(self) -> None:
        """Show a field that has a meaning beside some ratios alone only beside those."""
        for control in self._inputs.values():
            if control.field.only_when:
                control.box.layout.display = "" if self._counts(control.field) else "none"

    def _keep(self, name: str, state: Any) -> None:
        if state is not None:
            self._states[name] = state
            self._memory.keep(name, state)
        if name == "aspect_ratio":
            self._show_conditional()
        for listener in self._listeners:
            listener()
