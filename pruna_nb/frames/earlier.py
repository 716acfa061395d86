"""Chains: what an earlier step left for the next, and why where it left nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pruna_nb.frames.columns import column
from pruna_nb.frames.results import steps_of

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.frames.call import Call

FAILED = "an earlier step failed"
"""What the error of a row says that was not asked for since an earlier step failed. It stands
in the text since that alone survives CSV, Parquet and SQL."""
_SKIPPED = "an earlier step skipped it"
_INNER = re.compile(rf"(?:{FAILED}|{_SKIPPED})(?: \((.*)\))?$", re.DOTALL)
_KEPT = re.compile(r"step\d+_(.*output)")
_SHOWN = 200


def failed_before(error: object) -> bool:
    """Tell whether a row's error says that an earlier step failed."""
    return isinstance(error, str) and FAILED in error


def is_output(frame: pd.DataFrame, label: object) -> bool:
    """Tell whether a column holds the outputs of an earlier step."""
    if not isinstance(label, str):
        return False
    return label in steps_of(frame) or (
        label.endswith("output") and _beside(frame, label) + "status" in frame.columns
    )


def missing_outputs(frame: pd.DataFrame, call: Call) -> list[str | None]:
    """Say of each row that lacks an earlier step's output which the call reads, why it does."""
    found: list[str | None] = [None] * len(frame)
    for name, given in call.columns.items():
        for label in given if isinstance(given, list) else [given]:
            if not is_output(frame, label):
                continue
            cells = column(frame, label, f"{name}_col")
            if None not in cells:
                continue
            whys = _whys(frame, label)
            for place, (cell, why) in enumerate(zip(cells, whys, strict=True)):
                if cell is None and found[place] is None:
                    found[place] = f"{name} is empty: {why}"
    return found


def _whys(frame: pd.DataFrame, label: str) -> list[str]:
    prefix = _beside(frame, label)
    statuses = _optional(frame, prefix + "status")
    errors = _optional(frame, prefix + "error")
    return [_why(status, error) for status, error in zip(statuses, errors, strict=True)]


def _beside(frame: pd.DataFrame, label: str) -> str:
    """Give the prefix of the status and the error that tell of a column of outputs."""
    prefix = label.removesuffix("output")
    kept = _KEPT.fullmatch(label)
    # Of a step that was replaced, the frame has no status: the last step's tells what it found.
    if kept and prefix + "status" not in frame.columns:
        return kept[1].removesuffix("output")
    return prefix


def _optional(frame: pd.DataFrame, name: str) -> list[Any]:
    return column(frame, name, name) if name in frame.columns else [None] * len(frame)


def _why(status: object, error: object) -> str:
    text = "" if error is None else " ".join(str(error).split())
    word = _SKIPPED if status == "skipped" and FAILED not in text else FAILED
    inner = _INNER.search(text)
    if inner:
        text = inner[1] or ""
    return f"{word} ({text[:_SHOWN]})" if text else word
