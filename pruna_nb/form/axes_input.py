"""The dropdowns above the pictures that say which fields are the rows, and which the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.axes import Axes
from pruna_nb.form.labels import label_of
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class AxesInput:
    """A dropdown for each level of the rows and columns; hidden where only one field differs.

    Parameters
    ----------
    chose : callable
        Called with the axes that were chosen.

    Attributes
    ----------
    box : ipywidgets.HBox
    """

    def __init__(self, chose: Callable[[Axes], object]) -> None:
        self._chose = chose
        layout = w.Layout(flex_flow="row wrap", align_items="center", display="none")
        self.box = w.HBox(layout=layout)
        self.box.add_class("pruna-axes")

    def draw(self, names: Sequence[str], axes: Axes) -> None:
        """Show which field is where; any other may be chosen in its place."""
        old = self.box.children
        children: list[Any] = []
        if len(names) > 1:
            children.append(w.HTML(note("Rows", FAINT)))
            for i in range(min(len(axes.rows) + 1, len(names))):
                free = [name for name in names if name not in axes.rows[:i]]
                children.append(self._level("rows", axes, i, ["", *free]))
            children.append(w.HTML(note("Columns", FAINT)))
            for i in range(len(axes.cols)):
                free = [name for name in names if name not in axes.rows + axes.cols[:i]]
                children.append(self._level("cols", axes, i, free))
        self.box.children = children
        self.box.layout.display = "" if children else "none"
        for widget in old:
            widget.close()

    def _level(self, axis: str, axes: Axes, place: int, names: Sequence[str]) -> Any:
        levels = axes.rows if axis == "rows" else axes.cols
        options = [(label_of(name) if name else "none", name) for name in names]
        widget = w.Dropdown(
            options=options,
            value=levels[place] if place < len(levels) else "",
            tooltip="The outer field of the axis"
            if place == 0
            else "A field within the one before",
            layout=w.Layout(width="auto", min_width="60px", max_width="170px"),
        )
        widget.add_class(f"pruna-axis-{axis}")

        def chose(change: Any) -> None:
            before, after = levels[:place], levels[place + 1 :]
            new = (*before, *([change["new"]] if change["new"] else []))
            if axis == "rows":
                rows = (*new, *(name for name in after if name not in new))
                cols = tuple(name for name in axes.cols if name not in rows)
                freed = [name for name in axes.rows if name not in rows]
                self._chose(Axes(rows, (*cols, *freed)))
            else:
                rest = (name for name in levels[place:] if name not in new)
                self._chose(Axes(axes.rows, (*new, *rest)))

        widget.observe(chose, "value")
        return widget
