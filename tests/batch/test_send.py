"""Sending on real sockets: limits, lost answers, the budget, uploads, outages."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from decimal import Decimal

import pytest

from pruna_nb import emulator, errors, settings
from pruna_nb.batch import health, send
from pruna_nb.batch.plan import announcements, make_plan
from pruna_nb.files.inputs import Media
from tests.faults.servers import Server, reply
from tests.helpers.media import picture
from tests.helpers.runs import journal, planned, prompts, requests_of, states, work

pytestmark = pytest.mark.usefixtures("quickly")


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


def test_the_limit_is_kept_to_the_request(own_files):
    limit = {"p-image": (20, 1.0)}
    with (
        emulator.running(fast=True, latency=(0.05, 0.2), limits=limit, window="sliding") as service,
        settings.configure(api_key="k", base_url=service.url, limits=limit),
    ):
        run, outcomes = work(prompts(60))
    assert Counter(outcome.status for outcome in outcomes) == {"succeeded": 60}
    assert (service.charged, service.refused, run.refusals) == (60, 0, 0)


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
    assert "Resending 2 predictions whose answer was lost earlier" in line
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
    send = run.endpoints.transport.ask
    posts = []

    def watched(method, path, read, **more):
        if method == "POST":
            posts.append(path)
            if len(posts) == 2:
                service.configure(keys=["another-key"])
        return send(method, path, read, **more)

    run.endpoints.transport.ask = watched
    run.start()
    assert run.join(60)
    (outcome,) = run.row_outcomes()
    assert len(posts) == 2
    assert outcome.status == "lost"
    assert isinstance(run.error, errors.AuthenticationError)


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
        assert run.join(60)
        # The answer came after all: its id is kept, and the next run takes it up.
        assert [entry.prediction_id for entry in journal().open_entries().values()] == ["abc"]


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
