"""Outputs that are there already, kept through joblib."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pruna_nb import settings
from pruna_nb.errors import CacheError
from pruna_nb.files.media_store import MediaStore
from pruna_nb.store import cached_call, joblib_store
from pruna_nb.store.cache import Cache
from pruna_nb.store.database import Database, database_of
from tests.helpers.media import picture
from tests.helpers.runs import prompts, work

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "kept")


def kept(cache, key, seed=0):
    """Keep a picture under a key."""
    import hashlib

    data = picture("PNG", seed=seed)
    part, file = cache.store.open_part()
    with file:
        file.write(data)
    stored = cache.store.commit(part, hashlib.sha256(data).hexdigest(), "image")
    record = {"model": "p-image", "input": {"prompt": key}, "prediction_id": "i", "seconds": 1.5}
    cache.put(key, stored, record)
    return stored


def test_the_source_of_the_cached_function_is_what_it_was():
    """joblib forgets every result when it changes, a comment or a docstring of it included."""
    source = inspect.getsource(cached_call.prediction)
    assert source == (
        "def prediction(key: str, record: object) -> object:"
        "  # noqa: ARG001, D103 - frozen as it is\n"
        "    return record\n"
    )
    assert cached_call.prediction.__module__ == "pruna_nb.store.cached_call"


def test_what_is_kept_is_found_again_with_its_id_and_time(cache):
    stored = kept(cache, "a")
    hit = cache.find(["a", "b"])["a"]
    assert (hit.path, hit.prediction_id, hit.seconds) == (str(stored.path), "i", 1.5)


def test_joblib_itself_finds_what_was_kept(cache):
    from joblib import Memory

    kept(cache, "a")
    memory = Memory(cache.folder, backend=joblib_store.NAME, verbose=0)
    cached = memory.cache(cached_call.prediction, ignore=["record"])
    assert cached.check_call_in_cache("a", None)
    assert cached("a", None)["input"] == {"prompt": "a"}
    assert not cached.check_call_in_cache("b", None)


def test_joblib_drops_nothing_where_the_functions_source_cannot_be_read(cache, monkeypatch):
    """As where only compiled files are installed, or line ends differ."""
    from joblib import Memory, func_inspect, memory

    kept(cache, "a")
    monkeypatch.setattr(func_inspect, "get_func_code", lambda func: (str(func.__code__), None, -1))
    monkeypatch.setattr(memory, "get_func_code", func_inspect.get_func_code)
    monkeypatch.setattr(joblib_store, "get_func_code", func_inspect.get_func_code)
    memory._FUNCTION_HASHES.clear()  # type: ignore[attr-defined]
    other = Memory(cache.folder, backend=joblib_store.NAME, verbose=0)
    cached = other.cache(cached_call.prediction, ignore=["record"])
    assert cached.check_call_in_cache("a", None)
    assert set(cache.find(["a"])) == {"a"}


def test_an_entry_is_json_and_loads_no_code(cache):
    kept(cache, "a")
    rows = database_of(cache.folder).execute("SELECT * FROM item")
    for row in rows:
        assert not any(isinstance(value, bytes) for value in row)
    values = [
        json.loads(row[0]) for row in database_of(cache.folder).execute("SELECT value FROM item")
    ]
    assert values[0]["sha256"]
    assert not list(cache.folder.rglob("*.pkl"))


def test_a_cache_that_somebody_else_wrote_cannot_run_code_here(cache, tmp_path):
    kept(cache, "a")
    proof = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (proof,))

    database_of(cache.folder).change(
        "UPDATE item SET value = ?, prediction_id = ?", [pickle.dumps(Evil()), "x"]
    )
    cache.find(["a"])
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever, but not silently
        cache._cached()("a", None)
    assert not proof.exists()


def test_a_media_file_that_is_gone_is_a_miss(cache):
    stored = kept(cache, "a")
    stored.path.unlink()
    assert cache.find(["a"]) == {}


@pytest.mark.parametrize("keep_size", [True, False])
def test_a_media_file_that_was_written_to_is_a_miss(cache, keep_size):
    stored = kept(cache, "a")
    data = stored.path.read_bytes()
    stored.path.write_bytes(data[:-1] + b"x" if keep_size else data[:-1])
    os.utime(stored.path, (time.time() + 5, time.time() + 5))
    assert cache.find(["a"]) == {}


def test_a_media_file_whose_place_is_taken_by_a_folder_is_a_miss(cache):
    stored = kept(cache, "a")
    stored.path.unlink()
    stored.path.mkdir()
    os.utime(stored.path, (time.time() + 5, time.time() + 5))
    assert cache.find(["a"]) == {}


def test_a_media_file_that_cannot_be_read_is_a_miss(cache, monkeypatch):
    stored = kept(cache, "a")
    os.utime(stored.path, (time.time() + 5, time.time() + 5))

    def unreadable(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pruna_nb.store.cache.sha256_of", unreadable)
    assert cache.find(["a"]) == {}


def test_a_copied_folder_is_as_good_as_the_first(cache, tmp_path):
    for seed in range(3):
        kept(cache, f"k{seed}", seed)
    database_of(cache.folder).close()
    copy = tmp_path / "ein anderer Ordner"
    shutil.copytree(cache.folder, copy, copy_function=shutil.copyfile)  # the times are new
    hits = Cache(copy).find([f"k{seed}" for seed in range(3)])
    assert {Path(hit.path).parents[2] for hit in hits.values()} == {copy}
    assert len(hits) == 3


def test_keeping_again_replaces(cache):
    kept(cache, "a", seed=1)
    stored = kept(cache, "a", seed=2)
    assert cache.find(["a"])["a"].path == str(stored.path)
    assert database_of(cache.folder).execute("SELECT count(*) FROM item") == [(1,)]


def test_many_keys_are_found_in_one_go(cache):
    stored = kept(cache, "a")
    database = database_of(cache.folder)
    with database.transaction() as connection:
        connection.executemany(
            "INSERT INTO item SELECT ?, ?, media, size, mtime_ns, seconds, prediction_id, model, "
            "created_at, used_at, value, metadata FROM item WHERE key = 'a'",
            [(f"args-{number}", f"k{number}") for number in range(5000)],
        )
    hits = cache.find([f"k{number}" for number in range(10_000)])
    assert len(hits) == 5000
    assert {hit.path for hit in hits.values()} == {str(stored.path)}


def test_a_hit_is_noted_as_used_once_a_day(cache):
    kept(cache, "a")
    database = database_of(cache.folder)
    used = "SELECT used_at FROM item"
    ((first,),) = database.execute(used)
    cache.find(["a"])
    assert database.execute(used) == [(first,)]
    database.change("UPDATE item SET used_at = ?", [time.time() - 200_000])
    cache.find(["a"])
    ((later,),) = database.execute(used)
    assert later >= first


AGAIN = """
import sys, json
from pruna_nb import settings
from tests.helpers.runs import prompts, work
settings.configure(api_key="test-key", base_url=sys.argv[1], cache_dir=sys.argv[2])
run, outcomes = work(prompts(5))
print(json.dumps([[outcome.output, outcome.cached] for outcome in outcomes]))
"""


def test_another_python_finds_the_same_outputs_and_pays_nothing(service):
    _, first = work(prompts(5))
    folder = str(settings.current().cache_dir)
    said = subprocess.run(
        [sys.executable, "-c", AGAIN, service.url, folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    assert json.loads(said) == [[outcome.output, True] for outcome in first]
    assert service.charged == 5


@pytest.mark.parametrize(("mode", "charged"), [("use", 3), ("refresh", 6), ("off", 6)])
def test_refresh_and_off_pay_again_and_use_does_not(service, mode, charged):
    work(prompts(3))
    work(prompts(3), cache=mode)
    assert service.charged == charged
    work(prompts(3))
    assert service.charged == charged


def test_off_keeps_nothing_for_later_runs(service):
    _, outcomes = work(prompts(2), cache="off")
    assert all(Path(outcome.output).exists() for outcome in outcomes)
    work(prompts(2))
    assert service.charged == 4


def test_a_deleted_picture_is_fetched_again_at_no_cost_and_the_others_are_not(service):
    _, outcomes = work(prompts(4))
    Path(outcomes[2].output).unlink()
    _, again = work(prompts(4))
    assert service.charged == 4
    assert [outcome.cached for outcome in again] == [True] * 4
    assert [outcome.cost_usd for outcome in again] == [0.0] * 4
    assert Path(again[2].output).exists()


# ------------------------------------------------------------------------- database


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
def test_everything_in_the_folder_is_the_users_alone(service):
    before = os.umask(0o022)
    try:
        work(prompts(2))
    finally:
        os.umask(before)
    folder = settings.current().cache_dir
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_file_where_the_folder_should_be_is_a_clear_error(tmp_path):
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(CacheError, match="PRUNA_NB_CACHE_DIR"):
        Cache(tmp_path / "cache").find(["a"])


def test_a_database_of_which_nothing_can_be_made_anew_is_an_error_once(tmp_path):
    content = b"this is no database at all" * 100
    (tmp_path / "pruna_nb.sqlite").write_bytes(content)
    with pytest.raises(CacheError, match=r"was damaged, and is kept as .*Nothing was sent"):
        Cache(tmp_path).find(["a"])
    assert Cache(tmp_path).find(["a"]) == {}
    (aside,) = tmp_path.glob("pruna_nb.sqlite.damaged-*")
    assert aside.read_bytes() == content


NOTE = "CREATE TABLE IF NOT EXISTS note (func_id TEXT PRIMARY KEY, code TEXT)"


def noted(folder):
    """Open a folder's database with a table to play with."""
    database = Database(folder)
    database.execute(NOTE)
    return database


