"""Larger pictures, folded below a grid: where no script may run, nothing else enlarges them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pruna_nb.show.byte_budget import notebook_bytes
from pruna_nb.show.markup import SMALL, figure
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.show.cells import Cell
    from pruna_nb.show.thumbs import Thumb, Thumbs

_SIZES = (768, 640, 512, 448, 384, 320, 256)
_GROWTH = 1.4  # of a side: less is no enlargement
_MOST = 60  # more are a page's to show, since every look at the grid would make them all
_SHARE = 0.5  # of a grid's bytes: the other half keeps notebooks of many grids small
_USUAL_BYTES = 1_000_000


def larger_pictures(
    cells: Sequence[Cell],
    thumbs: Thumbs,
    made: Mapping[int, Thumb],
    *,
    size: int,
    limit: int | None,
    left: int | None,
) -> str:
    """Return a fold with all pictures of a grid larger; empty if they take too many bytes.

    Parameters
    ----------
    cells : sequence of Cell
    thumbs : Thumbs
    made : mapping
        The thumbnails in the grid, by the cells' `id`.
    size : int
        Side of the box that these fit into, in pixels.
    limit, left : int or None
        Bytes of the whole grid, and those that are left of them; None: no limit.

    Returns
    -------
    str
        HTML.
    """
    shown = [
        cell
        for cell in cells
        if (thumb := made.get(id(cell))) is not None
        and thumb.webp
        and cell.media == "image"
        and max(thumb.size) >= _GROWTH * size
    ]
    if not shown or len(shown) > _MOST:
        return ""
    room = _SHARE * (_USUAL_BYTES if limit is None else limit)
    room = room if left is None else min(room, left)
    now = sum(len(made[id(cell)].webp) for cell in shown) * 4 / 3  # as base64
    for step in _SIZES:
        # the law of `fit_bytes`: pictures that cannot fit are not made
        if step < _GROWTH * size or now * math.pow(step / size, 1.6) > room:
            continue
        larger = thumbs.of_cells(shown, step)
        figures = "".join(figure(cell, larger[id(cell)], step) for cell in shown)
        style = f"display:grid;grid-template-columns:repeat(auto-fill,minmax(0,{step}px));gap:16px"
        html = (
            f"<details><summary style='{SMALL}cursor:pointer;padding:8px 0;font-weight:600'>"
            f"{counted(len(shown), 'picture')} enlarged to {step} px</summary>"
            f"<div style='{style}'>{figures}</div></details>"
        )
        if notebook_bytes(html) <= room:
            return html
    return ""
