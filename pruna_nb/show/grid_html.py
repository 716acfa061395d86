"""A grid's HTML within its bytes: pictures as large as they may be, and players for videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.show.byte_budget import Pieces, fit_bytes, notebook_bytes
from pruna_nb.show.enlarged import larger_pictures
from pruna_nb.show.layout import SMALLEST
from pruna_nb.show.markup import figure, relative_address, video_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.layout import Layout
    from pruna_nb.show.thumbs import Thumbs


@dataclass(frozen=True)
class Fitted:
    """A grid that was fitted into its bytes.

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


def fitted_grid(
    layout: Layout, thumbs: Thumbs, size: int, room: int | None, *, live: bool = False
) -> Fitted:
    """Compose a layout in at most `room` bytes (None: no limit); `live` lets videos play."""

    def draw(numbers: Sequence[int], size: int) -> Pieces:
        units = [layout.units[number] for number in numbers]
        made = thumbs.of_cells([cell for unit in units for cell in unit.cells], size)
        return [
            [
                figure(cell, made.get(id(cell)), size, fluid=True, repeated=layout.repeated(size))
                for cell in unit.cells
            ]
            for unit in units
        ]

    counts = [len(unit.cells) for unit in layout.units]
    figures, size = fit_bytes(draw, layout.html, counts, size=size, smallest=SMALLEST, room=room)
    html = layout.html(figures, size)
    posters = 0
    if live:
        left = None if room is None else room - notebook_bytes(html)
        posters = _play(layout, thumbs, figures, size, left)
        html = layout.html(figures, size)
    cells = [cell for unit in layout.units[: len(figures)] for cell in unit.cells]
    if len(figures) == len(layout.units):
        left = None if room is None else room - notebook_bytes(html)
        made = thumbs.of_cells(cells, size)
        html += larger_pictures(cells, thumbs, made, size=size, limit=room, left=left)
    return Fitted(html, size, len(cells), posters)


def _play(layout: Layout, thumbs: Thumbs, figures: Pieces, size: int, room: int | None) -> int:
    """Replace posters by players while there is room; return how many posters are left."""
    shown = layout.units[: len(figures)]
    made = thumbs.of_cells([cell for unit in shown for cell in unit.cells], size)
    posters = 0
    for unit, drawn in zip(shown, figures, strict=True):
        for i, cell in enumerate(unit.cells):
            if cell.media != "video" or cell.status != "succeeded" or cell.source is None:
                continue
            address = relative_address(cell.path) if cell.path is not None else None
            address = address or video_uri(cell.source)
            repeated = layout.repeated(size)
            player = figure(
                cell, made[id(cell)], size, address=address, fluid=True, repeated=repeated
            )
            more = notebook_bytes(player) - notebook_bytes(drawn[i])
            if room is not None and more > room:
                posters += 1
                continue
            room = None if room is None else room - more
            drawn[i] = player
    return posters
