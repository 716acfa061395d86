"""`show_images`: a grid of paths, bytes, PIL images, outputs or arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files.inputs import to_media
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
        Paths, bytes of files, PIL images, numpy arrays, and whatever else a field that takes a
        picture takes; `Cell` objects, or anything with a ``path``, such as an output. None and NaN
        show as empty places.
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
    path = os.fspath(image) if isinstance(image, (str, os.PathLike)) else _path_of(image)
    if path is not None:
        return Cell(path=path, caption=os.path.basename(path) if caption is None else caption)  # noqa: PTH119
    # Read as the service is given it: what is shown of a picture in memory is what is sent of it.
    try:
        media = to_media(image)
    except (InputError, TooLargeError) as error:
        kind = type(image).__name__
        raise InputError(f"image {at} is a {kind}, which cannot be shown: {error}") from error
    if isinstance(media, str):
        return Cell(path=media, caption=caption or "", alt=caption or f"picture {at + 1}")
    with media.open() as file:
        data = file.read()
    return Cell(data=data, caption=caption or "", alt=caption or f"picture {at + 1}")
