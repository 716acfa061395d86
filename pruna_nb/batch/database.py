"""The one SQLite file of a cache folder: cache entries and journal, safe for several processes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

from pruna_nb.api.media import unwritable
from pruna_nb.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAME = "pruna_nb.sqlite"
_BUSY_SECONDS = 30.0
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS item (
    args_id TEXT PRIMARY KEY, key TEXT NOT NULL, media TEXT, size INTEGER, mtime_ns INTEGER,
    seconds REAL, prediction_id TEXT, model TEXT, created_at REAL, used_at REAL,
    value TEXT NOT NULL, metadata TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS item_key ON item (key);
CREATE TABLE IF NOT EXISTS code (func_id TEXT PRIMARY KEY, code TEXT);
CREATE TABLE IF NOT EXISTS prediction (
    entry TEXT PRIMARY KEY, key TEXT NOT NULL, origin TEXT NOT NULL, model TEXT NOT NULL,
    request TEXT, run TEXT NOT NULL, state TEXT NOT NULL, prediction_id TEXT,
    generation_url TEXT, media TEXT, error TEXT, cost_usd REAL, sent_at REAL NOT NULL, updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS prediction_open
    ON prediction (origin, key) WHERE state IN ('intent', 'sent');
CREATE INDEX IF NOT EXISTS prediction_lost ON prediction (origin, key) WHERE state = 'lost';
"""


class Database:
    """One connection for all threads of a process, opened at the first use.

    Parameters
    ----------
    folder : Path
        The cache folder; made for the user alone where the system can.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int, int] | None = None

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows.

        Raises
        ------
        CacheError
            If the folder cannot be read or written.
        """
        with self._used() as connection:
            return connection.execute(sql, tuple(values)).fetchall()

    def change(self, sql: str, values: Iterable[Any] = ()) -> int:
        """Run one statement and give the number of rows that it changed."""
        with self._used() as connection:
            return connection.execute(sql, tuple(values)).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run several statements as one."""
        with self._used() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except sqlite3.DatabaseError as error:
                raise self._cannot(error) from None
            except OSError as error:
                if isinstance(error, CacheError):
                    raise
                raise unwritable(self.folder, error) from None

    def _open(self) -> sqlite3.Connection:
        """Give the connection, a new one if the file is another (deleted, a forked child)."""
        if self._connection is not None and self._identity() == self._opened_as:
            return self._connection
        # What a forked parent opened is left to it, and not closed here.
        if self._connection is not None and self._opened_as and self._opened_as[0] == os.getpid():
            self._connection.close()
        self._connection = None
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.executescript(_SCHEMA)
        self._connection, self._opened_as = connection, self._identity()
        return connection

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return os.getpid(), stat.st_dev, stat.st_ino

    def _cannot(self, error: sqlite3.DatabaseError) -> CacheError:
        if "malformed" in str(error) or "not a database" in str(error):
            message = (
                f"{str(self.path)!r} is damaged ({error}). The media files beside it are whole; "
                "move it away, and a new one is made."
            )
            return CacheError(message)
        return unwritable(self.folder, OSError(0, str(error)))

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


_DATABASES: dict[Path, Database] = {}
_DATABASES_LOCK = threading.Lock()


def database_of(folder: Path) -> Database:
    """Give the process's one database of a cache folder."""
    with _DATABASES_LOCK:
        return _DATABASES.setdefault(folder, Database(folder))
