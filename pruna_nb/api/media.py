"""Files of pictures, videos and zips: what they are, whether they are whole, where they live."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pruna_nb.api.folders import make_private
from pruna_nb.errors import CacheError, DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES = 64
_BOX_HEAD = 8
_BOXES_AT_MOST = 100_000
_TAIL_BYTES = 4096
# A movie's head: its version, two dates, the units in a second, and its length in them.
_SHORT_MOVIE_HEAD = struct.Struct(">12xII")
_LONG_MOVIE_HEAD = struct.Struct(">20xIQ")
_UNPACKED_AT_MOST = 100
"""How many times its own size a zip may unpack to; 100 MB are always allowed."""
_PART_SECONDS = 86400.0
"""A temporary file this old was left by a process that was killed."""


@dataclass(frozen=True, slots=True)
class MediaType:
    """What a file is, told by its first bytes."""

    kind: str
    suffix: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A media file that is kept under the SHA-256 of its bytes."""

    path: Path
    sha256: str
    size: int
    mtime_ns: int
    type: MediaType


JPEG = MediaType("image", ".jpg", "image/jpeg")
PNG = MediaType("image", ".png", "image/png")
WEBP = MediaType("image", ".webp", "image/webp")
GIF = MediaType("image", ".gif", "image/gif")
BMP = MediaType("image", ".bmp", "image/bmp")
TIFF = MediaType("image", ".tif", "image/tiff")
AVIF = MediaType("image", ".avif", "image/avif")
MP4 = MediaType("video", ".mp4", "video/mp4")
MOV = MediaType("video", ".mov", "video/quicktime")
WEBM = MediaType("video", ".webm", "video/webm")
M4A = MediaType("audio", ".m4a", "audio/mp4")
MP3 = MediaType("audio", ".mp3", "audio/mpeg")
WAV = MediaType("audio", ".wav", "audio/wav")
FLAC = MediaType("audio", ".flac", "audio/flac")
OGG = MediaType("audio", ".ogg", "audio/ogg")
ZIP = MediaType("zip", ".zip", "application/zip")
BYTES = MediaType("file", ".bin", "application/octet-stream")

_STARTS = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"\x1aE\xdf\xa3", WEBM),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"ID3", MP3),
    (b"\xff\xfb", MP3),
    (b"\xff\xf3", MP3),
    (b"fLaC", FLAC),
    (b"OggS", OGG),
)
_ANY_BYTES = frozenset({"zip", "unknown"})
_BRANDS = {b"avif": AVIF, b"avis": AVIF, b"qt  ": MOV, b"M4A ": M4A, b"M4B ": M4A}


def sniff(head: bytes) -> MediaType | None:
    """Tell what a file is by its first 64 bytes; None for what is no known kind of media."""
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], MP4)
    return next((kind for start, kind in _STARTS if head.startswith(start)), None)


def check_whole(path: Path, expected: str = "unknown") -> MediaType:
    """Check that a delivered file is media and can be decoded to its end.

    Parameters
    ----------
    path : Path
        The file.
    expected : str
        What the model makes. Bytes of no known kind are damage where a picture or a video
        is expected, and are taken as they are elsewhere: a trainer's weights, a new model.

    Raises
    ------
    DeliveryError
        If it is empty, no media, cut short, damaged, or a decompression bomb.
    """
    with path.open("rb") as file:
        return _checked(file, expected)


def _checked(file: BinaryIO, expected: str) -> MediaType:
    head = file.read(HEAD_BYTES)
    kind = sniff(head)
    if kind is None and head and expected in _ANY_BYTES and not _is_page(head):
        return BYTES
    if kind is None:
        what = "empty" if not head else f"no picture, video or zip; it starts {head[:24]!r}"
        raise DeliveryError(f"What was delivered is {what}")
    file.seek(0)
    try:
        problem = _CHECKS.get(kind.kind, _nothing_to_check)(file)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on bytes from outside
        problem = f"{type(error).__name__}: {str(error)[:200]}"
    if problem:
        raise DeliveryError(f"The {kind.kind} that was delivered is damaged ({problem})")
    return kind


def _is_page(head: bytes) -> bool:
    """Tell a gateway's page or an error in JSON from an output."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{"}


def _check_image(file: BinaryIO) -> str | None:
    from PIL import Image

    # Pillow can be told to take cut files (LOAD_TRUNCATED_IMAGES), for the whole process.
    if not _has_end(file):
        return "cut short"
    try:
        with Image.open(file) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0) > 0:
                return f"{image.width} x {image.height} pixels are more than is safe to decode"
            # A JPEG is decoded at an eighth of its size: its bytes are still read to the end.
            image.draft("RGB", (image.width // 8, image.height // 8))
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return str(error)
    return None


def _has_end(file: BinaryIO) -> bool:
    """Tell whether a picture's file has the end that its format ends with."""
    kind = sniff(head := file.read(HEAD_BYTES))
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    file.seek(0)
    if kind is WEBP:
        return size >= int.from_bytes(head[4:8], "little") + _BOX_HEAD
    if kind is GIF:
        return tail.rstrip(b"\0").endswith(b";")
    end = {JPEG: b"\xff\xd9", PNG: b"IEND\xaeB`\x82"}.get(kind) if kind else None
    return end is None or end in tail


