"""As large as the bytes allow: the size at which a grid fits into a notebook."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.show.layout import SMALLEST
from pruna_nb.show.markup import figure, notebook_bytes, relative_address, video_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.cells import Cell
    from pruna_nb.show.layout import Layout, Unit
    from pruna_nb.show.thumbs import Thumb, Thumbs

_SIZES = (768, 640, 512, 448, 384, 320, 288, 256, 224, 192, 160, 128, 112, SMALLEST)
_SAMPLE = 24


@dataclass(frozen=True)
class Fitted:
    """What came of fitting a grid into its bytes.

    Attributes
    ----------
    html : str
    size : int
        Side of the box that pictures fit into, in pixels.
    cells : int
        How many cells are shown.
    posters : int
        How many videos are shown as posters for want of bytes.
    """

    html: str
    size: int
    cells: int
    posters: int = 0


def fit_bytes(
    layout: Layout, thumbs: Thumbs, size: int, room: int | None, *, live: bool = False
) -> Fitted:
    """Compose a layout in at most `room` bytes, with pictures as large as they may be.

    Parameters
    ----------
    layout : Layout
    thumbs : Thumbs
    size : int
        Side of the box that pictures fit into, in pixels; the largest that is tried.
    room : int or None
        Bytes in the notebook's file; None: no limit.
    live : bool
        Whether videos play.

    Returns
    -------
    Fitted
        With the last units left out if they do not fit at 96 pixels either.
    """
    if room is None:
        figures = _figures(layout.units, thumbs, size)
        return _play(layout, thumbs, figures, size, None, live=live)
    steps = [size, *(step for step in _SIZES if step < size)]
    first = _Sample.at(layout, thumbs, size)
    for step in steps:
        # the law spares a look at each size, and the look spares a thousand thumbnails that are
        # thrown away
        likely = first.scaled(step) <= room and _Sample.at(layout, thumbs, step).total <= room
        if not likely:
            continue
        figures = _figures(layout.units, thumbs, step)
        if notebook_bytes(layout.html(figures, step)) <= room:
            return _play(layout, thumbs, figures, step, room, live=live)
    figures = _as_many(layout, thumbs, steps[-1], room)
    return _play(layout, thumbs, figures, steps[-1], room, live=live)


@dataclass(frozen=True)
class _Sample:
    """What a whole layout takes at one size, told from some of its units.

    Attributes
    ----------
    size : int
        Side of the box that pictures fit into, in pixels.
    pictures, words : float
        Bytes of the thumbnails and of all else.
    """

    size: int
    pictures: float
    words: float

    @classmethod
    def at(cls, layout: Layout, thumbs: Thumbs, size: int) -> _Sample:
        """Look at units that are spread evenly."""
        units = layout.units
        number = min(_SAMPLE, len(units))
        some = [units[i * len(units) // number] for i in range(number)]
        made = _thumbs_of(some, thumbs, size)
        share = len(units) / max(1, number)
        cells = [cell for unit in some for cell in unit.cells]
        # base64 writes three bytes as four
        pictures = sum(len(made[id(c)].webp) * 4 / 3 for c in cells if id(c) in made) * share
        drawn = _figures(some, thumbs, size)
        figures = sum(notebook_bytes("".join(unit)) for unit in drawn) * share
        frame = notebook_bytes(layout.html([[""] * len(unit.cells) for unit in units], size))
        return cls(size, pictures, frame + figures - pictures)

    @property
    def total(self) -> float:
        return self.pictures + self.words

    def scaled(self, size: int) -> float:
        """Guess the bytes at a smaller size: of a photo they shrink with the power 1.6 of it."""
        return self.pictures * math.pow(size / self.size, 1.6) + self.words


def _thumbs_of(units: Sequence[Unit], thumbs: Thumbs, size: int) -> dict[int, Thumb]:
    """Make the thumbnails of all cells that have one, at once; by the cells' identity."""
    cells = [cell for unit in units for cell in unit.cells if shows_picture(cell)]
    sources = [cell.picture for cell in cells if cell.picture is not None]
    made = thumbs.make(sources, size)
    return {id(cell): thumb for cell, thumb in zip(cells, made, strict=True)}


def shows_picture(cell: Cell) -> bool:
    """Tell whether a cell has a file from which a picture can be made."""
    return cell.picture is not None and (cell.poster is not None or cell.media != "zip")


def _figures(units: Sequence[Unit], thumbs: Thumbs, size: int) -> list[list[str]]:
    made = _thumbs_of(units, thumbs, size)
    return [
        [figure(cell, made.get(id(cell)), size, fluid=True) for cell in unit.cells]
        for unit in units
    ]


def _as_many(layout: Layout, thumbs: Thumbs, size: int, room: int) -> list[list[str]]:
    """Give the figures of as many units as fit."""
    figures: list[list[str]] = []
    used = 0
    for start in range(0, len(layout.units), _SAMPLE):
        new = _figures(layout.units[start : start + _SAMPLE], thumbs, size)
        figures += new
        used += sum(notebook_bytes("".join(unit)) for unit in new)
        if used > room:
            break
    while figures and notebook_bytes(layout.html(figures, size)) > room:
        over = notebook_bytes(layout.html(figures, size)) - room
        while figures and over > 0:
            over -= notebook_bytes("".join(figures.pop()))
    return figures


def _play(
    layout: Layout,
    thumbs: Thumbs,
    figures: list[list[str]],
    size: int,
    room: int | None,
    *,
    live: bool,
) -> Fitted:
    """Put players in the place of posters, while there is room for them."""
    shown = layout.units[: len(figures)]
    cells = sum(len(unit.cells) for unit in shown)
    markup = layout.html(figures, size)
    if not live:
        return Fitted(markup, size, cells)
    left = None if room is None else room - notebook_bytes(markup)
    made = _thumbs_of(shown, thumbs, size)
    posters = 0
    for unit, drawn in zip(shown, figures, strict=True):
        for i, cell in enumerate(unit.cells):
            if cell.media != "video" or cell.status != "succeeded" or cell.source is None:
                continue
            new = _player(cell, made[id(cell)], size)
            more = notebook_bytes(new) - notebook_bytes(drawn[i])
            if left is not None and more > left:
                posters += 1
                continue
            left = None if left is None else left - more
            drawn[i] = new
    return Fitted(layout.html(figures, size), size, cells, posters)


def _player(cell: Cell, thumb: Thumb, size: int) -> str:
    address = relative_address(cell.path) if cell.path is not None else None
    if address is None and cell.source is not None:
        address = video_uri(cell.source)
    return figure(cell, thumb, size, address=address, fluid=True)
