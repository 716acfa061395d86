"""The grid: pictures with their text, as a frozen value that shows and saves itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pruna_nb.arguments import Problems, choice, switch, whole
from pruna_nb.arguments import path as read_path
from pruna_nb.errors import InputError
from pruna_nb.show.axes import key_of, order_of
from pruna_nb.show.byte_budget import notebook_bytes
from pruna_nb.show.grid_html import Fitted, fitted_grid
from pruna_nb.show.layout import Layout, arrange
from pruna_nb.show.markup import head_lines, note_line
from pruna_nb.show.page import Full, save_page
from pruna_nb.show.sheet import draw_sheet, save_sheet
from pruna_nb.show.thumbs import Thumbs
from pruna_nb.text import NO_MATH, counted, megabytes, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from PIL import Image

    from pruna_nb.show.axes import Key
    from pruna_nb.show.cells import Cell
    from pruna_nb.statuses import Status

_NOTES_BYTES = 900  # kept free for the lines below the grid, which are written last
_ORDER: tuple[Status, ...] = ("succeeded", "failed", "lost", "canceled", "skipped", "pending")

SIZE_AT_LEAST, SIZE_AT_MOST = 16, 4096  # pixels of the box that each picture fits into
_BOUNDS = {
    "columns": (1, 100),
    "size": (SIZE_AT_LEAST, SIZE_AT_MOST),
    "page_size": (1, 100_000),
    "max_bytes": (4_000, 2**40),
}
_OPTIONAL = ("columns", "max_bytes")


@dataclass(frozen=True)
class Grid:
    """Pictures in a grid; made by `grid`, whose parameters are its fields.

    The last expression of a notebook's cell shows it. It does not change: its methods return new
    grids or write files.
    """

    cells: tuple[Cell, ...]
    columns: int | None = None
    size: int = 256
    max_bytes: int | None = 1_000_000
    rows: tuple[str | Key, ...] | None = None
    cols: tuple[str | Key, ...] | None = None
    row_name: str | Key = ""
    col_name: str | Key = ""
    page_size: int = 60
    title: str | None = None
    shared: str = ""
    thumbs_dir: Path | None = None
    live: bool = False
    first: int = 0
    total: int | None = None

    def __len__(self) -> int:
        """Count the cells."""
        return len(self.cells)

    def __repr__(self) -> str:
        """Return in one line what is in the grid."""
        head = f"{self.title}: " if self.title else ""
        return f"<Grid: {head}{self.summary()}>"

    def summary(self) -> str:
        """Count the cells in words, by their status where they differ.

        Examples
        --------
        >>> from pruna_nb.show import Cell, grid
        >>> grid([Cell(status="pending"), Cell(status="failed")]).summary()
        '2 pictures: 1 failed, 1 pending'
        """
        kinds = {cell.media for cell in self.cells} - {"unknown"}  # of a box without a file
        noun = "picture" if kinds <= {"image"} else "video" if kinds == {"video"} else "output"
        text = counted(len(self.cells), noun)
        if self.total is not None and self.total > len(self.cells):
            last = self.first + len(self.cells)
            text = f"{noun}s {self.first + 1:,} to {last:,} of {self.total:,}"
        number = Counter(cell.status for cell in self.cells)
        if number["succeeded"] == len(self.cells):
            return text
        parts = [f"{number[status]:,} {status}" for status in _ORDER if number[status]]
        return f"{text}: {', '.join(parts)}"

    @property
    def pages(self) -> int:
        """How many pages the grid has, at least one; a page ends with a row of the axes."""
        layout = self.layout()
        return max(1, -(-len(layout.units) // layout.fold))

    def page(self, number: int) -> Grid:
        """Return one page as a grid of its own, with the whole byte budget for itself.

        Parameters
        ----------
        number : int
            Beginning with 1.

        Raises
        ------
        InputError
            If there is no such page.

        Examples
        --------
        >>> from pruna_nb.show import Cell, grid
        >>> grid([Cell()] * 100).page(2)
        <Grid: pictures 61 to 100 of 100>
        """
        number = whole("number", number)
        if number > self.pages:
            pages = counted(self.pages, "page")
            raise InputError(f"there is no page {shown(number)}; the grid has {pages}")
        layout = self.layout()
        start = (number - 1) * layout.fold
        units = layout.units[start : start + layout.fold]
        return replace(
            self,
            cells=tuple(cell for unit in units for cell in unit.cells),
            # a value that only other pages hold would give an empty row
            rows=None if self.rows is None else tuple(unit.head for unit in units),
            first=self.first + sum(len(unit.cells) for unit in layout.units[:start]),
            total=len(self.cells) if self.total is None else self.total,
        )

    def layout(self) -> Layout:
        """Return the cells in their places."""
        return arrange(
            self.cells,
            columns=self.columns,
            rows=self.rows,
            cols=self.cols,
            page_size=self.page_size,
            row_names=tuple(filter(None, key_of(self.row_name))),
            col_names=tuple(filter(None, key_of(self.col_name))),
        )

    def html(self, *, embed: bool = False) -> str:
        """Return the grid as HTML within ``max_bytes``; with `embed`, videos are always in it."""
        head = f"<div class='{NO_MATH}'>"
        head += head_lines(self.title, self.shared)
        room = None
        if self.max_bytes is not None:
            room = self.max_bytes - notebook_bytes(head) - _NOTES_BYTES
        layout, thumbs = self.layout(), Thumbs(self.thumbs_dir)
        fitted = fitted_grid(layout, thumbs, self.size, room, live=self.live, embed=embed)
        notes = "".join(note_line(note) for note in self._notes(fitted))
        return f"{head}{fitted.html}{notes}</div>"

    def _notes(self, fitted: Fitted) -> list[str]:
        """Return what a reader must know beyond the pictures, as HTML."""
        notes = []
        if not self.cells:
            notes.append("No pictures: there are no rows to show.")
        elif self.total is not None or any(cell.status != "succeeded" for cell in self.cells):
            summary = self.summary()
            notes.append(f"{summary[0].upper()}{summary[1:]}.")
        if self.max_bytes is None:
            return notes
        limit = megabytes(self.max_bytes)
        if fitted.cells < len(self.cells):
            shown = f"{fitted.cells:,} of {len(self.cells):,} pictures shown"
            page = f"<code>.page({min(2, self.pages)})</code> shows one page large, "
            notes.append(
                f"{shown} at {fitted.size} px to stay below {limit}: {page}"
                "<code>.save('grid.html')</code> holds them all."
            )
        elif fitted.size < self.size:
            notes.append(
                f"Shown at {fitted.size} px to stay below {limit}; "
                "<code>.save('grid.html')</code> keeps the full size."
            )
        if fitted.posters:
            notes.append(
                f"{counted(fitted.posters, 'video')} shown as a still to stay below {limit}; "
                "<code>max_bytes=None</code> plays all."
            )
        return notes

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # IPython picks from what it gets
        return {"text/html": self.html(), "text/plain": repr(self)}

    def image(self, *, size: int = 256, dark: bool = False) -> Image.Image:
        """Return the grid as one picture, for matplotlib, a report or an experiment's log.

        Parameters
        ----------
        size : int
            Side of the box that each picture fits into, in pixels.
        dark : bool
            Whether it is light on dark.

        Returns
        -------
        PIL.Image.Image
            In RGB.

        Raises
        ------
        InputError
            If it would have more than 89 million pixels, which Pillow warns of.
        """
        problems = Problems()
        box = read_sizes(problems, size=size)["size"]
        dark = problems.read(switch, "dark", dark, instead=False)
        problems.check("This grid cannot be drawn")
        return draw_sheet(self.layout(), title=self.title, shared=self.shared, size=box, dark=dark)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        size: int | None = None,
        full: Full | bool = "folder",
        max_pixels: int = 89_000_000,
        dark: bool = False,
    ) -> list[Path]:
        """Write the grid to a contact sheet, or to a page for a browser.

        Parameters
        ----------
        path : path
            Its suffix decides what is written: ``.png``, ``.jpg`` or ``.webp`` for a contact sheet,
            ``.html`` for a page with zoom (click, arrow keys, Esc).
        size : int, optional
            Side of the box that each picture fits into, in pixels; None: 512 on a sheet, 400 on
            a page.
        full : {"folder", "inline", "none"} or bool
            For a page, where the whole files go: into a folder beside it (``grid_files`` for
            ``grid.html``), into the page itself (also True), or nowhere (also False).
        max_pixels : int
            A sheet larger than this is written as several, ``sheet-1.png`` and so on. The
            default is what Pillow, and so most programs in Python, opens without a warning.
        dark : bool
            Whether a sheet is light on dark. A page follows the reader's system.

        Returns
        -------
        list of Path
            The files written, without those in the folder.

        Raises
        ------
        InputError
            For another suffix, or a sheet that the format cannot hold.
        OSError
            If a file cannot be written.

        Notes
        -----
        Each file carries the requests of its pictures, without secrets; `read_sheet` returns
        them.
        """
        problems = Problems()
        target = problems.read(read_path, "path", path, instead=Path())
        box = None if size is None else read_sizes(problems, size=size)["size"]
        dark = problems.read(switch, "dark", dark, instead=False)
        where: Any = {True: "inline", False: "none"}[full] if isinstance(full, bool) else full
        where = problems.read(choice, "full", where, get_args(Full), instead="none")
        most = problems.read(whole, "max_pixels", max_pixels, most=2**40, instead=2**40)
        problems.check("This grid cannot be saved")
        suffix = target.suffix.lower()
        if suffix in {".html", ".htm"}:
            page = save_page(
                self.layout(),
                target,
                title=self.title,
                shared=self.shared,
                summary=self.summary(),
                thumbs=Thumbs(self.thumbs_dir),
                size=box or 400,
                full=where,
            )
            return [page]
        if suffix in {".png", ".jpg", ".jpeg", ".webp"}:
            layout, size = self.layout(), box or 512
            return save_sheet(
                layout,
                target,
                title=self.title,
                shared=self.shared,
                size=size,
                max_pixels=most,
                dark=dark,
            )
        message = f"cannot write {suffix or 'a file without suffix'}: .png, .jpg, .webp or .html"
        raise InputError(message)


def grid(
    cells: Sequence[Cell],
    *,
    columns: int | None = None,
    size: int = 256,
    max_bytes: int | None = 1_000_000,
    rows: Sequence[str | Key] | None = None,
    cols: Sequence[str | Key] | None = None,
    row_name: str | Key = "",
    col_name: str | Key = "",
    page_size: int = 60,
    title: str | None = None,
    shared: str = "",
    thumbs_dir: str | os.PathLike[str] | None = None,
    live: bool = False,
) -> Grid:
    """Return a grid of pictures that shows itself.

    Parameters
    ----------
    cells : sequence of Cell
        On two axes if any has a ``row_value`` or a ``col_value``, else in their order.
    columns : int, optional
        Cells side by side; None: as many as there is room for.
    size : int
        Side of the box that each picture fits into, in pixels; each keeps its own shape.
    max_bytes : int, optional
        What the grid may take in the notebook's file: pictures get smaller, down to 96 pixels,
        and then fewer, and a line says so. None: no limit.
    rows, cols : sequence of str or of tuple of str, optional
        The axis values in the order wanted; None: as they come.
    row_name, col_name : str or tuple of str
        What the axes are called; a tuple names each level of its own.
    page_size : int
        Cells that are open; the rest is folded away in pages of as many.
    title : str, optional
    shared : str
        What all cells share, said once below the title in place of each caption.
    thumbs_dir : path, optional
        Where thumbnails are kept; None: they are made again each time.
    live : bool
        Whether videos play: from a relative path if they lie below the working folder, else
        from within the notebook as far as `max_bytes` allows.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        For a number out of its range, or an axis value that is not among `rows` or `cols`.

    Examples
    --------
    >>> from pruna_nb.show import Cell, grid
    >>> grid([Cell(caption="a fox", status="pending", ratio_asked="16:9")], columns=4)
    <Grid: 1 picture: 1 pending>
    """
    problems = Problems()
    sizes = read_sizes(
        problems, columns=columns, size=size, page_size=page_size, max_bytes=max_bytes
    )
    live = problems.read(switch, "live", live, instead=False)
    if thumbs_dir is not None:
        thumbs_dir = problems.read(read_path, "thumbs_dir", thumbs_dir, instead=Path())
    problems.check("This grid cannot be shown")
    made = Grid(
        tuple(cells),
        **sizes,
        rows=order_of(rows),
        cols=order_of(cols),
        row_name=row_name,
        col_name=col_name,
        title=title,
        shared=shared,
        thumbs_dir=None if thumbs_dir is None else Path(thumbs_dir),
        live=live,
    )
    made.layout()  # a wrong axis raises here, not when the notebook shows the grid
    return made


def read_sizes(problems: Problems, **given: Any) -> dict[str, Any]:
    """Return sizes and counts of what is shown as whole numbers; mistakes are noted."""
    return {
        name: None
        if value is None and name in _OPTIONAL
        else problems.read(
            whole, name, value, least=_BOUNDS[name][0], most=_BOUNDS[name][1], instead=100
        )
        for name, value in given.items()
    }
