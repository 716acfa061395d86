"""Which addresses are asked, and which of them see the key."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from pruna_nb.api.urls import resolve, same_origin
from pruna_nb.errors import ReplyError

BASE = "https://api.pruna.ai"
HERE = "http://127.0.0.1:8000"

NOT_OURS = [
    "https://api.pruna.ai.evil.example/v1/x",
    "https://evil.example/api.pruna.ai",
    "https://evilapi.pruna.ai/",
    "https://api.pruna.ai:8443/x",
    "https://api-pruna.ai/x",
    "https://xn--api-pruna-ai.example/",
    "https://api.pruna.ai%2eevil.example/",
    "https://аpi.pruna.ai/x",  # noqa: RUF001 - a Cyrillic letter is the point
    "https://[::ffff:1.2.3.4]/x",
    "http://api.pruna.ai/v1/x",
]
REFUSED = [
    "https://api.pruna.ai@evil.example/x",
    "https://api.pruna.ai:443@evil.example/x",
    "https://user:password@api.pruna.ai/x",
    "https://@api.pruna.ai/x",
    "https://api.pruna.ai\\@evil.example/x",
    "https:\\\\evil.example\\x",
    "https://api.pruna.ai\t.evil.example",
    "https://api.pruna.ai\n/x",
    "http://evil.example/x",
    "http://api.pruna.ai/v1/x",
    "ftp://api.pruna.ai/x",
    "file:///etc/passwd",
    "javascript://api.pruna.ai/%0aalert(1)",
    "https:///x",
    "https://api.pruna.ai%00.evil.example/",
    "https://",
    "://x",
    "https://api.pruna.ai:99999/x",
    "https://api.pruna.ai:x/",
    "https://10.0.0.1/x",
    "https://192.168.1.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://localhost/x",
    "https://localhost./x",
    "https://2130706433/x",
    "https://0x7f.0.0.1/x",
    "https://127.1/x",
    "\ud800",
    "/v1/\ud800",
    "",
    " ",
    None,
    7,
    ["https://api.pruna.ai/x"],
]


@pytest.mark.parametrize("address", NOT_OURS)
def test_an_address_that_looks_like_ours_does_not_get_the_key(address):
    assert not same_origin(BASE, address)


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_no_service_would_give_is_refused(address):
    with pytest.raises(ReplyError):
        resolve(BASE, address)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.pruna.ai/v1/x",
        "https://API.Pruna.AI/v1/x",
        "https://api.pruna.ai:443/v1/x",
        "HTTPS://api.pruna.ai/v1/x",
        "https://api.pruna.ai./v1/x",
    ],
)
def test_the_services_own_address_gets_the_key_however_it_is_spelt(address):
    assert same_origin(BASE, address)
    assert resolve(BASE, address) == address


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("/v1/predictions/delivery/a/output.jpg", f"{BASE}/v1/predictions/delivery/a/output.jpg"),
        ("v1/predictions/x", f"{BASE}/v1/predictions/x"),
        ("/v1/x?sig=a%2Fb&y=1", f"{BASE}/v1/x?sig=a%2Fb&y=1"),
    ],
)
def test_a_relative_address_is_the_services_own(address, whole):
    assert resolve(BASE, address) == whole


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example/x", "///evil.example/x", "@evil.example/x", ".evil.example/x",
        ":8443/x", "%2f%2fevil.example", "../../x", "?x", "#x", "evil.example", "C:evil",
        "/\u2215evil",
    ],
)  # fmt: skip
def test_whatever_is_taken_as_relative_stays_with_the_service(address):
    whole = resolve(BASE, address)
    assert parse_url(whole).host == "api.pruna.ai"
    assert same_origin(BASE, whole)


def test_another_hosts_address_over_https_may_be_asked_without_the_key():
    address = "https://storage.example/bucket/output.jpg?signature=a"
    assert resolve(BASE, address) == address
    assert not same_origin(BASE, address)


def test_a_service_on_this_machine_may_name_other_addresses_on_this_machine():
    assert resolve(HERE, "http://127.0.0.1:9000/x") == "http://127.0.0.1:9000/x"
    assert not same_origin(HERE, "http://127.0.0.1:9000/x")
    assert not same_origin(HERE, "https://127.0.0.1:8000/x")


def test_a_refusal_does_not_repeat_what_stood_before_the_at_sign():
    with pytest.raises(ReplyError) as caught:
        resolve(BASE, "https://user:s3cret@evil.example/x?token=s3cret")
    assert "s3cret" not in str(caught.value)


@given(st.text())
@example("https://\ud800/")
@example("https://api.pruna.ai/\ud800")
@example("https://api。pruna。ai/")
@example("https://api.pruna.ai?@evil.example/")
@example("https://api.pruna.ai#@evil.example/")
def test_any_text_is_an_address_that_is_safe_to_ask_or_a_named_error(text):
    try:
        whole = resolve(BASE, text)
    except ReplyError:
        return
    url = parse_url(whole)
    assert url.scheme == "https"
    assert url.auth is None
    assert same_origin(BASE, whole) == (
        url.host.rstrip(".") == "api.pruna.ai" and url.port in (None, 443)
    )


near = st.lists(
    st.sampled_from(
        ["https://", "http://", "api.pruna.ai", "evil.example", "@", ":", "/", "\\", "//", "#", "?",
         ".", "%2f", "443", "[", "]", "::1", "\t", "user", "\u3002", "\uff0f", "\u2044"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@given(near)
def test_the_parser_that_connects_agrees_on_whose_address_it_is(text):
    """requests prepares the address once more: what it would connect to must be the same host."""
    import requests

    try:
        whole = resolve(BASE, text)
        prepared = requests.Request("GET", whole).prepare().url
    except (ReplyError, requests.RequestException):
        return
    assert same_origin(BASE, whole) == same_origin(BASE, prepared)
