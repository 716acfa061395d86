"""Ctrl-C, taken where nothing is half done.

Python raises `KeyboardInterrupt` between any two instructions of the main thread. In the middle
of an import, it can leave Python's own lock on imports taken, and then every thread that imports
waits for ever; in the middle of a run's start, it leaves a run that nobody stops.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Interrupt:
    """Whether Ctrl-C was pressed; a second time, it is raised at once.

    Attributes
    ----------
    came : bool
        Whether it was; whoever noted it raises it, as soon as that does no harm.
    """

    def __init__(self) -> None:
        self.came = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take the signal."""
        if self.came:
            signal.default_int_handler(number, frame)
        self.came = True


@contextlib.contextmanager
def noted() -> Iterator[Interrupt]:
    """Have Ctrl-C noted, not raised.

    Whoever has set a way of their own with it keeps that, and threads beside the main one are
    never interrupted: nothing is noted then.
    """
    interrupt = Interrupt()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupt
        return
    signal.signal(signal.SIGINT, interrupt.note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
