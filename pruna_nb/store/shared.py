"""Outputs that machines share at an address: a second cache, behind the one of this machine.

An output is two objects, a media file named by its bytes and a record named by its request:
``media/ab/<sha256>.jpg`` and ``records/cd/<key>.<sha256>-<size>.jpg.json``. The record is written
last, so what has one is there whole; and a listing of the records' names tells which requests have
an output. Whoever can write there could have written anything: a name is matched before it is
used, bytes count if they are what the name says, and of a record known fields alone are taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pruna_nb.console import LOG
from pruna_nb.errors import DeliveryError, StorageError
from pruna_nb.files import strict_json
from pruna_nb.files.buckets import Bucket
from pruna_nb.files.media_store import sha256_of
from pruna_nb.files.owned import is_media_name, leads_through_no_link
from pruna_nb.store.cache import Cache, Hit
from pruna_nb.store.entries import FETCHED_FROM
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from pruna_nb.files.media_store import Stored
    from pruna_nb.settings import Settings

T = TypeVar("T")
R = TypeVar("R")
_RECORD_NAME = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})-([1-9]\d{0,14})(\.[a-z0-9]{2,5})\.json")
_RECORD_BYTES_AT_MOST = 16_000_000
_THREADS = 16
_FEW = 4
_SHOWN = 3
# What a record holds of an output: nothing of this machine's bill and account.
_FIELDS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "input": (dict,),
    "origin": (str,),
    "tags": (str,),
    "prediction_id": (str,),
    "seconds": (int, float),
    "cost_usd": (int, float),
    "created_at": (int, float),
    "mtime_ns": (int,),
}
_CHECKED: set[tuple[str, int]] = set()


@dataclass(frozen=True, slots=True)
class SharedOutput:
    """An output as the name of its record tells of it."""

    key: str
    sha256: str
    size: int
    suffix: str

    @classmethod
    def of_name(cls, name: str) -> SharedOutput | None:
        """Return what a record's name tells; None if it is no such name."""
        match = _RECORD_NAME.fullmatch(name)
        if match is None:
            return None
        output = cls(match[1], match[2], int(match[3]), match[4])
        return output if is_media_name(output.media) else None

    @property
    def media(self) -> str:
        """The media file's name below the media folder, here and there."""
        return f"{self.sha256[:2]}/{self.sha256}{self.suffix}"

    @property
    def media_name(self) -> str:
        """The media object's name in the storage."""
        return f"media/{self.media}"

    @property
    def record_name(self) -> str:
        """The record's name in the storage."""
        name = f"{self.key}.{self.sha256}-{self.size}{self.suffix}.json"
        return f"records/{self.key[:2]}/{name}"


class _DamagedError(Exception):
    """What the storage has of an output is not what it should be."""


