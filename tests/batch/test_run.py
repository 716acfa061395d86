"""Runs from end to end, on real sockets."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from PIL import Image

from pruna_nb import emulator, errors, settings
from pruna_nb.batch import fetch
from pruna_nb.batch.plan import announcements
from tests.helpers.runs import end_predictions, planned, prompts, states, work

pytestmark = pytest.mark.usefixtures("quickly")


def test_every_row_gets_its_own_picture(service):
    _, outcomes = work(prompts(30))
    asked = {row["id"]: row["input"]["prompt"] for row in service.accepted}
    assert [asked[outcome.prediction_id] for outcome in outcomes] == prompts(30)
    for outcome in outcomes:
        with Image.open(outcome.output) as image:
            image.load()
    assert len({outcome.output for outcome in outcomes}) == 30


def test_equal_rows_share_one_prediction_and_pay_once(service):
    run, outcomes = work(["a", "b", "a", None, "a"])
    assert service.charged == 2
    assert [outcome.status for outcome in outcomes] == [*["succeeded"] * 3, "skipped", "succeeded"]
    assert outcomes[0].output == outcomes[2].output == outcomes[4].output
    assert [outcome.cost_usd for outcome in outcomes] == [0.005, 0.005, 0, 0, 0]
    assert [outcome.cached for outcome in outcomes] == [False, False, True, False, True]
    assert run.cost_usd == pytest.approx(0.01)


def test_one_bad_row_is_its_own(service):
    rows = [*prompts(5), {"prompt": "bad", "aspect_ratio": "7:3"}]
    _, outcomes = work(rows)
    assert [outcome.status for outcome in outcomes] == [*["succeeded"] * 5, "failed"]
    assert "aspect_ratio" in outcomes[5].error
    assert outcomes[5].cost_usd == 0.0
    assert states() == {"delivered": 5}


def test_a_prompt_of_any_characters_gets_its_picture(service):
    rows = ["\x00\x1b[31mred", "\u202eright to left", "<script>alert(1)</script>", "x" * 100_000,
            "🦊🏽\u200d🔬", "a\r\nb: c", "%s {} $x$"]  # fmt: skip
    _, outcomes = work(rows)
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert [row["input"]["prompt"] for row in service.accepted] != []
    assert {row["input"]["prompt"] for row in service.accepted} == set(rows)


def test_nothing_to_do_is_over_at_once(service):
    work(prompts(3))
    run, outcomes = work(prompts(3))
    assert run.jobs == {}
    assert all(outcome.cached for outcome in outcomes)
    assert not any(thread.name.startswith("pruna_nb-") for thread in threading.enumerate())


def test_hundreds_in_flight_need_no_more_threads_than_workers():
    with (
        emulator.running(fast=True, latency=600) as service,
        settings.configure(
            api_key="k", base_url=service.url, workers=8, limits={"p-image": (10_000, 1.0)}
        ),
    ):
        run = planned(prompts(200))
        before = threading.active_count()
        run.start()
        most_threads = 0
        while not run.join(0.02):
            most_threads = max(most_threads, threading.active_count() - before)
            if run.in_flight == 200:
                end_predictions(service)
    assert run.counts == {"succeeded": 200}
    assert most_threads <= 8 + 1  # and the one that closes up


def test_no_thread_and_no_connection_is_left_behind(service):
    work(prompts(20))

    def left():
        threads = [thread.name for thread in threading.enumerate()]
        connections = [
            connection
            for connection in psutil.Process().net_connections("tcp")
            if connection.raddr and connection.raddr.port == service.port
        ]
        return (
            [name for name in threads if re.fullmatch(r"pruna_nb-(\d+|close)", name)],
            [each for each in connections if each.status == psutil.CONN_ESTABLISHED],
        )

    # The threads close up behind the run's end: at once, or later on a busy machine.
    end = time.monotonic() + 60
    while left() != ([], []) and time.monotonic() < end:
        time.sleep(0.02)
    assert left() == ([], [])


def test_an_error_that_nobody_foresaw_stays_with_its_row_and_is_told(service, monkeypatch, caplog):
    keep = fetch.Fetcher.deliver

    def stumble(self, job):
        if job.input["prompt"] == "thing 3":
            raise KeyError("unforeseen")
        keep(self, job)

    with monkeypatch.context() as patch:
        patch.setattr(fetch.Fetcher, "deliver", stumble)
        run, outcomes = work(prompts(10))
    assert Counter(outcome.status for outcome in outcomes) == {"succeeded": 9, "pending": 1}
    assert "KeyError" in outcomes[3].error
    assert outcomes[3].prediction_id
    assert "unforeseen" in caplog.text
    assert run.in_flight == 0
    _, again = work(prompts(10))
    assert again[3].status == "succeeded"
    assert service.charged == 10


def test_an_error_in_every_row_ends_the_run_before_all_is_paid(service, monkeypatch):
    def stumble(self, job):
        raise KeyError("in every row")

    with monkeypatch.context() as patch:
        patch.setattr(fetch.Fetcher, "deliver", stumble)
        with settings.configure(limits={"p-image": (10, 0.5)}):
            run, _ = work(prompts(100))
    assert isinstance(run.crash, KeyError)
    assert service.charged < 50
    _, again = work(prompts(100))
    assert {outcome.status for outcome in again} == {"succeeded"}
    assert service.charged == 100


def test_a_cancelled_run_is_taken_up_and_nothing_is_paid_twice(service):
    service.configure(latency=600)
    run = planned(prompts(40))
    run.start()
    while run.in_flight < 5 and not run.done:
        time.sleep(0.005)
    run.cancel()
    assert run.join(60)
    service.configure(latency=0)
    end_predictions(service)
    outcomes = run.row_outcomes()
    assert all(outcome.status in {"succeeded", "pending"} for outcome in outcomes)
    again = planned(prompts(40))
    resumed = again.plan.count("resume")
    assert resumed > 0
    assert any(f"{resumed:,} predictions" in line for line in announcements(again.plan))
    _, outcomes = work(prompts(40))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.charged == 40


def test_what_was_taken_up_costs_nothing_this_time(service):
    service.configure(latency=600)
    run = planned(["a"])
    run.start()
    while not run.in_flight:
        time.sleep(0.005)
    run.cancel()
    run.join(60)
    end_predictions(service)
    again, (outcome,) = work(["a"])
    assert (outcome.status, outcome.cost_usd, outcome.cached) == ("succeeded", 0.0, True)
    assert again.cost_usd == 0.0


def test_two_runs_of_one_process_over_the_same_rows_pay_once(service):
    service.configure(latency=0.3)
    runs = [planned(prompts(20)) for _ in range(3)]
    for run in runs:
        run.start()
    assert all(run.join(60) for run in runs)
    for run in runs:
        found = run.row_outcomes()
        assert {outcome.status for outcome in found} == {"succeeded"}
        assert all(Path(outcome.output).exists() for outcome in found)
    assert service.charged == 20


def test_a_key_that_fails_in_mid_run_stops_the_sending_and_keeps_what_is_done(service):
    service.configure(latency=0.2, keys=["test-key"])
    limits = {"p-image": (10, 0.5)}
    with settings.configure(limits=limits):
        run = planned(prompts(100))
        run.start()
        while run.counts["succeeded"] < 5:
            time.sleep(0.01)
        service.configure(keys=["another-key"])
        assert run.join(60)
    assert isinstance(run.error, errors.AuthenticationError)
    outcomes = run.row_outcomes()
    counts = Counter(outcome.status for outcome in outcomes)
    assert counts["succeeded"] >= 5
    assert counts["succeeded"] + counts["pending"] == 100
    assert service.charged < 60
    service.configure(keys=["test-key"])
    _, again = work(prompts(100))
    assert {outcome.status for outcome in again} == {"succeeded"}
    assert service.charged == 100


def test_a_spent_quota_stops_the_sending_and_delivers_what_is_in_flight(service):
    service.configure(latency=0.2, quota=12)
    with settings.configure(limits={"p-image": (10, 0.5)}):
        run, outcomes = work(prompts(100))
    assert isinstance(run.error, errors.QuotaError)
    counts = Counter(outcome.status for outcome in outcomes)
    assert counts["succeeded"] == 12
    assert service.charged == 12
    assert counts["pending"] >= 70
