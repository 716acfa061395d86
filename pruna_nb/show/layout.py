"""Where cells are: in reading order, or on two axes; and the HTML around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.errors import InputError
from pruna_nb.show.axes import Key, in_order, key_of, padded, spans
from pruna_nb.show.markup import BREAK, FAINT, SMALL, TABLE
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.text import counted, isolated, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pruna_nb.show.axes import Repeated
    from pruna_nb.show.cells import Cell

GAP = 16
SMALLEST = 96  # pixels: a smaller picture shows nothing, so columns do not get narrower

HEAD_LIMIT = 220
_SIDE, _SUB_SIDE = 136, 88  # pixels of the rows' heads, and of each further level
# pixels of a notebook's window: in a larger grid the heads scroll out of view
_TALL, _WIDE = 900, 1000
_HEAD = f"{SMALL}{BREAK}font-weight:600;text-align:left;padding:4px 16px 12px 0;"
_FOLD = f"{SMALL}cursor:pointer;padding:8px 0;font-weight:600"
_GROUP = f"border-top:1px solid {rgba(GREY, 0.3)};"
_EMPTY = f"<span style='{FAINT}'>&ndash;</span>"


@dataclass(frozen=True)
class Unit:
    """What is shown or folded away as one: a cell, or a row of cells on axes.

    Attributes
    ----------
    cells : tuple of Cell
    places : tuple of int
        The column of each cell.
    head : tuple of str
        The row's value on each level of its axis; empty without axes.
    """

    cells: tuple[Cell, ...]
    places: tuple[int, ...] = (0,)
    head: Key = ()


@dataclass(frozen=True)
class Layout:
    """Cells in their order, as units.

    Attributes
    ----------
    units : tuple of Unit
    heads : tuple of tuple of str
        The columns' values on each level of their axis; empty without axes.
    row_names, col_names : tuple of str
        What the levels of the axes are called; may be empty.
    columns : int or None
        Cells side by side at most; None: as many as there is room for.
    fold : int
        Units that are open before the rest is folded away.
    """

    units: tuple[Unit, ...]
    heads: tuple[Key, ...]
    columns: int | None
    fold: int
    row_names: tuple[str, ...] = ()
    col_names: tuple[str, ...] = ()

    @property
    def row_depth(self) -> int:
        """How many levels the rows' axis has; 0 without axes."""
        return len(self.units[0].head) if self.units and self.heads else 0

    @property
    def corners(self) -> tuple[str, ...]:
        """What stands above the rows' heads, for each level; the last one names the columns too."""
        names = [*self.row_names, *[""] * self.row_depth][: self.row_depth]
        return (*names[:-1], " / ".join(filter(None, (*names[-1:], " · ".join(self.col_names)))))

    def repeated(self, size: int) -> Repeated:
        """Return the names of the axes whose heads scroll out of view beside pictures of a size.

        Values that a reader cannot see beside a picture stand below it. Of rows and of columns:
        None where the heads stay in view.
        """
        if not self.heads:
            return self.row_names, self.col_names
        side = _SIDE + (self.row_depth - 1) * _SUB_SIDE
        wide = side + len(self.heads) * (min(size, SMALLEST) + GAP) > _WIDE
        tall = min(len(self.units), self.fold) * size > _TALL
        return self.row_names if wide else None, self.col_names if tall else None

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
        number, depth = len(self.heads), self.row_depth
        units = self.units[start : start + len(figures)]
        levels = spans([unit.head for unit in units])
        # a line above each group but the first; without sub-rows there are no groups
        lines = {head.start for head in levels[0][1:]} if depth > 1 else set()
        heads = [""] * len(units)  # those that begin in each row, the outer one first
        for level, found in enumerate(levels):
            for head in found:
                scope = "row" if level == depth - 1 else "rowgroup"
                tall = f" rowspan='{head.span}'" if head.span > 1 else ""
                top = f"{_GROUP}padding-top:{GAP}px" if head.start in lines else "padding-top:0"
                heads[head.start] += (
                    f"<th scope='{scope}'{tall} style='{_HEAD}vertical-align:top;{top}'>"
                    f"{isolated(head.value, HEAD_LIMIT)}</th>"
                )
        rows = "".join(
            self._row(unit, figures[i], heads[i], line=i in lines) for i, unit in enumerate(units)
        )
        side = _SIDE + (depth - 1) * _SUB_SIDE
        # equal columns that follow the window, down to where pictures tell nothing: then it scrolls
        least, most = (side + number * (width + GAP) for width in (min(size, SMALLEST), size))
        table = f"{TABLE};table-layout:fixed;width:100%;min-width:{least}px;max-width:{most}px"
        return (
            f"<div style='overflow:auto'><table style='{table}'><thead style='border:none'>"
            f"{self._col_heads()}</thead><tbody>{rows}</tbody></table></div>"
        )

    def _col_heads(self) -> str:
        levels = spans(self.heads)
        deep = f" rowspan='{len(levels)}'" if len(levels) > 1 else ""
        corner = f"{_HEAD}{FAINT}vertical-align:bottom;font-weight:400"
        lines = [
            "".join(
                f"<td{deep} style='{corner};width:{_SUB_SIDE if i else _SIDE}px'>"
                f"{isolated(text, 80)}</td>"
                for i, text in enumerate(self.corners)
            ),
            *[""] * (len(levels) - 1),
        ]
        for i, heads in enumerate(levels):
            for head in heads:
                scope = "col" if i == len(levels) - 1 else "colgroup"
                below = "" if scope == "col" else "padding-bottom:4px;"
                wide = f" colspan='{head.span}'" if head.span > 1 else ""
                lines[i] += (
                    f"<th scope='{scope}'{wide} style='{_HEAD}{below}vertical-align:bottom'>"
                    f"{isolated(head.value, HEAD_LIMIT)}</th>"
                )
        return "".join(f"<tr style='background:none'>{line}</tr>" for line in lines)

    def _row(self, unit: Unit, figures: Sequence[str], heads: str, *, line: bool) -> str:
        places: list[list[str]] = [[] for _ in self.heads]
        for place, figure in zip(unit.places, figures, strict=True):
            places[place].append(figure)
        top = f"{_GROUP}padding:{GAP}px" if line else "padding:0"
        cells = "".join(
            f"<td style='vertical-align:top;text-align:left;{top} {GAP}px {GAP}px 0'>"
            + (f"<div style='height:{GAP}px'></div>".join(place) or _EMPTY)
            + "</td>"
            for place in places
        )
        return f"<tr style='background:none'>{heads}{cells}</tr>"


