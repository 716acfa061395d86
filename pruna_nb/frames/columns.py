"""A frame's columns, found by name, with an error that helps where there is none."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import ColumnError
from pruna_nb.frames.cells import plain_cells

if TYPE_CHECKING:
    import pandas as pd


def column(frame: pd.DataFrame, name: object, what_for: str) -> list[Any]:
    """Give a column's plain cells.

    Raises
    ------
    ColumnError
        If there is no such column, or more than one.
    """
    found = [place for place, label in enumerate(frame.columns) if _same(label, name)]
    if len(found) == 1:
        return plain_cells(frame.iloc[:, found[0]])
    labels = [str(label) for label in frame.columns]
    if found:
        msg = f"{len(found)} columns are called {name!r}; {what_for} needs one."
        raise ColumnError(msg)
    near = difflib.get_close_matches(str(name), labels, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    shown = ", ".join(map(repr, labels[:20])) or "none"
    msg = f"No column {name!r} for {what_for}.{meant} The columns are: {shown}."
    raise ColumnError(msg)


def _same(label: object, name: object) -> bool:
    return isinstance(label, type(name)) and label == name
