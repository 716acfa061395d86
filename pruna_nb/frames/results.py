"""Outcomes as columns of a new frame, plain enough for CSV, Parquet and SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.frames.call import Call

from pruna_nb.frames.call import ATTRS

TEXT_COLUMNS = ("output", "status", "error", "prediction_id")
RESULT_COLUMNS = ("output", "status", "error", "seconds", "cost_usd", "cached", "prediction_id")
GOOD = frozenset({"succeeded", "skipped"})


def with_results(frame: pd.DataFrame, outcomes: Sequence[Outcome], call: Call) -> pd.DataFrame:
    """Give a new frame with the results' columns beside the frame's own.

    The frame itself is not changed. Columns of the same names, of an earlier step, are
    replaced; a prefix keeps them.
    """
    results: dict[str, Any] = {
        call.prefix + name: _column(name, outcomes) for name in RESULT_COLUMNS
    }
    kept = frame.drop(columns=[name for name in results if name in frame.columns])
    made = pd.DataFrame(results, index=frame.index)
    out = pd.concat([kept, made], axis=1) if len(kept.columns) else made
    out.attrs = dict(frame.attrs)
    spec = call.as_attrs()
    if spec is None:
        out.attrs.pop(ATTRS, None)
    else:
        out.attrs[ATTRS] = spec
    return out


def _column(name: str, outcomes: Sequence[Outcome]) -> Any:
    values = [getattr(outcome, name) for outcome in outcomes]
    if name in TEXT_COLUMNS:
        return pd.array(values, dtype=TEXT)
    if name == "cached":
        return pd.array(values, dtype="bool")
    return pd.array(values, dtype="float64")


TEXT: Any = pd.Series(["text"]).dtype
"""What this pandas holds text in: ``str`` from pandas 3 on, ``object`` before."""
