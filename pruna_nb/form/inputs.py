"""A control for each field of a model, made from what the catalogue says of it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import traitlets

from pruna_nb.errors import InputError
from pruna_nb.form.choices import expand
from pruna_nb.form.control import LABEL, Control, help_box, line, name_box, options_of
from pruna_nb.form.file_input import MediaInput
from pruna_nb.form.labels import help_of
from pruna_nb.form.several import SeveralValues, Switches
from pruna_nb.form.sweep import LINE_BREAK, parse_prompts, parse_seeds
from pruna_nb.text import counted, cut
from pruna_nb.widgets.notes import FAINT, note
from pruna_nb.widgets.secret import SecretBox

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pruna_nb.catalog import Field
    from pruna_nb.settings.scopes import Scope

_LONG = ("prompt", "script", "caption")
_STEPS_AT_MOST = 1_000.0  # between a slider's ends; beyond, a number is typed
_ROWS_CHOSEN = 4
_ROWS_AT_LEAST, _ROWS_AT_MOST = 4, 20  # of the box for prompts
_LINE = 95  # letters that a line of it holds in a wide window
_WIDE = {"width": "auto", "max_width": "880px"}


def make_input(field: Field, scope: Scope) -> Control:
    """Return the control that suits a field; uploads go to the folder that `scope` sets."""
    if field.media:
        return MediaInput(field, scope)
    if field.secret:
        return SecretInput(field)
    return PlainInput(field)


class _WidgetInput(Control):
    """A control that is one widget, whose value is its state."""

    def __init__(self, field: Field, widget: Any) -> None:
        super().__init__(field)
        self.widget = widget
        self.widget.observe(self._changed, "value")

    def state(self) -> Any:
        """Return what the widget holds."""
        return self.widget.value

    def restore(self, state: Any) -> None:
        """Set the widget."""
        self.widget.value = state


class PlainInput(_WidgetInput):
    """A control for text, numbers, choices and switches, of one value or of several.

    What is left at the published default is not sent: the service takes it by itself, and the
    request stays equal to one that never named the field.
    """

    def __init__(self, field: Field) -> None:
        super().__init__(field, _widget(field))
        self._several: SeveralValues | None = None
        self.more = w.ToggleButton(
            icon="plus",
            tooltip="Several values, which are compared",
            layout=w.Layout(width="30px", flex="0 0 30px", margin="2px 0 2px 4px"),
        )
        self.more.add_class("pruna-several")
        self.more.observe(self._turned, "value")
        self.box = line(self.widget, field, [] if field.type == "array" else [self.more])

    def _turned(self, change: Any) -> None:
        """Replace the widget by one that takes several values, or back; the value stays."""
        row = self.box.children[0]
        if change["new"] and self._several is None:
            self._several = SeveralValues(
                self.field, self._changed, lambda text: _read(self.field, text)
            )
            now = self.value_of_one()
            self._several.restore([self.field.default if now is None else now])
        elif not change["new"] and self._several is not None:
            self._several.box.close()
            self._several = None
        now_shown = self.widget if self._several is None else self._several.box
        row.children = [now_shown, *row.children[1:]]
        self._changed()

    def state(self) -> Any:
        """Return what the widget holds; a tuple if there may be several values."""
        return self.widget.value if self._several is None else self._several.value()

    def value(self) -> Any:
        """Return what is chosen, in the field's type; None for "not given".

        A tuple of the values where there are several.
        """
        if self._several is None:
            return self.value_of_one()
        values = self._several.value()
        return None if values in {(), (self.field.default,)} else values

    def value_of_one(self) -> Any:
        """Return the value of the widget that takes one."""
        value = self.widget.value
        if isinstance(value, str) and not self.field.choices:
            value = _read(self.field, value)
        default = self.field.default
        if self.field.has_default and value == (
            list(default) if isinstance(default, tuple) else default
        ):
            return None
        return value

    def restore(self, state: Any) -> None:
        """Set the widget; a value that it cannot take leaves it as it is."""
        is_several = isinstance(state, (list, tuple)) and self.field.type != "array"
        self.more.value = is_several
        if is_several and self._several is not None:
            self._several.restore(state)
            return
        if isinstance(self.widget, (w.Text, w.Textarea)):
            lines = state if isinstance(state, (list, tuple)) else [state]
            self.widget.value = "" if state is None else "\n".join(map(str, lines))
            return
        # a value of another model's field of the same name: the default stays
        with contextlib.suppress(traitlets.TraitError, TypeError, ValueError):
            self.widget.value = state


def _widget(field: Field) -> Any:
    options = options_of(field)
    if field.type == "boolean" and field.has_default:
        return w.Checkbox(value=bool(field.default), indent=True, **options)
    if field.choices or field.type == "boolean":
        choices: list[tuple[str, Any]] = [(str(choice), choice) for choice in field.choices]
        choices = choices or [("yes", True), ("no", False)]
        if not field.has_default:
            choices.insert(0, ("(the service's choice)", None))
        return w.Dropdown(options=choices, value=field.default, **options)
    if field.type in {"integer", "number"}:
        return _number_widget(field, options)
    if field.type == "array":
        return w.Textarea(rows=2, placeholder="one a line", **options)
    hint = "" if field.default is None else str(field.default).strip()
    if field.name.endswith(_LONG):
        return w.Textarea(rows=2, placeholder=hint, **options)
    return w.Text(placeholder=hint, **options)


def _number_widget(field: Field, options: dict[str, Any]) -> Any:
    low, high, whole = field.minimum, field.maximum, field.type == "integer"
    ends = low is not None and high is not None
    # learning_rate, 0.00001 to 0.01, is not found with a slider
    span = (high or 0) - (low or 0)
    slides = whole or (field.has_default and 0.01 * _STEPS_AT_MOST >= span >= 0.1)  # noqa: PLR2004
    if low is None or high is None or not ends or not slides:
        hint = f"default {field.default}" if field.has_default else "a number"
        return w.Text(placeholder=hint, **options)
    if whole and not field.has_default:
        middle = int(min(max(1024, low), high))
        middle -= middle % (field.multiple_of or 1)
        return w.BoundedIntText(
            value=middle, min=int(low), max=int(high), step=field.multiple_of or 1, **options
        )
    options |= {"min": low, "max": high, "value": field.default, "continuous_update": False}
    if whole:
        return w.IntSlider(step=field.multiple_of or 1, **options)
    return w.FloatSlider(step=0.01 if span <= 5 else 0.1, **options)  # noqa: PLR2004 - about a hundred steps


def _read(field: Field, text: str) -> Any:
    """Return typed text as a value; what cannot be read stays text, and the check names it."""
    text = text.strip() if field.type in {"array", "integer", "number"} else text
    if not text.strip():
        return None
    if field.type == "array":
        lines = [part.strip() for part in text.splitlines() if part.strip()]
        if field.item_type in {"integer", "number"}:
            return [_number(part, whole=field.item_type == "integer") for part in lines]
        return lines
    if field.type in {"integer", "number"}:
        return _number(text, whole=field.type == "integer")
    return text


def _number(text: str, *, whole: bool) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and (whole or "." not in text) else number


class SecretInput(Control):
    """A control for a secret: its value is not in the widget, and is no state."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._value: str | None = None
        self.secret = SecretBox(self._take, placeholder="none", **options_of(field))
        self.box = line(self.secret.widget, field)

    def value(self) -> str | None:
        """Return the secret; None if there is none."""
        return self._value

    def state(self) -> None:
        """Return None: a secret is not remembered."""

    def restore(self, state: Any) -> None:
        """Set the secret."""
        self._value = None if state is None else str(state)
        self.secret.widget.placeholder = "kept, not shown" if self._value else "none"

    def _take(self, text: str) -> None:
        self.restore(text)
        self._changed()


