"""From a file of unknown origin to a small picture, quickly and without trusting it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from pruna_nb.errors import MissingExtraError
from pruna_nb.files.checks import type_of
from pruna_nb.files.decode import (
    TooManyPixelsError,
    eight_bits,
    first_frame,
    opened,
    orientation_of,
    to_srgb,
    upright,
    words_of,
)
from pruna_nb.files.disk import open_regular
from pruna_nb.show.ratios import fit
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from PIL import Image

    from pruna_nb.files.kinds import MediaType
    from pruna_nb.show.cells import Source

_LYING = (5, 6, 7, 8)  # EXIF orientations by which width and height change places


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
    kind: MediaType | None = None
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
            kind = type_of(file)
            if kind is not None and kind.kind in {"video", "audio"}:
                return _load_video(file, kind, size)
            return _load(file, size)
    except MissingExtraError as error:
        message = f"to see it here: pip install 'pruna_nb[{error.extra}]'"
        raise UnreadableError(message) from error
    except FileNotFoundError as error:
        message = "the file is gone"
        raise UnreadableError(message) from error
    except Exception as error:  # damaged bytes end in any error of a dozen decoders
        raise UnreadableError(_reason(error, kind)) from error


def _reason(error: Exception, kind: MediaType | None) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, TooManyPixelsError):
        return f"refused: {error}"
    if isinstance(error, UnidentifiedImageError):
        if kind is not None and kind.advice:
            return f"{kind.name}: cannot be shown"
        return "damaged, or no picture"
    if isinstance(error, OSError) and error.strerror:
        return f"unreadable: {error.strerror.lower()}"
    return f"damaged: {visible_line(words_of(error), 120)}"


def _load(file: BinaryIO, size: int) -> Picture:
    from PIL import Image

    file.seek(0)
    with opened(file) as image:
        width, height = image.size
        profile = image.info.get("icc_profile")
        small = fit(width, height, size)
        # JPEG is decoded at an eighth, a quarter or a half of its size: most of the time saved
        image.draft("RGB", small)
        resized = eight_bits(image).resize(small, Image.Resampling.HAMMING, reducing_gap=2.0)
        orientation = orientation_of(image)
    if orientation in _LYING:
        width, height = height, width
    shown = upright(to_srgb(resized, profile), orientation)
    if shown.mode in {"L", "LA"}:  # for the sheets, which draw in colours
        shown = shown.convert("RGB" if shown.mode == "L" else "RGBA")
    return Picture(shown, width, height)


def _load_video(file: BinaryIO, kind: MediaType, size: int) -> Picture:
    from PIL import Image

    try:
        file.seek(0)
        with first_frame(file, kind) as (image, seconds):
            small = fit(image.width, image.height, size)
            resized = image.resize(small, Image.Resampling.HAMMING, reducing_gap=2.0)
            return Picture(resized, image.width, image.height, seconds)
    except ImportError as error:
        what = "A video's first frame"
        raise MissingExtraError(what, "video") from error


def with_play_mark(image: Image.Image) -> Image.Image:
    """Return a video's frame with the sign for "play", which no notebook strips from a picture."""
    from PIL import Image, ImageDraw

    marked = image.convert("RGB")
    side = max(12, min(marked.size) // 6)
    # drawn four times as large and reduced: Pillow's own edges are jagged
    sign = Image.new("RGBA", (side * 4, side * 4), (0, 0, 0, 0))
    draw = ImageDraw.Draw(sign)
    draw.ellipse((0, 0, side * 4 - 1, side * 4 - 1), fill=(0, 0, 0, 150))
    corners = [(0.39, 0.28), (0.39, 0.72), (0.74, 0.5)]
    draw.polygon([(x * side * 4, y * side * 4) for x, y in corners], fill=(255, 255, 255, 235))
    small = sign.resize((side, side), Image.Resampling.LANCZOS)
    marked.paste(small, ((marked.width - side) // 2, (marked.height - side) // 2), small)
    return marked
