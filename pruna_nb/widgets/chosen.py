"""Which pictures a person selects and keeps while seeing them large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.errors import CacheError
from pruna_nb.store.favourites import Favourites
from pruna_nb.widgets.notes import ERROR, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pruna_nb.store.favourites import Favourite

SELECT = {False: ("Select", "square-o"), True: ("Selected", "check-square-o")}
KEEP = {False: ("Keep", "star-o"), True: ("Kept", "star")}


class Chosen:
    """Two buttons of a lightbox: one selects the picture that is shown, one keeps it.

    Parameters
    ----------
    selected : set of int
        The numbers of the pictures that are selected; changed in place.
    favourite : callable
        Returns what is kept of a picture by its number; None if it cannot be.
    cache_dir : Path
        Where favourites are.
    changed : callable
        Called after a picture was selected or is so no longer.

    Attributes
    ----------
    actions : list of ipywidgets.Widget
        The buttons, and a place for what went wrong.
    keys : dict
        The letters that click them.
    """

    def __init__(
        self,
        selected: set[int],
        favourite: Callable[[int], Favourite | None],
        cache_dir: Path,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._selected, self._favourite, self._changed = selected, favourite, changed
        self._store = Favourites(cache_dir)
        self._kept = {each.id for each in self._store.all()}
        self._number: int | None = None
        self._select = self._button("select", self.select, "S selects")
        self._keep = self._button("keep", self.keep, "K keeps it as a favourite")
        self._trouble = w.HTML()
        self.actions = [self._select, self._keep, self._trouble]
        self.keys: Mapping[str, Callable[[], object]] = {"s": self.select, "k": self.keep}

    @staticmethod
    def _button(name: str, do: Callable[[], object], hint: str) -> Any:
        button = w.Button(tooltip=hint, layout=w.Layout(width="auto"))
        button.add_class(f"pruna-large-{name}")
        button.on_click(lambda _: do())
        return button

    def show(self, number: int | None) -> None:
        """Show what holds of a picture; None if none is shown."""
        self._number, self._trouble.value = number, ""
        if number is None:
            return
        found = self._favourite(number)
        self._select.description, self._select.icon = SELECT[number in self._selected]
        self._keep.description, self._keep.icon = KEEP[found is not None and found.id in self._kept]
        self._keep.disabled = found is None

    def select(self) -> None:
        """Select the picture that is shown, or do so no longer."""
        if self._number is not None:
            self._selected ^= {self._number}
            self._changed()
            self.show(self._number)

    def keep(self) -> None:
        """Keep the picture that is shown as a favourite, or do so no longer."""
        found = None if self._number is None else self._favourite(self._number)
        if found is None:
            return
        kept = found.id in self._kept
        try:
            if kept:
                self._store.drop(found.id)
            else:
                self._store.add(found)
        except CacheError as error:
            self._trouble.value = note(str(error), ERROR)
            return
        self._kept ^= {found.id}
        self.show(self._number)
