"""Who holds a lock that is waited for: a process that was stopped holds its locks for ever."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCKS = Path("/proc/locks")
_LOCK = re.compile(
    r"^\d+: \S+\s+\S+\s+\S+\s+(?P<pid>\d+) [0-9a-f]+:[0-9a-f]+:(?P<inode>\d+) ", re.MULTILINE
)


def holder_of(*paths: Path | str) -> str:
    """Return who holds a lock on one of some files, in words; what can be done, if it is stopped.

    Parameters
    ----------
    *paths : path
        The files; those that are not there are held by nobody.

    Returns
    -------
    str
        Such as "process 4242, which is stopped (`kill -CONT 4242` lets it go on)"; "another
        process" where the system does not tell.
    """
    pids = sorted(_pids(paths))
    stopped = next(filter(is_stopped, pids), None)
    if stopped is not None:
        return f"process {stopped}, which is stopped (`kill -CONT {stopped}` lets it go on)"
    return " and ".join(f"process {pid}" for pid in pids) or "another process"


def stopped_holder(*paths: Path | str) -> int | None:
    """Return the process that holds a lock on one of some files and is stopped, if one does."""
    return next(filter(is_stopped, sorted(_pids(paths))), None)


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, as by Ctrl-Z or SIGSTOP; False where nobody knows."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state in {b"T", b"t"}


def _pids(paths: Iterable[Path | str]) -> set[int]:
    try:
        locks = _LOCKS.read_text()
    except OSError:
        return set()
    inodes = set()
    for path in paths:
        with contextlib.suppress(OSError):
            inodes.add(Path(path).stat().st_ino)
    pids = {int(lock["pid"]) for lock in _LOCK.finditer(locks) if int(lock["inode"]) in inodes}
    return pids - {0, os.getpid()}
