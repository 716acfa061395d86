"""One picture on a form's board, with its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.statuses import FAILED
from pruna_nb.widgets.chosen import KEEP, SELECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.batch.job import Outcome

_RETRY = ("Retry", "refresh")
# what was sent and not delivered is fetched: it is not paid again
_FETCH = ("Fetch", "download")


class Tile:
    """One picture on the board, with its buttons.

    Parameters
    ----------
    number : int
        Its point.
    size : int
        Side of the box that the picture fits into, in pixels.
    select, keep : callable
        Called with the number and ``chosen=`` or ``kept=``; `keep` returns what holds then.
    enlarge, retry : callable
        Called with the number.
    """

    def __init__(
        self,
        number: int,
        size: int,
        *,
        select: Callable[..., object],
        keep: Callable[..., bool],
        enlarge: Callable[[int], object],
        retry: Callable[[int], object],
    ) -> None:
        self.number = number
        self._select, self._keep = select, keep
        self.picture = w.HTML(layout=w.Layout(max_width="100%", min_width="0"))
        self.choose = self._switch(SELECT, "select", self._chosen)
        self.keep = self._switch(KEEP, "keep", self._kept)
        self.large = w.Button(icon="search-plus", tooltip="See it large")
        self.large.layout = w.Layout(width="28px", height="26px")
        self.large.add_class("pruna-enlarge")
        self.retry = w.Button(layout=w.Layout(width="92px", height="26px"))
        self.retry.add_class("pruna-retry")
        self.large.on_click(lambda _: enlarge(number))
        self.retry.on_click(lambda _: retry(number))
        self.buttons = w.HBox(
            [self.choose, self.keep, self.large], layout=w.Layout(flex_flow="row wrap")
        )
        self.box = w.VBox(
            [self.picture],
            layout=w.Layout(max_width=f"{size}px", min_width="0", margin="0 12px 12px 0"),
        )
        self.box.add_class("pruna-place")

    @staticmethod
    def _switch(faces: Any, name: str, changed: Callable[[Any], object]) -> Any:
        text, icon = faces[False]
        layout = w.Layout(width="auto", height="26px")
        switch = w.ToggleButton(description=text, icon=icon, layout=layout)
        switch.add_class(f"pruna-{name}")
        switch.observe(changed, "value")
        return switch

    def _chosen(self, change: Any) -> None:
        chosen = bool(change["new"])
        self.choose.description, self.choose.icon = SELECT[chosen]
        self._select(self.number, chosen=chosen)

    def _kept(self, change: Any) -> None:
        kept = self._keep(self.number, kept=bool(change["new"]))
        self.keep.description, self.keep.icon = KEEP[kept]
        self.keep.value = kept

    def close(self) -> None:
        """Close the tile's widgets."""
        inside = [self.picture, self.choose, self.keep, self.large, self.retry, self.buttons]
        for widget in [*inside, self.box]:
            widget.close()

    def draw(self, html: str, outcome: Outcome, *, busy: bool) -> None:
        """Show what became of the point, with the button that suits it."""
        button: list[Any] = []
        if outcome.status == "succeeded":
            button = [self.buttons]
        elif outcome.status in FAILED and (not busy or outcome.status != "pending"):
            sent = outcome.status == "pending" and outcome.prediction_id is not None
            self.retry.description, self.retry.icon = _FETCH if sent else _RETRY
            button = [self.retry]
        self.box.children = [self.picture, *button]
        # last, since a click on the picture clicks a button
        self.picture.value = html
