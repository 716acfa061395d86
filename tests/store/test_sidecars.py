"""An index that is missing or damaged is made anew by what lies beside the store, at no cost."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pruna_nb
from pruna_nb import settings
from pruna_nb.errors import CacheError
from pruna_nb.files import media_store
from pruna_nb.settings.cache_folder import DATABASE_NAME
from pruna_nb.store.database import database_of
from pruna_nb.store.journal import Journal
from tests.helpers.runs import planned, prompts, work

ROWS = 5


def folder():
    return settings.current().cache_dir


def forget_connection():
    database_of(folder()).close()


def lose_index():
    forget_connection()
    for file in folder().glob(f"{DATABASE_NAME}*"):
        file.unlink()


def overwrite(start, content):
    forget_connection()
    path = folder() / DATABASE_NAME
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def cut_pages():
    """Damage every page but the first: the file opens, and the first question fails."""
    forget_connection()  # which moves its log into the file
    size = (folder() / DATABASE_NAME).stat().st_size
    overwrite(4096, b"\xff" * (size - 4096))


DAMAGES = {
    "missing": lose_index,
    "empty": lambda: (forget_connection(), os.truncate(folder() / DATABASE_NAME, 0)),
    "no database": lambda: overwrite(0, b"this is a text, and nothing else " * 100),
    "damaged pages": cut_pages,
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_run_after_the_index_is_gone_or_damaged_pays_for_nothing_again(service, caplog, how):
    _, first = work(prompts(ROWS))
    DAMAGES[how]()
    with caplog.at_level(logging.WARNING, "pruna_nb"):
        run, again = work(prompts(ROWS))
    assert service.charged == ROWS
    assert [outcome.output for outcome in again] == [outcome.output for outcome in first]
    assert run.cost_usd == 0.0
    assert "5 outputs by the records beside the media" in caplog.text
    entries = Journal.of(settings.current()).entries()
    assert {entry.state for entry in entries} == {"delivered"}
    assert sum(entry.cost_usd for entry in entries) == pytest.approx(0.005 * ROWS)
    ids = [outcome.prediction_id for outcome in first]
    assert set(Journal.of(settings.current()).requests_by_id(ids)) == set(ids)


@pytest.mark.parametrize("how", ["no database", "damaged pages"])
def test_a_damaged_file_is_kept_under_another_name(service, caplog, how):
    work(prompts(ROWS))
    DAMAGES[how]()
    content = (folder() / DATABASE_NAME).read_bytes()
    with caplog.at_level(logging.WARNING, "pruna_nb"):
        planned(prompts(ROWS))
    (aside,) = [path for path in folder().glob(f"{DATABASE_NAME}.damaged-*") if path.stat().st_size]
    assert aside.read_bytes() == content
    assert str(aside) in caplog.text
    assert "would be sent, and charged, again" in caplog.text


def test_pictures_of_which_nothing_is_known_are_told_before_they_are_paid_for_again(service):
    """An earlier release kept no records."""
    work(prompts(ROWS))
    shutil.rmtree(folder() / "records")
    cut_pages()
    with pytest.raises(CacheError, match=r"Of 5 media files in the folder it is not known"):
        planned(prompts(ROWS))
    assert planned(prompts(ROWS)).plan.count("new") == ROWS
    assert service.charged == ROWS


def test_what_is_open_is_read_from_a_damaged_file_as_far_as_it_goes(service):
    """Pages of the outputs are damaged, and those of the journal are not."""
    service.configure(latency=30.0)
    run = planned(prompts(ROWS), timeout=0.1)
    run.start()
    assert run.join(60)
    service.configure(latency=0.0)
    database = database_of(folder())
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'item_key'")
    overwrite((page - 1) * 4096, b"\xff" * 4096)
    with pytest.raises(CacheError, match="5 predictions that could still be read"):
        planned(prompts(ROWS))
    assert planned(prompts(ROWS)).plan.count("resume") == ROWS
    assert service.charged == ROWS


def test_rebuild_brings_back_what_the_index_lacks_and_writes_records_that_are_missing(service):
    work(prompts(ROWS))
    shutil.rmtree(folder() / "records")
    assert pruna_nb.cache.rebuild() == 0
    database_of(folder()).change("DELETE FROM item")
    assert pruna_nb.cache.rebuild() == ROWS
    assert planned(prompts(ROWS)).plan.count("hit") == ROWS


def before_the_versions():
    """Leave the folder as a release left it that wrote no version and no records."""
    shutil.rmtree(folder() / "records")
    database_of(folder()).execute("PRAGMA user_version = 0")
    forget_connection()


def test_outputs_of_an_earlier_release_get_their_records_when_its_index_is_first_opened(service):
    work(prompts(ROWS))
    before_the_versions()
    assert planned(prompts(ROWS)).plan.count("hit") == ROWS
    lose_index()
    assert planned(prompts(ROWS)).plan.count("hit") == ROWS
    assert service.charged == ROWS


def test_an_output_whose_file_is_gone_is_not_brought_back(service):
    _, outcomes = work(prompts(ROWS))
    Path(outcomes[0].output).unlink()
    Path(outcomes[1].output).write_bytes(b"x")
    lose_index()
    assert planned(prompts(ROWS)).plan.count("hit") == ROWS - 2


@pytest.mark.parametrize(
    "change",
    [
        {"media": "../../../etc/passwd"},
        {"media": f"ab/{'ab' * 32}.jpg"},
        {"key": "x"},
        {"input": None},
        {"size": -1},
        {"created_at": "now"},
    ],
)
def test_a_record_that_is_not_of_the_file_beside_it_is_not_believed(service, change):
    work(["one"])
    (record,) = (folder() / "records").glob("*/*.jsonl")
    line = json.loads(record.read_text())
    record.write_text(json.dumps(line | change) + "\n{cut sho")
    lose_index()
    assert planned(["one"]).plan.count("hit") == 0


def test_what_is_cleared_is_gone_from_the_records_too(service):
    work(prompts(ROWS))
    assert len(list((folder() / "records").glob("*/*"))) == ROWS
    pruna_nb.cache.clear()
    assert list((folder() / "records").glob("*/*")) == []
    lose_index()
    assert planned(prompts(ROWS)).plan.hits == {}


def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(service):
    work(["one"])
    (record,) = (folder() / "records").glob("*/*.jsonl")
    record.unlink()
    os.mkfifo(record)
    lose_index()
    assert planned(["one"]).plan.count("hit") == 0


def test_a_record_is_not_deleted_through_a_link(service, tmp_path):
    work(["one"])
    (record,) = (folder() / "records").glob("*/*.jsonl")
    theirs = shutil.move(record.parent, tmp_path / "theirs")
    record.parent.symlink_to(theirs)
    pruna_nb.cache.clear()
    assert [path.name for path in theirs.iterdir()] == [record.name]


def test_a_record_holds_no_key_and_is_the_users_alone(service):
    work(["a"])
    paths = list((folder() / "records").rglob("*"))
    assert len(paths) == 2
    for path in paths:
        assert path.stat().st_mode & 0o077 == 0
        assert path.is_dir() or settings.current().api_key not in path.read_text()


CHILD = """
import sys
import pruna_nb
from tests.helpers.runs import planned, prompts
names = ["api_key", "base_url", "cache_dir", "state_dir"]
pruna_nb.configure(**dict(zip(names, sys.argv[1:])))
sys.stdin.readline()
print(planned(prompts(int(sys.argv[5]))).plan.count("hit"), flush=True)
"""


def test_processes_that_find_the_index_missing_at_once_all_see_it_whole(service):
    work(prompts(ROWS))
    lose_index()
    now = settings.current()
    given = ["test-key", now.base_url, str(now.cache_dir), str(now.state_dir), str(ROWS)]
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", CHILD, *given],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    assert [int(child.communicate(timeout=60)[0]) for child in children] == [ROWS] * 3


def test_a_media_files_folder_is_on_the_disk_before_the_journal_says_delivered(
    service, monkeypatch
):
    """A power loss between a file and its folder would lose a picture that is said to be there."""
    synced = []
    sync = media_store.sync_folder

    def watched(path):
        sync(path)
        synced.append((str(path), {each.name for each in Path(path).iterdir()}))

    monkeypatch.setattr(media_store, "sync_folder", watched)
    note = Journal.update
    seen = []

    def noted(journal, entry, state, **changes):
        if state == "delivered":
            part, name = changes["media"].split("/")
            ends = [path for path, names in synced if path.endswith(f"/{part}") and name in names]
            seen.append(bool(ends))
        return note(journal, entry, state, **changes)

    monkeypatch.setattr(Journal, "update", noted)
    work(prompts(ROWS))
    assert seen == [True] * ROWS
