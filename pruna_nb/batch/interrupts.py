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
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_is_under_way: Callable[[], bool] = bool
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
    before = _take_over(interrupt.note, (signal.SIGINT, *_ENDING))
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


def end_well(is_under_way: Callable[[], bool]) -> None:
    """Have SIGTERM and SIGHUP end the process as an exit does while work goes on in threads.

    The exit waits for the POSTs on the wire. Whoever has set a way of their own with a signal keeps
    that, and once the work is done each does what it did before. Python lets the main thread alone
    set this: from another one, nothing is changed.

    Parameters
    ----------
    is_under_way : callable
        Whether there is such work in this process.
    """
    global _is_under_way  # noqa: PLW0603 - as the system has one handler for each signal
    _is_under_way = is_under_way
    _take_over(_end, _ENDING)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    if _is_under_way():
        _end_shell()
        raise StoppedError(number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _take_over(handle: Callable[[int, Any], None], numbers: Iterable[int]) -> dict[int, Any]:
    """Handle the signals that nobody else handles; return how they were handled."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: dict[int, Any] = {}
    for number in numbers:
        handler = signal.getsignal(number)
        if handler not in {signal.SIG_DFL, signal.default_int_handler, _end} or (
            number == signal.SIGINT and handler is signal.SIG_DFL
        ):
            continue
        try:
            signal.signal(number, handle)
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


_MASK = threading.local()


def _is_ours(handler: object) -> bool:
    return handler is _end or isinstance(getattr(handler, "__self__", None), Interrupt)


def _before_fork() -> None:
    """Hold signals off: Python drops those that come to a child before it is ready for them."""
    _MASK.before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *_ENDING))


def _after_fork_in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _MASK.before)


def _after_fork() -> None:
    """Let signals end a child as ever: whoever would have read what was noted is not in it."""
    for number in (signal.SIGINT, *_ENDING):
        if _is_ours(signal.getsignal(number)):
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
    signal.pthread_sigmask(signal.SIG_SETMASK, _MASK.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )
