"""Machines that share outputs in a storage: what one has paid for, the others have."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import settings
from pruna_nb.cli import main
from pruna_nb.errors import InputError, SettingsError, StorageError
from pruna_nb.files.buckets import Bucket
from pruna_nb.store import uploads
from pruna_nb.store.database import database_of
from tests.frames.test_pipeline import until
from tests.helpers.runs import end_predictions
from tests.helpers.storages import contents, made_bucket, put, remove, s3_server

FRAME = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"], "seed": [1, 2, 3]})


@pytest.fixture
def machine(tmp_path):
    """Return a function that makes the settings of a machine with folders of its own."""

    def of(name, address, **more):
        folders = {"cache_dir": tmp_path / name, "state_dir": tmp_path / f"{name}-state"}
        return pruna_nb.configure(**folders, storage=address, **more)

    return of


def run(frame=FRAME, **how):
    return frame.pruna.generate("prompt", seed_col="seed", progress=False, **how)


def test_what_one_machine_paid_for_the_other_has_at_no_cost(
    service, machine, bucket, tmp_path, capsys
):
    with machine("a", bucket):
        first = run(tag="shop")
        assert pruna_nb.cache.info().waiting == 0
    assert len(service.accepted) == 3
    before = contents(bucket)
    assert sum(name.startswith("media/") for name in before) == 3

    with machine("b", bucket):
        estimate = FRAME.pruna.estimate("prompt", seed_col="seed")
        assert (estimate.cached, estimate.new, estimate.cost_usd) == (3, 0, 0.0)
        assert not [*(tmp_path / "b").rglob("*.jpg")], "an estimate fetches nothing"
        capsys.readouterr()
        second = FRAME.pruna.generate("prompt", seed_col="seed", max_cost_usd=0)
        assert "3 outputs fetched from the shared storage, at no cost." in capsys.readouterr().out
        assert second["cached"].all()
        assert second["cost_usd"].sum() == 0
        assert second["prediction_id"].tolist() == first["prediction_id"].tolist()
        for mine, theirs in zip(second["output"], first["output"], strict=True):
            assert mine.startswith(str(tmp_path / "b"))
            assert Path(mine).read_bytes() == Path(theirs).read_bytes()
        # What was asked for is known here too; what it cost is the other machine's bill.
        one = second["output"].pruna.save(tmp_path / "b-saved", name="{prompt}-{seed}")
        assert one["file"].iloc[0].endswith("a lion-1.jpg")
        assert pruna_nb.costs()["cost_usd"].sum() == 0
        assert pruna_nb.history().empty
        assert run()["cached"].all()
    with machine("a", bucket):
        again = first["output"].pruna.save(tmp_path / "a-saved", name="{prompt}-{seed}")
    for mine, theirs in zip(one["file"], again["file"], strict=True):
        assert Path(mine).read_bytes() == Path(theirs).read_bytes()
    assert len(service.accepted) == 3
    assert contents(bucket) == before
    assert "test-key" not in repr(before)


def test_a_single_output_and_the_first_of_samples_are_found_too(service, machine, memory):
    with machine("a", memory):
        pruna_nb.generate("a lion")
    with machine("b", memory):
        assert pruna_nb.generate("a lion").cached
        samples = FRAME[["prompt"]].head(1).pruna.generate("prompt", samples=2, progress=False)
        assert samples["cached"].tolist() == [True, False]
    assert len(service.accepted) == 2


def test_ten_thousand_rows_are_looked_up_by_few_listings(service, machine, memory, monkeypatch):
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(10_000)]})
    with machine("a", memory):
        frame.head(3).pruna.generate("prompt", progress=False)
    asked, listed = [], Bucket.list

    def counted(self, *folder):
        asked.append(folder)
        return listed(self, *folder)

    monkeypatch.setattr(Bucket, "list", counted)
    with machine("b", memory):
        estimate = frame.pruna.estimate("prompt")
    assert (estimate.cached, estimate.new) == (3, 9_997)
    # The folder of records, and those in it, of at most 256: for the rows, and for them with the
    # first seed.
    assert len(asked) <= 2 * (1 + 3)


def test_a_damaged_or_foreign_object_is_a_miss_that_is_told(service, machine, memory, caplog):
    with machine("a", memory):
        run()
    there = contents(memory)
    media = sorted(name for name in there if name.startswith("media/"))
    records = {
        json.loads(there[name])["input"]["prompt"]: name for name in there if "records" in name
    }
    put(memory, media[0], there[media[0]][:-1])  # cut
    put(memory, media[1], b"\0" * len(there[media[1]]))  # changed
    put(memory, records["a fox"], b"{")
    put(memory, "records/aa/../../outside.json", b"{}")
    lion = records["a lion"]
    put(memory, f"{lion[:12]}x{lion[13:]}", there[lion])
    with machine("b", memory), caplog.at_level(logging.WARNING):
        assert FRAME.pruna.estimate("prompt", seed_col="seed").cached == 3
        second = run()
        assert second["status"].eq("succeeded").all()
        assert all(Path(path).stat().st_size for path in second["output"])
    bought = len(service.accepted) - 3
    assert bought == len(
        {
            "a fox",
            *(
                json.loads(there[name])["input"]["prompt"]
                for name in there
                if "records" in name
                and any(part.rpartition("/")[2][:64] in name for part in media[:2])
            ),
        }
    )
    assert "The output counts as not there" in caplog.text
    # What was bought is put there, so the next machine has all.
    with machine("c", memory):
        assert run()["cached"].all()
    assert len(service.accepted) == 3 + bought


def test_a_record_of_another_request_or_of_a_page_is_not_taken(service, machine, memory, tmp_path):
    import hashlib

    with machine("a", memory):
        run(FRAME.head(1))
    (name,) = (name for name in contents(memory) if name.startswith("records/"))
    key = name.split("/")[2].split(".")[0]
    page = b"<html>not a picture</html>"
    digest = hashlib.sha256(page).hexdigest()
    record = {**json.loads(contents(memory)[name]), "created_at": 9e12, "model": ["p-image"]}
    put(memory, f"media/{digest[:2]}/{digest}.jpg", page)
    put(
        memory,
        f"records/{key[:2]}/{key}.{digest}-{len(page)}.jpg.json",
        json.dumps(record).encode(),
    )
    with machine("b", memory):
        # The newest one is no picture: the other one counts.
        assert run(FRAME.head(1))["cached"].all()
    assert len(service.accepted) == 1
    remove(memory, name)
    with machine("c", memory):
        assert not run(FRAME.head(1))["cached"].any()
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == page
    ]


def test_refresh_puts_the_newer_output_there_and_off_none(service, machine, memory):
    with machine("a", memory):
        run(FRAME.head(1))
        run(FRAME.iloc[[1]], cache="off")
        newest = run(FRAME.head(1), cache="refresh")
    with machine("b", memory):
        assert run(FRAME.head(2))["cached"].tolist() == [True, False]
        assert run(FRAME.head(1))["prediction_id"].tolist() == newest["prediction_id"].tolist()


def test_a_storage_that_fails_in_mid_run_loses_nothing_and_is_caught_up_with(
    service, machine, memory, monkeypatch, caplog
):
    real, calls, numbers = Bucket.put, [], itertools.count()

    def broken(self, source, name, **how):
        calls.append(name)
        if next(numbers):  # all but the first
            raise StorageError(f"{self.address} cannot be written: it is gone")
        real(self, source, name, **how)

    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(30)]})
    frame["seed"] = range(30)
    with machine("a", memory):
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(Bucket, "put", broken)
            out = run(frame)
            tried = len(calls)
            with pytest.raises(StorageError, match="it is gone"):
                pruna_nb.cache.upload()
        assert out["status"].eq("succeeded").all()
        assert len(service.accepted) == 30
        assert caplog.text.count("nothing is lost: the next run puts them there") == 2
        # eight at once: the third failure ends it, with seven others under way at most
        assert 3 <= len(calls) - tried <= 10, "after a few failures in a row no more are tried"
        assert pruna_nb.cache.info().waiting == 29
        assert "29 not in the shared storage yet" in str(pruna_nb.cache.info())
        # All rows are here: the run sends nothing, and catches up all the same.
        with pruna_nb.configure(api_key="test-key"):
            assert run(frame.head(1))["cached"].all()
        assert pruna_nb.cache.info().waiting == 0
    with machine("b", memory):
        assert run(frame)["cached"].all()
    assert len(service.accepted) == 30


def test_a_server_that_is_stopped_in_mid_run_loses_nothing(
    service, machine, monkeypatch, s3_settings, caplog
):
    with s3_server() as server:
        s3_settings(server)
        address = made_bucket("shared")
        options = {"config_kwargs": {"connect_timeout": 2, "retries": {"max_attempts": 0}}}
        with machine("a", f"{address}/pruna", storage_options=options):
            service.latency = 3600.0
            going = FRAME.pruna.generate("prompt", seed_col="seed", progress=False, background=True)
            until(lambda: len(service.accepted) == 3)
            server.stop()
            end_predictions(service)
            with caplog.at_level(logging.WARNING):
                out = going.result()
            assert out["status"].eq("succeeded").all()
            assert "nothing is lost" in caplog.text
            assert pruna_nb.cache.info().waiting == 3
            # What is here needs no storage; what is new is not paid for as long as it is gone.
            assert run()["cached"].all()
            with pytest.raises(StorageError, match="Nothing was sent") as caught:
                run(pd.DataFrame({"prompt": ["new"], "seed": [1]}))
            assert 'configure(storage="")' in str(caught.value)
            assert len(service.accepted) == 3
            with pruna_nb.configure(storage=""):
                run(pd.DataFrame({"prompt": ["new"], "seed": [1]}))
            assert len(service.accepted) == 4


def test_upload_shares_what_was_made_before_there_was_a_storage(service, machine, memory, capsys):
    with machine("a", ""):
        run()
        with pytest.raises(SettingsError, match="no shared storage"):
            pruna_nb.cache.upload()
    with machine("a", memory):
        assert main(["cache", "upload"]) == 0
        assert "3 outputs put into the shared storage." in capsys.readouterr().out
        assert pruna_nb.cache.upload() == 0
        before = contents(memory)
        # What is dropped here stays there, and comes back.
        database = database_of(settings.current().cache_dir)
        database.change(
            "UPDATE item SET key = '../../x', args_id = 'x' WHERE key = (SELECT min(key) FROM item)"
        )
        assert pruna_nb.cache.upload() == 0
        pruna_nb.cache.clear()
        pruna_nb.cache.prune(keep_bytes=0)
        assert contents(memory) == before
        assert run()["cached"].all()
    assert len(service.accepted) == 3


def test_a_storage_that_cannot_be_used_is_told_before_anything_is_sent(
    service, machine, s3, monkeypatch
):
    for address in ("no-address", "/mnt/shared", 7, "s3://"):
        with pytest.raises(SettingsError, match=r"storage .*must be the address of a folder"):
            pruna_nb.configure(storage=address)
    with pytest.raises(SettingsError, match="user or password") as caught:
        pruna_nb.configure(storage="ftp://me:hidden-word@host/x")
    assert "hidden-word" not in str(caught.value)
    with pytest.raises(SettingsError, match="storage_options must be a dict"):
        pruna_nb.configure(storage_options="secret-word")
    with machine("a", "nosuch://x/y"), pytest.raises(InputError, match="fsspec knows no nosuch"):
        run()
    for cache in ("use", "refresh"):
        with machine("a", f"{s3}-missing"), pytest.raises(StorageError, match="Nothing was sent"):
            run(cache=cache)
    assert service.accepted == []
    with machine("a", ""):
        monkeypatch.setenv("PRUNA_NB_STORAGE", f"{s3}/deep/")
        assert settings.current().storage == ""
    assert settings.current().storage == f"{s3}/deep"


def test_options_of_the_storage_are_not_shown_and_not_handed_on(machine, memory):
    secret = "a-secret-of-the-bucket"
    pruna_nb.configure(storage=memory, storage_options={"secret": secret})
    shown = f"{settings.current()!r} {os.environ.get('PRUNA_NB_SESSION')}"
    assert secret not in shown
    assert memory not in os.environ["PRUNA_NB_SESSION"]
    pruna_nb.configure(storage_options={})
    assert memory in os.environ["PRUNA_NB_SESSION"]


def test_a_run_that_waits_for_uploads_says_so_and_an_interrupt_leaves_them(
    service, machine, memory, monkeypatch, caplog
):
    begun, go_on, real = threading.Event(), threading.Event(), Bucket.put

    def slow(self, source, name, **how):
        begun.set()
        assert go_on.wait(60)
        real(self, source, name, **how)

    monkeypatch.setattr(uploads, "_PATIENCE_SECONDS", 0.0)
    with machine("a", memory), caplog.at_level(logging.WARNING):
        with monkeypatch.context() as patch:
            patch.setattr(Bucket, "put", slow)
            going = run(background=True)
            assert begun.wait(60)
            until(lambda: "Outputs are still on their way" in caplog.text)
            assert going.frame["status"].eq("succeeded").all()
            assert not going.done
            going.cancel()
            assert going.result(60)["output"].notna().all()
        go_on.set()
        until(lambda: sum(name.startswith("records/") for name in contents(memory)) == 3)
    assert len(service.accepted) == 3


CHILD = """
import os, signal, sys
import pandas as pd
import pruna_nb
from pruna_nb.files.buckets import Bucket
from pruna_nb.store import uploads

