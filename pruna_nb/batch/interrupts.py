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
    from collections.abc import Callable, Iterator
    from types import FrameType


class Interrupt:
    """Whether Ctrl-C was pressed; a second time, it is raised at once.

    Attributes
    ----------
    came : bool
        Whether it was: what is under way should come to its end.
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
    """Have Ctrl-C noted, and raised at the end.

    Whoever has set a way of their own with it keeps that, and threads beside the main one are
    never interrupted: nothing is noted then.

    Raises
    ------
    KeyboardInterrupt
        At the end, if it was pressed; in place of what else was raised meanwhile.
    """
    interrupt = Interrupt()
    if not _is_ours() or not _set(interrupt.note):
        yield interrupt
        return
    try:
        yield interrupt
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if interrupt.came:
            raise KeyboardInterrupt from error
        raise
    finally:
        _set(signal.default_int_handler)
    if interrupt.came:
        raise KeyboardInterrupt


def _is_ours() -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _set(handler: Callable[[int, FrameType | None], object]) -> bool:
    try:
        signal.signal(signal.SIGINT, handler)
    except ValueError:  # an embedded Python, whose main thread is another one than it seems
        return False
    return True
