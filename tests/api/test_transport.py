"""What goes over the wire, and to whom, seen by servers that write everything down."""

# ruff: noqa: SIM117 - a server around, what is expected of it within

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import time
import traceback
import tracemalloc

import pytest

from pruna_nb import errors
from pruna_nb.api import connections
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.replies import Prediction
from pruna_nb.api.transport import MAX_REPLY_BYTES, Transport
from pruna_nb.files.media_store import MediaStore
from pruna_nb.settings import current
from tests.faults.servers import Hang, Reset, Server, Stream, free_port, reply

KEY = "sk-a-very-secret-key"
NOWHERE = "http://127.0.0.1:9"


@contextlib.contextmanager
def transport_to(url, **more):
    transport = Transport(current(api_key=KEY, base_url=url, **more))
    try:
        yield transport
    finally:
        transport.close()


def asked_of(answer, **more):
    """Ask a server for a status once and give the error that comes of it."""
    with Server(answer) as server, transport_to(server.url, **more) as transport:
        try:
            return transport.request("GET", "/v1/predictions/status/x")
        except errors.PrunaError as error:
            return error


# ------------------------------------------------------------------------- the key


def test_the_key_goes_with_every_request_to_the_service_itself():
    with Server(lambda _: reply(200, {})) as server, transport_to(server.url) as transport:
        transport.request("POST", "/v1/predictions", data=b"{}")
        with transport.download(f"{server.url}/v1/predictions/delivery/x"):
            pass
    assert [asked.headers["apikey"] for asked in server.asked] == [KEY, KEY]


def test_another_host_or_port_is_asked_without_the_key():
    with Server(lambda _: reply(200, b"x")) as other, transport_to(NOWHERE) as ours:
        with ours.download(f"{other.url}/output.jpg") as (_, chunks):
            assert b"".join(chunks) == b"x"
    (asked,) = other.asked
    assert "apikey" not in asked.headers
    assert KEY not in str(asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_status_or_a_prediction_is_never_followed(status):
    with Server(lambda _: reply(200, {"status": "succeeded"})) as other:

        def away(_):
            return reply(status, b"", {"Location": f"{other.url}/v1/predictions/status/x"})

        with Server(away) as server, transport_to(server.url) as transport:
            calls = Endpoints(transport.settings, transport)
            with pytest.raises(errors.ApiError):
                calls.status(Prediction("m", {}, "x"))
            with pytest.raises(errors.ApiError):
                calls.create("p-image", {"prompt": "a"})
    assert other.asked == []


def test_a_redirected_delivery_is_fetched_from_the_other_host_without_the_key(tmp_path):
    with Server(lambda _: reply(200, b"weights")) as other:

        def away(_):
            return reply(302, b"", {"Location": f"{other.url}/signed?x=1"})

        with Server(away) as server, transport_to(server.url) as transport:
            calls = Endpoints(transport.settings, transport)
            done = Prediction("m", {}, "x", "succeeded", "/v1/predictions/delivery/x/output.bin")
            stored = calls.deliver(done, MediaStore(tmp_path))
    assert stored.path.read_bytes() == b"weights"
    assert [asked.headers.get("apikey") for asked in (*server.asked, *other.asked)] == [KEY, None]


def test_a_relative_redirect_is_relative_to_where_it_came_from(tmp_path):
    def move(asked):
        if asked.path == "/a/first":
            return reply(302, b"", {"Location": "second"})
        return reply(200, b"weights") if asked.path == "/a/second" else reply(404, {})

    with Server(move) as other, transport_to(NOWHERE) as transport:
        done = Prediction("m", {}, "x", "succeeded", f"{other.url}/a/first")
        stored = Endpoints(transport.settings, transport).deliver(done, MediaStore(tmp_path))
    assert stored.path.read_bytes() == b"weights"


def test_a_redirect_without_end_ends(tmp_path):
    with Server(lambda asked: reply(302, b"", {"Location": asked.path + "x"})) as server:
        with transport_to(server.url) as transport:
            done = Prediction("m", {}, "x", "succeeded", "/output.bin")
            with pytest.raises(errors.DeliveryError, match="Too many redirects"):
                Endpoints(transport.settings, transport).deliver(done, MediaStore(tmp_path))
    assert len(server.asked) < 10


def test_a_redirect_into_a_network_or_to_a_file_is_refused(tmp_path):
    for location in ("file:///etc/passwd", "http://evil.example/x", "ftp://evil.example/x"):
        with Server(lambda _, to=location: reply(302, b"", {"Location": to})) as server:
            with transport_to(server.url) as transport:
                done = Prediction("m", {}, "x", "succeeded", "/output.bin")
                with pytest.raises(errors.DeliveryError, match="returned a"):
                    Endpoints(transport.settings, transport).deliver(done, MediaStore(tmp_path))


def test_no_netrc_no_cookie_and_no_proxy_for_this_machine(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password my-password\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Server(lambda _: reply(200, {}, {"Set-Cookie": "a=b; Path=/"})) as server:
        with Server(lambda _: reply(200, {})) as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy.url)
            with transport_to(server.url) as transport:
                transport.request("GET", "/v1/a")
                transport.request("GET", "/v1/b")
    assert [asked.path for asked in server.asked] == ["/v1/a", "/v1/b"]
    assert proxy.asked == []
    assert not any({"cookie", "authorization"} & set(asked.headers) for asked in server.asked)


def test_a_service_that_repeats_the_key_in_its_answer_does_not_put_it_into_the_message():
    error = asked_of(lambda _: reply(401, {"error": {"message": f"the key {KEY} is unknown"}}))
    assert error.status == 401
    error = wire_error(401, {"error": {"message": f"the key {KEY} is unknown"}})
    assert "the key *** is unknown" in str(error)


def wire_error(status, body):
    with Server(lambda _: reply(status, body)) as server, transport_to(server.url) as transport:
        with pytest.raises(errors.ApiError) as caught:
            Endpoints(transport.settings, transport).status(Prediction("m", {}, "x"))
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: reply(401, {"error": {"code": "UNAUTHORIZED", "message": f"{KEY}?"}}),
        lambda _: reply(200, b"{"),
        lambda _: None,
        lambda _: Reset(),
        lambda _: Hang(),
        lambda _: reply(200, b"x" * 100, length=1000),
        lambda _: Stream([b"HTTP/1.1 garbage\r\n"]),
    ],
)
def test_no_traceback_holds_the_key_even_with_all_its_variables(answer):
    with Server(answer) as server, transport_to(server.url, timeout=0.3) as transport:
        with pytest.raises(errors.ApiError) as caught:
            Endpoints(transport.settings, transport).status(Prediction("m", {}, "x"))
    assert_keyless(caught.value)


