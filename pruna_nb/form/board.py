"""The grid inside a form: pictures as they come, each to be seen large, selected, kept, retried."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.cells import cell_of
from pruna_nb.form.enlarged import Enlarged
from pruna_nb.form.tile import Tile
from pruna_nb.form.versus import Versus
from pruna_nb.show.markup import figure, video_uri
from pruna_nb.statuses import FAILED
from pruna_nb.text import NO_MATH, isolated
from pruna_nb.widgets.keys import clicks

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

    def show(self, shown: Round) -> None:
        """Lay out a round; what is selected in it is so again."""
        with self._lock:
            self._round, self._outcomes = shown, list(shown.outcomes)
            self.enlarged.close()
            self._versus.close()
            old = [child for child in self._grid.children if child is not self._more]
            old_tiles, self.tiles = self.tiles, []
            self._grid.children = ()
            for widget in [*old, *old_tiles]:
                widget.close()  # ipywidgets keeps every widget that is not closed
            self._grow()

    @property
    def _points(self) -> Sequence[Point]:
        return () if self._round is None else self._round.points

    def _grow(self) -> None:
        """Add a page of tiles to those on the screen."""
        with self._lock:
            start = len(self.tiles)
            end = min(len(self._points), start + PAGE)
            for number in range(start, end):
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
            children: list[Any] = []
            for heading, tiles in self._rows():
                if heading:
                    text = isolated(heading, 400)
                    style = f"class='{NO_MATH}' style='{_HEADING}'"
                    children.append(w.HTML(f"<div {style}>{text}</div>"))
                flow = w.Layout(flex_flow="row wrap", align_items="flex-start", overflow="visible")
                children.append(w.HBox([tile.box for tile in tiles], layout=flow))
            if left := len(self._points) - end:
                self._more.description = f"Show {min(PAGE, left)} of {left:,} more"
                children.append(self._more)
            self._grid.children = children
            self._draw(self.tiles[start:end])

    def _rows(self) -> list[tuple[str, list[Tile]]]:
        """Return the tiles in rows below their prompts; in one where each prompt has one picture.

        Its prompt is then in the picture's own caption.
        """
        if self._flows:
            return [("", self.tiles)]
        rows: list[tuple[str, list[Tile]]] = []
        for tile in self.tiles:
            heading = self._points[tile.number].heading
            if not rows or rows[-1][0] != heading:
                rows.append((heading, []))
            rows[-1][1].append(tile)
        return rows

    @property
    def _flows(self) -> bool:
        headings = [point.heading for point in self._points]
        return 1 < len(headings) == len(set(headings))

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
            caption = point.label
            if self._flows:
                caption = "\n".join(filter(None, [point.heading, point.label]))
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
        return self.tiles[number] if number < len(self.tiles) else None


def _is_small(path: str) -> bool:
    try:
        return os.path.getsize(path) <= _VIDEO_BYTES_AT_MOST  # noqa: PTH202 - a str, read often
    except OSError:
        return False
