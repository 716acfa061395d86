"""Whether a file is complete and of the expected kind: before upload and after delivery."""

from __future__ import annotations

import os
import re
import threading
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from pruna_nb.files import clips, kinds
from pruna_nb.files.decode import (
    NoDecoderError,
    TooManyPixelsError,
    first_frame,
    formats,
    opened,
    opened_clip,
    words_of,
)
from pruna_nb.files.kinds import HEAD_BYTES, MediaType, sniff
from pruna_nb.files.png import problem_of_chunks
from pruna_nb.forks import renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable

# How many times its own size a zip may unpack to; 100 MB are always allowed.
_UNPACKED_AT_MOST = 100
_UNKNOWN_LENGTH = 0xFFFFFFFF
_BOXED = frozenset({kinds.MP4, kinds.MOV, kinds.M4A})
_EBML = frozenset({kinds.WEBM, kinds.WEBA, kinds.MKV})
_AS_AUDIO = {kinds.MP4: kinds.M4A, kinds.MOV: kinds.M4A, kinds.WEBM: kinds.WEBA}
_AS_VIDEO = {kinds.M4A: kinds.MP4}
# Formats that not every Pillow decodes.
_DECODERS = {kinds.AVIF: "AVIF"}


def type_of(file: BinaryIO) -> MediaType | None:
    """Return what an open file is; of a container, by the tracks that it holds.

    The first bytes of an mp4 file do not tell a sound from a video.
    """
    file.seek(0)
    kind = sniff(file.read(HEAD_BYTES))
    if kind not in _AS_AUDIO and kind not in _AS_VIDEO:
        return kind
    try:
        tracks = _clip(file, kind).tracks
    except (clips.DamagedError, OSError):
        return kind  # `problem_of` says what is wrong with it
    if "video" in tracks:
        return _AS_VIDEO.get(kind, kind)
    return _AS_AUDIO.get(kind, kind) if "audio" in tracks else kind


def problem_of(file: BinaryIO, kind: MediaType) -> str | None:
    """Return what is wrong with an open file, decoded as far as possible; None if it is whole.

    A picture is decoded to its end; of a video, the tracks and samples are found and the first
    frame is decoded where PyAV is installed; a zip's members are read.
    """
    file.seek(0)
    try:
        return _CHECKS.get(kind.kind, _nothing_to_check)(file, kind)
    except (TooManyPixelsError, clips.DamagedError) as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - decoders raise anything on bytes from outside
        if type(error).__name__ == "UnidentifiedImageError":
            return "no picture is behind its first bytes"
        return f"{type(error).__name__}: {words_of(error)[:200]}"


class WholeFiles:
    """The SHA-256 of files that were found whole by this process: none is decoded twice."""

    def __init__(self, most: int = 200_000) -> None:
        self._most = most
        self._known: dict[str, None] = {}
        self._lock = threading.Lock()
        renew_in_child(self)

    def add(self, sha256: str) -> None:
        """Note a file."""
        with self._lock:
            self._known[sha256] = None
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._known


whole_files = WholeFiles()


# ---------------------------------------------------------------------- pictures


def _check_image(file: BinaryIO, kind: MediaType) -> str | None:
    if kind.advice:
        return "nothing here decodes it"
    # Pillow can be told to take cut files (LOAD_TRUNCATED_IMAGES), for the whole process, and
    # passes over some checksums: the file's own structure comes first.
    problem = _STRUCTURES.get(kind, _nothing_to_check)(file, kind)
    if problem is not None:
        return problem
    if _DECODERS.get(kind, "") not in {"", *formats()}:
        boxes = clips.top_boxes(file)
        return None if {b"meta", b"mdat"} <= boxes or b"moov" in boxes else "no picture in the file"
    file.seek(0)
    with opened(file) as image:
        # A JPEG is decoded at an eighth of its size: its bytes are still read to the end.
        image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    return None


