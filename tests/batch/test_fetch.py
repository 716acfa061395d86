"""What was sent, fetched on real sockets: late, missing, refused and too large outputs."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest

from pruna_nb import settings
from pruna_nb.batch import fetch
from tests.faults.servers import Server, reply
from tests.helpers.media import picture
from tests.helpers.runs import end_predictions, planned, prompts, states, work

pytestmark = pytest.mark.usefixtures("quickly")


def test_a_failed_prediction_says_what_the_service_said(service):
    service.configure(faults={"failed": {"first": 1}})
    _, outcomes = work(prompts(3))
    counts = Counter(outcome.status for outcome in outcomes)
    assert counts == {"succeeded": 2, "failed": 1}
    (bad,) = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert "MODEL_ERROR" in bad.error
    assert math.isnan(bad.cost_usd)


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
    run.join(60)
    end_predictions(service)
    again, _ = work(prompts(6))
    assert [polling._sorted for polling in again.fetch.pollings.values()] == [[]]
