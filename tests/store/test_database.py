"""The database of a cache folder: when a write is on the disk."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from pruna_nb import errors
from pruna_nb.store import database
from pruna_nb.store.database import DamagedError, Database

INSERT = (
    "INSERT INTO prediction (entry, key, origin, model, run, state, sent_at, updated_at) "
    "VALUES (?, ?, '', '', '', 'intent', 0, 0)"
)
OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def synced(monkeypatch):
    """Note what is synced to the disk, by name."""
    names = []
    sync = os.fsync

    def noted(handle):
        names.append((OPEN_FILES / str(handle)).readlink().name)
        sync(handle)

    monkeypatch.setattr(database.os, "fsync", noted)
    return names


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs /proc to name open files")
def test_a_durable_write_syncs_the_log_and_once_the_folder_before_it_returns(tmp_path, synced):
    base = Database(tmp_path / "cache")
    base.change(INSERT, ["a", "a"], durable=True)
    assert synced == ["pruna_nb.sqlite-wal", "cache"]
    base.change(INSERT, ["b", "b"], durable=True)
    assert synced == ["pruna_nb.sqlite-wal", "cache", "pruna_nb.sqlite-wal"]
    base.change(INSERT, ["c", "c"])
    assert len(synced) == 3
    base.close()


def test_durable_writes_that_wait_for_one_sync_share_the_next(tmp_path, monkeypatch):
    base = Database(tmp_path / "cache")
    base.change(INSERT, ["first", "first"], durable=True)
    began, go_on, syncs = threading.Event(), threading.Event(), []

    def slow(handle):
        syncs.append(handle)
        began.set()
        assert go_on.wait(60)

    monkeypatch.setattr(database.os, "fsync", slow)
    names = [f"row {number}" for number in range(9)]
    threads = [
        threading.Thread(target=base.change, args=(INSERT, [name, name]), kwargs={"durable": True})
        for name in names
    ]
    threads[0].start()
    assert began.wait(60)
    for thread in threads[1:]:
        thread.start()
    while len(base._commits._waiting) < 8:
        threading.Event().wait(0.01)
    # Nothing of theirs is written yet, and reading goes on meanwhile.
    assert base.execute("SELECT count(*) FROM prediction") == [(2,)]
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert len(syncs) == 2
    assert base.execute("SELECT count(*) FROM prediction") == [(10,)]
    base.close()


def test_a_disk_that_does_not_take_the_log_is_a_cache_error(tmp_path, monkeypatch):
    base = Database(tmp_path / "cache")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(database.os, "fsync", full)
    with pytest.raises(errors.CacheError, match="No space left"):
        base.change(INSERT, ["a", "a"], durable=True)
    base.close()


def test_a_log_that_went_into_the_file_needs_no_sync(tmp_path, synced):
    base = Database(tmp_path / "cache")
    base.change(INSERT, ["a", "a"])
    base.close()
    synced.clear()
    base._sync_log()
    assert synced == []


def test_a_part_of_what_is_written_together_is_not_there_if_the_rest_fails(tmp_path):
    base = Database(tmp_path / "cache")

    def half():
        base.change(INSERT, ["a", "a"])
        raise KeyError("the other half")

    with pytest.raises(KeyError, match="the other half"):
        base.together(half)
    assert base.execute("SELECT count(*) FROM prediction") == [(0,)]
    base.close()


def test_a_folder_that_is_gone_is_a_cache_error_not_a_write_on_the_disk(tmp_path):
    base = Database(tmp_path / "cache")
    with pytest.raises(errors.CacheError, match="cannot be written"):
        base._sync_log()


def test_damage_that_is_found_in_the_middle_of_a_transaction_is_named_as_damage(tmp_path):
    database = Database(tmp_path)
    name = "n" * 200
    for number in range(200):
        database.change(
            "INSERT INTO item (args_id, key, value) VALUES (?, ?, '{}')", [f"{name}{number}"] * 2
        )
    database.close()
    content = database.path.read_bytes()
    database.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(DamagedError, match="is damaged"):
        database.together(lambda: database.change("DELETE FROM item"), durable=True)
