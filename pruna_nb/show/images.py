"""`show_images`: a grid of paths, bytes, PIL images, outputs or arrays."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import Grid, grid
from pruna_nb.templates import is_missing
from pruna_nb.text import described, is_scalar, shown

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        If something is not a picture, or there is another number of captions.

    Examples
    --------
    >>> show_images(["a.png", "b.png"], captions=["a fox", "an owl"])
    <Grid: 2 pictures>
    """
    alone = isinstance(images, (str, bytes, os.PathLike)) or not isinstance(images, Iterable)
    # one picture as an array would be taken for a list of its rows
    if alone or is_scalar(images) or getattr(images, "ndim", 1) in _PICTURE_AXES:
        images = [images]
    found = list(images)
    listed = isinstance(captions, Sized) and getattr(captions, "ndim", 1) == 1
    if captions is not None and (isinstance(captions, (str, bytes)) or not listed):
        message = f"captions must be a list of texts; {described(captions)} was given"
        raise InputError(message)
    if captions is not None and len(captions) != len(found):
        message = f"{len(captions)} captions for {len(found)} images: give one for each"
        raise InputError(message)
    texts: list[str | None] = [None] * len(found)
    if captions is not None:
        plain = ["" if is_missing(text) else text for text in captions]
        texts = [text if isinstance(text, str) else shown(text, 300) for text in plain]
    cells = [
        cell_of_image(image, text, at)
        for at, (image, text) in enumerate(zip(found, texts, strict=True))
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


def _path_of(image: object) -> str | None:
    """Return the path of an output, and of whatever has one."""
    try:
        path = getattr(image, "path", None)
    except Exception:  # noqa: BLE001 - a proxy of what is not there may raise anything
        return None
    return os.fspath(path) if isinstance(path, (str, os.PathLike)) else None


def cell_of_image(image: Any, caption: str | None, at: int) -> Cell:
    """Return the cell of a picture from anywhere; `at` is its place, for messages."""
    if isinstance(image, Cell):
        return image
    if is_missing(image):
        return Cell(caption=caption or "", status="skipped")
    if isinstance(image, bytes):
        return Cell(data=image, caption=caption or "", alt=caption or f"picture {at + 1}")
    if isinstance(image, (str, os.PathLike)):
        path = os.fspath(image)
        return Cell(path=path, caption=os.path.basename(path) if caption is None else caption)  # noqa: PTH119
    path = _path_of(image)
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
    except Exception as error:  # Pillow, and whatever makes an array of itself, fail in any way
        message = (
            f"image {at} is a {type(image).__name__}, which cannot be shown ({error}): give a "
            "path, the bytes of a file, a PIL image or an array of uint8"
        )
        raise InputError(message) from error
    return buffer.getvalue()
