"""Cells made plain: numpy's and pandas' scalars to Python's own, None for what is missing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.templates import is_missing, plain_number
from pruna_nb.text import is_scalar

if TYPE_CHECKING:
    from pruna_nb.catalog import Field

_PLAIN = frozenset({str, int, bool, list, dict, tuple, bytes})


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


_SHORT_FLOATS = frozenset({"float16", "float32", "halffloat[pyarrow]", "float[pyarrow]"})


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
        return _as_list(value)
    return value


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
