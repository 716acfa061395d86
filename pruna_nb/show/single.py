"""One output as a notebook shows it: a picture, a video that plays, or what it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pruna_nb.show.byte_budget import Pieces, fit_bytes
from pruna_nb.show.cells import Cell, Kind
from pruna_nb.show.markup import figure, relative_address, video_uri
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.text import NO_MATH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pruna_nb.statuses import Status

_SMALLEST = 128


def picture_html(
    path: str | os.PathLike[str] | None,
    *,
    alt: str = "",
    caption: str = "",
    status: Status = "succeeded",
    error: str | None = None,
    ratio_asked: str | None = None,
    kind: Kind | None = None,
    size: int = 640,
    max_bytes: int = 200_000,
    max_video_bytes: int = 8_000_000,
    thumbs_dir: str | Path | None = None,
) -> str:
    """Show a single output: what its ``_repr_html_`` returns.

    Parameters
    ----------
    path : path or None
        The file; None if there is none.
    alt, caption, status, error, ratio_asked, kind
        As in `Cell`.
    size : int
        Side of the box that the picture fits into, in pixels.
    max_bytes : int
        What a picture may take in the notebook's file; it is made smaller until it fits.
    max_video_bytes : int
        What a video may take if it lies outside of the working folder, where a notebook cannot
        reach it; a longer one is shown as a still.
    thumbs_dir : path, optional
        Where thumbnails are kept.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> "pending" in picture_html(None, status="pending")
    True
    """
    cell = Cell(
        path=None if path is None else os.fspath(path),
        alt=alt,
        caption=caption,
        status=status,
        error=error,
        ratio_asked=ratio_asked,
        kind=kind,
    )
    thumbs = Thumbs(thumbs_dir)

    def draw(_: Sequence[int], size: int, address: str | None = None) -> Pieces:
        return [[figure(cell, thumbs.of_cells([cell], size).get(id(cell)), size, address=address)]]

    if cell.media == "video" and cell.picture is not None:
        ((html,),) = draw([0], size, _video_address(cell, max_video_bytes))
        return f"<div class='{NO_MATH}'>{html}</div>"
    room = max_bytes - len(f"<div class='{NO_MATH}'></div>")
    # one picture has nothing to leave out: at its smallest it is shown whatever it takes
    pieces, fitted = fit_bytes(
        draw,
        lambda pieces, _: "".join(map("".join, pieces)),
        [1],
        size=size,
        smallest=_SMALLEST,
        room=room,
    )
    html = (pieces or draw([0], fitted))[0][0]
    return f"<div class='{NO_MATH}'>{html}</div>"


def _video_address(cell: Cell, max_bytes: int) -> str | None:
    if cell.path is None:
        return None
    address = relative_address(cell.path)
    if address is not None:
        return address
    try:
        # base64 writes three bytes as four
        small = os.stat(cell.path).st_size * 4 / 3 <= max_bytes  # noqa: PTH116 - a str here
    except (OSError, ValueError):
        return None
    return video_uri(cell.path) if small else None
