"""The one decoder: how a picture looks, whether it is sent, checked or shown.

Pictures from outside are opened by the formats of `FORMATS` alone, never with more pixels than
Pillow holds safe, and large ones one at a time in the whole process.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO

from pruna_nb.files.kinds import READERS
from pruna_nb.files.png import without_long_texts
from pruna_nb.forks import importing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from pruna_nb.files.kinds import MediaType

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
_ORIENTATION = 0x0112
# Pixels that are decoded at once in a process: 64 MB. A larger picture is decoded alone.
_PIXELS_AT_ONCE = 16_000_000
# From 16 bits to 8: the upper byte, as libpng and Pillow take it.
_DEEP = 1 / 256
# What resampling may add to floats from 0 to 1 at an edge; it is cut off.
_OVERSHOOT = 0.25


class TooManyPixelsError(ValueError):
    """A picture has more pixels than is safe to decode."""


@cache
def formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that this Pillow reads: AVIF came with Pillow 11.3."""
    from PIL import Image

    Image.init()
    known = set(Image.OPEN)
    try:
        from PIL.AvifImagePlugin import SUPPORTED
    except ImportError:
        SUPPORTED = False  # noqa: N806 - Pillow's word
    if not SUPPORTED:
        known.discard("AVIF")
    return tuple(name for name in FORMATS if name in known)


class NoDecoderError(ValueError):
    """FFmpeg, as PyAV was built, does not decode this video or sound."""


def words_of(error: Exception) -> str:
    """Return what a decoder says is wrong, without FFmpeg's numbers of errors and files."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class _Decoding:
    """Pixels under way in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pixels = 0

    @contextlib.contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until so many more pixels may be decoded."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._pixels or self._pixels + pixels <= _PIXELS_AT_ONCE
            )
            self._pixels += pixels
        try:
            yield
        finally:
            with self._changed:
                self._pixels -= pixels
                self._changed.notify_all()


_decoding = _Decoding()


def _after_fork() -> None:
    global _decoding  # noqa: PLW0603 - a fork may have left it locked, by a thread that is not here
    _decoding = _Decoding()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def pixel_limit() -> int:
    """Return the most pixels that are decoded: Pillow's own setting, where None is no limit."""
    from PIL import Image

    return Image.MAX_IMAGE_PIXELS or 2**62


