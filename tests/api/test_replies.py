"""Readers of what the service says: a result or a named error, whatever it says."""

from __future__ import annotations

import json
import math
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from pruna_nb import errors
from pruna_nb.api import replies, times
from pruna_nb.api.replies import Prediction, Reply, Upload

NOW = 1.7e9
ASKED = Prediction("p-image", {}, "abc")

words = st.sampled_from(
    [
        "id", "status", "succeeded", "failed", "canceled", "processing", "starting", "error",
        "code", "message", "details", "generation_url", "get_url", "urls", "get", "expires_at",
        "created_at", "size", "invalid_fields",
        "field", "description", "type", "title", "detail", "request_id",
        "QUOTA_EXCEEDED", "http://127.0.0.1/x", "\ud800", "\x1b[31m", "", "NaN",
    ]
)  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), words, st.just(10**400)
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, st.text()), inner, max_size=6)
    ),
    max_leaves=25,
)
bodies = st.one_of(
    st.binary(max_size=300),
    st.dictionaries(words, values, max_size=8).map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value).encode()[:-3]),
    st.integers(1, 100_000).map(lambda depth: b"[" * depth),
    st.integers(1, 3000).map(lambda depth: b'{"error":' + b"[" * depth + b"]" * depth + b"}"),
)
header_names = st.sampled_from(
    ["Retry-After", "RateLimit-Reset", "x-request-id", "Date", "Content-Type", "X-Other"]
)
header_values = st.one_of(st.text(), st.floats().map(str), st.integers().map(str), words)
headers = st.dictionaries(header_names, header_values).map(CaseInsensitiveDict)
replies_of_any_kind = st.builds(Reply, st.integers(100, 599), headers, bodies)