class SharedStorage:
    """The outputs that machines share at an address.

    Parameters
    ----------
    settings : Settings
        With a `storage`.
    """

    def __init__(self, settings: Settings) -> None:
        self.bucket = Bucket("storage", settings.storage, settings.storage_options)
        self.address = self.bucket.address
        self.cache = Cache(settings.cache_dir)
        self._most_bytes = settings.max_output_bytes

    @classmethod
    def of(cls, settings: Settings) -> SharedStorage | None:
        """Return the storage of the settings; None if there is none."""
        return cls(settings) if settings.storage else None

    def check(self) -> None:
        """Check, once in a process, that the storage can be written.

        Raises
        ------
        StorageError
            If it cannot.
        """
        if (self.address, os.getpid()) not in _CHECKED:
            with _nothing_sent():
                self.bucket.check()
            _CHECKED.add((self.address, os.getpid()))

    def find(self, keys: Iterable[str]) -> dict[str, list[SharedOutput]]:
        """Return which of the requests have outputs there, by a few listings.

        Raises
        ------
        StorageError
            If it cannot be read.
        """
        wanted = set(keys)
        folders = sorted({key[:2] for key in wanted})
        found: dict[str, list[SharedOutput]] = {}
        with _nothing_sent():
            if len(folders) > _FEW:  # one listing spares those of folders that are not there
                there = self.bucket.list("records", "directory")
                folders = [name for name in folders if name in there]
            for names in _in_threads(lambda at: self.bucket.list(f"records/{at}"), folders):
                for output in filter(None, map(SharedOutput.of_name, names)):
                    if output.key in wanted:
                        found.setdefault(output.key, []).append(output)
        return found

    def hits(self, keys: Collection[str]) -> dict[str, Hit]:
        """Return the hits there, which are not fetched."""
        folder = self.cache.store.folder
        return {
            key: Hit(str(folder / outputs[0].media), None, None)
            for key, outputs in self.find(keys).items()
        }

    def fetch(self, wanted: Mapping[str, str]) -> dict[str, Hit]:
        """Fetch what is there of requests into this machine's cache; return the hits.

        Parameters
        ----------
        wanted : mapping
            By key, what the request's model makes: "image", "video", "zip" or "unknown".

        Raises
        ------
        StorageError
            If it cannot be read.
        CacheError
            If the cache folder cannot be written.
        """
        found = self.find(wanted)
        if found:
            self.cache.warm_up()  # once, not by each thread

        def fetched(key: str) -> tuple[str, Hit | None, str]:
            return (key, *self._fetch(found[key], wanted[key]))

        with _nothing_sent():
            outcomes = _in_threads(fetched, sorted(found))
        problems = [problem for _, _, problem in outcomes if problem]
        for problem in problems[:_SHOWN]:
            LOG.warning("%s", problem)
        if len(problems) > _SHOWN:
            LOG.warning(
                "and %s more of %s", counted(len(problems) - _SHOWN, "output"), self.address
            )
        return {key: hit for key, hit, _ in outcomes if hit is not None}

    def _fetch(self, outputs: Sequence[SharedOutput], expected: str) -> tuple[Hit | None, str]:
        """Fetch a request's newest output that is whole; return the hit, or what is wrong."""
        problem, records = "", []
        for output in outputs:
            try:
                records.append((self._record(output), output))
            except _DamagedError as error:
                problem = str(error)
        records.sort(key=lambda each: each[0].get("created_at", 0), reverse=True)
        for record, output in records:
            try:
                stored = self._media(output, expected, record.pop("mtime_ns", None))
            except _DamagedError as error:
                problem = str(error)
                continue
            self.cache.put(output.key, stored, {**record, FETCHED_FROM: self.address})
            path, seconds = str(stored.path), record.get("seconds")
            return Hit(path, record.get("prediction_id"), seconds), ""
        return None, problem

    def _record(self, output: SharedOutput) -> dict[str, Any]:
        try:
            content = self.bucket.read(output.record_name, _RECORD_BYTES_AT_MOST)
            record = strict_json.loads(content.decode())
        except FileNotFoundError:  # removed since the listing
            raise _damaged(self.bucket.at(output.record_name), "is gone") from None
        except ValueError:
            raise _damaged(self.bucket.at(output.record_name), "is damaged") from None
        if not (isinstance(record, dict) and record.get("key") == output.key):
            raise _damaged(self.bucket.at(output.record_name), "is of another request")
        return {
            name: record[name]
            for name, kinds in _FIELDS.items()
            if isinstance(record.get(name), kinds) and not isinstance(record[name], bool)
        }

    def _media(self, output: SharedOutput, expected: str, mtime_ns: int | None) -> Stored:
        """Return an output's file in this machine's cache, fetched where it is not there."""
        at, store = self.bucket.at(output.media_name), self.cache.store
        if output.size > self._most_bytes:
            raise _damaged(at, "is larger than max_output_bytes")
        digest, size = hashlib.sha256(), 0
        part, file = store.open_part()
        try:
            with file:
                for chunk in self.bucket.chunks(output.media_name, output.size):
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
            if size != output.size or digest.hexdigest() != output.sha256:
                raise _damaged(at, "is damaged: its bytes are not those that its name tells")
            stored = store.commit(part, output.sha256, expected)
        except FileNotFoundError:
            raise _damaged(at, "is gone") from None
        except DeliveryError as error:
            raise _damaged(at, f"is not used: {error.message}") from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        # A saved file says when its output was made: on each machine the same.
        if mtime_ns is not None:
            with contextlib.suppress(OSError, OverflowError):
                os.utime(stored.path, ns=(mtime_ns, mtime_ns))
        return replace(stored, mtime_ns=stored.path.stat().st_mtime_ns)

    def note(self, key: str) -> None:
        """Note that an output of the cache is to be put there."""
        sql = "INSERT OR REPLACE INTO upload (key, storage) VALUES (?, ?)"
        self.cache.database.change(sql, [key, self.address])

    def noted(self) -> list[str]:
        """Return the keys of what is to be put there."""
        sql = "SELECT key FROM upload WHERE storage = ?"
        return [key for (key,) in self.cache.database.execute(sql, [self.address])]

    def lacking(self) -> list[str]:
        """Return the keys of the cache's outputs that are not there.

        Raises
        ------
        StorageError
            If it cannot be read.
        """
        rows = self.cache.database.execute("SELECT key, media FROM item")
        there = {
            (output.key, output.media)
            for outputs in self.find(key for key, _ in rows).values()
            for output in outputs
        }
        return [key for key, media in rows if (key, media) not in there]

    def upload(self, key: str) -> bool:
        """Upload an output of the cache; return whether the cache has it.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        rows = self.cache.database.execute("SELECT value FROM item WHERE key = ?", [key])
        item = json.loads(rows[0][0]) if rows else {}
        path, output = self._whole_file(str(item.get("media"))), None
        if path is not None:  # a database may be somebody else's, and its keys no keys
            name = f"{key}.{path.stem}-{path.stat().st_size}{path.suffix}.json"
            output = SharedOutput.of_name(name)
        if path is not None and output is not None:
            record = {name: item[name] for name in _FIELDS if item.get(name) is not None}
            self.bucket.put(path, output.media_name)
            self.bucket.put_bytes(output.record_name, json.dumps({"key": key, **record}).encode())
        self.cache.database.change(
            "DELETE FROM upload WHERE key = ? AND storage = ?", [key, self.address]
        )
        return output is not None

    def _whole_file(self, media: str) -> Path | None:
        """Return a media file of the cache, if it is there and undamaged."""
        if not (is_media_name(media) and leads_through_no_link(self.cache.store.folder, media)):
            return None
        path = self.cache.store.folder / media
        with contextlib.suppress(OSError):
            if sha256_of(path) == path.stem:
                return path
        return None


def find_outputs(
    settings: Settings, wanted: Mapping[str, str], *, download: bool
) -> tuple[dict[str, Hit], int]:
    """Return the outputs that are there already, here or in the shared storage, by key.

    Parameters
    ----------
    settings : Settings
    wanted : mapping
        By key, what the request's model makes.
    download : bool
        Whether those of the shared storage are fetched; otherwise it is only asked for them.

    Returns
    -------
    dict
        The hits.
    int
        How many of them were fetched.

    Raises
    ------
    CacheError
        If the cache folder cannot be used.
    StorageError
        If the shared storage cannot be used, and is needed.
    """
    hits = Cache(settings.cache_dir).find(wanted)
    missing = {key: made for key, made in wanted.items() if key not in hits}
    storage = SharedStorage.of(settings)
    if storage is None or not missing:
        return hits, 0
    if not download:
        return hits | storage.hits(missing), 0
    storage.check()
    fetched = storage.fetch(missing)
    return hits | fetched, len(fetched)


def _damaged(at: str, why: str) -> _DamagedError:
    return _DamagedError(f"{at} {why}. The output counts as not there.")


@contextlib.contextmanager
def _nothing_sent() -> Any:
    """Raise the storage's error with what to do next; used where nothing is sent yet."""
    try:
        yield
    except StorageError as error:
        text = str(error)
        if "Nothing was sent" in text:
            raise
        raise StorageError(
            f"{text.rstrip('.')}. Nothing was sent, since what other machines made would be paid "
            "for again. Run again when it can be used, or go on without it: "
            'pruna_nb.configure(storage="").'
        ) from None


def _in_threads(function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Return what a function returns for each value, by several threads at once."""
    with ThreadPoolExecutor(_THREADS, "pruna_nb-storage") as threads:
        try:
            return list(threads.map(function, values))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
