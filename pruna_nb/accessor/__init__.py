"""``df.pruna`` and ``series.pruna``: every verb with its options, its documentation and one call.

Every option is written out in every verb, so that tab completion, ``help()`` and type checkers show
all of them; what the verbs do is in ``pruna_nb.frames``, ``form`` and ``show``. They import it when
they are called: it loads sqlite3, tqdm and PIL, a third of a second that ``import pruna_nb`` does
not cost. Nor does that import pandas, which costs more: the accessors wait until somebody does.
They are registered while a module of `frames` may be half imported, so no module here imports one
of those but in a function (tests/test_imports.py).

Read in this order: `base` (what all verbs share), `generating`, `from_pictures`, `to_videos`,
`planning`, `showing`, `rating`, `saving`, `frame` (all of them), `series`.
"""

from __future__ import annotations

from pruna_nb.accessor.frame import PrunaFrame
from pruna_nb.accessor.series import PrunaSeries

__all__ = ["PrunaFrame", "PrunaSeries", "register"]


def register() -> None:
    """Register ``df.pruna`` and ``series.pruna`` with pandas, which is imported already."""
    import pandas as pd

    if getattr(pd.DataFrame, "pruna", None) is not PrunaFrame:
        pd.api.extensions.register_dataframe_accessor("pruna")(PrunaFrame)
    if getattr(pd.Series, "pruna", None) is not PrunaSeries:
        pd.api.extensions.register_series_accessor("pruna")(PrunaSeries)
