"""A table with pictures among its columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError
from pruna_nb.show.byte_budget import Pieces, fit_bytes, notebook_bytes
from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import read_sizes
from pruna_nb.show.markup import BREAK, FAINT, SMALL, TABLE, box, image, note_line, webp_size
from pruna_nb.show.ratios import mismatch
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.templates import is_missing
from pruna_nb.text import NO_MATH, counted, escaped, isolated, megabytes

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Sequence

    from pruna_nb.show.thumbs import Thumb

_TEXT_LIMIT = 200
_SHORT = 30
_NOTES_BYTES = 700  # kept free for the line below the table, which is written last
_SMALLEST = 64
_LINE = f"border-bottom:1px solid {rgba(GREY, 0.3)}"
_BARE = f"padding:8px 16px 8px 0;vertical-align:top;{BREAK}{_LINE};"
_CELL = f"{SMALL}{_BARE}"


def table_html(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    image_columns: Collection[str] = (),
    size: int = 128,
    max_bytes: int | None = 1_000_000,
    page_size: int = 50,
    title: str | None = None,
    thumbs_dir: str | os.PathLike[str] | None = None,
) -> str:
    """Return a table as HTML, with thumbnails in some columns.

    Parameters
    ----------
    columns : sequence of str
        The headings.
    rows : sequence of sequence
        As many values in each as there are columns. Any value: its text is escaped and cut at
        200 characters; None and NaN stay empty; numbers stand to the right.
    image_columns : collection of str
        Headings of the columns whose values are shown: paths, `Cell` objects, or None.
    size : int
        Side of the box that each picture fits into, in pixels.
    max_bytes : int, optional
        What the table may take in the notebook's file: pictures get smaller, down to 64 pixels,
        and then rows fewer, and a line says so. None: no limit.
    page_size : int
        Rows that are open; the rest is folded away, as many at a time.
    title : str, optional
    thumbs_dir : path, optional
        Where thumbnails are kept; None: they are made anew each time.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a row has another number of values, or an image column is not among `columns`.

    Examples
    --------
    >>> html = table_html(["prompt", "cost"], [["a <b>", 0.005]])
    >>> "a &lt;b&gt;" in html, "0.005" in html
    (True, True)
    """
    unknown = [name for name in image_columns if name not in columns]
    if unknown:
        message = f"no such columns to show: {unknown}; there are {list(columns)}"
        raise InputError(message)
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            message = f"row {number} has {len(row)} values for {len(columns)} columns"
            raise InputError(message)
    problems = Problems()
    sizes = read_sizes(problems, size=size, max_bytes=max_bytes)
    problems.check("This table cannot be shown")
    size, max_bytes = sizes["size"], sizes["max_bytes"]
    heading = ""
    if title:
        heading = f"<p style='{SMALL}font-weight:600;margin:0 0 8px'>{isolated(title, 200)}</p>"
    thumbs = Thumbs(thumbs_dir)
    decimals = [_decimals(row[place] for row in rows) for place in range(len(columns))]

    def draw(numbers: Sequence[int], size: int) -> Pieces:
        some = [rows[number] for number in numbers]
        return [
            [row] for row in _rows(columns, some, image_columns, size, thumbs, decimals=decimals)
        ]

    def compose(pieces: Pieces, _: int = 0) -> str:
        return _pages(columns, [row for (row,) in pieces], page_size, len(rows))

    room = None if max_bytes is None else max_bytes - _NOTES_BYTES - notebook_bytes(heading)
    drawn, fitted = fit_bytes(
        draw, compose, [1] * len(rows), size=size, smallest=_SMALLEST, room=room
    )
    note = ""
    if not rows:
        note = "There are no rows to show."
    elif max_bytes is not None and len(drawn) < len(rows):
        total = counted(len(rows), "row")
        note = f"{len(drawn):,} of {total} shown to stay below {megabytes(max_bytes)}."
    elif max_bytes is not None and fitted < size and image_columns:
        note = f"Pictures at {fitted} px to stay below {megabytes(max_bytes)}."
    below = note_line(note) if note else ""
    return f"<div class='{NO_MATH}'>{heading}{compose(drawn)}{below}</div>"


def _rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    image_columns: Collection[str],
    size: int,
    thumbs: Thumbs,
    *,
    decimals: Sequence[int | None],
) -> list[str]:
    shown = [i for i, name in enumerate(columns) if name in image_columns]
    cells: dict[tuple[int, int], Cell | None] = {}
    for number, row in enumerate(rows):
        for i in shown:
            value = row[i]
            if not isinstance(value, Cell):
                value = None if is_missing(value) or not str(value) else Cell(path=str(value))
            cells[number, i] = value
    made = thumbs.of_cells(filter(None, cells.values()), size)
    drawn = []
    for number, row in enumerate(rows):
        parts = []
        for i, value in enumerate(row):
            if (number, i) not in cells:
                parts.append(_text(value, decimals[i]))
                continue
            cell = cells[number, i]
            picture = "" if cell is None else _picture(cell, made.get(id(cell)), size)
            parts.append(f"<td style='{_BARE}text-align:left'>{picture}</td>")
        drawn.append(f"<tr style='background:none'>{''.join(parts)}</tr>")
    return drawn


def _picture(cell: Cell, thumb: Thumb | None, size: int) -> str:
    if thumb is None or not thumb.webp:
        return box(cell, thumb, size)
    # narrower than the column would make it: a table with much text squeezes its pictures
    width, _ = webp_size(thumb.webp)
    odd = mismatch(thumb.size[0], thumb.size[1], cell.ratio_asked)
    warning = f"<span style='{SMALL}{FAINT}'>⚠ {escaped(odd, 100)}</span>" if odd else ""
    return (
        f"<div style='min-width:{width}px'>{image(cell, thumb, size, squeezed=True)}{warning}</div>"
    )


def _decimals(values: Iterable[Any]) -> int | None:
    """Return how many decimals show all numbers of a column evenly; None if none would.

    Very small and very large ones are written with an exponent, each as it is.
    """
    texts = [
        f"{value:.6g}"
        for value in values
        if isinstance(value, float) and math.isfinite(value) and value % 1
    ]
    if not texts or any(not text.lstrip("-").replace(".", "", 1).isdigit() for text in texts):
        return None
    return max(len(text.partition(".")[2]) for text in texts)


def _text(value: object, decimals: int | None) -> str:
    if is_missing(value):
        return f"<td style='{_CELL}'></td>"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
        if decimals is not None and isinstance(value, float) and math.isfinite(value):
            text = f"{value:,.{decimals}f}"
        return f"<td style='{_CELL}text-align:right;white-space:nowrap'>{text}</td>"
    style = f"{_CELL}{_room(value)}text-align:left"
    return f"<td style='{style}'>{isolated(value, _TEXT_LIMIT)}</td>"


def _room(value: object) -> str:
    # a browser squeezes a column of prompts to one word a line if other columns are wide
    if len(str(value)) > _SHORT:
        return "min-width:200px;max-width:380px;"
    return "white-space:nowrap;"


def _pages(columns: Sequence[str], drawn: Sequence[str], page_size: int, total: int) -> str:
    heads = "".join(
        f"<th scope='col' style='{_CELL}{_room(name)}text-align:left;font-weight:600'>"
        f"{isolated(name, 80)}</th>"
        for name in columns
    )
    start = (
        f"<div style='overflow:auto'><table style='{TABLE};table-layout:auto'><thead>"
        f"<tr style='background:none'>{heads}</tr></thead><tbody>"
    )
    parts = []
    for first in range(0, max(1, len(drawn)), page_size):
        page = drawn[first : first + page_size]
        body = f"{start}{''.join(page)}</tbody></table></div>"
        if first:
            name = f"Rows {first + 1:,} to {first + len(page):,} of {total:,}"
            style = f"{SMALL}cursor:pointer;padding:8px 0;font-weight:600"
            body = f"<details><summary style='{style}'>{name}</summary>{body}</details>"
        parts.append(body)
    return "".join(parts)
