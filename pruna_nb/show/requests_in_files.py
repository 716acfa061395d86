"""The requests that a saved sheet carries, without secrets, and how they are read back."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.files import strict_json
from pruna_nb.files.disk import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.cells import Cell

KEY = "pruna_nb"  # the name of a PNG's text and the beginning of a JPEG's comments
# near the top of a page, before all pictures: only a page's first 64 MB are read
PAGE_START = '<script type="application/json" id="pruna-requests">'

_SECRET = re.compile(r"api_?key|token$|secret|passw|authorization|credential", re.IGNORECASE)
_USER_INFO = re.compile(r"^(https?://)[^/?#@\s]*@", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,100},")
_SEGMENT = 65_000  # a JPEG's comment has at most 65,533 bytes
_DESCRIPTION = 0x010E
_LIMIT = 64_000_000


def request_of(value: object) -> Any:
    """Return a request that can be kept: plain JSON, no secret, no whole files.

    Parameters
    ----------
    value : object
        A mapping, sequence or plain value.

    Returns
    -------
    object
        The same without fields that are named like a secret and without user names in
        addresses; bytes and data URIs as their SHA-256, paths as their names.

    Examples
    --------
    >>> request_of({"prompt": "a fox", "hf_api_token": "hf_1"})
    {'prompt': 'a fox'}
    """
    if isinstance(value, Mapping):
        return {
            str(key): request_of(item)
            for key, item in value.items()
            if not _SECRET.search(str(key))
        }
    if isinstance(value, (list, tuple)):
        return [request_of(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        # Python would write NaN, which is not JSON: the page's script could not read it
        return None if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, bytes) or (isinstance(value, str) and _DATA_URI.match(value)):
        content = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    if isinstance(value, os.PathLike):
        return Path(value).name
    return _USER_INFO.sub(r"\1", str(value))


def record(cell: Cell, *, beside: Path, file: str | None = None) -> dict[str, Any]:
    """Describe one cell as `read_sheet` gives it back.

    Parameters
    ----------
    cell : Cell
    beside : Path
        The sheet's folder, from which relative paths begin.
    file : str, optional
        The file's place as seen from the sheet; None: told from the cell's path.

    Returns
    -------
    dict
        See `read_sheet`.
    """
    if file is None and cell.path is not None:
        file = _relative(cell.path, beside)
    return {
        "request": request_of(dict(cell.request)),
        "caption": cell.caption,
        "status": cell.status,
        "error": cell.error,
        "sha256": file_hash(cell),
        "file": file,
        "row": _axis_value(cell.row_value),
        "col": _axis_value(cell.col_value),
    }


def _axis_value(value: str | Sequence[str] | None) -> str | list[str] | None:
    """Return a cell's place on an axis: a text, or a list of texts where the axis has levels."""
    if value is None or isinstance(value, str):
        return value
    return value[0] if len(value) == 1 else list(value)


def _relative(path: str, folder: Path) -> str:
    """Return a file's path from the sheet's folder; its bare name if it is elsewhere.

    Whoever gets the sheet must not see where its author keeps files.
    """
    try:
        found = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(path).name
    return Path(path).name if found.startswith("..") else found


