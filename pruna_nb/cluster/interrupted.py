"""Computations in this process's threads: one that ends early gives up its partitions.

dask raises what ended it, such as Ctrl-C, in the thread that computes; its other threads go on, and
with them the runs of their partitions.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Computations:
    """Counts dask's local computations, as one of its callbacks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work = self._failed = 0

    def started(self, _: Any) -> None:
        with self._lock:
            self._at_work += 1

    def finished(self, _dsk: Any, _state: Any, failed: bool) -> None:  # noqa: FBT001 - dask's call
        with self._lock:
            self._at_work -= 1
            # A task does not know its computation: where several are at work, none is given up.
            self._failed += failed and not self._at_work

    def begun(self) -> Callable[[], bool]:
        """Return whether the computation that calls is still wanted, as a function."""
        before = self._failed
        return lambda: self._failed == before


COMPUTATIONS = _Computations()


def watch() -> None:
    """Let dask tell of the computations that begin from now on."""
    from dask.callbacks import Callback

    Callback(start=COMPUTATIONS.started, finish=COMPUTATIONS.finished).register()
