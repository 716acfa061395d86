"""How busy this process is: whether one more thread would find anything to run on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WINDOW_SECONDS = 0.02


class Load:
    """The part of one processor that this process used of late.

    Python runs one thread at a time. A process that fills a processor is not any quicker with one
    more thread: all of them only change places more often, which costs time of its own.

    Parameters
    ----------
    clock, cpu : callable
        Give the seconds that passed, and those that the process's threads ran.

    Attributes
    ----------
    share : float
        Of the last window: 0 where all threads waited, 1 where one ran all the time; more where
        what needs no Python ran beside.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._since, self._ran = clock(), cpu()
        self.share = 0.0

    def renew(self) -> bool:
        """Measure anew if the window is over; tell whether it was."""
        now = self._clock()
        passed = now - self._since
        if passed < _WINDOW_SECONDS:
            return False
        ran = self._cpu()
        self.share = (ran - self._ran) / passed
        self._since, self._ran = now, ran
        return True
