"""A picture of a form seen large: selected, kept, and gone on from there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.catalog import usd_text
from pruna_nb.form.keeping import price_of_cell
from pruna_nb.form.onwards import ACTIONS, possible
from pruna_nb.widgets.about import Picture
from pruna_nb.widgets.chosen import KEEP, SELECT
from pruna_nb.widgets.lightbox import Lightbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.rounds import Round
    from pruna_nb.form.tile import Tile
    from pruna_nb.show import Cell, Thumbs

_VALUE = 60


class Enlarged:
    """The enlarged view of a form, which stands in the grid's place.

    Parameters
    ----------
    grid : ipywidgets.Widget
        What is hidden meanwhile.
    tile_of : callable
        Returns the tile of a point, whose switches are those of the view too.
    go_on : callable
        Called with a word of `ACTIONS` and a point's number.
    compare : callable
        Called with a round and a point's number, to compare its picture with what it was made of.
    thumbs : Thumbs
        Makes what stands in for files that browsers do not show.

    Attributes
    ----------
    box : ipywidgets.Widget
        The view.
    """

    def __init__(
        self,
        *,
        grid: Any,
        tile_of: Callable[[int], Tile | None],
        go_on: Callable[[str, int], object],
        compare: Callable[[Round, int], object],
        thumbs: Thumbs,
    ) -> None:
        self._grid, self._tile_of, self._go_on, self._compare = grid, tile_of, go_on, compare
        self._round: Round | None = None
        self._cells: Mapping[int, tuple[Cell, Outcome]] = {}
        self._select = _button("large-select", "", self._switch_select, "S selects")
        self._keep = _button("large-keep", "", self._switch_keep, "K keeps")
        self._actions = {
            word: _button(f"large-{word}", action.text, self._action(word), action.hint)
            for word, action in ACTIONS.items()
        }
        self._lightbox = Lightbox(
            actions=[self._select, self._keep],
            keys={"s": self._switch_select, "k": self._switch_keep},
            shown=self._shown,
            thumbs=thumbs,
        )
        hint = "Slider and flicker with the picture that it was made of"
        self._before = _button("large-before", "Before and after", self._compare_input, hint)
        self._row = w.HBox(
            [self._before, *self._actions.values()],
            layout=w.Layout(flex_flow="row wrap", align_items="center", margin="2px 0 0"),
        )
        self._lightbox.box.children = [*self._lightbox.box.children, self._row]
        self.box = self._lightbox.box

    def open(self, shown: Round, cells: Mapping[int, tuple[Cell, Outcome]], number: int) -> None:
        """Show a picture large; its neighbours are the other cells."""
        self._round, self._cells = shown, cells
        pictures = {
            each: _picture(shown, each, cell, outcome) for each, (cell, outcome) in cells.items()
        }
        self._lightbox.open(pictures, number)

    def close(self) -> None:
        """Close the view."""
        self._lightbox.close()

    def _shown(self, number: int | None) -> None:
        self._grid.layout.display = "" if number is None else "none"
        if number is None or self._round is None:
            return
        self._draw_switches(number)
        outcome = self._cells[number][1]
        for word, button in self._actions.items():
            able = possible(word, self._round, outcome.output)
            button.layout.display = "" if able else "none"
        pictures = any("image" in each.media for each in self._round.sweep.model.media_fields)
        self._before.layout.display = "" if pictures else "none"

    def _draw_switches(self, number: int) -> None:
        if (tile := self._tile_of(number)) is not None:
            self._select.description, self._select.icon = SELECT[bool(tile.choose.value)]
            self._keep.description, self._keep.icon = KEEP[bool(tile.keep.value)]

    def _switch_select(self) -> None:
        self._switch("choose")

    def _switch_keep(self) -> None:
        self._switch("keep")

    def _switch(self, name: str) -> None:
        number = self._lightbox.number
        if number is not None and (tile := self._tile_of(number)) is not None:
            switch = getattr(tile, name)
            switch.value = not switch.value
            self._draw_switches(number)

    def _compare_input(self) -> None:
        number, shown = self._lightbox.number, self._round
        if number is not None and shown is not None:
            self.close()
            self._compare(shown, number)

    def _action(self, word: str) -> Callable[[], None]:
        def act() -> None:
            if (number := self._lightbox.number) is not None:
                self._go_on(word, number)
                self.close()

        return act


def _picture(shown: Round, number: int, cell: Cell, outcome: Outcome) -> Picture:
    sent: dict[str, Any] = dict((cell.request or {}).get("input", {}))
    prompt = str(sent.pop("prompt", "") or shown.points[number].heading)
    model = shown.sweep.model_of(shown.points[number])
    facts = [("model", model.name)]
    if "seed" in sent:
        facts.append(("seed", str(sent.pop("seed"))))
    facts += [(name.replace("_", " "), str(value)[:_VALUE]) for name, value in sent.items()]
    price = price_of_cell(model, cell)
    cost = "price not published" if price is None else usd_text(price)
    facts.append(("cost", f"{cost}, paid before" if outcome.cached else cost))
    if outcome.seconds:
        facts.append(("took", f"{outcome.seconds:.1f} s"))
    return Picture(outcome.output or "", prompt, facts)


def _button(name: str, text: str, do: Callable[[], object], hint: str) -> Any:
    button = w.Button(description=text, tooltip=hint, layout=w.Layout(width="auto"))
    button.add_class(f"pruna-{name}")
    button.on_click(lambda _: do())
    return button
