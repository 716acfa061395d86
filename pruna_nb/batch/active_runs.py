"""The runs under way in this process: what becomes of them at a fork, and when Python ends."""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import Protocol

_EXIT_SECONDS = 5.0


class _Run(Protocol):
    on_the_wire: int

    def cancel(self) -> None: ...

    def leave_to_parent(self) -> None: ...


RUNS: weakref.WeakSet[_Run] = weakref.WeakSet()
"""Each run from its start to its end."""


def is_any_under_way() -> bool:
    """Whether a run of this process is at work."""
    return bool(RUNS)


def _after_fork() -> None:
    for run in list(RUNS):
        run.leave_to_parent()
    RUNS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _wait_for_answers() -> None:
    """Give the POSTs on the wire a moment when Python ends: their ids are worth money."""
    end = time.monotonic() + _EXIT_SECONDS
    for run in list(RUNS):
        run.cancel()
    while any(run.on_the_wire for run in list(RUNS)) and time.monotonic() < end:
        time.sleep(0.02)
