"""Whether a request went out is known from its connection, on every way to the service."""

from __future__ import annotations

import contextlib
import io
import socket

import pytest

from pruna_nb import errors
from pruna_nb.api import connections
from pruna_nb.api.client import Client
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.replies import Prediction
from pruna_nb.api.transport import Transport
from pruna_nb.files.kinds import PNG
from pruna_nb.files.media_store import MediaStore
from pruna_nb.settings import current
from tests.faults.servers import Hang, Reset, Server, Stream, free_port, reply
from tests.helpers.media import picture
from tests.helpers.tls import TLSFront, TunnelProxy, make_certificate

KEY = "sk-a-very-secret-key"
AWAY = "https://service.example"
"""A host of the internet, so that the environment's proxies are used; it is never looked up."""


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    names = ("IP:127.0.0.1", "DNS:service.example")
    return make_certificate(tmp_path_factory.mktemp("tls"), names)


@contextlib.contextmanager
def way_to(server, way, certificate, monkeypatch):
    """Give the address by which a server is reached on a way, and the proxy if there is one."""
    if way == "http":
        yield server.url, None
        return
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with TLSFront(server.port, *certificate) as front:
        if way == "https":
            yield front.url, None
            return
        with TunnelProxy(front.port) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            yield AWAY, proxy


def calls_of(url, **more):
    settings = current(api_key=KEY, base_url=url, **more)
    return Endpoints(settings, Transport(settings))


BROKEN = {
    "closed": lambda _: None,
    "reset": lambda _: Reset(),
    "silent": lambda _: Hang(),
    "garbage": lambda _: Stream([b"SSH-2.0-OpenSSH\r\n"]),
    "half a status line": lambda _: Reset(b"HTTP/1.1 2"),
    "two lengths": lambda _: Stream([
        b"HTTP/1.1 201 Created\r\nContent-Length: 11\r\nContent-Length: 12\r\n\r\n" + b'{"id": "x"}'
    ]),
    "wrong chunks": lambda _: Stream([
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    ]),
    "endless header": lambda _: Stream([b"HTTP/1.1 201 Created\r\nX: ", b"x" * 100_000]),
    "too many headers": lambda _: Stream([b"HTTP/1.1 201 Created\r\n", b"X: y\r\n" * 200]),
    "unknown encoding": lambda _: Stream([
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    ]),
    "early answers alone": lambda _: Stream([b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3]),
    "another protocol": lambda _: Stream([b"HTTP/1.1 101 Switching Protocols\r\n\r\n"]),
}  # fmt: skip


@pytest.mark.parametrize("way", ["http", "https", "tunnel"])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_prediction_whose_answer_is_broken_is_sent_once_and_may_be_charged(
    answer, way, certificate, monkeypatch
):
    with Server(answer) as server, way_to(server, way, certificate, monkeypatch) as (url, _):
        client = Client(api_key=KEY, base_url=url, timeout=0.5)
        with pytest.raises(errors.ApiError) as caught:
            client.create("p-image", {"prompt": "a lion"})
        client.close()
    assert isinstance(caught.value, (errors.LostAnswerError, errors.ReplyError))
    assert caught.value.charged == "unknown"
    assert server.paths("POST") == ["/v1/predictions"]


@pytest.mark.parametrize("way", ["http", "https", "tunnel"])
def test_an_early_answer_is_passed_over(way, certificate, monkeypatch):
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"

    def answer(_):
        return early + reply(201, {"id": f"id-{len(server.asked)}"})

    with Server(answer) as server, way_to(server, way, certificate, monkeypatch) as (url, _):
        calls = calls_of(url)
        ids = [calls.create("p-image", {"prompt": str(number)}).id for number in range(3)]
        for _ in range(2):
            first = calls.transport.ask("GET", "/x", lambda reply: reply.is_first, kept=True)
            assert not first
        calls.transport.close()
    assert ids == ["id-1", "id-2", "id-3"]
    assert server.connections == 3


