"""Outputs as files of one's own: safe names, no file of another overwritten, converted or as is."""

from __future__ import annotations

import contextlib
import datetime as dt
import filecmp
import hashlib
import io
import os
import re
import shutil
import tempfile
import threading
import unicodedata
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pruna_nb.errors import InputError, StorageError
from pruna_nb.files.decode import (
    eight_bits,
    opened,
    orientation_of,
    to_srgb,
    upright,
    words_of,
)
from pruna_nb.files.disk import open_regular
from pruna_nb.files.kinds import HEAD_BYTES, sniff
from pruna_nb.files.provenance import append_to_video, with_provenance
from pruna_nb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pruna_nb.files.buckets import Bucket

FORMATS = {"png": ".png", "jpg": ".jpg", "jpeg": ".jpg", "webp": ".webp"}
"""What a picture can be converted to, with its suffix."""

# Pillow's names of the formats, and its options. Without subsampling=0, JPEG would halve the
# resolution of the colours.
_ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95, "method": 4}),
}
_UPLOADS = 8  # at a time
_BYTES_AT_MOST = 180  # of 255 that most systems take: room for a number, a suffix, a partial name
# What Windows refuses in a name, and what ends or hides one elsewhere.
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_DEVICES = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(\.|$)", re.IGNORECASE
)


def safe_name(text: str) -> str:
    """Return a text as a file's name that Linux, macOS and Windows take; without its suffix.

    Examples
    --------
    >>> safe_name('a "red" fox: 16:9?'), safe_name("con"), safe_name(" .. ")
    ('a _red_ fox_ 16_9_', '_con', '_')
    """
    # One form of each letter: macOS and Linux take two spellings for two names or for one.
    name = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    name = _UNSAFE.sub("_", " ".join(name.split()))
    encoded = name.encode()
    if len(encoded) > _BYTES_AT_MOST:
        name = encoded[:_BYTES_AT_MOST].decode("utf-8", "ignore")
    name = name.strip(" .") or "_"  # a dot in front hides it, one at the end is lost on Windows
    return f"_{name}" if _DEVICES.match(name) else name


def read_format(value: object) -> str | None:
    """Return the suffix of a format by its name; None for None.

    Raises
    ------
    InputError
        If there is no such format.
    """
    if value is None:
        return None
    name = value.lower().removeprefix(".") if isinstance(value, str) else ""
    if name not in FORMATS:
        raise InputError(
            f"format={value!r} is not a format. Allowed are 'png', 'jpg', 'webp', None."
        )
    return FORMATS[name]


def record_of(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an output's file says of itself: the same however often it is saved.

    Parameters
    ----------
    path : Path
        The output, whose time of change is the time of its delivery.
    request : mapping
        ``model``, ``input`` without secrets, and ``prediction_id``.
    """
    delivered = dt.datetime.fromtimestamp(int(path.stat().st_mtime), dt.UTC)
    return {**request, "created_at": delivered.isoformat(), "version": VERSION}


class _Names:
    """The names that a call gives: each to one output."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}

    def free(self, stem: str, suffix: str) -> Iterator[str]:
        """Yield a name, then the same with -2, -3 and so on; none that was given before."""
        # Windows and macOS take names that differ in case alone for the same file.
        key = f"{stem}{suffix}".casefold()
        # Thousands of rows may ask for one name: each search goes on where the last one ended.
        for number in count(self._numbers.get(key, 1)):
            name = f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}"
            self._numbers[key] = number + 1
            if (known := name.casefold()) not in self._used:
                self._used.add(known)
                yield name


