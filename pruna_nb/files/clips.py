"""Videos and sounds, read as far as their containers tell: tracks, samples, length; no codec."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BOX_HEAD = 8
_BOXES_AT_MOST = 100_000
# Bytes of a table of chunks that are read: two million chunks.
_TABLE_AT_MOST = 16_000_000
# A movie's head: its version, two dates, the units in a second, and its length in them.
_SHORT_MOVIE_HEAD = struct.Struct(">12xII")
_LONG_MOVIE_HEAD = struct.Struct(">20xIQ")
_HANDLERS = {b"vide": "video", b"soun": "audio"}


class DamagedError(ValueError):
    """The file's structure is not whole; the message says what is wrong."""


class CutShortError(DamagedError):
    """The file, or a part of it, ends before its time."""

    def __init__(self, message: str = "cut short") -> None:
        super().__init__(message)


@dataclass
class Clip:
    """What a container tells of itself.

    Attributes
    ----------
    tracks : dict of str to int
        The number of samples of its video and audio tracks, by kind.
    """

    tracks: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str | None, samples: int) -> None:
        """Count a track."""
        if kind is not None:
            self.tracks[kind] = self.tracks.get(kind, 0) + samples


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    begin: int
    end: int


class _Boxes:
    """The boxes of an ISO file; their number is bounded, so that no file keeps a thread busy."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        self._left = _BOXES_AT_MOST

    def inside(self, begin: int, end: int) -> Iterator[_Box]:
        """Walk the boxes between two offsets, which they must fill."""
        at = begin
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise DamagedError("too many boxes")
            head = self.read(at, 16)
            if len(head) < _BOX_HEAD:
                raise CutShortError
            size, name = struct.unpack_from(">I4s", head)
            start = at + _BOX_HEAD
            if size == 1 and len(head) == 16:  # noqa: PLR2004 - with a long length
                (size,) = struct.unpack_from(">Q", head, 8)
                start += 8
            elif size == 0:
                size = end - at
            if size < start - at:
                raise DamagedError("a box without a length")
            at += size
            if at > end:
                raise CutShortError
            yield _Box(name, start, at)

    def outermost(self) -> tuple[list[_Box], bool]:
        """Return the boxes of the file itself, and whether they fill it."""
        boxes: list[_Box] = []
        try:
            for box in self.inside(0, self.size):
                boxes.append(box)  # noqa: PERF402 - those before the damage count
        except CutShortError:
            return boxes, False
        return boxes, True

    def find(self, box: _Box, *names: bytes) -> _Box | None:
        """Find a box by its way down from another one."""
        for name in names:
            inner = (child for child in self.inside(box.begin, box.end) if child.name == name)
            child = next(inner, None)
            if child is None:
                return None
            box = child
        return box

    def read(self, at: int, count: int) -> bytes:
        """Read some bytes."""
        self.file.seek(at)
        return self.file.read(count)

    def number(self, at: int) -> int:
        """Read a number of 32 bits."""
        return int.from_bytes(self.read(at, 4), "big")


def read_mp4(file: BinaryIO) -> Clip:
    """Read the tracks of an mp4 or mov file, whose samples must be in it.

    Bytes behind its boxes, as some writers and servers leave them, are passed over.

    Raises
    ------
    DamagedError
        If it is cut short, or has no index, or its index leads outside of the file.
    """
    boxes = _Boxes(file)
    top, is_filled = boxes.outermost()
    streamed = any(box.name == b"moof" for box in top)
    try:
        clip = _read_movie(boxes, top)
    except DamagedError:
        if is_filled:
            raise
        raise CutShortError from None
    if streamed and not is_filled:  # what follows may have been a fragment
        raise CutShortError
    return clip


def _read_movie(boxes: _Boxes, top: list[_Box]) -> Clip:
    movie = next((box for box in top if box.name == b"moov"), None)
    data = [box for box in top if box.name == b"mdat"]
    if movie is None or not data:
        raise DamagedError(f"it has no {'mdat' if movie else 'moov'}")
    clip = Clip()
    numbers: dict[int, str] = {}
    for track in boxes.inside(movie.begin, movie.end):
        if track.name == b"trak":
            handler = boxes.find(track, b"mdia", b"hdlr")
            kind = _HANDLERS.get(boxes.read(handler.begin + 8, 4)) if handler else None
            clip.add(kind, _samples(boxes, track, data))
            head = boxes.find(track, b"tkhd")
            is_long = head is not None and boxes.read(head.begin, 1) == b"\x01"  # 64-bit dates
            number = boxes.number(head.begin + (20 if is_long else 12)) if head is not None else 0
            numbers[number] = kind or ""
    for part in top:
        if part.name == b"moof":
            _count_fragments(boxes, part, numbers, clip)
    return clip


def top_boxes(file: BinaryIO) -> set[bytes]:
    """Return the names of an ISO file's outermost boxes, which must fill it."""
    boxes = _Boxes(file)
    return {box.name for box in boxes.inside(0, boxes.size)}


