"""Runs from end to end, on real sockets."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from PIL import Image

from pruna_nb import emulator, errors, settings
from pruna_nb.batch import fetch, health, progress, send
from pruna_nb.batch.plan import announcements, make_plan
from pruna_nb.files.inputs import Media
from pruna_nb.store.journal import Journal
from tests.faults.servers import Server, reply
from tests.helpers.media import picture
from tests.helpers.runs import (
    at_each_outcome,
    end_predictions,
    planned,
    prompts,
    requests_of,
    work,
)

pytestmark = pytest.mark.usefixtures("quickly")


def journal():
    now = settings.current()
    return Journal(now.cache_dir, now.base_url)


def states():
    return Counter(entry.state for entry in journal().entries())


# ------------------------------------------------------------------- what comes out


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


def test_an_input_that_is_no_json_or_no_unicode_fails_its_row_and_sends_nothing_of_it(service):
    _, outcomes = work(
        [{"prompt": "a", "x": float("nan")}, {"prompt": "b"}, {"prompt": "c\ud800"}],
        model="p-image",
    )
    assert outcomes[0].status == "failed"
    assert "Nothing was sent" in outcomes[0].error
    assert outcomes[2].status == "failed"
    assert "Nothing was sent" in outcomes[2].error
    assert service.counts["predictions"] == 1
    assert states().get("lost", 0) == 0


def test_a_prompt_of_any_characters_gets_its_picture(service):
    rows = ["\x00\x1b[31mred", "\u202eright to left", "<script>alert(1)</script>", "x" * 100_000,
            "🦊🏽\u200d🔬", "a\r\nb: c", "%s {} $x$"]  # fmt: skip
    _, outcomes = work(rows)
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert [row["input"]["prompt"] for row in service.accepted] != []
    assert {row["input"]["prompt"] for row in service.accepted} == set(rows)


def test_a_failed_prediction_says_what_the_service_said(service):
    service.configure(faults={"failed": {"first": 1}})
    _, outcomes = work(prompts(3))
    counts = Counter(outcome.status for outcome in outcomes)
    assert counts == {"succeeded": 2, "failed": 1}
    (bad,) = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert "MODEL_ERROR" in bad.error
    assert math.isnan(bad.cost_usd)


def test_nothing_to_do_is_over_at_once(service):
    work(prompts(3))
    run, outcomes = work(prompts(3))
    assert run.jobs == {}
    assert all(outcome.cached for outcome in outcomes)
    assert not any(thread.name.startswith("pruna_nb-") for thread in threading.enumerate())


# --------------------------------------------------------------------- how it goes


def test_the_limit_is_kept_to_the_request(own_files):
    limit = {"p-image": (20, 1.0)}
    with (
        emulator.running(fast=True, latency=(0.05, 0.2), limits=limit, window="sliding") as service,
        settings.configure(api_key="k", base_url=service.url, limits=limit),
    ):
        run, outcomes = work(prompts(60))
    assert Counter(outcome.status for outcome in outcomes) == {"succeeded": 60}
    assert (service.charged, service.refused, run.refusals) == (60, 0, 0)


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


def test_a_limit_below_ours_is_met_once_and_then_kept():
    limits = {"p-image": (10, 1.0)}
    with (
        emulator.running(fast=True, latency=0.05, limits=limits, window="sliding") as service,
        settings.configure(api_key="k", base_url=service.url, limits={"p-image": (20, 1.0)}),
    ):
        _, outcomes = work(prompts(40))
        assert Counter(outcome.status for outcome in outcomes) == {"succeeded": 40}
        assert service.charged == 40
        # The burst of a window, once, and a few while the pace is found.
        assert service.refused <= 32


def test_hundreds_in_flight_need_no_more_threads_than_workers():
    with (
        emulator.running(fast=True, latency=1.5) as service,
        settings.configure(
            api_key="k", base_url=service.url, workers=8, limits={"p-image": (10_000, 1.0)}
        ),
    ):
        run = planned(prompts(200))
        before = threading.active_count()
        run.start()
        most_threads = most_in_flight = 0
        while not run.join(0.02):
            most_threads = max(most_threads, threading.active_count() - before)
            most_in_flight = max(most_in_flight, run.in_flight)
    assert run.counts == {"succeeded": 200}
    assert most_in_flight > 50
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
    end = time.monotonic() + 20
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


# ---------------------------------------------------------------- lost and sent again


def test_a_lost_answer_is_reported_with_its_price_and_not_sent_again(service):
    service.configure(faults={"reset_after": {"first": 2}})
    _, outcomes = work(prompts(5))
    lost = [outcome for outcome in outcomes if outcome.status == "lost"]
    assert len(lost) == 2
    for outcome in lost:
        assert "may have been charged" in outcome.error
        assert "0.005 USD" in outcome.error
        assert math.isnan(outcome.cost_usd)
    assert service.counts["predictions"] == 5
    assert states() == {"delivered": 3, "lost": 2}


def test_a_later_run_sends_the_lost_ones_again_and_says_so(service):
    service.configure(faults={"reset_after": {"first": 2}})
    work(prompts(5))
    run = planned(prompts(5))
    (line,) = announcements(run.plan)
    assert "2 predictions lost on the way before" in line
    assert "0.01 USD at most" in line
    _, outcomes = work(prompts(5))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.charged == 7
    assert states() == {"delivered": 5, "resent": 2}
    assert announcements(planned(prompts(5)).plan) == []


def test_on_lost_resend_sends_them_again_at_once_and_says_what_it_did(service):
    service.configure(faults={"reset_after": {"first": 2}})
    _, outcomes = work(prompts(5), on_lost="resend")
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.charged == 7
    assert states() == {"delivered": 5, "resent": 2}


def test_on_lost_resend_does_not_pay_for_ever(service):
    service.configure(faults={"reset_after": 1.0})
    _, outcomes = work(["a"], on_lost="resend")
    assert outcomes[0].status == "lost"
    assert service.charged == 1 + send._RESENDS_AT_MOST


@pytest.mark.parametrize(("budget", "posts"), [("0.025", 5), ("0.03", 6), ("1", 10)])
def test_the_budget_holds_for_what_is_sent_again_too(service, budget, posts):
    service.configure(faults={"reset_after": {"first": 5}})
    _, outcomes = work(prompts(5), on_lost="resend", max_cost_usd=Decimal(budget))
    assert service.charged == posts
    statuses = Counter(outcome.status for outcome in outcomes)
    assert statuses == Counter(succeeded=posts - 5, lost=10 - posts)
    for outcome in outcomes:
        assert outcome.status == "succeeded" or f"max_cost_usd={budget}" in outcome.error


def test_what_was_refused_uses_up_nothing_of_the_budget(service):
    service.configure(faults={"refuse_429": {"first": 2}, "html_503": {"first": 4}})
    _, outcomes = work(prompts(5), max_cost_usd=Decimal("0.025"))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}


def test_a_lost_row_that_was_not_sent_again_after_all_is_still_told_as_lost(service):
    """The account's trouble comes between the loss and the second POST."""
    service.configure(faults={"reset_after": {"first": 1}}, keys=["test-key"])
    run = planned(["a"], on_lost="resend")
    send = run.calls.transport.ask
    posts = []

    def watched(method, path, read, **more):
        if method == "POST":
            posts.append(path)
            if len(posts) == 2:
                service.configure(keys=["another-key"])
        return send(method, path, read, **more)

    run.calls.transport.ask = watched
    run.start()
    assert run.join(60)
    (outcome,) = run.row_outcomes()
    assert len(posts) == 2
    assert outcome.status == "lost"
    assert isinstance(run.error, errors.AuthenticationError)


