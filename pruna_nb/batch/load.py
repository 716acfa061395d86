"""How busy a few threads are: whether one more would find anything to run on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW_SECONDS = 0.02


class Load:
    """The part of one processor that some threads used of late.

    Python runs one thread at a time. Threads that fill a processor are not any quicker with one
    more: all of them only change places more often, which costs time of its own.

    Parameters
    ----------
    clock : callable
        Gives the seconds that passed.

    Attributes
    ----------
    share : float
        Of the last window: 0 where all threads waited, 1 where one ran all the time; more where
        what needs no Python ran beside.

    Notes
    -----
    It is told by the threads what they ran, and not by the process: what others run in it, such
    as a notebook's cell, does not make these wait any shorter.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._since, self._ran = clock, clock(), 0.0
        self.share = 0.0

    def add(self, seconds: float) -> None:
        """Note the seconds that a thread ran (`time.thread_time`)."""
        self._ran += seconds

    def renew(self) -> bool:
        """Measure anew if the window is over; tell whether it was."""
        now = self._clock()
        passed = now - self._since
        if passed < _WINDOW_SECONDS:
            return False
        self.share = self._ran / passed
        self._since, self._ran = now, 0.0
        return True