@contextlib.contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open a picture of one of `FORMATS`; its pixels are decoded within, when it is its turn.

    Raises
    ------
    TooManyPixelsError
        If it has more pixels than `pixel_limit`.
    Exception
        Whatever a decoder raises on bytes from outside.
    """
    from PIL import Image

    try:
        image = Image.open(without_long_texts(file), formats=formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        message = f"it has more than {pixel_limit():,} pixels, more than is safe to decode"
        raise TooManyPixelsError(message) from None
    with image:
        check_pixels(*image.size)
        with _decoding.of(image.width * image.height):
            yield image


def check_pixels(width: int, height: int) -> None:
    """Raise `TooManyPixelsError` for what is not safe to decode."""
    if width * height > pixel_limit():
        message = f"{width} x {height} is more than {pixel_limit():,} pixels, not safe to decode"
        raise TooManyPixelsError(message)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 is upright."""
    # Reading the tags of a file that has none costs as much as a small decode.
    tagged = any(
        key in image.info for key in ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
    )
    if not tagged and image.format not in {"TIFF", "MPO"} and not getattr(image, "_exif", None):
        return 1
    orientation: Any = image.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def as_it_looks(image: Image.Image) -> Image.Image:
    """Return a picture as a viewer shows it, in 8 bits and sRGB, with nothing else to it.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any mode.

    Returns
    -------
    PIL.Image.Image
        Upright, in mode L, LA, RGB or RGBA. It carries no EXIF, text or colour profile: these
        are applied, or concern nobody.

    Raises
    ------
    ValueError
        If its values are none of a picture (see `eight_bits`).
    """
    orientation = orientation_of(image)
    return upright(to_srgb(eight_bits(image), image.info.get("icc_profile")), orientation)


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as its EXIF orientation says."""
    from PIL import Image

    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def eight_bits(image: Image.Image) -> Image.Image:
    """Bring any mode to L, LA, RGB or RGBA, or to CMYK, which only its profile can bring further.

    Sixteen bits keep their upper byte. Of mode I (32 bits), values up to 255 count as they are,
    if it is no file of 16 bits, and larger ones as 16 bits; of mode F, values from 0 to 1 count
    as such, and larger ones as 0 to 255, as Pillow's own conversions do.

    Raises
    ------
    ValueError
        If its values are of no such range, or not numbers.
    """
    mode = "I;16" if image.mode.startswith("I;16") else image.mode
    has_clear = "transparency" in image.info
    if mode in {"L", "LA", "RGB", "RGBA", "CMYK"} and not has_clear:
        return image
    if mode in {"1", "L", "La"}:  # gray, and one of its values may stand for clear
        return image.convert("LA" if has_clear or mode == "La" else "L")
    if mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if mode in {"I;16", "I", "F"}:
        return _from_numbers(image)
    clear_palette = image.palette is not None and image.palette.mode.endswith("A")
    is_clear = mode in {"RGBa", "PA"} or has_clear or clear_palette
    return image.convert("RGBA" if is_clear else "RGB")


def _from_numbers(image: Image.Image) -> Image.Image:
    """Bring 16 bits, 32 bits or floats to gray, by the range of the values."""
    import numpy as np

    if image.mode.startswith("I;16"):
        # Pillow's own conversion from 16 bits makes white of everything above 255.
        return image.convert("I").point(lambda value: value * _DEEP).convert("L")
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())  # NaN if one of them is
    if image.mode == "I":
        if not 0 <= low <= high <= 65535:  # noqa: PLR2004 - 16 bits
            message = f"its values go from {low:g} to {high:g}: give 0 to 255, or 16 bits"
            raise ValueError(message)
        # Older Pillows open PNG files of 16 bits in this mode, however dark they are.
        if high > 255 or image.format in {"PNG", "TIFF"}:  # noqa: PLR2004 - 8 bits
            image = image.point(lambda value: value * _DEEP)
        return image.convert("L")
    # A half more, since the conversion cuts off where numpy rounds.
    if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
        return image.point(lambda value: value * 255.0 + 0.5).convert("L")
    if low >= -0.5 and high <= 255.5:  # noqa: PLR2004 - 8 bits, resampled
        return image.point(lambda value: value * 1.0 + 0.5).convert("L")
    message = f"its values go from {low:g} to {high:g}: give floats from 0 to 1, or 0 to 255"
    raise ValueError(message)


def to_srgb(image: Image.Image, profile: object) -> Image.Image:
    """Bring the colours to what browsers and models take for granted, and drop all metadata.

    Pillow would write the profile of the original into each copy: half a kilobyte to half a
    megabyte, where the pixels have eight.
    """
    from PIL import ImageCms

    result = image
    if isinstance(profile, bytes) and image.mode in {"RGB", "RGBA", "CMYK"}:
        target = "RGBA" if image.mode == "RGBA" else "RGB"
        # A damaged profile, or one of another kind of colours: the pixels speak for themselves.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            result = ImageCms.profileToProfile(image, source, srgb, outputMode=target) or image
    if result.mode == "CMYK":
        result = result.convert("RGB")
    if result is image:  # the caller's picture keeps what it carries
        result = image.copy()
    result.info.clear()
    return result


def png_of(image: Image.Image) -> bytes:
    """Write a picture as a PNG that looks like it.

    Raises
    ------
    ValueError, OSError, SyntaxError
        If it cannot be read, or its values are none of a picture.
    """
    buffer = io.BytesIO()
    as_it_looks(image).save(buffer, "PNG")
    return buffer.getvalue()


@contextlib.contextmanager
def opened_clip(file: BinaryIO, kind: MediaType) -> Iterator[Any]:
    """Open a video or a sound with PyAV.

    Raises
    ------
    ImportError
        If PyAV is not installed.
    NoDecoderError
        If it was built without what would decode it.
    Exception
        Whatever FFmpeg raises on bytes from outside.
    """
    with importing():
        import av

    reader = READERS[kind.content_type]
    try:
        clip = av.open(file, "r", format=reader)
    except UnicodeDecodeError:
        # Titles that are not UTF-8: PyAV before 19 raises, unless it is given this, which 19 lacks.
        file.seek(0)
        clip = av.open(file, "r", format=reader, metadata_encoding="latin-1")
    with clip:
        try:
            yield clip
        except av.DecoderNotFoundError as error:
            raise NoDecoderError(str(error)) from None


@contextlib.contextmanager
def first_frame(file: BinaryIO, kind: MediaType) -> Iterator[tuple[Image.Image, float | None]]:
    """Decode a video's first frame; give it with the video's length in seconds, if it has one.

    Raises
    ------
    ImportError
        If PyAV is not installed.
    TooManyPixelsError
        If it has more pixels than `pixel_limit`.
    Exception
        Whatever FFmpeg raises on bytes from outside.
    """
    with opened_clip(file, kind) as clip:
        if not clip.streams.video:
            message = "no video in the file"
            raise ValueError(message)
        stream = clip.streams.video[0]
        if stream.codec_context is None:
            message = "this PyAV has no decoder for the video"
            raise NoDecoderError(message)
        size = stream.codec_context.width, stream.codec_context.height
        check_pixels(*size)
        seconds = None if clip.duration is None else clip.duration / 1_000_000
        with _decoding.of(size[0] * size[1]):
            frame = next(clip.decode(stream), None)
            if frame is None:
                message = "0 frames in the video"
                raise ValueError(message)
            yield frame.to_image(), seconds