# ------------------------------------------------------------------------- taking up


def test_a_cancelled_run_is_taken_up_and_nothing_is_paid_twice(service):
    service.configure(latency=600)
    run = planned(prompts(40))
    run.start()
    while run.in_flight < 5 and not run.done:
        time.sleep(0.005)
    run.cancel()
    assert run.join(30)
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
    run.join(30)
    end_predictions(service)
    again, (outcome,) = work(["a"])
    assert (outcome.status, outcome.cost_usd, outcome.cached) == ("succeeded", 0.0, True)
    assert again.cost_usd == 0.0


def test_a_row_whose_post_is_on_the_wire_is_not_said_to_be_unsent():
    slow = threading.Event()

    def answer(asked):
        slow.wait(20)
        return reply(201, {"id": "abc"})

    with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
        run = planned(["a"])
        run.start()
        while not server.asked:
            time.sleep(0.005)
        run.cancel()
        (outcome,) = run.row_outcomes()
        assert outcome.status == "pending"
        assert "answer had not come" in outcome.error
        assert math.isnan(outcome.cost_usd)
        slow.set()
        assert run.join(30)
        # The answer came after all: its id is kept, and the next run takes it up.
        assert [entry.prediction_id for entry in journal().open_entries().values()] == ["abc"]


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


