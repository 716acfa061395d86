"""An answer that is another request's is not taken, however whole it is."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest

from pruna_nb import errors, settings
from pruna_nb.api.client import Client
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.matching import difference
from pruna_nb.api.replies import Prediction
from pruna_nb.api.transport import Transport
from pruna_nb.files.media_store import MediaStore
from pruna_nb.settings import current
from tests.faults.servers import Server, Stream, Twice, TwinServer, reply
from tests.helpers.media import picture
from tests.helpers.runs import prompts, work

KEY = "sk-a-very-secret-key"
LION = {"prompt": "a lion at night", "seed": 7}


def calls_of(server, **more):
    config = current(api_key=KEY, base_url=server.url, **more)
    return Endpoints(config, Transport(config))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "p-image", "input": LION},
        {"model": "P-Image", "input": {"prompt": "  A lion\nat  night. "}},
        {"model": "prunaai/p-image:4f2a", "input": {"seed": 7, "width": 1024, "prompt": ""}},
        {"model": "p_image", "input": {"prompt": "a lion at night, best quality"}},
        {"model": None, "input": None},
        {"model": 3, "input": [1]},
        {"input": {"prompt": "a lion", "seed": 7 + 2**32}},
        {"input": {"prompt": ["a"], "seed": "8"}},
        {"input": {"images": ["https://elsewhere.example/x"], "prompt": "a lion at night"}},
    ],
)
def test_what_a_service_puts_differently_is_no_difference(body):
    assert difference(body, "p-image", LION) is None


@pytest.mark.parametrize(
    ("sent", "echo"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("caf\u00e9 \u2014 \u201cparis\u201d", 'cafe\u0301 - "Paris"'),
        ("\U0001f981", "?"),
        ("a lion\ud800", "a lion?"),
        ("x " * 3000, "x " * 500),
        ("a lion " * 9 + "savannah", "a lion " * 9 + "sav"),
        ("a lion at night", "a lion at n..."),
        ("a lion at night", "a lion\u2026"),
        ("a lion at night", "A LION AT [truncated]"),
        ("a lion at night", "[REDACTED]"),
        ("a lion at night", "*** hidden ***"),
    ],
)  # fmt: skip
def test_a_prompt_that_is_written_otherwise_is_the_same(sent, echo):
    assert difference({"input": {"prompt": echo}}, "p-image", {"prompt": sent}) is None


FILE = "https://service.example/v1/files/one"


@pytest.mark.parametrize(
    ("echo", "is_same"),
    [
        ({"images": [FILE], "aspect_ratio": "16:9"}, True),
        ({"images": [f"{FILE}?token=x"]}, True),
        ({"images": ["https://store.example/inputs/7f"], "aspect_ratio": "custom"}, True),
        ({"images": FILE, "aspect_ratio": None}, True),
        ({"images": ["https://service.example/v1/files/two"]}, False),
        ({"images": [FILE], "aspect_ratio": "9:16"}, False),
    ],
)
def test_files_and_aspect_ratios_of_another_request_are_a_difference(echo, is_same):
    asked = {"prompt": "make it night", "images": [FILE], "aspect_ratio": "16:9"}
    assert (difference({"input": echo}, "p-image-edit", asked) is None) == is_same


def test_a_prompt_that_the_service_may_write_anew_is_not_compared():
    body = {"input": {"prompt": "a majestic feline of the savannah"}}
    assert difference(body, "p-image", {"prompt": "a lion", "prompt_upsampling": True}) is None
    assert difference(body, "p-image", {"prompt": "a lion"}) is not None


@pytest.mark.parametrize(
    "body",
    [
        {"model": "p-image-edit"},
        {"model": "z-image-turbo", "input": LION},
        {"model": "something-else"},
        {"model": "p-image", "input": {**LION, "prompt": "a fox"}},
        {"input": {"prompt": "a lion at noon"}},
        {"input": {"prompt": "a lion at noon..."}},
        {"input": {"prompt": "a redacted letter"}},
        {"input": {**LION, "seed": 8}},
    ],
)
def test_what_another_request_was_given_is_a_difference(body):
    assert difference(body, "p-image", LION)


@pytest.mark.parametrize(
    "body", [{"model": "p-image-edit"}, {"input": {"prompt": "a fox"}}, {"input": {"seed": 8}}]
)
def test_an_answer_to_another_request_is_lost_and_its_connection_is_closed(body):
    answers = [{"id": "x", **body}, {"id": "y"}]
    with Server(lambda _: reply(201, answers.pop(0))) as server:
        calls = calls_of(server)
        with pytest.raises(errors.LostAnswerError, match="to another request"):
            calls.create("p-image", LION)
        assert calls.create("p-image", LION).id == "y"
        assert server.connections == 2


@pytest.mark.parametrize("body", [{"id": "another"}, {"model": "p-image-edit"}])
def test_a_status_of_another_prediction_is_asked_for_again(body):
    answers = [
        {"status": "succeeded", "generation_url": "/out.jpg", **body},
        {"status": "starting"},
    ]
    with (
        Server(lambda _: reply(200, answers.pop(0))) as server,
        settings.configure(api_key=KEY, base_url=server.url),
    ):
        client = Client()
        now = client.status(Prediction("p-image", {}, "mine"))
        client.close()
    assert now.status == "starting"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"status": "succeeded", "generation_url": "/other.jpg"}),
        (200, {"status": "failed", "error": "no"}),
        (404, {}),
        (410, {}),
        (401, {}),
    ],
)
def test_an_end_on_a_connection_that_others_used_is_asked_for_on_a_new_one(status, body):
    done = {"status": "succeeded", "generation_url": "/own.jpg"}
    answers = [reply(200, {"status": "starting"}), reply(status, body), reply(200, done)]
    with Server(lambda _: answers.pop(0)) as server:
        calls, asked = calls_of(server), Prediction("p-image", {}, "one")
        assert calls.status(asked).status == "starting"
        assert calls.status(asked).generation_url == "/own.jpg"
        assert server.connections == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"status": "processing"}),
        (200, {"status": "succeeded", "generation_url": "/own.jpg", "id": "one"}),
        (429, {}),
        (500, {}),
        (504, {}),
    ],
)
def test_what_ends_nothing_or_names_its_id_is_believed_on_a_kept_connection(status, body):
    answers = [reply(200, {"status": "starting"}), reply(status, body)]
    with Server(lambda _: answers.pop(0)) as server:
        calls, asked = calls_of(server), Prediction("p-image", {}, "one")
        calls.status(asked)
        with contextlib.suppress(errors.ApiError):
            calls.status(asked)
        assert (server.connections, len(server.asked)) == (1, 2)


@pytest.mark.parametrize("sync", [False, True])
def test_one_answer_for_all_predictions_is_the_first_ones_alone(sync):
    body = {"status": "succeeded", "generation_url": "/x.jpg"} if sync else {"id": "x"}
    with (
        Server(lambda _: reply(201, body)) as server,
        settings.configure(api_key=KEY, base_url=server.url),
    ):
        client = Client()
        client.create("p-image", LION, sync=sync)
        client.create("p-image", LION, sync=sync)  # the same request may have the same answer
        for number in range(3):
            with pytest.raises(errors.LostAnswerError) as caught:
                client.create("p-image", {"prompt": f"thing {number}"}, sync=sync)
            assert caught.value.charged == "unknown"
        client.close()


def test_a_gateway_that_gives_one_id_to_all_rows_gives_one_row_a_picture():
    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "the-one"})
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": "/v1/out.jpg"})
        return reply(200, picture("JPEG"))

    with Server(answer) as server, settings.configure(api_key=KEY, base_url=server.url):
        _, outcomes = work(prompts(12))
        again, _ = work(prompts(3, 20))  # the journal knows the id in a later run, too
    statuses = [outcome.status for outcome in outcomes]
    assert (statuses.count("succeeded"), statuses.count("lost")) == (1, 11)
    assert all("another request" in outcome.error for outcome in outcomes if outcome.error)
    assert dict(again.counts) == {"lost": 3}


@pytest.mark.parametrize("kind", ["create", "status", "out", "all"])
@pytest.mark.parametrize("seconds", [0.0, 0.002, 0.02])
def test_a_second_answer_that_comes_late_gives_no_row_anothers_picture(seconds, kind):
    rows, lock, ids = prompts(40), threading.Lock(), {}

    def answer(asked):
        name = "create" if asked.method == "POST" else asked.path.split("/")[-2]
        if kind not in {name, "all"}:
            return first(asked)
        twice = Twice(first(asked))
        twice.later = seconds
        return twice

    def first(asked):
        if asked.method == "POST":
            request = json.loads(asked.body)["input"]
            with lock:
                name = f"id-{len(ids)}"
                ids[name] = rows.index(request["prompt"])
            return reply(201, {"id": name})
        name = asked.path.rsplit("/", 1)[-1]
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": f"/v1/out/{name}"})
        return reply(200, picture("JPEG", (16, 16), seed=ids[name]))

    with (
        TwinServer(answer) as server,
        settings.configure(api_key=KEY, base_url=server.url, workers=4),
    ):
        _, outcomes = work(rows)
    for number, outcome in enumerate(outcomes):
        assert outcome.status == "succeeded"
        assert Path(outcome.output).read_bytes() == picture("JPEG", (16, 16), seed=number)


def test_bytes_that_come_with_an_answer_and_are_none_of_it_close_the_connection():
    """Two answers in one: the second one would be the next request's."""

    def answer(asked):
        return reply(201, {"id": asked.headers["model"]}) + reply(201, {"id": "left-over"})

    with Server(answer) as server:
        calls = calls_of(server)
        models = ["p-image", "flux-dev", "wan-t2v"]
        assert [calls.create(model, LION).id for model in models] == models
        assert server.connections == 3


