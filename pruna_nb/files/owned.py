"""What in a cache folder is the cache's own: names, marks, no links. The rest is not touched."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from typing import TYPE_CHECKING

from pruna_nb.files import kinds
from pruna_nb.files.disk import is_own_regular, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKER = ".pruna_nb"
"""A file in the folders that the cache made; one without it was there before."""
_MARKER_TEXT = (
    "This folder was made by pruna_nb. Files in it that are named by it may be deleted.\n"
)
_SUFFIXES = "|".join(
    sorted({kind.suffix[1:] for kind in vars(kinds).values() if isinstance(kind, kinds.MediaType)})
)
_MEDIA_NAME = re.compile(rf"([0-9a-f]{{2}})/\1[0-9a-f]{{62}}\.(?:{_SUFFIXES})")
_PART_NAME = re.compile(r"\d+-[0-9a-f]{32}\.part")
THUMB_MARK = b"PNB1"
THUMB_TAIL = struct.Struct("<4sIIf")
"""Stands after a thumbnail's own end: the mark, and the whole picture's size and length."""
_THUMB_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{38}\.webp")


def is_media_name(name: object) -> bool:
    """Whether a text is the name of a media file within a media folder, and no other path.

    Examples
    --------
    >>> is_media_name("../../home/me/letter.jpg")
    False
    """
    return isinstance(name, str) and _MEDIA_NAME.fullmatch(name) is not None


def is_part_name(name: str) -> bool:
    """Whether a text is the name of a temporary file beside the media."""
    return _PART_NAME.fullmatch(name) is not None


def is_media_file(media: Path, path: Path) -> bool:
    """Whether a path is that of a media file in a media folder: a regular one, and no link."""
    try:
        name = path.relative_to(media).as_posix()
    except ValueError:
        return False
    return is_media_name(name) and is_own_regular(path)


def mark(folder: Path) -> None:
    """Note in a folder that the cache made it."""
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(folder / MARKER, flags, 0o600), "w") as file:
            file.write(_MARKER_TEXT)


def is_marked(folder: Path) -> bool:
    """Whether a folder was made by the cache."""
    return is_own_regular(folder / MARKER)


def media_files(media: Path) -> Iterator[Path]:
    """Find the files in a media folder that are named as its own, through no link."""
    return _files(media, _MEDIA_NAME)


def thumb_files(thumbs: Path) -> Iterator[Path]:
    """Find the thumbnails in a folder: by name, by the mark at their end, through no link."""
    for path in _files(thumbs, _THUMB_NAME):
        mark = b""
        with contextlib.suppress(OSError), open_regular(path) as file:
            file.seek(-THUMB_TAIL.size, os.SEEK_END)
            mark = file.read(len(THUMB_MARK))
        if mark == THUMB_MARK:  # yielded when it is closed: Windows deletes no file that is open
            yield path


def _files(folder: Path, names: re.Pattern[str]) -> Iterator[Path]:
    for part in _entries(folder):
        if not part.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(part.path):
            if names.fullmatch(f"{part.name}/{entry.name}") and entry.is_file(
                follow_symlinks=False
            ):
                yield folder / part.name / entry.name


def leads_through_no_link(media: Path, name: str) -> bool:
    """Whether a name leads from a folder to a regular file, through no link on the way."""
    path = media / name
    return not media.is_symlink() and not path.parent.is_symlink() and is_own_regular(path)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """List a folder; of a link to one, or of what is no folder, nothing."""
    if os.path.islink(folder):  # noqa: PTH114 - also for the text of an entry
        return []
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
