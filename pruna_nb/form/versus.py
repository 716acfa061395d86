"""Two pictures of a form against each other, or one against what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from pruna_nb.errors import PrunaError
from pruna_nb.form.cells import cell_of
from pruna_nb.form.rounds import Round, chosen_of
from pruna_nb.frames.pairs import frame_pairs
from pruna_nb.settings import current
from pruna_nb.show import Pair, Pairs
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.text import visible_line
from pruna_nb.widgets.keys import presses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BOX = "pruna-versus"
_BYTES = 4_000_000  # none of it is saved: a widget's contents are not part of the notebook
_TWO = 2
_SENT = "the picture that was sent"


class Versus:
    """The comparison of two pictures, which stands in the grid's place, and the way to it.

    Parameters
    ----------
    rounds : list of Round
        The form's, of which two pictures are selected.
    grid : ipywidgets.Widget
        What is hidden meanwhile.
    say : callable
        Called with the reason why two pictures cannot be compared.

    Attributes
    ----------
    button : ipywidgets.Button
        Compares the two that are selected; shown while there are just two.
    box : ipywidgets.VBox
        The comparison.
    """

    def __init__(self, *, rounds: list[Round], grid: Any, say: Callable[[str], object]) -> None:
        self._rounds, self._grid, self._say = rounds, grid, say
        self.button = w.Button(
            description="Compare the two",
            icon="columns",
            tooltip="Slider, flicker, or side by side",
            layout=w.Layout(width="auto", display="none", margin="6px 0", align_self="flex-start"),
        )
        self.button.add_class("pruna-compare")
        self.button.on_click(lambda _: self.compare_selected())
        close = w.Button(
            description="Close",
            icon="times",
            tooltip="Back to the grid (Esc)",
            layout=w.Layout(width="auto"),
        )
        close.add_class("pruna-versus-close")
        close.on_click(lambda _: self.close())
        self._pair = w.HTML(layout=w.Layout(width="100%"))
        self.box = w.VBox(
            [w.HBox([close], layout=w.Layout(justify_content="flex-end")), self._pair],
            layout=w.Layout(
                display="none", width="100%", border=f"1px solid {rgba(GREY, 0.35)}", padding="6px"
            ),
        )
        self.box.add_class(_BOX)

    def offer(self) -> int:
        """Show the button if two pictures are selected; return how many are."""
        chosen = chosen_of(self._rounds, None)
        made = [each for each, number in chosen if each.outcomes[number].status == "succeeded"]
        able = len(chosen) == len(made) == _TWO
        self.button.layout.display = "" if able else "none"
        return len(chosen)

    def compare_selected(self) -> None:
        """Compare the two pictures that are selected."""
        chosen = chosen_of(self._rounds, None)
        if len(chosen) == _TWO:
            self._open(pair_of(chosen))

    def compare_with_input(self, made: Round, number: int) -> None:
        """Compare a picture with the one that it was made of."""
        given = {**made.sweep.constants(), **made.points[number].fields}
        fields = [each.name for each in made.sweep.model.media_fields if "image" in each.media]
        sent = [given[name] for name in fields if given.get(name)]
        frame = made.frame().iloc[[number]]
        # a file that all rows share is in no column
        column = _SENT if sent else None
        frame = frame.assign(**{_SENT: pd.Series(sent[:1], index=frame.index)}) if sent else frame
        try:
            with made.tables.scope.entered():
                pairs = frame_pairs(frame, before_col=column, max_bytes=_BYTES)
        except PrunaError as error:
            self._say(str(error))
        else:
            self._open(pairs)

    def close(self) -> None:
        """Go back to the grid."""
        if self.box.layout.display != "none":
            self.box.layout.display, self._pair.value = "none", ""
            self._grid.layout.display = ""

    def _open(self, pairs: Pairs) -> None:
        keys = presses(_BOX, {"Escape": "pruna-versus-close"}, focus="pruna-pair")
        self.box.layout.display, self._grid.layout.display = "", "none"
        self._pair.value = pairs.html(embed=True) + keys


def pair_of(chosen: Sequence[tuple[Round, int]]) -> Pairs:
    """Return two pictures of a form as a pair; each side is called by what differs."""
    told = []
    for made, number in chosen:
        point = made.points[number]
        told.append(
            (point.heading, made.sweep.model_of(point).name, point.label, f"round {made.number}")
        )
    first, second = (
        [text for text, other in zip(*pair, strict=True) if text != other and text]
        for pair in (told, told[::-1])
    )
    cells = [
        cell_of(
            made.sweep,
            made.points[number],
            made.outcomes[number],
            caption=visible_line(" · ".join(names), 120),
        )
        for (made, number), names in zip(chosen, (first, second), strict=True)
    ]
    shared = told[0][0] if told[0][0] == told[1][0] else ""
    with chosen[0][0].tables.scope.entered():
        thumbs_dir = current().thumbs_dir
    return Pairs((Pair(cells[0], cells[1], shared),), max_bytes=_BYTES, thumbs_dir=thumbs_dir)
