"""A run: what a plan found missing is sent, waited for, fetched and stored.

Read `Run.start` first, then a request's way: `Sender.submit`, `Fetcher.follow`, `Fetcher.deliver`.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb import errors
from pruna_nb.api.certificates import check_authorities
from pruna_nb.batch import interrupts
from pruna_nb.batch.adopt import Adopter
from pruna_nb.batch.fetch import Fetcher
from pruna_nb.batch.job import Outcome
from pruna_nb.batch.send import Sender
from pruna_nb.batch.state import RunState, jobs_of
from pruna_nb.catalog import total_usd
from pruna_nb.store import rescue
from pruna_nb.store.run_locks import RunLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pruna_nb.batch.budget import Budget
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Plan
    from pruna_nb.errors import PrunaError
    from pruna_nb.settings import Settings

GRACE_SECONDS = 0.8
"""How long an interrupted run waits for the answers that are on the wire."""
# A folder that is being removed is not gone at once: its files go one by one.
_REMOVAL_SECONDS = 0.5
# Ten POSTs go out in less, and no picture is made sooner.
_WARM_UP_SECONDS = 0.1
_WATCH_SECONDS = 0.2
_DRAWING_AT_MOST = 2.0
_COUNTED_AS = {"failed": "failed", "canceled": "failed", "lost": "lost", "pending": "pending"}


@dataclass(frozen=True, slots=True)
class Facts:
    """Where a run stands at one moment."""

    state: str  # "running", "stopping", "done", "canceled" or "stopped by an error"
    rows: int
    counts: Counter[str]  # rows that are new, cached, failed, lost, skipped or pending
    in_flight: int
    refusals: int  # POSTs that were refused with 429, and sent again
    cost_usd: float  # what was certainly spent
    unpriced: int  # outputs whose price is not published, which are not in it
    per_minute: float  # predictions that ended, since the start
    seconds: float
    seconds_left: float  # 0 where nothing is known of that

    @property
    def over(self) -> bool:
        """Whether the run is over."""
        return self.state not in {"running", "stopping"}

    @property
    def rows_done(self) -> int:
        """Rows on which there is nothing more to be done."""
        return self.counts.total() - (self.counts["pending"] if self.over else 0)


def facts_together(
    parts: Sequence[Facts], state: str, seconds: float, seconds_left: float
) -> Facts:
    """Return where several runs stand together: their rows, counts, rates and costs in sum."""
    return Facts(
        state,
        sum(part.rows for part in parts),
        sum((part.counts for part in parts), Counter()),
        sum(part.in_flight for part in parts),
        sum(part.refusals for part in parts),
        float(total_usd(part.cost_usd for part in parts)),
        sum(part.unpriced for part in parts),
        sum(part.per_minute for part in parts),
        seconds,
        seconds_left,
    )


class Run(RunState):
    """Work on the rows of a plan that have no output yet; its parameters are `RunState`'s.

    Notes
    -----
    `start` returns at once; threads do the work. Everything that a watcher wants to know is in
    `facts`, `outcomes` and `latest`, which may be read at any time.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        options: RunOptions,
        budget: Budget | None = None,
        *,
        stays_open: bool = False,
    ) -> None:
        super().__init__(plan, settings, options, budget, stays_open=stays_open)
        self.fetch = Fetcher(self)
        self.adopt = Adopter(self, self.fetch)
        self.send = Sender(self, self.fetch, self.adopt)
        self.ended_at: float | None = None
        self._over = threading.Event()
        self._is_open, self._started = stays_open, False
        self._firsts: dict[str, int] = {}  # of an open run: each request's first row

    def start(self) -> None:
        """Check what every request needs, adopt what was sent before, and start to send the rest.

        Threads of the schedule do the work. Each request waits in the queue until the throttle
        gives leave; `Sender.submit` then writes the intent to the journal, sends the POST, and
        journals the id. `Fetcher` asks now and then where the prediction stands, fetches the
        output, and stores it in the cache together with the journal's last word on it. Whatever
        a request comes to, `settle` records, once.

        Raises
        ------
        CacheError
            If the cache folder cannot be written: nothing is sent then.
        MissingKeyError
            If there is no key.
        SettingsError
            If a variable names certificate authorities that are not there.
        """
        self.started_at, self._started = time.monotonic(), True
        waiting = self.storage.noted() if self.storage else []
        if self.uploads is not None:
            self.uploads.submit(waiting)
        if not self.jobs and not self._is_open:
            if waiting:  # nothing is sent, and no key is needed
                self._close_later()
            else:
                self.ended_at = self.started_at
                self._over.set()
            return
        self.settings.require_key()
        check_authorities(self.settings.base_url)
        # While this process holds the lock, other runs leave alone what this one sends.
        self.lock = RunLock(self.settings.cache_dir)
        try:
            self.journal.drop_large()
        except errors.CacheError:
            self.lock.release()
            raise
        self.cache.store.sweep()
        interrupts.ACTIVE_RUNS.add(self)
        for key, entry in self.plan.open_work.items():
            if key in self.jobs:
                self.later(0.0, self.jobs[key], partial(self.adopt.adopt, entry=entry))
        # Once there is nothing to do but wait, what the first output needs is imported.
        self.schedule.at(self.started_at + _WARM_UP_SECONDS, self.cache.warm_up)
        self.schedule.start(partial(self.guard, self.send.submit))
        self._close_later()

    def take(self, part: Plan, places: Sequence[int], refused: Mapping[str, PrunaError]) -> None:
        """Take in rows of an open run, whose inputs were made meanwhile; the first one starts it.

        `refused` has the keys of rows that cannot be sent after all, and why.
        """
        if part.firsts() and not self._started:
            self.start()
        for request in part.requests:
            if request.key in self.jobs:  # equal to a row that came before
                self.jobs[request.key].rows += 1
        firsts = self.plan.take(part, places, self._firsts)
        for key, job in jobs_of(part, firsts).items():
            self.jobs[key] = job
            if key in refused:
                self.fail(job, refused[key])
            elif key in part.open_work:
                self.later(0.0, job, partial(self.adopt.adopt, entry=part.open_work[key]))
            else:
                self.schedule.queue(job)

    def close(self) -> None:
        """End once all rows that were taken in are done: no more come."""
        self._is_open = False
        self.schedule.close()
        if not self._started:
            self.start()

    @property
    def steps(self) -> Sequence[Run]:
        """The runs that a watcher is told of: this one alone."""
        return (self,)

    @property
    def planned(self) -> Sequence[Plan]:
        """What was known of its rows beforehand."""
        return (self.plan,)

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self.ended_at is not None

    def interrupt(self) -> None:
        """Cancel, and wait a moment for the answers that are on the wire."""
        self.cancel()
        self.schedule.join(GRACE_SECONDS)

    def join(self, seconds: float) -> bool:
        """Wait for the end, for so many seconds; return whether the run is over."""
        return self._over.wait(seconds)

    def watch(self, every: float = _WATCH_SECONDS) -> Iterator[None]:
        """Yield at once and then every so many seconds, as long as the run goes on."""
        return watched(self.join, every)

    # ------------------------------------------------------------ what it came to

    def row_outcomes(self) -> list[Outcome]:
        """Return what became of each row so far, in the rows' order."""
        return [self.row_outcome(row) for row in range(len(self.plan.requests))]

    def row_outcome(self, row: int) -> Outcome:
        """Return what became of a row so far."""
        request, action = self.plan.requests[row], self.plan.actions[row]
        if action == "wait":
            why = "not sent, since the run was stopped" if self.done else request.skipped
            return Outcome("pending", error=why)
        if request.key is None:
            return Outcome("skipped", error=request.skipped)
        if action == "hit":
            hit = self.plan.hits[request.key]
            return Outcome("succeeded", hit.path, cached=True, prediction_id=hit.prediction_id)
        outcome = self.outcome(request.key)
        if action == "duplicate":  # it shares another row's, and cost nothing itself
            cached = outcome.status == "succeeded"
            return replace(outcome, seconds=0.0, cost_usd=0.0, cached=cached, cause=None)
        return outcome

    def facts(self) -> Facts:
        """Return where the run stands: counts, rate, cost and the time that is left."""
        done, trouble = self.done, self.crash or self.error
        counts = Counter(cached=self.plan.count("hit"), skipped=self.plan.count("skip"))
        # A copy is made at once. A list of the items is not: each pair may start a collection of
        # garbage, after which other threads settle more.
        for key, outcome in self.outcomes.copy().items():
            rows = self.jobs[key].rows
            if outcome.status == "succeeded":
                counts["cached" if outcome.cached else "new"] += 1
                counts["cached"] += rows - 1
            else:
                counts[_COUNTED_AS[outcome.status]] += rows
        if done:
            counts["pending"] += len(self.plan.requests) - counts.total()
            state = "canceled" if self.canceled else "done"
            state = "stopped by an error" if trouble else state
        else:
            state = "stopping" if self.canceled else "running"
        seconds = (self.ended_at or time.monotonic()) - self.started_at
        ended = len(self.outcomes) - self.counts["pending"]
        return Facts(
            state,
            len(self.plan.requests),
            counts,
            self.in_flight,
            self.refusals,
            self.cost_usd,
            self.unpriced,
            ended / max(seconds, 0.001) * 60.0,
            seconds,
            0.0 if done else self.seconds_left(),
        )

    def seconds_left(self) -> float:
        """Estimate the seconds that are left: what the limit takes, and a prediction's usual time.

        0 while nothing is known: neither the limit makes it wait, nor was a prediction finished.
        """
        usual = self.usual_seconds()
        if self.waiting():
            return self.seconds_at_limit() + usual
        if not usual:
            return 0.0
        # The last one may take longer than most.
        return max(usual / 10, self.last_sent_at + usual - time.monotonic())

    def waiting(self) -> int:
        """Return how many requests are not sent yet."""
        unsent = len(self.jobs) - len(self.outcomes) - self.in_flight
        return max(0, unsent) + self.plan.count("wait")

    def seconds_at_limit(self) -> float:
        """Return the seconds that the limit alone takes for what is not sent yet."""
        # Models alternate in the queue, so that each has its part of what is left.
        throttles = self.send.throttles.values()
        part = math.ceil(self.waiting() / len(throttles))
        return max(throttle.seconds_until(part) for throttle in throttles) if part else 0.0

    def usual_seconds(self) -> float:
        """Return how long its predictions usually take; 0 while none was finished."""
        known = [polling.usual_seconds() for polling in self.fetch.pollings.values()]
        return max((seconds or 0.0 for seconds in known), default=0.0)

    # ------------------------------------------------------------------ the end

    def _close_later(self) -> None:
        threading.Thread(target=self._close, name="pruna_nb-close", daemon=True).start()

    def _close(self) -> None:
        """Wait for the schedule's threads, and end the run: save what is owed, free the rest."""
        while not self.schedule.join(3600.0):
            pass
        try:
            if not self.check_folder() or isinstance(self.error, errors.CacheError):
                time.sleep(_REMOVAL_SECONDS)
                if self._is_removed():
                    self.error = self._removal()
                self._hold_open_work()
            if isinstance(self.error, errors.CacheError):
                parts = (str(self.error), rescue.told(self.journal.folder))
                self.error = errors.CacheError(" ".join(filter(None, parts)))
            if self.uploads is not None:
                self.uploads.finish()
            if self.lock is not None:
                with contextlib.suppress(OSError):  # the folder may be gone
                    self.lock.release()
            self.endpoints.transport.close()
        finally:
            left = [job.unsettled() for key, job in self.jobs.items() if key not in self.outcomes]
            with self._mutex:  # sent and not waited for, since the run was stopped
                self._spent += total_usd(x.cost_usd for x in left if not math.isnan(x.cost_usd))
            self.ended_at = time.monotonic()
            interrupts.ACTIVE_RUNS.discard(self)
            self._over.set()

    def _hold_open_work(self) -> None:
        """Keep in memory what the journal may have lost: ids that are worth money.

        Also of what was delivered: the folder may just be going, and the files after this check.
        """
        entries = []
        for key, job in self.jobs.items():
            outcome = self.outcomes.get(key)
            if job.entry is None or job.entry.state != "sent":
                continue
            if outcome is not None and outcome.status not in {"pending", "succeeded"}:
                continue
            entries.append(job.entry)
            if outcome is not None and outcome.output and not Path(outcome.output).exists():
                why = "its file was removed with the cache folder: run again to fetch it"
                self.outcomes[key] = replace(outcome, status="pending", output=None, error=why)
        self.journal.hold(entries)

    def leave_to_parent(self) -> None:
        """End in a forked child: the run's threads are its parent's, where it goes on."""
        self._mutex = threading.Lock()  # the parent's may have been locked at the fork
        self.schedule.leave_to_parent()
        self.uploads = None
        self.error = errors.PrunaError(
            f"This run is at work in process {os.getppid()}, from which this one was forked. "
            "It goes on there, and its results are there; here nothing was sent."
        )
        self.on_the_wire = 0
        self.ended_at = time.monotonic()
        self._over = threading.Event()
        self._over.set()


def watched(join: Callable[[float], bool], every: float = _WATCH_SECONDS) -> Iterator[None]:
    """Yield at once and then every so many seconds, as long as `join` says that it goes on."""
    wait = 0.0
    while not join(wait):
        before = time.monotonic()
        yield
        # To draw a thousand pictures must not take all the time there is.
        wait = every + min(_DRAWING_AT_MOST, time.monotonic() - before)
