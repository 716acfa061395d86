"""The form's upper half: a model, its fields, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.catalog import Field, all_models, lookup_model, model_names
from pruna_nb.form.chips import Chips
from pruna_nb.form.inputs import Input, make_input
from pruna_nb.form.labels import model_line
from pruna_nb.form.rows import LABEL, help_box, line
from pruna_nb.form.sweep import LINE_BREAK, Ask, NotAskedYetError, parse_prompts, parse_seeds
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pruna_nb.catalog import Model
    from pruna_nb.form.memory import Memory

_PLAIN_FIELDS = {
    "prompt": Field("prompt", "string", help="What to make, in words."),
    "seed": Field("seed", "integer", help="A number that makes the result repeatable."),
}
"""What a form has for a model that the catalogue does not know."""
_PRICED = ("duration", "resolution", "draft")
_LEFT_OUT = frozenset({"num_outputs"})
"""How several outputs are delivered is not published: seeds ask for several."""
_ROWS_CHOSEN = 4


class Controls:
    """Everything that a person sets before the click.

    Parameters
    ----------
    given : dict
        What the code gives: "model", and fields in the form that `states` makes of them.
    memory : Memory
        What was typed before in the same place.
    uploads : callable
        Gives the folder for uploaded files.
    rows : sequence of (int, str), optional
        A frame's rows, which stand in the prompts' place.
    bound : mapping of str to str
        Fields whose values are a frame's columns, by field.

    Attributes
    ----------
    box : ipywidgets.VBox
        The controls.
    """

    def __init__(
        self,
        given: dict[str, Any],
        memory: Memory,
        *,
        uploads: Callable[[], Path],
        rows: Sequence[tuple[int, str]] | None = None,
        bound: Mapping[str, str] | None = None,
    ) -> None:
        self._memory, self._uploads = memory, uploads
        self._rows, self._bound = rows, dict(bound or {})
        self._states = {**given, **memory.typed}
        self._told: list[Callable[[], object]] = []
        self._inputs: dict[str, Input] = {}
        self._ratios: Chips | None = None
        self._prompts = self._make_prompts()
        self._row_list = self._make_rows()
        self._seeds = w.Text(
            value=self._states.get("seed", ""),
            description="Seeds",
            placeholder="none; or such as 1, 2, 5-8",
            style={"description_width": LABEL},
        )
        self._model = self._make_model()
        self._about = help_box("")
        self._fields = w.VBox()
        self._more = w.Accordion([w.VBox()], titles=("More fields",), selected_index=None)
        self._more.add_class("pruna-more")
        self._seeds.observe(lambda change: self._keep("seed", change["new"]), "value")
        self.box = w.VBox([self._model_box(), self._fields, self._more])
        self._lay_out()

    # ------------------------------------------------------------------ asking

    @property
    def model(self) -> Model:
        """The model that is chosen."""
        return lookup_model(self._model.value)

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""
        self._told.append(told)

    def ask(self) -> Ask:
        """Give what is asked for now.

        Raises
        ------
        NotAskedYetError
            If something is missing.
        InputError
            If something cannot be read.
        """
        model = self.model
        axes: dict[str, Sequence[Any]] = {}
        rows = None
        if self._row_list is not None:
            rows = [(place, (self._rows or ())[place][1]) for place in self._row_list.value]
            if not rows:
                raise NotAskedYetError("Choose at least one row.")
        if self._takes_prompts(model):
            prompts = parse_prompts(self._prompts.value)
            if prompts:
                axes["prompt"] = prompts
            elif "prompt" in model.required or not model.known:
                raise NotAskedYetError("Write a prompt.")
        if self._ratios is not None:
            ratios = self._ratios.value()
            # The default alone is not sent: the request stays equal to one without it.
            if ratios and ratios != (self._ratios.field.default,):
                axes["aspect_ratio"] = ratios
        if self._takes_seeds(model):
            seeds = parse_seeds(self._seeds.value)
            if seeds:
                axes["seed"] = seeds
        return Ask(model, axes, self._shared(model, axes), rows)

    def nothing(self) -> Ask:
        """Give an ask for no picture at all, of the model that is chosen."""
        if self._rows is not None:
            return Ask(self.model, rows=())
        return Ask(self.model, {"prompt": ()})

    def _shared(self, model: Model, axes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        shared = {}
        for name, each in self._inputs.items():
            value = each.value() if self._counts(each.field, axes) else None
            if value is not None:
                shared[name] = value
        missing = [
            name for name in model.required
            if name not in {*shared, *axes, *self._bound, "prompt"}
        ]  # fmt: skip
        if missing:
            raise NotAskedYetError(f"{model.name} needs {' and '.join(missing)}.", missing)
        extra = {} if model.known else self._extra()
        return {**extra, **shared}

    def _extra(self) -> dict[str, Any]:
        """Give what the code gave for a model whose fields are not known."""
        taken = {"model", "rows", *_PLAIN_FIELDS}
        return {name: value for name, value in self._states.items() if name not in taken}

    def _counts(self, field: Field, axes: Mapping[str, Sequence[Any]]) -> bool:
        """Whether a field means something beside what else is chosen."""
        return all(
            wanted in axes.get(other, ()) or other not in self._axes_shown()
            for other, wanted in (field.only_when or {}).items()
        )

    def _axes_shown(self) -> set[str]:
        return {"aspect_ratio"} if self._ratios is not None else set()

    def _known(self, model: Model) -> Mapping[str, Field]:
        return model.fields if model.known else _PLAIN_FIELDS

    def _takes_prompts(self, model: Model) -> bool:
        return "prompt" in self._known(model) and "prompt" not in self._bound

    def _takes_seeds(self, model: Model) -> bool:
        return "seed" in self._known(model) and "seed" not in self._bound

    # ------------------------------------------------------------------ layout

    def _make_model(self) -> Any:
        names = model_names()
        chosen = self._states["model"]
        if chosen not in names:
            names = (*names, chosen)
        known = {model.name: model for model in all_models()}
        options = [
            (f"{name}  ({known[name].task.replace('-', ' ')})" if name in known else name, name)
            for name in names
        ]
        control = w.Dropdown(
            options=options,
            value=chosen,
            description="Model",
            style={"description_width": LABEL},
            layout=w.Layout(flex="1 1 300px", max_width="440px", min_width="0"),
        )
        control.add_class("pruna-model")
        control.observe(self._model_changed, "value")
        return control

    def _model_box(self) -> Any:
        return w.HBox(
            [self._model, self._about],
            layout=w.Layout(flex_flow="row wrap", align_items="center"),
        )

    def _make_prompts(self) -> Any:
        control = w.Textarea(
            value=self._states.get("prompt", ""),
            description="Prompts",
            placeholder="one prompt a line",
            rows=4,
            style={"description_width": LABEL},
            tooltip=f"One prompt a line; {LINE_BREAK} stands for a line break inside of one.",
            layout=w.Layout(width="auto", max_width="880px"),
        )
        control.add_class("pruna-prompt")
        control.observe(lambda change: self._keep("prompt", change["new"]), "value")
        return control

    def _make_rows(self) -> Any:
        if self._rows is None:
            return None
        options = [(text, place) for place, text in self._rows]
        kept = [place for place in self._states.get("rows", ()) if place < len(options)]
        control = w.SelectMultiple(
            options=options,
            value=kept or [place for _, place in options[:_ROWS_CHOSEN]],
            description="Rows",
            rows=min(8, max(3, len(options))),
            style={"description_width": LABEL},
            layout=w.Layout(width="auto", max_width="880px"),
        )
        control.add_class("pruna-rows")
        control.observe(lambda change: self._keep("rows", change["new"]), "value")
        return control

    def _model_changed(self, change: Any) -> None:
        self._lay_out()
        self._keep("model", change["new"])

    def _lay_out(self) -> None:
        """Make the chosen model's controls; what was typed stays where a field is the same."""
        model = self.model
        self._about.value = note(model_line(model), f"{FAINT};font-size:.9em")
        self._inputs, self._ratios = {}, None
        main: list[Any] = []
        more: list[Any] = []
        if self._row_list is not None:
            main.append(self._row_list)
        if self._takes_prompts(model):
            main.append(self._prompts)
        main += [
            _bound_line(field, column) for field, column in self._bound.items() if field != "prompt"
        ]
        for name, field in self._known(model).items():
            if name in {"prompt", "seed"} or name in _LEFT_OUT or name in self._bound:
                continue
            if name == "aspect_ratio" and field.choices:
                main.append(self._make_ratios(field).box)
                continue
            made = self._make_input(field)
            first = field.required or field.media or field.only_when or name in _PRICED
            (main if first else more).append(made.box)
        if self._takes_seeds(model):
            main.append(line(self._seeds, self._known(model)["seed"]))
        self._fields.children = main
        self._more.children[0].children = more
        self._more.layout.display = "" if more else "none"
        self._show_conditional()

    def _make_ratios(self, field: Field) -> Chips:
        chips = Chips(field)
        chips.restore(self._states.get("aspect_ratio", [field.default]))
        chips.on_change(lambda: self._keep("aspect_ratio", chips.value()))
        self._ratios = chips
        return chips

    def _make_input(self, field: Field) -> Input:
        made = make_input(field, self._uploads)
        if field.name in self._states:
            made.restore(self._states[field.name])
        made.on_change(lambda: self._keep(field.name, made.state()))
        self._inputs[field.name] = made
        return made

    def _show_conditional(self) -> None:
        """Show what counts beside the chosen ratios alone, such as a width for "custom"."""
        chosen = {"aspect_ratio": self._ratios.value()} if self._ratios is not None else {}
        for each in self._inputs.values():
            if each.field.only_when:
                each.box.layout.display = "" if self._counts(each.field, chosen) else "none"

    def _keep(self, name: str, state: Any) -> None:
        if state is not None:
            self._states[name] = state
            self._memory.keep(name, state)
        if name == "aspect_ratio":
            self._show_conditional()
        for told in self._told:
            told()


def _bound_line(field: str, column: str) -> Any:
    said = f"{field} is taken from the column {column!r}."
    return w.HTML(note(said, f"{FAINT};margin-left:138px"))