def file_hash(cell: Cell) -> str | None:
    """Return the SHA-256 of a cell's file; None if it cannot be read."""
    if cell.data is not None:
        return hashlib.sha256(cell.data).hexdigest()
    if cell.path is None:
        return None
    try:
        with open_regular(cell.path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def encode(records: Sequence[Mapping[str, Any]]) -> str:
    """Write records as JSON in ASCII, which every container takes.

    Lone surrogates of a prompt survive as escapes; ``<`` is one too, so that nothing in a prompt
    ends the page's element.
    """
    content = json.dumps({KEY: _VERSION, "cells": list(records)}, ensure_ascii=True)
    return content.replace("<", "\\u003c")


def decode(content: object, name: str) -> list[dict[str, Any]]:
    """Read what `encode` wrote; a sheet may come from anybody, and from a later release.

    What a later release added to a cell is kept; what is missing is missing.

    Raises
    ------
    InputError
        If it is anything else: with the file's name, and the cell's number.
    """
    if not isinstance(content, str) or len(content) > _LIMIT:
        what = (
            "are not a text" if not isinstance(content, str) else f"have over {_LIMIT:,} characters"
        )
        raise InputError(f"{name}: its requests {what}, so they are not read")
    try:
        found = strict_json.loads(content)
    except ValueError as error:
        raise InputError(f"{name}: its requests are damaged ({str(error)[:200]})") from None
    version = found.get(KEY) if isinstance(found, dict) else None
    cells = found.get("cells") if isinstance(found, dict) else None
    if type(version) is not int or not isinstance(cells, list):
        later = type(version) is int and version > _VERSION
        whose = f": a later release of pruna_nb wrote them (version {version})" if later else ""
        raise InputError(f"{name}: its requests are not of a form that this version reads{whose}")
    for number, cell in enumerate(cells, start=1):
        if wrong := _wrong_part(cell):
            raise InputError(f"{name}: {wrong} of its picture {number} is damaged")
        if cell.get("file") is not None:
            # whatever is written there, it is never a place outside of the sheet's folder
            file = PureWindowsPath(cell["file"])  # which knows both kinds of slashes
            if file.is_absolute() or file.drive or file.root or ".." in file.parts:
                cell["file"] = file.name
    return cells


_VERSION = 1
_PARTS: dict[str, type] = {
    "request": dict,
    **dict.fromkeys(("caption", "status", "error", "sha256", "file", "row", "col"), str),
}


def _wrong_part(cell: object) -> str | None:
    """Return which part of a cell that was read has a wrong type; None if all are right."""
    if not isinstance(cell, dict):
        return "the record"
    for name, kind in _PARTS.items():
        value = cell.get(name)
        if name in {"row", "col"} and isinstance(value, list):
            value = None if all(isinstance(level, str) for level in value) else value
        if value is not None and not isinstance(value, kind):
            return f"the part {name!r}"
    request = cell.get("request") or {}
    if request.get("model") is not None and not isinstance(request["model"], str):
        return "the model"
    if request.get("input") is not None and not isinstance(request["input"], dict):
        return "the input"
    return None


def with_comments(jpeg: bytes, content: str) -> bytes:
    """Return a JPEG with text of any length, as comments after its first marker.

    EXIF, the usual place, ends at 64 kB: about a hundred requests.
    """
    chunks = [content[i : i + _SEGMENT] for i in range(0, len(content), _SEGMENT)]
    marked = [f"{KEY} {i + 1}/{len(chunks)} {chunk}".encode() for i, chunk in enumerate(chunks)]
    segments = [b"\xff\xfe" + (len(chunk) + 2).to_bytes(2, "big") + chunk for chunk in marked]
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def read_sheet(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the requests that a saved contact sheet or page carries.

    Parameters
    ----------
    path : path
        A ``.png``, ``.jpg``, ``.webp`` or ``.html`` that `Grid.save` wrote.

    Returns
    -------
    list of dict
        For each cell: ``request`` (dict: model and input), ``caption``, ``status``, ``error``,
        ``sha256`` (of the whole file), ``file`` (seen from the sheet), ``row`` and ``col`` (the
        axis values; a list where an axis has levels); None where there is none.

    Raises
    ------
    InputError
        If the file carries no requests, or damaged ones.
    OSError
        If the file cannot be read.
    """
    target = Path(path)
    with target.open("rb") as file:
        head = file.read(16)
    if head[:3] == b"\xff\xd8\xff" or head[:4] in {b"\x89PNG", b"RIFF"}:
        content = _from_picture(target)
    else:
        with target.open("rb") as file:
            text = file.read(_LIMIT).decode("utf-8", "replace")
        # `encode` writes no "<", and the page escapes those of every caption: this is exact
        content = text.partition(PAGE_START)[2].partition("<")[0].strip()
    if not content:
        message = f"{target.name}: carries no requests; Grid.save writes files that do"
        raise InputError(message)
    return decode(content, target.name)


def _from_picture(path: Path) -> object:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.format == "WEBP":
                return image.getexif().get(_DESCRIPTION)
            if image.format == "PNG":
                found = image.info.get(KEY)
                return None if found is None else str(found)
            start = f"{KEY} ".encode()
            comments = [body for name, body in getattr(image, "applist", []) if name == "COM"]
            ours = [body.decode("ascii", "replace") for body in comments if body.startswith(start)]
            return "".join(text.split(" ", 2)[-1] for text in ours)
    except Exception as error:  # noqa: BLE001 - of a hostile file, Pillow's decoders raise anything
        message = f"{path.name}: cannot be read as a picture ({str(error)[:200]})"
        raise InputError(message) from None
