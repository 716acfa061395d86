"""How many partitions are at work at once: enough for the limit, few enough for the memory."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Rows that wait for the limit, beside those in flight: two minutes of the largest limit.
_WAITING_ROWS_AT_MOST = 500
_PARTITIONS_AT_MOST = 64
_LOOK_SECONDS = 0.2


class GivenUpError(Exception):
    """Nobody waits for a partition any more."""


class Turn:
    """A partition that is at work, and how many of its rows are still to be sent."""

    def __init__(self, rows: int) -> None:
        self.waiting: Callable[[], int] = lambda: rows


class Gate:
    """Lets a partition in as soon as most rows of those before it are sent.

    So the service has always work, while only a few partitions are in memory: the size of the
    table does not matter.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: set[Turn] = set()

    @contextlib.contextmanager
    def entered(self, rows: int, is_wanted: Callable[[], bool]) -> Iterator[Turn]:
        """Wait for a partition's turn, which lasts as long as the block.

        Raises
        ------
        GivenUpError
            If it is not wanted any more before that.
        """
        turn = Turn(rows)
        with self._changed:
            while not self._is_open():
                if not is_wanted():
                    raise GivenUpError("The computation was given up before this partition.")
                self._changed.wait(_LOOK_SECONDS)
            self._inside.add(turn)
        try:
            yield turn
        finally:
            with self._changed:
                self._inside.remove(turn)
                self._changed.notify_all()

    @property
    def inside(self) -> int:
        """How many partitions are at work."""
        return len(self._inside)

    def _is_open(self) -> bool:
        waiting = sum(turn.waiting() for turn in self._inside)
        return waiting < _WAITING_ROWS_AT_MOST and len(self._inside) < _PARTITIONS_AT_MOST
