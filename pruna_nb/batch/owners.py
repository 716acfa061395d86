"""Which run is still at work: a locked file a run, which the system unlocks at any death."""

from __future__ import annotations

import os
import threading
import uuid
from typing import IO, TYPE_CHECKING

import portalocker

from pruna_nb.api.media import unwritable

if TYPE_CHECKING:
    from pathlib import Path

_OURS: set[tuple[str, int]] = set()
_OURS_LOCK = threading.Lock()


class Owner:
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
        self._path = _path(folder, self.name)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file: IO[bytes] | None = self._path.open("wb")
            portalocker.lock(self._file, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except OSError as error:
            raise unwritable(folder, error) from None
        with _OURS_LOCK:
            _OURS.add((self.name, os.getpid()))

    def leave(self) -> None:
        """Say that the run is over."""
        with _OURS_LOCK:
            _OURS.discard((self.name, os.getpid()))
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def is_at_work(folder: Path, name: str) -> bool:
    """Tell whether a run is still at work, in this process or another."""
    with _OURS_LOCK:
        if (name, os.getpid()) in _OURS:
            return True
    try:
        with _path(folder, name).open("r+b") as file:
            portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            portalocker.unlock(file)
    except portalocker.LockException:
        return True
    except OSError:
        return False
    _path(folder, name).unlink(missing_ok=True)
    return False


def _path(folder: Path, name: str) -> Path:
    return folder / "runs" / f"{name}.lock"
