"""What code gives a form: fields as its controls and its sweep take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.options import unknown_name
from pruna_nb.catalog import check_input
from pruna_nb.errors import InputError
from pruna_nb.form.sweep import parse_seeds, prompts_text, seeds_text
from pruna_nb.frames.call import is_several, wrong_call
from pruna_nb.tables.cells import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model

_OPTIONS = ("model", "prompt", "max_cost_usd", "tag", "unchecked")
_IN_STEP = (
    "in a form each value meets each other one. generate() and %%pruna --zip take lists in step."
)
_AXES = ("prompt", "aspect_ratio", "seed")


def states_of(
    known: Model, given: Mapping[str, Any], problems: Problems, *, unchecked: bool
) -> dict[str, Any]:
    """Return what a form's controls begin with, in the form that the controls take.

    What is wrong with a field or a value is noted in `problems`.
    """
    states: dict[str, Any] = {"model": known.name}
    wrong: list[str] = []
    for name, value in given.items():
        if value is None:
            continue
        if name == "sweep" and name not in known.fields:
            # Its switches have no order in which values could be paired.
            wrong.append(f"explore() takes no sweep=: {_IN_STEP}")
            continue
        unknown = name not in known.fields and not unchecked
        if unknown and (message := unknown_name(known, name, _OPTIONS)) is not None:
            wrong.append(message)
            continue
        try:
            values = _values(known, name, value)
        except InputError as error:  # seeds as text
            problems.add(error)
            continue
        mistakes = []
        if name not in known.fields or not known.fields[name].media:  # a file's control checks it
            mistakes = [
                str(problem)
                for one in values
                for problem in check_input(known, {name: one})
                if problem.field == name and problem.kind not in {"missing", "only_when"}
            ]
        wrong += mistakes
        if name == "seed":
            states[name] = "" if mistakes else seeds_text(values)
        elif name == "prompt":
            states[name] = prompts_text(values)
        else:
            states[name] = tuple(values) if _is_axis(known, name, value) else value
    if wrong:
        problems.add(wrong_call(known, wrong))
    return states


def axes_of(
    known: Model, given: Mapping[str, Any], problems: Problems, *, unchecked: bool
) -> tuple[dict[str, Sequence[Any]], dict[str, Any]]:
    """Return the axes, which take several values, and the other fields; mistakes are noted."""
    states_of(known, given, problems, unchecked=unchecked)
    if problems:
        return {}, {}
    present = {name: value for name, value in given.items() if value is not None}
    axes = {
        name: _values(known, name, value)
        for name, value in present.items()
        if _is_axis(known, name, value)
    }
    return axes, {name: value for name, value in present.items() if name not in axes}


def _is_axis(known: Model, name: str, value: Any) -> bool:
    """Whether a value stands for several, each of which makes pictures of its own."""
    if name in _AXES:
        return True
    field = known.fields.get(name)
    takes_one = field is not None and field.type != "array" and not field.media and not field.secret
    return takes_one and is_several(value)


def _values(known: Model, name: str, value: Any) -> Sequence[Any]:
    """Return the values of a field, of which several are compared; others have one."""
    if name == "seed" and isinstance(value, str):
        return parse_seeds(value)
    if not _is_axis(known, name, value) or isinstance(value, str):
        return [value]
    value = plain(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    values = [plain(one) for one in value] if isinstance(value, Iterable) else [value]
    # an array of seeds may hold floats
    whole = name == "seed" or getattr(known.fields.get(name), "type", "") == "integer"
    return [
        int(one) if whole and isinstance(one, float) and one.is_integer() else one for one in values
    ]