class Chips(Control):
    """A row of switches, one for each choice of a field, of which several may be on."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._switches = Switches(field.choices, self._changed, lambda one: f"{field.name}={one!r}")
        help_line = help_box(f"{help_of(field)} Several are compared.")
        help_line.layout = w.Layout(margin="0 0 4px 0")
        help_line.remove_class("pruna-help")  # it is in the column already
        # the chips take as many lines as they need: their help is below them, in their column
        layout = w.Layout(flex="1 1 0", min_width="0")
        column = w.VBox([self._switches.box, help_line], layout=layout)
        self.box = w.HBox([name_box(field), column], layout=w.Layout(align_items="flex-start"))
        self.box.add_class(f"pruna-{field.name}")

    def value(self) -> tuple[Any, ...]:
        """Return the choices that are on, in the catalogue's order."""
        return self._switches.value()

    state = value

    def restore(self, state: Any) -> None:
        """Switch on the choices of a state."""
        self._switches.restore(state if isinstance(state, (list, tuple)) else [state])


class PromptsInput(_WidgetInput):
    """Prompts, one a line; what their braces and a rule of search and replace stand for is shown.

    Attributes
    ----------
    rule : ReplaceInput
        What is replaced in them.
    """

    def __init__(self, field: Field, rule: ReplaceInput) -> None:
        widget = w.Textarea(
            description="Prompts",
            placeholder="one prompt a line; a {red|blue} fox is two",
            rows=_ROWS_AT_LEAST,
            style={"description_width": LABEL},
            tooltip=f"One prompt a line; {LINE_BREAK} stands for a line break inside a prompt.",
            layout=w.Layout(**_WIDE),
        )
        widget.add_class("pruna-prompt")
        super().__init__(field, widget)
        self._rule = rule
        self._preview = w.HTML(layout=w.Layout(margin="0 2px 2px 138px", display="none"))
        self._preview.add_class("pruna-preview")
        self.box = w.VBox([widget, rule.box, self._preview])
        widget.observe(lambda _: self._grow(), "value")
        rule.widget.observe(lambda _: self._grow(), "value")

    def _grow(self) -> None:
        """Make the box as high as its text, and show which prompts it stands for."""
        lines = sum(1 + len(line) // _LINE for line in self.widget.value.split("\n"))
        self.widget.rows = min(max(_ROWS_AT_LEAST, lines + 1), _ROWS_AT_MOST)
        written, text = parse_prompts(self.widget.value), ""
        with contextlib.suppress(InputError):  # of a wrong rule, say, which the quote reports
            prompts = self.value()
            some = "; ".join(cut(prompt, 60) for prompt in prompts[:4])
            more = f"; and {len(prompts) - 4:,} more" if len(prompts) > 4 else ""  # noqa: PLR2004
            text = "" if prompts == written else f"{counted(len(prompts), 'prompt')}: {some}{more}"
        self._preview.value = note(text, f"{FAINT};font-size:.9em") if text else ""
        self._preview.layout.display = "" if text else "none"

    def value(self) -> tuple[str, ...]:
        """Return the prompts, one for each combination of their choices and replacements."""
        return expand(parse_prompts(self.widget.value), self._rule.widget.value)


class ReplaceInput(_WidgetInput):
    """Search and replace in the prompts: ``fox -> cat, dog``."""

    def __init__(self, field: Field) -> None:
        widget = w.Text(
            description="Replace",
            placeholder="fox -> cat, dog",
            style={"description_width": LABEL},
            continuous_update=True,
        )
        super().__init__(field, widget)
        self.box = line(widget, field)

    def value(self) -> str | None:
        """Return the rule; None without one."""
        return self.widget.value.strip() or None


class SeedsInput(_WidgetInput):
    """Seeds as numbers and ranges."""

    def __init__(self, field: Field) -> None:
        widget = w.Text(
            description="Seeds",
            placeholder="none; or such as 1, 2, 5-8",
            style={"description_width": LABEL},
        )
        super().__init__(field, widget)
        self.box = line(widget, field)

    def value(self) -> tuple[int, ...]:
        """Return the seeds."""
        return parse_seeds(self.widget.value)


class RowsInput(_WidgetInput):
    """A frame's rows, of which some are chosen."""

    def __init__(self, field: Field, rows: Sequence[tuple[int, str]]) -> None:
        widget = w.SelectMultiple(
            options=[(text, place) for place, text in rows],
            value=[place for place, _ in rows[:_ROWS_CHOSEN]],
            description="Rows",
            rows=min(8, max(3, len(rows))),
            style={"description_width": LABEL},
            layout=w.Layout(**_WIDE),
        )
        widget.add_class("pruna-rows")
        super().__init__(field, widget)
        self.box = widget
        self._rows = rows

    def value(self) -> list[tuple[int, str]]:
        """Return the chosen rows: their positions and what they are called."""
        return [self._rows[place] for place in self.widget.value]

    def restore(self, state: Iterable[int]) -> None:
        """Choose rows by their positions; without any that is there, the first ones."""
        kept = [place for place in state if 0 <= place < len(self._rows)]
        self.widget.value = kept or [place for place, _ in self._rows[:_ROWS_CHOSEN]]
