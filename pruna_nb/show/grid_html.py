"""A grid's HTML within its bytes: pictures as large as they may be, and players for videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.show.byte_budget import Pieces, fit_bytes, notebook_bytes
from pruna_nb.show.enlarged import films, larger_pictures, script
from pruna_nb.show.layout import SMALLEST
from pruna_nb.show.markup import figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.layout import Layout
    from pruna_nb.show.thumbs import Thumbs

_FOLD_BYTES = 200  # of the fold around a picture


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
    layout: Layout,
    thumbs: Thumbs,
    size: int,
    room: int | None,
    *,
    live: bool = False,
    embed: bool = False,
) -> Fitted:
    """Compose a layout in at most `room` bytes (None: no limit).

    `live` lets videos play, and `embed` makes them part of the HTML wherever they lie.
    """

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
    markup = layout.html(figures, size)
    shown = layout.units[: len(figures)]
    cells = [cell for unit in shown for cell in unit.cells]
    made = thumbs.of_cells(cells, size)
    opened: dict[int, str] = {}
    posters = 0
    left = None if room is None else room - notebook_bytes(markup + script())
    left = None if left is None else left - _FOLD_BYTES * len(cells)
    if live:
        opened, posters = films(cells, made, left, embed=embed)
        left = None if left is None else left - sum(map(notebook_bytes, opened.values()))
    if len(shown) == len(layout.units):
        opened |= larger_pictures(cells, thumbs, made, size=size, limit=room, left=left)
    if opened:
        markup = layout.html(
            [
                [
                    figure(
                        cell,
                        made.get(id(cell)),
                        size,
                        fluid=True,
                        repeated=layout.repeated(size),
                        opened=opened.get(id(cell), ""),
                    )
                    for cell in unit.cells
                ]
                for unit in shown
            ],
            size,
        )
        # what is open lies across this box, whichever cell it belongs to
        markup = f"<div style='position:relative'>{markup}{script()}</div>"
    return Fitted(markup, size, len(cells), posters)