def _check_video(file: BinaryIO) -> str | None:
    """Walk the boxes of an mp4 file: they must fill it, and hold an index and the pictures."""
    if sniff(file.read(HEAD_BYTES)) is WEBM:
        return None
    end = file.seek(0, os.SEEK_END)
    at, boxes, seen = 0, 0, set()
    while at < end:
        boxes += 1
        if boxes > _BOXES_AT_MOST:
            return "too many boxes"
        file.seek(at)
        head = file.read(16)
        size, name = struct.unpack(">I4s", head[:8])
        if size == 1:
            (size,) = struct.unpack(">Q", head[8:16])
        elif size == 0:
            size = end - at
        if size < _BOX_HEAD:
            return "a box without a length"
        seen.add(name)
        at += size
    if at != end:
        return "cut short"
    missing = {b"moov", b"mdat"} - seen
    return f"it has no {missing.pop().decode()}" if missing else None


def video_seconds(path: Path) -> float | None:
    """Give how long an mp4 file lasts, as its head says; None if it does not say."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            movie = _box(file, b"moov", 0, file.tell())
            head = movie and _box(file, b"mvhd", *movie)
            if not head:
                return None
            file.seek(head[0])
            fields = file.read(_LONG_MOVIE_HEAD.size)
    except (OSError, struct.error):
        return None
    if len(fields) < _LONG_MOVIE_HEAD.size:
        return None
    form = _LONG_MOVIE_HEAD if fields[0] == 1 else _SHORT_MOVIE_HEAD
    scale, length = form.unpack_from(fields)
    return length / scale if scale and length else None


def _box(file: BinaryIO, wanted: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Find a box of an mp4 file between two places; give where its content begins and ends."""
    for _ in range(_BOXES_AT_MOST):
        if at + _BOX_HEAD > end:
            return None
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(_BOX_HEAD))
        begin = at + _BOX_HEAD
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            begin += 8
        after = at + size if size else end
        if name == wanted:
            return begin, min(after, end)
        if after <= at:
            return None
        at = after
    return None


def _check_zip(file: BinaryIO) -> str | None:
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _UNPACKED_AT_MOST * (size + 1_000_000):
            return f"its {size:,} bytes would unpack to {unpacked:,}"
        bad = archive.testzip()
    return f"member {bad[:80]!r}" if bad else None


def _nothing_to_check(file: BinaryIO) -> None:
    del file


_CHECKS: dict[str, Callable[[BinaryIO], str | None]] = {
    "image": _check_image,
    "video": _check_video,
    "zip": _check_zip,
}


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def media_dir(cache_dir: Path) -> Path:
    """Name the folder of a cache's media files."""
    return cache_dir / "media"


class MediaStore:
    """A folder of media files, each named by the SHA-256 of its bytes, with its true suffix.

    Parameters
    ----------
    folder : Path
        Made at the first write, for the user alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open_part(self) -> tuple[Path, BinaryIO]:
        """Open a new temporary file beside the media.

        Raises
        ------
        CacheError
            If the folder cannot be written.
        """
        path = Path(f"{self.folder}/parts/{os.getpid()}-{uuid.uuid4().hex}.part")
        try:
            try:
                return path, open(path, "xb", opener=_opened_private)
            except FileNotFoundError:  # the first of this cache
                make_private(path.parent)
                return path, open(path, "xb", opener=_opened_private)
        except OSError as error:
            raise unwritable(self.folder, error) from None

    def adopt(self, part: Path, sha256: str, expected: str = "unknown") -> Stored:
        """Check a temporary file and move it to its place.

        Raises
        ------
        DeliveryError
            If it is damaged; the file is then gone.
        CacheError
            If the folder cannot be written.
        """
        try:
            with part.open("rb+") as file:
                kind = _checked(file, expected)
                # The bytes reach the disk before anything says that they are there.
                os.fsync(file.fileno())
                stat = os.fstat(file.fileno())
            place = Path(f"{self.folder}/{sha256[:2]}/{sha256}{kind.suffix}")
            try:
                part.replace(place)
            except FileNotFoundError:  # the first with this beginning
                place.parent.mkdir(exist_ok=True, mode=0o700)
                part.replace(place)
        except BaseException as error:
            with contextlib.suppress(OSError):  # the folder may be gone
                part.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise unwritable(self.folder, error) from None
            raise
        return Stored(place, sha256, stat.st_size, stat.st_mtime_ns, kind)

    def sweep(self) -> None:
        """Delete what processes that were killed left half."""
        long_ago = time.time() - _PART_SECONDS
        for part in (self.folder / "parts").glob("*.part"):
            with contextlib.suppress(OSError):
                if part.stat().st_mtime < long_ago:
                    part.unlink()


def _opened_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def unwritable(folder: Path, error: OSError) -> CacheError:
    """Make the error of a cache folder that cannot be written."""
    why = error.strerror or type(error).__name__
    message = (
        f"The cache folder {str(folder)!r} cannot be written: {why}. Nothing that was paid for is "
        "lost: free the disk or choose another folder (PRUNA_NB_CACHE_DIR, or "
        "pruna_nb.configure(cache_dir=...)), and run again within 24 hours."
    )
    return CacheError(message)
