"""Columns whose values come back as the cells stood: a number only where its text is the cell.

pandas guesses a type from a column of text: 007 becomes 7, 1.10 becomes 1.1, TRUE becomes True,
and a whole number beside an empty cell becomes 1920.0. Each of these is another request.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.tables.cells import plain
from pruna_nb.templates import NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.catalog import Field

_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_LARGEST = 2**63 - 1
_FLAGS = {"True": True, "False": False}


def column_of_text(cells: Sequence[str | None]) -> pd.Series[Any]:
    """Return a column of numbers or flags if every cell is written as Python writes them.

    Examples
    --------
    >>> column_of_text(["7", None, "12"]).tolist()
    [7, <NA>, 12]
    >>> column_of_text(["007", "12"]).tolist()
    ['007', '12']
    """
    return column_of_values(_exact(cells, _number) or _exact(cells, _FLAGS.get) or cells)


def column_of_values(values: Sequence[Any]) -> pd.Series[Any]:
    """Return a column that keeps each value's own type, also beside a missing one."""
    kinds = {type(value) for value in values if value is not None}
    gaps = None in values
    dtype: Any = "object"
    if kinds == {int} and all(value is None or abs(value) <= _LARGEST for value in values):
        dtype = "Int64" if gaps else "int64"
    elif kinds == {float}:
        dtype = "float64"
    elif kinds == {bool} and not gaps:
        dtype = "bool"
    column: pd.Series[Any] = pd.Series(values, dtype=dtype)
    return column


def cell_text(value: Any) -> str | None:
    """Return a cell as a text file holds it; None for a missing one.

    Examples
    --------
    >>> cell_text(1920.0), cell_text(7), cell_text([1, "a"]), cell_text(float("nan"))
    ('1920.0', '7', '[1, "a"]', None)
    """
    value = plain(value)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def column_names(head: Sequence[str], name: str) -> list[str]:
    """Return the columns' names; one without a name is called by its place, as pandas does.

    Parameters
    ----------
    head : sequence of str
        The first line's cells.
    name : str
        The file's name, for the message.

    Raises
    ------
    InputError
        If two have one name.
    """
    names = [label or f"Unnamed: {place}" for place, label in enumerate(head)]
    repeated = [label for label, times in Counter(names).items() if times > 1]
    if repeated:
        msg = (
            f"{name} has more than one column called {', '.join(map(repr, repeated))}: rename "
            "them in its first line, so that it is clear which one is meant."
        )
        raise InputError(msg)
    return names


def fit_text(field: Field, value: Any) -> Any:
    """Return what a text cell says in a field of another type; the text itself if nothing.

    A field of numbers takes 1.50 and 007 as the numbers that they are, a switch takes TRUE, and
    a field of text takes a prompt of digits as text.
    """
    value = plain(value)
    if field.type == "string":
        return str(value) if type(value) in (int, float) else value
    if not isinstance(value, str):
        return value
    text = value.strip()
    if field.type == "boolean":
        return _FLAGS.get(text.capitalize(), value)
    if field.type == "array":
        return _list(text, value)
    if not NUMBER.fullmatch(text):
        return value
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _exact(cells: Sequence[str | None], read: Any) -> list[Any] | None:
    """Return the cells as values; None if one of them cannot be read, or none is there."""
    values = [None if cell is None else read(cell) for cell in cells]
    unread = any(
        value is None and cell is not None for value, cell in zip(values, cells, strict=True)
    )
    return None if unread or all(value is None for value in values) else values


def _number(cell: str) -> int | float | None:
    if _WHOLE.fullmatch(cell):
        number = int(cell) if len(cell) < 20 else _LARGEST + 1  # noqa: PLR2004 - digits of 2**63
        return number if abs(number) <= _LARGEST else None
    if not NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) and repr(value) == cell else None


def _list(text: str, value: str) -> Any:
    try:
        items = json.loads(text) if text.startswith("[") else value
    except ValueError:
        return value
    return items
