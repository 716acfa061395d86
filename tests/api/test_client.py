"""The client, against the emulator and against servers that misbehave."""

# ruff: noqa: SIM117 - a server around, what is expected of it within

from __future__ import annotations

import json
import logging
import threading
import time

import pytest
from PIL import Image

import pruna_nb
from pruna_nb import Client, emulator, errors, settings
from pruna_nb.api import client as clients
from pruna_nb.api import retry
from pruna_nb.files.inputs import Media
from tests.faults.servers import Hang, Reset, Server, free_port, reply
from tests.helpers.media import picture
from tests.helpers.runs import end_predictions

LION = {"prompt": "a lion", "aspect_ratio": "16:9"}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Try again at once: what is waited for here is not the point."""
    monkeypatch.setattr(retry, "backoff", lambda _: 0.01)
    monkeypatch.setattr(clients, "_POLL_FIRST", 0.02)


@pytest.fixture
def client(service):
    with Client() as made:
        yield made


def client_of(server, **more):
    return Client("test-key", server.url, **more)


def scripted(*answers):
    """Answer one after the other; the last one again and again."""
    left = list(answers)

    def answer(_):
        return left.pop(0) if len(left) > 1 else left[0]

    return Server(answer)


# ------------------------------------------------------------------------- the way


def test_an_asynchronous_prediction_is_created_waited_for_and_delivered(client, service):
    made = client.create("p-image", LION)
    assert made.id
    assert not made.finished
    done = client.wait(made)
    assert (done.id, done.status) == (made.id, "succeeded")
    path = client.deliver(done)
    with Image.open(path) as image:
        assert image.width > image.height
    assert path.parent.parent == settings.current().cache_dir / "media"
    assert service.charged == 1


def test_a_synchronous_prediction_is_finished_in_one_request(client, service):
    made = client.create("p-image", LION, sync=True)
    assert made.finished
    assert client.wait(made) is made
    assert client.deliver(made).exists()
    assert service.counts["status"] == 0


def test_a_synchronous_prediction_that_is_not_finished_goes_on_by_polling(service, client):
    service.configure(try_sync_wait=0.05, latency=600)
    made = client.create("p-image", LION, sync=True)
    assert made.id
    assert not made.finished
    end_predictions(service)
    assert client.deliver(client.wait(made)).exists()
    assert service.charged == 1


@pytest.mark.parametrize("relative", [True, False])
def test_relative_and_absolute_addresses_are_both_fetched(client, service, relative):
    service.configure(relative_urls=relative)
    for sync in (True, False):
        done = client.wait(client.create("p-image", LION, sync=sync))
        assert done.generation_url.startswith("/" if relative else "http")
        assert client.deliver(done).exists()


def test_an_id_alone_can_be_asked_for_and_waited_for(client):
    made = client.create("p-image", LION)
    assert client.status(made.id).id == made.id
    assert client.wait(made.id).status == "succeeded"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_is_one(status):
    with scripted(reply(status, {"id": "abc"})) as server, client_of(server) as client:
        assert client.create("p-image", LION).id == "abc"


def test_a_folder_of_ones_own_takes_the_file(client, tmp_path):
    done = client.wait(client.create("p-image", LION))
    assert tmp_path / "mine" in client.deliver(done, tmp_path / "mine").parents


def test_the_url_with_or_without_version_is_the_same(service):
    for url in (service.url, f"{service.url}/v1", f"{service.url}/v1/"):
        with Client(base_url=url) as client:
            assert client.create("p-image", LION).id


def test_an_unfinished_prediction_cannot_be_delivered_and_says_so_at_once(client, service):
    service.configure(latency=60.0)
    made = client.create("p-image", LION)
    with pytest.raises(errors.InputError, match="wait"):
        client.deliver(made)
    assert service.counts["delivery"] == 0


def test_waiting_ends_with_its_time_and_can_be_taken_up_again(client, service):
    service.configure(latency=600)
    made = client.create("p-image", LION)
    with pytest.raises(errors.PredictionTimeoutError) as caught:
        client.wait(made, timeout=0.1)
    assert (caught.value.prediction_id, caught.value.charged) == (made.id, "yes")
    end_predictions(service)
    assert client.wait(made).status == "succeeded"
    assert service.charged == 1


# ------------------------------------------------------------------ inputs, secrets


def test_every_problem_of_an_input_is_told_before_anything_is_sent(client, service):
    with pytest.raises(errors.InputError) as caught:
        client.create("p-image", {"prompt": "a", "aspect_ratio": "7:3", "sed": 1})
    assert len(caught.value.problems) == 2
    assert service.counts["predictions"] == 0


def test_a_model_that_the_catalogue_does_not_know_is_sent_as_it_is(client, service):
    service.configure(extra_models=["brand-new"])
    with pytest.warns(UserWarning, match="brand-new"):
        made = client.create("brand-new", {"anything": [1, {"deep": True}]})
    assert client.wait(made).status == "succeeded"
    assert service.accepted[0]["input"] == {"anything": [1, {"deep": True}]}


def test_a_secret_of_an_input_does_not_come_back_with_the_prediction(client, service):
    secret = "hf_" + "x" * 30
    with_secret = next(
        model.name
        for model in pruna_nb.catalog.all_models()
        if "hf_api_token" in model.fields
        and model.output == "image"
        and model.required == ("prompt",)
    )
    made = client.create(with_secret, {"prompt": "a", "hf_api_token": secret}, unchecked=True)
    assert secret not in str(made.input)
    assert made.input["prompt"] == "a"


def test_a_service_that_repeats_a_secret_of_the_input_does_not_put_it_into_the_error():
    secret = "hf_" + "x" * 30
    body = {"error": {"code": "BAD", "message": f"the token {secret} is no good"}}
    with scripted(reply(400, body)) as server, client_of(server) as client:
        with pytest.raises(errors.BadRequestError, match=r"the token \*\*\* is no good") as caught:
            client.create("flux-dev-lora", {"prompt": "a", "hf_api_token": secret}, unchecked=True)
    assert secret not in repr(caught.value)


# ----------------------------------------------------------------- errors, retries


@pytest.mark.parametrize(
    ("status", "kind", "charged"),
    [
        (400, errors.BadRequestError, "no"),
        (401, errors.AuthenticationError, "no"),
        (403, errors.AuthenticationError, "no"),
        (404, errors.NotFoundError, "no"),
        (413, errors.TooLargeError, "no"),
        (500, errors.ServerError, "unknown"),
        (502, errors.LostAnswerError, "unknown"),
        (504, errors.LostAnswerError, "unknown"),
    ],
)
def test_a_prediction_that_fails_so_is_sent_once_and_tells_all(status, kind, charged):
    body = {"error": {"code": "CODE", "message": "no good"}, "request_id": "req_1"}
    with scripted(reply(status, body)) as server, client_of(server) as client:
        with pytest.raises(kind) as caught:
            client.create("p-image", LION)
    error = caught.value
    assert (error.status, error.request_id, error.charged) == (status, "req_1", charged)
    assert error.advice
    assert "no good" in str(error)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer", [None, Reset(), Hang(), reply(201, b"{"), reply(201, {"model": "p-image"})]
)
def test_a_prediction_whose_answer_is_lost_is_sent_once(answer):
    with scripted(answer) as server, client_of(server, timeout=0.3) as client:
        with pytest.raises((errors.LostAnswerError, errors.ReplyError)) as caught:
            client.create("p-image", LION)
    assert caught.value.charged == "unknown"
    assert len(server.asked) == 1


def test_a_service_that_is_not_available_is_asked_again():
    page = "<html><h1>503 Service Unavailable</h1></html>"
    answers = (reply(503, page), reply(503, page), reply(201, {"id": "abc"}))
    with scripted(*answers) as server, client_of(server) as client:
        assert client.create("p-image", LION).id == "abc"
    assert len(server.asked) == 3


def test_a_service_that_stays_away_is_an_error_that_says_nothing_was_charged():
    with scripted(reply(503, "")) as server, client_of(server) as client:
        with pytest.raises(errors.UnavailableError) as caught:
            client.create("p-image", LION)
    assert caught.value.charged == "no"
    assert 2 <= len(server.asked) <= 10
    with Client("k", f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(errors.ConnectionFailedError, match="PRUNA_API_URL"):
            client.create("p-image", LION)


def test_a_refusal_is_waited_out_as_the_service_says(service, client):
    service.configure(faults={"refuse_429": {"first": 2, "wait": 0.2}}, refusal="ratelimit")
    assert client.create("p-image", LION).id
    assert service.counts["predictions"] >= 2
    assert service.charged == 1


def test_a_status_that_fails_for_a_while_does_not_lose_the_prediction(service, client):
    made = client.create("p-image", LION)
    faults = {name: {"first": 1} for name in ("status_500", "status_502", "status_reset")}
    service.configure(faults={**faults, "status_404_once": {"first": 1}})
    done = client.wait(made)
    service.configure(
        faults={
            name: {"first": 1}
            for name in (
                "delivery_cut", "delivery_empty", "delivery_html", "delivery_reset",
                "delivery_500", "delivery_damaged",
            )
        }
    )  # fmt: skip
    with Image.open(client.deliver(done)) as image:
        image.load()
    assert service.charged == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("failed", errors.PredictionFailedError),
        ("canceled", errors.PredictionCanceledError),
        ("quota", errors.QuotaError),
    ],
)
def test_a_prediction_that_ends_badly_is_its_error(service, client, fault, kind):
    service.configure(faults={fault: 1.0})
    made = client.create("p-image", LION)
    with pytest.raises(kind) as caught:
        client.wait(made)
    assert caught.value.prediction_id == made.id


def test_an_output_that_has_lived_its_time_is_an_expired_error(service, client):
    done = client.wait(client.create("p-image", LION))
    service.configure(output_ttl=0.0)
    with pytest.raises(errors.ExpiredError) as caught:
        client.deliver(done)
    assert caught.value.charged == "yes"


def test_a_prediction_that_nobody_knows_is_not_found(client):
    with pytest.raises(errors.NotFoundError) as caught:
        client.status("0000000000000000000000none")
    assert caught.value.charged == "unknown"


def test_an_id_never_leads_to_another_path():
    with scripted(reply(404, {})) as server, client_of(server) as client:
        with pytest.raises(errors.NotFoundError):
            client.status("../../files/x?y#z")
    assert {asked.path.count("/") for asked in server.asked} == {4}


def test_no_key_says_how_to_get_one():
    with pytest.raises(errors.MissingKeyError, match="PRUNA_API_KEY"):
        Client()


# --------------------------------------------------------------------------- uploads


def test_equal_files_are_uploaded_once_and_stand_in_the_input_as_addresses(service, client):
    data = picture("PNG")
    for _ in range(3):
        client.create("p-image-edit", {"prompt": "red", "images": [data, Media(data)]})
    assert service.counts["files"] == 1
    (url,) = {url for row in service.accepted for url in row["input"]["images"]}
    assert url.startswith(f"{service.url}/v1/files/")


def test_a_large_file_is_streamed_and_not_held_in_memory(service, client, tmp_path):
    """90 MB through a socket, with a few MB of memory of ours."""
    import tracemalloc

    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.write(picture("JPEG"))
        file.truncate(90_000_000)
    with _Swallowing() as server, client_of(server) as uploading:
        tracemalloc.start()
        try:
            uploading.upload(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert server.bytes > 90_000_000
    assert peak < 8_000_000


class _Swallowing:
    """Counts the bytes of one upload in a process of its own, to keep them out of this one."""

    CODE = """
