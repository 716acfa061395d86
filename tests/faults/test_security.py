"""Nothing that is secret gets out, and nothing that comes in gets where it should not."""

from __future__ import annotations

import logging
import os
import pickle
import re
import traceback
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator, errors, settings
from pruna_nb.batch import fetch
from tests.faults.cases import generate, prompts
from tests.faults.servers import Server, reply
from tests.helpers.media import picture, zip_of

KEY = "sk-a-very-secret-key-0123456789"
TOKEN = "hf_a-very-secret-token-0123456789"
pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("quickly")]


@pytest.fixture
def secret_service(tmp_path):
    """Run an emulator with a key that can be searched for."""
    with (
        emulator.running(fast=True, latency=0, keys=[KEY]) as running,
        settings.configure(
            api_key=KEY,
            base_url=running.url,
            cache_dir=tmp_path / "home" / "cache",
            state_dir=tmp_path / "home" / "state",
        ),
    ):
        yield running


def files_with(folder, secret):
    """Name the files below a folder that hold a secret, plain or packed."""
    found = []
    for path in Path(folder).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if secret.encode() in data or secret in path.name:
                found.append(path)
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    found += [
                        path for name in archive.namelist() if secret.encode() in archive.read(name)
                    ]
    return found


def everything_shown(out):
    """Return all that a frame of results shows or writes, as one text."""
    texts = [repr(out), out.to_csv(), out.to_html(), str(out.attrs), out.to_json(), repr(out.attrs)]
    texts += [repr(pruna_nb.journal().to_dict()), pruna_nb.journal().to_html()]
    grid = out.pruna.grid()
    texts += [repr(grid), grid._repr_html_(), str(vars(grid)) if hasattr(grid, "__dict__") else ""]
    texts += [out.pruna.table()._repr_html_(), pickle.dumps(out).decode("latin-1")]
    return "\n".join(texts)


def test_key_and_token_stand_in_no_file_no_log_and_nothing_that_is_shown(
    secret_service, tmp_path, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "requests", "pruna_nb", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    secret_service.configure(
        faults={"failed": {"first": 1}, "reset_after": {"first": 1, "after": 2}}
    )
    frame = prompts(6)
    out = frame.pruna.generate("prompt", hf_api_token=TOKEN, lora_weights="someone/something")
    by_column = frame.assign(token=TOKEN).pruna.generate(
        "prompt", hf_api_token_col="token", lora_weights="someone/other"
    )
    shown = everything_shown(out) + everything_shown(by_column.drop(columns="token"))
    output = pruna_nb.generate("a lion", hf_api_token=TOKEN, lora_weights="someone/something")
    shown += repr(output) + repr(output.prediction.input) + output._repr_html_()
    said = capfd.readouterr()
    for secret in (KEY, TOKEN):
        assert files_with(tmp_path, secret) == []
        assert secret not in caplog.text
        assert secret not in shown
        assert secret not in said.out + said.err
    assert len(caplog.records) > 10
    assert (out["status"] == "succeeded").sum() >= 4


def test_a_token_of_an_open_or_lost_prediction_is_masked_in_the_journal(secret_service):
    secret_service.configure(faults={"reset_after": 1.0})
    frame = prompts(3)
    out = frame.pruna.generate("prompt", hf_api_token=TOKEN, lora_weights="a/b", progress=False)
    assert set(out["status"]) == {"lost"}
    requests = pruna_nb.journal()["request"].tolist()
    assert all('"***"' in request and "thing" in request for request in requests)
    assert TOKEN not in str(requests)


def test_equal_rows_with_different_tokens_are_one_prediction(secret_service):
    frame = pd.DataFrame({"prompt": ["a", "a"], "token": [TOKEN, TOKEN + "x"]})
    frame.pruna.generate("prompt", hf_api_token_col="token", lora_weights="a/b", progress=False)
    assert secret_service.charged == 1


def test_a_service_that_repeats_secrets_does_not_get_them_into_frames_or_journal(tmp_path):
    """In refusals, in failures, in the answers to a status, and in a page."""

    def answer(asked):
        said = f"key {asked.headers.get('apikey')} and token {TOKEN} are no good"
        if asked.method == "POST" and b"thing 0" in asked.body:
            return reply(400, {"error": {"code": "BAD", "message": said}})
        if asked.method == "POST" and b"thing 1" in asked.body:
            return reply(502, f"<html><h1>{said}</h1></html>")
        if asked.method == "POST":
            return reply(201, {"id": "abc", "input": {"hf_api_token": TOKEN}})
        return reply(200, {"status": "failed", "error": said, "message": said})

    with (
        Server(answer) as server,
        settings.configure(api_key=KEY, base_url=server.url, cache_dir=tmp_path / "cache"),
    ):
        out, _ = generate(prompts(3), hf_api_token=TOKEN, lora_weights="a/b")
        text = str(out["error"].tolist()) + str(pruna_nb.journal().to_dict())
    assert text.count("***") >= 6
    for secret in (KEY, TOKEN):
        assert secret not in text
        assert files_with(tmp_path, secret) == []


@pytest.mark.parametrize("fault", ["absolute_other_host", "redirect"])
def test_the_key_goes_to_no_other_host_in_a_whole_run(secret_service, fault):
    with Server(lambda _: reply(200, {"status": "succeeded", "generation_url": "/x"})) as other:
        secret_service.configure(faults={fault: {"first": 8, "to": other.url}})
        out, _ = generate(prompts(6))
        assert set(out["status"]) == {"succeeded"}
    assert [asked for asked in other.asked if KEY in str(asked)] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/x.jpg",
        "https://api.pruna.ai.evil.example\\@127.0.0.1/x.jpg",
        "https://user:pw@127.0.0.1/x.jpg",
        "file:///etc/passwd",
        "//evil.example/x.jpg",
        "../../../../etc/passwd",
        "C:\\Windows\\win.ini",
        "ftp://127.0.0.1/x",
        "\x00",
        {"url": "x"},
    ],
)
def test_an_evil_address_of_an_output_reaches_nobody_and_writes_nothing(
    url, stay_here, tmp_path, monkeypatch
):
    monkeypatch.setattr(fetch, "MISSING_SECONDS", 0.0)

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": url})
        return reply(404, {})

    with Server(answer) as server, settings.configure(api_key=KEY, base_url=server.url):
        out, _ = generate(prompts(1), timeout=0.5)
    assert out.loc[0, "status"] in {"pending", "failed"}
    assert out["output"].isna().all()
    assert stay_here == []
    media = settings.current().cache_dir / "media"
    written = [path.name for path in media.rglob("*") if path.is_file()]
    assert set(written) <= {".pruna_nb"}, "the mark of a cache's folder"


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.jpg",
        "..\\..\\evil.jpg",
        "C:\\evil.jpg",
        "/etc/evil.jpg",
        "evil.jpg\x00.exe",
        "con",
    ],
)
def test_a_file_name_of_the_network_is_never_a_path(name, tmp_path):
    jpeg = picture("JPEG")

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": "/v1/out.jpg"})
        quoted = name.replace("\x00", "%00")
        return reply(200, jpeg, {"Content-Disposition": f'attachment; filename="{quoted}"'})

    with Server(answer) as server, settings.configure(api_key=KEY, base_url=server.url):
        out, _ = generate(prompts(1))
    path = Path(out.loc[0, "output"])
    assert path.parent.parent == settings.current().cache_dir / "media"
    assert re.fullmatch(r"[0-9a-f]{64}\.jpg", path.name)
    assert not list(tmp_path.rglob("*evil*"))