def of(status=200, body=None, head=None):
    """Make a reply of JSON, or of bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, CaseInsensitiveDict(head or {}), content)


@given(replies_of_any_kind)
def test_any_answer_to_a_new_prediction_is_a_prediction_or_a_named_error(reply):
    try:
        found = replies.read_created(reply, "p-image", {})
    except errors.ApiError:
        return
    assert found.finished or found.id
    assert found.status != "succeeded" or isinstance(found.generation_url, str)
    found.error and found.error.encode()


@given(replies_of_any_kind)
def test_any_answer_about_a_status_is_a_prediction_or_a_named_error(reply):
    try:
        found = replies.read_status(reply, ASKED)[0]
    except errors.ApiError:
        return
    assert found.id == "abc"
    if found.status == "failed":
        replies.ended_badly(found, {}).message.encode()


@given(replies_of_any_kind)
def test_any_answer_to_an_upload_is_an_upload_or_a_named_error(reply):
    try:
        found = replies.read_upload(reply, NOW, 1800.0)
    except errors.ApiError:
        return
    assert isinstance(found, Upload)
    assert math.isfinite(found.expires_at)
    assert found.expires_at > NOW


@given(replies_of_any_kind)
def test_any_answer_that_is_none_of_success_is_a_named_error(reply):
    error = replies.read_error(reply, NOW, prediction_id="abc")
    assert isinstance(error, errors.ApiError)
    # It can stand in a file, in a database and on a terminal, and is no novel.
    text = str(error)
    text.encode()
    assert len(text) < 3000
    assert "\x1b" not in text


@given(headers)
def test_any_headers_give_a_length_of_time_or_none(head):
    wait = times.retry_after(head, NOW)
    assert wait is None or (wait >= 0 and math.isfinite(wait))


@pytest.mark.parametrize(
    ("head", "seconds"),
    [
        ({"RateLimit-Reset": "12"}, 12.0),
        ({"RateLimit-Reset": "0.5"}, 0.5),
        ({"RateLimit-Reset": str(int(NOW) + 30)}, 30.0),  # some servers give the moment
        ({"RateLimit-Reset": str(int(NOW + 30) * 1000)}, 30.0),  # and some in milliseconds
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": formatdate(NOW + 42, usegmt=True)}, 42.0),
        ({"Retry-After": formatdate(NOW - 42, usegmt=True)}, 0.0),
        ({"RateLimit-Reset": "3", "Retry-After": "9"}, 9.0),
        ({"RateLimit-Reset": "9", "Retry-After": "soon"}, 9.0),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_a_refusal_says_how_long_to_wait(head, seconds):
    assert times.retry_after(CaseInsensitiveDict(head), NOW) == seconds


def test_an_asynchronous_answer_gives_an_id():
    body = {"id": "xyz", "model": "p-image", "input": {}, "get_url": "https://a.b/status/xyz"}
    found = replies.read_created(of(201, body), "p-image", {"prompt": "a"})
    assert found == Prediction("p-image", {"prompt": "a"}, "xyz", "starting")


def test_a_synchronous_answer_is_finished_and_has_no_id():
    body = {"status": "succeeded", "generation_url": "/v1/predictions/delivery/x/output.jpg"}
    found = replies.read_created(of(200, body), "p-image", {})
    assert (found.id, found.finished) == (None, True)
    assert found.generation_url == "/v1/predictions/delivery/x/output.jpg"


@pytest.mark.parametrize("length", [18, 40, 70])
def test_an_answer_that_breaks_off_after_the_id_gives_the_id(length):
    whole = b'{"id": "1zww7de", "model": "p-image", "input": {"prompt": "a"}, "get_url": "x"}'
    assert replies.read_created(of(201, whole[:length]), "m", {}).id == "1zww7de"


@pytest.mark.parametrize("body", [b"", b"{", b'{"id": "1zww', b'{"input": {"id": "not this"', b"<"])
def test_an_answer_that_breaks_off_before_the_id_is_lost(body):
    with pytest.raises(errors.LostAnswerError):
        replies.read_created(of(201, body), "m", {})


def test_an_answer_without_id_but_with_its_address_gives_the_id_in_it():
    body = {"get_url": "https://api.pruna.ai/v1/predictions/status/1zww7deyssrme0csqwr90phzzr"}
    assert replies.read_created(of(201, body), "m", {}).id == "1zww7deyssrme0csqwr90phzzr"


@pytest.mark.parametrize("broken", [None, "", [], {}, 7])
def test_an_answer_that_succeeded_without_an_address_is_asked_for_by_its_id(broken):
    body = {"id": "xyz", "status": "succeeded", "generation_url": broken}
    found = replies.read_created(of(201, body), "m", {})
    assert (found.id, found.finished) == ("xyz", False)


@pytest.mark.parametrize(
    "body", [{}, {"id": None}, {"id": "../../files"}, {"id": {}}, {"id": True}]
)
def test_an_answer_without_a_usable_id_may_have_been_charged(body):
    with pytest.raises(errors.ReplyError) as caught:
        replies.read_created(of(201, body), "m", {})
    assert caught.value.charged == "unknown"


@pytest.mark.parametrize("code", ["INVALID_INPUT", "MODEL_ERROR", "TIMEOUT", "INTERNAL_ERROR"])
def test_a_failed_prediction_tells_its_code_wherever_it_stands(code):
    for body in (
        {"status": "failed", "error": f"{code}: it went wrong"},
        {"status": "failed", "error": {"code": code, "message": "it went wrong"}},
        {"status": "failed", "error": "it went wrong", "code": code},
        {"status": "failed", "error": "it went wrong", "message": f"Prediction failed: {code}"},
    ):
        error = replies.ended_badly(replies.read_status(of(200, body), ASKED)[0], {})
        assert type(error) is errors.PredictionFailedError
        assert error.code == code
        assert "it went wrong" in str(error)
        assert error.prediction_id == "abc"


def test_a_spent_quota_concerns_the_whole_account_however_it_is_told():
    body = {"status": "failed", "error": "QUOTA_EXCEEDED: no credit"}
    ended = replies.ended_badly(replies.read_status(of(200, body), ASKED)[0], {})
    told = replies.read_error(of(429, {"error": {"code": "QUOTA_EXCEEDED"}}), NOW)
    paid = replies.read_error(of(402, {"error": {"code": "PAYMENT_REQUIRED"}}), NOW)
    for error in (ended, told, paid):
        assert isinstance(error, errors.QuotaError)
        assert error.account_wide


@pytest.mark.parametrize(
    ("status", "kind", "charged"),
    [
        (400, errors.BadRequestError, "no"),
        (401, errors.AuthenticationError, "no"),
        (403, errors.AuthenticationError, "no"),
        (404, errors.NotFoundError, "no"),
        (408, errors.LostAnswerError, "unknown"),
        (409, errors.BadRequestError, "no"),
        (410, errors.ExpiredError, "no"),
        (413, errors.TooLargeError, "no"),
        (429, errors.RateLimitError, "no"),
        (460, errors.LostAnswerError, "unknown"),
        (499, errors.LostAnswerError, "unknown"),
        (500, errors.ServerError, "unknown"),
        (503, errors.UnavailableError, "no"),
        (504, errors.LostAnswerError, "unknown"),
        (302, errors.ReplyError, "unknown"),
        (599, errors.ServerError, "unknown"),
    ],
)
def test_each_status_has_its_error_with_code_message_and_request(status, kind, charged):
    body = {
        "error": {"code": "THE_CODE", "message": "the message", "details": {"a": 1}},
        "request_id": "req_42",
    }
    error = replies.read_error(of(status, body), NOW)
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, "THE_CODE", "req_42")
    assert error.charged == charged
    assert "the message" in str(error)
    assert "req_42" in str(error)
    assert error.advice


def test_a_422_names_every_field():
    body = {
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "no",
        "invalid_fields": [
            {"type": "range", "field": "input.seed", "description": "too large"},
            {"type": "missing", "field": "input.prompt"},
            "nonsense",
        ],
    }
    error = replies.read_error(of(422, body), NOW)
    assert isinstance(error, errors.ValidationError)
    assert [item["field"] for item in error.invalid_fields] == ["input.seed", "input.prompt"]
    assert "input.seed: too large; input.prompt: missing" in str(error)


@pytest.mark.parametrize(
    "page",
    [
        "<html><title>502 Bad Gateway</title>\r\n<body><h1>502 Bad Gateway</h1></body>",
        "<title>Bad Gateway</title>",
        "<style>h1 {color: red}</style><h1>Bad <b>Gateway</b></h1>",
        "Bad Gateway",
    ],
)
def test_a_gateways_page_is_read_as_its_words(page):
    error = replies.read_error(of(502, page.encode()), NOW)
    assert error.message == "Bad Gateway"


def test_what_a_terminal_or_a_database_could_not_take_is_taken_out_of_messages():
    body = {"error": {"message": "\x1b[2Jred\ud800 \x00 \u202egnp.exe"}}
    text = str(replies.read_error(of(400, body), NOW))
    assert "red" in text
    assert not any(bad in text for bad in "\x1b\x00\ud800\u202e")


def test_an_upload_lives_as_long_as_the_service_says_by_its_own_clock():
    """A clock of ours that is an hour wrong must neither keep a dead file nor upload for ever."""
    hour_ahead = NOW + 3600
    body = {
        "id": "file-1",
        "urls": {"get": "https://api.pruna.ai/v1/files/file-1"},
        "created_at": "2023-11-14T22:13:20Z",  # this is 1.7e9
        "expires_at": "2023-11-14T22:23:20+00:00",
    }
    assert replies.read_upload(of(201, body), hour_ahead, 1800.0).expires_at == hour_ahead + 600
    del body["created_at"]
    told = of(201, body, {"Date": formatdate(NOW, usegmt=True)})
    assert replies.read_upload(told, hour_ahead, 1800.0).expires_at == hour_ahead + 600


@pytest.mark.parametrize("moment", [None, "soon", 10**400, "0001-01-01", -5, {"a": 1}, True])
def test_an_upload_whose_end_cannot_be_read_lives_as_long_as_files_do(moment):
    body = {"urls": {"get": "https://api.pruna.ai/v1/files/1"}, "expires_at": moment}
    assert replies.read_upload(of(201, body), NOW, 1800.0).expires_at == NOW + 1800


def test_a_prediction_does_not_show_its_input_or_address():
    shown = repr(Prediction("m", {"hf_api_token": "hf_secret"}, "i", generation_url="/secret"))
    assert "secret" not in shown
