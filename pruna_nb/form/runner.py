"""Runs of a form, in threads: the kernel is free, and a cancel is heard."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from pruna_nb import tracebacks
from pruna_nb.batch import interrupts
from pruna_nb.batch.job import Outcome
from pruna_nb.console import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.batch.run import Run
    from pruna_nb.form.rounds import Round

    Look = Callable[["Runner", dict[int, Outcome]], object]
    Over = Callable[["Runner", BaseException | None], object]

_END_SECONDS = 5.0


class Runner:
    """One run of some points of a round, watched from a thread of its own.

    Parameters
    ----------
    made : Round
        The round.
    numbers : sequence of int
        Which of its points are to be made.

    Attributes
    ----------
    run : Run or None
        The run, once it is there.
    started : bool
        Whether the run was started: it was neither refused nor wrong.
    """

    def __init__(self, made: Round, numbers: Sequence[int]) -> None:
        self.round, self.numbers = made, list(numbers)
        self.run: Run | None = None
        self.started = self.canceled = False
        self._watchers: list[tuple[Look, Over]] = []
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="pruna_nb-form", daemon=True)

    def watch(self, look: Look, over: Over) -> bool:
        """Add a watcher; return whether the run is not over yet.

        Parameters
        ----------
        look : callable
            Called, in the thread, each time something may have changed; with the outcome of
            each point.
        over : callable
            Called, in the thread, when it is over; with what ended it, if something did.
        """
        with self._lock:
            if not self._ended:
                self._watchers.append((look, over))
            return not self._ended

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()
        interrupts.exit_cleanly_on_signals()

    def cancel(self) -> None:
        """Stop as soon as the steps under way end."""
        with self._lock:
            self.canceled = True
            if self.run is not None:
                self.run.cancel()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; return whether it is reached."""
        if self._thread is threading.current_thread():  # the next one is begun where this one ends
            return False
        try:
            self._thread.join(seconds)
        except KeyboardInterrupt as error:
            tracebacks.shorten(error)
            raise
        return not self._thread.is_alive()

    def outcomes(self) -> dict[int, Outcome]:
        """Return what became of the points so far, by their numbers."""
        if self.run is None:
            return {number: Outcome("pending") for number in self.numbers}
        outcomes = self.run.row_outcomes()
        if not self.run.done:
            outcomes = [
                replace(outcome, error="under way" if outcome.prediction_id else None)
                if outcome.status == "pending"
                else outcome
                for outcome in outcomes
            ]
        return dict(zip(self.numbers, outcomes, strict=True))

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            run = self.round.tables.begin(self.round.sweep, self.numbers)
            with self._lock:
                self.run = run
                if self.canceled:
                    run.cancel()
            run.start()
            self.started = True
            for _ in run.watch():
                self._tell()
                if not self._watchers:
                    break
            error = run.crash or run.error
        except BaseException as trouble:  # noqa: BLE001 - a thread's error is shown in the form
            error = trouble
        try:
            # nobody watches any longer; the next run takes up what this one sent
            if self.run is not None and self.started and not self.run.done:
                self.run.cancel()
                self.run.join(_END_SECONDS)
            self._tell()
        except BaseException as trouble:  # noqa: BLE001 - the same
            error = error or trouble
        if error is not None:
            LOG.debug("a form's run ended by an error", exc_info=error)
        with self._lock:
            self._ended = True
        for watcher in list(self._watchers):
            self._part(watcher, error)

    def _tell(self) -> None:
        """Show what there is; a run that never started leaves its points as they are."""
        if not self.started:
            return
        outcomes = self.outcomes()
        for watcher in list(self._watchers):
            try:
                watcher[0](self, outcomes)
            except Exception as error:  # noqa: BLE001
                # one form that cannot show the run must not stop it for another form
                LOG.exception("A form failed to show its run and is not updated any more")
                self._part(watcher, error)

    def _part(self, watcher: tuple[Look, Over], error: BaseException | None) -> None:
        """Remove a watcher, and call it a last time."""
        with self._lock:
            self._watchers.remove(watcher)
        try:
            watcher[1](self, error)
        except Exception:  # noqa: BLE001
            LOG.exception("A form failed to show how its run ended")