Bucket.put = lambda self, source, name, **how: os.kill(os.getpid(), signal.SIGKILL)
frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"], "seed": [1, 2, 3]})
frame.pruna.generate("prompt", seed_col="seed", progress=False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_before_it_could_upload_loses_nothing(service, machine, tmp_path):
    pytest.importorskip("fsspec")
    address = (tmp_path / "mounted").as_uri()
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={
            **os.environ,
            "PRUNA_API_KEY": "test-key",
            "PRUNA_API_URL": service.url,
            "PRUNA_NB_CACHE_DIR": str(tmp_path / "a"),
            "PRUNA_NB_STATE_DIR": str(tmp_path / "a-state"),
            "PRUNA_NB_STORAGE": address,
            "PRUNA_NB_SESSION": "",
        },
        timeout=120,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    with machine("a", address):
        assert pruna_nb.cache.info().waiting > 0
        assert run()["status"].eq("succeeded").all()
        assert pruna_nb.cache.info().waiting == 0
    with machine("b", address):
        assert run()["cached"].all()
    assert len(service.accepted) == 3
    assert not [*(tmp_path / "mounted").rglob("*.part")]


def test_the_doctor_says_whether_the_storage_takes_files(service, machine, memory, capsys):
    with machine("a", memory):
        assert main(["doctor"]) == 0
        assert f"ok storage    {memory}\n" in capsys.readouterr().out
        assert main(["doctor", "--offline"]) == 0
        assert f"{memory}; it was not asked" in capsys.readouterr().out
    with machine("a", "nosuch://x/y"):
        assert main(["doctor"]) == 1
        assert "!! storage    nosuch://x/y: fsspec knows no nosuch://" in capsys.readouterr().out
    assert contents(memory) == {}
