"""A control for each field of a model, made from what the catalogue says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets as w

from pruna_nb.form.file_input import MediaInput
from pruna_nb.form.rows import line, options_of
from pruna_nb.widgets.secret import SecretBox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pruna_nb.catalog import Field

_LONG = ("prompt", "script", "caption")
_SPAN_AT_MOST = 1_000.0
"""A slider's ends may be this many steps apart; beyond, a number is typed."""


class Input(Protocol):
    """One field's control."""

    field: Field
    box: Any

    def value(self) -> Any:
        """Give what is chosen as the service takes it; None for "not given"."""

    def state(self) -> Any:
        """Give what brings the control back to where it is; None if nothing may be kept."""

    def restore(self, state: Any) -> None:
        """Bring the control to a state, as far as it can take it."""

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""


def make_input(field: Field, uploads: Callable[[], Path]) -> Input:
    """Make the control that suits a field.

    Parameters
    ----------
    field : Field
        As the catalogue gives it.
    uploads : callable
        Gives the folder for uploaded files.
    """
    if field.media:
        return MediaInput(field, uploads)
    if field.secret:
        return SecretInput(field)
    return PlainInput(field)


class PlainInput:
    """A control for text, numbers, choices and switches.

    What is left at the published default is not sent: the service takes it by itself, and the
    request stays equal to one that never named the field.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self._control = _control(field)
        self.box = line(self._control, field)

    def value(self) -> Any:
        """Give what is chosen; None for "not given"."""
        value = self._control.value
        if isinstance(value, str) and not self.field.choices:
            value = _read(self.field, value)
        if self.field.has_default and value == _listed(self.field.default):
            return None
        return value

    def state(self) -> Any:
        """Give what brings the control back to where it is."""
        return self._control.value

    def restore(self, state: Any) -> None:
        """Bring the control to a state, as far as it can take it."""
        if isinstance(self._control, (w.Text, w.Textarea)):
            self._control.value = _written(state)
            return
        try:
            self._control.value = state
        except Exception as error:  # noqa: BLE001 - traitlets raises its own for a foreign value
            del error  # a value of another model's field of the same name: the default stays

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""
        self._control.observe(lambda _: told(), "value")


def _control(field: Field) -> Any:
    options = options_of(field)
    if field.type == "boolean" and field.has_default:
        return w.Checkbox(value=bool(field.default), indent=True, **options)
    if field.choices or field.type == "boolean":
        choices: list[tuple[str, Any]] = [(str(each), each) for each in field.choices]
        choices = choices or [("yes", True), ("no", False)]
        if not field.has_default:
            choices.insert(0, ("(the service's choice)", None))
        return w.Dropdown(options=choices, value=field.default, **options)
    if field.type in {"integer", "number"}:
        return _number(field, options)
    if field.type == "array":
        return w.Textarea(rows=2, placeholder="one a line", **options)
    hint = "" if field.default is None else str(field.default).strip()
    if field.name.endswith(_LONG):
        return w.Textarea(rows=2, placeholder=hint, **options)
    return w.Text(placeholder=hint, **options)


def _number(field: Field, options: dict[str, Any]) -> Any:
    low, high, whole = field.minimum, field.maximum, field.type == "integer"
    if low is None or high is None or not _is_sliding(field, low, high):
        hint = f"default {field.default}" if field.has_default else "a number"
        return w.Text(placeholder=hint, **options)
    if whole and not field.has_default:
        middle = int(min(max(1024, low), high))
        middle -= middle % (field.multiple_of or 1)
        return w.BoundedIntText(
            value=middle, min=int(low), max=int(high), step=field.multiple_of or 1, **options
        )
    ends = {"min": low, "max": high, "value": field.default, "continuous_update": False}
    if whole:
        return w.IntSlider(**ends, step=field.multiple_of or 1, **options)
    step = 0.01 if high - low <= 5 else 0.1  # noqa: PLR2004 - a hundred steps or so
    return w.FloatSlider(**ends, step=step, **options)


def _is_sliding(field: Field, low: float, high: float) -> bool:
    """Whether a range is best slid through: learning_rate, 0.00001 to 0.01, is not."""
    if field.type == "integer":
        return True
    return field.has_default and 0.01 * _SPAN_AT_MOST >= high - low >= 0.1  # noqa: PLR2004


def _read(field: Field, text: str) -> Any:
    """Read typed text; what cannot be read stays text, and the catalogue's check names it."""
    if not text.strip():
        return None
    if field.type == "array":
        lines = [part.strip() for part in text.splitlines() if part.strip()]
        if field.item_type in {"integer", "number"}:
            return [_number_of(part, whole=field.item_type == "integer") for part in lines]
        return lines
    if field.type in {"integer", "number"}:
        return _number_of(text.strip(), whole=field.type == "integer")
    return text


def _number_of(text: str, *, whole: bool) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    if number.is_integer() and (whole or "." not in text):
        return int(number)
    return number


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "\n".join(str(item) for item in value)
    return str(value)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


class SecretInput:
    """A control for a secret: it keeps what was typed to itself, and shows that there is one."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self._value: str | None = None
        self._told: list[Callable[[], object]] = []
        self._control = SecretBox(self._take, placeholder=self._hint(), **options_of(field))
        self.box = line(self._control.widget, field)

    def value(self) -> str | None:
        """Give the secret; None if there is none."""
        return self._value

    def state(self) -> None:
        """Keep nothing: a secret is not remembered."""

    def restore(self, state: Any) -> None:
        """Take a secret from code."""
        self._value = None if state is None else str(state)
        self._control.widget.placeholder = self._hint()

    def on_change(self, told: Callable[[], object]) -> None:
        """Have a function told of each change."""
        self._told.append(told)

    def _take(self, text: str) -> None:
        self._value = text
        self._control.widget.placeholder = self._hint()
        for told in self._told:
            told()

    def _hint(self) -> str:
        return "kept, not shown" if self._value else "none"
