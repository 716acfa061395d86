"""A run in the background while the notebook stays usable: watched, stopped, and waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pruna_nb import arguments
from pruna_nb.batch import interrupts, progress
from pruna_nb.frames.awaiting import begun, ended, is_given_up
from pruna_nb.frames.generate import FrameRun, prepare_run

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.frames.call import Call
    from pruna_nb.widgets.panel import Panel


class BackgroundRun:
    """A run in progress, as ``df.pruna.generate(..., background=True)`` returns it.

    Several can run at once and share the service's limits. A run continues even if no variable
    holds it, and ends with the notebook's kernel; the next run of the same rows resumes it.
    """

    def __init__(self, work: FrameRun) -> None:
        self._work, self._run = work, work.run
        self._selected: set[int] = set()

    @property
    def done(self) -> bool:
        """Whether the run is finished."""
        return self._run.done

    @property
    def frame(self) -> pd.DataFrame:
        """The frame so far: rows without an output yet are "pending"."""
        return self._work.frame()

    @property
    def progress(self) -> Panel:
        """What the run is doing, live: counts, rate, refusals, cost, time left, new pictures."""
        # An import that Ctrl-C cuts short would block those of the run's threads for ever.
        with interrupts.deferred_interrupt():
            from pruna_nb.widgets.panel import Panel

        return Panel(self._run, self._selected)

    @property
    def selected(self) -> pd.DataFrame:
        """The rows of `frame` whose pictures were selected where the panel shows them large."""
        from pruna_nb.widgets.panel import rows_of

        return self.frame.iloc[rows_of(self._run, self._selected)]

    def cancel(self) -> None:
        """Stop once the open requests are answered; finished outputs are kept.

        The next run of the same rows resumes those that were sent and not delivered, without
        paying for them again.
        """
        self._run.cancel()

    def result(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait for the end and return the frame, as ``df.pruna.generate`` does.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most. None: as long as it takes.

        Returns
        -------
        DataFrame

        Raises
        ------
        TimeoutError
            If the run is not finished by then; it continues.
        PrunaError
            What stopped the run; its ``frame`` holds the finished rows.
        KeyboardInterrupt
            If the cell was interrupted: the waiting ends, the run continues.
        """
        seconds = arguments.seconds("timeout", timeout, zero=True)
        end = None if seconds is None else time.monotonic() + seconds
        with interrupts.deferred_interrupt() as interrupt:
            for _ in self._run.watch():
                if interrupt.pressed:
                    break
                if end is not None and time.monotonic() > end:
                    msg = f"The run is not finished after {seconds:g} s; it continues. {self!r}"
                    raise TimeoutError(msg)
        return self._work.finish()

    def __await__(self) -> Generator[Any, None, pd.DataFrame]:
        """Wait for the end without blocking the event loop, and return the frame as `result` does.

        If the task that awaits is canceled, the run is too, as tasks are: what is done is kept, and
        the next run goes on. ``await asyncio.shield(run)`` lets it continue.
        """
        return ended(self._work).__await__()

    def __repr__(self) -> str:
        from pruna_nb.widgets.panel import line_of  # loads ipywidgets, which scripts can do without

        return f"<BackgroundRun {line_of(self._run)}>"

    def _repr_html_(self) -> str:
        return self.progress.html()


def generate_in_background(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    problems: Problems | None = None,
    *,
    keep: Collection[str] = (),
) -> BackgroundRun:
    """Check everything, start the run and return it at once.

    Raises
    ------
    PrunaError
        If the call is wrong, costs too much, or cannot start.
    """
    grown, run = prepare_run(frame, call, options, problems, keep=keep)
    return start_in_background(FrameRun.of(grown, call, run, keep), options)


def start_in_background(work: FrameRun, options: RunOptions) -> BackgroundRun:
    """Start what is planned and return it at once."""
    run = work.run
    progress.announce(run, shown=options.progress)
    # An interrupt while the run's threads start has to stop those that run already.
    with progress.stopping(run) as interrupt:
        if is_given_up():
            run.cancel()
        run.start()
        if interrupt.pressed:
            run.interrupt()
    interrupts.exit_cleanly_on_signals()
    return BackgroundRun(work)


async def run_awaited(start: Callable[[], BackgroundRun], *, shown: bool) -> pd.DataFrame:
    """Start a run in the background, wait for its end, and return its frame.

    Raises
    ------
    CancelledError, KeyboardInterrupt
        If it is canceled or interrupted; see `awaiting.ended`.
    """
    background, stopped = await begun(start, BackgroundRun.cancel)
    return await ended(background._work, shown=shown, stopped=stopped)  # noqa: SLF001 - its own module