def test_names_inside_a_zip_are_never_unpacked(tmp_path):
    evil = zip_of({"../../evil.txt": b"x", "/etc/evil": b"y"})

    def answer(asked):
        if asked.method == "POST":
            return reply(201, {"id": "abc"})
        if "status" in asked.path:
            return reply(200, {"status": "succeeded", "generation_url": "/v1/out.zip"})
        return reply(200, evil)

    with (
        Server(answer) as server,
        settings.configure(api_key=KEY, base_url=server.url),
        pytest.warns(UserWarning, match="new-trainer"),
    ):
        out, _ = generate(prompts(1), model="new-trainer")
    assert Path(out.loc[0, "output"]).read_bytes() == evil
    assert not list(tmp_path.rglob("*evil*"))


def test_a_plain_http_address_is_refused_for_any_host_but_this_machine():
    for url in ("http://api.pruna.ai", "http://192.168.0.7:8000", "http://127.0.0.1.evil.example"):
        with pytest.raises(errors.SettingsError, match="plain http"):
            settings.configure(base_url=url)
    for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://a.example"):
        settings.configure(base_url=url)


def test_a_wrong_key_is_not_shown_by_the_error_about_it():
    with pytest.raises(errors.SettingsError) as caught:
        settings.configure(api_key=f"{KEY}\nsecond line")
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_every_file_of_a_run_is_the_users_alone(secret_service, tmp_path):
    before = os.umask(0o022)
    try:
        generate(prompts(3))
    finally:
        os.umask(before)
    for path in [tmp_path / "home", *(tmp_path / "home").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_prompts_that_are_no_plain_words_are_shown_as_text(secret_service):
    rows = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        "$5 and $6",
        "\x1b[31mred\x07",
        "\u202egnp.exe",
        "x" * 100_000,
    ]
    out = pd.DataFrame({"prompt": rows}).pruna.generate("prompt", progress=False)
    assert set(out["status"]) == {"succeeded"}
    html = out.pruna.grid()._repr_html_() + out.pruna.table()._repr_html_()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "\x1b" not in html
    assert "mathjax_ignore" in html
    assert len(html) < 2_000_000
