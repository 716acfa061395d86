"""The endpoints answer as the API's documentation says."""

from __future__ import annotations

import http.client
import importlib
import io
import json
import math
import threading
import time
from email.utils import parsedate_to_datetime

import pytest
from PIL import Image

from pruna_nb.errors import MissingExtraError


def test_an_asynchronous_prediction_goes_from_starting_to_processing_to_succeeded(serve):
    caller = serve(latency=600, fast=True)
    answer = caller.post({"prompt": "a lion", "seed": 1})
    assert answer.status_code == 201
    content = answer.json()
    assert set(content) == {"id", "model", "input", "get_url"}
    assert content["model"] == "p-image"
    assert content["input"] == {"prompt": "a lion", "seed": 1}
    assert content["get_url"] == f"{caller.url}/v1/predictions/status/{content['id']}"
    (prediction,) = caller.service._core.accepted
    seen = []
    for seconds_ago in (0, 300, 601):  # the clock of this machine is left alone
        prediction.at, prediction.finish = (time.time() - seconds_ago + add for add in (0, 600))
        state = caller.get(content["get_url"]).json()
        seen.append(state["status"])
    assert seen == ["starting", "processing", "succeeded"]
    assert state["generation_url"].startswith(f"{caller.url}/v1/predictions/delivery/xezq/")


def test_a_synchronous_prediction_has_its_address_and_no_id(quick):
    answer = quick.post(sync=True)
    assert answer.status_code == 201
    assert set(answer.json()) == {"status", "generation_url"}
    assert answer.json()["status"] == "succeeded"


def test_a_synchronous_prediction_that_takes_too_long_goes_on_by_itself(serve):
    caller = serve(latency=600, try_sync_wait=0.05, fast=True)
    content = caller.post(sync=True).json()
    assert set(content) == {"id", "model", "input", "get_url"}


