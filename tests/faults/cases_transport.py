"""Faults between us and the service: broken and foreign answers, proxies, refusals, waits."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
import threading
import time

from tests.faults.cases import SOME, Case, generate, prompts, result, settings_for
from tests.faults.servers import Server, Stream, Twice, TwinServer, free_port, reply
from tests.helpers.media import picture
from tests.helpers.tls import TLSFront, TunnelProxy, make_certificate

ROWS = 24


class Service:
    """A service that charges what it accepts, and whose answers can be changed on the way.

    ``change`` gets the request, the answer that is due and the number of the prediction (None
    for what is no POST), and gives what is sent in its place.
    """

    def __init__(self, change=None):
        self.change = change
        self.charged = 0
        self._lock = threading.Lock()

    def __call__(self, asked):
        if asked.method == "POST":
            if self.change is not None and (refused := self.change(asked, None, None)) is not None:
                return refused
            with self._lock:
                self.charged += 1
                number = self.charged
            return self._changed(asked, reply(201, {"id": f"id-{number}"}), number)
        name = asked.path.rsplit("/", 1)[-1].removesuffix(".jpg")
        if "status" in asked.path:
            done = {"status": "succeeded", "generation_url": f"/v1/out/{name}.jpg"}
            return self._changed(asked, reply(200, done), None)
        seed = int(name.rsplit("-", 1)[-1])
        return self._changed(asked, reply(200, picture("JPEG", (16, 16), seed=seed)), None)

    def _changed(self, asked, answer, number):
        if self.change is None:
            return answer
        return self.change(asked, answer, number) or answer


def _some(number):
    return number is not None and 6 <= number < 6 + SOME


def some_answers(broken):
    """Break the answers to some predictions that were accepted."""
    return lambda _, answer, number: broken(answer) if _some(number) else None


def refused(what, *, posts=True):
    """Refuse some prompts, or all there is to fetch."""

    def change(asked, answer, _):
        if not posts:
            return what if "/out/" in asked.path else None
        hit = answer is None and int(json.loads(asked.body)["input"]["prompt"].split()[-1]) < SOME
        return what if hit else None

    return change


def on_service(change, *, server=Server, way=None, timeout=None):
    """Make a case of a change that is over before the second run."""

    def run():
        frame, service = prompts(ROWS), Service(change)
        with (
            server(service) as running,
            way(running) if way else contextlib.nullcontext(running.url) as url,
            settings_for(url, timeout=timeout),
        ):
            first, error = generate(frame)
            service.change = None
            second, _ = generate(frame)
            return result(first, second, service.charged, error)

    return run


@contextlib.contextmanager
def behind_a_proxy(server):
    """Reach a server by TLS through a proxy's tunnel, as in many a company."""
    with (
        tempfile.TemporaryDirectory() as folder,
        TLSFront(server.port, *make_certificate(folder, ("DNS:service.example",))) as front,
        TunnelProxy(front.port) as proxy,
        environment(HTTPS_PROXY=proxy.url, REQUESTS_CA_BUNDLE=f"{folder}/certificate.pem"),
    ):
        yield "https://service.example"


@contextlib.contextmanager
def environment(**variables):
    """Set variables in the environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def untrusted_certificate():
    """Reach a service whose certificate nobody trusts; then its authority is named."""
    frame, service = prompts(ROWS), Service()
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(service) as server,
        TLSFront(server.port, *make_certificate(folder)) as front,
        settings_for(front.url),
    ):
        first, error = generate(frame)
        with environment(REQUESTS_CA_BUNDLE=f"{folder}/certificate.pem"):
            second, _ = generate(frame)
        return result(first, second, service.charged, error)


def dead_output_host():
    """Name outputs on a host that refuses connections; the second run is given others."""
    gone = f"http://127.0.0.1:{free_port()}/out.jpg"

    def change(asked, _, __):
        hit = "status" in asked.path and int(asked.path.rsplit("-", 1)[-1]) <= SOME
        done = {"status": "succeeded", "generation_url": gone}
        return reply(200, done) if hit else None

    frame, service = prompts(ROWS), Service(change)
    with Server(service) as server, settings_for(server.url):
        first, error = generate(frame, timeout=3.0)
        service.change = None
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def _slowly(answer):
    def pieces():
        yield answer[:12]
        for _ in range(100):
            time.sleep(0.1)
            yield b"x"

    return Stream(pieces())


def _twice(answer):
    twice = Twice(answer)
    twice.later = 0.003
    return twice


TWO_LENGTHS = b"HTTP/1.1 201 Created\r\nContent-Length: 14\r\nContent-Length: 15\r\n\r\n"
FLOOD = itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 200)
BLOCKED = reply(403, "<html><h1>Request blocked</h1></html>")
HOURS = reply(429, {"error": {"message": "later"}}, {"Retry-After": "7200"})

CASES = [
    Case(
        "answer lost behind an HTTPS proxy",
        on_service(some_answers(lambda _: Stream([])), way=behind_a_proxy),
        at_most_twice=SOME,
    ),
    Case(
        "201 with two Content-Lengths",
        on_service(some_answers(lambda _: Stream([TWO_LENGTHS, b'{"id": "id-1"}']))),
        at_most_twice=SOME,
    ),
    Case(
        "201 whose head comes slowly",
        on_service(some_answers(_slowly), timeout=1.0),
        at_most_twice=SOME,
    ),
    Case(
        "flood of 100 Continue",
        on_service(some_answers(lambda _: Stream(FLOOD)), timeout=1.0),
        at_most_twice=SOME,
    ),
    Case(
        "every answer comes twice on its connection",
        on_service(lambda _, answer, number: number and _twice(answer), server=TwinServer),
        at_most_twice=ROWS,
    ),
    Case(
        "a gateway gives one id to all",
        on_service(lambda _, __, number: number and reply(201, {"id": "id-1"})),
        at_most_twice=ROWS - 1,
    ),
    Case("a firewall refuses some prompts (403)", on_service(refused(BLOCKED))),
    Case("429 that asks to wait for two hours", on_service(refused(HOURS))),
    Case(
        "429 of the outputs that asks to wait for two hours",
        on_service(refused(HOURS, posts=False)),
    ),
    Case("output host refuses connections", dead_output_host),
    Case("certificate is not trusted", untrusted_certificate),
]
"""Each is over before the second run."""
