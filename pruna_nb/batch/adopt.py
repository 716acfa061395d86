"""A request that is open already: adopted if its run is gone, watched if that is at work."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING

from pruna_nb.batch.job import Job, Outcome
from pruna_nb.console import LOG
from pruna_nb.files.lock_holders import stopped_holder
from pruna_nb.files.owned import is_media_name
from pruna_nb.store.run_locks import is_at_work, lock_of

if TYPE_CHECKING:
    from pruna_nb.batch.fetch import Fetcher
    from pruna_nb.batch.state import RunState
    from pruna_nb.statuses import Status
    from pruna_nb.store.entries import Entry

_CHECK_SECONDS = 0.5
# How often it is checked whether the process of a run that is waited for was stopped.
_STOPPED_SECONDS = 2.0


class Adopter:
    """Keeps two runs from paying for one request."""

    def __init__(self, run: RunState, fetch: Fetcher) -> None:
        self.run, self.fetch = run, fetch
        self._checked_at: dict[str, float] = {}

    def adopt(self, job: Job, entry: Entry) -> None:
        """Resume an open request whose run is gone, or watch the run that is at work on it."""
        run = self.run
        if entry.state == "delivered" or (
            entry.state == "sent" and not is_at_work(run.settings.cache_dir, entry.run)
        ):
            # Of several runs that see this at the same time, the journal gives it to one.
            ours = run.journal.claim(entry, run.lock_name)
            if ours is not None:
                self.fetch.resume(job, ours)
                return
        self._watch(job, entry.entry)

    def follow(self, job: Job) -> None:
        """Go on with a request that another run opened since the plan was made."""
        run = self.run
        entry = run.journal.open_entry(job.key)
        if entry is not None:
            self.adopt(job, entry)
        elif not self.is_done(job):
            lost = run.journal.lost().get(job.key)
            if lost and job.key not in run.plan.lost:
                self._lost(job, lost[-1])
            else:
                run.schedule.queue(job)

    def is_done(self, job: Job) -> bool:
        """Take what another run delivered since the plan was made, if outputs are shared."""
        run = self.run
        hit = run.cache.find([job.key]).get(job.key) if run.options.cache == "use" else None
        if hit is None:
            return False
        done = Outcome("succeeded", hit.path, cached=True, prediction_id=hit.prediction_id)
        run.settle(job, done)
        return True

    def _watch(self, job: Job, name: str) -> None:
        """Do what the other run's journal entry says, or look at it again later."""
        run = self.run
        entry = run.journal.get(name)
        if entry is None:
            run.schedule.queue(job)
        elif entry.state in {"intent", "sent"}:
            if is_at_work(run.settings.cache_dir, entry.run):
                self._warn_if_stopped(entry.run)
                run.later(_CHECK_SECONDS, job, partial(self._watch, name=name))
            else:
                self.follow(job)
        elif entry.state == "delivered" and is_media_name(entry.media):
            path = str(run.cache.store.folder / str(entry.media))
            shared = Outcome("succeeded", path, cached=True, prediction_id=entry.prediction_id)
            run.settle(job, shared)
        elif entry.state in {"failed", "canceled"}:
            status: Status = "canceled" if entry.state == "canceled" else "failed"
            run.settle(job, Outcome(status, error=entry.error, prediction_id=entry.prediction_id))
        elif job.may_buy:  # what it could cost was announced
            run.schedule.queue(job)
        else:
            self._lost(job, entry)

    def _lost(self, job: Job, entry: Entry) -> None:
        why = f"{entry.state} in another run ({entry.error}): run again to send it once more"
        self.run.settle(job, Outcome("lost", error=why, cost_usd=math.nan))

    def _warn_if_stopped(self, owner: str) -> None:
        """Warn, once, if the other run's process was stopped: it could be waited for for ever."""
        now = time.monotonic()
        if now < self._checked_at.get(owner, 0.0):
            return
        self._checked_at[owner] = now + _STOPPED_SECONDS
        lock = lock_of(self.run.settings.cache_dir, owner)
        pid = stopped_holder(lock)
        if pid is not None:
            self._checked_at[owner] = math.inf
            LOG.warning(
                "Process %d is sending rows that this run has too, and is stopped: they are waited "
                "for. `kill -CONT %d` lets it go on; if it is ended, this run goes on with what it "
                "sent. Its lock is %s",
                pid,
                pid,
                lock,
            )