def test_a_prediction_that_never_ends_is_given_up_and_taken_up_later(service):
    service.configure(faults={"never_ends": {"first": 1}})
    _, outcomes = work(prompts(3), timeout=0.5)
    counts = Counter(outcome.status for outcome in outcomes)
    assert counts == {"succeeded": 2, "pending": 1}
    (waiting,) = [outcome for outcome in outcomes if outcome.status == "pending"]
    assert "after 0.5 s" in waiting.error
    assert "nothing is sent or paid again" in waiting.error
    _, again = work(prompts(3), timeout=0.5)
    assert service.charged == 3
    assert Counter(outcome.status for outcome in again) == {"succeeded": 2, "pending": 1}


def test_an_output_too_large_to_take_is_fetched_once_now_and_again_when_more_is_allowed(service):
    with settings.configure(max_output_bytes=100):
        _, (outcome,) = work(["a"])
    assert outcome.status == "pending"
    assert "max_output_bytes" in outcome.error
    assert service.counts["delivery"] == 1
    _, (outcome,) = work(["a"])
    assert outcome.status == "succeeded"
    assert service.charged == 1


def test_a_prediction_that_the_service_does_not_know_yet_is_asked_for_again():
    """Ten times 404 in its first seconds: its copies have not heard of it everywhere."""
    left = [10]
    jpeg = picture("JPEG")

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        if "delivery" in asked.path:
            return reply(200, jpeg)
        left[0] -= 1
        if left[0] > 0:
            return reply(404, {"error": {"code": "NOT_FOUND"}})
        return reply(200, {"status": "succeeded", "generation_url": "/v1/predictions/delivery/x"})

    with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
        _, (outcome,) = work(["a"])
    assert outcome.status == "succeeded"


def test_a_prediction_that_the_service_does_not_find_for_long_is_given_up_and_may_have_cost(
    monkeypatch,
):
    monkeypatch.setattr(fetch, "MISSING_SECONDS", 0.0)

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        return reply(404, {"error": {"code": "NOT_FOUND", "message": "unknown"}})

    with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
        _, (outcome,) = work(["a"])
        assert outcome.status == "failed"
        assert "may have been charged" in outcome.error
        assert states() == {"expired": 1}


def test_a_host_of_outputs_that_refuses_does_not_stop_the_run():
    """A signed address that ran out gives 403: it is the address's, not the account's."""
    jpeg, asked_for = picture("JPEG"), []

    def elsewhere(asked):
        return reply(200, jpeg) if asked.path == "/good" else reply(403, "<Error>expired</Error>")

    with Server(elsewhere) as other:

        def answer(asked):
            if asked.method == "POST":
                return reply(201, {"id": "abc"})
            asked_for.append(asked.path)
            name = "good" if len(asked_for) > 1 else "ran-out"
            return reply(200, {"status": "succeeded", "generation_url": f"{other.url}/{name}"})

        with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
            run, (outcome,) = work(["a"])
    assert run.error is None
    assert outcome.status == "succeeded"
    assert len(asked_for) == 2  # its address was asked for anew


@pytest.mark.parametrize("status", [400, 405, 422])
def test_an_output_that_is_refused_in_a_strange_way_stays_open_and_is_not_paid_again(status):
    jpeg, strange = picture("JPEG"), [True]

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": "/v1/out.jpg"})
        return reply(status, {}) if strange else reply(200, jpeg)

    with Server(answer) as server, settings.configure(api_key="k", base_url=server.url):
        _, (outcome,) = work(["a"])
        assert outcome.status == "pending"
        strange.clear()
        _, (outcome,) = work(["a"])
    assert outcome.status == "succeeded"
    assert server.paths("POST") == ["/v1/predictions"]


def test_polling_learns_nothing_from_what_it_took_up(service):
    service.configure(latency=600)
    run = planned(prompts(6))
    run.start()
    while run.in_flight < 6:
        time.sleep(0.005)
    run.cancel()
    run.join(30)
    end_predictions(service)
    again, _ = work(prompts(6))
    assert again.fetch.polling._sorted == []


# -------------------------------------------------------------------- account, uploads


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


