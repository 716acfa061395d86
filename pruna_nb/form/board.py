"""The grid inside a form: pictures as they come, each to be selected or tried again."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.cells import cell_of
from pruna_nb.show.markup import figure, video_uri
from pruna_nb.text import NO_MATH, isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.show import Thumbs

PAGE = 48  # tiles that are shown before a button asks for more: each is several widgets
SIZES = {"small": 192, "medium": 320, "large": 640}  # pixels of the box that each picture fits into
_NOT_DONE = frozenset({"failed", "canceled", "lost", "pending"})
# a longer video is shown as a still: the whole file is sent to the browser within the widget
_VIDEO_BYTES_AT_MOST = 12_000_000
_RETRY = ("Retry", "refresh")
# what was sent and not delivered is fetched: it is not paid again
_FETCH = ("Fetch", "download")
_HEADING = "font-weight:600;line-height:1.4;overflow-wrap:anywhere;margin:10px 0 2px"


class Board:
    """The pictures of a sweep, live; its methods may be called from any thread.

    Parameters
    ----------
    retry : callable
        Called with the number of the point whose button was clicked.
    changed : callable
        Called with the number of selected points when it changes.
    thumbs : Thumbs
        Makes the thumbnails.

    Attributes
    ----------
    box : ipywidgets.VBox
        The grid.
    selected : set of int
        The numbers of the points that are selected.
    """

    def __init__(
        self,
        *,
        retry: Callable[[int], object],
        changed: Callable[[int], object],
        thumbs: Thumbs,
    ) -> None:
        self.selected: set[int] = set()
        self._retry, self._changed = retry, changed
        self._thumbs, self._size = thumbs, SIZES["small"]
        self._lock = threading.RLock()
        self._sweep: Sweep | None = None
        self._points: Sequence[Point] = ()
        self._outcomes: list[Outcome] = []
        self._busy = True
        self.tiles: list[Tile] = []
        self.box = w.VBox()
        self.box.add_class("pruna-board")
        self._more = w.Button(layout=w.Layout(width="auto", margin="8px 0"))
        self._more.on_click(lambda _: self._grow())

    def show(self, sweep: Sweep, points: Sequence[Point], outcomes: Sequence[Outcome]) -> None:
        """Lay out a new grid; nothing is selected in it."""
        with self._lock:
            self._sweep, self._points, self._outcomes = sweep, points, list(outcomes)
            self.selected.clear()
            old = [child for child in self.box.children if child is not self._more]
            old_tiles, self.tiles = self.tiles, []
            self.box.children = ()
            for widget in [*old, *old_tiles]:
                widget.close()  # ipywidgets keeps every widget that is not closed
            self._grow()

    def _grow(self) -> None:
        """Add a page of tiles to those on the screen."""
        with self._lock:
            start = len(self.tiles)
            end = min(len(self._points), start + PAGE)
            for number in range(start, end):
                self.tiles.append(Tile(number, self._size, select=self._select, retry=self._retry))
            rows: list[tuple[Any, list[Any]]] = []
            heading: str | None = None
            for tile in self.tiles:
                point = self._points[tile.number]
                if point.heading != heading or not rows:
                    heading = point.heading
                    text = isolated(heading, 400) if heading else ""
                    head = w.HTML(f"<div class='{NO_MATH}' style='{_HEADING}'>{text}</div>")
                    rows.append((head, []))
                rows[-1][1].append(tile.box)
            children = []
            for head, boxes in rows:
                flow = w.Layout(flex_flow="row wrap", align_items="flex-start", overflow="visible")
                children += [head, w.HBox(boxes, layout=flow)]
            if left := len(self._points) - end:
                self._more.description = f"Show {min(PAGE, left)} of {left:,} more"
                children.append(self._more)
            self.box.children = children
            self._draw(self.tiles[start:end])

    def update(self, sweep: Sweep | None, outcomes: Sequence[Outcome], *, busy: bool) -> None:
        """Show what became of the points.

        Parameters
        ----------
        sweep : Sweep or None
            Whose points they are; nothing changes if another one was laid out meanwhile.
        outcomes : sequence of Outcome
            One for each point.
        busy : bool
            Whether something is under way, so that what is pending cannot be tried again.
        """
        with self._lock:
            if sweep is not self._sweep:
                return
            before, self._outcomes = self._outcomes, list(outcomes)
            turned, self._busy = busy != self._busy, busy
            self._draw(
                tile
                for tile in self.tiles
                if outcomes[tile.number] != before[tile.number]
                or (turned and outcomes[tile.number].status in _NOT_DONE)
            )

    def resize(self, size: int) -> None:
        """Show the pictures at another size, in pixels."""
        with self._lock:
            self._size = size
            for tile in self.tiles:
                tile.box.layout.max_width = f"{size}px"
            self._draw(self.tiles)

    def _draw(self, tiles: Iterable[Tile]) -> None:
        if self._sweep is None:
            return
        drawn = []
        for tile in tiles:
            point, outcome = self._points[tile.number], self._outcomes[tile.number]
            drawn.append((tile, cell_of(self._sweep, point, outcome, caption=point.label)))
        thumbs = self._thumbs.of_cells([cell for _, cell in drawn], self._size)
        for tile, cell in drawn:
            # a notebook's widget cannot reach files: a video plays from within the page
            address = None
            if cell.media == "video" and cell.path is not None and _is_small(cell.path):
                address = video_uri(cell.path)
            html = figure(cell, thumbs.get(id(cell)), self._size, address=address)
            tile.draw(
                f"<div class='{NO_MATH}'>{html}</div>",
                self._outcomes[tile.number],
                busy=self._busy,
            )

    def _select(self, number: int, *, chosen: bool) -> None:
        (self.selected.add if chosen else self.selected.discard)(number)
        self._changed(len(self.selected))


def _is_small(path: str) -> bool:
    try:
        return os.path.getsize(path) <= _VIDEO_BYTES_AT_MOST  # noqa: PTH202 - a str, read often
    except OSError:
        return False


class Tile:
    """One picture on the board, with its button."""

    def __init__(
        self,
        number: int,
        size: int,
        *,
        select: Callable[..., object],
        retry: Callable[[int], object],
    ) -> None:
        self.number = number
        self._select = select
        self.picture = w.HTML(layout=w.Layout(max_width="100%", min_width="0"))
        self.choose = w.ToggleButton(
            description="Select", icon="square-o", layout=w.Layout(width="92px", height="26px")
        )
        self.choose.add_class("pruna-select")
        self.retry = w.Button(layout=w.Layout(width="92px", height="26px"))
        self.retry.add_class("pruna-retry")
        self.choose.observe(self._chosen, "value")
        self.retry.on_click(lambda _: retry(number))
        self.box = w.VBox(
            [self.picture],
            layout=w.Layout(max_width=f"{size}px", min_width="0", margin="0 12px 12px 0"),
        )
        self.box.add_class("pruna-place")

    def _chosen(self, change: Any) -> None:
        chosen = bool(change["new"])
        self.choose.icon = "check-square-o" if chosen else "square-o"
        self.choose.description = "Selected" if chosen else "Select"
        self._select(self.number, chosen=chosen)

    def close(self) -> None:
        """Close the tile's widgets."""
        for widget in (self.picture, self.choose, self.retry, self.box):
            widget.close()

    def draw(self, html: str, outcome: Outcome, *, busy: bool) -> None:
        """Show what became of the point, with the button that suits it."""
        self.picture.value = html
        button: list[Any] = []
        if outcome.status == "succeeded":
            button = [self.choose]
        elif outcome.status in _NOT_DONE and (not busy or outcome.status != "pending"):
            sent = outcome.status == "pending" and outcome.prediction_id is not None
            self.retry.description, self.retry.icon = _FETCH if sent else _RETRY
            button = [self.retry]
        self.box.children = [self.picture, *button]
