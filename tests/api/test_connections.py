"""Connections to several hosts at once: each request goes to its own."""

from __future__ import annotations

import contextlib
import threading

from pruna_nb.api.transport import Transport
from pruna_nb.settings import current
from tests.faults.servers import Server, reply
from tests.helpers.tls import TLSFront, make_certificate

KEY = "sk-a-very-secret-key"


def bytes_of(transport, url):
    with transport.download(url) as (_, pieces):
        return b"".join(pieces)


def test_after_more_hosts_than_are_kept_the_first_one_is_connected_to_anew():
    with contextlib.ExitStack() as stack:
        names = [f"server {number}".encode() for number in range(7)]
        servers = [
            stack.enter_context(Server(lambda _, name=name: reply(200, name))) for name in names
        ]
        transport = Transport(current(api_key=KEY, base_url=servers[0].url))
        urls = [f"{server.url}/output" for server in servers]
        for _ in range(2):
            assert [bytes_of(transport, url) for url in urls] == names
        transport.close()


def test_a_pool_that_was_closed_is_not_used_again():
    with Server(lambda _: reply(200, {})) as server:
        transport = Transport(current(api_key=KEY, base_url=server.url))
        transport.request("GET", "/v1/predictions/status/x")
        _, pool = transport._opened()._last
        pool.close()
        transport._opened().poolmanager.clear()
        assert transport.request("GET", "/v1/predictions/status/x").status == 200
        transport.close()


def test_threads_that_ask_two_hosts_never_ask_one_for_the_other():
    with (
        Server(lambda _: reply(200, b"ours")) as ours,
        Server(lambda _: reply(200, b"theirs")) as theirs,
    ):
        transport = Transport(current(api_key=KEY, base_url=ours.url))
        wrong = []

        def ask(url, expected):
            for _ in range(60):
                got = bytes_of(transport, f"{url}/output")
                if got != expected:
                    wrong.append((expected, got))

        threads = [
            threading.Thread(target=ask, args=pair)
            for pair in [(ours.url, b"ours"), (theirs.url, b"theirs")] * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()
    assert wrong == []
    assert all("apikey" not in asked.headers for asked in theirs.asked)


def test_threads_that_open_the_first_connections_at_once_all_trust_the_authorities(
    tmp_path, monkeypatch
):
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with (
        Server(lambda _: reply(200, b"ours")) as server,
        TLSFront(server.port, *certificate) as tls,
    ):
        for _ in range(10):
            transport = Transport(current(api_key=KEY, base_url=tls.url))
            start, failed = threading.Barrier(8), []

            def ask(transport=transport, start=start, failed=failed):
                start.wait()
                try:
                    transport.request("GET", "/v1/x")
                except Exception as error:  # noqa: BLE001 - any is one too many
                    failed.append(error)

            threads = [threading.Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            transport.close()
            assert failed == []
