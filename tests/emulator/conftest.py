"""Emulators to call over real sockets."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import requests

from pruna_nb import emulator

KEY = "test-key"


class Caller:
    """Calls an emulator as any HTTP client would."""

    def __init__(self, service, session):
        self.service = service
        self.session = session
        self.url = service.url

    def post(self, given=None, *, model="p-image", sync=False, key=KEY, **more):
        headers = {"apikey": key, "Model": model, **({"Try-Sync": "true"} if sync else {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        body = {"input": {"prompt": "a lion"} if given is None else given}
        return self.session.post(
            f"{self.url}/v1/predictions", headers=headers, **{"json": body, "timeout": 20, **more}
        )

    def get(self, url, *, key=KEY, **more):
        headers = {} if key is None else {"apikey": key}
        return self.session.get(url, headers=headers, timeout=20, **more)

    def upload(self, content, name="x", *, key=KEY):
        return self.session.post(
            f"{self.url}/v1/files",
            headers={"apikey": key},
            files={"content": (name, content)},
            timeout=20,
        )

    def address_of(self, content):
        answer = self.upload(content)
        assert answer.status_code == 201, answer.text
        return answer.json()["urls"]["get"]

    def make(self, given=None, **more):
        """Give the output's bytes of a prediction that succeeds."""
        answer = self.post(given, sync=True, **more)
        assert answer.json().get("status") == "succeeded", answer.text
        return self.get(answer.json()["generation_url"]).content


@pytest.fixture
def serve():
    """Give a function that starts an emulator and gives a caller."""
    with ExitStack() as stack:

        def start(**options):
            service = stack.enter_context(emulator.running(**{"latency": 0, **options}))
            session = stack.enter_context(requests.Session())
            return Caller(service, session)

        yield start


@pytest.fixture(scope="module")
def quick():
    """Give a caller of one fast emulator for the tests that leave it as it is."""
    unlimited = dict.fromkeys(("status", "delivery", "files"), (100_000, 60.0))
    with (
        emulator.running(latency=0, fast=True, limits=unlimited) as service,
        requests.Session() as session,
    ):
        yield Caller(service, session)
