"""A request that is open already: taken up if its run is gone, watched if it is at work."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING

from pruna_nb.batch.job import Job, Outcome, Status
from pruna_nb.console import LOG
from pruna_nb.files.lock_holders import stopped_holder
from pruna_nb.files.owned import is_media_name
from pruna_nb.store.run_locks import is_at_work, lock_of

if TYPE_CHECKING:
    from pruna_nb.batch.fetch import Steps
    from pruna_nb.batch.run import Run
    from pruna_nb.store.entries import Entry

_LOOK_SECONDS = 0.5
_STOPPED_SECONDS = 2.0
"""How often it is asked whether the process of a run that is waited for was stopped."""


class Following:
    """Watches what other runs are doing, so that two of them charge a row once.

    Parameters
    ----------
    run : Run
        The run that has the row too.
    steps : Steps
        Its steps, which go on with what is taken up.
    """

    def __init__(self, run: Run, steps: Steps) -> None:
        self.run, self.steps = run, steps
        self._looked_at: dict[str, float] = {}

    def take_up(self, job: Job, entry: Entry) -> None:
        """Go on with an open request that the plan found."""
        run = self.run
        owner = run.owner.name if run.owner else ""
        if entry.state == "delivered" or (
            entry.state == "sent" and not is_at_work(run.settings.cache_dir, entry.run)
        ):
            ours = run.journal.claim(entry, owner)
            if ours is not None:
                self.steps.resume(job, ours)
                return
        self._watch(job, entry.entry)

    def follow(self, job: Job) -> None:
        """Go on with a request that another run opened since the plan was made."""
        entry = self.run.journal.open_entry(job.key)
        if entry is None:
            self._done_elsewhere(job)
        else:
            self.take_up(job, entry)

    def _watch(self, job: Job, name: str) -> None:
        run = self.run
        entry = run.journal.get(name)
        if entry is None:
            run.schedule.queue(job)
        elif entry.state in {"intent", "sent"}:
            if not is_at_work(run.settings.cache_dir, entry.run):
                self.follow(job)
                return
            self._tell_if_stopped(entry.run)
            moment = time.monotonic() + _LOOK_SECONDS
            look = partial(self._watch, job, name)
            run.schedule.at(moment, lambda: self.steps.guarded(job, look))
        elif entry.state == "delivered" and is_media_name(entry.media):
            self._share(job, entry)
        elif entry.state in {"failed", "canceled"}:
            status: Status = "canceled" if entry.state == "canceled" else "failed"
            run.settle(job, Outcome(status, error=entry.error, prediction_id=entry.prediction_id))
        elif job.may_buy:  # what it could cost was announced
            run.schedule.queue(job)
        else:
            self._lost(job, entry)

    def _tell_if_stopped(self, owner: str) -> None:
        """Say, once, that a run is waited for whose process was stopped: it could be for ever."""
        now = time.monotonic()
        if now < self._looked_at.get(owner, 0.0):
            return
        self._looked_at[owner] = now + _STOPPED_SECONDS
        lock = lock_of(self.run.settings.cache_dir, owner)
        pid = stopped_holder(lock)
        if pid is not None:
            self._looked_at[owner] = math.inf
            LOG.warning(
                "Process %d is sending rows that this run has too, and is stopped: they are waited "
                "for. `kill -CONT %d` lets it go on; if it is ended, this run goes on with what it "
                "sent. Its lock is %s",
                pid, pid, lock,
            )  # fmt: skip

    def _lost(self, job: Job, entry: Entry) -> None:
        why = f"{entry.state} in another run ({entry.error}): run again to send it anew"
        self.run.settle(job, Outcome("lost", error=why, cost_usd=math.nan))

    def _share(self, job: Job, entry: Entry) -> None:
        path = self.run.cache.store.folder / str(entry.media)
        outcome = Outcome("succeeded", str(path), cached=True, prediction_id=entry.prediction_id)
        self.run.settle(job, outcome)

    def is_done(self, job: Job) -> bool:
        """Take what another run delivered since the plan was made, if outputs are shared."""
        run = self.run
        if run.options.cache != "use":
            return False
        hit = run.cache.find([job.key]).get(job.key)
        if hit is None:
            return False
        done = Outcome("succeeded", hit.path, cached=True, prediction_id=hit.prediction_id)
        run.settle(job, done)
        return True

    def _done_elsewhere(self, job: Job) -> None:
        """Take what another run has just finished, or send it after all."""
        if self.is_done(job):
            return
        lost = self.run.journal.lost().get(job.key)
        if lost and job.key not in self.run.plan.lost:
            self._lost(job, lost[-1])
        else:
            self.run.schedule.queue(job)
