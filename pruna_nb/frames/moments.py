"""Moments as arguments: "7d" ago, a date, "today"; days are UTC's, as the journal's times are."""

from __future__ import annotations

import contextlib
import math
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.store.bills import DAY_SECONDS, day_start
from pruna_nb.text import described, seconds_in

if TYPE_CHECKING:
    from pruna_nb.arguments import Problems

_LENGTH_OF_A_DATE = len("2026-11-30")


def read_span(problems: Problems, since: object, until: object) -> tuple[float, float]:
    """Return a time as two moments in seconds since 1970; mistakes are noted."""
    begin = problems.read(_moment, "since", since, instead=None)
    end = problems.read(_moment, "until", until, ends=True, instead=None)
    if begin is not None and end is not None and begin >= end:
        problems.add(InputError("since= is not before until=; nothing was made in between."))
    return begin or 0.0, math.inf if end is None else end


def _moment(name: str, value: object, *, ends: bool = False) -> float | None:
    """Return a moment; None stays None. A date alone is its first moment, or its last if `ends`."""
    if value is None:
        return None
    is_text = isinstance(value, str)
    text = value.strip() if isinstance(value, str) else ""
    age = seconds_in(text)
    if isinstance(value, timedelta):
        with contextlib.suppress(ValueError):  # pandas' NaT
            age = value.total_seconds()
    if age is not None:
        return time.time() - age
    today = day_start(time.time())
    if text in {"today", "yesterday"}:
        start = today if text == "today" else today - DAY_SECONDS
        return start + DAY_SECONDS if ends else start
    given: Any = value
    if is_text or isinstance(value, date) or type(value).__name__ == "datetime64":
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            stamp: Any = pd.Timestamp(given)
            if not pd.isna(stamp):
                moment = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
                is_date = len(text) == _LENGTH_OF_A_DATE or type(value).__name__ == "date"
                return float(moment.timestamp()) + (DAY_SECONDS if ends and is_date else 0.0)
    raise InputError(
        f'{name} must be a duration back from now ("7d", "12h"), a date or time ("2026-11-30", a '
        f'datetime; UTC where it names no zone), "today" or "yesterday"; {described(value)} was '
        "given."
    )