def test_a_transaction_that_fails_changes_nothing_and_blocks_nobody(tmp_path):
    database = noted(tmp_path)
    database.change("INSERT INTO note VALUES ('f', 'x')")

    def change_and(statement):
        with database.transaction() as connection:
            connection.execute("DELETE FROM note")
            connection.execute(statement) if statement else int("no number")

    with pytest.raises(ValueError, match="no number"):
        change_and(None)
    with pytest.raises(CacheError):
        change_and("NO SQL")
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('g', 'y')")
    assert database.execute("SELECT count(*) FROM note") == [(2,)]
    database.close()


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path):
    database = noted(tmp_path)
    database._connection.execute("PRAGMA max_page_count = 12")
    with pytest.raises(CacheError, match="full"), database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('f', ?)", ["x" * 200_000])
    database._connection.execute("PRAGMA max_page_count = 100000")
    with database.transaction() as connection:
        connection.execute("INSERT INTO note VALUES ('g', 'y')")
    assert database.execute("SELECT func_id FROM note") == [("g",)]
    database.close()


OPENING = """
import sys
from pathlib import Path
from pruna_nb.store.database import Database
NOTE = "CREATE TABLE IF NOT EXISTS note (func_id TEXT PRIMARY KEY, code TEXT)"
sys.stdin.readline()
for number in range(20):
    database = Database(Path(sys.argv[1]) / str(number))
    database.execute(NOTE)
    database.change("INSERT OR REPLACE INTO note VALUES (?, 'x')", [sys.argv[2]])
    database.close()
"""


