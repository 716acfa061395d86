"""Outputs that are there already: joblib's entries, and the media files that they name."""

from __future__ import annotations

import os
import stat
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.files.decode import formats
from pruna_nb.files.media_store import MediaStore, sha256_of
from pruna_nb.files.owned import is_media_name
from pruna_nb.forks import importing
from pruna_nb.settings import CacheFolder
from pruna_nb.store import sidecars
from pruna_nb.store.database import database_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pruna_nb.files.media_store import Stored

CacheMode = Literal["use", "refresh", "off"]
_FIND = (
    "SELECT key, media, size, mtime_ns, prediction_id, seconds, used_at FROM item WHERE key IN ({})"
)
# An entry's last use is noted once a day: `prune` needs no more, and reading stays reading.
_USED_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An output that is there already."""

    path: str
    prediction_id: str | None
    seconds: float | None


class Cache:
    """The cache of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MediaStore(CacheFolder(folder).media_dir)
        self.database = database_of(folder)
        self._remember: Any = None

    def find(self, keys: Iterable[str]) -> dict[str, Hit]:
        """Return the hits of many keys; an entry whose media file is gone or changed is none."""
        wanted = sorted(keys)
        hits: dict[str, Hit] = {}
        stale: list[str] = []
        long_ago = time.time() - _USED_SECONDS
        folder = str(self.store.folder)
        for rows in self.database.select_in(_FIND, wanted):
            for key, media, size, mtime_ns, prediction_id, seconds, used_at in rows:
                # A database may be somebody else's: what it names is matched before it is a path.
                if not is_media_name(media):
                    continue
                path = f"{folder}{os.sep}{media}"
                if self._is_whole(path, key, size, mtime_ns):
                    hits[key] = Hit(path, prediction_id, seconds)
                    if used_at < long_ago:
                        stale.append(key)
        if stale:
            now = time.time()
            with self.database.transaction() as connection:
                connection.executemany(
                    "UPDATE item SET used_at = ? WHERE key = ?", ((now, key) for key in stale)
                )
        return hits

    def _is_whole(self, path: str, key: str, size: int, mtime_ns: int) -> bool:
        try:
            status = os.lstat(path)  # a Path a row would take longer than the rest
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        if status.st_mtime_ns == mtime_ns:
            return True
        # Written since: a copied folder, or damage. Its name tells what its bytes should be.
        try:
            whole = sha256_of(Path(path)) == Path(path).stem
        except OSError:
            return False
        if whole:
            self.database.change(
                "UPDATE item SET mtime_ns = ? WHERE key = ?", [status.st_mtime_ns, key]
            )
        return whole

    def put(self, key: str, stored: Stored, record: dict[str, Any]) -> None:
        """Keep an output under its key (`request_key`), through joblib.

        `record` is what else is worth keeping: builtins alone, and nothing secret.
        """
        value = {
            **record,
            "key": key,
            "media": self.name_of(stored),
            "sha256": stored.sha256,
            "size": stored.size,
            "mtime_ns": stored.mtime_ns,
            "content_type": stored.type.content_type,
            "created_at": time.time(),
        }
        # The record first: should the process die here, the index is rebuilt with this output.
        sidecars.write(self.folder, value)
        from joblib import hash as hash_of

        # What `call(key, value)` does, without looking through the function's signature each time:
        # joblib names an entry by its hash of the arguments that count.
        remembered = self._cached()
        remembered.store_backend.dump_item([remembered.func_id, hash_of({"key": key})], value)

    def warm_up(self) -> None:
        """Load what the first output needs, which takes half a second."""
        with importing():
            formats()
            self._cached()

    def name_of(self, stored: Stored) -> str:
        """Return a media file's name relative to the media folder."""
        return f"{stored.sha256[:2]}/{stored.sha256}{stored.type.suffix}"

    def _cached(self) -> Any:
        if self._remember is None:
            from joblib import Memory

            from pruna_nb.store.cached_call import prediction
            from pruna_nb.store.joblib_store import NAME

            memory = Memory(self.folder, backend=NAME, verbose=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._remember = memory.cache(prediction, ignore=["record"])
        return self._remember
