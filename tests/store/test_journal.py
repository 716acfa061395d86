"""What was sent, before it is sent: the memory by which nothing is paid for twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import portalocker
import pytest

from pruna_nb.errors import CacheError
from pruna_nb.files.kinds import JPEG
from pruna_nb.files.media_store import Stored
from pruna_nb.store import rescue, run_locks
from pruna_nb.store.cache import Cache
from pruna_nb.store.entries import Recorded
from pruna_nb.store.journal import Journal
from pruna_nb.store.run_locks import RunLock, is_at_work

ROOT = Path(__file__).parents[2]
HERE = "http://127.0.0.1:1"
REQUEST = {"prompt": "a"}


@pytest.fixture
def journal(tmp_path, monkeypatch):
    monkeypatch.setattr(rescue, "_FOLDERS", {})
    return Journal(tmp_path / "kept", HERE, unsaved_dir=tmp_path / "state" / "unsaved")


@pytest.fixture
def owner(journal):
    made = RunLock(journal.folder)
    yield made
    made.release()


def intend(journal, key="a", run="gone", cost=0.005):
    return journal.begin(key, "p-image", REQUEST, run, cost)


def states(journal):
    return {entry.key: entry.state for entry in journal._select("1")}


def test_an_open_request_cannot_be_intended_again_by_anybody(journal, owner):
    assert intend(journal, run=owner.name)
    assert intend(journal, run=owner.name) is None
    assert intend(journal, run="other") is None
    assert intend(journal, "b", run="other")


@pytest.mark.parametrize("state", ["delivered", "failed", "canceled", "expired", "lost", "resent"])
def test_a_request_that_ended_can_be_intended_again(journal, state):
    journal.update(intend(journal), state)
    assert intend(journal)


def test_an_intent_that_was_taken_back_leaves_nothing(journal):
    journal.discard(intend(journal))
    assert states(journal) == {}


def test_the_services_are_apart(journal):
    intend(journal)
    other = Journal(journal.folder, "https://api.pruna.ai")
    assert intend(other)
    assert set(other.lost()) == set()


def test_an_id_of_a_run_that_is_gone_is_open_work_and_an_intent_of_it_is_lost(journal):
    journal.update(intend(journal, "a"), "sent", prediction_id="id-a")
    intend(journal, "b")
    assert {key: entry.prediction_id for key, entry in journal.open_entries().items()} == {
        "a": "id-a"
    }
    assert states(journal) == {"a": "sent", "b": "lost"}
    ((lost,),) = journal.lost().values()
    assert (lost.key, lost.cost_usd) == ("b", 0.005)
    assert "on the wire" in lost.error


def test_what_a_run_at_work_has_open_stays_as_it_is(journal, owner):
    intend(journal, "a", owner.name)
    journal.update(intend(journal, "b", owner.name), "sent", prediction_id="id")
    assert set(journal.open_entries()) == {"a", "b"}
    assert states(journal) == {"a": "intent", "b": "sent"}


@pytest.mark.parametrize("hours", [-1000, -1, 25, 1000])
def test_an_id_is_open_until_the_service_says_that_it_is_gone_whatever_our_clock_says(
    journal, hours
):
    sent = journal.update(intend(journal), "sent", prediction_id="id")
    journal.update(replace(sent, sent_at=time.time() - hours * 3600), "sent")
    assert set(journal.open_entries()) == {"a"}
    assert states(journal) == {"a": "sent"}


def test_what_was_delivered_last_for_a_request_can_be_opened_again(journal):
    for number in range(2):
        entry = journal.accept(intend(journal), f"id-{number}", None)
        journal.update(entry, "delivered", media="aa/b.jpg")
    off = journal.begin("off", "p-image", REQUEST, "gone", 0.005, reusable=False)
    journal.update(journal.accept(off, "id-off", None), "delivered", media="aa/c.jpg")
    found = journal.delivered(["a", "off", "none"])
    assert {key: entry.prediction_id for key, entry in found.items()} == {"a": "id-1"}
    opened = journal.claim(found["a"], "one")
    assert (opened.state, journal.get(opened.entry).state) == ("sent", "sent")
    assert journal.claim(found["a"], "two") is None


def test_what_expired_is_told_until_it_is_sent_again(journal):
    journal.update(journal.accept(intend(journal), "id", None), "expired", error="gone")
    assert set(journal.expired()) == {"a"}
    journal.resent("a")
    assert journal.expired() == {}


def test_of_two_runs_one_takes_an_id_up(journal):
    journal.update(intend(journal), "sent", prediction_id="id")
    (entry,) = journal.open_entries().values()
    assert journal.claim(entry, "one").run == "one"
    assert journal.claim(entry, "two") is None


def test_what_is_sent_again_is_no_longer_lost(journal):
    journal.update(intend(journal), "lost", error="reset")
    journal.resent("a")
    assert journal.lost() == {}
    assert states(journal) == {"a": "resent"}


def test_the_address_is_kept_only_while_it_is_of_use_and_the_request_as_long_as_the_entry(journal):
    sent = journal.update(intend(journal), "sent", prediction_id="i", generation_url="/x")
    assert journal.get(sent.entry).generation_url == "/x"
    journal.update(sent, "delivered", media="aa/b.jpg")
    done = journal.get(sent.entry)
    assert (done.generation_url, done.media) == (None, "aa/b.jpg")
    assert json.loads(done.request) == REQUEST


@pytest.mark.parametrize("state", ["sent", "delivered", "failed", "canceled", "expired", "lost"])
def test_what_an_id_was_asked_for_is_told_whatever_became_of_it(journal, state):
    entry = journal.accept(intend(journal), "id-a", None)
    journal.update(entry, state)
    found = journal.requests_by_id(["id-a", "id-b"])
    assert found == {"id-a": Recorded("p-image", REQUEST, state, "a")}


def test_the_cache_tells_what_the_journal_has_forgotten(journal):
    cache = Cache(journal.folder)
    stored = Stored(journal.folder / "x.jpg", "ab" * 32, 1, 1, JPEG)
    record = {"model": "p-image", "input": REQUEST, "prediction_id": "id-a"}
    cache.put("a" * 64, stored, {**record, "origin": HERE, "account": "one"})
    cache.put("b" * 64, stored, {**record, "prediction_id": "id-old"})
    one = Journal(journal.folder, HERE, "one").requests_by_id(["id-a", "id-old"])
    assert {name: each.state for name, each in one.items()} == {
        "id-a": "delivered",
        "id-old": "delivered",
    }
    other = Journal(journal.folder, HERE, "two").requests_by_id(["id-a", "id-old"])
    assert set(other) == {"id-old"}


def test_one_accounts_ids_are_not_anothers(journal):
    one, two = (Journal(journal.folder, HERE, name) for name in ("one", "two"))
    entry = one.begin("a", "p-image", REQUEST, "gone", 0.005)
    one.accept(entry, "id-a", None)
    assert set(one.open_entries()) == {"a"}
    assert two.open_entries() == {}
    assert two.requests_by_id(["id-a"]) == {}
    assert not two.knows_other("id-a", "b")
    assert two.begin("a", "p-image", REQUEST, "run", 0.005), "its own, at its own cost"


def test_an_id_that_is_another_requests_is_not_taken(journal):
    journal.accept(intend(journal, "a"), "id", None)
    other = intend(journal, "b")
    assert journal.accept(other, "id", None) is None
    assert states(journal) == {"a": "sent", "b": "intent"}
    assert journal.knows_other("id", "b")
    assert not journal.knows_other("id", "a")


def test_of_many_at_once_with_one_id_one_is_taken(journal):
    entries = [intend(journal, f"key {number}") for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda entry: journal.accept(entry, "same", None), entries))
    assert sum(entry is not None for entry in taken) == 1


def test_of_what_ended_a_month_ago_the_line_stays_and_a_large_request_goes(journal):
    large = json.dumps({"prompt": "x" * 10_000})
    for key, state in [("a", "delivered"), ("b", "sent"), ("c", "lost"), ("d", "failed")]:
        journal.update(intend(journal, key), state, request=large)
    journal.update(intend(journal, "small"), "delivered")
    journal.database.change("UPDATE prediction SET updated_at = 1")
    journal.update(intend(journal, "new"), "delivered", request=large)
    journal.drop_large()
    kept = {entry.key for entry in journal.entries() if entry.request is not None}
    assert kept == {"b", "c", "small", "new"}
    assert set(states(journal)) == {"a", "b", "c", "d", "small", "new"}


def test_text_that_is_half_a_character_can_be_noted(journal):
    entry = journal.update(intend(journal), "lost", error="a file \udcff and \ud800")
    assert "a file" in journal.get(entry.entry).error


# ------------------------------------------------------------- a disk that is in the way


def blocked(journal):
    """Have the disk take nothing: a file stands where the folder should be."""
    journal.database.close()
    shutil.rmtree(journal.folder)
    journal.folder.write_text("in the way")


def test_what_the_disk_does_not_take_is_written_before_the_next_run(journal):
    entries = [intend(journal, key) for key in "abc"]
    blocked(journal)
    for number, entry in enumerate(entries):
        with pytest.raises(CacheError):
            journal.update(entry, "sent", prediction_id=f"id-{number}")
    # Trying while the disk still takes nothing loses nothing either.
    for _ in range(3):
        with pytest.raises(CacheError):
            journal.open_entries()
    journal.folder.unlink()
    assert {entry.prediction_id for entry in journal.open_entries().values()} == {
        "id-0",
        "id-1",
        "id-2",
    }
    assert rescue._FOLDERS == {}


def test_an_entry_whose_file_is_gone_comes_back_from_memory(journal):
    sent = journal.update(intend(journal), "sent", prediction_id="id")
    journal.hold([sent])
    shutil.rmtree(journal.folder)
    assert set(journal.open_entries()) == {"a"}


def test_a_held_entry_does_not_bring_back_what_has_ended_since(journal):
    sent = journal.update(intend(journal), "sent", prediction_id="id")
    journal.hold([sent])
    name = f"ab/ab{'0' * 62}.jpg"
    (journal.folder / "media" / "ab").mkdir(parents=True)
    (journal.folder / "media" / name).write_bytes(b"a picture")
    journal.update(sent, "delivered", media=name)
    assert journal.open_entries() == {}
    assert states(journal) == {"a": "delivered"}


def test_a_held_entry_is_open_again_if_what_it_was_delivered_as_is_gone(journal):
    sent = journal.update(intend(journal), "sent", prediction_id="id", generation_url="there")
    journal.update(sent, "delivered", media="x")
    journal.hold([sent])
    found = journal.open_entries()["a"]
    assert (found.state, found.prediction_id, found.generation_url) == ("sent", "id", "there")


def test_an_entry_from_memory_does_not_push_out_another_runs_open_request(journal, owner):
    sent = journal.update(intend(journal), "sent", prediction_id="mine")
    journal.hold([sent])
    shutil.rmtree(journal.folder)
    other = intend(journal, "a", owner.name)
    assert other is not None
    journal.open_entries()
    assert journal.get(other.entry) is not None


def test_an_intent_and_an_id_reach_the_disk_before_the_work_goes_on(journal, monkeypatch):
    durable = []
    change = journal.database.change

    def watched(sql, values=(), *, durable=False):
        seen.append((sql.split()[0], durable))
        return change(sql, values, durable=durable)

    seen = durable
    monkeypatch.setattr(journal.database, "change", watched)
    entry = journal.update(intend(journal), "sent", prediction_id="id")
    journal.update(entry, "delivered")
    assert seen == [("INSERT", True), ("UPDATE", True), ("UPDATE", False)]


# --------------------------------------------------------------------------- owners


def test_a_run_is_at_work_until_it_leaves(tmp_path):
    owner = RunLock(tmp_path)
    assert is_at_work(tmp_path, owner.name)
    assert owner.is_alive()
    owner.release()
    assert not is_at_work(tmp_path, owner.name)
    assert not owner.is_alive()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_notices_that_its_folder_is_gone_or_another(tmp_path):
    owner = RunLock(tmp_path / "cache")
    shutil.rmtree(tmp_path / "cache")
    assert not owner.is_alive()
    (tmp_path / "cache" / "runs").mkdir(parents=True)
    owner._path.write_text("")
    assert not owner.is_alive()
    owner.release()


CHILD = """
import sys, time
from pathlib import Path
from pruna_nb.store.run_locks import RunLock
print(RunLock(Path(sys.argv[1])).name, flush=True)
sys.stdin.readline()
"""


def test_another_process_is_at_work_until_it_is_killed(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        name = child.stdout.readline().strip()
        assert is_at_work(tmp_path, name)
        child.kill()
        child.wait()
    assert not is_at_work(tmp_path, name)


def test_a_run_nobody_ever_heard_of_is_not_at_work(tmp_path):
    assert not is_at_work(tmp_path, "nobody")
    assert not is_at_work(tmp_path / "missing", "nobody")


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), PermissionError(13, "no"), portalocker.LockException()],
)
def test_a_run_of_which_nothing_can_be_learnt_is_taken_to_be_at_work(tmp_path, monkeypatch, error):
    """To take it for dead would be to send again what it has sent."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "x.lock").write_text("")

    def fail(*_):
        raise error

    monkeypatch.setattr(run_locks.portalocker, "lock", fail)
    assert is_at_work(tmp_path, "x")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_forked_child_that_outlives_its_parent_does_not_keep_its_run_alive(tmp_path):
    code = f"""
import os, sys, time
from pathlib import Path
from pruna_nb.store.run_locks import RunLock
owner = RunLock(Path({str(tmp_path)!r}))
if os.fork() == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(owner.name, flush=True)
os._exit(0)
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    assert not is_at_work(tmp_path, said.stdout.strip())


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_the_lock_of_a_run_is_the_users_alone(tmp_path):
    owner = RunLock(tmp_path / "cache")
    assert owner._path.stat().st_mode & 0o777 == 0o600
    owner.release()


def test_an_intent_is_not_noted_where_another_run_has_just_kept_the_output(journal):
    journal.database.execute("INSERT INTO item (args_id, key, value) VALUES ('a', 'kept', '{}')")
    asked = {"model": "p-image", "request": {}, "run": "r", "cost_usd": None}
    assert journal.begin("kept", **asked, unless_kept=True) is None
    assert journal.begin("new", **asked, unless_kept=True) is not None
    assert journal.begin("new", **asked, unless_kept=True) is None
    assert journal.begin("kept", **asked) is not None
