"""Check an input against a model, and report all its problems at once.

A frame of 100,000 rows is checked row by row, so each model's rules are compiled to plain
functions once, and a valid input costs a few dictionary look-ups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from pruna_nb.catalog.unicode import unsendable
from pruna_nb.templates import EXACT
from pruna_nb.text import did_you_mean, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.catalog.model import Field, Model

Kind = Literal[
    "missing",
    "unknown",
    "null",
    "type",
    "choice",
    "range",
    "multiple",
    "count",
    "only_when",
    "outputs",
    "text",
]
_SHOWN: Final = 60
_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "True or False",
    "array": "a list",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of an input.

    Attributes
    ----------
    field : str
        The field's name.
    message : str
        What was given, what is allowed and what to do.
    kind : str
        "missing", "unknown", "null", "type", "choice", "range", "multiple", "count",
        "only_when", "outputs" or "text".
    """

    field: str
    message: str
    kind: Kind

    def __str__(self) -> str:
        """Return the field's name and what is wrong with it."""
        return f"{self.field}: {self.message}"


def check_input(
    model: Model,
    input: Mapping[str, Any],  # noqa: A002 - the API's word
) -> list[Problem]:
    """Return every problem of an input.

    In a field that takes files only the number of files is checked, not what they are.

    Parameters
    ----------
    model : Model
        As `find_model` returns it. Of one that is unchecked, fields, choices and ranges that the
        catalogue does not know pass; the types of the fields that it does know are still checked.
    input : mapping
        Plain Python values by the field's name.

    Returns
    -------
    list of Problem
        Empty if the input is valid, or the model's fields are not known.

    Examples
    --------
    >>> from pruna_nb.catalog import check_input, get_model
    >>> for problem in check_input(get_model("p-image"), {"promt": "a lion", "seed": "7"}):
    ...     print(problem)
    promt: p-image has no such field. Did you mean prompt?
    seed: '7' is text; give a whole number.
    prompt: missing; p-image needs it.
    """
    rules = _rules_of(model)
    problems: list[Problem] = []
    checkers = rules.types if model.unchecked else rules.all
    for name, value in input.items():
        checker = checkers.get(name)
        if checker is not None:
            problem = checker(value)
            if problem is not None:
                problems.append(problem)
        elif model.checked:
            hint = did_you_mean(near_names(name, model.fields))
            hint = hint or f" It has {', '.join(model.fields)}."
            text = f"{model.name} has no such field.{hint}"
            problems.append(Problem(str(name)[:_SHOWN], text, "unknown"))
        elif (why := unsendable(value)) is not None:
            problems.append(Problem(name, why, "text"))
    if not model.checked:
        return problems
    # One that is None was found above already.
    problems.extend(
        Problem(name, f"missing; {model.name} needs it.", "missing")
        for name in rules.required
        if name not in input
    )
    for rule in rules.conditions:
        problems.extend(rule(input))
    return problems


class _Rules:
    """A model's rules as functions: all of them, and those of types only."""

    def __init__(self, model: Model) -> None:
        fields = model.fields
        self.all = {name: _checker(model, fields[name], types_only=False) for name in fields}
        self.types = {name: _checker(model, fields[name], types_only=True) for name in fields}
        self.required = model.required
        self.conditions = _conditions(model)


# By the model's content, not its name: `register_model` may have replaced one meanwhile.
_rules_of = lru_cache(maxsize=512)(_Rules)


def _checker(model: Model, field: Field, *, types_only: bool) -> Callable[[Any], Problem | None]:
    """Return the function that checks one field's value."""
    tests: list[Callable[[Any], Problem | None]] = []
    if field.media:
        tests.append(_media_count(field, types_only=types_only))
    else:
        # First, and the first problem ends the check: the limits compare and divide.
        tests.append(_type(field))
        if field.name == "num_outputs":
            # The API does not document how several outputs of one prediction are delivered.
            tests.append(
                lambda value: (
                    None
                    if value <= 1
                    else Problem(
                        "num_outputs",
                        f"{value} given; only one output per prediction can be downloaded. "
                        "Leave it out, and use samples= for several pictures per prompt.",
                        "outputs",
                    )
                )
            )
        if not types_only:
            tests.extend(_limits(field))
    needed = f"{model.name} needs it" if field.required else "leave it out to take the default"

    def check(value: Any) -> Problem | None:
        if value is None:
            return Problem(field.name, f"None was given; {needed}.", "null")
        if field.required and isinstance(value, str) and not value.strip():
            return Problem(field.name, f"empty text was given; {needed}.", "null")
        if (why := unsendable(value)) is not None:
            # The reason quotes the value, which a secret forbids.
            text = "the value (a secret) is not text" if field.secret else why
            return Problem(field.name, text, "text")
        for test in tests:
            problem = test(value)
            if problem is not None:
                return problem
        return None

    return check


def _type(field: Field) -> Callable[[Any], Problem | None]:
    # bool is rejected where a number is expected: in Python it is a subclass of int.
    accepts = _ACCEPTS[field.type]
    accepts_item = _ACCEPTS[field.item_type or "string"]
    is_list = field.type == "array"

    def test(value: Any) -> Problem | None:
        if not accepts(value):
            return Problem(field.name, _wrong_type(field, value, field.type), "type")
        if is_list:
            for index, item in enumerate(value):
                if not accepts_item(item):
                    text = _wrong_type(field, item, field.item_type or "string")
                    return Problem(field.name, f"item {index + 1}: {text}", "type")
        return None

    return test


_ACCEPTS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and math.isfinite(value))  # JSON has no NaN and no infinity
    ),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, (list, tuple)),
}


