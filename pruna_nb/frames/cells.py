"""Cells made plain: numpy's and pandas' scalars to Python's own, None for what is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from pruna_nb.catalog import Field

_PLAIN = frozenset({str, int, bool, list, dict, tuple, bytes})


def plain_cells(column: pd.Series[Any]) -> list[Any]:
    """Give a column as plain Python values, None for None, NaN, NaT and pd.NA."""
    return [value if type(value) in _PLAIN else plain(value) for value in column.tolist()]


def plain(value: Any) -> Any:
    """Give one cell as a plain Python value; None for None, NaN, NaT and pd.NA.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(3)), plain(float("nan")), plain(np.str_("a"))
    (3, None, 'a')
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    item = getattr(value, "item", None)
    if item is not None and getattr(value, "ndim", None) == 0:
        return plain(item())
    if isinstance(value, str):
        return str(value)
    return value


def fit(field: Field, value: Any) -> Any:
    """Make a value fit a field where that changes nothing of its meaning.

    A column ``[1, None]`` holds 1.0: in a field of numbers it is 1, so that equal requests are
    equal. Arrays become lists.
    """
    if field.type in {"integer", "number"} and isinstance(value, float) and value.is_integer():
        return int(value)
    if field.type == "array" and not field.media:
        return _as_list(value)
    return value


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
