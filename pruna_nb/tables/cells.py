"""Cells as plain Python values, and columns that hold them as they stood in a file.

pandas guesses a type from a column of text: 007 becomes 7, 1.10 becomes 1.1, TRUE becomes True,
and a whole number beside an empty cell becomes 1920.0. Each of these is another request. So a
column is one of numbers only where each cell's text is what Python writes for its number.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections import Counter
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.templates import NUMBER, is_missing, plain_number
from pruna_nb.text import is_scalar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.catalog import Field

_PLAIN = frozenset({str, int, bool, list, dict, tuple, bytes})
# By name, in pandas' and pyarrow's words: a column's type may come from either.
_SHORT_FLOATS = frozenset({"float16", "float32", "halffloat[pyarrow]", "float[pyarrow]"})
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_LARGEST = 2**63 - 1
_EXACT_IN_FLOATS = 2**53
_LONGEST_WHOLE = len(str(_LARGEST))
_FLAGS = {"True": True, "False": False}


def plain_cells(column: pd.Series[Any], *, as_shown: bool = False) -> list[Any]:
    """Return a column as plain Python values, None for None, NaN, NaT and pd.NA.

    Parameters
    ----------
    column : Series
    as_shown : bool
        Whether floats of fewer bits than Python's have the digits that the table shows: 0.1 of
        a float32, which is sent as the 0.10000000149011612 that it is.
    """
    cells = column.tolist()
    if as_shown and str(column.dtype).lower() in _SHORT_FLOATS:
        cells = [None if is_missing(cell) else float(str(np.float32(cell))) for cell in cells]
    return [value if type(value) in _PLAIN else plain(value) for value in cells]


def plain(value: Any) -> Any:
    """Return one cell as a plain Python value; None for None, NaN, NaT and pd.NA.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(3)), plain(float("nan")), plain(np.str_("a"))
    (3, None, 'a')
    """
    if is_missing(value):
        return None
    for kind, made in _PLAINER:
        if isinstance(value, kind):
            try:
                return made(value)
            except ValueError:  # years and months, which have no one length
                return value
    return plain(value.item()) if is_scalar(value) else value


# The str() of a member of an enum is its name, and the item() of numpy's times a number.
_PLAINER: Any = (
    (float, float),
    (str, str.__str__),
    (np.datetime64, pd.Timestamp),
    (np.timedelta64, pd.Timedelta),
)


def unshared(value: Any) -> Any:
    """Return a value whose lists and dicts are its own; what they hold stays the same.

    Examples
    --------
    >>> sizes = [1, 2]
    >>> kept = unshared({"sizes": sizes})
    >>> sizes.append(3)
    >>> kept
    {'sizes': [1, 2]}
    """
    if type(value) is list:
        return [unshared(item) for item in value]
    if type(value) is dict:
        return {name: unshared(item) for name, item in value.items()}
    return value


def fit_cell(field: Field, value: Any) -> Any:
    """Make a value fit a field where that changes nothing of its meaning.

    A column ``[1, None]`` holds 1.0: in a field of numbers it is 1, so that equal requests are
    equal. Arrays become lists, decimals numbers.
    """
    if field.type in {"integer", "number"}:
        if isinstance(value, Decimal) and value.is_finite():
            value = int(value) if value == value.to_integral_value() else float(value)
        # A whole float that may have lost digits is left to the check, which refuses it.
        if field.type == "integer":
            return plain_number(value)
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if field.type == "array" and not field.media:
        if hasattr(value, "tolist"):
            value = value.tolist()
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
    return value


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
    # pandas' own guess makes whole numbers beside a gap floats.
    if kinds == {int} and all(value is None or abs(value) <= _LARGEST for value in values):
        dtype = "Int64" if gaps else "int64"
    elif kinds == {float}:
        dtype = "float64"
    elif kinds == {bool} and not gaps:
        dtype = "bool"
    column: pd.Series[Any] = pd.Series(values, dtype=dtype)
    return column


def column_of_records(values: Sequence[Any]) -> pd.Series[Any]:
    """Return a column of what was recorded: pandas' guess, unless a whole number loses digits.

    Beside a gap, pandas makes a seed of 2**53 + 1 another one.

    Examples
    --------
    >>> column_of_records([9007199254740993, None]).tolist()
    [9007199254740993, <NA>]
    >>> column_of_records([1, 2.5, None]).tolist()
    [1.0, 2.5, nan]
    """
    wholes = [value for value in values if type(value) is int]
    is_exact = all(abs(value) <= _EXACT_IN_FLOATS for value in wholes)
    others = {type(value) for value in values} - {int, type(None)}
    if wholes and not (others and is_exact):
        return column_of_values(values)
    column: pd.Series[Any]
    try:
        column = pd.Series(values, dtype=None if len(values) else "object")
    except UnicodeEncodeError:  # half a character, which records of earlier versions may hold
        column = pd.Series(values, dtype="object")
    return column


def frame_of_records(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a frame of a dict for each row; None where one lacks a name.

    Examples
    --------
    >>> frame_of_records([{"seed": 9007199254740993}, {"prompt": "a fox"}])["seed"].tolist()
    [9007199254740993, <NA>]
    """
    names = list(dict.fromkeys(chain.from_iterable(rows))) if columns is None else list(columns)
    made = {name: column_of_records([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(made, columns=names, index=range(len(rows)))


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
        with contextlib.suppress(ValueError):
            value = json.loads(text) if text.startswith("[") else value
    if field.type == "array" or not NUMBER.fullmatch(text):
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
        # Python refuses to read thousands of digits, so that length is asked first.
        is_long = len(cell) > _LONGEST_WHOLE
        return None if is_long or abs(int(cell)) > _LARGEST else int(cell)
    if not NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) and repr(value) == cell else None
