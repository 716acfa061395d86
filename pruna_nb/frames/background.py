"""A run that goes on while the notebook is used: watched, stopped, and waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pruna_nb import arguments
from pruna_nb.batch import interrupts, progress
from pruna_nb.frames.generate import finish, partial_frame, prepare_run

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.run import Run
    from pruna_nb.frames.call import Call
    from pruna_nb.widgets.panel import Panel


class BackgroundRun:
    """A run under way; ``df.pruna.generate(..., background=True)`` gives it.

    Several may go on at once: they share the service's limits. It goes on if nobody keeps it,
    and ends with the notebook's kernel; the next run of the same rows takes up what was sent.
    """

    def __init__(
        self, grown: pd.DataFrame, call: Call, run: Run, *, keep: Collection[str] = ()
    ) -> None:
        self._grown, self._call, self._run, self._keep = grown, call, run, keep

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self._run.done

    @property
    def frame(self) -> pd.DataFrame:
        """The frame as it is now: rows that are not there yet are "pending"."""
        return partial_frame(self._grown, self._call, self._run, self._keep)

    @property
    def progress(self) -> Panel:
        """What the run is doing, live: counts, rate, refusals, cost, time left, new pictures."""
        # An import that Ctrl-C cuts short would block those of the run's threads for ever.
        with interrupts.deferred_interrupt():
            from pruna_nb.widgets.panel import Panel

        return Panel(self._run)

    def cancel(self) -> None:
        """Stop as soon as what is on the wire is answered; what was made is kept.

        Rows that were sent and not delivered are taken up by the next run of the same rows,
        without being paid for again.
        """
        self._run.cancel()

    def result(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait for the end and give the frame, as ``df.pruna.generate`` does.

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
            If it is not over by then; it goes on.
        PrunaError
            What stopped the run; its ``frame`` holds what is done.
        KeyboardInterrupt
            If the cell was interrupted: the waiting ends, the run goes on.
        """
        seconds = arguments.seconds("timeout", timeout, zero=True)
        end = None if seconds is None else time.monotonic() + seconds
        with interrupts.deferred_interrupt() as interrupt:
            for _ in self._run.watch():
                if interrupt.pressed:
                    break
                if end is not None and time.monotonic() > end:
                    msg = f"The run is not over after {seconds:g} s; it goes on. {self!r}"
                    raise TimeoutError(msg)
        return finish(self._grown, self._call, self._run, keep=self._keep)

    def __repr__(self) -> str:
        from pruna_nb.widgets.panel import line_of

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
    """Check everything, start the run and give it at once.

    Raises
    ------
    PrunaError
        If the call is wrong, costs too much, or cannot start.
    """
    grown, run = prepare_run(frame, call, options, problems, keep=keep)
    progress.announce(run, shown=options.progress)
    with progress.stopping(run) as interrupt:
        run.start()
        if interrupt.pressed:
            run.interrupt()
    interrupts.exit_cleanly_on_signals()
    return BackgroundRun(grown, call, run, keep=keep)
