"""Small pictures, videos and archives for tests, as bytes."""

from __future__ import annotations

import base64
import functools
import io
import struct
import zipfile
from fractions import Fraction

import av
import numpy as np
from PIL import Image

AVIF = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAA"
    "AAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAJAAAAChpaW5mAAAA"
    "AAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAACAAAAAgA"
    "AAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQB"
    "AoMEAAAALG1kYXQSAAoIGAi/aICGg0IyFhxHh4Xd0000wsAAAJA1jjx/Soil6m0="
)
"""Eight by eight pixels: not every Pillow writes this format."""


def picture(format_="JPEG", size=(96, 64), seed=0):
    """Return a picture of noise, so that every part of the file holds something."""
    if format_ == "AVIF":
        return AVIF
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype="uint8")
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format_)
    return buffer.getvalue()


def box(name, content):
    """Return one box of an mp4 file."""
    return struct.pack(">I4s", 8 + len(content), name) + content


@functools.cache
def clip(format_="mp4", codec="mpeg4", frames=4, **options):
    """Return a video of a few frames of 64 x 48 pixels, half a second at most."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=format_, options=options) as container:
        stream = container.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), "teal"))
        for number in range(frames):
            shown = frame.reformat(format="yuv420p")
            shown.pts, shown.time_base = number, Fraction(1, 8)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@functools.cache
def sound(format_="wav", codec="pcm_s16le"):
    """Return a quarter of a second of silence."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=format_) as container:
        stream = container.add_stream(codec, rate=48000)
        silence = np.zeros((1, 12000), dtype="int16")
        frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        resampler = av.AudioResampler(stream.format.name, stream.layout.name, stream.rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def mp4():
    """Return a short mp4 file."""
    return clip()


def iso(major, *brands):
    """Return the head of an ISO file of some brands, with nothing behind it."""
    return box(b"ftyp", major + bytes(4) + b"".join(brands)) + bytes(80)


def zip_of(members, method=zipfile.ZIP_STORED):
    """Return an archive of names and bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
