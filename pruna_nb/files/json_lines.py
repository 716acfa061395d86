"""A file of JSON lines that only ever grows: what a person said is never written over.

A process that dies loses at most the line that it was writing, and several may write at once.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import CacheError
from pruna_nb.files import strict_json
from pruna_nb.files.disk import make_private, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LOCK_SECONDS = 10.0


def read_lines(path: Path, what: str) -> list[dict[str, Any] | None]:
    """Return each line's record, or None for one that was not written whole.

    `what` is the content in words, such as "votes". A file that is not there has no lines.

    Raises
    ------
    CacheError
        If it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"cannot read the {what}s in {path}: {error.strerror}"
        raise CacheError(msg) from error
    return [_record(line) for line in content.split(b"\n") if line.strip()]


def append_lines(path: Path, records: Iterable[Mapping[str, Any]], what: str) -> None:
    """Write a line for each record; they are on the disk when it returns.

    The file and its folder are made with the first line. `what` is one of them in words, such as
    "vote".

    Raises
    ------
    CacheError
        If that is not possible.
    """
    import portalocker

    lines = [json.dumps(record, allow_nan=False).encode() + b"\n" for record in records]
    try:
        make_private(path.parent)
        with portalocker.Lock(f"{path}.lock", "ab", timeout=_LOCK_SECONDS):
            _append(path, b"".join(lines))
    except portalocker.LockException as error:
        msg = f"another process has locked {path}.lock for {_LOCK_SECONDS:.0f} s"
        raise CacheError(msg) from error
    except CacheError:
        raise
    except OSError as error:
        msg = f"cannot write the {what} to {path}: {error.strerror or error}"
        raise CacheError(msg) from error


def _append(path: Path, content: bytes) -> None:
    # Windows would write \r\n in text mode.
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    is_new = not path.exists()
    handle = os.open(path, flags, 0o600)
    try:
        if end := os.lseek(handle, 0, os.SEEK_END):
            os.lseek(handle, end - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":
                # A crash cut the last line: it must not swallow this one.
                content = b"\n" + content
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if is_new:
        # A new file's name is not on the disk before its folder is.
        sync_folder(path.parent)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = strict_json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
