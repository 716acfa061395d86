"""A damaged database file: detect it, move it aside, read what can still be read."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
from typing import TYPE_CHECKING

from pruna_nb.store.entries import INSERT, Entry, values_of

if TYPE_CHECKING:
    from pathlib import Path


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file itself is damaged, or is no database."""
    return "malformed" in str(error) or "not a database" in str(error)


def is_damaged(path: Path) -> bool:
    """Whether a database file is damaged, by a look at all its pages."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]
    except sqlite3.DatabaseError as error:
        return is_damage(error)
    finally:
        connection.close()


def move_aside(path: Path) -> Path:
    """Rename a damaged file, and its logs; return the new name."""
    name = f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            path.with_name(path.name + suffix).rename(path.with_name(name + suffix))
    return path.with_name(name)


def read_journal(aside: Path, connection: sqlite3.Connection) -> int:
    """Copy the journal's entries from a damaged file, as far as it gives them; return how many."""
    copied = 0
    damaged = sqlite3.connect(aside)
    try:
        there = {column for _, column, *_ in damaged.execute("PRAGMA table_info(prediction)")}
        names = [name for name in Entry.__dataclass_fields__ if name in there]
        for row in damaged.execute(f"SELECT {', '.join(names)} FROM prediction"):  # noqa: S608 - ours
            entry = Entry(**dict(zip(names, row, strict=True)))
            copied += max(0, connection.execute(INSERT, values_of(entry)).rowcount)
    except (sqlite3.DatabaseError, TypeError):  # from here on, it gives nothing
        pass
    finally:
        damaged.close()
    return copied
