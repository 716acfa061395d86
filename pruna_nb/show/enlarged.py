"""What a click on a picture of a grid opens: the picture large, or a video with its controls.

It is a fold of HTML, so it works where no script may run, and after the kernel is gone. The large
one lies across the whole grid, below its row: a spacer in the cell keeps its place free.
"""

from __future__ import annotations

import html
import math
from functools import cache
from typing import TYPE_CHECKING

from pruna_nb.show.byte_budget import notebook_bytes
from pruna_nb.show.markup import (
    BREAK,
    FAINT,
    SMALL,
    alt_text,
    data_uri,
    facts_of,
    prompt_of,
    relative_address,
    video_uri,
    webp_size,
)
from pruna_nb.show.ratios import fit
from pruna_nb.show.scripts import script_text, unseen
from pruna_nb.text import isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pruna_nb.show.cells import Cell
    from pruna_nb.show.thumbs import Thumb, Thumbs

_SIZES = (768, 640, 512, 448, 384, 320, 256)
_GROWTH = 1.4  # of a side: less is no enlargement
_MOST = 60  # more are a page's to show, since every look at the grid would make them all
_SHARE = 0.5  # of a grid's bytes: the other half keeps notebooks of many grids small
_USUAL_BYTES = 1_000_000
_FILM_SIZE = 768
_WORDS = 84  # pixels kept free for the words below it, which scroll beyond
_PROMPT_LIMIT = 600
_MEDIA = "display:block;max-width:100%;height:auto;margin:0;border-radius:4px"


def larger_pictures(
    cells: Sequence[Cell],
    thumbs: Thumbs,
    made: Mapping[int, Thumb],
    *,
    size: int,
    limit: int | None,
    left: int | None,
    draw: Callable[[Cell, str, int], str] | None = None,
) -> dict[int, str]:
    """Return what opens below the pictures of a grid; nothing if that takes too many bytes.

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
    draw : callable, optional
        Returns a cell's HTML from its ``<img>`` and that one's height; None: across a grid.

    Returns
    -------
    dict
        HTML, by the cells' `id`.
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
        return {}
    room = _SHARE * (_USUAL_BYTES if limit is None else limit)
    room = room if left is None else min(room, left)
    now = sum(len(made[id(cell)].webp) for cell in shown) * 4 / 3  # as base64
    for step in _SIZES:
        # the law of `fit_bytes`: pictures that cannot fit are not made
        if step < _GROWTH * size or now * math.pow(step / size, 1.6) > room:
            continue
        larger = thumbs.of_cells(shown, step)
        opened = {}
        for cell in shown:
            webp = larger[id(cell)].webp
            width, height = webp_size(webp)
            tag = (
                f"<img src='{data_uri(webp, 'image/webp')}' alt='{alt_text(cell)}' "
                f"width='{width}' height='{height}' style='{_MEDIA}'>"
            )
            opened[id(cell)] = (draw or _opened)(cell, tag, height)
        if sum(map(notebook_bytes, opened.values())) <= room:
            return opened
    return {}


def films(
    cells: Sequence[Cell], made: Mapping[int, Thumb], left: int | None, *, embed: bool = False
) -> tuple[dict[int, str], int]:
    """Return what opens below the stills of videos, while there is room, and how many have none.

    They have controls there, and their stills none: see `enlarged.js`. With `embed` they are part
    of the HTML even where a notebook could reach the file.
    """
    opened: dict[int, str] = {}
    without = 0
    for cell in cells:
        if cell.media != "video" or cell.status != "succeeded" or cell.source is None:
            continue
        address = None if embed or cell.path is None else relative_address(cell.path)
        address = address or video_uri(cell.source)
        thumb = made.get(id(cell))
        width, height = fit(
            *(thumb.size if thumb and thumb.webp else (16, 9)), _FILM_SIZE, enlarge=True
        )
        if address is not None:
            tag = (
                f"<video src='{html.escape(address)}' controls muted loop preload='metadata' "
                f"width='{width}' height='{height}' style='{_MEDIA}'>{alt_text(cell)}</video>"
            )
            drawn = _opened(cell, tag, height)
            if left is None or notebook_bytes(drawn) <= left:
                left = None if left is None else left - notebook_bytes(drawn)
                opened[id(cell)] = drawn
                continue
        without += 1
    return opened, without


def _opened(cell: Cell, tag: str, height: int) -> str:
    said = isolated(prompt_of(cell), _PROMPT_LIMIT) if prompt_of(cell) else ""
    facts = " · ".join(isolated(fact, 100) for fact in facts_of(cell))
    words = "<br>".join(filter(None, [said, f"<span style='{FAINT}'>{facts}</span>"]))
    style = f"{SMALL}{BREAK}max-height:{_WORDS - 20}px;overflow:auto;margin:6px 0 0;max-width:768px"
    return (
        f"<div style='position:absolute;left:0;right:0;z-index:3'>{tag}"
        f"<div style='{style}'>{words}</div></div><div style='height:{height + _WORDS}px'></div>"
    )


@cache
def script() -> str:
    """Return the unseen image whose handler lets stills play, and the keys close what is open."""
    return unseen(script_text("enlarged.js"))
