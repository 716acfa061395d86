"""The grid inside a form: pictures as they come, each to be selected or tried again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.cells import cell_of
from pruna_nb.show import Thumbs
from pruna_nb.show.markup import figure, video_uri
from pruna_nb.text import NO_MATH, isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.sweep import Ask, Spot
    from pruna_nb.show import Thumb

PAGE = 48
"""Places that are shown before a button asks for more: each is several widgets."""
_AGAIN = frozenset({"failed", "canceled", "lost", "pending"})
_VIDEO_BYTES_AT_MOST = 12_000_000
SIZES = {"small": 192, "medium": 320, "large": 640}
"""Sides of the box that each picture fits into, in pixels."""
_RETRY = ("Retry", "refresh")
_FETCH = ("Fetch", "download")
"""What was sent and not delivered is fetched: it is not paid for again."""
_HEADING = "font-weight:600;line-height:1.4;overflow-wrap:anywhere;margin:10px 0 2px"


class Board:
    """Pictures of an ask, live; what changes it may be called from any thread.

    Parameters
    ----------
    retry : callable
        Told the place whose button was clicked.
    changed : callable
        Told that the selection changed.
    thumbs_dir : Path, optional
        Where thumbnails are kept.

    Attributes
    ----------
    box : ipywidgets.VBox
        The grid.
    selected : set of int
        The places that were selected.
    """

    def __init__(
        self,
        *,
        retry: Callable[[int], object],
        changed: Callable[[], object],
        thumbs_dir: Path | None = None,
    ) -> None:
        self.selected: set[int] = set()
        self._retry, self._changed, self._size = retry, changed, SIZES["small"]
        self._thumbs = Thumbs(thumbs_dir)
        self._lock = threading.RLock()
        self._ask: Ask | None = None
        self._spots: Sequence[Spot] = ()
        self._outcomes: list[Outcome] = []
        self._frozen = True
        self._places: list[Place] = []
        self.box = w.VBox()
        self.box.add_class("pruna-board")
        self._more = w.Button(layout=w.Layout(width="auto", margin="8px 0"))
        self._more.on_click(lambda _: self._grow())

    def show(self, ask: Ask, spots: Sequence[Spot], outcomes: Sequence[Outcome]) -> None:
        """Lay out a new grid; nothing is selected in it."""
        with self._lock:
            self._ask, self._spots, self._outcomes = ask, spots, list(outcomes)
            self.selected.clear()
            old = [child for child in self.box.children if child is not self._more]
            old_places, self._places = self._places, []
            self.box.children = ()
            for widget in [*old, *old_places]:
                widget.close()  # ipywidgets keeps every widget that is not closed
            self._grow()

    def _grow(self) -> None:
        """Show more places than there are on the screen."""
        with self._lock:
            ask = self._ask
            start = len(self._places)
            end = min(len(self._spots), start + PAGE)
            if ask is None:
                return
            for number in range(start, end):
                self._places.append(Place(self, number))
            rows: list[Any] = []
            heading: str | None = None
            for place in self._places:
                spot = self._spots[place.number]
                if spot.heading != heading or not rows:
                    heading = spot.heading
                    said = isolated(heading, 400) if heading else ""
                    rows.append(
                        (w.HTML(f"<div class='{NO_MATH}' style='{_HEADING}'>{said}</div>"), [])
                    )
                rows[-1][1].append(place.box)
            children = []
            for head, boxes in rows:
                flow = w.Layout(flex_flow="row wrap", align_items="flex-start", overflow="visible")
                children += [head, w.HBox(boxes, layout=flow)]
            left = len(self._spots) - end
            if left:
                self._more.description = f"Show {min(PAGE, left)} of {left:,} more"
                children.append(self._more)
            self.box.children = children
            self._draw(range(start, end))

    def update(self, ask: Ask | None, outcomes: Sequence[Outcome], *, over: bool) -> None:
        """Show what became of the places.

        Parameters
        ----------
        ask : Ask or None
            Whose places they are; nothing changes if another one's grid was laid out meanwhile.
        outcomes : sequence of Outcome
            One for each place.
        over : bool
            Whether nothing more is under way, so that what is pending can be tried again.
        """
        with self._lock:
            if ask is not self._ask:
                return
            before, self._outcomes = self._outcomes, list(outcomes)
            thawed = over == self._frozen
            self._frozen = not over
            self._draw(
                number
                for number in range(len(self._places))
                if self._outcomes[number] != before[number]
                or (thawed and self._outcomes[number].status in _AGAIN)
            )

    def _draw(self, numbers: Any) -> None:
        wanted = list(numbers)
        ready = [number for number in wanted if self._outcomes[number].status == "succeeded"]
        paths = [self._outcomes[number].output or "" for number in ready]
        thumbs: dict[int, Thumb] = dict(
            zip(ready, self._thumbs.make(paths, self._size), strict=True)
        )
        for number in wanted:
            html = self._html(number, thumbs.get(number))
            self._places[number].draw(html, self._outcomes[number], over=not self._frozen)

    def _html(self, number: int, thumb: Thumb | None) -> str:
        if self._ask is None:  # pragma: no cover - places are made by `show`
            return ""
        spot = self._spots[number]
        cell = cell_of(self._ask, spot, self._outcomes[number], caption=spot.label)
        address = None
        if cell.media == "video" and cell.path is not None and _is_small(cell.path):
            address = video_uri(cell.path)
        return f"<div class='{NO_MATH}'>{figure(cell, thumb, self._size, address=address)}</div>"

    def resize(self, size: int) -> None:
        """Show the pictures at another size, in pixels."""
        with self._lock:
            self._size = size
            for place in self._places:
                place.box.layout.max_width = f"{size}px"
            self._draw(range(len(self._places)))

    def choose(self, number: int, *, chosen: bool) -> None:
        """Select a place, or no longer."""
        (self.selected.add if chosen else self.selected.discard)(number)
        self._changed()

    def again(self, number: int) -> None:
        """Have a place tried again."""
        self._retry(number)


def _is_small(path: str) -> bool:
    import os

    try:
        return os.path.getsize(path) <= _VIDEO_BYTES_AT_MOST  # noqa: PTH202
    except OSError:
        return False


class Place:
    """One picture on the board, with its button."""

    def __init__(self, board: Board, number: int) -> None:
        self.number = number
        self._board = board
        side = f"{board._size}px"  # noqa: SLF001 - a part of the board
        self._picture = w.HTML(layout=w.Layout(max_width="100%", min_width="0"))
        self.choose = w.ToggleButton(
            description="Select", icon="square-o", layout=w.Layout(width="92px", height="26px")
        )
        self.choose.add_class("pruna-select")
        self.retry = w.Button(layout=w.Layout(width="92px", height="26px"))
        self.retry.add_class("pruna-retry")
        self.choose.observe(self._chosen, "value")
        self.retry.on_click(lambda _: board.again(number))
        self.box = w.VBox(
            [self._picture],
            layout=w.Layout(max_width=side, min_width="0", margin="0 12px 12px 0"),
        )
        self.box.add_class("pruna-place")

    def _chosen(self, change: Any) -> None:
        chosen = bool(change["new"])
        self.choose.icon = "check-square-o" if chosen else "square-o"
        self.choose.description = "Selected" if chosen else "Select"
        self._board.choose(self.number, chosen=chosen)

    def close(self) -> None:
        """Give the place's widgets back."""
        for widget in (self._picture, self.choose, self.retry, self.box):
            widget.close()

    def draw(self, html: str, outcome: Outcome, *, over: bool) -> None:
        """Show what became of the place, with the button that suits it."""
        self._picture.value = html
        if outcome.status == "succeeded":
            button = [self.choose]
        elif outcome.status in _AGAIN and (over or outcome.status != "pending"):
            sent = outcome.status == "pending" and outcome.prediction_id is not None
            self.retry.description, self.retry.icon = _FETCH if sent else _RETRY
            button = [self.retry]
        else:
            button = []
        self.box.children = [self._picture, *button]
