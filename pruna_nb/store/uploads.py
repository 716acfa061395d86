"""Outputs on their way to the shared storage, by threads beside a run: no row waits for them."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pruna_nb.console import LOG
from pruna_nb.errors import PrunaError
from pruna_nb.text import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pruna_nb.store.shared import SharedStorage

_THREADS = 8
# One failure may be an object's, several in a row are the storage's: each may take long to fail.
_FAILURES_AT_MOST = 3
_PATIENCE_SECONDS = 10.0
_CHECK_SECONDS = 0.5


class Uploads:
    """Puts outputs into the shared storage; what fails stays noted, for the next run.

    Parameters
    ----------
    storage : SharedStorage
    """

    def __init__(self, storage: SharedStorage) -> None:
        self._storage = storage
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._threads = 0
        self._failures = 0  # in a row
        self._stopped = False
        self.done = 0
        self.error: PrunaError | None = None  # the first failure

    def submit(self, keys: Iterable[str]) -> None:
        """Queue the outputs of requests for upload."""
        with self._changed:
            if self._stopped:
                return
            self._waiting.extend(keys)
            new = min(_THREADS - self._threads, len(self._waiting))
            self._threads += new
        for _ in range(new):
            threading.Thread(target=self._work, name="pruna_nb-upload", daemon=True).start()

    def stop(self) -> None:
        """Begin no further one; what is under way is not waited for."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait until all are done or failed, for so many seconds; return whether they are."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._threads and not self._stopped:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def finish(self) -> None:
        """Wait until all are done, failed or stopped; say after a while what is waited for."""
        if self.join(_PATIENCE_SECONDS):
            return
        LOG.warning(
            "All rows are done. Outputs are still on their way to %s: an interrupt leaves them to "
            "the next run, and loses nothing.",
            self._storage.address,
        )
        while not self.join(_CHECK_SECONDS):
            pass

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._threads -= 1
                    self._changed.notify_all()
                    return
                key = self._waiting.popleft()
            try:
                is_done = self._storage.upload(key)
            except Exception as error:  # noqa: BLE001 - the output is here, whatever went wrong
                self._failed(error)
            else:
                with self._changed:
                    self._failures = 0
                    self.done += is_done

    def _failed(self, error: Exception) -> None:
        with self._changed:
            self._failures += 1
            if self._failures >= _FAILURES_AT_MOST:
                self._waiting.clear()
            if self.error is not None:
                return
            text = one_line(error) or type(error).__name__
            self.error = error if isinstance(error, PrunaError) else PrunaError(text)
        LOG.warning(
            "%s. Outputs that are not put there stay in the cache of this machine, and nothing is "
            "lost: the next run puts them there, or pruna_nb.cache.upload().",
            text.rstrip("."),
        )


def upload_all(storage: SharedStorage, keys: Iterable[str]) -> int:
    """Upload outputs and wait; return how many there were.

    Raises
    ------
    StorageError
        If some could not be put there.
    """
    uploads = Uploads(storage)
    uploads.submit(keys)
    try:
        while not uploads.join(_CHECK_SECONDS):
            pass
    finally:
        uploads.stop()
    if uploads.error is not None:
        uploads.error.add_note(f"{counted(uploads.done, 'output')} were put there before.")
        raise uploads.error
    return uploads.done