def test_an_output_that_is_words_closes_the_connection_and_is_fetched_again(tmp_path):
    """After a late answer, the one to come on that connection would be the next one's."""
    with Server(lambda _: reply(200, {"id": "another's"})) as server:
        calls = calls_of(server)
        done = Prediction("m", {}, "x", "succeeded", "/out.bin")
        for _ in range(2):
            with pytest.raises(errors.DeliveryError, match="application/json"):
                calls.deliver(done, MediaStore(tmp_path))
        assert server.connections == 2


def test_an_output_cut_short_or_refused_half_way_closes_the_connection(tmp_path):
    answers = [Stream([reply(200, b"x" * 10, length=100)]), reply(200, b"whole")]
    with Server(lambda _: answers.pop(0)) as server:
        calls = calls_of(server)
        done = Prediction("m", {}, "x", "succeeded", "/out.bin")
        with pytest.raises(errors.DeliveryError):
            calls.deliver(done, MediaStore(tmp_path))
        assert calls.deliver(done, MediaStore(tmp_path)).path.read_bytes() == b"whole"


@pytest.mark.parametrize("status", [201, 400])
def test_an_answer_of_which_a_part_was_enough_closes_the_connection(status):
    """Its rest may come when the next request is on its way."""
    part = reply(status, b'{"id": "paid", "input": {"prompt', length=500)
    answers = [part, reply(201, {"id": "next"})]
    with Server(lambda _: answers.pop(0)) as server:
        calls = calls_of(server, timeout=0.3)
        if status == 201:
            assert calls.create("p-image", LION).id == "paid"
        else:
            with pytest.raises(errors.BadRequestError):
                calls.create("p-image", LION)
        assert calls.create("p-image", {"prompt": "next"}).id == "next"
        assert server.connections == 2


def test_another_hosts_wait_of_hours_does_not_end_a_run(tmp_path):
    with (
        Server(lambda _: reply(429, b"", {"Retry-After": "7200"})) as other,
        Server(lambda _: reply(404, {})) as server,
    ):
        done = Prediction("m", {}, "x", "succeeded", f"{other.url}/out.bin")
        with pytest.raises(errors.DeliveryError) as caught:
            calls_of(server).deliver(done, MediaStore(tmp_path))
    assert not caught.value.account_wide
