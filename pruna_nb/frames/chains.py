"""Chains: what an earlier step left for the next, and why where it left nothing.

That a step failed is read from its status, never guessed from an empty output: a picture that the
user took out of the table stays out, in all steps after it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pruna_nb.frames.columns import column, optional_column, places_of
from pruna_nb.frames.ownership import is_step
from pruna_nb.frames.results import FAILED, STATUSES, beside, steps_of

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.frames.call import Call

STEP_FAILED = "an earlier step failed"
"""What the error of a row says that was not asked for since an earlier step failed. It stands
in the text since that alone survives CSV, Parquet and SQL."""
_SKIPPED = "an earlier step skipped it"
_NOTHING = "an earlier step left no output"
REMOVED = "its output was taken out of the table"
"""What is said of a row that succeeded, and whose output the user removed."""
_INNER = re.compile(rf"(?:{STEP_FAILED}|{_SKIPPED})(?: \((.*)\))?$", re.DOTALL)
_KEPT = re.compile(r"step\d+_(.*output)")
_SHOWN = 200


def failed_before(error: object) -> bool:
    """Tell whether a row's error says that an earlier step failed."""
    return isinstance(error, str) and STEP_FAILED in error


def is_failure(status: object, error: object) -> bool:
    """Whether a row was asked for and has no output, as its status says.

    A row that was skipped since an earlier step failed is one too.
    """
    known = status if isinstance(status, str) else None
    return known in FAILED or (known == "skipped" and failed_before(error))


def is_output(frame: pd.DataFrame, label: object) -> bool:
    """Tell whether a column holds the outputs of an earlier step."""
    if not isinstance(label, str):
        return False
    return label in steps_of(frame) or (
        label.endswith("output") and bool(places_of(frame, told_by(frame, label)[0]))
    )


def missing_outputs(frame: pd.DataFrame, call: Call) -> list[str | None]:
    """Return why rows have no output of an earlier step that the call reads; None where they have.

    A row whose status the user changed to a word of their own, such as "rejected", has none.
    """
    found: list[str | None] = [None] * len(frame)
    for name, given in call.columns.items():
        for label in given if isinstance(given, list) else [given]:
            if not is_output(frame, label):
                continue
            cells = column(frame, label, f"{name}_col")
            statuses, errors = (optional_column(frame, each) for each in told_by(frame, label))
            rejected = _rejected(frame, label, statuses)
            rows = zip(cells, statuses, errors, rejected, strict=True)
            for place, (cell, status, error, is_rejected) in enumerate(rows):
                if found[place] is not None:
                    continue
                if cell is None:
                    found[place] = f"{name} is empty: {_why(status, error)}"
                elif is_rejected:
                    found[place] = f"{name} is not taken: the status of {label!r} is {status!r}"
    return found


def _rejected(frame: pd.DataFrame, label: str, statuses: list[Any]) -> list[bool]:
    """Return which rows of a step have a status that no step leaves."""
    words = [status is not None and str(status) not in STATUSES for status in statuses]
    if any(words) and is_step(frame, label):
        return words
    return [False] * len(frame)


def told_by(frame: pd.DataFrame, label: str) -> tuple[str, str]:
    """Name the columns of the status and the error that tell of a column of outputs."""
    kept = _KEPT.fullmatch(label)
    if kept and not places_of(frame, beside(label, "status")):
        # A frame of an earlier release: of a step that was replaced it has no status, but the
        # last step's tells what it found.
        label = kept[1]
    return beside(label, "status"), beside(label, "error")


def _why(status: object, error: object) -> str:
    if str(status) not in STATUSES - {"succeeded"}:
        return _NOTHING if status is None else REMOVED
    text = "" if error is None else " ".join(str(error).split())
    word = STEP_FAILED if is_failure(status, error) else _SKIPPED
    inner = _INNER.search(text)
    if inner:
        text = inner[1] or ""
    return f"{word} ({text[:_SHOWN]})" if text else word