def _check_jpeg(file: BinaryIO, kind: MediaType) -> str | None:
    """Walk a JPEG's segments to its end; phones put films and maps behind that."""
    del kind
    data = file.read()
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            return "cut short"
        while data[at + 1 : at + 2] == b"\xff":  # padding
            at += 1
        if at + 1 >= len(data):
            return "cut short"
        marker = data[at + 1]
        at += 2
        if marker == 0xD9:  # noqa: PLR2004 - the end
            return None
        if marker == 0x01 or 0xD0 <= marker <= 0xD8 or marker == 0:  # noqa: PLR2004 - without content
            continue
        at += int.from_bytes(data[at : at + 2], "big")
        if marker == 0xDA:  # noqa: PLR2004 - the pixels: up to the next marker
            match = _MARKER.search(data, at)
            if match is None:
                return "cut short"
            at = match.start()


_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


def _check_riff(file: BinaryIO, kind: MediaType) -> str | None:
    del kind
    size = int.from_bytes(file.read(8)[4:], "little")
    if size == _UNKNOWN_LENGTH:  # a sound that was streamed
        return None
    return None if file.seek(0, os.SEEK_END) >= size + 8 else "cut short"


def _check_gif(file: BinaryIO, kind: MediaType) -> str | None:
    """Walk a GIF's blocks to its end."""
    del kind
    data = file.read()

    def after_table(at: int, flags: int) -> int:
        return at + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)

    def after_blocks(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    try:
        at = after_table(13, data[10])
        while data[at] != 0x3B:  # noqa: PLR2004 - the end
            if data[at] == 0x21:  # noqa: PLR2004 - an extension
                at = after_blocks(at + 2)
            elif data[at] == 0x2C:  # noqa: PLR2004 - a picture
                at = after_blocks(after_table(at + 10, data[at + 9]) + 1)
            else:
                return "a block of no known kind"
    except IndexError:
        return "cut short"
    return None


_STRUCTURES: dict[MediaType, Callable[[BinaryIO, MediaType], str | None]] = {
    kinds.JPEG: _check_jpeg,
    kinds.PNG: lambda file, _: problem_of_chunks(file),
    kinds.WEBP: _check_riff,
    kinds.GIF: _check_gif,
}


# -------------------------------------------------------- videos, sounds, archives


def _clip(file: BinaryIO, kind: MediaType) -> clips.Clip:
    return clips.read_webm(file) if kind in _EBML else clips.read_mp4(file)


def _check_clip(file: BinaryIO, kind: MediaType) -> str | None:
    """Return what is wrong with a video or a sound: its container, then its first frame."""
    if kind is kinds.WAV and (problem := _check_riff(file, kind)):
        return problem
    is_video = kind.kind == "video"
    nothing = "it holds no pictures" if is_video else "it holds no sound"
    if kind in _BOXED | _EBML and not _clip(file, kind).tracks.get(kind.kind):
        return nothing
    file.seek(0)
    try:
        if is_video:
            with first_frame(file, kind):
                return None
        with opened_clip(file, kind) as clip:
            if not clip.streams.audio or next(clip.decode(clip.streams.audio[0]), None) is None:
                return nothing
    except (ImportError, NoDecoderError):  # then its structure is all that can be looked at
        return None
    return None


def _check_zip(file: BinaryIO, kind: MediaType) -> str | None:
    del kind
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if not unpacked:
            return "it holds no files with content"
        if unpacked > _UNPACKED_AT_MOST * (size + 1_000_000):
            return f"its {size:,} bytes would unpack to {unpacked:,}"
        bad = archive.testzip()
    return f"member {bad[:80]!r}" if bad else None


def _nothing_to_check(file: BinaryIO, kind: MediaType) -> None:
    del file, kind


_CHECKS: dict[str, Callable[[BinaryIO, MediaType], str | None]] = {
    "image": _check_image,
    "video": _check_clip,
    "audio": _check_clip,
    "zip": _check_zip,
}
