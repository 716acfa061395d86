"""Several runs as one: each row goes on to the next step as soon as its output is there.

Each step is a `Run` of its own, with its model's limit, its journal entries and its cache, so that
all that holds for a run holds for each step. A `Pipeline` hands rows from one to the next, stops
them together, and is watched as one.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from pruna_nb.batch import interrupts
from pruna_nb.batch.run import GRACE_SECONDS, facts_together, watched
from pruna_nb.catalog import total_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from pruna_nb.batch.plan import Plan
    from pruna_nb.batch.run import Facts, Run
    from pruna_nb.errors import PrunaError
    from pruna_nb.settings import Settings

_CHECK_SECONDS = 0.5
# Rows that are done within this time go on together: to plan one takes as long as to plan twenty.
_GATHER_SECONDS = 0.03


class Fed(NamedTuple):
    """Rows of a step whose inputs are there.

    Parameters
    ----------
    places : list of int
        Which rows.
    plan : Plan
        What becomes of them.
    refused : dict
        Why some cannot be sent after all, by their keys.
    """

    places: list[int]
    plan: Plan
    refused: Mapping[str, PrunaError]


class Pipeline:
    """Runs of several steps that feed each other.

    Parameters
    ----------
    steps : sequence of Run
        The first with all its rows; the others open, with rows that wait.
    feed : callable
        Returns the rows of a step (by its number, from 1 on) whose inputs are made by the rows of
        the step before that are given.
    planned : sequence of Plan
        What was known of each step beforehand: what it resumes, and what it sends again.
    """

    def __init__(
        self,
        steps: Sequence[Run],
        feed: Callable[[int, list[int]], Fed],
        planned: Sequence[Plan],
    ) -> None:
        self.steps, self.planned = steps, planned
        self._feed = feed
        self._changed = threading.Event()
        self._links = [_Link(run, is_open=number > 0) for number, run in enumerate(steps)]
        self._started_at = time.monotonic()
        self._ended = threading.Event()
        for run in steps:
            run.on_settled = self._changed.set

    def start(self) -> None:
        """Start the first step, and the thread that hands on what is done.

        Raises
        ------
        PrunaError
            As `Run.start` does: nothing is sent then.
        """
        self._started_at = time.monotonic()
        interrupts.ACTIVE_RUNS.add(self)
        try:
            self.steps[0].start()
        except BaseException:
            interrupts.ACTIVE_RUNS.discard(self)
            raise
        threading.Thread(target=self._hand_on, name="pruna_nb-pipeline", daemon=True).start()

    # ------------------------------------------------------------ from step to step

    def _hand_on(self) -> None:
        """Hand on rows as they are done, until all steps are over."""
        try:
            while not self._are_over():
                self._changed.wait(_CHECK_SECONDS)
                self._changed.clear()
                self._stop_together()
                for number, link in enumerate(self._links[1:], 1):
                    done = self._links[number - 1].done()
                    if done and not self.is_stopping:
                        self._links[number].take(self._feed(number, done))
                    if link.is_open and (link.has_all or self.is_stopping):
                        link.close()
                time.sleep(_GATHER_SECONDS)
        except BaseException as error:  # noqa: BLE001 - all steps end by it
            for run in self.steps:
                run.end_by(error)
            for link in self._links:
                link.close()
            while not self._are_over():
                time.sleep(_GATHER_SECONDS)
        finally:
            interrupts.ACTIVE_RUNS.discard(self)
            self._ended.set()

    def _stop_together(self) -> None:
        """Let what ended one step end all: they share the account and the disk."""
        error = self.crash or self.error
        if error is None:
            return
        for run in self.steps:
            if not run.is_stopping:
                run.end_by(error)

    def _are_over(self) -> bool:
        return all(run.done for run in self.steps)

    # ------------------------------------------------------------- stopping, waiting

    @property
    def error(self) -> PrunaError | None:
        """What ended a step, and so all of them."""
        return next((run.error for run in self.steps if run.error is not None), None)

    @property
    def crash(self) -> BaseException | None:
        """An error in this package that ended a step."""
        return next((run.crash for run in self.steps if run.crash is not None), None)

    @property
    def canceled(self) -> bool:
        """Whether it was canceled."""
        return any(run.canceled for run in self.steps)

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be sent."""
        return any(run.is_stopping for run in self.steps)

    @property
    def on_the_wire(self) -> int:
        """POSTs whose answer is not there."""
        return sum(run.on_the_wire for run in self.steps)

    @property
    def done(self) -> bool:
        """Whether all steps are over."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Stop all steps; the next run goes on from there."""
        for run in self.steps:
            run.cancel()
        self._changed.set()

    def interrupt(self) -> None:
        """Cancel, and wait a moment for the answers that are on the wire."""
        self.cancel()
        end = time.monotonic() + GRACE_SECONDS
        for run in self.steps:
            run.schedule.join(max(0.0, end - time.monotonic()))

    def join(self, seconds: float) -> bool:
        """Wait for the end, for so many seconds; return whether it is over."""
        return self._ended.wait(seconds)

    def watch(self) -> Iterator[None]:
        """Yield at once and then every so many seconds, as long as it goes on."""
        return watched(self.join)

    def leave_to_parent(self) -> None:
        """End in a forked child, which has none of the threads."""
        for run in self.steps:
            run.leave_to_parent()
        self._ended = threading.Event()
        self._ended.set()

    # ---------------------------------------------------------------- what it came to

    @property
    def settings(self) -> Settings:
        """The settings of all steps."""
        return self.steps[0].settings

    @property
    def latest(self) -> list[str]:
        """The newest outputs, those of the last steps last."""
        return [path for run in self.steps for path in run.latest]

    def possible_extra_usd(self) -> Decimal:
        """Return what may have been charged beside `cost_usd`: for what failed or was lost."""
        return total_usd(run.possible_extra_usd() for run in self.steps)

    def undelivered(self) -> list[float | None]:
        """Return the prices of what was sent and not delivered; None for one that is not known."""
        return [price for run in self.steps for price in run.undelivered()]

    def facts(self) -> Facts:
        """Return where all steps stand together: their rows, counts, rates and costs in sum."""
        parts = [run.facts() for run in self.steps]
        state = "stopping" if self.canceled else "running"
        if self.done:
            state = "canceled" if self.canceled else "done"
            state = "stopped by an error" if self.crash or self.error else state
        ended = [run.ended_at or 0.0 for run in self.steps]
        seconds = (max(ended) if self.done else time.monotonic()) - self._started_at
        return facts_together(parts, state, seconds, 0.0 if self.done else self._seconds_left())

    def _seconds_left(self) -> float:
        """Estimate the seconds that are left: what the slowest limit takes, and each step's time.

        0 while nothing is known, as of a run.
        """
        at_work = [run for run in self.steps if not run.done]
        limit = max((run.seconds_at_limit() for run in at_work), default=0.0)
        return limit + sum(run.usual_seconds() for run in at_work)


