"""Sending predictions: paid work, so nothing goes out twice, and nothing is forgotten."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb import errors
from pruna_nb.api import retry
from pruna_nb.api.upload import Uploader
from pruna_nb.batch.job import Job, Outcome
from pruna_nb.catalog import usd_text
from pruna_nb.files import inputs
from pruna_nb.text import brief, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.api import replies
    from pruna_nb.api.throttle import Slot, Throttle
    from pruna_nb.batch.fetch import Steps
    from pruna_nb.store.entries import Entry

OUTAGE_SECONDS = 180.0
"""How long the service may take nothing, or be out of reach in mid-run, before the run gives up."""
_FIRST_OUTAGE_SECONDS = 12.0
"""How long no connection is made at all before it does: a wrong address should be told soon."""
_UPLOADS_AT_MOST = 8
_RESENDS_AT_MOST = 3
_LOOK_SECONDS = 0.2
_ACCEPTED_OR_NOT = (errors.LostAnswerError, errors.ServerError, errors.ReplyError)


class Sending:
    """Takes requests from the lane and sends them, as the throttle gives leave.

    Parameters
    ----------
    steps : Steps
        What goes on with a prediction that was accepted.
    """

    def __init__(self, steps: Steps) -> None:
        self.steps, self.run, self.throttle = steps, steps.run, steps.throttle
        self.uploader = Uploader(self._upload)

    def submit(self, job: Job, let_next: Callable[[], None]) -> float | None:
        """Send a prediction if the throttle gives leave; else give the seconds to wait."""
        return self.steps.guarded(job, lambda: self._submit(job, let_next))

    def _submit(self, job: Job, let_next: Callable[[], None]) -> float | None:
        run = self.run
        if run.error or run.canceled or run.crash or not run.check_folder():
            stopped = Outcome("pending", error="not sent, since the run was stopped")
            run.settle(job, job.lost or stopped)
            return None
        wire = self._uploaded(job, let_next)
        if wire is None:
            return None
        slot = self.throttle.take()
        if isinstance(slot, float):
            return slot
        let_next()  # the next one's intent then reaches the disk together with this one
        entry = None
        try:
            if run.budget.reserve(job.cost_usd):
                entry = self._claimed(job)
                if entry is None:
                    run.budget.release(job.cost_usd)
            else:
                self._above_budget(job)
        finally:
            if entry is None:
                self.throttle.release(slot)
        if entry is None:
            return None
        job.entry, job.on_the_wire, job.sent_at = entry, True, time.monotonic()
        run.count_on_the_wire(1)
        try:
            self._post(job, entry, wire, slot)
        finally:
            job.on_the_wire = False
            run.count_on_the_wire(-1)
        return None

    def _claimed(self, job: Job) -> Entry | None:
        """Note the intent to send a request; None if another run sent it, and it is followed."""
        following = self.steps.following
        if self.run.options.cache == "use":
            entry = self._intend(job, unless_kept=True)
            if entry is not None:
                return entry
            if following.is_done(job):
                return None
        # It is open elsewhere, or its entry's file is gone, or outputs are not shared.
        entry = self._intend(job)
        if entry is None:
            following.follow(job)
            return None
        # Looked at after the claim: what another run delivers from now on cannot be missed.
        if following.is_done(job):
            self.run.journal.discard(entry)
            return None
        return entry

    def _void(self, job: Job, entry: Entry) -> None:
        """Take back an intent whose POST was not accepted, and what was reserved for it."""
        self.run.journal.discard(entry)
        self.run.budget.release(job.cost_usd)

    def _above_budget(self, job: Job) -> None:
        """Leave a request unsent: lost ones that were sent again have used up the budget."""
        most = self.run.budget.most
        why = f"not sent: it would go above max_cost_usd={most}, with what may have been charged"
        if job.lost is None:
            self.run.settle(job, Outcome("pending", error=why))
        else:
            self.run.settle(
                job, replace(job.lost, error=f"{job.lost.error} {why[:1].upper()}{why[1:]}.")
            )

    def _intend(self, job: Job, *, unless_kept: bool = False) -> Entry | None:
        run = self.run
        owner = run.owner.name if run.owner else ""
        model, request = run.plan.model.name, run.request_of(job)
        entry = run.journal.begin(
            job.key,
            model,
            request,
            owner,
            job.cost_usd,
            unless_kept=unless_kept,
            reusable=run.options.cache != "off",
        )
        announced = job.may_buy or job.key in run.plan.lost or job.key in run.plan.expired
        if entry is not None and (job.resends or announced):
            run.journal.resent(job.key)
        return entry

    def _uploaded(self, job: Job, let_next: Callable[[], None]) -> dict[str, Any] | None:
        """Give the input with files' addresses; None if the upload failed, or took its time.

        What has to be uploaded is uploaded while others submit, and the job then comes back.
        """
        if not any(isinstance(value, (inputs.Media, list)) for value in job.input.values()):
            return job.input
        missing: list[inputs.Media] = []

        def address(media: inputs.Media) -> str:
            known = self.uploader.ready(media)
            if known is None:
                missing.append(media)
            return known or ""

        wire = inputs.replace_media(job.input, address)
        if not missing:
            return wire
        let_next()
        self._send_files(job, missing)
        return None

    def _send_files(self, job: Job, missing: list[inputs.Media]) -> None:
        try:
            for media in missing:
                self.uploader.url(media)
        except errors.ApiError as error:
            if error.account_wide:
                self._stopped_by(job, error)
            else:
                self._not_sent(job, error)
        except errors.InputError as error:  # it has changed since it was looked at
            self.steps.fail(job, error)
        except OSError as error:
            self.steps.fail(job, errors.InputError(f"A file of the row cannot be read: {error}"))
        else:
            self.run.schedule.put_back(job)

    def _post(self, job: Job, entry: Entry, wire: dict[str, Any], slot: Slot) -> None:
        run = self.run
        try:
            prediction = run.calls.create(run.plan.model.name, wire)
        except errors.RateLimitError as error:
            self.throttle.give_back(slot, error)
            self._void(job, entry)
            self._refused(job, error)
            return
        except errors.ApiError as error:
            self.throttle.give_back(slot, error)
            self._post_failed(job, entry, error)
            return
        except errors.InputError as error:  # it is no JSON: nothing was sent
            self.throttle.release(slot)
            self._void(job, entry)
            self.steps.fail(job, error)
            return
        except BaseException as error:
            self.throttle.give_back(slot, error)
            run.journal.update(entry, "lost", error=type(error).__name__)
            raise
        try:
            ours = self.steps.accepted(job, entry, prediction)
        finally:
            self.throttle.give_back(slot)
        self.steps.reached()
        self.steps.refusals.allowed("create")
        if ours:
            self.steps.proceed(job)
            return
        foreign = errors.ReplyError(
            f"The answer names the prediction {prediction.id}, which is another request's"
        )
        run.journal.update(entry, "lost", error=foreign.message)
        self._lost(job, foreign)

    def _post_failed(self, job: Job, entry: Entry, error: errors.ApiError) -> None:
        run = self.run
        if retry.may_create_again(error):
            self._void(job, entry)
            self._not_sent(job, error)
        elif error.account_wide or self._is_no_model(error):
            self._void(job, entry)
            self._stopped_by(job, error)
        elif isinstance(error, _ACCEPTED_OR_NOT):
            self.steps.reached()
            run.journal.update(entry, "lost", error=error.message)
            self._lost(job, error)
        else:
            self.steps.reached()
            self._void(job, entry)
            self.steps.fail(job, error)
            if isinstance(error, errors.AuthenticationError):
                self.steps.refusals.forbidden("create", error)

    def _is_no_model(self, error: errors.ApiError) -> bool:
        """Tell whether the service knows the model as little as the catalogue: so for all rows."""
        return isinstance(error, errors.NotFoundError) and not self.run.plan.model.known

    def _stopped_by(self, job: Job, error: errors.ApiError) -> None:
        """Stop sending, since the account's trouble is every row's."""
        self.run.stop_sending(error)
        refused = Outcome("pending", error=f"not accepted: {brief(error)}")
        self.run.settle(job, job.lost or refused)

    def _lost(self, job: Job, error: errors.ApiError) -> None:
        run = self.run
        price = "" if job.cost_usd is None else f" Its price is {usd_text(job.cost_usd)}."
        text = f"{one_line(error)}{price}"
        job.lost = Outcome("lost", error=text, seconds=job.age, cost_usd=math.nan, cause=error)
        again = run.options.on_lost == "resend" and job.resends < _RESENDS_AT_MOST
        if again and not (run.error or run.canceled):
            job.resends += 1
            run.schedule.queue(job)
        else:
            run.settle(job, job.lost)

    def _refused(self, job: Job, error: errors.RateLimitError) -> None:
        run = self.run
        run.refusals += 1
        self.steps.refusals.limited(error)
        if run.error or run.canceled:
            refused = Outcome("pending", error=f"not accepted: {brief(error)}")
            run.settle(job, job.lost or refused)
        else:
            run.schedule.put_back(job)

    def _not_sent(self, job: Job, error: errors.ApiError) -> None:
        """Put a job back that surely was not accepted, unless the outage lasts too long."""
        run = self.run
        if not retry.may_create_again(error):
            self.steps.fail(job, error)
            return
        self.steps.outages += 1
        never_there = self.steps.reached_at is None and isinstance(
            error, errors.ConnectionFailedError
        )
        patience = _FIRST_OUTAGE_SECONDS if never_there else OUTAGE_SECONDS
        if time.monotonic() - (self.steps.reached_at or run.started_at) > patience:
            run.stop_sending(error)
        if run.error or run.canceled:
            run.settle(job, job.lost or Outcome("pending", error=f"not sent: {brief(error)}"))
            return
        rounds = 1 + self.steps.outages // run.settings.workers
        run.schedule.put_back(job, time.monotonic() + retry.backoff(rounds))

    def _upload(self, media: inputs.Media) -> replies.Upload:
        throttle = self.steps.throttles["files"]
        tries = 0
        while True:
            slot = self._waited_for(throttle)
            try:
                with media.open() as file:
                    upload = self.run.calls.upload(file, media.size, media.type, media.sha256[:16])
            except errors.ApiError as error:
                throttle.give_back(slot, error)
                tries += 1
                again = tries < _UPLOADS_AT_MOST and retry.may_read_again(error, tries)
                if not again or self.run.error or self.run.canceled:
                    raise
                time.sleep(retry.backoff(tries))
                continue
            except BaseException as error:
                throttle.give_back(slot, error)
                raise
            throttle.give_back(slot)
            return upload

    def _waited_for(self, throttle: Throttle) -> Slot:
        """Wait for leave to upload, as long as the run goes on."""
        while isinstance(taken := throttle.take(), float):
            if self.run.error or self.run.canceled:
                raise errors.ConnectionFailedError("The run was stopped before the file was sent")
            time.sleep(min(max(taken, 0.001), _LOOK_SECONDS))
        return taken
