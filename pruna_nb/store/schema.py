"""The tables of the cache folder's database; one of an earlier version is migrated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.errors import CacheError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

VERSION = 1
"""The number that SQLite keeps as user_version; databases from before it was written have 0."""
LARGE_REQUEST = 8_000
"""Characters from which a request's text is dropped once its line is old; the line stays."""

# Releases without a version wrote whole rows of `item` without naming its columns, so that table
# keeps its twelve: a cache folder that two releases share stays usable for both.
_TABLES = {
    "item": {
        "args_id": "TEXT PRIMARY KEY",
        "key": "TEXT NOT NULL",
        "media": "TEXT",
        "size": "INTEGER",
        "mtime_ns": "INTEGER",
        "seconds": "REAL",
        "prediction_id": "TEXT",
        "model": "TEXT",
        "created_at": "REAL",
        "used_at": "REAL",
        "value": "TEXT NOT NULL",
        "metadata": "TEXT",
    },
    "prediction": {
        "entry": "TEXT PRIMARY KEY",
        "key": "TEXT NOT NULL",
        "origin": "TEXT NOT NULL",
        "model": "TEXT NOT NULL",
        "request": "TEXT",
        "run": "TEXT NOT NULL",
        "state": "TEXT NOT NULL",
        "prediction_id": "TEXT",
        "generation_url": "TEXT",
        "media": "TEXT",
        "error": "TEXT",
        "cost_usd": "REAL",
        "sent_at": "REAL NOT NULL",
        "updated_at": "REAL NOT NULL",
        "account": "TEXT NOT NULL DEFAULT ''",
        "service_date": "REAL",
        "reusable": "INTEGER NOT NULL DEFAULT 1",
        "tags": "TEXT NOT NULL DEFAULT ''",
    },
    # Outputs that are to be put into a shared storage, and are not there yet.
    "upload": {"key": "TEXT PRIMARY KEY", "storage": "TEXT NOT NULL DEFAULT ''"},
}
_INDEXES = (
    # Before there were accounts, the open requests of all of them shared one index of this name.
    "DROP INDEX IF EXISTS prediction_open",
    "CREATE UNIQUE INDEX IF NOT EXISTS item_key ON item (key)",
    "CREATE INDEX IF NOT EXISTS item_prediction ON item (prediction_id)",
    """CREATE UNIQUE INDEX prediction_open
        ON prediction (origin, key, account) WHERE state IN ('intent', 'sent')""",
    "CREATE INDEX IF NOT EXISTS prediction_lost ON prediction (origin, key) WHERE state = 'lost'",
    "CREATE INDEX IF NOT EXISTS prediction_expired ON prediction (key) WHERE state = 'expired'",
    "CREATE INDEX IF NOT EXISTS prediction_delivered ON prediction (key) WHERE state = 'delivered'",
    "CREATE INDEX IF NOT EXISTS prediction_id ON prediction (prediction_id)",
)
# Added by later releases to any database that lacks them.
_LATER_INDEXES = {
    # What a day cost is asked before each POST of a run that a day's budget holds back. Not with
    # the origin first, for which SQLite would leave the small indexes above aside.
    "prediction_cost": "ON prediction (sent_at, origin, cost_usd)",
    "prediction_large": f"ON prediction (updated_at) WHERE length(request) > {LARGE_REQUEST}",
}


def apply_schema(
    connection: sqlite3.Connection,
    path: Path,
    fill: Callable[[sqlite3.Connection], None],
    upgrade: Callable[[sqlite3.Connection], None],
) -> None:
    """Make the tables, or bring those of an earlier version to this one, in place.

    Parameters
    ----------
    connection : sqlite3.Connection
        In autocommit mode.
    path : Path
        The database's file, for messages.
    fill : callable
        Puts what is known into a database that is new, before any other process sees it.
    upgrade : callable
        Does beside a database of an earlier version what that version did not.

    Raises
    ------
    CacheError
        If another version wrote it that this one cannot work with; nothing is changed then.
    """
    if _version_of(connection) == VERSION and not _differences(connection, path):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version_of(connection)
        if not 0 <= version <= VERSION:
            raise _other_version(path, f"its schema has version {version}, this one {VERSION}")
        is_new = not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        for statement in _differences(connection, path):
            connection.execute(statement)
        if version < VERSION:
            for statement in _INDEXES:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        if is_new:
            fill(connection)
        elif version < VERSION:
            upgrade(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _differences(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Return the statements that add what is missing; raise where none can."""
    statements = []
    for table, columns in _TABLES.items():
        # Each row: number, name, type, whether NOT NULL, default, place in the primary key.
        there = {row[1]: row for row in connection.execute(f"PRAGMA table_info({table})")}
        if not there:
            fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            statements.append(f"CREATE TABLE {table} ({fields}) WITHOUT ROWID")
            continue
        for name, kind in columns.items():
            if name in there:
                continue
            if "PRIMARY" in kind or ("NOT NULL" in kind and "DEFAULT" not in kind):
                raise _other_version(path, f"its table {table!r} has no column {name!r}")
            statements.append(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
        for name, row in there.items():
            if name not in columns and row[3] and row[4] is None:
                raise _other_version(path, f"its table {table!r} needs a column {name!r}")
    indexes = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    statements += [
        f"CREATE INDEX {name} {on}" for name, on in _LATER_INDEXES.items() if name not in indexes
    ]
    return statements


def _other_version(path: Path, why: str) -> CacheError:
    message = (
        f"{str(path)!r} was written by another version of pruna_nb: {why}. Nothing was sent, and "
        "nothing was changed in it. Use the version that wrote it (or upgrade: pip install -U "
        "pruna_nb), or choose another folder (PRUNA_NB_CACHE_DIR, or "
        "pruna_nb.configure(cache_dir=...))."
    )
    return CacheError(message)
