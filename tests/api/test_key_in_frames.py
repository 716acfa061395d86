"""The key stands in no variable that a traceback shows, wherever a call is interrupted."""

from __future__ import annotations

import gc
import http.client
import logging
import pydoc
import socket
import ssl
import threading
import traceback

import pytest

from pruna_nb import errors, settings
from pruna_nb.api import connections
from pruna_nb.api.client import Client
from pruna_nb.redact import Hidden
from tests.faults.servers import Server, reply
from tests.helpers.tls import TLSFront, TunnelProxy, make_certificate

KEY = "sk-a-very-secret-key-0123456789"


def frames_of(error):
    """Give the frames of an error and of what it came from, but for the tests' own."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:
                yield frame
        error = error.__cause__ or error.__context__


def held(value, depth=5, seen=None):
    """Yield all text and bytes that a variable leads to, by attributes and items."""
    seen = set() if seen is None else seen
    if id(value) in seen or depth < 0:
        return
    seen.add(id(value))
    if isinstance(value, Hidden):
        return
    if isinstance(value, (str, bytes, bytearray)):
        yield value
        return
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = list(value)
    else:
        parts = list(getattr(value, "__dict__", {}).values())
        for kind in type(value).__mro__:
            names = getattr(kind, "__slots__", ())
            names = (names,) if isinstance(names, str) else names
            parts += [getattr(value, name) for name in names if hasattr(value, name)]
    for part in parts:
        yield from held(part, depth - 1, seen)


def assert_keyless(error):
    ours = list(frames_of(error))
    for frame in ours:
        for name, value in frame.f_locals.items():
            assert KEY not in repr(value), (frame.f_code.co_qualname, name)
            assert KEY not in pydoc.text.repr(value), (frame.f_code.co_qualname, name)
            for text in held(value):
                secret = KEY if isinstance(text, str) else KEY.encode()
                assert secret not in text, (frame.f_code.co_qualname, name)
    assert ours


class Stop(KeyboardInterrupt):
    """Ctrl-C, at a place of the test's choice."""


PLACES = {
    "connecting": (socket.socket, "connect"),
    "looking up": (socket, "getaddrinfo"),
    "writing": (socket.socket, "sendall"),
    "reading": (socket.socket, "recv_into"),
    "writing TLS": (ssl.SSLSocket, "send"),
    "reading TLS": (ssl.SSLSocket, "read"),
    "shaking hands": (ssl.SSLSocket, "do_handshake"),
    "building the head": (http.client.HTTPConnection, "putheader"),
    "ending the head": (http.client.HTTPConnection, "_send_output"),
    "reading the status": (http.client.HTTPResponse, "begin"),
    "before it is sent": (connections.Exchange, "outgoing"),
}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), ("IP:127.0.0.1", "DNS:service.example"))


# ssl leaves a socket to the garbage collector whose handshake is interrupted.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", ["http", "https", "tunnel"])
@pytest.mark.parametrize("place", PLACES)
def test_an_interrupted_call_shows_no_key(place, way, certificate, monkeypatch, tmp_path):
    where, name = PLACES[place]
    with (
        Server(lambda _: reply(201, {"id": "x"})) as server,
        TLSFront(server.port, *certificate) as front,
        TunnelProxy(front.port) as proxy,
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        urls = {"http": server.url, "https": front.url, "tunnel": "https://service.example"}
        client = Client(api_key=KEY, base_url=urls[way])
        with monkeypatch.context() as patch:
            real = getattr(where, name)

            def interrupt(*args, **kwargs):
                # The servers of the test use the same classes, in threads of their own.
                if threading.current_thread() is threading.main_thread():
                    raise Stop
                return real(*args, **kwargs)

            patch.setattr(where, name, interrupt, raising=False)
            try:
                client.create("p-image", {"prompt": "a lion"})
            except Stop as error:
                caught = error
            else:
                caught = None
        client.close()
    if caught is None:
        assert "TLS" in place or place in {"shaking hands", "writing", "reading", "looking up"}
    else:
        assert_keyless(caught)
        del caught
        gc.collect()


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "ftp://nowhere"},
        {"timeout": "soon"},
        {"limits": {"p-image": "many"}},
        {"api_key": f"{KEY} {KEY}"},
    ],
)
def test_settings_that_are_refused_show_no_key(wrong, monkeypatch):
    monkeypatch.setenv("PRUNA_API_KEY", KEY)
    for call in (Client, settings.configure, settings.current):
        with pytest.raises(errors.SettingsError) as caught:
            call(**{"api_key": KEY, **wrong})
        assert_keyless(caught.value)


def test_debug_output_of_the_libraries_holds_no_key(monkeypatch, capfd, caplog):
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    caplog.set_level(logging.DEBUG)
    said = {"id": "x", "key": KEY}
    headers = {"X-Request-Id": KEY}
    with (
        Server(lambda _: reply(201, said, headers)) as server,
        Client(api_key=KEY, base_url=server.url) as client,
    ):
        client.create("p-image", {"prompt": "a lion"})
        answer = client.endpoints.transport.request("GET", "/v1/x")
    assert KEY not in repr(answer) + str(answer.headers) + str(answer.body)
    out = capfd.readouterr()
    assert KEY not in out.out + out.err + caplog.text


def test_the_key_is_itself_and_shown_as_a_mask():
    with settings.configure(api_key=KEY):
        key = settings.current().api_key
    assert key == KEY
    assert repr([key]) == "['***']"
