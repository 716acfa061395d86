"""What the parts of a run share: its jobs, their outcomes, what was spent, and why it ends."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pruna_nb import errors
from pruna_nb.api.client import TIME_OUT_SECONDS
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.health import Health
from pruna_nb.batch.job import Job, Outcome
from pruna_nb.batch.schedule import Schedule
from pruna_nb.catalog import cost_usd, exact, total_usd
from pruna_nb.console import LOG
from pruna_nb.store.cache import Cache
from pruna_nb.store.journal import Journal
from pruna_nb.store.keys import masked
from pruna_nb.store.shared import SharedStorage
from pruna_nb.store.uploads import Uploads
from pruna_nb.text import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Plan
    from pruna_nb.settings import Settings
    from pruna_nb.statuses import Status
    from pruna_nb.store.run_locks import RunLock

# Predictions sent and not delivered: 250 a minute (the largest limit) of 4 minutes each.
_IN_FLIGHT_AT_MOST = 1000
_LATEST = 12
_UNEXPECTED_AT_MOST = 3
T = TypeVar("T")


class RunState:
    """What sending and fetching have in common; any thread may read it at any time."""

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        options: RunOptions,
        budget: Budget | None = None,
        *,
        stays_open: bool = False,
    ) -> None:
        self.plan, self.settings, self.options = plan, settings, options
        self.cache = Cache(settings.cache_dir)
        self.storage = SharedStorage.of(settings)
        self.uploads = Uploads(self.storage) if self.storage else None
        self.journal = Journal.of(settings)
        self.endpoints = Endpoints.of(settings)
        self.budget = budget or Budget.of(options, settings)
        self.health = Health(settings.workers)
        self.lock: RunLock | None = None  # from the start of the run
        self.outcomes: dict[str, Outcome] = {}  # by key, what is settled
        self.counts: Counter[str] = Counter()  # of these, by status
        self.latest: list[str] = []  # the newest outputs
        self.settled: list[str] = []  # keys in the order in which they were settled
        self.on_settled: Callable[[], object] = lambda: None
        self.in_flight = 0  # predictions that were accepted and are not over
        self.on_the_wire = 0  # POSTs whose answer is not there
        self.refusals = 0  # POSTs that were refused with 429
        self.unpriced = 0  # outputs whose price is not published
        self.error: errors.PrunaError | None = None  # the account's or the disk's trouble
        self.crash: BaseException | None = None  # an error in this package
        self.canceled = False
        self.last_sent_at = 0.0
        self.started_at = time.monotonic()
        self._spent = Decimal(0)
        self._mutex = threading.Lock()
        self._unexpected = 0
        self.jobs: dict[str, Job] = {}
        self.jobs.update(jobs_of(plan, plan.firsts()))
        self.schedule: Schedule[Job] = Schedule(
            [job for job in self.jobs.values() if job.key not in plan.open_work],
            workers=settings.workers,
            has_capacity=lambda: self.in_flight < _IN_FLIGHT_AT_MOST,
            on_crash=self.end_by,
            stays_open=stays_open,
        )

    # ------------------------------------------------------------- what became of it

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Record what became of a request; a second word on it changes nothing."""
        with self._mutex:
            if job.key in self.outcomes:  # as after an error in a step that had settled it
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
            self.settled.append(job.key)
        self.on_settled()

    def timeout_of(self, job: Job) -> float:
        """Return the seconds that a prediction may take."""
        return self.options.timeout or TIME_OUT_SECONDS[job.model.output]

    def fail(self, job: Job, error: errors.PrunaError) -> None:
        """Settle a request that the service does not take, and that was not charged."""
        self.settle(job, Outcome("failed", error=one_line(error), seconds=job.age, cause=error))

    def leave_unsent(self, job: Job, why: str) -> None:
        """Settle a request that is not sent; one that was lost before stays lost."""
        self.settle(job, job.lost or Outcome("pending", error=why))

    def outcome(self, key: str) -> Outcome:
        """Return what became of a request so far."""
        return self.outcomes.get(key) or self.jobs[key].unsettled()

    @property
    def lock_name(self) -> str:
        """The run's name in the journal."""
        return self.lock.name if self.lock else ""

    def request_of(self, job: Job) -> dict[str, Any]:
        """Return a request as it may be stored: secrets masked."""
        return masked(job.model, job.input)

    def count_in_flight(self, change: int) -> None:
        """Count a prediction that was accepted (1), or that needs no more waiting for (-1)."""
        with self._mutex:
            self.in_flight += change

    def count_on_the_wire(self, change: int) -> None:
        """Count a POST that goes out (1), or whose answer is there (-1)."""
        with self._mutex:
            self.on_the_wire += change
            if change > 0:
                self.last_sent_at = time.monotonic()

    # ------------------------------------------------------------------------ money

    @property
    def cost_usd(self) -> float:
        """What was certainly spent so far, in USD; `unpriced` outputs are not in it."""
        return float(self._spent)

    def possible_extra_usd(self) -> Decimal:
        """Return what may have been charged beside `cost_usd`: for what failed or was lost."""
        return total_usd(
            (job.cost_usd or 0.0) * (job.resends + math.isnan(self.outcome(key).cost_usd))
            for key, job in list(self.jobs.items())
        )

    def undelivered(self) -> list[float | None]:
        """Return the prices of what was sent and not delivered; None for one that is not known."""
        return [
            job.cost_usd
            for key, job in list(self.jobs.items())
            if (outcome := self.outcome(key)).status == "pending" and outcome.cost_usd != 0
        ]

    # ---------------------------------------------------------------------- its steps

    def later(self, seconds: float, job: Job, step: Callable[[Job], object]) -> None:
        """Run a step of a request after so many seconds."""
        moment = time.monotonic() + seconds
        self.schedule.at(moment, lambda: self.guard(step, job))

    def guard(self, step: Callable[..., T], job: Job, *more: object) -> T | None:
        """Run a step of a request; an error that nobody expected stays with the request."""
        try:
            return step(job, *more)
        except errors.PrunaError:  # the disk's or the account's
            raise
        except Exception as error:  # noqa: BLE001 - it is reported, in the row and in the log
            text = f"an error in pruna_nb itself, please report it: {type(error).__name__}: {error}"
            if job.prediction is not None:
                self.count_in_flight(-1)
            status: Status = "failed" if job.entry is None else "pending"
            self.settle(job, replace(job.unsettled(), status=status, error=one_line(text)))
            with self._mutex:
                self._unexpected += 1
                count = self._unexpected
            if count <= _UNEXPECTED_AT_MOST:
                LOG.error("An unexpected error in a row", exc_info=error)
            if count >= _UNEXPECTED_AT_MOST:  # it is every row's: what is not sent costs nothing
                self.crash = self.crash or error
                self._drop_queue("not sent: the run crashed")
            return None

    # ----------------------------------------------------------------- why it ends

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.canceled or self.error is not None or self.crash is not None

    def stop_sending(self, error: errors.PrunaError) -> None:
        """Send nothing more, since it would only fail too; what is in flight is delivered."""
        with self._mutex:
            if self.error is None:
                self.error = error
        self._drop_queue(f"not sent, since the run was stopped: {brief(error)}")

    def cancel(self) -> None:
        """Stop as soon as the steps under way end; the next run goes on from there."""
        self.canceled = True
        self._drop_queue("not sent: the run was canceled")
        self.schedule.stop()
        if self.uploads is not None:
            self.uploads.stop()

    def forbidden(self, endpoint: str, error: errors.AuthenticationError) -> None:
        """Count a 403: one of many ends the run, else rows from elsewhere are tried next."""
        verdict = self.health.forbidden(endpoint, error)
        if verdict is not None:
            self.stop_sending(verdict)
        else:
            self.schedule.continue_elsewhere()  # neighbours in a table may be alike

    def check_folder(self) -> bool:
        """Return whether the cache folder is still there; if not, send nothing more."""
        if not self._is_removed():
            return True
        if self.error is None:
            self.stop_sending(self._removal())
        return False

    def _is_removed(self) -> bool:
        return self.lock is not None and not self.lock.is_alive()

    def _removal(self) -> errors.CacheError:
        return errors.CacheError(
            f"The cache folder {str(self.settings.cache_dir)!r} was removed while the run was "
            "using it. Nothing more was sent. Run again: what was paid for is fetched again, at "
            "no cost."
        )

    def end_by(self, error: BaseException) -> None:
        """End by an error of the disk or the account, or by one that no row caused."""
        if isinstance(error, errors.PrunaError):
            if isinstance(error, errors.CacheError):
                self.check_folder()  # that it was removed says more than what failed by it
            self.stop_sending(error)
            if isinstance(error, errors.CacheError):
                self.schedule.stop()
            return
        self.crash = self.crash or error
        self._drop_queue("not sent: the run crashed")

    def _drop_queue(self, why: str) -> None:
        for job in self.schedule.clear_queue():
            self.leave_unsent(job, why)


def jobs_of(plan: Plan, rows: Sequence[int]) -> dict[str, Job]:
    """Return the jobs of a plan's rows that are to be worked on, by key."""
    counts, asked_first = Counter(request.key for request in plan.requests), plan.asked_first()
    jobs: dict[str, Job] = {}
    for row in rows:
        key, fields = plan.requests[row].key, plan.requests[row].input
        if key is not None and fields is not None:
            model = plan.model_of(plan.requests[row])
            cost = cost_usd(model, fields)
            jobs[key] = Job(key, model, fields, counts[key], cost, may_buy=key in asked_first)
    return jobs