import re, socket, sys
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\\r\\n\\r\\n")
    length = int(re.search(rb"content-length: (\\d+)", head.lower())[1])
    got = len(body)
    while got < length:
        got += len(connection.recv(1 << 20))
    answer = b'{"id": "f", "urls": {"get": "https://api.pruna.ai/v1/files/f"}}'
    head = b"HTTP/1.1 201 Created\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(answer)
    connection.sendall(head + answer)
    print(got, flush=True)
"""

    def __enter__(self):
        import subprocess
        import sys

        self.child = subprocess.Popen(
            [sys.executable, "-c", self.CODE], stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{int(self.child.stdout.readline())}"
        return self

    def __exit__(self, *_):
        self.bytes = int(self.child.stdout.readline() or 0)
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


def test_a_failed_upload_is_tried_again_and_costs_nothing(service, client):
    service.configure(faults={"files_500": {"first": 1}, "files_reset": {"first": 1}})
    assert client.upload(picture()).url
    service.configure(faults={"files_500": 1.0})
    with pytest.raises(errors.ServerError) as caught:
        client.upload(picture(seed=2))
    assert caught.value.charged == "no"


def test_an_address_is_not_uploaded(client):
    with pytest.raises(errors.InputError, match="is a URL already"):
        client.upload("https://example.com/a.jpg")


# ------------------------------------------------------------------------- throttle


def test_a_client_keeps_its_limit_and_is_never_refused():
    limit = {"p-image": (5, 0.5)}
    with emulator.running(fast=True, latency=0, limits=limit) as service:
        with Client("k", service.url, limits=limit) as client:
            threads = [
                threading.Thread(target=lambda: [client.create("p-image", LION) for _ in range(4)])
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert (service.charged, service.refused) == (16, 0)


def test_logs_name_neither_the_key_nor_a_secret(service, caplog):
    caplog.set_level(logging.DEBUG)
    with Client("sk-a-very-secret-key") as client:
        client.deliver(client.wait(client.create("p-image", LION)))
    assert caplog.records  # urllib3 says what it asks for
    assert "sk-a-very-secret-key" not in caplog.text
    assert json.dumps([record.__dict__ for record in caplog.records], default=repr).count(
        "sk-a-very"
    ) == 0  # fmt: skip


def test_a_client_shows_its_address_and_not_its_key():
    with Client("sk-a-very-secret-key", "http://127.0.0.1:9") as client:
        assert repr(client) == "Client(base_url='http://127.0.0.1:9')"


def test_many_threads_share_one_client(service, client):
    paths, began = [], time.monotonic()

    def one(number):
        done = client.wait(client.create("p-image", {"prompt": f"thing {number}"}))
        paths.append(client.deliver(done))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 16
    assert time.monotonic() - began < 60


def test_all_that_is_wrong_with_a_prediction_is_told_before_it_is_sent(service):
    client = pruna_nb.Client()
    wrong = {"aspect_ration": "1:1", "seed": "x"}
    with pytest.raises(errors.InputError) as raised:
        client.create("p-image", wrong, sync="no", unchecked="no")
    assert len(raised.value.problems) == 5  # the prompt is missing too
    for given in (None, "a fox", [("prompt", "a")], {1: "a"}):
        with pytest.raises(errors.InputError, match="input must be a dict"):
            client.create("p-image", given)
    for model in (None, ["p-image"], float("nan")):
        with pytest.raises(errors.InputError, match="model must be a model's name"):
            client.create(model, {"prompt": "a fox"})
    assert service.charged == 0


@pytest.mark.parametrize("timeout", ["60", -1, True, float("nan"), [60]])
def test_a_time_to_wait_that_is_none_is_refused(service, timeout):
    with pytest.raises(errors.SettingsError, match="timeout must be"):
        pruna_nb.Client().wait("p1", timeout=timeout)
    with pytest.raises(errors.SettingsError, match="timeout must be"):
        pruna_nb.Client(timeout=timeout)
    assert sum(service.counts.values()) == 0


@pytest.mark.parametrize("prediction", [None, 1, {"id": "p1"}, ""])
def test_what_is_no_prediction_is_refused(service, prediction):
    client = pruna_nb.Client()
    for call in (client.status, client.wait, client.deliver):
        with pytest.raises(errors.InputError, match="prediction must be what create"):
            call(prediction)
    assert sum(service.counts.values()) == 0
