"""The steps of one prediction: submit, poll, deliver; each short, each leading to the next."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb import errors
from pruna_nb.api import files, replies, retry
from pruna_nb.api.replies import Prediction
from pruna_nb.api.throttle import throttle_for
from pruna_nb.batch.follow import Following
from pruna_nb.batch.job import Job, Outcome
from pruna_nb.batch.polling import Polling
from pruna_nb.catalog import ENDPOINT_LIMITS, limit_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api.throttle import Slot, Throttle
    from pruna_nb.batch.journal import Entry
    from pruna_nb.batch.run import Run

OUTAGE_SECONDS = 180.0
"""How long the service may be out of reach in mid-run before the run gives up."""
_FIRST_OUTAGE_SECONDS = 12.0
"""The same before the first answer: an address that is wrong should be told soon."""
_REFUSALS_AT_MOST = 20
_DELIVERIES_AT_MOST = 8
_RESENDS_AT_MOST = 3
_ACCEPTED_OR_NOT = (errors.LostAnswerError, errors.ServerError, errors.ReplyError)


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
        self.polling = Polling(model.output)
        self.uploader = files.Uploader(self._upload)
        self.following = Following(run, self)
        self._reached_at: float | None = None
        self._outages = 0
        self._refused_in_a_row = 0

    # ------------------------------------------------------------------ submit

    def submit(self, job: Job, let_next: Callable[[], None]) -> float | None:
        """Send a prediction if the throttle gives leave; else give the seconds to wait."""
        run = self.run
        if run.error or run.canceled:
            run.settle(job, Outcome("pending", error="not sent, since the run was stopped"))
            return None
        wire = self._uploaded(job, let_next)
        if wire is None:
            return None
        slot = self.throttle.take()
        if isinstance(slot, float):
            return slot
        try:
            entry = run.journal.intend(
                job.key, run.plan.model.name, run.request_of(job), self._owner(), job.cost_usd
            )
        except BaseException:
            self.throttle.release(slot)
            raise
        if entry is None:
            self.throttle.release(slot)
            let_next()
            self.following.follow(job)
            return None
        if job.key in run.plan.lost:
            run.journal.resent(job.key)
        job.entry = entry
        let_next()
        run.count_on_the_wire(1)
        try:
            self._post(job, entry, wire, slot)
        finally:
            run.count_on_the_wire(-1)
        return None

    def _uploaded(self, job: Job, let_next: Callable[[], None]) -> dict[str, Any] | None:
        """Give the input with files' addresses; None if the upload failed, or took its time.

        What has to be uploaded is uploaded while others submit, and the job then comes back.
        """
        if not any(isinstance(value, (files.Media, list)) for value in job.input.values()):
            return job.input
        missing: list[files.Media] = []

        def address(media: files.Media) -> str:
            known = self.uploader.ready(media)
            if known is None:
                missing.append(media)
            return known or ""

        wire = files.replace_media(job.input, address)
        if not missing:
            return wire
        let_next()
        try:
            for media in missing:
                self.uploader.url(media)
        except errors.ApiError as error:
            self._not_sent(job, error)
        except OSError as error:
            self._fail(job, errors.InputError(f"A file of the row cannot be read: {error}"))
        else:
            self.run.schedule.put_back(job)
        return None

    def _post(self, job: Job, entry: Entry, wire: dict[str, Any], slot: Slot) -> None:
        run = self.run
        try:
            prediction = run.calls.create(run.plan.model.name, wire, sync=run.options.sync)
        except errors.RateLimitError as error:
            self.throttle.refuse(slot, error.retry_after)
            run.journal.void(entry)
            self._refused(job, error)
            return
        except errors.ApiError as error:
            self._give_back(slot, error)
            self._post_failed(job, entry, error)
            return
        except BaseException as error:
            self.throttle.answered(slot)
            run.journal.note(entry, "lost", error=type(error).__name__)
            raise
        self.throttle.answered(slot)
        self._reached()
        self._accepted(job, entry, prediction)

    def _accepted(self, job: Job, entry: Entry, prediction: Prediction) -> None:
        run = self.run
        job.prediction = replace(prediction, input={})
        job.sent_at = time.monotonic()
        job.deadline = job.sent_at + run.time_out
        run.count_in_flight(1)
        # An output that was finished in the first answer may have no id: its address is all.
        job.entry = run.journal.note(
            entry,
            "sent",
            prediction_id=prediction.id,
            generation_url=prediction.generation_url,
        )
        if prediction.finished:
            self._ended(job)
        else:
            self._later(self.polling.first(run.in_flight), job, self.poll)

    def _post_failed(self, job: Job, entry: Entry, error: errors.ApiError) -> None:
        run = self.run
        if retry.may_create_again(error):
            run.journal.void(entry)
            self._not_sent(job, error)
        elif error.account_wide:
            run.journal.void(entry)
            run.stop_sending(error)
            run.settle(job, Outcome("pending", error=f"not accepted: {_text(error)}"))
        elif isinstance(error, _ACCEPTED_OR_NOT):
            self._reached()
            run.journal.note(entry, "lost", error=error.message)
            self._lost(job, error)
        else:
            self._reached()
            run.journal.void(entry)
            self._fail(job, error)

    def _lost(self, job: Job, error: errors.ApiError) -> None:
        run = self.run
        if run.options.on_lost == "resend" and job.resends < _RESENDS_AT_MOST and not run.error:
            job.resends += 1
            run.journal.resent(job.key)
            run.schedule.queue(job)
            return
        price = "" if job.cost_usd is None else f" Its price is {job.cost_usd:g} USD."
        text = f"{_text(error)}{price}"
        run.settle(
            job, Outcome("lost", error=text, seconds=job.age, cost_usd=math.nan, cause=error)
        )

    def _refused(self, job: Job, error: errors.RateLimitError) -> None:
        run = self.run
        run.refusals += 1
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= _REFUSALS_AT_MOST + run.settings.workers:
            run.stop_sending(error)
        if run.error or run.canceled:
            run.settle(job, Outcome("pending", error=f"not accepted: {_text(error)}"))
        else:
            run.schedule.put_back(job)

    def _not_sent(self, job: Job, error: errors.ApiError) -> None:
        """Put a job back that surely was not accepted, unless the outage lasts too long."""
        run = self.run
        if not retry.may_create_again(error):
            self._fail(job, error)
            return
        self._outages += 1
        patience = OUTAGE_SECONDS
        since = self._reached_at
        if since is None:
            patience, since = _FIRST_OUTAGE_SECONDS, run.started_at
        if time.monotonic() - since > patience:
            run.stop_sending(error)
        if run.error or run.canceled:
            run.settle(job, Outcome("pending", error=f"not sent: {_text(error)}"))
            return
        rounds = 1 + self._outages // run.settings.workers
        run.schedule.put_back(job, time.monotonic() + retry.backoff(rounds))

    # -------------------------------------------------------------------- poll

    def poll(self, job: Job) -> None:
        """Ask where a prediction stands."""
        slot = self._leave("status", job, self.poll)
        if slot is None:
            return
        throttle = self.throttles["status"]
        asked_at = job.age
        try:
            now = self.run.calls.status(_known(job))
        except errors.ApiError as error:
            self._read_failed(throttle, slot, job, error, self.poll)
            return
        throttle.answered(slot)
        self._reached()
        job.prediction, job.tries = now, 0
        if now.finished:
            self.polling.learn(job.unfinished_at, job.age)
            self._ended(job)
            return
        job.unfinished_at = asked_at
        if time.monotonic() > job.deadline:
            self._timed_out(job)
            return
        self._later(self.polling.again(job.age, self.run.in_flight), job, self.poll)

    def _ended(self, job: Job) -> None:
        prediction = _known(job)
        if prediction.status == "succeeded":
            self.deliver(job)
            return
        error = replies.ended_badly(prediction)
        state: Literal["canceled", "failed"] = (
            "canceled" if prediction.status == "canceled" else "failed"
        )
        self.run.journal.note(_entry(job), state, error=error.message)
        if error.account_wide:
            self.run.stop_sending(error)
        self._landed(job, Outcome(
            state, error=_text(error), seconds=job.age, cost_usd=math.nan,
            prediction_id=prediction.id, cause=error,
        ))  # fmt: skip

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
        try:
            stored = run.calls.deliver(_known(job), run.cache.store, run.plan.model.output)
        except errors.ApiError as error:
            self._read_failed(throttle, slot, job, error, self.deliver)
            return
        except BaseException:
            throttle.answered(slot)
            raise
        throttle.answered(slot)
        self._reached()
        seconds = job.age
        if run.options.cache != "off":
            run.cache.keep(job.key, stored, {
                "model": run.plan.model.name, "input": run.request_of(job),
                "prediction_id": job.prediction_id, "seconds": seconds, "cost_usd": job.cost_usd,
            })  # fmt: skip
        run.journal.note(_entry(job), "delivered", media=run.cache.name_of(stored))
        cost = math.nan if job.cost_usd is None else job.cost_usd
        self._landed(job, Outcome(
            "succeeded", str(stored.path), seconds=seconds, cost_usd=cost,
            prediction_id=job.prediction_id,
        ))  # fmt: skip

    def _read_failed(
        self,
        throttle: Throttle,
        slot: Slot,
        job: Job,
        error: errors.ApiError,
        step: Callable[[Job], None],
    ) -> None:
        if isinstance(error, errors.RateLimitError):
            throttle.refuse(slot, error.retry_after)
        else:
            self._give_back(slot, error, throttle)
        job.tries += 1
        if error.account_wide:
            self.run.stop_sending(error)
            self._still_open(job, error)
        elif isinstance(error, errors.ExpiredError):
            self._expired(job, error)
        elif not retry.may_read_again(error, job.tries):
            self.run.journal.note(_entry(job), "expired", error=error.message)
            self._landed(job, _bad("failed", error, job))
        elif self._too_often(job, error, step):
            self._still_open(job, error)
        else:
            self._later(retry.backoff(job.tries), job, step)

    def _too_often(self, job: Job, error: errors.ApiError, step: Callable[[Job], None]) -> bool:
        if isinstance(error, errors.ConnectionFailedError):
            since = self._reached_at or self.run.started_at
            return time.monotonic() - since > OUTAGE_SECONDS
        if step == self.deliver:
            return job.tries >= _DELIVERIES_AT_MOST
        return time.monotonic() > job.deadline

    def _expired(self, job: Job, error: errors.ApiError) -> None:
        """Ask once more where the output is; an address may be older than the output."""
        if job.prediction_id is not None and not job.asked_again:
            job.asked_again = True
            self._later(0.0, job, self.poll)
            return
        self.run.journal.note(_entry(job), "expired", error=error.message)
        self._landed(job, _bad("failed", error, job))

    def _still_open(self, job: Job, error: errors.ApiError) -> None:
        """Leave a prediction that a later run takes up."""
        self._landed(job, _bad("pending", error, job))

    # ------------------------------------------------------------------- parts

    def take_up(self, job: Job, entry: Entry) -> None:
        """Go on with what an earlier run sent, or watch what another run is doing."""
        self.following.take_up(job, entry)

    def resume(self, job: Job, entry: Entry) -> None:
        """Wait for and deliver a prediction that was sent before."""
        job.entry = entry
        url = entry.generation_url
        status = "starting" if url is None else "succeeded"
        job.prediction = Prediction(entry.model, {}, entry.prediction_id, status, url)
        job.sent_at = time.monotonic()
        job.deadline = job.sent_at + self.run.time_out
        self.run.count_in_flight(1)
        if job.prediction.finished:
            self.deliver(job)
        else:
            self.poll(job)

    def _landed(self, job: Job, outcome: Outcome) -> None:
        self.run.count_in_flight(-1)
        self.run.settle(job, outcome)

    def _fail(self, job: Job, error: errors.PrunaError) -> None:
        self.run.settle(job, Outcome("failed", error=_text(error), seconds=job.age, cause=error))

    def _later(self, seconds: float, job: Job, step: Callable[[Job], None]) -> None:
        self.run.schedule.at(time.monotonic() + seconds, lambda: step(job))

    def _leave(self, endpoint: str, job: Job, step: Callable[[Job], None]) -> Slot | None:
        taken = self.throttles[endpoint].take()
        if isinstance(taken, float):
            self._later(taken, job, step)
            return None
        return taken

    def _give_back(
        self, slot: Slot, error: errors.ApiError, throttle: Throttle | None = None
    ) -> None:
        throttle = throttle or self.throttle
        if isinstance(error, errors.ConnectionFailedError):
            throttle.release(slot)
        else:
            throttle.answered(slot)

    def _reached(self) -> None:
        self._reached_at = time.monotonic()
        self._outages = self._refused_in_a_row = 0

    def _upload(self, media: files.Media) -> replies.Upload:
        throttle = self.throttles["files"]
        tries = 0
        while True:
            slot = throttle.wait()
            try:
                with media.open() as file:
                    upload = self.run.calls.upload(file, media.size, media.type, media.sha256[:16])
            except errors.ApiError as error:
                if isinstance(error, errors.RateLimitError):
                    throttle.refuse(slot, error.retry_after)
                else:
                    self._give_back(slot, error, throttle)
                tries += 1
                if tries >= _DELIVERIES_AT_MOST or not retry.may_read_again(error, tries):
                    raise
                time.sleep(retry.backoff(tries))
                continue
            except BaseException:
                throttle.answered(slot)
                raise
            throttle.answered(slot)
            return upload

    def _owner(self) -> str:
        return self.run.owner.name if self.run.owner else ""


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


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())


def _bad(status: Any, error: errors.ApiError, job: Job) -> Outcome:
    return Outcome(
        status, error=_text(error), seconds=job.age, cost_usd=math.nan,
        prediction_id=job.prediction_id, cause=error,
    )  # fmt: skip
