"""Small pictures, videos and archives for tests, as bytes."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
from PIL import Image


def picture(format_="JPEG", size=(96, 64), seed=0):
    """Give a picture of noise, so that every part of the file holds something."""
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype="uint8")
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format_)
    return buffer.getvalue()


def box(name, content):
    """Give one box of an mp4 file."""
    return struct.pack(">I4s", 8 + len(content), name) + content


def mp4():
    """Give the frame of an mp4 file: its boxes, without a picture in them."""
    kind = box(b"ftyp", b"isom\0\0\x02\0isomiso2mp41")
    return kind + box(b"moov", b"\0" * 100) + box(b"mdat", b"\0" * 200)


def zip_of(members, method=zipfile.ZIP_STORED):
    """Give an archive of names and bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
