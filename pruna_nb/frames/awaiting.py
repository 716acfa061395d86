"""Runs that are awaited: a thin layer over runs in the background, for code that has a loop.

Whatever may take a while (planning, stopping, the result's frame) is done in a thread, and the loop
looks at the run now and then: neither waits for a picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from pruna_nb import tracebacks
from pruna_nb.batch import interrupts, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pruna_nb.batch.progress import Watched
    from pruna_nb.frames.generate import FrameRun

T = TypeVar("T")
_SECONDS = (0.005, 0.2)
"""How long the loop leaves a run alone: at first, and at most."""
# How long a start that was given up is waited for: it is over in no time, but planning is not.
_PATIENCE_SECONDS = 1.0
_STOP: ContextVar[threading.Event | None] = ContextVar("pruna_nb_stop", default=None)


def is_given_up() -> bool:
    """Whether who awaits the run that this thread plans was canceled meanwhile."""
    stop = _STOP.get()
    return stop is not None and stop.is_set()


async def begun(
    start: Callable[[], T], cancel: Callable[[T], object]
) -> tuple[T, BaseException | None]:
    """Return what a function that plans and starts a run returns; it is called in a thread.

    If it is canceled or interrupted meanwhile, nothing is sent: `is_given_up` is asked before the
    start. What was started all the same is returned with the error, for `ended`; what is started
    still later is given to `cancel`.
    """
    stop = threading.Event()
    token = _STOP.set(stop)
    try:
        planning = asyncio.ensure_future(asyncio.to_thread(start))
    finally:
        _STOP.reset(token)

    def drop(task: asyncio.Future[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            cancel(task.result())

    stopped: BaseException | None = None
    with interrupts.awaited_interrupt(stop.set) as interrupt:
        try:
            while not planning.done() and not interrupt.pressed:
                await asyncio.wait({planning}, timeout=_SECONDS[1])
        except asyncio.CancelledError as error:
            stop.set()
            stopped = error
        if interrupt.pressed:
            stopped = interrupt.error()
        if stopped is not None:  # the first rows may be sent already
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({planning}, timeout=_PATIENCE_SECONDS)
    if stopped is None or (planning.done() and planning.exception() is None):
        return planning.result(), stopped
    planning.add_done_callback(drop)
    tracebacks.shorten(stopped)
    raise stopped


async def ended(
    work: FrameRun, *, shown: bool = False, stopped: BaseException | None = None
) -> pd.DataFrame:
    """Wait for a run's end and return its frame; `shown` draws its bar or line meanwhile.

    `stopped` is what ended the wait for its start: then it is stopped at once.

    Raises
    ------
    CancelledError, KeyboardInterrupt
        If the task is canceled, or the cell or script interrupted: sending stops, and within a
        second what is on the wire is in the journal. The error's ``frame`` has what is done.
    """
    run = work.run
    interrupts.exit_cleanly_on_signals()
    with (
        interrupts.awaited_interrupt(run.cancel) as interrupt,
        progress.displayed(run, shown=shown) as update,
    ):
        try:
            if stopped is None:
                await _watched(run, interrupt, update)
        except asyncio.CancelledError as error:
            stopped = error
        if stopped is not None or interrupt.pressed:
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError):  # once is enough to stop it
                await asyncio.to_thread(run.interrupt)
    if stopped is None and not interrupt.pressed:
        return await asyncio.to_thread(work.finish)
    ending = stopped or interrupt.error()
    work.attach_frame(ending)
    tracebacks.shorten(ending)
    raise ending


async def _watched(
    run: Watched, interrupt: interrupts.Interrupt, update: Callable[[], None]
) -> None:
    """Look at a run until it is over or interrupted, and ever more seldom."""
    seconds, longest = _SECONDS
    while not run.done and not interrupt.pressed:
        await asyncio.sleep(seconds)
        seconds = min(2 * seconds, longest)
        update()
