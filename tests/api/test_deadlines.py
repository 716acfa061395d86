"""One deadline on a whole answer, whichever part of it comes slowly."""

from __future__ import annotations

import io
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pruna_nb import errors
from pruna_nb.api.endpoints import Endpoints
from pruna_nb.api.replies import Prediction
from pruna_nb.api.transport import Transport
from pruna_nb.files.kinds import JPEG
from pruna_nb.files.media_store import MediaStore
from pruna_nb.settings import current
from tests.faults.servers import Server, Stream

KEY = "sk-a-very-secret-key"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def slowly(first, pieces):
    """Send something at once, and then pieces for as long as they are taken, 20 a second."""

    def answer(_):
        def all_of_it():
            yield first
            for piece in pieces():
                time.sleep(0.05)
                yield piece

        return Stream(all_of_it())

    return answer


def ever(piece):
    return lambda: itertools.repeat(piece)


def flood(piece):
    return lambda _: Stream(itertools.repeat(piece * 500))


TRICKLES = {
    "status line": slowly(b"HTTP/1.1 200 ", ever(b"O")),
    "header": slowly(b"HTTP/1.1 200 OK\r\nX: ", ever(b"y")),
    "headers": slowly(b"HTTP/1.1 200 OK\r\n", lambda: itertools.repeat(b"X: y\r\n", 90)),
    "early answers": slowly(b"", ever(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    "flood of early answers": flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk size": slowly(CHUNKED, ever(b"0")),
    "chunk extension": slowly(CHUNKED + b"1;", ever(b"x")),
    "chunks": slowly(CHUNKED, ever(b"1\r\n \r\n")),
    "trailers": slowly(CHUNKED + b"2\r\n{}\r\n0\r\n", ever(b"X: y\r\n")),
    "flood of trailers": lambda _: Stream(
        itertools.chain([CHUNKED + b"2\r\n{}\r\n0\r\n"], itertools.repeat(b"X: y\r\n" * 500))
    ),
    "body": slowly(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", ever(b" ")),
    "body without an end": slowly(b"HTTP/1.1 200 OK\r\n\r\n", ever(b" ")),
}  # fmt: skip
SECONDS = 0.4
FAR_TOO_LONG = 60
"""Generous, for a busy machine: without one deadline for all, most of these answers never end."""


def create(calls, _):
    return calls.create("p-image", {"prompt": "a"})


def status(calls, _):
    return calls.status(Prediction("p-image", {}, "x"))


def upload(calls, _):
    return calls.upload(io.BytesIO(b"\xff\xd8\xff" + b"x" * 100), 103, JPEG, "name")


def deliver(calls, folder):
    done = Prediction("p-image", {}, "x", "succeeded", "/out.jpg")
    return calls.deliver(done, MediaStore(folder))


@pytest.mark.parametrize("answer", TRICKLES.values(), ids=TRICKLES)
def test_an_answer_that_comes_slowly_in_any_part_ends_at_the_time_out(answer, tmp_path):
    def ended(call):
        """Return how long a call takes to its end, and how often it asked."""
        with Server(answer) as server:
            settings = current(api_key=KEY, base_url=server.url, timeout=SECONDS)
            calls = Endpoints(settings, Transport(settings))
            began = time.monotonic()
            # A body that was whole but for its trailers is read: this one holds no id.
            with pytest.raises((errors.LostAnswerError, errors.DeliveryError, errors.ReplyError)):
                call(calls, tmp_path)
            return time.monotonic() - began < FAR_TOO_LONG, len(server.asked)

    all_of_them = (create, status, upload, deliver)
    with ThreadPoolExecutor(len(all_of_them)) as pool:
        assert list(pool.map(ended, all_of_them)) == [(True, 1)] * 4


def test_an_output_that_comes_evenly_may_take_longer_than_the_time_out(tmp_path):
    """What counts for an output is its rate: a long one takes its time."""
    body = b"x" * 400
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (50 * len(body))
    with Server(slowly(head, lambda: itertools.repeat(body, 50))) as server:
        settings = current(api_key=KEY, base_url=server.url, timeout=1.0)
        done = Prediction("m", {}, "x", "succeeded", "/out.bin")
        began = time.monotonic()
        stored = Endpoints(settings, Transport(settings)).deliver(done, MediaStore(tmp_path))
        assert time.monotonic() - began > 2.0
    assert stored.size == 50 * len(body)
