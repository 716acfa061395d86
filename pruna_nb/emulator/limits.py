"""The kinds of limit that a service may keep, with the clock handed in.

The real service does not say which kind it keeps, so a client is tried against each:

- ``fixed``: a window opens with the first request, and the next one when it has passed;
- ``sliding``: no stretch of that length may hold more than the limit;
- ``counter``: two neighbouring fixed windows, the earlier one counted in part;
- ``bucket``: a bucket of tokens that is refilled steadily, as large as the limit, or, as
  ``("bucket", 10)``, of 10.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Protocol

WindowKind = str | tuple[str, int]
KINDS = ("fixed", "sliding", "counter", "bucket")


@dataclass(frozen=True, slots=True)
class LimitDecision:
    """Whether one more request is accepted.

    Attributes
    ----------
    accepted : bool
        Whether it is.
    limit, remaining : int
        Requests allowed in a window, and how many more now.
    reset : float
        Seconds until a request would be accepted again if this one was refused; otherwise
        until the whole limit is free again.
    """

    accepted: bool
    limit: int
    remaining: int
    reset: float


class Window(Protocol):
    """What every kind of limit can do."""

    def take(self, now: float) -> LimitDecision:
        """Count a request at a moment in seconds, or refuse it."""
        ...


def make_window(kind: WindowKind, limit: int, seconds: float) -> Window:
    """Make a limit of the kind asked for.

    Raises
    ------
    ValueError
        If there is no such kind, or limit or seconds are not positive.
    """
    name, capacity = kind if isinstance(kind, tuple) else (kind, limit)
    if limit < 1 or not seconds > 0 or capacity < 1:
        raise ValueError(f"a limit needs 1 request or more in a time above 0, not {limit, seconds}")
    if name == "fixed":
        return _Fixed(limit, seconds)
    if name == "sliding":
        return _Sliding(limit, seconds)
    if name == "counter":
        return _Counter(limit, seconds)
    if name == "bucket":
        return _Bucket(limit, seconds, capacity)
    raise ValueError(f"no window {kind!r}; there are {', '.join(KINDS)} and ('bucket', capacity)")


class _Fixed:
    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._opened = -math.inf
        self._used = 0

    def take(self, now: float) -> LimitDecision:
        if now >= self._opened + self._seconds:
            self._opened = now
            self._used = 0
        reset = self._opened + self._seconds - now
        if self._used >= self._limit:
            return LimitDecision(accepted=False, limit=self._limit, remaining=0, reset=reset)
        self._used += 1
        return LimitDecision(
            accepted=True, limit=self._limit, remaining=self._limit - self._used, reset=reset
        )


class _Sliding:
    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> LimitDecision:
        taken = self._taken
        while taken and taken[0] <= now - self._seconds:
            taken.popleft()
        if len(taken) >= self._limit:
            reset = taken[0] + self._seconds - now
            return LimitDecision(accepted=False, limit=self._limit, remaining=0, reset=reset)
        taken.append(now)
        remaining = self._limit - len(taken)
        return LimitDecision(
            accepted=True, limit=self._limit, remaining=remaining, reset=self._seconds
        )


class _Counter:
    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._opened: float | None = None
        self._before = 0
        self._used = 0

    def take(self, now: float) -> LimitDecision:
        self._turn(now)
        assert self._opened is not None  # noqa: S101 - set by the line above
        passed = (now - self._opened) / self._seconds
        estimate = self._before * (1 - passed) + self._used
        if estimate + 1 > self._limit:
            reset = self._until_accepted(passed)
            return LimitDecision(accepted=False, limit=self._limit, remaining=0, reset=reset)
        self._used += 1
        remaining = max(math.floor(self._limit - estimate - 1), 0)
        reset = (1 - passed) * self._seconds
        return LimitDecision(accepted=True, limit=self._limit, remaining=remaining, reset=reset)

    def _turn(self, now: float) -> None:
        """Open the window that this moment lies in."""
        if self._opened is None:
            self._opened = now
        windows = math.floor((now - self._opened) / self._seconds)
        if windows >= 1:
            self._before = self._used if windows == 1 else 0
            self._used = 0
            self._opened += windows * self._seconds

    def _until_accepted(self, passed: float) -> float:
        """Solve for the moment at which the estimate leaves room for one."""
        room = self._limit - 1 - self._used
        if room >= 0 and self._before > 0:
            return (1 - room / self._before - passed) * self._seconds
        # Not in this window: in the next one, this window's count fades out.
        into_next = 1 - (self._limit - 1) / self._used
        return (1 - passed + into_next) * self._seconds


class _Bucket:
    def __init__(self, limit: int, seconds: float, capacity: int) -> None:
        self._limit = limit
        self._rate = limit / seconds
        self._capacity = capacity
        self._tokens = float(capacity)
        self._at: float | None = None

    def take(self, now: float) -> LimitDecision:
        if self._at is not None:
            self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # The sum of many small refills can fall short of a whole token by a rounding error.
        if self._tokens < 1 - 1e-9:
            reset = (1 - self._tokens) / self._rate
            return LimitDecision(accepted=False, limit=self._limit, remaining=0, reset=reset)
        self._tokens -= 1
        reset = (self._capacity - self._tokens) / self._rate
        return LimitDecision(
            accepted=True, limit=self._limit, remaining=math.floor(self._tokens), reset=reset
        )
