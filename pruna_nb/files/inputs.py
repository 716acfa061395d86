"""What a person puts into a field that takes a file, and how it gets to the service.

A path, bytes, a file object, a PIL image, a numpy array, a data URI: each becomes a `Media`,
known by the SHA-256 of its bytes. An http(s) address is no `Media`: it is passed on as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeGuard, runtime_checkable
from urllib.parse import unquote_to_bytes

from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files.checks import problem_of, type_of, whole_files
from pruna_nb.files.disk import open_regular
from pruna_nb.files.kinds import BYTES, MP4, PNG, ZIP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.catalog import Field
    from pruna_nb.files.kinds import MediaType

FILE_BYTES_AT_MOST = 100_000_000
_TAKEN = (
    "a path, bytes, a file object, a PIL image, a numpy array, a data URI, an http(s) address or "
    "a Hugging Face cell"
)
_SCHEMES = ("http://", "https://")


@runtime_checkable
class _Saves(Protocol):
    def save(self, fp: Any, format: str) -> None: ...  # noqa: A002 - Pillow's word


class Media:
    """A file for the service: where its bytes are, how many, what they are.

    Parameters
    ----------
    source : Path or bytes
        The bytes themselves, or where they are.
    """

    __slots__ = ("_hash", "_lock", "_stamp", "size", "source", "type")

    def __init__(self, source: Path | bytes) -> None:
        self.source = source
        self._hash: str | None = None
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        with self.open() as file:
            self._stamp = _stamp_of(file)
            self.size = file.seek(0, io.SEEK_END)
            kind = type_of(file)
            file.seek(0)
            head = file.read(16)
        if kind is None:
            what = "is empty" if not head else f"starts {head!r}"
            msg = (
                f"{self.name} {what}: unrecognised file type; expected an image, video, audio or "
                "zip."
            )
            raise InputError(msg)
        if kind.advice:
            msg = (
                f"{self.name} is {kind.name} ({kind.content_type}), which the service is not known "
                f"to take. {kind.advice}"
            )
            raise InputError(msg)
        self.type: MediaType = kind
        if self.size > FILE_BYTES_AT_MOST:
            msg = f"{self.name} has {self.size:,} bytes; the service takes at most 100 MB a file."
            raise TooLargeError(msg)

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return str(self.source) if isinstance(self.source, Path) else "The data"

    @property
    def sha256(self) -> str:
        """The SHA-256 of its bytes, as hex."""
        with self._lock:
            if self._hash is None:
                with self.open() as file:
                    self._hash = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # BinaryIO has no readinto
            return self._hash

    def open(self) -> BinaryIO:
        """Open the bytes for reading.

        Raises
        ------
        InputError
            If the file is another one since it was first looked at: its output would be kept
            as that of bytes that were never sent.
        """
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        file = open_regular(self.source)
        if self._stamp is not None and _stamp_of(file) != self._stamp:
            file.close()
            msg = f"{self.name} has changed since this call began; run it again."
            raise InputError(msg)
        return file

    def check_whole(self) -> None:
        """Decode the file, once in a process: what is damaged would be refused after it cost.

        Raises
        ------
        InputError
            If it is cut short or damaged, or has more pixels than is safe to decode.
        """
        if self.sha256 in whole_files:
            return
        with self.open() as file:
            problem = problem_of(file, self.type)
        if problem is not None:
            msg = (
                f"{self.name} is {self.type.name} ({self.type.content_type}) and cannot be decoded "
                f"({problem}). Give a whole file."
            )
            raise InputError(msg)
        whole_files.add(self.sha256)

    def __repr__(self) -> str:
        return f"Media({self.type.content_type}, {self.size:,} bytes)"


class FutureMedia(Media):
    """A file that an earlier step is still to make: its kind is known, its bytes are not.

    Parameters
    ----------
    name : str
        What tells it from all others: equal requests make equal files.
    kind : str
        "image", "video" or "zip".
    """

    __slots__ = ()

    def __init__(self, name: str, kind: str) -> None:  # its bytes are not there to be read
        self.source, self.size = b"", 0
        self.type = {"image": PNG, "video": MP4, "zip": ZIP}.get(kind, BYTES)
        self._hash = hashlib.sha256(name.encode()).hexdigest()
        self._lock = threading.Lock()
        self._stamp = None

    @property
    def name(self) -> str:
        """What to call it in a message."""
        return "what an earlier step makes"

    def check_whole(self) -> None:
        """Do nothing: there is no file yet."""


def _stamp_of(file: BinaryIO) -> tuple[int, int] | None:
    """Return size and time of a file, which differ after a write; None for bytes in memory."""
    if isinstance(file, io.BytesIO):
        return None
    stat = os.fstat(file.fileno())
    return stat.st_size, stat.st_mtime_ns


def is_address(value: object) -> bool:
    """Whether a value is an http(s) address, which the service fetches by itself."""
    return isinstance(value, str) and value.lstrip()[:8].lower().startswith(_SCHEMES)


def to_media(value: object) -> Media | str:
    """Make a file for the service of whatever a person gives.

    Parameters
    ----------
    value : object
        A path, bytes, a binary file object (read to its end, and put back to where it stood),
        a PIL image, a numpy array or what turns into one (see `files.arrays.image_of`), a data
        URI, an http(s) address, an output of this package, or a Hugging Face cell
        (``{"bytes": ..., "path": ...}``). Pictures in memory become PNG as they look; what is a
        file already is sent as its bytes.

    Returns
    -------
    Media or str
        An address as it is; everything else as `Media`.

    Raises
    ------
    InputError
        If it is none of these, is missing, or is no media.
    TooLargeError
        If it has more than 100 MB.
    """
    if isinstance(value, Media):
        return value
    if isinstance(value, str):
        if is_address(value):
            return value.strip()
        if value[:5].lower() != "data:":
            return _from_path(Path(value))
        head, comma, body = value[5:].partition(",")
        try:
            data = base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)
        except (binascii.Error, ValueError):
            data = b""
        if not comma or not data:
            msg = f"The data URI that starts {value[:40]!r} cannot be read."
            raise InputError(msg)
        return Media(data)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Media(bytes(value))
    return _from_path(value) if isinstance(value, Path) else _from_object(value)


def _has(value: object, name: str) -> bool:
    """Whether an object has an attribute; one that fails to say so has none."""
    try:
        return hasattr(value, name)
    except Exception:  # noqa: BLE001 - a proxy of what is not there may raise anything
        return False


def _from_object(value: Any) -> Media | str:
    if _has(value, "read"):
        return _from_file(value)
    # Before pictures in memory: an `Output` is a path that can save itself, too.
    if isinstance(value, os.PathLike):
        return _from_path(Path(os.fsdecode(value)))
    if _has(value, "save") and isinstance(value, _Saves):
        return _from_image(value)
    if _has(value, "__array_interface__") or _has(value, "__array__"):
        from pruna_nb.files.arrays import image_of

        try:
            return _from_image(image_of(value))
        except InputError:
            raise
        except ValueError as error:
            raise InputError(str(error)) from None
    if is_dataset_cell(value):
        return _from_dataset(value)
    msg = f"{type(value).__name__} cannot be a file; give {_TAKEN}."
    raise InputError(msg)


def is_dataset_cell(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is a file as Hugging Face's datasets have it in a cell: bytes and path."""
    return isinstance(value, dict) and bool(value) and value.keys() <= {"bytes", "path"}


