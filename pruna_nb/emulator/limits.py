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
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

WindowKind = str | tuple[str, int]
KINDS = ("fixed", "sliding", "counter", "bucket")


@dataclass(frozen=True, slots=True)
class LimitDecision:
    """Whether one more request is accepted, and what the limit has left."""

    accepted: bool
    limit: int
    remaining: int
    # Seconds until a request would be accepted again if this one was refused; otherwise until
    # the whole limit is free again: RateLimit-Reset means both.
    reset: float


class Window(ABC):
    """What every kind of limit can do."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds

    @abstractmethod
    def take(self, now: float) -> LimitDecision:
        """Count a request at a moment in seconds, or refuse it."""

    def _accept(self, remaining: int, reset: float) -> LimitDecision:
        return LimitDecision(accepted=True, limit=self._limit, remaining=remaining, reset=reset)

    def _refuse(self, reset: float) -> LimitDecision:
        return LimitDecision(accepted=False, limit=self._limit, remaining=0, reset=reset)


class _Fixed(Window):
    _opened = -math.inf
    _used = 0

    def take(self, now: float) -> LimitDecision:
        if now >= self._opened + self._seconds:
            self._opened = now
            self._used = 0
        reset = self._opened + self._seconds - now
        if self._used >= self._limit:
            return self._refuse(reset)
        self._used += 1
        return self._accept(self._limit - self._used, reset)


class _Sliding(Window):
    def __init__(self, limit: int, seconds: float) -> None:
        super().__init__(limit, seconds)
        self._taken: deque[float] = deque()

    def take(self, now: float) -> LimitDecision:
        taken = self._taken
        while taken and taken[0] <= now - self._seconds:
            taken.popleft()
        if len(taken) >= self._limit:
            return self._refuse(taken[0] + self._seconds - now)
        taken.append(now)
        return self._accept(self._limit - len(taken), self._seconds)


class _Counter(Window):
    _opened: float | None = None
    _before = 0
    _used = 0

    def take(self, now: float) -> LimitDecision:
        if self._opened is None:
            self._opened = now
        windows = math.floor((now - self._opened) / self._seconds)
        if windows >= 1:
            # With an empty window between, nothing of the one that was counted weighs any more.
            self._before = self._used if windows == 1 else 0
            self._used = 0
            self._opened += windows * self._seconds
        passed = (now - self._opened) / self._seconds
        estimate = self._before * (1 - passed) + self._used
        if estimate + 1 <= self._limit:
            self._used += 1
            remaining = max(math.floor(self._limit - estimate - 1), 0)
            return self._accept(remaining, (1 - passed) * self._seconds)
        # The estimate leaves room for one when so much of the window before has faded ...
        room = self._limit - 1 - self._used
        if room >= 0 and self._before > 0:
            return self._refuse((1 - room / self._before - passed) * self._seconds)
        # ... or, if this window alone is full, when its own count fades out in the next one.
        into_next = 1 - (self._limit - 1) / self._used
        return self._refuse((1 - passed + into_next) * self._seconds)


class _Bucket(Window):
    _at: float | None = None

    def __init__(self, limit: int, seconds: float, capacity: int) -> None:
        super().__init__(limit, seconds)
        self._rate = limit / seconds
        self._capacity = capacity
        self._tokens = float(capacity)

    def take(self, now: float) -> LimitDecision:
        if self._at is not None:
            self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        # The sum of many small refills can fall short of a whole token by a rounding error.
        if self._tokens < 1 - 1e-9:
            return self._refuse((1 - self._tokens) / self._rate)
        self._tokens -= 1
        reset = (self._capacity - self._tokens) / self._rate
        return self._accept(math.floor(self._tokens), reset)


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
