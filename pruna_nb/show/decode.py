"""From a file of unknown origin to a small picture, quickly and without trusting it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import MissingExtraError
from pruna_nb.show.cells import Source, kind_of
from pruna_nb.show.ratios import fit
from pruna_nb.show.text import counted, plain

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")
_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_LYING = (5, 6, 7, 8)


class UnreadableError(Exception):
    """A file cannot be shown; the message is for the reader of the grid."""


@dataclass(frozen=True)
class Picture:
    """A small picture with what is known of the large one.

    Attributes
    ----------
    image : PIL.Image.Image
        In mode RGB or RGBA.
    width, height : int
        Pixels of the whole picture, as it is looked at.
    seconds : float or None
        How long a video lasts.
    """

    image: Image.Image
    width: int
    height: int
    seconds: float | None = None


def load(source: Source, size: int) -> Picture:
    """Read a picture, or a video's first frame, to fit into a square box.

    Parameters
    ----------
    source : str or bytes
        A path, or the bytes themselves.
    size : int
        The box's side, in pixels. A smaller picture is not enlarged.

    Returns
    -------
    Picture

    Raises
    ------
    UnreadableError
        Whatever is wrong with the file; nothing else is raised.
    """
    try:
        return _load_video(source, size) if kind_of(source) == "video" else _load(source, size)
    except UnreadableError:
        raise
    except MissingExtraError as error:
        message = f"to see it here: pip install 'pruna_nb[{error.extra}]'"
        raise UnreadableError(message) from error
    except FileNotFoundError as error:
        message = "the file is gone"
        raise UnreadableError(message) from error
    except Exception as error:  # damaged bytes end in any error of a dozen decoders
        raise UnreadableError(_reason(error)) from error


def _reason(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"refused: more than {_limit():,} pixels"
    if isinstance(error, UnidentifiedImageError):
        return "damaged, or no picture"
    if isinstance(error, OSError) and error.strerror:
        return f"unreadable: {error.strerror.lower()}"
    return f"damaged: {plain(error, 120) or type(error).__name__}"


def _limit() -> int:
    from PIL import Image

    # a setting of Pillow's own; None stands for "no limit" there
    return Image.MAX_IMAGE_PIXELS or 2**62


def _guard(width: int, height: int) -> None:
    if width * height > _limit():
        message = f"refused: {width} x {height} is more than {_limit():,} pixels"
        raise UnreadableError(message)


@cache
def _formats() -> tuple[str, ...]:
    """Give the formats that are tried: of Pillow's others, some run programs or read folders."""
    from PIL import Image

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)  # AVIF came with Pillow 11.3


def _load(source: Source, size: int) -> Picture:
    from PIL import Image

    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with Image.open(file, formats=_formats()) as image:
        width, height = image.size
        _guard(width, height)
        small = fit(width, height, size)
        # JPEG is decoded at an eighth, a quarter or a half of its size: most of the time saved
        image.draft("RGB", small)
        resized = _plain_mode(image).resize(small, Image.Resampling.HAMMING, reducing_gap=2.0)
        orientation = _orientation(image)
    if orientation in _TURNS:
        resized = resized.transpose(Image.Transpose[_TURNS[orientation]])
    if orientation in _LYING:
        width, height = height, width
    _to_srgb(resized)
    return Picture(resized, width, height)


def _orientation(image: Image.Image) -> int:
    # reading the tags of a file that has none costs as much as a small decode
    if not any(key in image.info for key in ("exif", "Raw profile type exif", "xmp")) and (
        image.format != "TIFF"
    ):
        return 1
    found: Any = image.getexif().get(_ORIENTATION, 1)
    return found if found in _TURNS else 1


def _plain_mode(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB, or to RGBA where it has transparency."""
    if image.mode in {"RGB", "RGBA"} and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16") or image.mode == "I":
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _to_srgb(image: Image.Image) -> None:
    """Bring the colours to what browsers take for granted, and drop all else that came along.

    Pillow writes the profile of the original into each thumbnail: half a kilobyte to half a
    megabyte, where the pixels have eight.
    """
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    image.info.clear()
    if not isinstance(profile, bytes):
        return
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        ImageCms.profileToProfile(image, given, ImageCms.createProfile("sRGB"), inPlace=True)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return  # a damaged profile, or one of another kind of colours: the pixels speak for it
    image.info.clear()


def _load_video(source: Source, size: int) -> Picture:
    from PIL import Image

    try:
        import av
    except ImportError as error:
        what = "A video's first frame"
        raise MissingExtraError(what, "video") from error
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with av.open(file, "r", metadata_errors="ignore") as container:
        if not container.streams.video:
            message = "damaged: no video in the file"
            raise UnreadableError(message)
        stream = container.streams.video[0]
        _guard(stream.codec_context.width, stream.codec_context.height)
        seconds = None if container.duration is None else container.duration / av.time_base
        frame: Any = next(container.decode(stream), None)
        if frame is None:
            message = f"damaged: {counted(0, 'frame')} in the video"
            raise UnreadableError(message)
        image = frame.to_image()
    width, height = image.size
    small = fit(width, height, size)
    resized = image.resize(small, Image.Resampling.HAMMING, reducing_gap=2.0)
    return Picture(resized, width, height, seconds)
