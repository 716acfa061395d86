"""What is sent to the browser to be judged: whole pictures, both sides encoded alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb.comparison.vote_html import Side
from pruna_nb.show.cells import kind_of
from pruna_nb.show.markup import data_uri, video_uri, webp_size
from pruna_nb.show.ratios import fit
from pruna_nb.text import megabytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show import Thumb, Thumbs

# Pixels of the longer side: most models make no larger picture.
FULL = 1600

# WebP quality: high, since raters must not judge the compression.
QUALITY = 90

# A larger video is not sent to the browser.
VIDEO_BYTES = 12_000_000


class CannotShowError(Exception):
    """A picture or a video cannot be shown; the message is for the person who votes."""


def load_sides(paths: Sequence[str], thumbs: Thumbs) -> list[Side]:
    """Read pictures or videos for the form.

    Raises
    ------
    CannotShowError
        If one of them is gone, damaged or too large.
    """
    encoded = thumbs.make(paths, FULL)
    return [_side(path, thumb) for path, thumb in zip(paths, encoded, strict=True)]


def _side(path: str, thumb: Thumb) -> Side:
    if kind_of(path) != "video":
        if thumb.error:
            msg = f"a picture cannot be shown: {thumb.error}"
            raise CannotShowError(msg)
        return Side(data_uri(thumb.webp, "image/webp"), *webp_size(thumb.webp))
    # Without the video extra its shape is not known, but the browser can play it.
    shape = (16, 9) if thumb.error else thumb.size
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        msg = f"a video cannot be shown: {error.strerror}"
        raise CannotShowError(msg) from error
    uri = video_uri(path) if size <= VIDEO_BYTES else None
    if uri is None:
        msg = (
            f"a video cannot be shown: {megabytes(size)}, damaged or above {megabytes(VIDEO_BYTES)}"
        )
        raise CannotShowError(msg)
    return Side(uri, *fit(*shape, FULL, enlarge=True), is_video=True)
