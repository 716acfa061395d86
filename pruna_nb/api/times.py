"""Dates and durations in the service's responses and headers."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Gateways differ: a RateLimit-Reset above 1e9 is a time since 1970 instead of a duration, and one
# above 1e12 is in milliseconds.
_EPOCH = 1e9
_EPOCH_MS = 1e12


def moment_of(value: object) -> float | None:
    """Return a time given in ISO 8601 or in seconds since 1970, as the latter."""
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
    """Return the time of an HTTP date in seconds since 1970."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long a refusal asks to wait.

    Parameters
    ----------
    headers : mapping
        ``RateLimit-Reset`` in seconds, ``Retry-After`` in seconds or as a date; the longer
        of the two counts, since an early request would be refused again.
    now : float
        Seconds since 1970, for a response without a Date: the service's clock counts.

    Returns
    -------
    float or None
        Seconds from now, 0 for a time in the past; None if the headers do not say.
    """
    date = date_of(headers.get("Date"))
    now = now if date is None else date
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
    """The service's clock, by the Date of its responses; this machine's may be off by days."""

    def __init__(self) -> None:
        self._header: str | None = None
        self._seen: tuple[float, float] | None = None

    def read(self, headers: Mapping[str, str]) -> None:
        """Read the time from the headers of a response, if they have it."""
        header = headers.get("Date")
        if header == self._header:  # it changes once a second
            return
        date = date_of(header)
        if date is not None:
            self._header, self._seen = header, (date, time.monotonic())

    def now(self) -> float | None:
        """Return the service's time in seconds since 1970; None if it is not known."""
        if self._seen is None:
            return None
        date, read_at = self._seen
        return date + time.monotonic() - read_at


_LONGEST = 10 * 366 * 86400.0
_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def wait_text(seconds: float) -> str:
    """Return a duration in words.

    Examples
    --------
    >>> wait_text(90), wait_text(7200), wait_text(3 * 86400 + 7)
    ('1.5 minutes', '2 hours', '3 days')
    """
    if seconds >= _LONGEST:
        return "more than 10 years"
    size, unit = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    count = f"{seconds / size:,.1f}".removesuffix(".0")
    return f"{count} {unit}{'' if count == '1' else 's'}"
