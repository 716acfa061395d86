"""Outputs that cost next to nothing, for benchmarks: small, and yet each with bytes of its own.

A picture is one of a few ready-made ones in the right shape; what sets it apart is a comment
inside the file, made from prompt and seed, which readers pass over.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pruna_nb.emulator.sizes import Size

_SHRINK: Final = 8
_COLOURS: Final = (0xC74B7B, 0x2A9D8F, 0x44318D, 0xE9C46A, 0x0077B6, 0xD1603D, 0x4F772D, 0x9A8C98)


def fast_image(prompt: str, seed: int, size: Size, suffix: str) -> bytes:
    """Return a small picture in the shape of the size, as jpg, png or webp.

    It has an eighth of the width and height asked for.
    """
    mark = blake2b(f"{seed}\x00{prompt}".encode("utf-8", "replace"), digest_size=16).digest()
    plain = _plain(_COLOURS[mark[0] % len(_COLOURS)], size, suffix)
    note = mark.hex().encode()
    if suffix == "png":
        chunk = b"tEXt" + b"Comment\x00" + note
        packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        after_header = 8 + 25  # the signature, and the header's chunk
        return plain[:after_header] + packed + plain[after_header:]
    if suffix == "webp":
        body = plain[8:] + b"note" + struct.pack("<I", len(note)) + note
        return b"RIFF" + struct.pack("<I", len(body)) + body  # its length covers all chunks
    # After the two bytes that begin a JPEG: a comment segment, whose length counts itself.
    return plain[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + plain[2:]


def with_mp4_note(video: bytes, note: bytes) -> bytes:
    """Add a box to an mp4 file that players pass over."""
    return video + struct.pack(">I", len(note) + 8) + b"free" + note


@lru_cache(maxsize=512)
def _plain(colour: int, size: Size, suffix: str) -> bytes:
    from PIL import Image

    small = (max(size[0] // _SHRINK, 1), max(size[1] // _SHRINK, 1))
    picture = Image.new("RGB", small, (colour >> 16, colour >> 8 & 255, colour & 255))
    buffer = io.BytesIO()
    picture.save(buffer, {"jpg": "JPEG"}.get(suffix, suffix.upper()))
    return buffer.getvalue()