class Exporter:
    """Writes outputs to a folder, each under a name that no other file has.

    Parameters
    ----------
    folder : Path
        Created at the first file.
    suffix : str, optional
        What pictures are converted to, such as ``".png"``. Videos and archives stay as they are.
    """

    def __init__(self, folder: Path, suffix: str | None = None) -> None:
        self._folder, self._suffix = folder, suffix
        self._names = _Names()

    def export(self, source: Path, name: str, record: Mapping[str, Any] | None) -> str:
        """Write one output; return its path.

        Parameters
        ----------
        source : Path
            The output's file.
        name : str
            The new file's name below the folder, without suffix, with "/" between folders.
        record : mapping, optional
            What the file says of how it was made; None: nothing. The file is then a hard link to
            the output where the disk allows that, so it takes no space.

        Raises
        ------
        OSError
            If the output cannot be read or the file cannot be written.
        InputError
            If the output is to be converted and is not a picture that can be decoded.
        """
        suffix, to = suffixes_for(source, self._suffix)
        folder = self._folder.joinpath(*name.split("/")).parent
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{uuid.uuid4().hex}.part"
        try:
            write_output(source, part, to, record)
            return str(self._place(part, name, suffix))
        finally:
            part.unlink(missing_ok=True)

    def _place(self, part: Path, stem: str, suffix: str) -> Path:
        """Move a written file to the first free name, unless a file of that name has its bytes."""
        for name in self._names.free(stem, suffix):
            path = self._folder.joinpath(*name.split("/"))
            # The same call again finds its own files, and writes no second copy.
            if path.is_file() and filecmp.cmp(part, path, shallow=False):
                break
            try:
                os.link(part, path)  # fails where the name is taken, as `rename` does not on POSIX
            except FileExistsError:
                continue
            except OSError:  # a disk without hard links, such as FAT
                try:
                    path.touch(exist_ok=False)
                except FileExistsError:
                    continue
                part.replace(path)
            break
        return path


class BucketExporter:
    """Writes outputs to a folder at an address, as `Exporter` does to one of this machine.

    Several are written at a time; all are there when the ``with`` around it ends, or it raises.

    Parameters
    ----------
    bucket : Bucket
    suffix : str, optional
        As for `Exporter`.
    """

    def __init__(self, bucket: Bucket, suffix: str | None = None) -> None:
        self._bucket, self._suffix = bucket, suffix
        self._names = _Names()
        self._there: dict[str, dict[str, dict[str, Any]]] = {}  # by folder and name

    def __enter__(self) -> Self:
        """Begin."""
        self._parts = tempfile.TemporaryDirectory(prefix="pruna_nb-save-")
        self._threads = ThreadPoolExecutor(_UPLOADS, "pruna_nb-save")
        self._room = threading.BoundedSemaphore(2 * _UPLOADS)  # else the disk may fill with parts
        self._uploads: list[Future[None]] = []
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Wait for what is under way, and raise what failed."""
        try:
            if error is None:
                self._raise_failures(wait=True)
        finally:
            self._threads.shutdown(cancel_futures=True)
            self._parts.cleanup()

    def export(self, source: Path, name: str, record: Mapping[str, Any] | None) -> str:
        """Write one output, soon; return its address. Arguments and errors as for `Exporter`."""
        suffix, to = suffixes_for(source, self._suffix)
        self._raise_failures(wait=False)
        self._room.acquire()
        part = Path(self._parts.name) / uuid.uuid4().hex
        try:
            write_output(source, part, to, record)
            for free in self._names.free(name, suffix):
                there = self._object(free)
                if there is None:
                    self._uploads.append(self._threads.submit(self._put, part, free))
                    return self._bucket.at(free)
                if self._is_equal(part, free, there):
                    break
        except BaseException:
            self._room.release()
            raise
        part.unlink()
        self._room.release()
        return self._bucket.at(free)

    def _put(self, part: Path, name: str) -> None:
        try:
            self._bucket.put(part, name, new=True)
        except FileExistsError:  # since it was looked
            raise StorageError(
                f"{self._bucket.at(name)} was written by somebody else meanwhile, and is not "
                "overwritten. Save again: it gets another name."
            ) from None
        finally:
            part.unlink(missing_ok=True)
            self._room.release()

    def _object(self, name: str) -> dict[str, Any] | None:
        """Return what is known of an object; None if there is none of the name."""
        folder, _, own = name.rpartition("/")
        if folder not in self._there:  # one listing, in place of a question for each file
            self._there[folder] = self._bucket.list(folder)
        return self._there[folder].get(own)

    def _is_equal(self, part: Path, name: str, there: Mapping[str, Any]) -> bool:
        size = part.stat().st_size
        if there.get("size") != size:
            return False
        with part.open("rb") as file:
            # S3's tag of an object that was written at once; of others it is another word.
            tag = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if str(there.get("ETag", "")).strip('"') == tag:
                return True
            file.seek(0)
            try:
                chunks = self._bucket.chunks(name, size)
                return all(chunk == file.read(len(chunk)) for chunk in chunks)
            except FileNotFoundError:  # removed since the listing
                return False

    def _raise_failures(self, *, wait: bool) -> None:
        done = [each for each in self._uploads if wait or each.done()]
        self._uploads = [] if wait else [each for each in self._uploads if each not in done]
        failures = [error for each in done if (error := each.exception()) is not None]
        if failures:
            raise failures[0]


def suffixes_for(source: Path, wanted: str | None) -> tuple[str, str | None]:
    """Return the suffix of an output's new file, and that to which it is converted, if it is.

    Raises
    ------
    OSError
        If the output cannot be read.
    """
    with open_regular(source) as file:
        kind = sniff(file.read(HEAD_BYTES))
    suffix = source.suffix if kind is None else kind.suffix
    if wanted and kind is not None and kind.kind == "image":
        return wanted, wanted if suffix != wanted else None
    return suffix, None


def write_output(
    source: Path, target: Path, suffix: str | None, record: Mapping[str, Any] | None
) -> None:
    """Write an output to a file that is not there yet: converted, with its record, or as it is.

    Parameters
    ----------
    source, target : Path
    suffix : str or None
        The suffix of another format, to which a picture is converted; None: as it is.
    record : mapping or None
        What the file says of how it was made; None: nothing. A file that stays as it is becomes a
        hard link then, where the disk allows that.
    """
    if suffix is not None:
        data = _converted(source, suffix)
        target.write_bytes(data if record is None else with_provenance(data, record))
        return
    if record is None:
        with contextlib.suppress(OSError):  # another disk, or one without hard links
            os.link(source, target)
            return
        shutil.copyfile(source, target)
        return
    with open_regular(source) as file:
        kind = sniff(file.read(HEAD_BYTES))
        if kind is not None and kind.kind == "image":
            file.seek(0)
            target.write_bytes(with_provenance(file.read(), record))
            return
    shutil.copyfile(source, target)
    if kind is not None and kind.suffix == ".mp4":
        with target.open("r+b") as video:
            append_to_video(video, record)


def _converted(source: Path, suffix: str) -> bytes:
    """Return a picture in another format, with its colours' profile and the right way up."""
    from PIL import Image

    buffer = io.BytesIO()
    try:
        with open_regular(source) as file, opened(file) as image:
            profile = image.info.get("icc_profile")
            picture = upright(eight_bits(image), orientation_of(image))
            if picture.mode == "CMYK":  # which PNG and WebP have not, and browsers show wrongly
                picture, profile = to_srgb(picture, profile), None
            if suffix == ".jpg" and picture.mode in {"RGBA", "LA"}:
                # JPEG has no transparency; white is what a page shows behind a picture.
                clear = picture.convert("RGBA")
                picture = Image.new("RGB", clear.size, "white")
                picture.paste(clear, mask=clear.getchannel("A"))
            name, options = _ENCODERS[suffix]
            picture.save(buffer, name, icc_profile=profile, **options)
    except Exception as error:  # noqa: BLE001 - on bytes from outside, a decoder raises anything
        raise InputError(f"{source.name} cannot be converted: {words_of(error)}") from None
    return buffer.getvalue()
