"""Which run is still at work: a locked file a run, which the system unlocks at any death."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from typing import TYPE_CHECKING

import portalocker

from pruna_nb.errors import CacheError
from pruna_nb.files.disk import make_private
from pruna_nb.files.media_store import unwritable
from pruna_nb.settings import CacheFolder

if TYPE_CHECKING:
    from pathlib import Path

_OURS: dict[str, RunLock] = {}
_OURS_LOCK = threading.Lock()


class RunLock:
    """A run's name, and the proof that it is at work.

    Parameters
    ----------
    folder : Path
        The cache folder.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.name = uuid.uuid4().hex
        self._path = lock_of(folder, self.name)
        try:
            make_private(self._path.parent)
            self._file: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            portalocker.lock(self._file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except CacheError:
            raise
        except (OSError, portalocker.LockException) as error:
            reason = error if isinstance(error, OSError) else OSError(0, "it takes no locks")
            raise unwritable(folder, reason) from None
        with _OURS_LOCK:
            _OURS[self.name] = self

    def release(self) -> None:
        """Release the lock: the run is over."""
        with _OURS_LOCK:
            _OURS.pop(self.name, None)
        self.close()
        self._path.unlink(missing_ok=True)

    def is_alive(self) -> bool:
        """Whether the lock file is still the one of this run: its folder was not deleted."""
        if self._file is None:
            return False
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - asked for each row
        except OSError:
            return False
        return os.path.samestat(stat, os.fstat(self._file))

    def close(self) -> None:
        """Close the file, which gives up its lock where no other process has it open."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def is_at_work(folder: Path, name: str) -> bool:
    """Whether a run is still at work, in this process or another."""
    with _OURS_LOCK:
        if name in _OURS:
            return True
    try:
        with lock_of(folder, name).open("r+b") as file:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            portalocker.unlock(file)
    except FileNotFoundError:
        return False
    except (portalocker.LockException, OSError):
        # Too many open files, say: what is not known to be over must not be sent again.
        return True
    with contextlib.suppress(OSError):
        lock_of(folder, name).unlink(missing_ok=True)
    return False


def lock_of(folder: Path, name: str) -> Path:
    """Return the file that a run has locked for as long as it is at work."""
    return CacheFolder(folder).runs_dir / f"{name}.lock"


def _after_fork() -> None:
    """Leave the parent's runs to it: a child that kept their files open would keep their locks."""
    global _OURS_LOCK  # noqa: PLW0603 - a fork may have left it locked
    _OURS_LOCK = threading.Lock()
    for owner in _OURS.values():
        owner.close()
    _OURS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
