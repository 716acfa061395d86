"""As large as the bytes allow: the size at which pictures fit into a notebook's file."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# the HTML of each unit, which is shown or left out as one: a picture, a row of a grid or a table
Pieces = list[list[str]]

_SIZES = (1536, 1280, 1024, 768, 640, 512, 448, 384, 320, 288, 256, 224, 192, 160, 128, 112, 96, 64)
_SAMPLE = 24
_EMBEDDED = re.compile(r"base64,[^'\"]*")


def notebook_bytes(markup: str) -> int:
    """Return the bytes that HTML takes in a notebook's file, where it is a JSON string.

    Examples
    --------
    >>> notebook_bytes("<b>é</b>")
    9
    """
    return len(json.dumps(markup, ensure_ascii=False).encode()) - 2


def fit_bytes(
    draw: Callable[[Sequence[int], int], Pieces],
    compose: Callable[[Pieces, int], str],
    cells: Sequence[int],
    *,
    size: int,
    smallest: int,
    room: int | None,
) -> tuple[Pieces, int]:
    """Draw units in at most `room` bytes, with pictures as large as possible.

    Parameters
    ----------
    draw : callable
        Called with the numbers of some units and a size in pixels; returns their HTML.
    compose : callable
        Called with the HTML of the first units and its size; returns the whole.
    cells : sequence of int
        How many pieces each unit has.
    size, smallest : int
        The largest and the smallest size of a picture, in pixels.
    room : int or None
        Bytes in the notebook's file; None: no limit.

    Returns
    -------
    tuple
        The HTML of the units and its size. The last units are left out if they do not fit at the
        smallest size either.
    """
    everything = range(len(cells))
    if room is None:
        return draw(everything, size), size
    number = min(_SAMPLE, len(cells))
    sample = [i * len(cells) // number for i in range(number)]
    frame = notebook_bytes(compose([[""] * count for count in cells], size))

    def estimate(step: int) -> tuple[float, float]:
        """Return the bytes of all pictures and of everything else, from the sample's."""
        drawn = ["".join(unit) for unit in draw(sample, step)]
        share = len(cells) / max(1, number)
        pictures = sum(len(data) for html in drawn for data in _EMBEDDED.findall(html)) * share
        return pictures, frame + sum(map(notebook_bytes, drawn)) * share - pictures

    steps = [size, *(step for step in _SIZES if smallest <= step < size)]
    pictures, words = estimate(size)
    for step in steps:
        # A photo's bytes shrink with the power 1.6 of its size. This law spares a sample at each
        # size, and the sample spares a thousand thumbnails that would be thrown away.
        guess = pictures * math.pow(step / size, 1.6) + words
        if guess > room or (step < size and sum(estimate(step)) > room):
            continue
        pieces = draw(everything, step)
        if notebook_bytes(compose(pieces, step)) <= room:
            return pieces, step
    return _as_many(draw, compose, everything, steps[-1], room), steps[-1]


def _as_many(
    draw: Callable[[Sequence[int], int], Pieces],
    compose: Callable[[Pieces, int], str],
    units: Sequence[int],
    size: int,
    room: int,
) -> Pieces:
    """Return the HTML of as many units as fit."""
    pieces: Pieces = []
    used = 0
    for start in range(0, len(units), _SAMPLE):
        new = draw(units[start : start + _SAMPLE], size)
        pieces += new
        used += sum(notebook_bytes("".join(unit)) for unit in new)
        if used > room:
            break
    # Composing a thousand rows to measure them is slow: one pass removes all that is over, and
    # only what the frame saves with them needs another.
    while pieces and (over := notebook_bytes(compose(pieces, size)) - room) > 0:
        while pieces and over > 0:
            over -= notebook_bytes("".join(pieces.pop()))
    return pieces