class _Link:
    """What is known of a step's rows on their way to the next: who has not been handed on."""

    def __init__(self, run: Run, *, is_open: bool) -> None:
        self._run, self.is_open = run, is_open
        self._rows: dict[str, list[int]] = {}  # by key, what is not settled yet
        self._ready: list[int] = []
        self._seen: set[str] = set()
        self._read = 0  # of the keys that were settled
        self._waiting = run.plan.count("wait")
        self._note([row for row, action in enumerate(run.plan.actions) if action != "wait"])

    @property
    def has_all(self) -> bool:
        """Whether no row waits for its input any more."""
        return self._waiting == 0

    def take(self, fed: Fed) -> None:
        """Hand rows to the step."""
        self._run.take(fed.plan, fed.places, fed.refused)
        self._waiting -= len(fed.places)
        self._note(fed.places)

    def close(self) -> None:
        """Let the step end when its rows are done."""
        if self.is_open:
            self.is_open = False
            self._run.close()

    def done(self) -> list[int]:
        """Return the rows that are done since this was asked last."""
        keys = self._run.settled[self._read :]
        self._read += len(keys)
        for key in keys:
            self._seen.add(key)
            self._ready += self._rows.pop(key, [])
        ready, self._ready = self._ready, []
        return ready

    def _note(self, rows: Sequence[int]) -> None:
        plan = self._run.plan
        for row in rows:
            key = plan.requests[row].key
            if key is None or plan.actions[row] == "hit" or key in self._seen:
                self._ready.append(row)
            else:
                self._rows.setdefault(key, []).append(row)