def _from_dataset(cell: Mapping[str, Any]) -> Media | str:
    source = cell.get("bytes")
    if source is None:
        source = cell.get("path")  # with bytes, it is a name that may lead nowhere
    if not isinstance(source, (bytes, bytearray, memoryview, str, os.PathLike)):
        msg = f"A dict cannot be a file unless its 'bytes' or its 'path' is one; give {_TAKEN}."
        raise InputError(msg)
    try:
        return to_media(source)
    except InputError as error:
        msg = f"The dict cannot be a file: {error}"
        raise InputError(msg) from None


def _from_path(path: Path) -> Media:
    try:
        path = path.expanduser()
        is_file, is_folder, exists = path.is_file(), path.is_dir(), path.exists()
    except (OSError, RuntimeError, ValueError):  # a name too long, a user who is none
        is_file = is_folder = exists = False
    if not is_file:
        what = "does not exist"
        if exists:
            what = "is a folder" if is_folder else "is not a regular file"
        msg = f"The file {str(path)[:300]!r} {what}; give {_TAKEN}."
        raise InputError(msg)
    try:
        return Media(path.absolute())
    except OSError as error:
        msg = f"The file {str(path)!r} cannot be read: {error.strerror}."
        raise InputError(msg) from None


def _from_file(file: Any) -> Media:
    try:
        seekable = getattr(file, "seekable", None)
        start = file.tell() if seekable is not None and seekable() else None
        data = file.read(FILE_BYTES_AT_MOST + 1)
        if start is not None:
            file.seek(start)  # an estimate, and then the run itself, read the same object
    except Exception as error:  # noqa: BLE001 - of whatever it reads from: an archive, a bucket
        msg = f"The file object cannot be read: {type(error).__name__}: {error}"[:300] + "."
        raise InputError(msg) from None
    if not isinstance(data, bytes):
        msg = "The file object gives text; open it in binary mode ('rb')."
        raise InputError(msg)
    return Media(data)


def _from_image(image: Any) -> Media:
    from pruna_nb.files.decode import png_of

    try:
        return Media(png_of(image))
    except (OSError, ValueError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        msg = f"The image of mode {getattr(image, 'mode', '?')} cannot be read: {error}."
        raise InputError(msg) from None


def replace_media(fields: dict[str, Any], change: Callable[[Media], Any]) -> dict[str, Any]:
    """Return an input with each of its `Media` replaced, such as by its address."""
    return {name: _replaced(value, change) for name, value in fields.items()}


def _replaced(value: Any, change: Callable[[Media], Any]) -> Any:
    if isinstance(value, Media):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [_replaced(item, change) for item in value]
    return value


def check_kind(field: Field, media: Media | str) -> None:
    """Refuse a file that the service would refuse only after it was paid for.

    Raises
    ------
    InputError
        If it is of another kind than the field takes; an address is not looked into.
    """
    if isinstance(media, str) or media.type.kind in field.media:
        return
    kinds = " or ".join("zip archive" if kind == "zip" else kind for kind in field.media)
    msg = f"{field.name}: {media.name} is {media.type.content_type}; give a file of kind {kinds}."
    raise InputError(msg)
