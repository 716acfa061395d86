"""Runs over rows of prompts, without a frame."""

from __future__ import annotations

import time
from collections import Counter

from pruna_nb.api import retry
from pruna_nb.batch.options import RunOptions
from pruna_nb.batch.plan import Request, make_plan
from pruna_nb.batch.run import Run
from pruna_nb.catalog import find_model
from pruna_nb.settings import current
from pruna_nb.store.journal import Journal
from pruna_nb.store.keys import request_key


def journal():
    """Return the journal of the settings in force, read anew."""
    now = current()
    return Journal(now.cache_dir, now.base_url)


def states():
    """Return how many journal entries are in each state."""
    return Counter(entry.state for entry in journal().entries())


def soon(monkeypatch):
    """Wait a hundredth of the seconds between tries."""
    waits = retry.backoff
    monkeypatch.setattr(retry, "backoff", lambda tries: waits(tries) / 100)


def requests_of(rows, model="p-image"):
    """Make one request of each prompt or input; None is skipped."""
    known, service = find_model(model, unchecked=True), current().service
    inputs = [{"prompt": row} if isinstance(row, str) else row for row in rows]
    return [
        Request(None, None, "prompt is empty")
        if given is None
        else Request(request_key(service, known, given), given)
        for given in inputs
    ]


def planned(rows, *, model="p-image", cache="use", **options):
    """Plan rows and make the run, which is not started."""
    known = find_model(model, unchecked=True)
    plan = make_plan(known, requests_of(rows, model), current(), cache)
    return Run(plan, current(), RunOptions(cache, **options))


def work(rows, *, seconds=60.0, **options):
    """Run rows to the end; give the run and the rows' outcomes."""
    run = planned(rows, **options)
    run.start()
    assert run.join(seconds), f"not over after {seconds:g} s: {run.counts}, {run.schedule.__dict__}"
    return run, run.row_outcomes()


def at_each_outcome(run, listener):
    """Call a function after each request of a run that is settled."""
    settle = run.settle

    def listened(job, outcome):
        settle(job, outcome)
        listener()

    run.settle = listened


def end_predictions(service, count=None):
    """End now what a local emulator has accepted, or the first so many of it.

    With a latency that nothing reaches before, a test decides when predictions end, not the clock.
    """
    for prediction in service._core.accepted[:count]:
        prediction.finish = time.time()


def prompts(count, start=0):
    """Return prompts that are all different."""
    return [f"thing {number}" for number in range(start, start + count)]
