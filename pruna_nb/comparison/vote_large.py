"""What a vote offers beside a picture that is seen large: copy the prompt, download, keep.

Nothing of it tells which variant the picture is of: no model, no cost and no file's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as w

from pruna_nb.comparison import vote_html as markup
from pruna_nb.settings import current
from pruna_nb.widgets.chosen import Chosen
from pruna_nb.widgets.keys import presses

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.comparison.vote_parts import View
    from pruna_nb.store.favourites import Favourite

_SIDES: tuple[View, View] = ("left", "right")
_KEYS = {
    "ArrowLeft": "p-vote-show-left",
    "ArrowRight": "p-vote-show-right",
    "Escape": "p-vote-show-both",
}
KEYS_HTML = presses("p-vote", _KEYS, own=True)


class LargeTools:
    """The tools of a picture that is seen large.

    Parameters
    ----------
    favourite : callable
        Returns what is kept of a picture by its path, or None.
    focus : callable
        Called after a click, so that the keys go on to the vote.

    Attributes
    ----------
    parts : list of ipywidgets.Widget
        A line of links, and a button.
    """

    def __init__(
        self, favourite: Callable[[str], Favourite | None], focus: Callable[[], object]
    ) -> None:
        self._path: str | None = None

        def shown(_: int) -> Favourite | None:
            return None if self._path is None else favourite(self._path)

        self._chosen = Chosen(set(), shown, current().cache_dir)
        _, button, trouble = self._chosen.actions
        button.on_click(lambda _: focus())
        self.parts = [w.HTML(markup.LINKS), button, trouble]
        for part in self.parts:
            part.add_class("p-vote-only-large")

    def show(self, view: View, path: str | None) -> None:
        """Show what holds of a side's picture; of none while both are on the screen."""
        self._path = path
        self._chosen.show(None if path is None else _SIDES.index(view))

    def keep(self) -> None:
        """Keep the picture that is seen large as a favourite, or do so no longer."""
        self._chosen.keep()
