"""Pictures of others, opened by the few decoders that the service needs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from PIL import Image

MOST_PIXELS: Final = 80_000_000  # below Pillow's own bound, so that it need not warn
# Pillow reads some forty formats; those of PostScript start a program, and old ones have old bugs.
_FORMATS: Final = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF")


class PictureTooLargeError(ValueError):
    """A picture would take too much memory when it is decoded."""


def open_picture(file: Path | IO[bytes]) -> Image.Image:
    """Open a picture, which is not decoded yet.

    Raises
    ------
    PictureTooLargeError
        If it is larger than `MOST_PIXELS`.
    OSError
        If it is in none of the formats that are taken.
    """
    from PIL import Image

    try:
        picture = Image.open(file, formats=_formats())
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(str(error)) from None
    width, height = picture.size
    if width * height > MOST_PIXELS:
        picture.close()
        raise PictureTooLargeError(f"a picture of {width} x {height} pixels is too large")
    return picture


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)  # AVIF came with Pillow 11.3
