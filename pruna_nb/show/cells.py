"""One cell of a grid: a picture or the reason why there is none, with its text."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args

from pruna_nb.errors import InputError
from pruna_nb.files.disk import open_regular
from pruna_nb.files.kinds import HEAD_BYTES, sniff
from pruna_nb.redact import redact_addresses, redact_values
from pruna_nb.statuses import Status
from pruna_nb.text import described

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.files.kinds import MediaType
    from pruna_nb.show.axes import Key

Kind = Literal["image", "video", "zip", "unknown"]
Source = str | bytes  # a file's path, or the bytes of one that is on no disk

_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"), "image"),
    **dict.fromkeys((".tif", ".tiff", ".heic", ".heif"), "image"),
    **dict.fromkeys((".mp4", ".mov", ".webm", ".mkv", ".m4v"), "video"),
    ".zip": "zip",
}


def _type_of(source: Source) -> MediaType | None:
    if isinstance(source, bytes):
        return sniff(source[:HEAD_BYTES])
    with open_regular(source) as file:
        return sniff(file.read(HEAD_BYTES))


def content_type(source: Source) -> tuple[str, str] | None:
    r"""Return a file's media type and true suffix, as its first bytes say.

    Parameters
    ----------
    source : str or bytes
        A path, or the bytes themselves.

    Returns
    -------
    tuple of str, or None
        Such as ``("image/jpeg", ".jpg")``; None if it is not of a kind that is shown.

    Raises
    ------
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> content_type(b"\x89PNG\r\n\x1a\n")
    ('image/png', '.png')
    """
    found = _type_of(source)
    if found is None or found.advice or found.kind not in _SHOWN:
        return None
    return found.content_type, found.suffix


_SHOWN: dict[str, Kind] = {"image": "image", "video": "video", "zip": "zip"}


def kind_of(source: Source | None) -> Kind:
    """Return whether a file is a picture, a video or an archive.

    Parameters
    ----------
    source : str, bytes or None
        A path is judged by its suffix, or by its first bytes if the suffix says nothing.

    Returns
    -------
    {"image", "video", "zip", "unknown"}

    Examples
    --------
    >>> kind_of("out/3fa9.mp4")
    'video'
    """
    if source is None:
        return "unknown"
    if isinstance(source, str):
        by_name = _SUFFIXES.get(PurePath(source).suffix.lower())
        if by_name is not None:
            return by_name
    try:
        found = _type_of(source)
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return "unknown"
    return "unknown" if found is None else _SHOWN.get(found.kind, "unknown")


@dataclass(frozen=True)
class Cell:
    """One cell of a grid.

    Parameters
    ----------
    path : str or path, optional
        The file; None if there is none (yet).
    caption : str
        The text below the picture; a long one is cut.
    alt : str
        What a screen reader reads; the caption if it is empty.
    status : {"succeeded", "failed", "canceled", "skipped", "lost", "pending"}
        Whatever is not ``"succeeded"`` is shown as a box that says so.
    error : str, optional
        Why there is no picture.
    ratio_asked : str, optional
        The ``aspect_ratio`` of the request, such as ``"16:9"``.
    kind : {"image", "video", "zip", "unknown"}, optional
        None: from the file's suffix, or from its first bytes.
    poster : str or path, optional
        A picture shown for a video; None: the video's first frame.
    request : mapping
        Model and input, as JSON takes them; saved sheets carry it, without secrets.
    row_value, col_value : str or tuple of str, optional
        The cell's place on the two axes; a tuple has a value for each level, the outer one first.
    data : bytes, optional
        The file itself, if it is on no disk.
    note : str
        A line below the caption, however long that is, such as the seed.
    fields : mapping of str to str
        What a saved page can take for an axis, sort and filter by, beside the request and the
        axes, such as a column of the table.

    Raises
    ------
    InputError
        For a status that is none of these.

    Examples
    --------
    >>> Cell("fox.mp4", "a red fox").media
    'video'
    """

    path: str | None = None
    caption: str = ""
    alt: str = ""
    status: Status = "succeeded"
    error: str | None = None
    ratio_asked: str | None = None
    kind: Kind | None = None
    poster: str | None = None
    request: Mapping[str, Any] = field(default_factory=dict)
    row_value: str | Key | None = None
    col_value: str | Key | None = None
    data: bytes | None = field(default=None, repr=False)
    note: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Accept paths of every type, mask what is secret, check the status."""
        object.__setattr__(self, "request", redact_values(dict(self.request)))
        for name in ("caption", "alt", "error", "note"):
            if getattr(self, name):
                object.__setattr__(self, name, redact_addresses(getattr(self, name)))
        for name in ("path", "poster"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, (str, bytes, os.PathLike)):
                raise InputError(
                    f"A picture's {name} must be a path; {described(value)} was given."
                )
            if value is not None:
                object.__setattr__(self, name, os.fspath(value))
        if self.status not in get_args(Status):
            message = f"{self.status!r} is not a status; use one of {', '.join(get_args(Status))}"
            raise InputError(message)

    @property
    def source(self) -> Source | None:
        """The file's bytes or path; None if there is neither."""
        return self.path if self.data is None else self.data

    @property
    def media(self) -> Kind:
        """What the file is."""
        return self.kind or kind_of(self.source)

    @property
    def picture(self) -> Source | None:
        """What a thumbnail is made from: the poster if there is one, else the file.

        None if there is neither, or only an archive.
        """
        if self.status != "succeeded":
            return None
        if self.poster is not None:
            return self.poster
        return None if self.media == "zip" else self.source