def _samples(boxes: _Boxes, track: _Box, data: list[_Box]) -> int:
    """Count a track's samples; its chunks must lie in the file's data."""
    table = boxes.find(track, b"mdia", b"minf", b"stbl")
    if table is None:
        return 0
    parts = {box.name: box for box in boxes.inside(table.begin, table.end)}
    sizes = parts.get(b"stsz") or parts.get(b"stz2")
    count = boxes.number(sizes.begin + 8) if sizes else 0
    for name, width in ((b"stco", 4), (b"co64", 8)):
        if name in parts:
            begin = parts[name].begin
            chunks = boxes.number(begin + 4)
            if begin + 8 + chunks * width > parts[name].end:
                raise CutShortError("its index is cut short")
            content = boxes.read(begin + 8, min(chunks * width, _TABLE_AT_MOST))
            offsets = [
                int.from_bytes(content[at : at + width], "big")
                for at in range(0, len(content), width)
            ]
            lengths = [1] * len(offsets)
            if offsets and len(offsets) == chunks:
                lengths[-1] = max(1, _last_chunk_bytes(boxes, parts))
            within = all(
                any(box.begin <= offset and offset + length <= box.end for box in data)
                for offset, length in zip(offsets, lengths, strict=True)
            )
            if count and not within:
                raise DamagedError("its index leads to what is not in the file")
    return count


def _last_chunk_bytes(boxes: _Boxes, parts: dict[bytes, _Box]) -> int:
    """Return the length of a track's last chunk; 0 where its samples' lengths are not listed."""
    sizes, chunks = parts.get(b"stsz"), parts.get(b"stsc")
    if sizes is None or chunks is None:
        return 0
    alike, count = boxes.number(sizes.begin + 4), boxes.number(sizes.begin + 8)
    end = sizes.begin + 12 + 4 * count
    # The last entry says how many samples there are in each chunk from some chunk on.
    entries = boxes.number(chunks.begin + 4)
    samples = min(boxes.number(chunks.begin + 12 * entries), count)
    if alike or end > sizes.end or samples > _TABLE_AT_MOST // 4:
        return 0
    content = boxes.read(end - 4 * samples, 4 * samples)
    return sum(size for (size,) in struct.iter_unpack(">I", content))


def _count_fragments(boxes: _Boxes, part: _Box, numbers: dict[int, str], clip: Clip) -> None:
    """Count the samples of a fragment: a file that was streamed has them there."""
    for run in boxes.inside(part.begin, part.end):
        if run.name != b"traf":
            continue
        head = boxes.find(run, b"tfhd")
        number = boxes.number(head.begin + 4) if head else 0
        for box in boxes.inside(run.begin, run.end):
            if box.name == b"trun":
                count = boxes.number(box.begin + 4)
                clip.add(numbers.get(number) or None, count)


def video_seconds(path: Path) -> float | None:
    """Return how long an mp4 file lasts, as its head says; None if it does not say."""
    try:
        with path.open("rb") as file:
            boxes = _Boxes(file)
            head = boxes.find(_Box(b"", 0, boxes.size), b"moov", b"mvhd")
            fields = boxes.read(head.begin, _LONG_MOVIE_HEAD.size) if head else b""
    except (OSError, DamagedError):
        return None
    if len(fields) < _LONG_MOVIE_HEAD.size:
        return None
    form = _LONG_MOVIE_HEAD if fields[0] == 1 else _SHORT_MOVIE_HEAD
    scale, length = form.unpack_from(fields)
    return length / scale if scale and length else None


# ------------------------------------------------------------------------- webm

_EBML, _SEGMENT, _TRACKS, _TRACK, _TRACK_TYPE = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE, 0x83
_CLUSTER, _BLOCK_GROUP, _SIMPLE_BLOCK = 0x1F43B675, 0xA0, 0xA3
_TRACK_KINDS = {1: "video", 2: "audio"}
# The length of an element that a live stream did not know: it goes on to the next of its kind.
_UNKNOWN = -1


def read_webm(file: BinaryIO) -> Clip:
    """Read the tracks of a webm file: its elements fill it, and it holds blocks.

    Raises
    ------
    DamagedError
        If it is cut short, or has no tracks or no blocks.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    kinds: list[str] = []
    blocks = 0
    for _ in range(_BOXES_AT_MOST):
        if file.tell() >= end:
            break
        name, size = _element(file)
        after = end if size == _UNKNOWN else file.tell() + size
        if after > end:
            raise CutShortError
        if name == _SEGMENT:
            end = after  # a writer or a server may have left bytes behind it
            continue
        if name == _CLUSTER and (size == _UNKNOWN or not blocks):
            continue  # its elements come next
        if name == _TRACKS:
            kinds += _track_kinds(file, after)
        blocks += name in (_SIMPLE_BLOCK, _BLOCK_GROUP)
        file.seek(after)
    else:
        raise DamagedError("too many elements")
    if not kinds:
        raise DamagedError("it has no tracks")
    return Clip(dict.fromkeys(kinds, blocks))


def _track_kinds(file: BinaryIO, end: int) -> list[str]:
    kinds = []
    while file.tell() < end:
        name, size = _element(file)
        if name == _TRACK:
            continue  # its elements come next
        content = file.read(size) if name == _TRACK_TYPE else b""
        if content:
            kinds.append(_TRACK_KINDS.get(int.from_bytes(content, "big"), ""))
        elif size > 0:
            file.seek(size, os.SEEK_CUR)
    return [kind for kind in kinds if kind]


def _element(file: BinaryIO) -> tuple[int, int]:
    """Read an element's name and length."""
    name, _ = _number(file, 4)
    size, width = _number(file, 8)
    size &= (1 << (7 * width)) - 1
    return name, _UNKNOWN if size == (1 << (7 * width)) - 1 else size


def _number(file: BinaryIO, most: int) -> tuple[int, int]:
    """Read a number of a variable width, with the bit that marks it, and its width in bytes."""
    first = file.read(1)
    if not first:
        raise CutShortError
    width = 9 - first[0].bit_length()
    if width > most:
        raise DamagedError("an element without a length")
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise CutShortError
    return int.from_bytes(first + rest, "big"), width
