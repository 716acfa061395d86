"""A frame as it was at the call, whatever is done to the user's meanwhile."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pruna_nb.tables.cells import unshared


def snapshot(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that later changes to the frame do not reach.

    Lists and dicts in cells are copied too. Pictures and arrays are not: there may be gigabytes
    of them, and what is sent of them is read before a run starts.
    """
    now = frame.copy()
    for place, dtype in enumerate(now.dtypes):
        if not pd.api.types.is_object_dtype(dtype):
            continue
        cells = now.iloc[:, place].tolist()
        if any(type(cell) in {list, dict} for cell in cells):
            own = np.empty(len(cells), dtype=object)
            for row, cell in enumerate(cells):  # at once, numpy would make a table of equal lists
                own[row] = unshared(cell)
            now.isetitem(place, own)
    return now
