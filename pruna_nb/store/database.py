"""The one SQLite file of a cache folder: cache entries and journal, safe for several processes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pruna_nb.console import LOG
from pruna_nb.errors import CacheError
from pruna_nb.files.disk import make_private, sync_folder
from pruna_nb.files.lock_holders import holder_of
from pruna_nb.files.media_store import unwritable
from pruna_nb.files.owned import media_files
from pruna_nb.settings import CacheFolder
from pruna_nb.store import sidecars
from pruna_nb.store.group_commit import GroupCommit
from pruna_nb.store.salvage import is_damage, is_damaged, move_aside, read_journal
from pruna_nb.store.schema import apply_schema
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
_BUSY_SECONDS = 30.0
# Names in one query; SQLite takes 999 and more.
_NAMES_AT_ONCE = 500
# How long a fork waits for a statement that waits, in turn, for another process.
_FORK_SECONDS = 2.0
# Cache folders that a process keeps open.
_OPEN_AT_MOST = 16
# Connections of a forked parent: closing them here would take away its locks.
_LEFT: list[sqlite3.Connection] = []


class DamagedError(CacheError):
    """The file is damaged: the next use moves it aside, and makes one of what lies beside it."""


class Database:
    """One connection to a cache folder for all threads of a process, opened at the first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = CacheFolder(folder).database_path
        self._file_name = str(self.path)
        self.lock = threading.RLock()
        self._commits = GroupCommit(self.transaction, self._sync_log)
        self._folder_synced = False
        self._connection: sqlite3.Connection | None = None
        self._opened_as: tuple[int, int, int] | None = None
        self._seems_damaged = False
        self._aside: Path | None = None
        self._unknown = ""

    def execute(self, sql: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows.

        Raises
        ------
        CacheError
            If the folder cannot be read or written.
        """
        with self._used() as connection:
            return connection.execute(sql, tuple(values)).fetchall()

    def select_in(
        self, sql: str, names: Sequence[str], values: Iterable[Any] = ()
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query over many names, some names at a time.

        `sql` has ``{}`` where the marks of the names stand, after those of the other `values`. In
        the order of the index, neighbouring names lie on one page: a quarter of the time.
        """
        others = tuple(values)
        for start in range(0, len(names), _NAMES_AT_ONCE):
            some = names[start : start + _NAMES_AT_ONCE]
            yield self.execute(sql.format(",".join("?" * len(some))), (*others, *some))

    def change(self, sql: str, values: Iterable[Any] = (), *, durable: bool = False) -> int:
        """Run one statement and return the number of rows that it changed.

        With `durable` it returns only when that has reached the disk, and outlives a loss of
        power; otherwise it outlives the process alone, and costs a twentieth of the time.
        """
        if durable:
            return self.together(lambda: self._change(sql, values), durable=True)
        return self._change(sql, values)

    def _change(self, sql: str, values: Iterable[Any]) -> int:
        with self._used() as connection:
            return connection.execute(sql, tuple(values)).rowcount

    def together(self, work: Callable[[], T], *, durable: bool = False) -> T:
        """Run a function whose writes become one transaction, with those of other threads.

        It calls `change`, may run in another thread, and again if another's write failed.
        """
        return self._commits.run(work, durable=durable)

    def _sync_log(self) -> None:
        """Return when the write-ahead log is on the disk, and the folder that it is in."""
        # This is what SQLite does with ``synchronous = FULL`` at each commit, but here many
        # threads' commits share one sync.
        try:
            try:
                log = os.open(f"{self._file_name}-wal", os.O_RDWR)
            except FileNotFoundError:
                if not self.path.is_file():
                    raise
                return  # closed meanwhile, by which the log went into the file, and that was synced
            try:
                os.fsync(log)
            finally:
                os.close(log)
            if not self._folder_synced:
                sync_folder(self.folder)
            self._folder_synced = True
        except OSError as error:
            raise unwritable(self.folder, error) from None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run several statements as one."""
        with self._used() as connection:
            # A transaction that begins as a reader fails at once, whatever the timeout, where
            # another process has written before its own first write.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                # A file that was found damaged inside was closed there, which ended it.
                if connection is self._connection and connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            try:
                yield self._open()
            except sqlite3.Error as error:
                if is_damage(error):
                    self._let_go()
                    self._seems_damaged = True
                    message = (
                        f"{str(self.path)!r} is damaged ({error}). Run again: it is moved aside, "
                        "and a new one is made by the records beside the media files, at no cost."
                    )
                    raise DamagedError(message) from None
                why = str(error)
                if "locked" in why:
                    logs = (f"{self._file_name}-shm", f"{self._file_name}-wal")
                    why += " by " + holder_of(self.path, *logs)
                raise unwritable(self.folder, OSError(0, why)) from None
            except OSError as error:
                if isinstance(error, CacheError):
                    raise
                raise unwritable(self.folder, error) from None

    def _open(self) -> sqlite3.Connection:
        """Return the connection, a new one if the file is another (deleted, a forked child)."""
        if self._connection is not None and self._identity() == self._opened_as:
            return self._connection
        self._let_go()
        if self._seems_damaged:
            self._seems_damaged = False
            if is_damaged(self.path):
                self._aside = move_aside(self.path)
        try:
            connection = self._connect()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._aside = move_aside(self.path)
            connection = self._connect()
        if self._unknown:
            message, self._unknown = self._unknown, ""
            raise CacheError(message)
        return connection

    def _connect(self) -> sqlite3.Connection:
        make_private(self.folder)
        # Made for the user alone. One that is there is not opened: closing it again would drop the
        # locks that SQLite has on it in this process, under another spelling of the path, say.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        # The module would begin transactions by itself without isolation_level=None, and refuse
        # other threads, which `lock` keeps apart here, with its own check.
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _use_wal(connection)
            # What must outlive a loss of power is synced by `_sync_log`, for many writes at once.
            connection.execute("PRAGMA synchronous = NORMAL")
            upgrade = partial(sidecars.write_missing, self.folder)
            apply_schema(connection, self.path, self._fill, upgrade)
        except BaseException:
            connection.close()
            raise
        self._connection, self._opened_as = connection, self._identity()
        self._folder_synced = False
        return connection

    def _fill(self, connection: sqlite3.Connection) -> None:
        """Fill a new file from the records beside the media and from a damaged file, and log it."""
        # Where that leaves pictures of which nothing is known, the next use is an error, once: they
        # would be paid for again before anybody read a warning.
        aside, self._aside = self._aside, None
        outputs = sidecars.restore(self.folder, connection)
        noted = 0 if aside is None else read_journal(aside, connection)
        if aside is None and not outputs:
            return
        what = "was missing" if aside is None else f"was damaged, and is kept as {str(aside)!r}"
        read = "" if aside is None else f", {counted(noted, 'prediction')} that could still be read"
        message = (
            f"The index {str(self.path)!r} {what}. Rebuilt: {counted(outputs, 'output')} by the "
            f"records beside the media{read}. A prediction that only the old index knew as sent "
            "and not fetched is not known any more: its row would be sent, and charged, again."
        )
        (known,) = connection.execute("SELECT count(DISTINCT media) FROM item").fetchone()
        unknown = sum(1 for _ in media_files(CacheFolder(self.folder).media_dir)) - known
        if aside is not None and (unknown > 0 or not outputs):
            files = counted(max(0, unknown), "media file")
            self._unknown = (
                f"{message} Of {files} in the folder it is not known what they were asked for. "
                "Nothing was sent; run again to go on without them."
            )
        else:
            LOG.warning(message)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._opened_as is not None and self._opened_as[0] != os.getpid():
            _LEFT.append(connection)
        else:
            connection.close()

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            stat = os.stat(self._file_name)  # noqa: PTH116 - asked for each statement
        except OSError:
            return None
        return os.getpid(), stat.st_dev, stat.st_ino

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        with self.lock:
            self._let_go()

    def forked(self) -> None:
        """Begin anew in a forked child, where another thread may have held the lock."""
        self.lock = threading.RLock()
        self._commits = GroupCommit(self.transaction, self._sync_log)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; SQLite waits for no other process here, so we do."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


_DATABASES: dict[Path, Database] = {}
_DATABASES_LOCK = threading.Lock()


def check_folder(folder: Path) -> None:
    """Try whether a folder takes files and a database; nothing is left there.

    Raises
    ------
    OSError
        If it does not.
    """
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        connection = sqlite3.connect(Path(inside) / "try.sqlite")
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE tried (x)")
        except sqlite3.Error as error:
            raise OSError(str(error)) from None
        finally:
            connection.close()


def database_of(folder: Path) -> Database:
    """Return the process's one database of a cache folder."""
    with _DATABASES_LOCK:
        if folder not in _DATABASES:
            while len(_DATABASES) >= _OPEN_AT_MOST:
                _DATABASES.pop(next(iter(_DATABASES))).close()
            _DATABASES[folder] = Database(folder)
        return _DATABASES[folder]


_HELD: list[threading.RLock] = []


def _before_fork() -> None:
    """Wait until no thread is inside SQLite, whose own locks a child could never open."""
    for database in list(_DATABASES.values()):
        lock = database.lock
        if lock.acquire(timeout=_FORK_SECONDS):
            _HELD.append(lock)


def _after_fork_in_parent() -> None:
    while _HELD:
        _HELD.pop().release()


def _after_fork() -> None:
    global _DATABASES_LOCK  # noqa: PLW0603 - a fork may have left it locked
    _HELD.clear()
    _DATABASES_LOCK = threading.Lock()
    for database in _DATABASES.values():
        database.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )
