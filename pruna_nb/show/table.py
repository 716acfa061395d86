"""A table with pictures among its columns.

Where scripts may run it is searched, filtered and sorted, and its pictures are seen large; where
they may not, as on GitHub, it is the same table as it stands. The scripts are our own: DataTables,
as itables brings it, takes 970 kB once in each notebook and 8 kB a table, and leaves no row to be
read where scripts are stripped; these take 10 kB a table, and ask no host for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pruna_nb.arguments import Problems, choice
from pruna_nb.arguments import path as read_path
from pruna_nb.errors import InputError
from pruna_nb.show.byte_budget import Pieces, fit_bytes, notebook_bytes
from pruna_nb.show.cells import Cell
from pruna_nb.show.enlarged import larger_pictures
from pruna_nb.show.figures import Figures, figures_of, is_number
from pruna_nb.show.grids import read_sizes
from pruna_nb.show.markup import (
    BREAK,
    FAINT,
    SMALL,
    TABLE,
    box,
    head_lines,
    image,
    note_line,
    webp_size,
)
from pruna_nb.show.page import Full
from pruna_nb.show.ratios import mismatch
from pruna_nb.show.scripts import script_text, unseen
from pruna_nb.show.table_page import save_table_page
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.templates import is_missing
from pruna_nb.text import NO_MATH, counted, escaped, isolated, megabytes, visible_line

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Sequence

    from pruna_nb.show.thumbs import Thumb

_TEXT_LIMIT = 200
_TITLE_LIMIT = 1_000  # characters of a whole text, which are searched too
_SHORT = 30
_NOTES_BYTES = 700  # kept free for the lines below the table, which are written last
_SCRIPT_AT_LEAST = 200_000  # bytes of a table that has room for scripts beside its pictures
_SMALLEST = 64
_LINE = f"border-bottom:1px solid {rgba(GREY, 0.3)}"
_BARE = f"padding:8px 16px 8px 0;vertical-align:top;{BREAK}{_LINE};"
_CELL = f"{SMALL}{_BARE}"


@dataclass(frozen=True)
class Table:
    """A table with pictures among its columns; made by `df.pruna.table`.

    The last expression of a notebook's cell shows it.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    image_columns: frozenset[str] = frozenset()
    size: int = 128
    max_bytes: int | None = 1_000_000
    page_size: int = 50
    title: str | None = None
    note: str = ""
    thumbs_dir: Path | None = None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return in one line how large the table is."""
        return f"<Table: {counted(len(self.rows), 'row')}, {counted(len(self.columns), 'column')}>"

    def html(self) -> str:
        """Return the table as HTML for a notebook's output, within ``max_bytes``."""
        head = f"<div class='{NO_MATH} pruna-table'>{head_lines(self.title, '')}"
        tail = "</div>"
        is_live = len(self.rows) > 1
        if is_live and (self.max_bytes is None or self.max_bytes >= _SCRIPT_AT_LEAST):
            tail = f"{_scripts()}{tail}"
        thumbs, rows = Thumbs(self.thumbs_dir), self._with_cells()
        figures = self._figures()

        def draw(numbers: Sequence[int], size: int) -> Pieces:
            return [[row] for row in _rows([rows[at] for at in numbers], size, thumbs, figures)]

        def compose(pieces: Pieces, _: int = 0) -> str:
            return self._pages([row for (row,) in pieces], figures)

        room = None
        if self.max_bytes is not None:
            room = self.max_bytes - _NOTES_BYTES - notebook_bytes(head + tail)
        drawn, fitted = fit_bytes(
            draw, compose, [1] * len(rows), size=self.size, smallest=_SMALLEST, room=room
        )
        body = compose(drawn)
        if len(drawn) == len(rows):
            cells = [value for row in rows for value in row if isinstance(value, Cell)]
            left = None if room is None else room - notebook_bytes(body)
            made = thumbs.of_cells(cells, fitted)
            larger = larger_pictures(
                cells, thumbs, made, size=fitted, limit=room, left=left, draw=_larger
            )
            body += _fold(list(larger.values()))
        notes = "".join(map(note_line, self._notes(len(drawn), fitted)))
        return f"{head}{body}{notes}{tail}"

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        size: int | None = None,
        full: Full | bool = "folder",
    ) -> list[Path]:
        """Write the table as a page for a browser, with search, filters, order and zoom.

        Parameters
        ----------
        path : path
            Ends with ``.html``.
        size : int, optional
            Side of the box that each picture fits into, in pixels; None: 160.
        full : {"folder", "inline", "none"} or bool
            Where the whole files go: into a folder beside the page (``table_files`` for
            ``table.html``), into the page itself (also True), or nowhere (also False).

        Returns
        -------
        list of Path
            The page.

        Raises
        ------
        InputError
            If the path does not end with ``.html``.
        OSError
            If a file cannot be written.

        Notes
        -----
        The page asks no host for anything, and carries the requests of its pictures, without
        secrets; `pruna_nb.read_sheet` returns them.
        """
        problems = Problems()
        target = problems.read(read_path, "path", path, instead=Path("table.html"))
        box_size = 160 if size is None else read_sizes(problems, size=size)["size"]
        where: Any = {True: "inline", False: "none"}[full] if isinstance(full, bool) else full
        where = problems.read(choice, "full", where, get_args(Full), instead="none")
        if target.suffix.lower() not in {".html", ".htm"}:
            ending = target.suffix or "a file without suffix"
            problems.add(InputError(f"A table is written as .html; {ending} was given."))
        problems.check("This table cannot be saved")
        page = save_table_page(
            self.columns,
            self._with_cells(),
            self._figures(),
            target,
            title=self.title,
            note=self.note,
            thumbs=Thumbs(self.thumbs_dir),
            size=box_size,
            full=where,
        )
        return [page]

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # IPython picks from what it gets
        return {"text/html": self.html(), "text/plain": repr(self)}

    def _figures(self) -> list[Figures]:
        return [
            figures_of(name, (row[place] for row in self.rows))
            for place, name in enumerate(self.columns)
        ]

    def _with_cells(self) -> list[list[Any]]:
        """Return the rows with a `Cell` for each picture, None where there is none."""
        shown = [name in self.image_columns for name in self.columns]

        def cell(value: Any) -> Cell | None:
            if isinstance(value, Cell):
                return value
            return None if is_missing(value) or not str(value) else Cell(path=str(value))

        return [
            [cell(value) if is_image else value for value, is_image in zip(row, shown, strict=True)]
            for row in self.rows
        ]

    def _notes(self, drawn: int, fitted: int) -> list[str]:
        """Return what a reader must know beyond the rows, as HTML."""
        notes = []
        if not self.rows:
            notes.append("There are no rows to show.")
        elif self.max_bytes is not None and drawn < len(self.rows):
            total = counted(len(self.rows), "row")
            notes.append(
                f"{drawn:,} of {total} shown to stay below {megabytes(self.max_bytes)}; "
                "<code>.save('table.html')</code> holds them all."
            )
        elif self.max_bytes is not None and fitted < self.size and self.image_columns:
            notes.append(f"Pictures at {fitted} px to stay below {megabytes(self.max_bytes)}.")
        if self.note:
            notes.append(escaped(self.note, 1_000))
        return notes

    def _pages(self, drawn: Sequence[str], figures: Sequence[Figures]) -> str:
        heads = "".join(
            f"<th scope='col' style='{_CELL}{_room(name)}font-weight:600;"
            f"text-align:{'right' if form.are_numbers else 'left'}'>{isolated(name, 80)}</th>"
            for name, form in zip(self.columns, figures, strict=True)
        )
        start = (
            f"<div style='overflow:auto'><table style='{TABLE};table-layout:auto'><thead>"
            f"<tr style='background:none'>{heads}</tr></thead><tbody>"
        )
        parts = []
        for first in range(0, max(1, len(drawn)), self.page_size):
            page = drawn[first : first + self.page_size]
            body = f"{start}{''.join(page)}</tbody></table></div>"
            if first:
                name = f"Rows {first + 1:,} to {first + len(page):,} of {len(self.rows):,}"
                style = f"{SMALL}cursor:pointer;padding:8px 0;font-weight:600"
                body = f"<details><summary style='{style}'>{name}</summary>{body}</details>"
            parts.append(body)
        return "".join(parts)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    image_columns: Collection[str] = (),
    size: int = 128,
    max_bytes: int | None = 1_000_000,
    page_size: int = 50,
    title: str | None = None,
    note: str = "",
    thumbs_dir: str | os.PathLike[str] | None = None,
) -> Table:
    """Return a table with thumbnails in some columns, that shows itself.

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
    note : str
        A line below the table.
    thumbs_dir : path, optional
        Where thumbnails are kept; None: they are made anew each time.

    Raises
    ------
    InputError
        If a row has another number of values, or an image column is not among `columns`.

    Examples
    --------
    >>> from pruna_nb.show.table import table
    >>> table(["prompt", "cost_usd"], [["a fox", 0.005], ["an owl", 0.01]])
    <Table: 2 rows, 2 columns>
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
    sizes = read_sizes(problems, size=size, max_bytes=max_bytes, page_size=page_size)
    problems.check("This table cannot be shown")
    return Table(
        tuple(columns),
        tuple(map(tuple, rows)),
        frozenset(image_columns),
        **sizes,
        title=title,
        note=note,
        thumbs_dir=None if thumbs_dir is None else Path(thumbs_dir),
    )


def table_html(columns: Sequence[str], rows: Sequence[Sequence[Any]], **options: Any) -> str:
    """Return a table as HTML; the parameters are those of `table`.

    Examples
    --------
    >>> html = table_html(["prompt", "cost"], [["a <b>", 0.005]])
    >>> "a &lt;b&gt;" in html, "0.005" in html
    (True, True)
    """
    return table(columns, rows, **options).html()


def _rows(
    rows: Sequence[Sequence[Any]], size: int, thumbs: Thumbs, figures: Sequence[Figures]
) -> list[str]:
    made = thumbs.of_cells((each for row in rows for each in row if isinstance(each, Cell)), size)
    drawn = []
    for row in rows:
        parts = []
        for value, form in zip(row, figures, strict=True):
            if isinstance(value, Cell):
                picture = _picture(value, made.get(id(value)), size)
                parts.append(f"<td style='{_BARE}text-align:left'>{picture}</td>")
            else:
                parts.append(_text(value, form))
        drawn.append(f"<tr style='background:none'>{''.join(parts)}</tr>")
    return drawn


def _picture(cell: Cell, thumb: Thumb | None, size: int) -> str:
    if thumb is None or not thumb.webp:
        return box(cell, thumb, size)
    # narrower than the column would make it: a table with much text squeezes its pictures
    width, _ = webp_size(thumb.webp)
    odd = mismatch(thumb.size[0], thumb.size[1], cell.ratio_asked)
    warning = f"<span style='{SMALL}{FAINT}'>⚠ {escaped(odd, 100)}</span>" if odd else ""
    if thumb.seconds:
        warning = f"<span style='{SMALL}{FAINT}'>▶ {thumb.seconds:.1f} s</span> {warning}"
    return (
        f"<div style='min-width:{width}px'>{image(cell, thumb, size, squeezed=True)}{warning}</div>"
    )


def _larger(cell: Cell, tag: str, _: int) -> str:
    words = f"<figcaption style='{SMALL}{BREAK}'>{isolated(cell.caption, _TEXT_LIMIT)}</figcaption>"
    return f"<figure style='margin:0;min-width:0'>{tag}{words}</figure>"


def _fold(figures: Sequence[str]) -> str:
    """Return the larger pictures below the table: without a script, nothing else enlarges them."""
    if not figures:
        return ""
    style = "display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:16px"
    return (
        f"<details><summary style='{SMALL}cursor:pointer;padding:8px 0;font-weight:600'>"
        f"{counted(len(figures), 'picture')} enlarged</summary>"
        f"<div style='{style}'>{''.join(figures)}</div></details>"
    )


def _text(value: Any, form: Figures) -> str:
    if is_missing(value):
        return f"<td style='{_CELL}'></td>"
    if is_number(value):
        style = f"{_CELL}text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"
        return f"<td style='{style}'>{form.text(value)}</td>"
    whole = visible_line(value, _TITLE_LIMIT)
    title = f" title='{escaped(whole, _TITLE_LIMIT)}'" if len(whole) > _TEXT_LIMIT else ""
    style = f"{_CELL}{_room(value)}text-align:left"
    return f"<td style='{style}'{title}>{isolated(value, _TEXT_LIMIT)}</td>"


def _room(value: object) -> str:
    # a browser squeezes a column of prompts to one word a line if other columns are wide
    if len(str(value)) > _SHORT:
        return "min-width:200px;max-width:380px;"
    return "white-space:nowrap;"


def _scripts() -> str:
    inside = "(this.closest('.pruna-table'))"
    zoom, order = script_text("table_zoom.js").strip(), script_text("table.js").strip()
    # pictures first: their larger ones are found by the order in which the rows were made
    return unseen(f"{zoom}{inside};\n{order}{inside};")
