"""The requests that a saved sheet carries, without secrets, and the way to read them back."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.files.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.cells import Cell

KEY = "pruna_nb"
"""The name of a PNG's text and the beginning of a JPEG's comments."""

PAGE_START = '<script type="application/json" id="pruna-requests">'
"""What stands before the requests in a page; near its top, before all pictures."""

_SECRET = re.compile(r"api_?key|token$|secret|passw|authorization|credential", re.IGNORECASE)
_USER_INFO = re.compile(r"^(https?://)[^/?#@\s]*@", re.IGNORECASE)
_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,100},")
_SEGMENT = 65_000  # a JPEG's comment has at most 65,533 bytes
_DESCRIPTION = 0x010E
_LIMIT = 64_000_000


def request_of(value: object) -> Any:
    """Make a request fit to be kept: plain JSON, no secret, no whole files.

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
    if isinstance(value, float) and not math.isfinite(value):
        return None  # Python would write NaN, which is no JSON: the page's script could not read it
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _text_of(value)


def _text_of(value: object) -> str:
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
        "row": cell.row_value,
        "col": cell.col_value,
    }


def _relative(path: str, folder: Path) -> str:
    """Name a file from the sheet's folder; by its bare name if it lies elsewhere.

    Where somebody keeps their files is nobody's business who is handed the sheet.
    """
    try:
        found = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(path).name
    return Path(path).name if found.startswith("..") else found


def file_hash(cell: Cell) -> str | None:
    """Give the SHA-256 of a cell's file; None if it cannot be read."""
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
    content = json.dumps({KEY: 1, "cells": list(records)}, ensure_ascii=True)
    return content.replace("<", "\\u003c")


def decode(content: str, name: str) -> list[dict[str, Any]]:
    """Read what `encode` wrote.

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{name}: its requests are damaged ({type(error).__name__})"
        raise InputError(message) from error
    cells = found.get("cells") if isinstance(found, dict) and KEY in found else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        message = f"{name}: its requests are not of a form that this version reads"
        raise InputError(message)
    return cells


def with_comments(jpeg: bytes, content: str) -> bytes:
    """Put text of any length into a JPEG, as comments after its first marker.

    EXIF, the usual place, ends at 64 kB: about a hundred requests.
    """
    chunks = [content[i : i + _SEGMENT] for i in range(0, len(content), _SEGMENT)]
    marked = [f"{KEY} {i + 1}/{len(chunks)} {chunk}".encode() for i, chunk in enumerate(chunks)]
    segments = [b"\xff\xfe" + (len(chunk) + 2).to_bytes(2, "big") + chunk for chunk in marked]
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def read_sheet(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Give back the requests that a saved contact sheet or page carries.

    Parameters
    ----------
    path : path
        A ``.png``, ``.jpg``, ``.webp`` or ``.html`` that `Grid.save` wrote.

    Returns
    -------
    list of dict
        For each cell: ``request`` (dict: model and input), ``caption``, ``status``, ``error``,
        ``sha256`` (of the whole file), ``file`` (seen from the sheet), ``row`` and ``col`` (the
        axis values); None where there is none.

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
            content = _from_page(file.read(_LIMIT).decode("utf-8", "replace"))
    if not content:
        message = f"{target.name}: carries no requests; Grid.save writes files that do"
        raise InputError(message)
    return decode(content, target.name)


def _from_picture(path: Path) -> str | None:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.format == "WEBP":
                return image.getexif().get(_DESCRIPTION)
            if image.format == "PNG":
                found = image.info.get(KEY)
                return None if found is None else str(found)
            return _from_comments(getattr(image, "applist", []))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"{path.name}: cannot be read as a picture ({error})"
        raise InputError(message) from error


def _from_comments(segments: Sequence[tuple[str, bytes]]) -> str | None:
    start = f"{KEY} ".encode()
    ours = [body for name, body in segments if name == "COM" and body.startswith(start)]
    return "".join(body.decode("ascii", "replace").split(" ", 2)[-1] for body in ours) or None


def _from_page(text: str) -> str | None:
    # `encode` writes no "<", and the page escapes those of every caption: this is exact
    _, _, rest = text.partition(PAGE_START)
    return rest.partition("<")[0].strip() or None
