"""Databases of other versions: brought to this one, or refused before anything is spent."""

from __future__ import annotations

import sqlite3
import time

import pytest

from pruna_nb.errors import CacheError
from pruna_nb.settings.cache_folder import DATABASE_NAME
from pruna_nb.store.database import database_of
from pruna_nb.store.journal import Journal
from pruna_nb.store.salvage import read_journal
from pruna_nb.store.schema import VERSION

HERE = "http://127.0.0.1:1"
OLD = """
CREATE TABLE item (
    args_id TEXT PRIMARY KEY, key TEXT NOT NULL, media TEXT, size INTEGER, mtime_ns INTEGER,
    seconds REAL, prediction_id TEXT, model TEXT, created_at REAL, used_at REAL,
    value TEXT NOT NULL, metadata TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX item_key ON item (key);
CREATE TABLE prediction (
    entry TEXT PRIMARY KEY, key TEXT NOT NULL, origin TEXT NOT NULL, model TEXT NOT NULL,
    request TEXT, run TEXT NOT NULL, state TEXT NOT NULL, prediction_id TEXT,
    generation_url TEXT, media TEXT, error TEXT, cost_usd REAL, sent_at REAL NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX prediction_open
    ON prediction (origin, key) WHERE state IN ('intent', 'sent');
CREATE INDEX prediction_lost ON prediction (origin, key) WHERE state = 'lost';
"""
"""As the release of before the versions made it."""


def made(folder, script):
    """Make a database file with a script, and return its path."""
    folder.mkdir()
    connection = sqlite3.connect(folder / DATABASE_NAME)
    connection.executescript(script)
    connection.commit()
    connection.close()
    return folder / DATABASE_NAME


def with_rows(extra=""):
    now = time.time()
    return f"""{OLD}
    INSERT INTO item VALUES ('x', 'k', 'aa/b.jpg', 1, 1, 1.0, 'id-k', 'p-image', {now}, {now},
        '{{"key": "k", "model": "p-image", "input": {{"prompt": "kept"}}}}', NULL);
    INSERT INTO prediction VALUES ('e', 'open', '{HERE}', 'p-image', '{{"prompt": "open"}}', 'gone',
        'sent', 'id-open', NULL, NULL, NULL, 0.005, {now}, {now});
    {extra}"""  # noqa: S608 - a fixed script


def columns(path, table):
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return names


def test_a_database_from_before_the_versions_keeps_what_it_holds(tmp_path):
    path = made(tmp_path / "kept", with_rows())
    journal = Journal(path.parent, HERE, "account")
    assert {key: entry.prediction_id for key, entry in journal.open_entries().items()} == {
        "open": "id-open"
    }
    found = journal.requests_by_id(["id-k", "id-open", "id-none"])
    assert {name: each.input["prompt"] for name, each in found.items()} == {
        "id-k": "kept",
        "id-open": "open",
    }
    assert database_of(path.parent).execute("PRAGMA user_version") == [(VERSION,)]


def test_a_release_from_before_the_versions_can_still_write_into_a_database_of_this_one(tmp_path):
    path = made(tmp_path / "kept", with_rows())
    Journal(path.parent, HERE).open_entries()
    connection = sqlite3.connect(path)
    values = ["y", "l", "aa/c.jpg", 1, 1, 1.0, "id-l", "p-image", 1.0, 1.0, "{}"]
    connection.execute(
        "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", values
    )
    connection.execute("CREATE UNIQUE INDEX IF NOT EXISTS prediction_open ON prediction (origin)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("version", [VERSION + 1, 99, -1])
def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path, version):
    path = made(tmp_path / "kept", with_rows(f"PRAGMA user_version = {version};"))
    before = columns(path, "prediction")
    with pytest.raises(CacheError, match=r"another version.*Nothing was sent"):
        Journal(path.parent, HERE).open_entries()
    assert columns(path, "prediction") == before


@pytest.mark.parametrize(
    ("version", "change"),
    [
        (0, "ALTER TABLE item ADD COLUMN later TEXT;"),
        (VERSION, "ALTER TABLE prediction ADD COLUMN later TEXT NOT NULL DEFAULT 'x';"),
        (0, "ALTER TABLE prediction DROP COLUMN generation_url;"),
        (VERSION, "ALTER TABLE item DROP COLUMN seconds;"),
    ],
)
def test_columns_too_many_or_too_few_are_no_trouble_where_they_may_be_empty(
    tmp_path, version, change
):
    path = made(tmp_path / "kept", with_rows(f"{change} PRAGMA user_version = {version};"))
    journal = Journal(path.parent, HERE)
    assert set(journal.open_entries()) == {"open"}
    entry = journal.begin("new", "p-image", {"prompt": "new"}, "run", 0.005)
    assert journal.accept(entry, "id-new", None)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE prediction DROP COLUMN model;",
        """DROP TABLE item;
        CREATE TABLE item (args_id TEXT, later TEXT NOT NULL, key TEXT, value TEXT);""",
    ],
)
def test_columns_that_cannot_be_filled_are_seen_when_the_database_is_opened(tmp_path, change):
    path = made(tmp_path / "kept", with_rows(change))
    with pytest.raises(CacheError, match="another version"):
        Journal(path.parent, HERE).open_entries()


def test_the_journal_of_a_damaged_file_of_an_earlier_release_is_read(tmp_path):
    path = made(tmp_path / "old", with_rows())
    new = Journal(tmp_path / "new", HERE)
    with new.database.transaction() as connection:
        assert read_journal(path, connection) == 1
    assert new.get("e").prediction_id == "id-open"


@pytest.mark.parametrize(
    ("state", "index"),
    [("lost", "prediction_lost"), ("expired", "prediction_expired"), ("sent", "prediction_open")],
)
def test_what_is_open_is_found_without_reading_the_bills_of_years(tmp_path, state, index):
    journal = Journal(tmp_path / "cache", HERE)
    where = f"state = '{state}' AND {journal._ours}"
    if state == "sent":
        where = f"state IN ('intent', 'sent') AND {journal._ours}"
    sql = f"EXPLAIN QUERY PLAN SELECT * FROM prediction WHERE {where}"  # noqa: S608 - of this test
    (step,) = journal.database.execute(sql, journal._our_values)
    assert index in step[-1]
