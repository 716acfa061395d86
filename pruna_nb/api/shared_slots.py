"""The ledger of one limit in a small file that all processes of this machine share.

The file is locked for the microseconds that a decision takes. If it cannot be used, this process
decides alone and tries the file again later; what it recorded meanwhile is merged into the file
then, or into a new one if the folder was deleted.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import warnings
from typing import TYPE_CHECKING, TypeVar

from pruna_nb.api.slots import Ledger
from pruna_nb.files.disk import make_private
from pruna_nb.files.lock_holders import holder_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
# How long to wait for the file's lock, which others hold for microseconds.
PATIENCE_SECONDS = 5.0
# How long a process decides alone before it tries the file again.
APART_SECONDS = 2.0
_PAUSE_SECONDS = (0.0005, 0.02)
_FILE_BYTES_AT_MOST = 1 << 20
_OPENINGS_AT_MOST = 5
_BINARY: int = getattr(os, "O_BINARY", 0)


class CommonLedger:
    """One limit's ledger, in a file or, without a path, only in the memory of this process."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        self._memory = Ledger(1, 1.0)
        self._apart = self._told = False
        self._try_again_at = 0.0
        self._patience = PATIENCE_SECONDS

    def change(self, limit: tuple[int, float, int], decide: Callable[[Ledger], T]) -> T:
        """Run one decision on the shared state, exclusively among threads and processes.

        `limit` is its slots, seconds and weight; `decide` gets the ledger, and changes it.
        """
        with self._lock:
            if self.path is None or time.monotonic() < self._try_again_at:
                return decide(self._kept(limit))
            try:
                file = self._locked(self.path)
            except OSError as error:
                self._stay_apart(error)
                return decide(self._kept(limit))
            try:
                return self._change(file, limit, decide)
            finally:
                import portalocker

                portalocker.unlock(file)
                if self._apart:
                    self.close()

    def _kept(self, limit: tuple[int, float, int]) -> Ledger:
        self._memory.slots, self._memory.seconds, self._memory.weight = limit
        return self._memory

    def _change(self, file: int, limit: tuple[int, float, int], decide: Callable[[Ledger], T]) -> T:
        try:
            os.lseek(file, 0, os.SEEK_SET)
            before = os.read(file, _FILE_BYTES_AT_MOST)
        except OSError as error:
            self._stay_apart(error)
            return decide(self._kept(limit))
        ledger = Ledger.unpack(before, *limit)
        if self._apart:
            ledger.merge(self._memory, os.getpid())
        result = decide(ledger)
        after = ledger.pack()
        if after != before:
            self._memory = ledger  # used if the disk is full
            try:
                os.lseek(file, 0, os.SEEK_SET)
                if os.write(file, after) != len(after):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
                os.ftruncate(file, len(after))
            except OSError as error:
                self._stay_apart(error)
                return result
        self._apart = self._told = False
        self._patience = PATIENCE_SECONDS
        return result

    def _locked(self, path: Path) -> int:
        """Return the file, locked; opened again if another file is at its path now."""
        for _ in range(_OPENINGS_AT_MOST):
            if self._file is None:
                make_private(path.parent)
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
            self._wait_for_lock(self._file, path)
            try:
                if os.path.samestat(os.stat(path), os.fstat(self._file)):  # noqa: PTH116 - asked for each time
                    return self._file
            except OSError:  # the file was deleted
                pass
            self._apart = True
            self.close()
        raise OSError(errno.ESTALE, "it is deleted again and again")

    def _wait_for_lock(self, file: int, path: Path) -> None:
        import portalocker

        end = time.monotonic() + self._patience
        pause, longest = _PAUSE_SECONDS
        while True:
            try:
                portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.AlreadyLocked:
                if time.monotonic() > end:
                    self._patience = longest  # do not wait so long again
                    why = f"{path.name} is locked by {holder_of(path)}"
                    raise OSError(errno.EAGAIN, why) from None
                time.sleep(pause)
                pause = min(2 * pause, longest)
            except portalocker.LockException as error:
                raise OSError(errno.ENOLCK, f"it cannot be locked: {error}") from None
            else:
                return

    def _stay_apart(self, error: OSError) -> None:
        """Decide alone for a while, since the file cannot be used."""
        if not self._told and self.path is not None:
            warnings.warn(
                f"Limits are kept in this process alone: {self.path.parent} cannot be used "
                f"({error.strerror or error}). It is tried again every "
                f"{APART_SECONDS:g} s; if this continues, set PRUNA_NB_STATE_DIR to another one.",
                RuntimeWarning,
                stacklevel=2,
            )
        self._apart = self._told = True
        self._try_again_at = time.monotonic() + APART_SECONDS

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close_file(self) -> None:
        """Close the file when no thread uses it."""
        with self._lock:
            self.close()

    def forked(self) -> None:
        """Reset the lock and the file in a forked child, which must not share its parent's."""
        self._lock = threading.Lock()
        self.close()
