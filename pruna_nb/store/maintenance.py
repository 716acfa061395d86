"""Maintenance of the cache: how large it is, what may be deleted, whether it is whole."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pruna_nb.errors import InputError, SettingsError
from pruna_nb.files.media_store import sha256_of, unwritable
from pruna_nb.files.owned import (
    is_marked,
    is_media_name,
    leads_through_no_link,
    media_files,
    thumb_files,
)
from pruna_nb.settings import CacheFolder, current
from pruna_nb.store import sidecars
from pruna_nb.store.database import database_of
from pruna_nb.store.favourites import Favourites
from pruna_nb.store.shared import SharedStorage
from pruna_nb.store.uploads import upload_all
from pruna_nb.text import seconds_in

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

__all__ = ["CacheInfo", "clear", "forget", "info", "prune", "rebuild", "upload", "verify"]

# A file that no entry names is left alone for so long: a run may be about to name it.
_YOUNG_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache folder holds.

    Parameters
    ----------
    folder : Path
        The cache folder.
    entries : int
        Requests whose output is kept.
    files : int
        Media files.
    bytes : int
        What the media files take.
    thumbnail_bytes : int
        What the thumbnails take; they are made anew when needed.
    waiting : int
        Outputs that are to be put into the shared storage, and are not there yet.
    """

    folder: Path
    entries: int
    files: int
    bytes: int
    thumbnail_bytes: int
    waiting: int = 0

    def __str__(self) -> str:
        """Return it in one line."""
        waiting = f"; {self.waiting:,} not in the shared storage yet" if self.waiting else ""
        return (
            f"{self.entries:,} outputs in {self.files:,} files, {self.bytes / 1e6:,.1f} MB "
            f"(and {self.thumbnail_bytes / 1e6:,.1f} MB of thumbnails), in {self.folder}{waiting}"
        )


def info() -> CacheInfo:
    """Return what the cache folder holds.

    Examples
    --------
    >>> import pruna_nb
    >>> pruna_nb.cache.info().entries >= 0
    True
    """
    folder = current().cache_dir
    if not folder.is_dir():
        return CacheInfo(folder, 0, 0, 0, 0)
    (entries,) = database_of(folder).execute("SELECT count(*) FROM item")[0]
    sizes = [_size_of(file) for file in media_files(CacheFolder(folder).media_dir)]
    thumbs = sum(_size_of(file) for file in _thumbnails(folder))
    storage = SharedStorage.of(current())
    waiting = len(storage.noted()) if storage else 0
    return CacheInfo(folder, entries, len(sizes), sum(sizes), thumbs, waiting)


def prune(
    *, older_than: str | float | timedelta | None = None, keep_bytes: int | None = None
) -> int:
    """Drop what was not used for long, media files that no entry names, and old thumbnails.

    The favourites of forms stay, however old and large they are, and so do all ratings and tags.
    Nothing is deleted in the shared storage: other machines use it.

    Only files that the cache made are deleted: by its own pattern of names, regular ones, through
    no link. In a ``media`` folder that was there before the cache, they are those that its journal
    says were delivered.

    Parameters
    ----------
    older_than : str, float or timedelta, optional
        Drop outputs last used longer ago than this: "30d", "12h", "90m", or seconds. The use
        is noted once a day.
    keep_bytes : int, optional
        Drop thumbnails, the oldest first, and then the outputs unused longest, until all of
        them take no more than this.

    Returns
    -------
    int
        The bytes that were freed.

    Raises
    ------
    InputError
        If neither is given, or one cannot be read.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren", seed=3)
    >>> pruna_nb.cache.prune(older_than="30d", keep_bytes=20_000_000_000)  # it is new and small
    0
    """
    if older_than is None and keep_bytes is None:
        msg = "prune() needs older_than= (such as '30d') or keep_bytes=; clear() drops everything."
        raise InputError(msg)
    folder = current().cache_dir
    if not folder.is_dir():
        return 0
    database = database_of(folder)
    freed = 0
    if older_than is not None:
        before = time.time() - _seconds(older_than)
        kept = json.dumps(sorted(Favourites(folder).media_names()))
        old = "DELETE FROM item WHERE used_at < ? AND media NOT IN (SELECT value FROM json_each(?))"
        database.change(old, [before, kept])
        freed += sum(_unlink(file) for file in _thumbnails(folder) if _age_of(file) < before)
    if keep_bytes is not None:
        freed += _shrink_to(folder, keep_bytes)
    return freed + _drop_unnamed(folder)


