"""One service has one name, however its address is spelt: for limits, journal and cache."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator, errors, settings
from pruna_nb.api.throttle import throttle_for
from pruna_nb.settings.origins import canonical_origin, clean_base_url
from pruna_nb.store.database import database_of
from pruna_nb.store.journal import Journal

OUTSIDE = [
    "https://api.pruna.ai",
    "https://api.pruna.ai/",
    "https://api.pruna.ai/v1",
    "https://api.pruna.ai//v1//",
    "https://API.Pruna.AI",
    "HTTPS://api.pruna.ai",
    "https://api.pruna.ai:443",
    "https://api.pruna.ai:0443/v1/",
    "https://api.pruna.ai.",
    " https://api.pruna.ai.:443/v1 ",
]
HERE = [
    "http://127.0.0.1:8000",
    "http://localhost:8000",
    "http://LocalHost:8000/",
    "http://localhost.:8000/v1",
    "http://[::1]:8000",
    "http://[0:0:0:0:0:0:0:1]:8000",
    "http://[::ffff:127.0.0.1]:8000",
]


@pytest.mark.parametrize("spelt", OUTSIDE)
def test_every_spelling_of_a_service_outside_is_one_address(spelt):
    assert clean_base_url(spelt) == "https://api.pruna.ai"
    assert canonical_origin(spelt) == "https://api.pruna.ai"


@pytest.mark.parametrize("spelt", HERE)
def test_every_name_of_this_machine_is_one_service(spelt):
    assert canonical_origin(spelt) == "http://127.0.0.1:8000"
    ours = settings.current(api_key="k", base_url=spelt)
    assert ours.service == "loopback"
    assert ours.account == settings.current(api_key="k", base_url=HERE[0]).account


def test_names_in_other_letters_are_their_names_in_ascii():
    assert clean_base_url("https://B\u00fccher.example") == "https://xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001"),
        ("http://127.0.0.1", "https://127.0.0.1"),
        ("https://api.pruna.ai", "https://api.pruna.ai.dev"),
        ("https://api.pruna.ai", "https://api.pruna.ai:8443"),
        ("https://gateway.example/a", "https://gateway.example/b"),
        ("https://gateway.example/a", "https://gateway.example/A"),
    ],
)
def test_different_services_have_different_names(one, other):
    assert canonical_origin(one) != canonical_origin(other)


@pytest.mark.parametrize(
    "wrong", ["https://.", "https://", "ftp://a.example", "https://a\u3002.b ."]
)
def test_what_is_no_host_is_refused(wrong):
    with pytest.raises(errors.SettingsError):
        clean_base_url(wrong)


def spellings(service):
    return [
        f"http://127.0.0.1:{service.port}",
        f"http://localhost:{service.port}/v1/",
        f"HTTP://LOCALHOST.:{service.port}",
    ]


def test_rows_sent_under_one_spelling_are_taken_up_under_another_and_paid_once():
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(6)]})
    with emulator.running(fast=True, latency=30.0) as service:
        one, other, third = spellings(service)
        with pruna_nb.configure(api_key="k", base_url=one):
            first = frame.pruna.generate("prompt", progress=False, timeout=0.2)
        assert set(first["status"]) == {"pending"}
        service.configure(latency=0)
        with pruna_nb.configure(api_key="k", base_url=other):
            assert frame.pruna.estimate("prompt").resumed == 6
        with pruna_nb.configure(api_key="k", base_url=third):
            assert frame.pruna.estimate("prompt").resumed == 6
        assert service.charged == 6


def test_an_output_made_under_one_spelling_is_there_under_another():
    with emulator.running(fast=True) as service:
        for place, url in enumerate(spellings(service)):
            with pruna_nb.configure(api_key="k", base_url=url):
                assert pruna_nb.generate("a lion").cached is (place > 0)
        assert service.charged == 1


def test_one_limit_is_kept_under_all_spellings():
    with emulator.running(fast=True, limits={"p-image": (3, 600.0)}) as service:
        for url in spellings(service):
            with pruna_nb.configure(api_key="k", base_url=url, limits={"p-image": (3, 600.0)}):
                pruna_nb.generate(url)
        ours = settings.current(api_key="k", base_url=spellings(service)[1])
        assert isinstance(throttle_for(ours, "p-image", (3, 600.0)).take(), float)
        assert service.refused == 0


@pytest.mark.parametrize("state", ["sent", "lost"])
def test_what_an_earlier_release_noted_under_another_spelling_is_found(tmp_path, state):
    journal = Journal(tmp_path / "cache", "https://api.pruna.ai", "account")
    entry = journal.begin("key", "p-image", {"prompt": "a"}, "gone", 0.005)
    journal.update(entry, state, prediction_id="id-1")
    database_of(tmp_path / "cache").change(
        "UPDATE prediction SET origin = ?", ["https://API.pruna.ai.:443"]
    )
    again = Journal(tmp_path / "cache", "https://api.pruna.ai", "account")
    found = {"sent": again.open_entries, "lost": lambda: again.open_entries() or again.lost()}[
        state
    ]()
    assert list(found) == ["key"]
    assert [entry.origin for entry in again.entries()] == ["https://api.pruna.ai"]
