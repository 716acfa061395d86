"""Where cells are: in reading order, or on two axes; and the HTML around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.errors import InputError
from pruna_nb.show.markup import BREAK, FAINT, SMALL, TABLE
from pruna_nb.text import counted, isolated, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pruna_nb.show.cells import Cell

GAP = 16
SMALLEST = 96  # pixels: a smaller picture shows nothing, so columns do not get narrower

HEAD_LIMIT = 220
_SIDE = 136  # pixels of the rows' heads
_HEAD = f"{SMALL}{BREAK}font-weight:600;text-align:left;padding:4px 16px 12px 0;"
_FOLD = f"{SMALL}cursor:pointer;padding:8px 0;font-weight:600"
_EMPTY = f"<span style='{FAINT}'>&ndash;</span>"


@dataclass(frozen=True)
class Unit:
    """What is shown or folded away as one: a cell, or a row of cells on axes.

    Attributes
    ----------
    cells : tuple of Cell
    places : tuple of int
        The column of each cell.
    head : str
        The row's value on its axis; empty without axes.
    """

    cells: tuple[Cell, ...]
    places: tuple[int, ...] = (0,)
    head: str = ""


@dataclass(frozen=True)
class Layout:
    """Cells in their order, as units.

    Attributes
    ----------
    units : tuple of Unit
    heads : tuple of str
        The columns' values; empty without axes.
    corner : str
        The names of both axes.
    columns : int or None
        Cells side by side at most; None: as many as there is room for.
    fold : int
        Units that are open before the rest is folded away.
    """

    units: tuple[Unit, ...]
    heads: tuple[str, ...]
    corner: str
    columns: int | None
    fold: int

    def html(self, figures: Sequence[Sequence[str]], size: int) -> str:
        """Compose the figures of the first units, as many as are given.

        Parameters
        ----------
        figures : sequence of sequence of str
            For each unit the HTML of its cells.
        size : int
            Side of the box that pictures fit into, in pixels.

        Returns
        -------
        str
            HTML, folded beyond the first page.
        """
        parts = []
        for start in range(0, len(figures), self.fold):
            page = figures[start : start + self.fold]
            body = self._table(page, start, size) if self.heads else self._flow(page, size)
            if start:
                what = "Rows" if self.heads else "Pictures"
                name = f"{what} {start + 1:,} to {start + len(page):,} of {len(self.units):,}"
                body = f"<details><summary style='{_FOLD}'>{name}</summary>{body}</details>"
            parts.append(body)
        return "".join(parts)

    def _flow(self, figures: Sequence[Sequence[str]], size: int) -> str:
        if self.columns is None:
            tracks, widest = f"repeat(auto-fill,minmax(0,{size}px))", "100%"
        else:
            # one pixel less than an equal share: rounding must not cost a column
            gaps = (self.columns - 1) * GAP
            share = f"max({min(size, SMALLEST)}px,(100% - {gaps + 1}px)/{self.columns})"
            tracks = f"repeat(auto-fill,minmax({share},1fr))"
            widest = f"{self.columns * size + gaps}px"
        style = (
            f"display:grid;grid-template-columns:{tracks};gap:{GAP}px;max-width:{widest};"
            "align-items:start"
        )
        return f"<div style='{style}'>{''.join(f for unit in figures for f in unit)}</div>"

    def _table(self, figures: Sequence[Sequence[str]], start: int, size: int) -> str:
        style = f"{_HEAD}vertical-align:bottom"
        heads = "".join(
            f"<th scope='col' style='{style}'>{isolated(head, HEAD_LIMIT)}</th>"
            for head in self.heads
        )
        corner = f"{_HEAD}{FAINT}vertical-align:bottom;font-weight:400;width:{_SIDE}px"
        rows = "".join(
            self._row(self.units[start + i], unit_figures) for i, unit_figures in enumerate(figures)
        )
        # equal columns that follow the window, down to where pictures tell nothing: then it scrolls
        number = len(self.heads)
        least, most = (_SIDE + number * (width + GAP) for width in (min(size, SMALLEST), size))
        table = f"{TABLE};table-layout:fixed;width:100%;min-width:{least}px;max-width:{most}px"
        return (
            f"<div style='overflow:auto'><table style='{table}'><thead style='border:none'>"
            f"<tr style='background:none'><td style='{corner}'>{isolated(self.corner, 80)}</td>"
            f"{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )

    def _row(self, unit: Unit, figures: Sequence[str]) -> str:
        places: list[list[str]] = [[] for _ in self.heads]
        for place, figure in zip(unit.places, figures, strict=True):
            places[place].append(figure)
        cells = "".join(
            "<td style='vertical-align:top;text-align:left;"
            f"padding:0 {GAP}px {GAP}px 0'>"
            + (f"<div style='height:{GAP}px'></div>".join(place) or _EMPTY)
            + "</td>"
            for place in places
        )
        style = f"{_HEAD}vertical-align:top;padding-top:0"
        head = f"<th scope='row' style='{style}'>{isolated(unit.head, HEAD_LIMIT)}</th>"
        return f"<tr style='background:none'>{head}{cells}</tr>"


def arrange(
    cells: Sequence[Cell],
    *,
    columns: int | None,
    rows: Sequence[str] | None,
    cols: Sequence[str] | None,
    corner: str,
    page_size: int,
) -> Layout:
    """Return cells in their places.

    Parameters
    ----------
    cells : sequence of Cell
        With axes if any has a ``row_value`` or a ``col_value``.
    columns : int or None
        Cells side by side; means nothing on axes.
    rows, cols : sequence of str or None
        The axis values in the order wanted; None: as they come.
    corner : str
        The names of the axes.
    page_size : int
        Cells on a page, about.

    Returns
    -------
    Layout

    Raises
    ------
    InputError
        If a cell's value is not among the `rows` or `cols` given.
    """
    if not any(cell.row_value is not None or cell.col_value is not None for cell in cells):
        units = tuple(Unit((cell,)) for cell in cells)
        return Layout(units, (), "", columns, page_size)
    row_values = _axis("rows", rows, (cell.row_value or "" for cell in cells))
    col_values = _axis("cols", cols, (cell.col_value or "" for cell in cells))
    members: dict[str, list[Cell]] = {value: [] for value in row_values}
    for cell in cells:
        members[cell.row_value or ""].append(cell)
    at = {value: i for i, value in enumerate(col_values)}
    units = tuple(
        Unit(tuple(group), tuple(at[cell.col_value or ""] for cell in group), value)
        for value, group in members.items()
    )
    # a page of a table still has some rows when there are very many columns
    return Layout(units, tuple(col_values), corner, columns, max(2, page_size // len(col_values)))


def _axis(name: str, order: Sequence[str] | None, values: Iterable[str]) -> list[str]:
    present = list(dict.fromkeys(values))
    if order is None:
        return present
    wanted = list(dict.fromkeys(str(value) for value in order))
    lacking = [visible_line(value, 60) for value in present if value not in wanted]
    if lacking:
        message = f"{name}= lacks {counted(len(lacking), 'value')} of the cells: {lacking[:5]}"
        raise InputError(message)
    return wanted
