"""Runs of a form, in threads: the kernel is free, and a cancel is heard."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pruna_nb.batch import interrupts, prepare
from pruna_nb.batch.active_runs import is_any_under_way
from pruna_nb.batch.job import Outcome
from pruna_nb.console import LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.batch.run import Run
    from pruna_nb.form.doors import Tables
    from pruna_nb.form.sweep import Ask

    Look = Callable[["Making", dict[int, Outcome]], object]
    Over = Callable[["Making", BaseException | None], object]

_LOOK_SECONDS = 0.25
_LET_GO_SECONDS = 5.0


class Making:
    """One run of some of an ask's places, watched from a thread of its own.

    Parameters
    ----------
    tables : Tables
        Makes the run.
    ask : Ask
        What is asked for.
    places : sequence of int
        Which of its places are to be made.

    Attributes
    ----------
    run : Run or None
        The run, once it is there.
    begun : bool
        Whether the run was started: it was neither refused nor wrong.
    """

    def __init__(self, tables: Tables, ask: Ask, places: Sequence[int]) -> None:
        self.ask, self.places = ask, list(places)
        self.run: Run | None = None
        self.begun = self.canceled = False
        self._tables = tables
        self._watchers: list[tuple[Look, Over]] = []
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="pruna_nb-form", daemon=True)

    def watch(self, look: Look, over: Over) -> bool:
        """Have somebody told what becomes of it; tell whether it is not over yet.

        Parameters
        ----------
        look : callable
            Told, in the thread, each time something may have changed; with the outcome of
            each place.
        over : callable
            Told, in the thread, when it is over; with what ended it, if something did.
        """
        with self._lock:
            if not self._ended:
                self._watchers.append((look, over))
            return not self._ended

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()
        interrupts.end_well(is_any_under_way)

    def cancel(self) -> None:
        """Stop as soon as the steps under way end."""
        with self._lock:
            self.canceled = True
            if self.run is not None:
                self.run.cancel()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for the end; tell whether it is there."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def outcomes(self) -> dict[int, Outcome]:
        """Give what became of the places so far."""
        if self.run is None:
            return {place: Outcome("pending") for place in self.places}
        found = prepare.outcomes(self.run.plan, self.run)
        if not self.run.done:
            found = [_under_way(outcome) for outcome in found]
        return dict(zip(self.places, found, strict=True))

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            run = self._tables.begin(self.ask, self.places)
            with self._lock:
                self.run = run
                if self.canceled:
                    run.cancel()
            run.start()
            self.begun = True
            self._look_once()
            while self._watchers and not run.join(_LOOK_SECONDS):
                self._look_once()
            error = run.crash or run.error
        except BaseException as trouble:  # noqa: BLE001 - a thread's error is shown in the form
            error = trouble
        try:
            self._let_go()
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
        """Tell what there is; a run that never began leaves its places as they are."""
        if not self.begun:
            return
        outcomes = self.outcomes()
        for watcher in list(self._watchers):
            try:
                watcher[0](self, outcomes)
            except Exception as error:  # noqa: BLE001
                # A form that cannot show it must not take another one's run with it.
                LOG.exception("A form failed to show its run, and is told nothing more")
                self._part(watcher, error)

    def _part(self, watcher: tuple[Look, Over], error: BaseException | None) -> None:
        """Tell a watcher that it is over for it."""
        with self._lock:
            self._watchers.remove(watcher)
        try:
            watcher[1](self, error)
        except Exception:  # noqa: BLE001
            LOG.exception("A form failed to show how its run ended")

    def _let_go(self) -> None:
        """Stop a run that nobody would watch any longer; what it sent is taken up by the next."""
        if self.run is not None and self.begun and not self.run.done:
            self.run.cancel()
            self.run.join(_LET_GO_SECONDS)

    def _look_once(self) -> None:
        """Show what is new; drawing a thousand pictures must not take all the time there is."""
        before = time.monotonic()
        self._tell()
        time.sleep(min(2.0, time.monotonic() - before))


def _under_way(outcome: Outcome) -> Outcome:
    if outcome.status != "pending":
        return outcome
    return replace(outcome, error="under way" if outcome.prediction_id else None)