def test_a_model_that_nobody_knows_stops_the_run_at_once(service):
    with settings.configure(workers=2):
        run, outcomes = work(prompts(50), model="brand-new")
    assert isinstance(run.error, errors.NotFoundError)
    assert {outcome.status for outcome in outcomes} == {"pending"}
    assert service.counts["predictions"] <= 4


def test_a_key_that_fails_on_an_upload_stops_the_run(service):
    service.configure(keys=["another-key"])
    rows = [{"prompt": "red", "images": [Media(picture(seed=seed))]} for seed in range(20)]
    with settings.configure(workers=2):
        run, outcomes = work(rows, model="p-image-edit")
    assert isinstance(run.error, errors.AuthenticationError)
    assert {outcome.status for outcome in outcomes} == {"pending"}
    assert service.counts["files"] <= 4


def test_rows_that_share_files_upload_them_once(service):
    shared = Media(picture(seed=1))
    rows = [{"prompt": f"red {number}", "images": [shared]} for number in range(20)]
    _, outcomes = work(rows, model="p-image-edit")
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.counts["files"] == 1


def test_a_file_that_expires_in_mid_batch_is_uploaded_again(service):
    """Files live two seconds here, the batch takes four."""
    service.configure(file_ttl=2.0)
    shared = Media(picture(seed=1))
    rows = [{"prompt": f"red {number}", "images": [shared]} for number in range(24)]
    with settings.configure(limits={"p-image-edit": (4, 0.8)}):
        _, outcomes = work(rows, model="p-image-edit")
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert 2 <= service.counts["files"] <= 24


def test_a_file_that_changes_before_its_turn_fails_its_row_alone(service, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(picture("PNG", seed=1))
    rows = [
        {"prompt": "red", "images": [Media(picture(seed=2))]},
        {"prompt": "red", "images": [Media(path)]},
    ]
    requests = requests_of(rows, "p-image-edit")
    assert requests[0].key != requests[1].key
    path.write_bytes(picture("PNG", seed=3, size=(50, 50)))
    run = planned([rows[0]], model="p-image-edit")
    assert run is not None
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import get_model

    plan = make_plan(get_model("p-image-edit"), requests, settings.current(), "use")
    run = Run(plan, settings.current(), RunOptions())
    run.start()
    assert run.join(60)
    good, bad = run.row_outcomes()
    assert (good.status, bad.status) == ("succeeded", "failed")
    assert "has changed" in bad.error
    assert service.charged == 1


def test_an_upload_that_fails_says_that_nothing_was_charged(service):
    service.configure(faults={"files_500": 1.0})
    rows = [{"prompt": "red", "images": [Media(picture())]}]
    _, (outcome,) = work(rows, model="p-image-edit")
    assert outcome.status == "failed"
    assert "Nothing was charged" in outcome.error
    assert service.charged == 0


# ---------------------------------------------------------------------------- outages


def test_an_address_where_nobody_listens_is_told_soon(monkeypatch):
    from tests.faults.servers import free_port

    monkeypatch.setattr(health, "_FIRST_OUTAGE_SECONDS", 0.5)
    with settings.configure(api_key="k", base_url=f"http://127.0.0.1:{free_port()}"):
        run, outcomes = work(prompts(50))
        assert isinstance(run.error, errors.ConnectionFailedError)
        assert {outcome.status for outcome in outcomes} == {"pending"}
        assert states() == {}


def test_a_service_that_says_503_is_waited_for_longer_than_one_that_is_not_there(monkeypatch):
    monkeypatch.setattr(health, "_FIRST_OUTAGE_SECONDS", 0.0)
    with (
        emulator.running(fast=True, latency=0, faults={"html_503": {"first": 40}}) as service,
        settings.configure(api_key="k", base_url=service.url),
    ):
        run, outcomes = work(prompts(5))
    assert run.error is None
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.charged == 5


# ------------------------------------------------------------------ told at the end


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
    assert run.join(20)
    bar = progress.Bar(run, shown=True)
    bar.update()
    assert (bar.drawn.total, bar.drawn.n) == (5, 0)
    assert "left" not in bar.drawn.text


def test_what_earlier_runs_lost_is_told_without_a_bar_too(service, caplog):
    service.configure(faults={"reset_after": {"first": 1}})
    work(prompts(2))
    caplog.set_level(logging.WARNING)
    progress.wait(planned(prompts(2)), progress=False)
    assert "1 prediction lost on the way before" in caplog.text
