"""A grid whose pictures a click shows large in the notebook, to be selected and kept there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.line import notebook_shell
from pruna_nb.show.grids import Grid
from pruna_nb.show.markup import prompt_of
from pruna_nb.show.notebook import display, html_data
from pruna_nb.widgets.about import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pruna_nb.show.cells import Cell
    from pruna_nb.store.favourites import Favourite
    from pruna_nb.widgets.about import Row

_BOX = "pruna-live"


@dataclass(frozen=True, repr=False, eq=False)
class LiveGrid(Grid):
    """A grid that a click makes a lightbox of, as long as the kernel runs.

    The saved notebook keeps the grid itself, in which a click opens a picture too.
    """

    frame: Any = None
    about: Mapping[int, Row] = field(default_factory=dict)  # by the cells' id
    cache_dir: Path | None = None
    chosen: set[int] = field(default_factory=set)

    @property
    def selected(self) -> Any:
        """The rows of the frame whose pictures are selected, in their order."""
        return self.frame.iloc[sorted(self.chosen)]

    def _ipython_display_(self) -> None:
        if notebook_shell() is None or self.cache_dir is None:
            display(html_data(self.html(), repr(self)))
            return
        import ipywidgets as w

        from pruna_nb.widgets.chosen import Chosen
        from pruna_nb.widgets.keys import picks
        from pruna_nb.widgets.lightbox import Lightbox
        from pruna_nb.widgets.notes import FAINT, note
        from pruna_nb.widgets.saved_copy import Saved, bundle

        # in the order of the page, where the cells of a row stand together
        cells = [cell for unit in self.layout().units for cell in unit.cells]
        pictures = {
            number: self._picture(cell)
            for number, cell in enumerate(cells)
            if cell.status == "succeeded" and cell.path is not None
        }
        rows = [self.about.get(id(cell)) for cell in cells]
        numbers = {number for number, row in enumerate(rows) if row and row.place in self.chosen}
        told = w.HTML()

        def changed() -> None:
            self.chosen.clear()
            self.chosen.update(row.place for n in numbers if (row := rows[n]) is not None)
            told.value = note(f"{len(numbers):,} selected: grid.selected", FAINT) if numbers else ""

        def kept(number: int) -> Favourite | None:
            row = rows[number]
            return None if row is None else row.favourite

        chosen = Chosen(numbers, kept, self.cache_dir, changed)
        shown = w.HTML(self.html(embed=True) + picks("pruna-live-place", _BOX, "figure"))
        shown.add_class("pruna-live-grid")
        place = w.Text(continuous_update=True, layout=w.Layout(display="none"))
        place.add_class("pruna-live-place")

        def leave(number: int | None) -> None:
            shown.layout.display = "" if number is None else "none"
            chosen.show(number)

        lightbox = Lightbox(actions=chosen.actions, keys=dict(chosen.keys), shown=leave)

        def picked(_: object) -> None:
            number = str(place.value).partition(" ")[0]
            if number.isdecimal():
                lightbox.open(pictures, int(number))

        place.observe(picked, "value")
        saved = Saved("A grid's pictures.")
        box = w.VBox([saved.hide, lightbox.box, told, shown, place])
        box.add_class(_BOX)
        changed()
        display(bundle(box, repr(self), "<div></div>"))
        saved.update(self.html())
        saved.display()

    def _picture(self, cell: Cell) -> Picture:
        asked = cell.request.get("input")
        given = dict(asked) if isinstance(asked, dict) else {}
        given.pop("prompt", None)
        row = self.about.get(id(cell))
        facts = [] if row is None else [("row", row.label)]
        facts += [("model", str(cell.request["model"]))] if cell.request.get("model") else []
        facts += [(name.replace("_", " "), str(value)[:60]) for name, value in given.items()]
        facts += [] if row is None else [("cost", row.cost)]
        return Picture(cell.path or "", prompt_of(cell) or cell.caption, facts)