def verify() -> list[str]:
    """Read every media file and drop the entries whose file is gone or damaged.

    Returns
    -------
    list of str
        The media files that were gone or damaged; the next run fetches them again at no cost, or
        makes them anew where the service no longer has them. An entry whose file is no media file
        of the cache is dropped too, and what it names is not touched.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren", seed=5)
    >>> output.path.unlink()
    >>> [output.path.name in damaged for damaged in pruna_nb.cache.verify()]
    [True]
    """
    folder = current().cache_dir
    if not folder.is_dir():
        return []
    database, media = database_of(folder), CacheFolder(folder).media_dir
    bad = []
    for (name,) in database.execute("SELECT DISTINCT media FROM item"):
        # A database may be somebody else's: what it names is no path before it is looked at.
        is_ours = is_media_name(name) and leads_through_no_link(media, name)
        path = media / name if is_ours else None
        if path is not None and sha256_of(path) == path.stem:
            continue
        bad.append(str(media / name) if is_media_name(name) else str(name))
        database.change("DELETE FROM item WHERE media IS ?", [name])
        if path is not None and is_marked(media):
            path.unlink(missing_ok=True)
            sidecars.forget(folder, name)
    return bad


def clear() -> int:
    """Drop every output and thumbnail; the journal of what was sent stays, and so do ratings.

    So does what is in the shared storage, from which a later run fetches what it needs.

    Only files that the cache made are deleted, as for `prune`.

    Returns
    -------
    int
        The bytes that were freed.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren", seed=1)
    >>> freed = pruna_nb.cache.clear()
    >>> pruna_nb.cache.info().entries, output.path.exists()
    (0, False)
    """
    folder = current().cache_dir
    if not folder.is_dir():
        return 0
    database_of(folder).change("DELETE FROM item")
    freed = _drop_unnamed(folder, young_too=True)
    return freed + sum(_unlink(file) for file in _thumbnails(folder))


def forget(*, older_than: str | float | timedelta | None = None) -> int:
    """Drop what the journal holds of requests that ended: prompts, fields and errors.

    The lines stay as the bill: time, model, cost, tag and id. What an output in the cache was made
    of stays with it, in the index and beside the file, until `prune` or `clear` drops the output.

    Parameters
    ----------
    older_than : str, float or timedelta, optional
        Only what ended longer ago than this: "30d", "12h", "90m", or seconds.

    Returns
    -------
    int
        The lines that hold less now.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren", seed=2)
    >>> pruna_nb.cache.forget() > 0
    True
    >>> bill = pruna_nb.journal().iloc[-1]
    >>> bill["request"] is None, float(bill["cost_usd"])
    (True, 0.005)
    """
    folder = current().cache_dir
    before = time.time() - (0.0 if older_than is None else _seconds(older_than))
    if not folder.is_dir():
        return 0
    database = database_of(folder)
    database.execute("PRAGMA secure_delete = ON")  # else the text stays in the file's free pages
    changed = database.change(
        "UPDATE prediction SET request = NULL, error = NULL "
        "WHERE updated_at <= ? AND state NOT IN ('intent', 'sent', 'lost', 'expired') "
        "AND (request IS NOT NULL OR error IS NOT NULL)",
        [before],
    )
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def rebuild() -> int:
    """Add outputs to the index that it lacks, from the records beside the media files.

    A run does it by itself where the index (``pruna_nb.sqlite``) is missing or damaged; this also
    writes the records of outputs that an earlier release kept without.

    Returns
    -------
    int
        The outputs that the index has more; none of them was paid for again.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren", seed=4)
    >>> pruna_nb.cache.rebuild()  # nothing is missing
    0
    """
    folder = current().cache_dir
    if not folder.is_dir():
        return 0
    with database_of(folder).transaction() as connection:
        sidecars.write_missing(folder, connection)
        return sidecars.restore(folder, connection)