def test_a_delivery_says_what_it_is_and_how_long(quick):
    answer = quick.get(quick.post(sync=True).json()["generation_url"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="output.jpg"'


def test_addresses_name_the_host_that_the_client_asked(quick):
    answer = quick.post(sync=True).json()["generation_url"]
    assert answer.startswith(quick.url + "/")
    local = quick.url.replace("127.0.0.1", "localhost")
    other = quick.session.post(
        f"{local}/v1/predictions",
        headers={"apikey": "k", "Model": "p-image"},
        json={"input": {"prompt": "x"}},
        timeout=20,
    )
    assert other.json()["get_url"].startswith(local + "/")


def test_relative_addresses_come_on_demand(serve):
    caller = serve(relative_urls=True, fast=True)
    content = caller.post(sync=True).json()
    assert content["generation_url"].startswith("/v1/predictions/delivery/")
    assert caller.get(caller.url + content["generation_url"]).status_code == 200


@pytest.mark.parametrize("key", [None, ""])
def test_a_request_without_a_key_is_refused_everywhere(quick, key):
    finished = quick.post(sync=True).json()["generation_url"]
    status = quick.post().json()["get_url"]
    answers = [
        quick.post(key=key),
        quick.get(status, key=key),
        quick.get(finished, key=key),
        quick.get(f"{quick.url}/v1/files/file-1", key=key),
        quick.upload(b"x", key=key or ""),
    ]
    for answer in answers:
        assert answer.status_code == 401
        content = answer.json()
        assert set(content) == {"error", "request_id"}
        assert set(content["error"]) == {"code", "message", "details"}


def test_a_wrong_key_is_refused_and_nothing_is_charged(serve):
    caller = serve(keys={"right"})
    assert caller.post(key="wrong").status_code == 401
    assert caller.service.charged == 0
    assert caller.post(key="right").status_code == 201
    assert caller.service.charged == 1


def test_a_delivery_may_be_open_to_all(serve):
    caller = serve(delivery_needs_key=False, fast=True)
    address = caller.post(sync=True).json()["generation_url"]
    assert caller.get(address, key=None).status_code == 200


def test_every_wrong_field_is_named_in_a_422(quick):
    before = quick.service.charged
    answer = quick.post({"promt": "x", "seed": "1"})
    assert answer.status_code == 422
    content = answer.json()
    assert set(content) == {"title", "status", "detail", "invalid_fields"}
    assert content["status"] == 422
    assert [each["field"] for each in content["invalid_fields"]] == [
        "input.promt",
        "input.seed",
        "input.prompt",
    ]
    assert all(set(each) == {"type", "field", "description"} for each in content["invalid_fields"])
    assert quick.service.charged == before


@pytest.mark.parametrize("images", ["http://a/b", ["file:///etc/passwd"], [1], ["data:,x"]])
def test_a_file_is_given_as_an_http_address(quick, images):
    answer = quick.post({"prompt": "x", "images": images}, model="p-image-edit")
    assert answer.status_code == 422
    assert answer.json()["invalid_fields"][0]["field"] == "input.images"


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_gets_400(quick, body):
    answer = quick.post(data=body, json=None)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("body", ["[]", '"x"', "{}", '{"input": null}', '{"input": []}'])
def test_a_body_without_an_input_gets_422(quick, body):
    assert quick.post(data=body, json=None).status_code == 422


def test_a_request_without_a_model_gets_400(quick):
    answer = quick.post(model=None)
    assert answer.status_code == 400
    assert "Model" in answer.json()["error"]["message"]


def test_an_unknown_model_gets_404_unless_it_is_allowed(serve):
    caller = serve(extra_models={"p-image-2"}, fast=True)
    assert caller.post(model="p-image-3").status_code == 404
    assert caller.post({"anything": 1}, model="p-image-2").status_code == 201
    caller.service.configure(allow_unknown=True)
    content = caller.make({"prompt": "a lion", "anything": 1}, model="p-image-3")
    assert Image.open(io.BytesIO(content)).format == "JPEG"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/predictions/status/nothing",
        "/v1/predictions/delivery/xezq/nothing/output.jpg",
        "/v1/files/file-nothing",
        "/v1/nothing",
        "/_emulator",
    ],
)
def test_what_is_not_there_gets_404_in_the_documented_form(quick, path):
    answer = quick.get(quick.url + path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_an_output_is_not_there_before_its_prediction_has_ended(serve):
    caller = serve(latency=30, fast=True)
    caller.post()
    prediction = caller.service._core.accepted[0]
    path = f"/v1/predictions/delivery/xezq/{prediction.token}/output.jpg"
    assert caller.get(caller.url + path).status_code == 404


def test_an_output_that_has_lived_its_time_gets_410(serve):
    caller = serve(output_ttl=0, fast=True)
    answer = caller.get(caller.post(sync=True).json()["generation_url"])
    assert answer.status_code == 410
    assert answer.json()["error"]["code"] == "CONTENT_EXPIRED"


def test_accepted_requests_say_what_is_left_and_refused_ones_when_to_come_back(serve):
    caller = serve(limits={"p-image": (2, 30.0)})
    first, second, third = caller.post(), caller.post(), caller.post()
    assert [each.status_code for each in (first, second, third)] == [201, 201, 429]
    assert first.headers["RateLimit-Limit"] == "2"
    assert [each.headers["RateLimit-Remaining"] for each in (first, second, third)] == [
        "1",
        "0",
        "0",
    ]
    assert third.headers["RateLimit-Reset"] == "30"
    assert third.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
    assert (caller.service.charged, caller.service.refused) == (2, 1)


def test_each_model_and_each_key_has_a_limit_of_its_own(serve):
    caller = serve(limits={"p-image": (1, 30.0)})
    assert caller.post().status_code == 201
    assert caller.post().status_code == 429
    assert caller.post(key="other").status_code == 201
    assert caller.post(model="flux-dev").status_code == 201


@pytest.mark.parametrize("endpoint", ["status", "delivery", "files"])
def test_the_other_endpoints_have_limits_too(serve, endpoint):
    caller = serve(limits={endpoint: (1, 30.0)}, fast=True)
    content = caller.post().json()
    addresses = {
        "status": content["get_url"],
        "delivery": caller.post(sync=True).json()["generation_url"],
        "files": f"{caller.url}/v1/files/file-x",
    }
    answers = [caller.get(addresses[endpoint]) for _ in range(2)]
    assert answers[0].status_code in (200, 404)
    assert answers[1].status_code == 429


@pytest.mark.parametrize("refusal", ["retry-after", "date", "bare"])
def test_a_gateway_s_refusal_says_it_in_its_own_way(serve, refusal):
    caller = serve(limits={"p-image": (1, 30.0)}, refusal=refusal)
    assert "RateLimit-Limit" not in caller.post().headers
    headers = caller.post().headers
    assert "RateLimit-Reset" not in headers
    if refusal == "bare":
        assert "Retry-After" not in headers
    elif refusal == "retry-after":
        assert headers["Retry-After"] == "30"
    else:
        moment = parsedate_to_datetime(headers["Retry-After"]).timestamp()
        at = caller.service.accepted[0]["at"]
        assert math.ceil(at + 29) <= moment <= math.ceil(at + 60)


def test_a_connection_is_kept_and_used_again(quick):
    connection = http.client.HTTPConnection("127.0.0.1", quick.service.port, timeout=20)
    headers = {"apikey": "k", "Model": "p-image"}
    body = json.dumps({"input": {"prompt": "a lion"}})
    connection.request("POST", "/v1/predictions", body, headers)
    connection.getresponse().read()
    socket = connection.sock
    connection.request("POST", "/v1/predictions", body, headers)
    answer = connection.getresponse()
    answer.read()
    assert connection.sock is socket
    assert answer.status == 201
    connection.close()


def test_many_synchronous_requests_wait_without_a_thread_each(serve):
    caller = serve(latency=1.0, fast=True)
    connections = [
        http.client.HTTPConnection("127.0.0.1", caller.service.port, timeout=20) for _ in range(200)
    ]
    headers = {"apikey": "k", "Model": "p-image", "Try-Sync": "true"}
    body = json.dumps({"input": {"prompt": "a lion"}})
    before = threading.active_count()
    for connection in connections:
        connection.request("POST", "/v1/predictions", body, headers)
    statuses = [json.loads(connection.getresponse().read())["status"] for connection in connections]
    assert statuses == ["succeeded"] * 200
    assert threading.active_count() <= before
    for connection in connections:
        connection.close()


def test_what_was_accepted_can_be_asked_for(serve):
    caller = serve(limits={"p-image": (2, 60.0)}, fast=True)
    sent = [{"prompt": "one"}, {"prompt": "two", "seed": 5}]
    ids = [caller.post(each).json()["id"] for each in sent]
    caller.post({"prompt": "three"})
    caller.get(f"{caller.url}/v1/predictions/status/{ids[0]}")
    rows = caller.service.accepted
    assert [row["id"] for row in rows] == ids
    assert [row["input"] for row in rows] == sent
    assert [row["model"] for row in rows] == ["p-image"] * 2
    assert rows[0]["at"] <= rows[1]["at"]
    assert caller.service.counts == {"predictions": 3, "status": 1, "delivery": 0, "files": 0}


def test_a_secret_is_masked_in_everything_that_is_kept_or_answered(serve):
    caller = serve()
    answer = caller.post({"prompt": "x", "hf_api_token": "hf_secret"})
    assert "hf_secret" not in answer.text
    assert caller.service.accepted[0]["input"] == {"prompt": "x", "hf_api_token": "***"}


def test_after_the_quota_every_prediction_fails_uncharged(serve):
    caller = serve(quota=2)
    states = [caller.get(caller.post().json()["get_url"]).json() for _ in range(3)]
    assert [state["status"] for state in states] == ["succeeded", "succeeded", "failed"]
    assert states[2]["error"].startswith("QUOTA_EXCEEDED")
    assert caller.service.charged == 2


def test_the_key_can_be_withdrawn_in_mid_run(serve):
    caller = serve()
    assert caller.post().status_code == 201
    caller.service.configure(keys=set())
    assert caller.post().status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": "hourly"},
        {"limits": {"p-image": 5}},
        {"latency": (2, 1)},
        {"latency": "slow"},
        {"refusal": "polite"},
        {"faults": {"resets_before": 1}},
        {"colour": "red"},
        {"keys": "one-key"},
    ],
)
def test_a_wrong_option_is_refused_before_anything_starts(serve, wrong):
    with pytest.raises((TypeError, ValueError)):
        serve(**wrong)
    caller = serve()
    with pytest.raises((TypeError, ValueError)):
        caller.service.configure(**wrong)
    assert caller.post().status_code == 201


def test_latencies_lie_in_their_range_and_come_again_with_the_seed(serve):
    def latencies(seed):
        caller = serve(latency={"p-image": (0.2, 0.4)}, seed=seed)
        for _ in range(20):
            caller.post()
        found = caller.service._core.accepted
        return [round(each.finish - each.at, 9) for each in found]

    first = latencies(1)
    assert all(0.2 <= each <= 0.4 for each in first)
    assert latencies(1) == pytest.approx(first, abs=1e-6)
    assert latencies(2) != pytest.approx(first, abs=1e-6)
    caller = serve(latency=[1.0, 2.0, 50.0])
    for _ in range(20):
        caller.post()
    drawn = {round(each.finish - each.at, 6) for each in caller.service._core.accepted}
    assert drawn <= {1.0, 2.0, 50.0}
    assert len(drawn) > 1


def test_a_missing_package_names_the_extra(serve, monkeypatch):
    def fail(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(MissingExtraError, match=r"pruna_nb\[emulator\]"):
        serve()
