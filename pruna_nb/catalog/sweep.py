"""What a list means for a field that takes one value: a sweep, whose lists are crossed or zipped.

The one place where that is decided, for frames, comparisons, forms, magics and the command line.
"""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.catalog.registry import all_models
from pruna_nb.errors import InputError
from pruna_nb.templates import is_missing, plain_number
from pruna_nb.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pruna_nb.catalog.model import Field, Model

SweepHow = Literal["cross", "zip"]
SWEEP_HOWS: tuple[SweepHow, ...] = ("cross", "zip")
NUMBERS_AT_MOST = 100_000
_RANGE = re.compile(r"(-?\d{1,18})(?:\s*-\s*(\d{1,18}))?")
_BETWEEN = re.compile(r"[,;\n]|(?<=\d)\s+(?=-?\d)")


def is_axis(name: str, value: object, models: Sequence[Model] = ()) -> bool:
    """Whether a value is several values, one for each row of a sweep.

    A list is, in a field that takes one value; in one that takes a list, a list of lists.

    Parameters
    ----------
    name : str
        The field.
    value : object
        A list, if it is several.
    models : sequence of Model
        Those that get it; where none of them has the field, any model's tells what it takes.

    Examples
    --------
    >>> is_axis("seed", [1, 2]), is_axis("seed", 1)
    (True, False)
    >>> is_axis("images", ["a.png", "b.png"]), is_axis("images", [["a.png"], ["b.png"]])
    (False, True)
    """
    if not isinstance(value, (list, tuple)):
        return False
    fields = _fields(name, models)
    if any(field.secret for field in fields):
        return False
    if fields and all(field.type != "array" for field in fields):
        return True
    return bool(value) and all(isinstance(item, (list, tuple)) for item in value)


def whole_numbers(name: str, text: str, most: int = NUMBERS_AT_MOST) -> list[int]:
    """Return whole numbers from text as people write them: numbers and ranges.

    Raises
    ------
    InputError
        If a part is neither, a range is reversed, or one has more numbers than `most`.

    Examples
    --------
    >>> whole_numbers("seed", "1, 2, 5-8")
    [1, 2, 5, 6, 7, 8]
    """
    numbers: list[int] = []
    for part in filter(None, map(str.strip, _BETWEEN.split(text))):
        match = _RANGE.fullmatch(part)
        if match is None:
            msg = (
                f"{name}: {part[:40]!r} is not a whole number; give numbers and ranges: 1, 2, 5-8."
            )
            raise InputError(msg)
        first, last = int(match[1]), int(match[2] or match[1])
        told = f"{name}: the range {part!r}"
        if last < first:
            raise InputError(f"{told} is reversed; write {last}-{first}.")
        if last - first >= most:
            count = f"{last - first + 1:,}"
            msg = f"{told} has {count} numbers, which is too many; give at most {most:,}."
            raise InputError(msg)
        numbers.extend(range(first, last + 1))
    return numbers


def is_ranges(name: str, value: object, models: Sequence[Model] = ()) -> bool:
    """Whether a value is text that stands for several whole numbers, in a field of such.

    One number stays text, and is refused as such.

    Examples
    --------
    >>> is_ranges("seed", "1-4"), is_ranges("seed", "1, 7"), is_ranges("seed", "7")
    (True, True, False)
    """
    fields = _fields(name, models) if isinstance(value, str) else []
    # Asked first: other fields may hold a file of megabytes as text.
    if not isinstance(value, str) or not fields or any(each.type != "integer" for each in fields):
        return False
    found = [_RANGE.fullmatch(part.strip()) for part in _BETWEEN.split(value)]
    return all(found) and (len(found) > 1 or any(match and match[2] for match in found))


def with_ranges(name: str, value: Any, models: Sequence[Model] = ()) -> Any:
    """Return a field's value; of a field of whole numbers, text such as "1-4" as their list.

    Examples
    --------
    >>> with_ranges("seed", "1, 5-7"), with_ranges("prompt", "1-4")
    ([1, 5, 6, 7], '1-4')
    """
    return whole_numbers(name, value) if is_ranges(name, value, models) else value


def _fields(name: str, models: Sequence[Model]) -> list[Field]:
    """Return a field of the models; where none of them has it, as any model has it."""
    fields = [model.fields[name] for model in models if name in model.fields]
    return fields or [model.fields[name] for model in all_models() if name in model.fields]


def sweep_problems(axes: Mapping[str, Sequence[Any]], how: SweepHow = "cross") -> list[str]:
    """Return what is wrong with a sweep: empty lists, gaps, repeated values, unequal lengths.

    Examples
    --------
    >>> sweep_problems({"seed": [1, 2, 1], "aspect_ratio": []})
    ['seed= has 1 twice; give each value once.', 'aspect_ratio= is an empty list; give a value.']
    >>> sweep_problems({"seed": [1, 2, 3], "aspect_ratio": ["1:1", "16:9"]}, "zip")
    ['A zip takes lists of one length; seed= has 3 values, aspect_ratio= has 2 values.']
    """
    problems = []
    for name, values in axes.items():
        if not values:
            problems.append(f"{name}= is an empty list; give a value.")
        gaps = [place for place, value in enumerate(values, 1) if is_missing(value)]
        problems += [f"{name}=: value {place} is empty; leave it out." for place in gaps]
        if how == "cross":
            keys = [None if is_missing(value) else _key(value) for value in values]
            twice = [
                value
                for place, value in enumerate(values)
                if keys[place] is not None
                and keys.index(keys[place]) == place
                and keys.count(keys[place]) > 1
            ]
            problems += [
                f"{name}= has {shown(value)} twice; give each value once." for value in twice
            ]
    if how == "zip":
        sizes = {name: len(values) for name, values in axes.items()}
        if len(set(sizes.values())) > 1:
            told = ", ".join(
                f"{name}= has {counted(size, 'value')}" for name, size in sizes.items()
            )
            problems.append(f"A zip takes lists of one length; {told}.")
        else:
            keys = [_key(list(row)) for row in zip(*axes.values(), strict=True)]
            twice = [place for place, key in enumerate(keys) if key in keys[:place]]
            problems += [
                f"A zip has the values at place {place + 1} at place "
                f"{keys.index(keys[place]) + 1} already; give them once."
                for place in twice
            ]
    return problems


def combinations(
    axes: Mapping[str, Sequence[Any]], how: SweepHow = "cross"
) -> list[dict[str, Any]]:
    """Return the values of each row of a sweep: the last list runs fastest, or all in step.

    Examples
    --------
    >>> combinations({"aspect_ratio": ["1:1", "16:9"], "seed": [1, 2]})[1]
    {'aspect_ratio': '1:1', 'seed': 2}
    >>> combinations({"aspect_ratio": ["1:1", "16:9"], "seed": [1, 2]}, "zip")[1]
    {'aspect_ratio': '16:9', 'seed': 2}
    """
    rows: Iterable[tuple[Any, ...]]
    rows = itertools.product(*axes.values()) if how == "cross" else zip(*axes.values(), strict=True)
    return [dict(zip(axes, values, strict=True)) for values in rows]


def _key(value: Any) -> str:
    """Return what equal values have in common; of what is not JSON, each is itself."""
    items = [plain_number(item) for item in value] if isinstance(value, (list, tuple)) else None
    try:
        return json.dumps(plain_number(value) if items is None else items, default=id)
    except (TypeError, ValueError, RecursionError):
        return str(id(value))
