"""Sending predictions: paid work, so nothing goes out twice, and nothing is forgotten."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb import errors
from pruna_nb.api import retry
from pruna_nb.api.throttle import throttle_for
from pruna_nb.api.upload import Uploader
from pruna_nb.batch.job import Job, Outcome
from pruna_nb.catalog import limit_for, usd_text
from pruna_nb.files import inputs
from pruna_nb.text import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api import replies
    from pruna_nb.api.throttle import Slot
    from pruna_nb.batch.adopt import Adopter
    from pruna_nb.batch.fetch import Fetcher
    from pruna_nb.batch.state import RunState
    from pruna_nb.store.entries import Entry

_UPLOADS_AT_MOST = 8
_RESENDS_AT_MOST = 3
_CHECK_SECONDS = 0.2
_MAYBE_ACCEPTED = (errors.LostAnswerError, errors.ServerError, errors.ReplyError)


class Sender:
    """Sends a run's requests, as the throttle gives leave."""

    def __init__(self, run: RunState, fetch: Fetcher, adopt: Adopter) -> None:
        self.run, self.fetch, self.adopt = run, fetch, adopt
        self.throttles = {
            model.name: throttle_for(run.settings, model.name, limit_for(model))
            for model in run.plan.models
        }
        self.uploader = Uploader(self._upload)

    def submit(self, job: Job, let_next: Callable[[], None]) -> float | None:
        """Send a request if the throttle gives leave; else return the seconds to wait.

        `let_next` is called once it has leave, so that the next one may ask for it.
        """
        run = self.run
        if run.is_stopping or not run.check_folder():
            run.leave_unsent(job, "not sent, since the run was stopped")
            return None
        fields = self._with_uploads(job, let_next)
        if fields is None:
            return None
        throttle = self.throttles[job.model.name]
        slot = throttle.take()
        if isinstance(slot, float):
            return slot
        let_next()  # the next one's intent then reaches the disk together with this one
        entry = None
        try:
            entry = self._claim(job)
        finally:
            if entry is None:
                throttle.release(slot)
        if entry is None:
            return None
        job.entry, job.on_the_wire, job.sent_at = entry, True, time.monotonic()
        run.count_on_the_wire(1)
        try:
            self._post(job, entry, fields, slot)
        finally:
            job.on_the_wire = False
            run.count_on_the_wire(-1)
        return None

    def _with_uploads(self, job: Job, let_next: Callable[[], None]) -> dict[str, Any] | None:
        """Return the input with the addresses of its files; None if they had to be uploaded.

        That is done while others submit, and the job then comes back.
        """
        if not any(isinstance(value, (inputs.Media, list)) for value in job.input.values()):
            return job.input
        missing: list[inputs.Media] = []

        def address(media: inputs.Media) -> str:
            known = self.uploader.ready(media)
            if known is None:
                missing.append(media)
            return known or ""

        fields = inputs.replace_media(job.input, address)
        if not missing:
            return fields
        let_next()
        self._send_files(job, missing)
        return None

    def _send_files(self, job: Job, missing: list[inputs.Media]) -> None:
        run = self.run
        try:
            for media in missing:
                self.uploader.url(media)
        except errors.ApiError as error:
            if error.account_wide:
                self._stopped_by(job, error)
            else:
                self._not_accepted(job, error)
        except errors.InputError as error:  # it has changed since it was checked
            run.fail(job, error)
        except OSError as error:
            run.fail(job, errors.InputError(f"A file of the row cannot be read: {error}"))
        else:
            run.schedule.requeue(job)

    def _claim(self, job: Job) -> Entry | None:
        """Reserve the price and journal the intent; None if the request is not to be sent."""
        run, budget = self.run, self.run.budget
        if not budget.reserve(job.cost_usd):  # lost ones that were sent again used it up
            most = f"max_cost_usd={budget.most}"
            why = f"not sent: it would go above {most}, with what may have been charged"
            if job.lost is not None:
                text = f"{job.lost.error} {why[:1].upper()}{why[1:]}."
                job.lost = replace(job.lost, error=text)
            run.leave_unsent(job, why)
            return None
        entry = self._intend(job, unless_kept=True) if run.options.cache == "use" else None
        if entry is not None:
            return entry
        if not self.adopt.is_done(job):
            # It is open elsewhere, or its entry's file is gone, or outputs are not shared.
            entry = self._intend(job)
            if entry is None:
                self.adopt.follow(job)
            elif not self.adopt.is_done(job):
                return entry
            else:  # checked after the claim: what another run delivers cannot be missed from now on
                run.journal.discard(entry)
        budget.release(job.cost_usd)
        return None

    def _intend(self, job: Job, *, unless_kept: bool = False) -> Entry | None:
        run = self.run
        entry = run.journal.begin(
            job.key,
            job.model.name,
            run.request_of(job),
            run.lock_name,
            job.cost_usd,
            unless_kept=unless_kept,
            reusable=run.options.cache != "off",
            tags=run.options.tag,
            allow=lambda: run.budget.day.refusal(job.cost_usd),
        )
        announced = job.may_buy or job.key in run.plan.lost or job.key in run.plan.expired
        if entry is not None and (job.resends or announced):
            run.journal.resent(job.key)
        return entry

    def _void(self, job: Job, entry: Entry) -> None:
        """Take back an intent whose POST was not accepted, and what was reserved for it."""
        self.run.journal.discard(entry)
        self.run.budget.release(job.cost_usd)

    def _post(self, job: Job, entry: Entry, fields: dict[str, Any], slot: Slot) -> None:
        """Send a request whose intent is in the journal, and journal what came of it."""
        run, throttle = self.run, self.throttles[job.model.name]
        try:
            prediction = run.endpoints.create(job.model.name, fields)
        except errors.InputError as error:  # it cannot be written as JSON: nothing was sent
            throttle.release(slot)
            self._void(job, entry)
            run.fail(job, error)
            return
        except errors.ApiError as error:
            throttle.give_back(slot, error)
            self._post_failed(job, entry, error)
            return
        except BaseException as error:
            throttle.give_back(slot, error)
            run.journal.update(entry, "lost", error=type(error).__name__)
            raise
        job.prediction = replace(prediction, input={})
        run.count_in_flight(1)
        try:
            # The id is worth money: it is in the journal before anything else that could fail.
            # An output that came with the first answer may have no id: its address is all.
            accepted = run.journal.accept(
                entry, prediction.id, prediction.generation_url, run.endpoints.clock.now()
            )
        finally:
            throttle.give_back(slot)
        run.health.answered()
        run.health.accepted("create")
        if accepted is not None:
            job.entry = accepted
            self.fetch.follow(job)
            return
        job.prediction = None
        run.count_in_flight(-1)
        foreign = errors.ReplyError(
            f"The answer names the prediction {prediction.id}, which is another request's"
        )
        run.journal.update(entry, "lost", error=foreign.message)
        self._lost(job, foreign)

    def _post_failed(self, job: Job, entry: Entry, error: errors.ApiError) -> None:
        """Take back the intent of a POST that was surely not accepted; else it counts as lost."""
        run = self.run
        if isinstance(error, errors.RateLimitError):
            self._void(job, entry)
            run.refusals += 1
            if run.health.is_limited_for_good(error):
                run.stop_sending(error)
            if run.is_stopping:
                run.leave_unsent(job, f"not accepted: {brief(error)}")
            else:
                run.schedule.requeue(job)
        elif retry.may_create_again(error):
            self._void(job, entry)
            self._not_accepted(job, error)
        elif error.account_wide or (
            # A model that neither the service nor the catalogue knows is missing for all rows.
            isinstance(error, errors.NotFoundError) and not job.model.known
        ):
            self._void(job, entry)
            self._stopped_by(job, error)
        elif isinstance(error, _MAYBE_ACCEPTED):
            run.health.answered()
            run.journal.update(entry, "lost", error=error.message)
            self._lost(job, error)
        else:
            run.health.answered()
            self._void(job, entry)
            run.fail(job, error)
            if isinstance(error, errors.AuthenticationError):
                run.forbidden("create", error)

    def _stopped_by(self, job: Job, error: errors.ApiError) -> None:
        """Stop sending, since the account's trouble is every row's."""
        self.run.stop_sending(error)
        self.run.leave_unsent(job, f"not accepted: {brief(error)}")

    def _lost(self, job: Job, error: errors.ApiError) -> None:
        """Send again what may have been charged, if that was asked for; else report it."""
        run = self.run
        price = "" if job.cost_usd is None else f" Its price is {usd_text(job.cost_usd)}."
        text = f"{one_line(error)}{price}"
        job.lost = Outcome("lost", error=text, seconds=job.age, cost_usd=math.nan, cause=error)
        again = run.options.on_lost == "resend" and job.resends < _RESENDS_AT_MOST
        if again and not run.is_stopping:
            job.resends += 1
            run.schedule.queue(job)
        else:
            run.settle(job, job.lost)

    def _not_accepted(self, job: Job, error: errors.ApiError) -> None:
        """Queue a job again that surely was not accepted, unless the outage lasts too long."""
        run = self.run
        if not retry.may_create_again(error):
            run.fail(job, error)
            return
        if run.health.is_gone(error, run.started_at):
            run.stop_sending(error)
        if run.is_stopping:
            run.leave_unsent(job, f"not sent: {brief(error)}")
            return
        # In an outage each worker fails once before anything is learnt: that is one round.
        rounds = 1 + run.health.outages // run.settings.workers
        run.schedule.requeue(job, time.monotonic() + retry.backoff(rounds))

    def _upload(self, media: inputs.Media) -> replies.Upload:
        """Upload a file, and again where that failed, as long as the run goes on."""
        run, throttle, tries = self.run, self.fetch.throttles["files"], 0
        while True:
            while isinstance(slot := throttle.take(), float):
                if run.is_stopping:
                    text = "The run was stopped before the file was sent"
                    raise errors.ConnectionFailedError(text)
                time.sleep(min(max(slot, 0.001), _CHECK_SECONDS))
            try:
                with throttle.giving_back(slot), media.open() as file:
                    return run.endpoints.upload(file, media.size, media.type, media.sha256[:16])
            except errors.ApiError as error:
                tries += 1
                again = tries < _UPLOADS_AT_MOST and retry.may_read_again(error, tries)
                if not again or run.is_stopping:
                    raise
                time.sleep(retry.backoff(tries))
