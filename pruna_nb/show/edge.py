"""The door for whatever somebody has at hand: paths, bytes, PIL images, outputs, arrays of them."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import Grid, grid
from pruna_nb.show.text import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_PICTURE_AXES = (2, 3)


def show_images(
    images: Iterable[Any],
    *,
    captions: Sequence[object] | None = None,
    columns: int | None = 4,
    size: int = 256,
    max_bytes: int | None = 1_000_000,
    title: str | None = None,
    thumbs_dir: str | os.PathLike[str] | None = None,
    live: bool = False,
) -> Grid:
    """Show pictures from anywhere in a grid.

    Parameters
    ----------
    images : iterable
        Paths, bytes of files, PIL images, numpy arrays (height x width x 3 or 4, uint8), `Cell`
        objects, or anything with a ``path``, such as an output; None and NaN show as empty places.
    captions : sequence, optional
        One for each; None: the file's name.
    columns, size, max_bytes, title, thumbs_dir, live
        As in `grid`.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        If something is no picture, or the captions are of another number.

    Examples
    --------
    >>> show_images(["a.png", "b.png"], captions=["a fox", "an owl"])
    <Grid: 2 pictures>
    """
    alone = isinstance(images, (str, bytes, os.PathLike)) or not hasattr(images, "__iter__")
    # one picture as an array would be taken for a list of its rows
    if alone or getattr(images, "ndim", 0) in _PICTURE_AXES:
        images = [images]
    found = list(images)
    if captions is not None and len(captions) != len(found):
        message = f"{len(captions)} captions for {len(found)} images: give one for each"
        raise InputError(message)
    texts: list[str | None] = [None] * len(found)
    if captions is not None:
        texts = ["" if missing(text) else str(text) for text in captions]
    cells = [
        _cell(image, text, at) for at, (image, text) in enumerate(zip(found, texts, strict=True))
    ]
    return grid(
        cells,
        columns=columns,
        size=size,
        max_bytes=max_bytes,
        title=title,
        thumbs_dir=thumbs_dir,
        live=live,
    )


def _cell(image: Any, caption: str | None, at: int) -> Cell:
    if isinstance(image, Cell):
        return image
    if missing(image):
        return Cell(caption=caption or "", status="skipped")
    if isinstance(image, bytes):
        return Cell(data=image, caption=caption or "", alt=caption or f"picture {at + 1}")
    if isinstance(image, (str, os.PathLike)):
        path = os.fspath(image)
        return Cell(path=path, caption=os.path.basename(path) if caption is None else caption)  # noqa: PTH119
    path = getattr(image, "path", None)
    if path is not None:
        return Cell(path=path, caption=os.path.basename(path) if caption is None else caption)  # noqa: PTH119
    return Cell(data=_png(image, at), caption=caption or "", alt=caption or f"picture {at + 1}")


def _png(image: Any, at: int) -> bytes:
    """Write a PIL image or an array as PNG, which loses nothing."""
    from PIL import Image

    try:
        picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
    except (AttributeError, TypeError, ValueError, OSError, KeyError) as error:
        message = (
            f"image {at} is a {type(image).__name__}, which cannot be shown ({error}): give a "
            "path, the bytes of a file, a PIL image or an array of uint8"
        )
        raise InputError(message) from error
    return buffer.getvalue()
