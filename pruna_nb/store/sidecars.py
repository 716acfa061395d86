"""What lies beside the media: a record of each output, from which the index can be rebuilt.

The database is the index of a cache folder. Should it be lost or damaged, the pictures are still
there, and so are these records: for ``media/ab/<sha>.jpg`` the file ``records/ab/<sha>.jsonl``, a
line for each request that gave these bytes, as the index has it: nothing secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

from pruna_nb.files.disk import make_private, open_regular
from pruna_nb.files.media_store import unwritable
from pruna_nb.files.owned import is_media_name, leads_through_no_link
from pruna_nb.settings import CacheFolder
from pruna_nb.store.entries import INSERT, Entry, values_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
# A pipe in the place of a record is an error, and not waited for.
_NO_WAITING = getattr(os, "O_NONBLOCK", 0)
_KEY = re.compile("[0-9a-f]{64}")
_ITEM_COLUMNS = ("media", "size", "mtime_ns", "seconds", "prediction_id", "model")
_ITEM_NAMES = ("args_id", "key", *_ITEM_COLUMNS, "created_at", "used_at", "value")
INSERT_ITEM = f"INTO item ({', '.join(_ITEM_NAMES)}) VALUES ({', '.join('?' * len(_ITEM_NAMES))})"


def item_values(args_id: str, item: Mapping[str, Any], used_at: float) -> list[Any]:
    """Return a row of the table of items, for `INSERT_ITEM`."""
    columns = [item.get(name) for name in _ITEM_COLUMNS]
    created_at = item.get("created_at", used_at)
    return [args_id, item["key"], *columns, created_at, used_at, json.dumps(item)]


def write(folder: Path, item: Mapping[str, Any]) -> None:
    """Add an output's line to the record of its file.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    path = _path(folder, item["media"])
    line = json.dumps(item).encode() + b"\n"
    try:
        try:
            descriptor = _open_to_append(path)
        except FileNotFoundError:
            make_private(path.parent)
            descriptor = _open_to_append(path)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unwritable(folder, error) from None


def _open_to_append(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINKS | _NO_WAITING
    return os.open(path, flags, 0o600)


def write_missing(folder: Path, connection: sqlite3.Connection) -> None:
    """Add the records of outputs that an earlier release kept without.

    Raises
    ------
    CacheError
        If the folder cannot be written.
    """
    rows = connection.execute("SELECT media, value FROM item").fetchall()
    # Several requests may have given the same bytes: their lines are in one record.
    names = {media for media, _ in rows if is_media_name(media)}
    missing = {media for media in names if not _path(folder, media).is_file()}
    for media, value in rows:
        if media in missing:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                write(folder, json.loads(value))


def forget(folder: Path, media: str) -> None:
    """Delete the record of a media file, by its name below the media folder."""
    path = _path(folder, media)
    if leads_through_no_link(path.parent.parent, f"{path.parent.name}/{path.name}"):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _path(folder: Path, media: str) -> Path:
    return CacheFolder(folder).records_dir / f"{media.rpartition('.')[0]}.jsonl"


def restore(folder: Path, connection: sqlite3.Connection) -> int:
    """Add what the records hold to an index that lacks it; return how many outputs were added.

    What the index has of a request stays. The journal learns of the predictions too, so that
    their ids and costs are known.
    """
    newest: dict[str, dict[str, Any]] = {}
    for item in _read_all(folder):
        known = newest.get(item["key"])
        if known is None or item["created_at"] > known["created_at"]:
            newest[item["key"]] = item
    if not newest:
        return 0
    from joblib import hash as hash_of

    restored = 0
    for key, item in newest.items():
        values = item_values(hash_of({"key": key}), item, item["created_at"])
        sql = f"INSERT OR IGNORE {INSERT_ITEM}"
        if connection.execute(sql, values).rowcount > 0:
            restored += 1
            if isinstance(item.get("entry"), str):
                connection.execute(INSERT, values_of(_entry_of(item)))
    return restored


def _entry_of(item: Mapping[str, Any]) -> Entry:
    """Return the journal's entry of an output."""
    created_at, seconds = item["created_at"], item.get("seconds") or 0.0
    return Entry(
        entry=item["entry"],
        key=item["key"],
        origin=str(item.get("origin") or ""),
        model=str(item["model"]),
        request=json.dumps(item["input"]),
        run="",
        state="delivered",
        prediction_id=item.get("prediction_id"),
        generation_url=None,
        media=item["media"],
        error=None,
        cost_usd=item.get("cost_usd"),
        sent_at=created_at - seconds,
        updated_at=created_at,
        account=str(item.get("account") or ""),
        tags=str(item.get("tags") or ""),
    )


def _read_all(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(CacheFolder(folder).records_dir.glob("??/*.jsonl")):
        # A link may lead to a file that is not the cache's.
        if path.is_symlink() or path.parent.is_symlink():
            continue
        try:
            with open_regular(path) as file:
                lines = file.read().decode().splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, OSError):
                item = json.loads(line)  # the last line may have been cut short
                if _is_whole(folder, path, item):
                    yield item


def _is_whole(folder: Path, path: Path, item: dict[str, Any]) -> bool:
    """Whether a line is one of ours, of the file that it stands beside, and that is there."""
    media = item["media"]
    if not (is_media_name(media) and _KEY.fullmatch(item["key"]) and _path(folder, media) == path):
        return False
    if not (isinstance(item["input"], dict) and isinstance(item["created_at"], (int, float))):
        return False
    return bool((CacheFolder(folder).media_dir / media).stat().st_size == item["size"])
