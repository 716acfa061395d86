"""Every fault does what its sentence says, as often as it was asked to."""

from __future__ import annotations

import io
import random

import pytest
import requests
from PIL import Image

from pruna_nb.emulator import FAULTS
from pruna_nb.emulator.faults import Faults


def test_a_count_lets_a_fault_happen_so_often_and_no_more():
    faults = Faults({"failed": {"first": 2, "after": 1}})
    assert [bool(faults.draw("failed")) for _ in range(5)] == [False, True, True, False, False]


def test_a_probability_is_met_over_many_chances_and_comes_again_with_the_seed():
    def drawn(seed):
        faults = Faults({"failed": 0.3}, seed=seed)
        return [bool(faults.draw("failed")) for _ in range(2_000)]

    # Five standard deviations of a share of 0.3 in 2,000 draws are 0.051.
    assert sum(drawn(1)) / 2_000 == pytest.approx(0.3, abs=0.052)
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_fault_that_is_not_set_never_happens():
    assert Faults({}).first_of(tuple(FAULTS)) is None


@pytest.mark.parametrize(
    ("specs", "says"),
    [
        ({"reset_befor": 1}, "Did you mean reset_before"),
        ({"failed": 1.5}, "0 to 1"),
        ({"failed": "often"}, "0 to 1"),
        ({"failed": True}, "0 to 1"),
        ({"failed": {"first": -1}}, "first"),
        ({"failed": {"first": "all"}}, "first"),
        ({"failed": {"times": 3}}, "unknown times"),
        ({"refuse_429": {"wait": -1}}, "seconds"),
        ({"redirect": 1}, "needs 'to'"),
        ({"failed": {"to": "http://x"}}, "takes no 'to'"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(specs, says):
    with pytest.raises(ValueError, match=says):
        Faults(specs)


def test_every_fault_has_a_sentence():
    assert all(sentence.endswith(".") for sentence in FAULTS.values())


@pytest.mark.parametrize(
    ("fault", "status"),
    [("error_500", 500), ("html_502", 502), ("html_503", 503), ("refuse_429", 429)],
)
def test_before_acceptance_an_error_charges_nothing(serve, fault, status):
    caller = serve(faults={fault: {"first": 1}})
    answer = caller.post()
    assert answer.status_code == status
    is_page = answer.headers["Content-Type"].startswith("text/html")
    assert is_page is fault.startswith("html")
    assert caller.service.charged == 0
    assert caller.post().status_code == 201
    assert caller.service.charged == 1


def test_a_refusal_names_the_wait_it_was_set_to(serve):
    caller = serve(faults={"refuse_429": {"first": 1, "wait": 7}})
    answer = caller.post()
    assert answer.headers["RateLimit-Reset"] == "7"
    assert caller.service.refused == 1


@pytest.mark.parametrize(
    ("fault", "status"), [("error_500_after", 500), ("html_502_after", 502), ("html_504", 504)]
)
def test_after_acceptance_an_error_is_charged(serve, fault, status):
    caller = serve(faults={fault: {"first": 1}})
    assert caller.post().status_code == status
    assert caller.service.charged == 1


@pytest.mark.parametrize(("fault", "charged"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_is_a_reset(serve, fault, charged):
    caller = serve(faults={fault: {"first": 1}})
    with pytest.raises(requests.ConnectionError, match="reset"):
        caller.post()
    assert caller.service.charged == charged
    assert caller.post().status_code == 201


def test_a_request_that_hangs_is_charged_and_never_answered(serve):
    caller = serve(faults={"hang": {"first": 1}})
    with pytest.raises(requests.ReadTimeout):
        caller.post(timeout=0.3)
    assert caller.service.charged == 1
    assert caller.post().status_code == 201


def test_an_answer_cut_short_is_no_json(serve):
    caller = serve(faults={"json_cut": 1})
    answer = caller.post()
    assert answer.status_code == 201
    assert answer.text.startswith('{"id"')
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert caller.service.charged == 1


def test_an_answer_without_an_id_has_no_address_either(serve):
    caller = serve(faults={"no_id": 1})
    answer = caller.post(sync=True)
    assert answer.status_code == 201
    assert set(answer.json()) == {"model", "input"}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("failed", "failed", "MODEL_ERROR"), ("quota", "failed", "QUOTA_EXCEEDED")],
)
def test_a_prediction_can_fail(serve, fault, status, code):
    caller = serve(faults={fault: 1})
    state = caller.get(caller.post().json()["get_url"]).json()
    assert set(state) == {"status", "message", "error"}
    assert state["status"] == status
    assert state["error"].startswith(code)
    assert caller.service.charged == (fault == "failed")


def test_a_prediction_can_be_canceled(serve):
    caller = serve(faults={"canceled": 1})
    assert caller.get(caller.post().json()["get_url"]).json()["status"] == "canceled"


def test_a_prediction_can_stay_in_processing(serve):
    caller = serve(faults={"never_ends": 1}, try_sync_wait=0.05)
    content = caller.post(sync=True).json()
    assert caller.get(content["get_url"]).json()["status"] == "processing"


def test_a_status_of_404_passes(serve):
    caller = serve(faults={"status_404_once": 1})
    address = caller.post().json()["get_url"]
    assert [caller.get(address).status_code for _ in range(3)] == [404, 200, 200]


@pytest.mark.parametrize(("fault", "status"), [("status_500", 500), ("status_502", 502)])
def test_the_status_endpoint_can_fail(serve, fault, status):
    caller = serve(faults={fault: {"first": 1}})
    address = caller.post().json()["get_url"]
    assert [caller.get(address).status_code for _ in range(2)] == [status, 200]


@pytest.mark.parametrize("fault", ["status_reset", "files_reset", "delivery_reset"])
def test_the_other_endpoints_can_be_reset(serve, fault):
    caller = serve(faults={fault: {"first": 1}})
    created = caller.post({"prompt": "x", "seed": 1}, sync=True).json()
    started = caller.post().json()
    calls = {
        "status_reset": lambda: caller.get(started["get_url"]).content,
        "files_reset": lambda: caller.upload(b"x" * 300_000).content,
        "delivery_reset": lambda: caller.get(created["generation_url"]).content,
    }
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        calls[fault]()
    calls[fault]()


def test_an_upload_can_fail(serve):
    caller = serve(faults={"files_500": {"first": 1}})
    assert caller.upload(b"x").status_code == 500


def test_a_delivery_can_break_off(serve):
    caller = serve(faults={"delivery_cut": {"first": 1}})
    address = caller.post({"prompt": "x", "seed": 1}, sync=True).json()["generation_url"]
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.get(address)
    assert Image.open(io.BytesIO(caller.get(address).content)).format == "JPEG"


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("delivery_empty", 200, "image/jpeg"),
        ("delivery_html", 200, "text/html; charset=utf-8"),
        ("delivery_410", 410, "application/json"),
        ("delivery_500", 500, "application/json"),
    ],
)
def test_a_delivery_can_be_something_else(serve, fault, status, content_type):
    caller = serve(faults={fault: {"first": 1}}, fast=True)
    address = caller.post(sync=True).json()["generation_url"]
    answer = caller.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
    if fault == "delivery_empty":
        assert answer.content == b""
    assert caller.get(address).status_code == 200


def test_a_damaged_delivery_has_its_length_and_decodes_the_second_time(serve):
    caller = serve(faults={"delivery_damaged": 1}, fast=True)
    address = caller.post(sync=True).json()["generation_url"]
    damaged, whole = caller.get(address).content, caller.get(address).content
    assert len(damaged) == len(whole)
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(damaged))
    assert Image.open(io.BytesIO(whole)).format == "JPEG"