def test_no_traceback_of_a_refused_connection_holds_the_key(tmp_path):
    with transport_to(f"http://127.0.0.1:{free_port()}") as transport:
        with pytest.raises(errors.ConnectionFailedError) as caught:
            Endpoints(transport.settings, transport).status(Prediction("m", {}, "x"))
    assert_keyless(caught.value)


def assert_keyless(error):
    """Look into every frame of an error, in those of its causes too."""
    seen = error
    while seen is not None:
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            ours = "pruna_nb" in frame.f_code.co_filename.replace("\\", "/").split("/tests/")[0]
            if ours and frame.f_globals["__name__"].startswith("pruna_nb"):
                assert KEY not in repr(frame.f_locals)
        seen = seen.__cause__ or seen.__context__
    whole = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(whole.format())
    assert KEY not in repr(error)


def test_reprs_do_not_hold_the_key():
    with transport_to(NOWHERE) as transport:
        shown = repr([transport, transport.settings, Endpoints(transport.settings, transport)])
    assert KEY not in shown


# ------------------------------------------------- what a failure proves, and what not


def test_a_refused_connection_proves_that_nothing_was_sent():
    with transport_to(f"http://127.0.0.1:{free_port()}") as transport:
        with pytest.raises(errors.ConnectionFailedError) as caught:
            transport.request("POST", "/v1/predictions", data=b"{}")
    assert caught.value.charged == "no"


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: None,
        lambda _: Reset(),
        lambda _: Hang(),
        lambda _: Reset(b"HTTP/1.1 201 Created\r\nContent-Le"),
        lambda _: Hang(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
        lambda _: reply(201, b'{"id": "x"', length=500)[:-1],
        lambda _: Stream([b"SSH-2.0-OpenSSH\r\n"]),
        lambda _: Stream([b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"]),
        lambda _: Stream([b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]),
    ],
)
def test_a_request_that_went_out_without_a_whole_answer_may_have_been_accepted(answer):
    error = asked_of(answer, timeout=0.3)
    assert type(error) is errors.LostAnswerError
    assert error.charged == "unknown"


@pytest.mark.parametrize("first", [None, Reset()])
def test_a_handshake_that_fails_proves_that_nothing_was_sent(first, monkeypatch):
    """The server speaks no TLS: it says nothing to the greeting, or breaks the connection."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 1.0)
    with Server(lambda _: first) as server:
        with transport_to(server.url.replace("http:", "https:"), timeout=2) as transport:
            with pytest.raises(errors.ConnectionFailedError):
                transport.request("POST", "/v1/predictions", data=b"{}")


def test_a_prediction_that_is_redirected_was_not_accepted_and_says_where_to_look():
    where = {"Location": "https://www.pruna.ai/"}
    with Server(lambda _: reply(308, b"", where)) as server, transport_to(server.url) as transport:
        with pytest.raises(errors.BadRequestError, match="PRUNA_API_URL") as caught:
            Endpoints(transport.settings, transport).create("p-image", {"prompt": "a"})
    assert caught.value.charged == "no"


def len_of_body(reply):
    return len(reply.body)


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch):
    with Server(lambda _: reply(200, {})) as server, transport_to(server.url) as transport:
        for _ in range(3):
            transport.ask("GET", "/v1/x", len_of_body, kept=True)
        assert server.connections == 1
        monkeypatch.setattr(connections, "_IDLE_SECONDS", -1.0)
        for _ in range(3):
            transport.ask("GET", "/v1/x", len_of_body, kept=True)
        assert server.connections == 4


def test_a_refused_or_failed_answer_leaves_the_connection_usable():
    with Server(lambda _: reply(500, {"error": {}})) as server:
        with transport_to(server.url) as transport:
            for _ in range(5):
                transport.ask("GET", "/v1/x", len_of_body, kept=True)
        assert server.connections == 1


# --------------------------------------------------------------------------- bounds


def test_an_answer_of_any_size_is_cut_off():
    def endless(_):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        return Stream(itertools.chain([head], itertools.repeat(b" " * 65536, 100_000)))

    error = asked_of(endless)
    assert isinstance(error, errors.ReplyError)
    assert f"{MAX_REPLY_BYTES:,}" in str(error)


def test_an_answer_that_unpacks_to_any_size_is_cut_off_before_it_fills_the_memory():
    bomb = gzip.compress(b" " * (300 << 20), 9)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    try:
        error = asked_of(lambda _: reply(200, bomb, {"Content-Encoding": "gzip"}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(error, errors.ReplyError)
    assert peak < 64 << 20


def test_an_answer_that_only_trickles_in_does_not_hold_a_thread_for_ever():
    def trickle(_):
        def pieces():
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
            for _ in range(1000):
                time.sleep(0.05)
                yield b" "

        return Stream(pieces())

    began = time.monotonic()
    error = asked_of(trickle, timeout=0.5)
    assert isinstance(error, errors.LostAnswerError)
    assert time.monotonic() - began < 20  # it would be 50


def test_an_output_that_only_trickles_in_is_given_up(tmp_path):
    def trickle(_):
        def pieces():
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
            for _ in range(1000):
                time.sleep(0.05)
                yield b"x"

        return Stream(pieces())

    began = time.monotonic()
    with Server(trickle) as server, transport_to(server.url, timeout=0.5) as transport:
        done = Prediction("m", {}, "x", "succeeded", "/output.bin")
        with pytest.raises(errors.DeliveryError):
            Endpoints(transport.settings, transport).deliver(done, MediaStore(tmp_path))
    assert time.monotonic() - began < 20
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.parametrize("told", [True, False])
def test_an_output_larger_than_is_taken_is_cut_off_and_leaves_no_file(tmp_path, told):
    def large(_):
        length = b"Content-Length: 300000\r\n" if told else b""
        return Stream([b"HTTP/1.1 200 OK\r\n" + length + b"\r\n", *[b"x" * 1000] * 300])

    with Server(large) as server, transport_to(server.url, max_output_bytes=100_000) as transport:
        done = Prediction("m", {}, "x", "succeeded", "/output.bin")
        with pytest.raises(errors.DeliveryError, match="max_output_bytes"):
            Endpoints(transport.settings, transport).deliver(done, MediaStore(tmp_path))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".pruna_nb"]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_every_answer_of_success_is_one(status):
    with Server(lambda _: reply(status, {"id": "x"})) as server, transport_to(server.url) as ours:
        made = Endpoints(ours.settings, ours).create("p-image", {"prompt": "ä\u2028"})
    assert made.id == "x"
    (asked,) = server.asked
    assert asked.headers["model"] == "p-image"
    assert asked.headers["content-type"] == "application/json"
    assert "try-sync" not in asked.headers
    assert json.loads(asked.body) == {"input": {"prompt": "ä\u2028"}}


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), object(), {1, 2}, b"bytes", "half \ud800"]
)
def test_an_input_that_is_no_json_is_refused_before_it_is_sent(value):
    with Server(lambda _: reply(201, {"id": "x"})) as server, transport_to(server.url) as ours:
        with pytest.raises(errors.InputError):
            Endpoints(ours.settings, ours).create("new-model", {"x": value})
    assert server.asked == []


def test_a_disk_that_is_full_is_not_taken_for_a_broken_connection(tmp_path):
    class Full(MediaStore):
        def open_part(self):
            path, file = super().open_part()

            class NoSpace:
                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

                def write(self, _):
                    raise OSError(28, "No space left on device")

            return path, NoSpace()

    with Server(lambda _: reply(200, b"x" * 1000)) as server, transport_to(server.url) as ours:
        done = Prediction("m", {}, "x", "succeeded", "/output.bin")
        with pytest.raises(errors.CacheError, match="No space left"):
            Endpoints(ours.settings, ours).deliver(done, Full(tmp_path))
    assert list(tmp_path.rglob("*.part")) == []
