"""A run: what a plan found missing is submitted, waited for, delivered and kept."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb import errors
from pruna_nb.api.certificates import check_authorities
from pruna_nb.api.client import TIME_OUT_SECONDS
from pruna_nb.api.endpoints import Calls
from pruna_nb.batch import active_runs
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.job import Job, Outcome, Status
from pruna_nb.batch.schedule import Schedule
from pruna_nb.catalog import cost_usd, exact, total_usd
from pruna_nb.console import LOG
from pruna_nb.store import rescue
from pruna_nb.store.cache import Cache
from pruna_nb.store.journal import Journal
from pruna_nb.store.keys import masked
from pruna_nb.store.run_locks import RunLock
from pruna_nb.text import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Plan
    from pruna_nb.settings import Settings

_IN_FLIGHT_AT_MOST = 1000
"""Predictions sent and not delivered: 250 a minute of 4 minutes each."""
_GRACE_SECONDS = 0.8
"""How long an interrupted run waits for the answers that are on the wire."""
_REMOVAL_SECONDS = 0.5
"""A folder that is being removed is not gone at once: its files go one by one."""
_READY_SECONDS = 0.1
"""Ten POSTs go out in less, and no picture is made sooner."""
_LATEST = 12
_STUMBLES_AT_MOST = 3


class Run:
    """Work on the rows of a plan that have no output yet.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    settings : Settings
        Whose key, address, folders and limits are in force.
    options : RunOptions
        How.
    budget : Budget, optional
        One that several runs share; by default its own, of the options' `max_cost_usd`.

    Notes
    -----
    `start` returns at once; threads do the work. Everything that a watcher wants to know is in
    `counts`, `cost_usd`, `outcomes` and `latest`, which may be read at any time.
    """

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        options: RunOptions,
        budget: Budget | None = None,
    ) -> None:
        from pruna_nb.batch.fetch import Steps

        self.plan, self.settings, self.options = plan, settings, options
        self.cache = Cache(settings.cache_dir)
        self.journal = Journal.of(settings)
        self.calls = Calls.of(settings)
        self.time_out = options.timeout or TIME_OUT_SECONDS[plan.model.output]
        self.outcomes: dict[str, Outcome] = {}
        self.counts: Counter[str] = Counter()
        self._spent = Decimal(0)
        self.budget = budget or Budget(options.max_cost_usd)
        self.unpriced = 0
        self.in_flight = 0
        self.on_the_wire = 0
        self.last_sent_at = 0.0
        self.refusals = 0
        self.latest: list[str] = []
        self.error: errors.PrunaError | None = None
        self.crash: BaseException | None = None
        self.canceled = False
        self.started_at = time.monotonic()
        self.ended_at: float | None = None
        self._lock = threading.Lock()
        self._stumbles = 0
        self._over = threading.Event()
        self._listeners: list[Callable[[str, Outcome], None]] = []
        self._jobs = {job.key: job for job in self._make_jobs()}
        self.owner: RunLock | None = None
        self.steps = Steps(self)
        self.schedule: Schedule[Job] = Schedule(
            [job for job in self._jobs.values() if job.key not in plan.open_work],
            self.steps.sending.submit,
            workers=settings.workers,
            room=lambda: self.in_flight < _IN_FLIGHT_AT_MOST,
            crashed=self._crashed,
        )

    def _make_jobs(self) -> list[Job]:
        shares = Counter(request.key for request in self.plan.requests)
        asked_first = self.plan.asked_first()
        jobs = []
        for row in self.plan.firsts():
            request = self.plan.requests[row]
            if request.key is not None and request.input is not None:
                cost = cost_usd(self.plan.model, request.input)
                job = Job(request.key, request.input, shares[request.key], cost)
                job.may_buy = request.key in asked_first
                jobs.append(job)
        return jobs

    @property
    def cost_usd(self) -> float:
        """What was surely spent so far, in USD; `unpriced` outputs are not in it."""
        return float(self._spent)

    @property
    def total(self) -> int:
        """How many predictions there are to work on."""
        return len(self._jobs)

    def rows_of(self, key: str) -> int:
        """Give how many rows share a request."""
        return self._jobs[key].rows

    def start(self) -> None:
        """Begin; with nothing to do, the run is over at once.

        Raises
        ------
        CacheError
            If the cache folder cannot be written: nothing is sent then.
        MissingKeyError
            If there is no key.
        SettingsError
            If a variable names certificate authorities that are not there.
        """
        self.started_at = time.monotonic()
        if not self._jobs:
            self.ended_at = self.started_at
            self._over.set()
            return
        self.settings.require_key()
        check_authorities(self.settings.base_url)
        self.owner = RunLock(self.settings.cache_dir)
        try:
            self.journal.forget_old()
        except errors.CacheError:
            self.owner.release()
            raise
        self.cache.store.sweep()
        active_runs.RUNS.add(self)
        for key, entry in self.plan.open_work.items():
            if key in self._jobs:
                job = self._jobs[key]
                self.schedule.at(0.0, lambda job=job, entry=entry: self.steps.take_up(job, entry))  # type: ignore[misc]
        # Once nothing but waiting is to be done, what the first output needs is loaded.
        self.schedule.at(self.started_at + _READY_SECONDS, self.cache.warm_up)
        self.schedule.start()
        threading.Thread(target=self._close, name="pruna_nb-close", daemon=True).start()

    def listen(self, listener: Callable[[str, Outcome], None]) -> None:
        """Have a function told of each outcome, by key; in a thread of the run."""
        self._listeners.append(listener)

    def request_of(self, job: Job) -> dict[str, Any]:
        """Give a request as it may be kept: secrets masked."""
        return masked(self.plan.model, job.input)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Note what became of a request; a second word on it changes nothing."""
        with self._lock:
            if job.key in self.outcomes:
                return
            if outcome.cause is not None:  # its traceback would hold on to the whole step
                outcome.cause.__traceback__ = outcome.cause.__context__ = None
            self.outcomes[job.key] = outcome
            self.counts[outcome.status] += 1
            if not math.isnan(outcome.cost_usd):
                self._spent += exact(outcome.cost_usd)
            elif outcome.status == "succeeded":
                self.unpriced += 1
            if outcome.output is not None:
                self.latest = [*self.latest[1 - _LATEST :], outcome.output]
        for listener in list(self._listeners):
            try:
                listener(job.key, outcome)
            except Exception:  # noqa: BLE001
                # A display that fails must not take a paid batch with it.
                LOG.exception("A listener of the run failed, and is told nothing more")
                with contextlib.suppress(ValueError):
                    self._listeners.remove(listener)

    def count_in_flight(self, change: int) -> None:
        """Count a prediction that was sent, or that needs no more waiting for."""
        with self._lock:
            self.in_flight += change

    def count_on_the_wire(self, change: int) -> None:
        """Count a POST that goes out, or whose answer is there."""
        with self._lock:
            self.on_the_wire += change
            if change > 0:
                self.last_sent_at = time.monotonic()

    def stop_sending(self, error: errors.PrunaError) -> None:
        """Send nothing more, since it would only fail too; what is in flight is delivered."""
        with self._lock:
            if self.error is None:
                self.error = error
        self._leave_lane(f"not sent, since the run was stopped: {brief(error)}")

    def cancel(self) -> None:
        """Stop as soon as the steps under way end; the next run goes on from there."""
        self.canceled = True
        self._leave_lane("not sent: the run was canceled")
        self.schedule.stop()

    def interrupt(self) -> None:
        """Cancel, and wait a moment for the answers that are on the wire."""
        self.cancel()
        self.schedule.join(_GRACE_SECONDS)

    def join(self, seconds: float) -> bool:
        """Wait for the end, for so many seconds; tell whether it is there."""
        return self._over.wait(seconds)

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self.ended_at is not None

    def outcome(self, key: str) -> Outcome:
        """Give what became of a request so far."""
        found = self.outcomes.get(key)
        if found is not None:
            return found
        return self._unsettled(self._jobs[key])

    @staticmethod
    def _unsettled(job: Job) -> Outcome:
        if job.lost is not None and not job.prediction:
            return job.lost
        why, cost = "not sent", 0.0
        if job.prediction:
            why = "sent, and not delivered yet: run again to fetch it"
            cost = job.cost_if("yes")
        elif job.on_the_wire:
            why = "its answer had not come when the run was stopped: run again to see"
            cost = math.nan
        return Outcome("pending", error=why, cost_usd=cost, prediction_id=job.prediction_id)

    def undelivered(self) -> list[float | None]:
        """Give the prices of what this run sent and has not delivered; None if not known."""
        return [
            job.cost_usd
            for key, job in self._jobs.items()
            if (outcome := self.outcome(key)).status == "pending" and outcome.cost_usd != 0
        ]

    def perhaps_usd(self) -> Decimal:
        """Return what may have been charged beside `cost_usd`: for what failed or was lost."""
        return total_usd(
            (job.cost_usd or 0.0) * (job.resends + math.isnan(self.outcome(key).cost_usd))
            for key, job in self._jobs.items()
        )

    def _leave_lane(self, why: str) -> None:
        for job in self.schedule.clear_lane():
            self.settle(job, job.lost or Outcome("pending", error=why))

    def stumble(self, job: Job, error: Exception) -> None:
        """Note an error that nobody foresaw with its row; too many of them end the run."""
        text = f"an error in pruna_nb itself, please report it: {type(error).__name__}: {error}"
        if job.prediction is not None:
            self.count_in_flight(-1)
        state: Status = "failed" if job.entry is None else "pending"
        self.settle(job, replace(self._unsettled(job), status=state, error=one_line(text)))
        with self._lock:
            self._stumbles += 1
            stumbles = self._stumbles
        if stumbles <= _STUMBLES_AT_MOST:
            LOG.error("An unforeseen error in a row", exc_info=error)
        if stumbles >= _STUMBLES_AT_MOST:
            self.crash = self.crash or error
            self._leave_lane("not sent: the run crashed")

    def check_folder(self) -> bool:
        """Tell whether the cache folder is still there; if not, send nothing more."""
        if not self._is_removed():
            return True
        if self.error is None:
            self.stop_sending(self._removal())
        return False

    def _is_removed(self) -> bool:
        return self.owner is not None and not self.owner.is_alive()

    def _removal(self) -> errors.CacheError:
        return errors.CacheError(
            f"The cache folder {str(self.settings.cache_dir)!r} was removed while the run was "
            "using it. Nothing more was sent. Run again: what was paid for is fetched again, at "
            "no cost."
        )

    def _hold_open_work(self) -> None:
        """Keep in memory what the journal may have lost: ids that are worth money.

        What was delivered too: the folder may be going still, and the files after this look.
        """
        entries = []
        for key, job in self._jobs.items():
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

    def _crashed(self, error: BaseException) -> None:
        """End by an error of the disk or the account, or one that is nobody's row."""
        if isinstance(error, errors.PrunaError):
            if isinstance(error, errors.CacheError):
                self.check_folder()  # that it was removed says more than what failed by it
            self.stop_sending(error)
            if isinstance(error, errors.CacheError):
                self.schedule.stop()
            return
        self.crash = self.crash or error
        self._leave_lane("not sent: the run crashed")

    def leave_to_parent(self) -> None:
        """Be over in a forked child: the run's threads are its parent's, where it goes on."""
        self._lock = threading.Lock()
        self.schedule.leave_to_parent()
        self.error = errors.PrunaError(
            f"This run is at work in process {os.getppid()}, from which this one was forked. "
            "It goes on there, and its results are there; here nothing was sent."
        )
        self.on_the_wire = 0
        self.ended_at = time.monotonic()
        self._over = threading.Event()
        self._over.set()

    def _close(self) -> None:
        while not self.schedule.join(3600.0):
            pass
        try:
            if not self.check_folder() or isinstance(self.error, errors.CacheError):
                time.sleep(_REMOVAL_SECONDS)
                if self._is_removed():
                    self.error = self._removal()
                self._hold_open_work()
            if isinstance(self.error, errors.CacheError):
                said = " ".join(filter(None, [str(self.error), rescue.told(self.journal.folder)]))
                self.error = errors.CacheError(said)
            if self.owner is not None:
                with contextlib.suppress(OSError):  # the folder may be gone
                    self.owner.release()
            self.calls.transport.close()
        finally:
            left = [
                self._unsettled(job) for key, job in self._jobs.items() if key not in self.outcomes
            ]
            with self._lock:  # sent and not waited for, since the run was stopped
                self._spent += total_usd(x.cost_usd for x in left if not math.isnan(x.cost_usd))
            self.ended_at = time.monotonic()
            active_runs.RUNS.discard(self)
            self._over.set()
