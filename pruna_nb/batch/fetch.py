"""The steps of a prediction that was sent: poll, deliver; each short, each leads to the next."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pruna_nb import errors
from pruna_nb.api import replies, retry
from pruna_nb.api.replies import Prediction
from pruna_nb.api.throttle import throttle_for
from pruna_nb.batch.adopt import Following
from pruna_nb.batch.job import Job, Outcome
from pruna_nb.batch.polling import Polling
from pruna_nb.batch.refusals import Refusals
from pruna_nb.batch.send import OUTAGE_SECONDS, Sending
from pruna_nb.catalog import ENDPOINT_LIMITS, cost_usd, limit_for
from pruna_nb.files.clips import video_seconds
from pruna_nb.files.kinds import MP4
from pruna_nb.redact import hide_in_error
from pruna_nb.store.entries import OUTPUT_LIFE_SECONDS
from pruna_nb.text import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api.throttle import Slot, Throttle
    from pruna_nb.batch.run import Run
    from pruna_nb.files.media_store import Stored
    from pruna_nb.store.entries import Entry

_DELIVERIES_AT_MOST = 8
MISSING_SECONDS = 180.0
"""How long a prediction that the service does not find is asked for before it counts as gone."""
T = TypeVar("T")


class Steps:
    """The steps of a run's predictions.

    Parameters
    ----------
    run : Run
        Whose outcomes they settle.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        settings, model = run.settings, run.plan.model
        self.throttle = throttle_for(settings, model.name, limit_for(model))
        self.throttles = {
            name: throttle_for(settings, name, limit) for name, limit in ENDPOINT_LIMITS.items()
        }
        self.polling = Polling(model.output, alone=run.total == 1)
        self.following = Following(run, self)
        self.sending = Sending(self)
        self.refusals = Refusals(run)
        self.reached_at: float | None = None
        self.outages = 0

    def guarded(self, job: Job, step: Callable[[], T]) -> T | None:
        """Run a step of a row; what nobody foresaw stays with the row."""
        try:
            return step()
        except errors.PrunaError:  # the disk's or the account's
            raise
        except Exception as error:  # noqa: BLE001 - it is told, in the row and in the log
            self.run.stumble(job, error)
            return None

    # ---------------------------------------------------------------- accepted

    def accepted(self, job: Job, entry: Entry, prediction: Prediction) -> bool:
        """Note the id of an accepted prediction, before anything else that could fail.

        Returns
        -------
        bool
            Whether it is this request's; one that is known for another is nobody's.

        Raises
        ------
        CacheError
            If the disk does not take it: the journal keeps it in memory.
        """
        job.prediction = replace(prediction, input={})
        self.run.count_in_flight(1)
        # An output that was finished in the first answer may have no id: its address is all.
        noted = self.run.journal.accept(
            entry, prediction.id, prediction.generation_url, self.run.calls.clock.now()
        )
        if noted is None:
            job.prediction = None
            self.run.count_in_flight(-1)
            return False
        job.entry = noted
        return True

    def proceed(self, job: Job) -> None:
        """Wait for a prediction that was just accepted, or fetch its output."""
        job.deadline = job.sent_at + self.run.time_out
        if _known(job).finished:
            self._ended(job)
        else:
            self.later(self.polling.first(), job, self.poll)

    # -------------------------------------------------------------------- poll

    def poll(self, job: Job) -> None:
        """Ask where a prediction stands, when it is its turn."""
        wait = self.polling.leave(time.monotonic())
        if wait > 0:
            self.later(wait, job, self._ask)
        else:
            self._ask(job)

    def _ask(self, job: Job) -> None:
        slot = self._leave("status", job, self._ask)
        if slot is None:
            return
        throttle = self.throttles["status"]
        asked_at = job.age
        try:
            now = self.run.calls.status(_known(job))
        except errors.ApiError as error:
            self._read_failed(throttle, slot, job, error, self.poll)
            return
        throttle.give_back(slot)
        self.reached()
        self.refusals.allowed("read")
        self._is_found(job)
        job.prediction, job.tries = now, 0
        if now.finished:
            if not job.resumed:  # when that one was done, nobody saw
                self.polling.learn(job.unfinished_at, job.age)
            self._ended(job)
            return
        job.unfinished_at = asked_at
        if time.monotonic() > job.deadline:
            self._timed_out(job)
            return
        self.later(self.polling.again(job.age), job, self.poll)

    def _ended(self, job: Job) -> None:
        prediction = _known(job)
        if prediction.status == "succeeded":
            self.deliver(job)
            return
        secrets = self.run.plan.model.secrets_in(job.input)
        error = hide_in_error(replies.ended_badly(prediction, job.input), secrets)
        state: Literal["canceled", "failed"] = (
            "canceled" if prediction.status == "canceled" else "failed"
        )
        cost = {"cost_usd": 0.0} if error.charged == "no" else {}
        self.run.journal.update(_entry(job), state, error=error.message, **cost)
        if error.account_wide:
            self.run.stop_sending(error)
        self._landed(job, _bad(state, error, job, charged=error.charged))

    def _timed_out(self, job: Job) -> None:
        error = errors.PredictionTimeoutError(
            f"Still {_known(job).status} after {self.run.time_out:g} s"
        )
        self._still_open(job, error)

    # ----------------------------------------------------------------- deliver

    def deliver(self, job: Job) -> None:
        """Fetch the output, check it and keep it."""
        slot = self._leave("delivery", job, self.deliver)
        if slot is None:
            return
        run, throttle = self.run, self.throttles["delivery"]
        run.cache.warm_up()
        try:
            stored = run.calls.deliver(_known(job), run.cache.store, run.plan.model.output)
        except errors.ApiError as error:
            self._read_failed(throttle, slot, job, error, self.deliver)
            return
        except BaseException as error:
            throttle.give_back(slot, error)
            raise
        throttle.give_back(slot)
        self.reached()
        seconds, cost = job.age, self._cost_of(job, stored)

        def keep() -> None:
            if run.options.cache != "off":
                run.cache.put(job.key, stored, {
                    "model": run.plan.model.name, "input": run.request_of(job),
                    "prediction_id": job.prediction_id, "seconds": seconds,
                    "cost_usd": cost, "origin": run.journal.origin,
                    "account": run.journal.account, "entry": _entry(job).entry,
                })  # fmt: skip
            run.journal.update(
                _entry(job), "delivered", media=run.cache.name_of(stored), cost_usd=cost
            )

        # Both or none: a kill between the two must not leave an output that seems not fetched.
        run.cache.database.together(keep)
        job.cost_usd = cost
        self._landed(job, Outcome(
            "succeeded", str(stored.path), seconds=seconds, cost_usd=job.cost_if("yes"),
            cached=job.resumed, prediction_id=job.prediction_id,
        ))  # fmt: skip

    def _cost_of(self, job: Job, stored: Stored) -> float | None:
        """Give a prediction's price; of a video whose length another input set, by its length."""
        if job.resumed and (paid := _entry(job).cost_usd) is not None:
            return paid
        if job.cost_usd is not None or stored.type is not MP4:
            return job.cost_usd
        seconds = video_seconds(stored.path)
        return cost_usd(self.run.plan.model, job.input, seconds=seconds)

    def _read_failed(
        self,
        throttle: Throttle,
        slot: Slot,
        job: Job,
        error: errors.ApiError,
        step: Callable[[Job], None],
    ) -> None:
        throttle.give_back(slot, error)
        tries = self._count_try(job, step)
        if error.account_wide:
            self.run.stop_sending(error)
            why = f"sent, and not fetched, since the run was stopped: {brief(error)}"
            self._landed(job, replace(_bad("pending", error, job), error=why))
        elif isinstance(error, errors.ExpiredError):
            self._expired(job, error)
        elif isinstance(error, errors.NotFoundError):
            self._missing(job, error, step, tries)
        elif not retry.may_read_again(error, tries) or self._too_often(job, error, step):
            if isinstance(error, errors.AuthenticationError):
                self.refusals.forbidden("read", error)
            self._still_open(job, error)
        else:
            left = job.deadline - time.monotonic()
            wait = min(retry.backoff(tries), left) if left > 0 else retry.backoff(tries)
            self.later(wait, job, self._next_try(job, step, tries))

    def _count_try(self, job: Job, step: Callable[[Job], None]) -> int:
        if step == self.deliver:
            job.fetches += 1
            return job.fetches
        job.tries += 1
        return job.tries

    def _next_try(self, job: Job, step: Callable[[Job], None], tries: int) -> Callable[[Job], None]:
        """Ask for the output's address anew now and then: it may be what is wrong."""
        if step == self.deliver and job.prediction_id is not None and tries % 3 == 0:
            return self.poll
        return step

    def _too_often(self, job: Job, error: errors.ApiError, step: Callable[[Job], None]) -> bool:
        now = time.monotonic()
        if isinstance(error, errors.ConnectionFailedError):
            # That the service answers others does not help an output whose own host does not.
            since = self.reached_at or self.run.started_at
            return now - since > OUTAGE_SECONDS or now > job.deadline
        if step == self.deliver:
            return job.fetches >= _DELIVERIES_AT_MOST
        return now > job.deadline

    def _missing(
        self, job: Job, error: errors.ApiError, step: Callable[[Job], None], tries: int
    ) -> None:
        """Ask again for what the service does not find: it may not know of it everywhere yet.

        Meanwhile it does not count as in flight, so that it keeps no other row from being sent.
        """
        now = time.monotonic()
        if job.missing_since is None:
            job.missing_since = now
            self.run.count_in_flight(-1)
        if self._has_lived(job) or now - job.missing_since > MISSING_SECONDS:
            self._gone(job, error)
        elif now > job.deadline:
            self._still_open(job, error)
        else:
            self.later(retry.backoff(tries), job, self._next_try(job, step, tries))

    def _is_found(self, job: Job) -> None:
        if job.missing_since is not None:
            job.missing_since = None
            self.run.count_in_flight(1)

    def _has_lived(self, job: Job) -> bool:
        """Whether a prediction's 24 hours are over by the service's own clock; ours may be off."""
        sent, now = _entry(job).service_date, self.run.calls.clock.now()
        return sent is not None and now is not None and now - sent > OUTPUT_LIFE_SECONDS

    def _expired(self, job: Job, error: errors.ApiError) -> None:
        """Ask once more where the output is; an address may be older than the output."""
        if job.prediction_id is not None and not job.asked_again:
            job.asked_again = True
            self.later(0.0, job, self.poll)
            return
        self._gone(job, error)

    def _gone(self, job: Job, error: errors.ApiError) -> None:
        """Settle what the service no longer has; what was announced before is sent anew."""
        run = self.run
        error.advice = errors.ExpiredError.default_advice  # of a 404, too
        run.journal.update(_entry(job), "expired", error=error.message)
        if not job.may_buy or run.error or run.canceled or run.crash:
            self._landed(job, _bad("failed", error, job))
            return
        self._is_found(job)
        run.count_in_flight(-1)
        job.prediction, job.entry, job.resumed, job.asked_again = None, None, False, False
        job.tries = job.fetches = 0
        run.schedule.queue(job)

    def _still_open(self, job: Job, error: errors.ApiError) -> None:
        """Leave a prediction that a later run takes up."""
        self._landed(job, _bad("pending", error, job))

    # ------------------------------------------------------------------- parts

    def take_up(self, job: Job, entry: Entry) -> None:
        """Go on with what an earlier run sent, or watch what another run is doing."""
        self.guarded(job, lambda: self.following.take_up(job, entry))

    def resume(self, job: Job, entry: Entry) -> None:
        """Wait for and deliver a prediction that was sent before."""
        job.entry = entry
        url = entry.generation_url
        status = "starting" if url is None else "succeeded"
        job.prediction = Prediction(entry.model, {}, entry.prediction_id, status, url)
        job.sent_at, job.resumed = time.monotonic(), True
        job.deadline = job.sent_at + self.run.time_out
        self.run.count_in_flight(1)
        if job.prediction.finished:
            self.deliver(job)
        else:
            self.poll(job)

    def _landed(self, job: Job, outcome: Outcome) -> None:
        self._is_found(job)
        self.run.count_in_flight(-1)
        self.run.settle(job, outcome)
        # What is settled is kept as long as the run: no more of it than may be of use.
        job.prediction, job.entry = None, replace(_entry(job), request=None)

    def fail(self, job: Job, error: errors.PrunaError) -> None:
        """Settle a row that the service does not take, and that was not charged."""
        self.run.settle(job, Outcome("failed", error=one_line(error), seconds=job.age, cause=error))

    def later(self, seconds: float, job: Job, step: Callable[[Job], None]) -> None:
        """Have a step run after so many seconds."""
        moment = time.monotonic() + seconds
        self.run.schedule.at(moment, lambda: self.guarded(job, lambda: step(job)))

    def _leave(self, endpoint: str, job: Job, step: Callable[[Job], None]) -> Slot | None:
        taken = self.throttles[endpoint].take()
        if isinstance(taken, float):
            self.later(taken, job, step)
            return None
        return taken

    def reached(self) -> None:
        """Note that the service answered."""
        self.reached_at = time.monotonic()
        self.outages = 0
        self.refusals.answered()


def _known(job: Job) -> Prediction:
    if job.prediction is None:  # pragma: no cover - a step out of order
        msg = f"{job!r} was not sent"
        raise RuntimeError(msg)
    return job.prediction


def _entry(job: Job) -> Entry:
    if job.entry is None:  # pragma: no cover - a step out of order
        msg = f"{job!r} is not in the journal"
        raise RuntimeError(msg)
    return job.entry


def _bad(
    status: Any, error: errors.ApiError, job: Job, *, charged: errors.Charged = "yes"
) -> Outcome:
    """Return what became of a prediction that was accepted, and has no output here."""
    return Outcome(
        status, error=one_line(error), seconds=job.age, cost_usd=job.cost_if(charged),
        prediction_id=job.prediction_id, cause=error,
    )  # fmt: skip
