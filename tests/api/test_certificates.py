"""Certificates: a wrong variable and an untrusted certificate are told before anything is sent."""

from __future__ import annotations

import time

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import errors, settings
from pruna_nb.api.certificates import CA_VARIABLES
from pruna_nb.api.client import Client
from tests.faults.servers import Server, reply
from tests.helpers.tls import TLSFront, make_certificate

FRAME = pd.DataFrame({"prompt": ["a fox", "a lion"]})


@pytest.fixture
def no_variable(monkeypatch):
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def secure(tmp_path, no_variable):
    """Run a service behind a certificate that nobody trusts yet."""
    certificate = make_certificate(tmp_path)
    with (
        Server(lambda _: reply(201, {"id": "x"})) as server,
        TLSFront(server.port, *certificate) as front,
        settings.configure(api_key="k", base_url=front.url),
    ):
        server.certificate = certificate[0]
        yield server


def files_of(folder):
    return {
        "gone": folder / "gone.pem",
        "empty": folder / "empty.pem",
        "words": folder / "words.pem",
        "key": folder / "key.pem",
    }


@pytest.mark.parametrize("variable", CA_VARIABLES)
@pytest.mark.parametrize("which", ["gone", "empty", "words", "key"])
def test_a_variable_that_names_no_authorities_is_one_settings_error(
    variable, which, secure, tmp_path, monkeypatch
):
    (tmp_path / "empty.pem").touch()
    (tmp_path / "words.pem").write_text("no certificate")
    path = files_of(tmp_path)[which]
    monkeypatch.setenv(variable, str(path))
    for call in (
        lambda: FRAME.pruna.generate("prompt", progress=False),
        lambda: pruna_nb.generate("a fox"),
        Client,
    ):
        with pytest.raises(errors.SettingsError, match=variable) as caught:
            call()
        assert str(path) in str(caught.value)
    assert secure.asked == []
    assert len(pruna_nb.journal()) == 0


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_each_variable_gives_the_authority_that_is_trusted(variable, secure, monkeypatch):
    monkeypatch.setenv(variable, str(secure.certificate))
    with Client() as client:
        assert client.create("p-image", {"prompt": "a fox"}).id == "x"


def test_an_untrusted_certificate_is_told_at_once_and_nothing_was_sent(secure):
    began = time.monotonic()
    with pytest.raises(errors.UntrustedCertificateError) as caught:
        FRAME.pruna.generate("prompt", progress=False)
    assert time.monotonic() - began < 30
    text = str(caught.value)
    for words in ("certificate", "127.0.0.1", "REQUESTS_CA_BUNDLE=", "Nothing was charged"):
        assert words in text
    assert set(caught.value.frame["status"]) == {"pending"}
    assert secure.asked == []
    assert len(pruna_nb.journal()) == 0
    with Client() as client, pytest.raises(errors.UntrustedCertificateError):
        client.create("p-image", {"prompt": "a fox"})


def test_a_variable_does_not_matter_to_a_service_without_a_certificate(service, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/gone/ca.pem")
    assert set(FRAME.pruna.generate("prompt", progress=False)["status"]) == {"succeeded"}


def test_an_output_of_another_host_with_an_untrusted_certificate_does_not_end_the_run(
    tmp_path, no_variable
):
    certificate = make_certificate(tmp_path)
    with (
        Server(lambda _: reply(200, b"x")) as other,
        TLSFront(other.port, *certificate) as front,
    ):

        def answer(asked):
            if asked.method == "POST":
                return reply(201, {"id": "x"})
            done = {"status": "succeeded", "generation_url": f"{front.url}/x.jpg"}
            return reply(200, done)

        with (
            Server(answer) as server,
            settings.configure(api_key="k", base_url=server.url),
            Client() as client,
        ):
            done = client.endpoints.status(client.create("p-image", {"prompt": "a fox"}))
            from pruna_nb.files.media_store import MediaStore

            with pytest.raises(errors.DeliveryError, match="REQUESTS_CA_BUNDLE"):
                client.endpoints.deliver(done, MediaStore(tmp_path / "media"))
    assert other.asked == []
