"""Moments and lengths of time, as the service's answers and headers tell them."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH = 1e9
"""A RateLimit-Reset above this many seconds is a moment, not a length."""
_EPOCH_MS = 1e12
"""And one above this is a moment in milliseconds."""


def moment_of(value: object) -> float | None:
    """Read a moment given in ISO 8601, or as seconds since 1970."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            seconds = float(value)
        else:
            moment = datetime.fromisoformat(value if isinstance(value, str) else "")
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None


def date_of(text: str | None) -> float | None:
    """Read a moment given as HTTP gives it."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Read how long a refusal asks to wait.

    Parameters
    ----------
    headers : mapping
        ``RateLimit-Reset`` in seconds, ``Retry-After`` in seconds or as a date; the longer
        of the two counts, since an early request would be refused again.
    now : float
        Seconds since 1970, for an answer without a Date: the service's own clock counts.

    Returns
    -------
    float or None
        Seconds from now, 0 for a moment that is past; None if the headers don't say.
    """
    told = date_of(headers.get("Date"))
    now = now if told is None else told
    waits = [_wait(headers.get(name), now) for name in ("RateLimit-Reset", "Retry-After")]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(text: str | None, now: float) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = date_of(text)
        return None if moment is None else max(0.0, moment - now)
    if not math.isfinite(seconds):
        return None
    if _EPOCH_MS < seconds < 10 * _EPOCH_MS:
        seconds /= 1000
    return max(0.0, seconds - now if seconds > _EPOCH else seconds)


class ServiceClock:
    """The service's own time, as the Date of its answers tells it; ours may be off by days."""

    def __init__(self) -> None:
        self._header: str | None = None
        self._seen: tuple[float, float] | None = None

    def read(self, headers: Mapping[str, str]) -> None:
        """Take the time from an answer's headers, if they tell it."""
        header = headers.get("Date")
        if header == self._header:  # it changes once a second
            return
        date = date_of(header)
        if date is not None:
            self._header, self._seen = header, (date, time.monotonic())

    def now(self) -> float | None:
        """Return the service's time in seconds since 1970; None if it never told it."""
        if self._seen is None:
            return None
        date, read_at = self._seen
        return date + time.monotonic() - read_at


_LONGEST_TOLD = 10 * 366 * 86400.0
_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def wait_text(seconds: float) -> str:
    """Return a length of time in words.

    Examples
    --------
    >>> wait_text(90), wait_text(7200), wait_text(3 * 86400 + 7)
    ('1.5 minutes', '2 hours', '3 days')
    """
    if seconds >= _LONGEST_TOLD:
        return "more than 10 years"
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    count = f"{seconds / size:,.1f}".removesuffix(".0")
    return f"{count} {unit}{'' if count == '1' else 's'}"
