"""What a refusal of one request means for the others."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest

from pruna_nb import errors, settings
from pruna_nb.batch.schedule import Schedule
from tests.faults.servers import Server, free_port, reply
from tests.helpers.media import picture
from tests.helpers.runs import prompts, work

JPEG = picture("JPEG")
FIREWALL = reply(403, "<html><h1>Request blocked</h1></html>", {"Content-Type": "text/html"})


class Service:
    """Accepts predictions and delivers them, but for what a function refuses.

    ``refuse`` gets the prompt of a POST, or the path of a GET, and gives bytes or None.
    """

    def __init__(self, refuse):
        self._refuse = refuse
        self.created = 0

    def __call__(self, asked):
        text = json.loads(asked.body)["input"]["prompt"] if asked.method == "POST" else asked.path
        refused = self._refuse(text)
        if refused is not None:
            return refused
        if asked.method == "POST":
            self.created += 1
            return reply(201, {"id": f"id-{self.created}"})
        if "status" in asked.path:
            url = f"/v1/out/{asked.path.rsplit('/', 1)[-1]}.jpg"
            return reply(200, {"status": "succeeded", "generation_url": url})
        return reply(200, JPEG)


def worked(refuse, rows, **options):
    with (
        Server(Service(refuse)) as server,
        settings.configure(api_key="k", base_url=server.url, workers=4, timeout=5.0),
    ):
        return (*work(rows, **options), server)


@pytest.mark.parametrize(
    "refused",
    [
        FIREWALL,
        reply(403, {"error": {"code": "CONTENT_BLOCKED", "message": "not this"}}),
        reply(403, {"error": {"code": "FORBIDDEN", "message": "request blocked"}}),
        reply(403, {"error": {"message": "code UNAUTHORIZED: QUOTA_EXCEEDED"}}),
        reply(403),
    ],
)
def test_a_firewall_that_refuses_some_prompts_fails_their_rows_alone(refused):
    rows = [*["DROP TABLE users"], *prompts(12), "DROP TABLE votes", *prompts(12, 20)]
    run, outcomes, _ = worked(lambda text: refused if "DROP" in text else None, rows)
    assert run.error is None
    failed = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome.error]
    assert failed == ["DROP TABLE users", "DROP TABLE votes"]
    assert {outcome.status for outcome in outcomes} == {"succeeded", "failed"}
    assert "Nothing was charged" in outcomes[0].error


def test_refused_neighbours_do_not_end_a_run_whose_other_rows_are_accepted():
    rows = [f"DROP TABLE t{number}" for number in range(30)] + prompts(60)
    run, outcomes, _ = worked(lambda text: FIREWALL if "DROP" in text else None, rows)
    assert run.error is None
    assert [outcome.status for outcome in outcomes] == ["failed"] * 30 + ["succeeded"] * 60


def test_a_key_that_may_do_nothing_ends_the_run_after_some_rows_and_says_so():
    rows = prompts(300)
    run, outcomes, server = worked(lambda text: FIREWALL, rows)
    assert isinstance(run.error, errors.AuthenticationError)
    assert "10 requests in a row were refused" in str(run.error)
    assert "PRUNA_API_KEY" in str(run.error)
    assert len(server.asked) < 30
    assert {outcome.status for outcome in outcomes} == {"failed", "pending"}
    assert sum(outcome.cost_usd for outcome in outcomes) == 0


def test_a_403_whose_code_is_about_the_account_ends_the_run_at_once():
    refused = reply(403, {"error": {"code": "INVALID_API_KEY", "message": "no access"}})
    run, _, server = worked(lambda text: refused, prompts(100))
    assert isinstance(run.error, errors.AuthenticationError)
    assert len(server.asked) <= 4


def test_predictions_whose_status_is_refused_stop_the_sending_and_stay_pending():
    run, outcomes, _ = worked(lambda text: FIREWALL if "status" in text else None, prompts(200))
    assert isinstance(run.error, errors.AuthenticationError)
    assert {outcome.status for outcome in outcomes} == {"pending"}


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ({"error": "MODEL_ERROR: the prompt 'QUOTA_EXCEEDED: a poster' is not for me"}, False),
        ({"error": "the prompt QUOTA_EXCEEDED cannot be drawn"}, False),
        ({"error": "no", "message": "Prediction failed for: a QUOTA_EXCEEDED sign"}, False),
        ({"error": "QUOTA_EXCEEDED: no credit is left"}, True),
        ({"error": "no credit", "code": "QUOTA_EXCEEDED"}, True),
        ({"error": {"code": "QUOTA_EXCEEDED", "message": "no credit"}}, True),
    ],
)  # fmt: skip
def test_a_failure_that_repeats_a_prompt_with_a_code_in_it_is_its_rows_alone(body, ends):
    def refuse(text):
        return reply(200, {"status": "failed", **body}) if "status/id-3" in text else None

    run, outcomes, _ = worked(refuse, prompts(8))
    assert isinstance(run.error, errors.QuotaError) == ends
    assert [outcome.status for outcome in outcomes].count("failed") == 1
    if not ends:
        assert [outcome.status for outcome in outcomes].count("succeeded") == 7


@pytest.mark.parametrize(
    "failed",
    [
        {"error": "QUOTA_EXCEEDED: a neon sign"},
        {"error": "QUOTA_EXCEEDED: a neon sign is not allowed", "message": "Prediction failed"},
        {"message": "Prediction failed: QUOTA_EXCEEDED: a neon sign"},
    ],
)
def test_a_prompt_that_begins_with_a_code_ends_no_run_where_it_is_repeated(failed):
    def refuse(text):
        return reply(200, {"status": "failed", **failed}) if "status/id-3" in text else None

    run, outcomes, _ = worked(refuse, [f"QUOTA_EXCEEDED: a neon sign {n}" for n in range(8)])
    assert run.error is None
    (row,) = [outcome for outcome in outcomes if outcome.status == "failed"]
    assert "It may have been charged" in row.error


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Retry-After": "7200"}, "2 hours"),
        ({"RateLimit-Reset": "86400"}, "1 day"),
        ({"Retry-After": "9e9"}, "more than 10 years"),
        ({"Retry-After": formatdate(time.time() + 3 * 86400, usegmt=True)}, "days"),
        (
            {
                "Date": "Tue, 01 Feb 2000 00:00:00 GMT",
                "Retry-After": "Tue, 01 Feb 2000 05:00:00 GMT",
            },
            "5 hours",
        ),
    ],
)
@pytest.mark.parametrize("where", ["thing", "status", "/v1/out"])
def test_a_wait_of_hours_is_told_and_not_sat_through(headers, words, where):
    refused = reply(429, {"error": {"message": "slowly"}}, headers)
    began = time.monotonic()
    run, outcomes, _ = worked(lambda text: refused if where in text else None, prompts(6))
    assert isinstance(run.error, errors.RateLimitError)
    assert words in str(run.error)
    assert "Run again after that time" in str(run.error)
    assert {outcome.status for outcome in outcomes} == {"pending"}
    assert all(words in outcome.error for outcome in outcomes if "not sent" not in outcome.error)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("wait", ["-5", "nan", "inf", "soon", "Tue, 01 Feb 2000 00:00:00 GMT"])
def test_a_wait_that_is_none_is_passed_over(wait):
    refusals = [reply(429, {}, {"Retry-After": wait})]
    run, outcomes, _ = worked(
        lambda text: refusals.pop() if "thing" in text and refusals else None,
        prompts(4),
    )
    assert run.error is None
    assert {outcome.status for outcome in outcomes} == {"succeeded"}


def test_an_output_whose_host_refuses_connections_is_pending_at_its_deadline():
    """Other rows go on meanwhile, so that the service itself is always within reach."""
    gone = f"http://127.0.0.1:{free_port()}/out.jpg"

    def refuse(text):
        if "status/id-1" in text:
            return reply(200, {"status": "succeeded", "generation_url": gone})
        return reply(200, {"status": "processing"}) if "status" in text else None

    run, outcomes, _ = worked(refuse, prompts(3), timeout=1.5)
    assert run.error is None
    assert {outcome.status for outcome in outcomes} == {"pending"}
    (told,) = [outcome for outcome in outcomes if "No connection" in outcome.error]
    assert gone.rsplit("/", 1)[0] in told.error
    assert "was charged" in told.error
    assert "Nothing was charged" not in told.error


def test_going_on_elsewhere_samples_the_whole_queue():
    schedule = Schedule(range(1000), workers=1, has_capacity=lambda: True, on_crash=print)
    seen = []
    for _ in range(20):
        seen.append(schedule._queue.popleft())
        schedule.continue_elsewhere()
    assert {number // 100 for number in seen} == set(range(10))