def upload() -> int:
    """Upload to the shared storage the outputs that it lacks.

    A run puts its own outputs there, and what earlier runs could not put there. This also puts
    there what was generated before there was a storage.

    Returns
    -------
    int
        The outputs that were put there.

    Raises
    ------
    SettingsError
        If the setting `storage` is not set.
    StorageError
        If the storage cannot be used; what was put there before stays.

    Examples
    --------
    >>> import pruna_nb
    >>> with pruna_nb.configure(storage="memory://shared"):
    ...     pruna_nb.cache.upload() >= 0
    True
    """
    storage = SharedStorage.of(current())
    if storage is None:
        raise SettingsError(
            "There is no shared storage. Set one: PRUNA_NB_STORAGE, or "
            'pruna_nb.configure(storage="s3://bucket/pruna").'
        )
    storage.check()
    return upload_all(storage, storage.lacking())


def _seconds(value: str | float | timedelta) -> float:
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds())
    if isinstance(value, (int, float)) and value >= 0:
        return float(value)
    found = seconds_in(str(value))
    if found is None:
        msg = f"older_than={value!r} is not a duration; use '30d', '12h', '90m' or seconds."
        raise InputError(msg)
    return found


def _thumbnails(folder: Path) -> list[Path]:
    return list(thumb_files(CacheFolder(folder).thumbs_dir))


def _age_of(file: Path) -> float:
    return file.lstat().st_mtime


def _size_of(file: Path) -> int:
    return file.lstat().st_size


def _shrink_to(folder: Path, keep_bytes: int) -> int:
    """Delete the oldest thumbnails, then drop the entries unused longest; return what was freed."""
    thumbs = sorted(_thumbnails(folder), key=_age_of)
    media = CacheFolder(folder).media_dir
    total = sum(_size_of(file) for file in [*thumbs, *media_files(media)])
    freed = 0
    for file in thumbs:  # first, since they are made again when needed
        if total - freed <= keep_bytes:
            break
        freed += _unlink(file)
    database = database_of(folder)
    rows = database.execute("SELECT media, max(size), max(used_at) FROM item GROUP BY media")
    total, kept = sum(size for _, size, _ in rows), Favourites(folder).media_names()
    for name, size, _ in sorted(rows, key=lambda row: row[2]):
        if name in kept:
            continue
        if total <= keep_bytes:
            break
        database.change("DELETE FROM item WHERE media = ?", [name])
        total -= size
    return freed


def _media_names(folder: Path, table: Literal["item", "prediction"]) -> set[str]:
    """Return the media files that the index has, or that the journal says were delivered here."""
    rows = database_of(folder).execute(f"SELECT DISTINCT media FROM {table}")  # noqa: S608 - ours
    return {name for (name,) in rows if is_media_name(name)}


def _drop_unnamed(folder: Path, *, young_too: bool = False) -> int:
    """Delete media files that neither an entry nor work under way names any more."""
    media, named = CacheFolder(folder).media_dir, _media_names(folder, "item")
    # A folder that was there before may hold files that somebody else named in this way.
    delivered = None if is_marked(media) else _media_names(folder, "prediction")
    freed = 0
    for file in media_files(media):
        name = file.relative_to(media).as_posix()
        if name in named or (not young_too and time.time() - _age_of(file) < _YOUNG_SECONDS):
            continue
        if delivered is None or (name in delivered and sha256_of(file) == file.stem):
            freed += _unlink(file)
            sidecars.forget(folder, name)
    return freed


def _unlink(file: Path) -> int:
    size = _size_of(file)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(file.parent, error) from None
    return size
