"""The grid inside a form: pictures as they come, each to be seen large, selected, kept, retried."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.axes import Axes
from pruna_nb.form.cells import caption_of, cell_of, shared_text
from pruna_nb.form.enlarged import Enlarged
from pruna_nb.form.sweep import varying
from pruna_nb.form.tile import Tile
from pruna_nb.form.versus import Versus
from pruna_nb.show.axes import begun, in_order, spans
from pruna_nb.show.fields import phrase
from pruna_nb.show.markup import figure, video_uri
from pruna_nb.statuses import FAILED
from pruna_nb.text import NO_MATH, isolated
from pruna_nb.widgets.keys import clicks
from pruna_nb.widgets.notes import FAINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.rounds import Round
    from pruna_nb.form.sweep import Point
    from pruna_nb.show import Cell, Thumbs

PAGE = 48  # tiles that are shown before a button asks for more: each is several widgets
SIZES = {"small": 192, "medium": 320, "large": 640}  # pixels of the box that each picture fits into
# a longer video is shown as a still: the whole file is sent to the browser within the widget
_VIDEO_BYTES_AT_MOST = 12_000_000
_HEADING = "font-weight:600;line-height:1.4;overflow-wrap:anywhere;margin:10px 0 2px"
_COLUMN = f"{FAINT};font-size:.9em;line-height:1.4;margin:0 12px 2px 0"
_HEADS_EVERY = 4  # rows
_ENLARGE = clicks("pruna-enlarge", "pruna-place")


class Board:
    """The pictures of a round, live; its methods may be called from any thread.

    Parameters
    ----------
    retry : callable
        Called with the number of the point whose button was clicked.
    rounds : list of Round
        The form's, of which two pictures can be compared.
    changed : callable
        Called with the number of pictures that are selected, when that is another one.
    say : callable
        Called with what went wrong.
    keep : callable
        Called with a point's number and ``kept=``; returns whether it is kept then.
    kept : callable
        Whether the picture of an outcome is kept.
    go_on : callable
        Called with a word of `onwards.ACTIONS` and a point's number.
    thumbs : Thumbs
        Makes the thumbnails.

    Attributes
    ----------
    box : ipywidgets.VBox
        The grid, and the enlarged view in its place.
    """

    def __init__(
        self,
        *,
        retry: Callable[[int], object],
        rounds: list[Round],
        changed: Callable[[int], object],
        say: Callable[[str], object],
        keep: Callable[..., bool],
        kept: Callable[[Outcome], bool],
        go_on: Callable[[str, int], object],
        thumbs: Thumbs,
    ) -> None:
        self._retry, self._changed, self._keep, self._kept = retry, changed, keep, kept
        self._thumbs, self._size = thumbs, SIZES["small"]
        self._lock = threading.RLock()
        self._round: Round | None = None
        self._axes, self._names = Axes(), list[str]()
        self._order: list[int] = []
        self._outcomes: list[Outcome] = []
        self._busy = True
        self.tiles: list[Tile] = []
        self._grid = w.VBox()
        self._grid.add_class("pruna-board")
        self._versus = Versus(rounds=rounds, grid=self._grid, say=say)
        self.enlarged = Enlarged(
            grid=self._grid,
            tile_of=self._tile_of,
            go_on=go_on,
            compare=self._versus.compare_with_input,
            thumbs=thumbs,
        )
        self.box = w.VBox([self._versus.button, self.enlarged.box, self._versus.box, self._grid])
        self._more = w.Button(layout=w.Layout(width="auto", margin="8px 0"))
        self._more.on_click(lambda _: self._grow())

    def show(self, shown: Round, axes: Axes) -> None:
        """Lay out a round; what is selected in it is so again."""
        with self._lock:
            self._round, self._outcomes, self._axes = shown, list(shown.outcomes), axes
            self._names = varying(shown.points)
            self.enlarged.close()
            self._versus.close()
            old = [child for child in self._grid.children if child is not self._more]
            old_tiles, self.tiles = self.tiles, []
            self._grid.children = ()
            for widget in [*old, *old_tiles]:
                widget.close()  # ipywidgets keeps every widget that is not closed
            self._order = self._in_rows()
            self._grow()

    @property
    def _points(self) -> Sequence[Point]:
        return () if self._round is None else self._round.points

    def _in_rows(self) -> list[int]:
        """Return the numbers of the points in the order of the rows and columns."""
        if len(self._names) < 2:  # noqa: PLR2004 - a single axis flows
            return list(range(len(self._points)))
        ranks = []
        for axis in (self._axes.rows, self._axes.cols):
            keys = [tuple(map(point.on, axis)) for point in self._points]
            places = {key: place for place, key in enumerate(in_order(keys))}
            ranks.append([places[key] for key in keys])
        return sorted(range(len(self._points)), key=lambda n: [rank[n] for rank in ranks])

    def _grow(self) -> None:
        """Add a page of tiles to those on the screen."""
        with self._lock:
            start = len(self.tiles)
            end = min(len(self._order), start + PAGE)
            for number in self._order[start:end]:
                tile = Tile(
                    number,
                    self._size,
                    select=self._select,
                    keep=self._keep_tile,
                    enlarge=self._enlarge,
                    retry=self._retry,
                )
                if self._round is not None and number in self._round.selected:
                    tile.choose.value = True
                self.tiles.append(tile)
            old = [each for each in self._grid.children if each is not self._more]
            children = self._laid_out()
            if left := len(self._order) - end:
                self._more.description = f"Show {min(PAGE, left)} of {left:,} more"
                children.append(self._more)
            self._grid.children = children
            for widget in old:
                widget.close()
            self._draw(self.tiles[start:end])

    def _laid_out(self) -> list[Any]:
        """Return the tiles in their rows and columns, with heads; in a flow if one field differs.

        What all pictures share stands once above them.
        """
        if self._round is None:
            return []
        shared = shared_text(self._round.sweep, self._points, self._names)
        head = shared or (self._points[0].heading if len(self._points) == 1 else "")
        above = [_head(head)] if head else []
        flow = w.Layout(flex_flow="row wrap", align_items="flex-start", overflow="visible")
        if len(self._names) < 2:  # noqa: PLR2004
            return [*above, w.HBox([tile.box for tile in self.tiles], layout=flow)]
        points = [self._points[tile.number] for tile in self.tiles]
        rows = [tuple(map(point.on, self._axes.rows)) for point in points]
        cols = [tuple(map(point.on, self._axes.cols)) for point in points]
        columns = in_order(tuple(map(point.on, self._axes.cols)) for point in self._points)
        children: list[Any] = []
        for number, row in enumerate(dict.fromkeys(rows)):
            before = rows[rows.index(row) - 1] if number else ()
            said = [
                _said(name, text)
                for name, text in zip(self._axes.rows, begun(row, before), strict=True)
                if text or len(self._axes.rows) == 1
            ]
            if said:
                children.append(_head(" · ".join(said), "auto / 1 / auto / -1"))
            # heads that have scrolled away are read again
            if self._axes.cols and number % _HEADS_EVERY == 0:
                children += self._column_heads(columns)
            own = {c: t for r, c, t in zip(rows, cols, self.tiles, strict=True) if r == row}
            children += [own[key].box if key in own else w.Box() for key in columns]
        count = max(1, len(columns))
        layout = w.Layout(
            grid_template_columns=f"repeat({count}, max-content)",
            grid_gap="0",
            overflow="auto",
            align_items="flex-start",
        )
        return [*above, w.GridBox(children, layout=layout)]

    def _column_heads(self, columns: Sequence[tuple[str, ...]]) -> list[Any]:
        return [
            _head(
                _said(name, head.value),
                f"auto / {head.start + 1} / auto / {head.start + 1 + head.span}",
                _COLUMN,
            )
            for name, heads in zip(self._axes.cols, spans(columns), strict=True)
            for head in heads
        ]

    def update(self, shown: Round | None, outcomes: Sequence[Outcome], *, busy: bool) -> None:
        """Show what became of the points.

        Parameters
        ----------
        shown : Round or None
            Whose points they are; nothing changes if another one was laid out meanwhile.
        outcomes : sequence of Outcome
            One for each point.
        busy : bool
            Whether something is under way, so that what is pending cannot be tried again.
        """
        with self._lock:
            if shown is not self._round:
                return
            before, self._outcomes = self._outcomes, list(outcomes)
            turned, self._busy = busy != self._busy, busy
            self._draw(
                tile
                for tile in self.tiles
                if outcomes[tile.number] != before[tile.number]
                or (turned and outcomes[tile.number].status in FAILED)
            )

    def mark_kept(self) -> None:
        """Show which pictures are kept now."""
        with self._lock:
            for tile in self.tiles:
                tile.keep.value = self._kept(self._outcomes[tile.number])

    def resize(self, size: int) -> None:
        """Show the pictures at another size, in pixels."""
        with self._lock:
            self._size = size
            for tile in self.tiles:
                tile.box.layout.max_width = f"{size}px"
            self._draw(self.tiles)

    def _draw(self, tiles: Iterable[Tile]) -> None:
        if self._round is None:
            return
        drawn = []
        for tile in tiles:
            point, outcome = self._points[tile.number], self._outcomes[tile.number]
            caption = point.label if len(self._points) == 1 else ""
            if len(self._names) == 1:
                caption = caption_of(point, self._names)
            drawn.append((tile, cell_of(self._round.sweep, point, outcome, caption=caption)))
        thumbs = self._thumbs.of_cells([cell for _, cell in drawn], self._size)
        for tile, cell in drawn:
            # a notebook's widget cannot reach files: a video plays from within the page
            address = None
            if cell.media == "video" and cell.path is not None and _is_small(cell.path):
                address = video_uri(cell.path)
            html = figure(cell, thumbs.get(id(cell)), self._size, address=address, small=True)
            outcome = self._outcomes[tile.number]
            more = f"{_ENLARGE} style='cursor:zoom-in'" if outcome.status == "succeeded" else ""
            tile.draw(f"<div class='{NO_MATH}' {more}>{html}</div>", outcome, busy=self._busy)
            tile.keep.value = self._kept(outcome)

    def _select(self, number: int, *, chosen: bool) -> None:
        if self._round is not None:
            (self._round.selected.add if chosen else self._round.selected.discard)(number)
        self._changed(self._versus.offer())

    def _keep_tile(self, number: int, *, kept: bool) -> bool:
        shown, outcome = self._round, self._outcomes[number]
        if shown is None or kept == self._kept(outcome):
            return kept
        return self._keep(number, kept=kept)

    def _cell(self, shown: Round, number: int) -> Cell:
        point = shown.points[number]
        return cell_of(shown.sweep, point, self._outcomes[number], caption=point.label)

    def _enlarge(self, number: int) -> None:
        """Open the enlarged view; the other pictures of the round are its neighbours."""
        if (shown := self._round) is not None:
            cells = {
                tile.number: (self._cell(shown, tile.number), self._outcomes[tile.number])
                for tile in self.tiles
                if self._outcomes[tile.number].status == "succeeded"
            }
            self.enlarged.open(shown, cells, number)

    def _tile_of(self, number: int) -> Tile | None:
        return next((tile for tile in self.tiles if tile.number == number), None)


def _said(name: str, value: str) -> str:
    """Return a place on an axis in words."""
    if name in {"prompt", "row"}:
        return value
    return phrase(name, value) if value else f"no {name.replace('_', ' ')}"


def _head(text: str, area: str | None = None, style: str = _HEADING) -> Any:
    """Return a head as escaped text; in its area of a grid, which it does not widen."""
    size = "" if area is None else ";width:0;min-width:100%"
    html = f"<div class='{NO_MATH}' style='{style}{size}'>{isolated(text, 400)}</div>"
    # ipywidgets removes grid_column where no grid_area is given
    return w.HTML(html, layout=w.Layout(grid_area=area, margin="0"))


def _is_small(path: str) -> bool:
    try:
        return os.path.getsize(path) <= _VIDEO_BYTES_AT_MOST  # noqa: PTH202 - a str, read often
    except OSError:
        return False