def test_several_processes_may_make_one_folder_at_once(tmp_path):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, str(tmp_path), str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for child in children:
        child.stdin.write(b"\n")
        child.stdin.close()
    assert [child.wait(120) for child in children] == [0, 0, 0]
    for number in range(20):
        database = Database(tmp_path / str(number))
        assert database.execute("SELECT count(*) FROM note") == [(3,)]
        database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a fork")
def test_a_forked_child_leaves_its_parents_connection_alone(tmp_path):
    code = """
import os, sys
from pathlib import Path
from pruna_nb.store.database import database_of
database = database_of(Path(sys.argv[1]))
database.execute("CREATE TABLE note (func_id TEXT PRIMARY KEY, code TEXT)")
database.change("INSERT INTO note VALUES ('parent', 'x')")
database.lock.acquire()  # as if another thread had it at the moment of the fork
pid = os.fork()
if pid == 0:
    database.change("INSERT INTO note VALUES ('child', 'x')")
    os._exit(0 if database.execute("SELECT count(*) FROM note") == [(2,)] else 1)
database.lock.release()
assert os.waitpid(pid, 0)[1] == 0
database.change("INSERT INTO note VALUES ('again', 'x')")
assert database.execute("SELECT count(*) FROM note") == [(3,)]
assert database.execute("PRAGMA integrity_check") == [("ok",)]
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, timeout=60)


def test_a_process_keeps_only_so_many_folders_open(tmp_path):
    first = database_of(tmp_path / "first")
    first.execute(NOTE)
    first.change("INSERT INTO note VALUES ('f', 'x')")
    for number in range(40):
        database_of(tmp_path / str(number)).execute("SELECT 1")
    assert first._connection is None
    # One that was put away is opened again when it is used.
    assert first.execute("SELECT func_id FROM note") == [("f",)]
    first.close()


def test_a_folder_that_was_deleted_between_two_runs_is_made_anew(service):
    work(prompts(2))
    shutil.rmtree(settings.current().cache_dir)
    run, outcomes = work(prompts(2))
    assert run.error is None
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * 2


def test_media_are_found_by_name_below_the_folder_and_never_by_a_path(cache):
    kept(cache, "a")
    rows = database_of(cache.folder).execute("SELECT media FROM item")
    for (media,) in rows:
        assert not Path(media).is_absolute()
        assert ".." not in Path(media).parts
    assert isinstance(cache.store, MediaStore)
