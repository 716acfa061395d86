"""Ctrl-C, SIGTERM and SIGHUP, taken where nothing is half done.

Python raises `KeyboardInterrupt` between any two instructions of the main thread. In the middle
of an import, it can leave Python's own lock on imports taken, and then every thread that imports
waits for ever; in the middle of a run's start, it leaves a run that nobody stops.

SIGTERM (`kill`, a container that is stopped, a batch system's time limit) and SIGHUP (a terminal
that is closed) end a process at once, by default: with POSTs on the wire whose ids nobody reads.
Here they stop a run as Ctrl-C does, and end the process after that. `ACTIVE_RUNS` are also prepared
for the two other things that may happen to them at any time: a fork, and Python's own end.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from pruna_nb import tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
# A shell reports a process that was ended by a signal as this and the signal's number.
_EXIT_CODE = 128
# How long Python's end waits for the answers to POSTs.
_EXIT_SECONDS = 5.0


class _Run(Protocol):
    @property
    def on_the_wire(self) -> int: ...

    def cancel(self) -> None: ...

    def leave_to_parent(self) -> None: ...


ACTIVE_RUNS: weakref.WeakSet[_Run] = weakref.WeakSet()
"""Each run of this process from its start to its end."""


class StoppedError(KeyboardInterrupt, SystemExit):
    """SIGTERM or SIGHUP: what stops a run as Ctrl-C does, and then ends the process.

    Code that catches `KeyboardInterrupt` to keep what is done catches this too. Uncaught, it ends
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
    def pressed(self) -> bool:
        """Whether one came: what is under way should end."""
        return self.number is not None

    def keep(self, number: int, frame: FrameType | None) -> None:
        """Keep the signal; the second one is raised."""
        del frame
        if self.pressed:
            raise error_of(number)
        self.number = number

    def error(self) -> KeyboardInterrupt:
        """Return what is raised for the signal that came."""
        return error_of(self.number or signal.SIGINT)


def error_of(number: int) -> KeyboardInterrupt:
    """Return what is raised for a signal; a notebook shows it in short."""
    error = KeyboardInterrupt() if number == signal.SIGINT else StoppedError(number)
    tracebacks.shorten(error)
    return error


@contextlib.contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Keep Ctrl-C, SIGTERM and SIGHUP back, and raise them at the end.

    A handler that somebody else has set for one of them stays, and threads beside the main one
    are never interrupted: nothing is kept back then.

    Raises
    ------
    KeyboardInterrupt
        At the end, if one came; in place of what else was raised meanwhile. For SIGTERM and
        SIGHUP it is a `StoppedError`.
    """
    interrupt = Interrupt()
    before = _take_over(interrupt.keep, (signal.SIGINT, *_ENDING))
    try:
        yield interrupt
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if interrupt.pressed:
            raise interrupt.error() from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if interrupt.number in _ENDING:
            _end_shell()
    if interrupt.pressed:
        raise interrupt.error()


@contextlib.contextmanager
def awaited_interrupt(cancel: Callable[[], object]) -> Iterator[Interrupt]:
    """Hear Ctrl-C while something is awaited; it cancels all that is awaited so.

    Nothing is raised here: the coroutine that awaits looks at what it is given. A handler that
    tells the loop (of a kernel, or of `asyncio.run`) stays, as that cancels the task.
    """
    global _awaited_interrupt  # noqa: PLW0603 - there is one Ctrl-C for all
    if not _AWAITED:
        _awaited_interrupt = Interrupt()
        _BEFORE.update(_take_over(_keep_awaited, (signal.SIGINT,), of_loops=False))
    _AWAITED.append(cancel)
    try:
        yield _awaited_interrupt
    finally:
        _AWAITED.remove(cancel)
        if not _AWAITED:
            for number, handler in _BEFORE.items():
                signal.signal(number, handler)
            _BEFORE.clear()


_AWAITED: list[Callable[[], object]] = []
_BEFORE: dict[int, Any] = {}
_awaited_interrupt = Interrupt()


def _keep_awaited(number: int, frame: FrameType | None) -> None:
    _awaited_interrupt.keep(number, frame)
    for cancel in _AWAITED:
        cancel()


def exit_cleanly_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the process as an exit does while runs are active.

    The exit waits for the POSTs on the wire. A handler that somebody else has set stays, and
    without an active run each signal does what it did before. Python lets the main thread alone
    set handlers: from another one, nothing is changed.
    """
    _take_over(_exit_cleanly, _ENDING)


def _exit_cleanly(number: int, frame: FrameType | None) -> None:
    del frame
    if ACTIVE_RUNS:
        _end_shell()
        raise StoppedError(number)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@atexit.register
def _wait_for_answers() -> None:
    """Wait a moment for the POSTs on the wire when Python ends: their ids are worth money."""
    end = time.monotonic() + _EXIT_SECONDS
    for run in list(ACTIVE_RUNS):
        run.cancel()
    while any(run.on_the_wire for run in list(ACTIVE_RUNS)) and time.monotonic() < end:
        time.sleep(0.02)


# What a kernel and `asyncio.run` set while they await something: it tells the loop.
_OF_LOOPS = {"IPythonKernel._cancel_on_sigint.<locals>.handle_sigint", "Runner._on_sigint"}


def _is_of_loop(handler: object) -> bool:
    """Whether a handler only tells an event loop, which does not hear it while code runs."""
    return getattr(getattr(handler, "func", handler), "__qualname__", "") in _OF_LOOPS


def _take_over(
    handle: Callable[[int, Any], None], numbers: Iterable[int], *, of_loops: bool = True
) -> dict[int, Any]:
    """Handle the signals that nobody else handles; return how they were handled.

    `of_loops` takes over too what an event loop would hear only after the code that asks for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    before: dict[int, Any] = {}
    for number in numbers:
        handler = signal.getsignal(number)
        ours = handler in {signal.SIG_DFL, signal.default_int_handler, _exit_cleanly} or (
            of_loops and _is_of_loop(handler)
        )
        if not ours or (number == signal.SIGINT and handler is signal.SIG_DFL):
            continue
        try:
            signal.signal(number, handle)
        except ValueError:  # an embedded Python, whose main thread is another one than it seems
            break
        before[number] = handler
    return before


def _end_shell() -> None:
    """Let IPython end once the cell is over: it would take the error for its cell's alone."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.ask_exit()


_MASK = threading.local()


def _before_fork() -> None:
    """Hold signals off: Python drops those that come to a child before it is ready for them."""
    _MASK.before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *_ENDING))


def _after_fork_in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _MASK.before)


def _after_fork_in_child() -> None:
    """Leave the runs to the parent, and let signals end the child as if there were none."""
    for run in list(ACTIVE_RUNS):
        run.leave_to_parent()
    ACTIVE_RUNS.clear()
    for number in (signal.SIGINT, *_ENDING):
        handler = signal.getsignal(number)
        # Whoever would have read the signal that an `Interrupt` keeps is not in the child.
        if handler is _exit_cleanly or isinstance(getattr(handler, "__self__", None), Interrupt):
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)
    signal.pthread_sigmask(signal.SIG_SETMASK, _MASK.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
