"""What follows a POST that was accepted: ask where the prediction stands, fetch it, store it.

Each step is short and schedules the next one, so that no thread waits for a picture.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pruna_nb import errors
from pruna_nb.api import replies, retry
from pruna_nb.api.replies import Prediction
from pruna_nb.api.throttle import throttle_for
from pruna_nb.batch.health import OUTAGE_SECONDS
from pruna_nb.batch.job import Outcome
from pruna_nb.batch.polling import Polling
from pruna_nb.catalog import ENDPOINT_LIMITS, cost_usd
from pruna_nb.files.clips import video_seconds
from pruna_nb.files.kinds import MP4
from pruna_nb.redact import hide_in_error
from pruna_nb.store.entries import OUTPUT_LIFE_SECONDS
from pruna_nb.text import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api.throttle import Slot
    from pruna_nb.batch.job import Job
    from pruna_nb.batch.state import RunState
    from pruna_nb.store.entries import Entry

MISSING_SECONDS = 180.0
"""How long a prediction that the service does not find is asked for before it counts as gone."""
_DELIVERIES_AT_MOST = 8


class Fetcher:
    """Fetches the outputs of a run's predictions."""

    def __init__(self, run: RunState) -> None:
        self.run = run
        self.throttles = {
            name: throttle_for(run.settings, name, limit) for name, limit in ENDPOINT_LIMITS.items()
        }
        alone = len(run.jobs) == 1
        self.pollings = {
            model.name: Polling(model.output, alone=alone) for model in run.plan.models
        }

    def follow(self, job: Job) -> None:
        """Wait for a prediction that was just accepted, or fetch its output."""
        job.deadline = job.sent_at + self.run.timeout_of(job)
        if _known(job).finished:
            self._ended(job)
        else:
            self.run.later(self.pollings[job.model.name].first_pause(), job, self.poll)

    def resume(self, job: Job, entry: Entry) -> None:
        """Wait for a prediction that an earlier run sent, or fetch its output."""
        job.entry = entry
        url = entry.generation_url
        status = "starting" if url is None else "succeeded"
        job.prediction = Prediction(entry.model, {}, entry.prediction_id, status, url)
        job.sent_at, job.resumed = time.monotonic(), True
        job.deadline = job.sent_at + self.run.timeout_of(job)
        self.run.count_in_flight(1)
        if job.prediction.finished:
            self.deliver(job)
        else:
            self.poll(job)

    def poll(self, job: Job) -> None:
        """Ask where a prediction stands, when it is its turn."""
        wait = self.pollings[job.model.name].next_turn(time.monotonic())
        if wait > 0:
            self.run.later(wait, job, self._ask)
        else:
            self._ask(job)

    def _ask(self, job: Job) -> None:
        run, slot = self.run, self._slot("status", job, self._ask)
        if slot is None:
            return
        asked_at = job.age
        try:
            with self.throttles["status"].giving_back(slot):
                job_now = run.endpoints.status(_known(job))
        except errors.ApiError as error:
            self._read_failed(job, error, self.poll)
            return
        run.health.answered()
        run.health.accepted("read")
        self._is_found(job)
        job.prediction, job.tries = job_now, 0
        if job_now.finished:
            if not job.resumed:  # of a resumed one, nobody saw when it was finished
                self.pollings[job.model.name].learn(job.unfinished_at, job.age)
            self._ended(job)
            return
        job.unfinished_at = asked_at
        if time.monotonic() > job.deadline:
            text = f"Still {job_now.status} after {run.timeout_of(job):g} s"
            self._finish(job, job.outcome("pending", errors.PredictionTimeoutError(text)))
            return
        run.later(self.pollings[job.model.name].next_pause(job.age), job, self.poll)

    def _ended(self, job: Job) -> None:
        """Fetch the output of a prediction that is finished, or settle one that has none."""
        run, prediction = self.run, _known(job)
        if prediction.status == "succeeded":
            self.deliver(job)
            return
        secrets = job.model.secrets_in(job.input)
        error = hide_in_error(replies.ended_badly(prediction, job.input), secrets)
        status: Literal["canceled", "failed"] = "failed"
        if prediction.status == "canceled":
            status = "canceled"
        cost = {"cost_usd": 0.0} if error.charged == "no" else {}
        run.journal.update(_entry(job), status, error=error.message, **cost)
        if error.account_wide:
            run.stop_sending(error)
        self._finish(job, job.outcome(status, error, charged=error.charged))

    def deliver(self, job: Job) -> None:
        """Fetch the output, check it and store it."""
        run, slot = self.run, self._slot("delivery", job, self.deliver)
        if slot is None:
            return
        model = job.model
        try:
            with self.throttles["delivery"].giving_back(slot):
                run.cache.warm_up()
                stored = run.endpoints.deliver(_known(job), run.cache.store, model.output)
        except errors.ApiError as error:
            self._read_failed(job, error, self.deliver)
            return
        run.health.answered()
        entry, seconds, cost = _entry(job), job.age, job.cost_usd
        if job.resumed and entry.cost_usd is not None:
            cost = entry.cost_usd
        elif cost is None and stored.type is MP4:
            # Where a video or audio input sets the length, the output's length gives the price.
            cost = cost_usd(model, job.input, seconds=video_seconds(stored.path))

        def store() -> None:
            if run.options.cache != "off":
                record = {
                    "model": model.name,
                    "input": run.request_of(job),
                    "prediction_id": job.prediction_id,
                    "seconds": seconds,
                    "cost_usd": cost,
                    "origin": run.journal.origin,
                    "account": run.journal.account,
                    "entry": entry.entry,
                    "tags": entry.tags,
                }
                run.cache.put(job.key, stored, record)
                if run.storage is not None:
                    run.storage.note(job.key)
            run.journal.update(entry, "delivered", media=run.cache.name_of(stored), cost_usd=cost)

        # Both or none: a kill between the two must not leave an output that seems not fetched.
        run.cache.database.together(store)
        if run.uploads is not None and run.options.cache != "off":
            run.uploads.submit([job.key])
        job.cost_usd = cost
        done = Outcome(
            "succeeded",
            str(stored.path),
            seconds=seconds,
            cost_usd=job.cost_if("yes"),
            cached=job.resumed,
            prediction_id=job.prediction_id,
        )
        self._finish(job, done)

    def _read_failed(self, job: Job, error: errors.ApiError, step: Callable[[Job], None]) -> None:
        """Ask or fetch again after an error, or settle the request by it."""
        run, delivering = self.run, step == self.deliver
        if delivering:
            job.fetches += 1
        else:
            job.tries += 1
        tries = job.fetches if delivering else job.tries
        if delivering and job.prediction_id is not None and tries % 3 == 0:
            step = self.poll  # the output's address may be what is wrong: ask for it again
        if error.account_wide:
            run.stop_sending(error)
            why = f"sent, and not fetched, since the run was stopped: {brief(error)}"
            self._finish(job, replace(job.outcome("pending", error), error=why))
        elif isinstance(error, errors.ExpiredError):
            if job.prediction_id is not None and not job.asked_again:
                job.asked_again = True  # an address may be older than the output
                run.later(0.0, job, self.poll)
            else:
                self._gone(job, error)
        elif isinstance(error, errors.NotFoundError):
            self._not_found(job, error, step, tries)
        elif not retry.may_read_again(error, tries) or self._too_often(
            job, error, delivering=delivering
        ):
            if isinstance(error, errors.AuthenticationError):
                run.forbidden("read", error)
            self._finish(job, job.outcome("pending", error))
        else:
            left = job.deadline - time.monotonic()
            wait = min(retry.backoff(tries), left) if left > 0 else retry.backoff(tries)
            run.later(wait, job, step)

    def _too_often(self, job: Job, error: errors.ApiError, *, delivering: bool) -> bool:
        if isinstance(error, errors.ConnectionFailedError):
            # That the service answers others does not help an output whose own host does not.
            is_out = self.run.health.silent_seconds(self.run.started_at) > OUTAGE_SECONDS
            return is_out or time.monotonic() > job.deadline
        if delivering:
            return job.fetches >= _DELIVERIES_AT_MOST
        return time.monotonic() > job.deadline

    def _not_found(
        self, job: Job, error: errors.ApiError, step: Callable[[Job], None], tries: int
    ) -> None:
        """Ask again for what the service does not find: it may not know of it everywhere yet."""
        now = time.monotonic()
        if job.missing_since is None:
            job.missing_since = now
            # Meanwhile it is not in flight, so that it keeps no other row from being sent.
            self.run.count_in_flight(-1)
        # Its 24 hours are compared by the service's own clock, since ours may be wrong.
        sent, date = _entry(job).service_date, self.run.endpoints.clock.now()
        expired = sent is not None and date is not None and date - sent > OUTPUT_LIFE_SECONDS
        if expired or now - job.missing_since > MISSING_SECONDS:
            self._gone(job, error)
        elif now > job.deadline:
            self._finish(job, job.outcome("pending", error))
        else:
            self.run.later(retry.backoff(tries), job, step)

    def _is_found(self, job: Job) -> None:
        if job.missing_since is not None:
            job.missing_since = None
            self.run.count_in_flight(1)

    def _gone(self, job: Job, error: errors.ApiError) -> None:
        """Settle what the service no longer has, or send again what was announced to be."""
        run = self.run
        error.advice = errors.ExpiredError.default_advice  # also of a 404
        run.journal.update(_entry(job), "expired", error=error.message)
        if not job.may_buy or run.is_stopping:
            self._finish(job, job.outcome("failed", error))
            return
        self._is_found(job)
        run.count_in_flight(-1)
        job.prediction, job.entry, job.resumed, job.asked_again = None, None, False, False
        job.tries = job.fetches = 0
        run.schedule.queue(job)

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self._is_found(job)
        self.run.count_in_flight(-1)
        self.run.settle(job, outcome)
        # Settled jobs live as long as the run: drop what is large and of no more use.
        job.prediction, job.entry = None, replace(_entry(job), request=None)

    def _slot(self, endpoint: str, job: Job, step: Callable[[Job], None]) -> Slot | None:
        """Return leave for a call; if there is none yet, schedule the step for when there is."""
        taken = self.throttles[endpoint].take()
        if isinstance(taken, float):
            self.run.later(taken, job, step)
            return None
        return taken


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
