"""A table with pictures among its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError
from pruna_nb.show.byte_budget import shows_picture
from pruna_nb.show.cells import Cell
from pruna_nb.show.grids import read_sizes
from pruna_nb.show.layout import SMALLEST
from pruna_nb.show.markup import BREAK, FAINT, SMALL, TABLE, box, image, notebook_bytes, webp_size
from pruna_nb.show.ratios import mismatch
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.text import NO_MATH, counted, escaped, isolated, megabytes, missing

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

_TEXT_LIMIT = 200
_SHORT = 30
_NOTES_BYTES = 700
_SIZES = (256, 192, 160, 128, SMALLEST, 64)
_LINE = "border-bottom:1px solid rgba(128,128,128,.3)"
_BARE = f"padding:8px 16px 8px 0;vertical-align:top;{BREAK}{_LINE};"
_CELL = f"{SMALL}{_BARE}"
_NOTE = f"{SMALL}{FAINT}margin:10px 0 0;text-align:left"


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
    """Write a table as HTML, with thumbnails in some columns.

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
    _check(columns, rows, image_columns)
    problems = Problems()
    sizes = read_sizes(problems, size=size, max_bytes=max_bytes)
    problems.check("This table cannot be shown")
    size, max_bytes = sizes["size"], sizes["max_bytes"]
    thumbs = Thumbs(thumbs_dir)
    heading = ""
    if title:
        heading = f"<p style='{SMALL}font-weight:600;margin:0 0 8px'>{isolated(title, 200)}</p>"
    room = None if max_bytes is None else max_bytes - _NOTES_BYTES - notebook_bytes(heading)
    steps = [size, *(step for step in _SIZES if step < size)]
    drawn: list[str] = []
    step = size
    for step in steps:
        if room is not None and step != steps[-1] and len(rows) > page_size:
            # the first page stands for the rest: thumbnails of a size that cannot do are not made
            some = _rows(columns, rows[:page_size], image_columns, step, thumbs)
            if sum(map(notebook_bytes, some)) * len(rows) / page_size > room:
                continue
        drawn = _rows(columns, rows, image_columns, step, thumbs)
        if room is None or notebook_bytes(_pages(columns, drawn, page_size, len(rows))) <= room:
            break
    while room is not None and drawn:
        over = notebook_bytes(_pages(columns, drawn, page_size, len(rows))) - room
        if over <= 0:
            break
        while drawn and over > 0:
            over -= notebook_bytes(drawn.pop())
    note = _note(len(drawn), len(rows), step, size, max_bytes, pictures=bool(image_columns))
    body = _pages(columns, drawn, page_size, len(rows))
    return f"<div class='{NO_MATH}'>{heading}{body}{note}</div>"


def _check(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], image_columns: Collection[str]
) -> None:
    strange = [name for name in image_columns if name not in columns]
    if strange:
        message = f"no such columns to show: {strange}; there are {list(columns)}"
        raise InputError(message)
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            message = f"row {number} has {len(row)} values for {len(columns)} columns"
            raise InputError(message)


def _note(
    shown: int, total: int, step: int, size: int, max_bytes: int | None, *, pictures: bool
) -> str:
    if not total:
        return f"<p style='{_NOTE}'>There are no rows to show.</p>"
    if max_bytes is None or (shown == total and (step == size or not pictures)):
        return ""
    limit = megabytes(max_bytes)
    if shown < total:
        said = f"{shown:,} of {counted(total, 'row')} shown to stay below {limit}."
    else:
        said = f"Pictures at {step} px to stay below {limit}."
    return f"<p style='{_NOTE}'>{said}</p>"


def _rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    image_columns: Collection[str],
    size: int,
    thumbs: Thumbs,
) -> list[str]:
    at = [i for i, name in enumerate(columns) if name in image_columns]
    cells = {(number, i): _as_cell(row[i]) for number, row in enumerate(rows) for i in at}
    seen = {place: cell for place, cell in cells.items() if cell and shows_picture(cell)}
    made = thumbs.make([cell.picture for cell in seen.values() if cell.picture is not None], size)
    found = dict(zip(seen, made, strict=True))
    drawn = []
    for number, row in enumerate(rows):
        parts = []
        for i, value in enumerate(row):
            place = (number, i)
            if place not in cells:
                parts.append(_text(value))
                continue
            cell, thumb = cells[place], found.get(place)
            parts.append(f"<td style='{_BARE}text-align:left'>{_picture(cell, thumb, size)}</td>")
        drawn.append(f"<tr style='background:none'>{''.join(parts)}</tr>")
    return drawn


def _picture(cell: Cell | None, thumb: Any, size: int) -> str:
    if cell is None:
        return ""
    if thumb is None or not thumb.webp:
        return box(cell, thumb, size)
    # narrower than the column would make it: a table with much text squeezes its pictures
    width, _ = webp_size(thumb.webp)
    odd = mismatch(thumb.size[0], thumb.size[1], cell.ratio_asked)
    said = f"<span style='{SMALL}{FAINT}'>⚠ {escaped(odd, 100)}</span>" if odd else ""
    return f"<div style='min-width:{width}px'>{image(cell, thumb, size, squeezed=True)}{said}</div>"


def _as_cell(value: Any) -> Cell | None:
    if isinstance(value, Cell):
        return value
    return None if missing(value) or not str(value) else Cell(path=str(value))


def _text(value: object) -> str:
    if missing(value):
        return f"<td style='{_CELL}'></td>"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        said = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
        return f"<td style='{_CELL}text-align:right;white-space:nowrap'>{said}</td>"
    style = f"{_CELL}{_room(value)}text-align:left"
    return f"<td style='{style}'>{isolated(value, _TEXT_LIMIT)}</td>"


def _room(value: object) -> str:
    """Keep a word whole and a column of prompts wider than a word: else others squeeze them."""
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
