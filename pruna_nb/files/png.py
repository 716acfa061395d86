"""PNG files, chunk by chunk: whether they are whole, and without texts that Pillow stops at."""

from __future__ import annotations

import io
import os
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLOCK = 1 << 20
# Bytes of a packed text that are left to Pillow, which refuses pictures with a text of 1 MB.
_TEXT_AT_MOST = 1000


def problem_of_chunks(file: BinaryIO) -> str | None:
    """Walk a PNG's chunks to its end, each with its checksum, and say what is wrong."""
    for name, begin, length in _chunks(file):
        checksum, left = zlib.crc32(name), length
        file.seek(begin + 8)
        while left:
            block = file.read(min(left, _BLOCK))
            if not block:
                return "cut short"
            checksum = zlib.crc32(block, checksum)
            left -= len(block)
        if file.read(4) != checksum.to_bytes(4, "big"):
            return f"a wrong checksum in its chunk {name!r}"
        if name == b"IEND":
            return None
    return "cut short"


def without_long_texts(file: BinaryIO) -> BinaryIO:
    """Return the file at its start, or a copy in memory without packed texts that are long.

    Such texts (the workflow that made a picture) are ordinary, and Pillow does not open the
    picture for them.
    """
    file.seek(0)
    if file.read(8) != SIGNATURE:
        file.seek(0)
        return file
    long = []
    for name, begin, length in _chunks(file):
        is_packed = name == b"zTXt"
        if name == b"iTXt":
            file.seek(begin + 8)
            # A keyword of at most 79 letters goes before the flag.
            is_packed = file.read(81).partition(b"\0")[2][:1] == b"\1"
        if is_packed and length > _TEXT_AT_MOST:
            long.append((begin, begin + length + 12))
    file.seek(0)
    if not long:
        return file
    kept = io.BytesIO()
    for begin, end in long:
        kept.write(file.read(begin - file.tell()))
        file.seek(end)
    kept.write(file.read())
    kept.seek(0)
    return kept


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name, the place and the length of each chunk whose head is in the file."""
    end, at = file.seek(0, os.SEEK_END), len(SIGNATURE)
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        yield name, at, length
        if name == b"IEND":
            return
        at += length + 12