def test_an_upload_can_expire_in_mid_batch(serve):
    caller = serve(faults={"file_expired": {"first": 1}})
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    address = caller.address_of(buffer.getvalue())
    states = [
        caller.post({"image": address}, model="p-image-upscale", sync=True).json()["status"]
        for _ in range(2)
    ]
    assert states == ["failed", "succeeded"]


def test_a_redirect_leads_to_the_same_path_on_another_host(serve):
    caller = serve(faults={"redirect": {"to": "http://127.0.0.1:9"}})
    address = caller.post().json()["get_url"]
    answer = caller.get(address, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"] == address.replace(caller.url, "http://127.0.0.1:9")


def test_addresses_can_name_another_host(serve):
    caller = serve(faults={"absolute_other_host": {"to": "http://127.0.0.1:9"}})
    assert caller.post().json()["get_url"].startswith("http://127.0.0.1:9/v1/predictions/status/")
    sync = caller.post(sync=True).json()["generation_url"]
    assert sync.startswith("http://127.0.0.1:9/v1/predictions/delivery/")


def test_a_tenth_of_all_requests_can_be_reset(serve):
    caller = serve(faults={"reset_before": 0.1}, seed=3)
    reset = 0
    for _ in range(200):
        try:
            caller.post()
        except requests.ConnectionError:
            reset += 1
    assert caller.service.charged == 200 - reset
    # Five standard deviations of 200 draws at 0.1 are 21.
    assert 0 < reset <= 41


def test_faults_can_be_set_and_taken_away_while_it_runs(serve):
    caller = serve()
    caller.service.configure(faults={"error_500": 1})
    assert caller.post().status_code == 500
    caller.service.configure(faults={})
    assert caller.post().status_code == 201


def test_all_faults_together_never_bring_the_emulator_down(serve):
    chosen = {name: 0.08 for name in FAULTS if name not in ("redirect", "absolute_other_host")}
    caller = serve(faults=chosen, fast=True, seed=5)
    rng = random.Random(1)
    for _ in range(150):
        try:
            answer = caller.post(timeout=0.2, sync=rng.random() < 0.5)
            content = answer.json()
            address = content.get("get_url") or content.get("generation_url")
            if address:
                caller.get(address)
        except (requests.RequestException, ValueError):
            continue
    caller.service.configure(faults={})
    assert caller.post().status_code == 201