def _limits(field: Field) -> list[Callable[[Any], Problem | None]]:
    """Return the checks of choice, range, step and count that a field has."""
    tests: list[Callable[[Any], Problem | None]] = []
    if field.choices:
        tests.append(_choice(field))
    if field.minimum is not None or field.maximum is not None:
        low = -math.inf if field.minimum is None else field.minimum
        high = math.inf if field.maximum is None else field.maximum

        def is_in_range(value: Any) -> Problem | None:
            if low <= value <= high:
                return None
            text = f"{_show(field, value)} is out of range; {_range(field)}."
            return Problem(field.name, text, "range")

        tests.append(is_in_range)
    if (step := field.multiple_of) is not None:

        def is_multiple(value: int) -> Problem | None:
            if value % step == 0:
                return None
            below = value - value % step
            text = f"{value} is not a multiple of {step}; use {below} or {below + step}."
            return Problem(field.name, text, "multiple")

        tests.append(is_multiple)
    if field.min_items is not None or field.max_items is not None:
        tests.append(lambda value: _count(field, len(value)))
    return tests


def _choice(field: Field) -> Callable[[Any], Problem | None]:
    # Ratios consist of similar characters, but 16:10 is not near 1:1.
    words = [word for word in field.choices if isinstance(word, str) and word[:1].isalpha()]

    def test(value: Any) -> Problem | None:
        if value in field.choices:
            return None
        hint = did_you_mean(map(repr, near_names(value, words)[:1]))
        allowed = ", ".join(map(repr, field.choices))
        text = f"{_show(field, value)} is not allowed.{hint} Allowed are {allowed}."
        return Problem(field.name, text, "choice")

    return test


def _media_count(field: Field, *, types_only: bool) -> Callable[[Any], Problem | None]:
    """Return the check of how many files a field gets; a single file counts as a list of one."""
    is_list = field.type == "array"

    def test(value: Any) -> Problem | None:
        if not isinstance(value, (list, tuple)):
            return None
        if not is_list:
            text = f"a list of {len(value)} was given; give one {_media(field)}, not a list."
            return Problem(field.name, text, "count")
        for index, item in enumerate(value):
            # What kind of file it is, is seen when it is read; that None is none at all, here.
            if item is None:
                return Problem(field.name, f"item {index + 1} is None; leave it out.", "null")
        return None if types_only else _count(field, len(value))

    return test


def _count(field: Field, number: int) -> Problem | None:
    low = field.min_items or 0
    high = math.inf if field.max_items is None else field.max_items
    if low <= number <= high:
        return None
    what = "items" if not field.media else f"{_media(field)}s"
    if field.max_items is None:
        allowed = f"{low} or more"
    else:
        allowed = f"{low} to {field.max_items}" if low else f"at most {field.max_items}"
    return Problem(field.name, f"{number} {what} given; give {allowed}.", "count")


def _conditions(model: Model) -> tuple[Callable[[Mapping[str, Any]], list[Problem]], ...]:
    """Return the checks of fields that need a value of another, one for each such value."""
    groups: dict[tuple[str, Any], list[str]] = {}
    for field in model.fields.values():
        for other, value in (field.only_when or {}).items():
            groups.setdefault((other, value), []).append(field.name)

    def rule(other: str, wanted: object, names: list[str]) -> Callable[..., list[Problem]]:
        default = model.fields[other].default if other in model.fields else None

        def test(values: Mapping[str, Any]) -> list[Problem]:
            value = values.get(other)
            if not isinstance(value, (str, int, float, type(None))):
                return []  # its type is wrong, which its own check reports
            # What is left out has its default, which may be the very value that is wanted.
            if (default if value is None else value) == wanted:
                text = f"missing; {other}={wanted!r} needs it."
                lacking = (name for name in names if values.get(name) is None)
                return [Problem(name, text, "missing") for name in lacking]
            present = [name for name in names if values.get(name) is not None]
            if not present:
                return []
            actual = f"{shown(default)} by default" if value is None else shown(value)
            text = f"allowed only with {other}={wanted!r}, and {other} is {actual}."
            return [Problem(name, text, "only_when") for name in present]

        return test

    return tuple(rule(other, value, names) for (other, value), names in groups.items())


def _wrong_type(field: Field, value: object, wanted: str) -> str:
    if wanted == "integer":
        return f"{_show(field, value)} is {not_whole(field.name, value)}"
    return f"{_show(field, value)} is {_kind_of(value)}; give {_WORDS[wanted]}."


def not_whole(name: str, value: object) -> str | None:
    """Return why a value is not a whole number, and what to do; None if it is one."""
    if _ACCEPTS["integer"](value):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) >= EXACT:
        return (
            "a float; from 2**53 on, floats lose the last digits of whole numbers. Read the "
            f'column as integers, such as with dtype={{"{name}": "Int64"}}.'
        )
    return f"{_kind_of(value)}; give a whole number."


def _kind_of(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    if isinstance(value, float):
        return "a fraction" if value % 1 else "a float"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"of type {type(value).__name__}"


def _range(field: Field) -> str:
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is None:
        return f"give at most {field.maximum:g}{unit}"
    if field.maximum is None:
        return f"give at least {field.minimum:g}{unit}"
    return f"give {field.minimum:g} to {field.maximum:g}{unit}"


def _media(field: Field) -> str:
    return " or ".join("zip archive" if kind == "zip" else kind for kind in field.media)


def _show(field: Field, value: object) -> str:
    if field.secret:
        return "the value (a secret)"
    return shown(value, _SHOWN)
