"""Ctrl-C, SIGTERM and SIGHUP, taken where nothing is half done.

Python raises `KeyboardInterrupt` between any two instructions of the main thread. In the middle
of an import, it can leave Python's own lock on imports taken, and then every thread that imports
waits for ever; in the middle of a run's start, it leaves a run that nobody stops.

SIGTERM (`kill`, a container that is stopped, a batch system's time limit) and SIGHUP (a terminal
that is closed) end a process at once, by default: with POSTs on the wire whose ids nobody reads.
Here they stop a run as Ctrl-C does, and end the process after that.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_EXIT_CODE = 128
"""A shell reports a process that was ended by a signal as this and the signal's number."""


class StoppedError(KeyboardInterrupt, SystemExit):
    """SIGTERM or SIGHUP: what stops a run as Ctrl-C does, and then ends the process.

    Whoever takes `KeyboardInterrupt` to keep what is done gets this too. What nobody takes ends
    Python as `sys.exit` does: quietly, after each ``finally`` and what is registered for the exit.

    Attributes
    ----------
    number : int
        The signal.
    code : int
        The process's exit code: 128 and the signal's number, as shells have it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number
        self.code = _EXIT_CODE + number

    def __reduce__(self) -> tuple[type[StoppedError], tuple[int]]:
        return StoppedError, (self.number,)


class Interrupt:
    """The signal that stops what is under way, if one came; a second one is raised at once.

    Attributes
    ----------
    number : int or None
        The signal.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def came(self) -> bool:
        """Whether one came: what is under way should come to its end."""
        return self.number is not None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Take the signal."""
        del frame
        if self.came:
            raise error_of(number)
        self.number = number

    def error(self) -> KeyboardInterrupt:
        """Return what is raised for the signal that came."""
        return error_of(self.number or signal.SIGINT)


def error_of(number: int) -> KeyboardInterrupt:
    """Return what is raised for a signal."""
    return KeyboardInterrupt() if number == signal.SIGINT else StoppedError(number)


@contextlib.contextmanager
def noted() -> Iterator[Interrupt]:
    """Have Ctrl-C, SIGTERM and SIGHUP noted, and raised at the end.

    Whoever has set a way of their own with one of them keeps that, and threads beside the main
    one are never interrupted: nothing is noted then.

    Raises
    ------
    KeyboardInterrupt
        At the end, if one came; in place of what else was raised meanwhile. For SIGTERM and
        SIGHUP it is a `StoppedError`.
    """
    interrupt = Interrupt()
    before = _take_over(interrupt)
    try:
        yield interrupt
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if interrupt.came:
            raise interrupt.error() from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if interrupt.number in _ENDING:
            _end_shell()
    if interrupt.came:
        raise interrupt.error()


def _take_over(interrupt: Interrupt) -> dict[int, Any]:
    """Have the signals noted that nobody else handles; return how they were handled."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: dict[int, Any] = {}
    for number in (signal.SIGINT, *_ENDING):
        handler = signal.getsignal(number)
        ours = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        if handler is not ours:
            continue
        try:
            signal.signal(number, interrupt.note)
        except ValueError:  # an embedded Python, whose main thread is another one than it seems
            break
        before[number] = handler
    return before


def _end_shell() -> None:
    """Have IPython end once the cell is over: it would take the error for its cell's alone."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.ask_exit()