@pytest.mark.parametrize("status", [302, 400, 403, 407, 502, 503])
def test_a_tunnel_that_the_proxy_refuses_proves_that_nothing_was_sent(status, monkeypatch):
    refused = f"HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno".encode()
    with TunnelProxy(free_port(), refused) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        calls = calls_of(AWAY)
        with pytest.raises(errors.ConnectionFailedError, match=f"proxy answers {status}") as caught:
            calls.create("p-image", {"prompt": "a"})
    assert caught.value.charged == "no"
    assert all(KEY.encode() not in head for head in proxy.asked)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("http://user:hunter2@127.0.0.1:9", "127.0.0.1:9"),
        ("socks5://127.0.0.1:9", r"requests\[socks\]"),
        ("htp://proxy.example", "proxy.example"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_and_proves_that_nothing_was_sent(
    proxy, words, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(errors.ConnectionFailedError, match=words) as caught:
        calls_of(AWAY).create("p-image", {"prompt": "a"})
    assert "HTTPS_PROXY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.charged == "no"


def test_a_proxy_that_says_nothing_is_given_up_and_proves_that_nothing_was_sent(monkeypatch):
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    with Server(lambda _: Hang()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(errors.ConnectionFailedError):
            calls_of(AWAY).create("p-image", {"prompt": "a"})
    assert [asked.method for asked in proxy.asked] == ["CONNECT"]


def test_a_connection_that_the_service_closed_while_it_was_idle_is_made_anew():
    """The end of a connection is seen before a request is written into it."""
    served = []

    def answer(asked):
        served.append(asked)
        return Stream([reply(201, {"id": f"id-{len(served)}"})])

    with Server(answer) as server:
        calls = calls_of(server.url)
        ids = []
        for number in range(3):
            ids.append(calls.create("p-image", {"prompt": str(number)}).id)
            wait_for_the_end(calls)
        calls.transport.close()
    assert ids == ["id-1", "id-2", "id-3"]


def wait_for_the_end(calls):
    """Wait until the other end of the idle connection is closed."""
    (connection,) = [each for each in calls.transport._opened()._last[1].pool.queue if each]
    if connection.sock is None:  # it was seen when the connection was given back
        return
    connection.sock.settimeout(5)
    assert connection.sock.recv(1, socket.MSG_PEEK) == b""


@pytest.mark.parametrize("way", ["http", "https", "tunnel"])
def test_a_connection_is_kept_on_every_way(way, certificate, monkeypatch):
    with (
        Server(lambda _: reply(200, {})) as server,
        way_to(server, way, certificate, monkeypatch) as (url, proxy),
    ):
        transport = calls_of(url).transport
        first = [
            transport.ask("GET", "/v1/x", lambda reply: reply.is_first, kept=True) for _ in range(4)
        ]
        transport.close()
    assert first == [True, False, False, False]
    assert server.connections == 1
    assert [asked.headers["apikey"] for asked in server.asked] == [KEY] * 4
    if proxy is not None:
        assert len(proxy.asked) == 1
        assert KEY.encode() not in proxy.asked[0]


def test_what_pays_or_fetches_has_a_connection_of_its_own(tmp_path):
    answers = {
        "/v1/files": reply(201, {"urls": {"get": "/v1/files/f"}}),
        "/out": reply(200, picture("JPEG")),
    }

    def answer(asked):
        return answers.get(asked.path) or reply(201, {"id": f"id-{len(server.asked)}"})

    with Server(answer) as server:
        calls = calls_of(server.url)
        done = Prediction("p-image", {}, "x", "succeeded", "/out")
        for number in range(2):
            calls.create("p-image", {"prompt": str(number)})
            calls.deliver(done, MediaStore(tmp_path), "image")
            upload = calls.upload(io.BytesIO(b"x"), 1, PNG, "name")
        calls.transport.close()
    # A path, which would name no host where the service reads it in an input.
    assert upload.url == f"{server.url}/v1/files/f"
    assert server.connections == len(server.asked) == 6


@pytest.mark.parametrize("answer", ["<html>", {"urls": {}}, {"urls": {"get": "javascript:x"}}])
def test_an_upload_whose_answer_cannot_be_used_cost_nothing(answer):
    with Server(lambda _: reply(201, answer)) as server:
        calls = calls_of(server.url)
        with pytest.raises(errors.ReplyError) as raised:
            calls.upload(io.BytesIO(b"x"), 1, PNG, "name")
        calls.transport.close()
    assert raised.value.charged == "no"
    assert "Nothing was charged" in str(raised.value)
