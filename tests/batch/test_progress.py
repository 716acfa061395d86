"""What a run says while it goes on, and when it is over."""

from __future__ import annotations

import logging
import time

import pytest

from pruna_nb import emulator, settings
from pruna_nb.batch import progress
from tests.helpers.runs import (
    at_each_outcome,
    planned,
    prompts,
    work,
)

pytestmark = pytest.mark.usefixtures("quickly")


def test_the_time_left_is_told_by_the_limit_all_along(own_files):
    limits, told = {"p-image": (10, 2.0)}, []
    with (
        emulator.running(latency=0.3, limits=limits) as service,
        settings.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        run = planned(prompts(35))
        at_each_outcome(run, lambda: told.append((time.monotonic(), run.seconds_left())))
        run.start()
        assert run.join(60)
    # Four windows: no row ends before the fourth begins, however fast the first ones were.
    ends = [moment + left for moment, left in told]
    assert min(ends) > run.started_at + 3 * 2.0
    assert max(ends) < run.ended_at + 2.0


def test_the_closing_line_counts_every_row_once(service, capsys):
    work(["cached"])
    service.configure(faults={"failed": {"first": 1}, "reset_after": {"first": 1, "after": 3}})
    run = planned(["cached", *prompts(6), "thing 0", None])
    progress.wait(run, progress=True)
    line = capsys.readouterr().out.strip().splitlines()[-1]
    assert line.startswith("9 rows: ")
    counts = run.facts().counts
    assert counts.total() == 9
    assert (counts["failed"], counts["lost"], counts["skipped"]) in {(1, 1, 1), (2, 1, 1)}


def test_the_bar_counts_no_row_that_was_stopped(service, monkeypatch):
    class Bar:
        n = 0

        def __init__(self, **options):
            self.total = options["total"]

        def set_postfix_str(self, text, *, refresh):
            del refresh
            self.text = text

        def update(self, change):
            self.n += change

    service.configure(latency=60)
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    run = planned(prompts(5))
    run.start()
    run.cancel()
    assert run.join(60)
    bar = progress.Bar(run, shown=True)
    bar.update()
    assert (bar.drawn.total, bar.drawn.n) == (5, 0)
    assert "left" not in bar.drawn.text


def test_what_earlier_runs_lost_is_told_without_a_bar_too(service, caplog):
    service.configure(faults={"reset_after": {"first": 1}})
    work(prompts(2))
    caplog.set_level(logging.WARNING)
    progress.wait(planned(prompts(2)), progress=False)
    assert "Resending 1 prediction whose answer was lost earlier" in caplog.text