def arrange(
    cells: Sequence[Cell],
    *,
    columns: int | None,
    rows: Sequence[str | Key] | None,
    cols: Sequence[str | Key] | None,
    page_size: int,
    row_names: Key = (),
    col_names: Key = (),
) -> Layout:
    """Return cells in their places.

    Parameters
    ----------
    cells : sequence of Cell
        With axes if any has a ``row_value`` or a ``col_value``.
    columns : int or None
        Cells side by side; means nothing on axes.
    rows, cols : sequence of str or of tuple of str, or None
        The axis values in the order wanted; None: as they come.
    page_size : int
        Cells on a page, about.
    row_names, col_names : tuple of str
        What the levels of the axes are called.

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
        return Layout(units, (), columns, page_size)
    row_keys = _keys(cell.row_value for cell in cells)
    col_keys = _keys(cell.col_value for cell in cells)
    members: dict[Key, list[int]] = {key: [] for key in _axis("rows", rows, row_keys)}
    for i, key in enumerate(row_keys):
        members[key].append(i)
    heads = _axis("cols", cols, col_keys)
    at = {key: i for i, key in enumerate(heads)}
    units = tuple(
        Unit(tuple(cells[i] for i in group), tuple(at[col_keys[i]] for i in group), key)
        for key, group in members.items()
    )
    # a page of a table still has some rows when there are very many columns
    fold = max(2, page_size // len(heads))
    return Layout(units, tuple(heads), columns, fold, row_names, col_names)


def _keys(values: Iterable[str | Key | None]) -> list[Key]:
    keys = [key_of(value) for value in values]
    return padded(keys, max(map(len, keys)))


def _axis(name: str, order: Sequence[str | Key] | None, keys: Sequence[Key]) -> list[Key]:
    present = in_order(keys)
    if order is None:
        return present
    wanted = list(dict.fromkeys(padded(map(key_of, order), len(keys[0]))))
    lacking = [visible_line(" · ".join(key), 60) for key in present if key not in wanted]
    if lacking:
        message = f"{name}= lacks {counted(len(lacking), 'value')} of the cells: {lacking[:5]}"
        raise InputError(message)
    return wanted
