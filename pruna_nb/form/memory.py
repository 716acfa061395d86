"""What was typed into a form, kept for when its cell is run again."""

from __future__ import annotations

import hashlib
import os
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: dict[object, tuple[dict[str, Any], dict[str, Any]]] = {}
_CALLS: dict[object, tuple[object, int]] = {}
# a form that nobody uses any more must not live on because its cell is remembered
# what was made in a place outlives the form that made it
_ROUNDS: dict[object, list[Any]] = {}
_FORMS: weakref.WeakValueDictionary[object, Any] = weakref.WeakValueDictionary()
_NOTHING = object()
# begins a place that no other form can have: where a front end names no cell, two may be alike
CELL = "cell"


class Memory:
    """What was typed in one place of a notebook.

    Parameters
    ----------
    place : object
        Names the place, such as a cell's id; None for one that never comes again.
    given : dict
        What the code gives now. A value that the code changed since the last time wins over
        what was typed; all others stay as typed.
    earlier : callable
        Returns what the code gave and what was typed in the place before this kernel.
    """

    def __init__(
        self,
        place: object,
        given: dict[str, Any],
        earlier: Callable[[], tuple[dict[str, Any], dict[str, Any]]] = lambda: ({}, {}),
    ) -> None:
        before, typed = ({}, {}) if place is None else _KEPT.get(place) or earlier()
        self.typed = {
            name: value
            for name, value in typed.items()
            if _same(before.get(name, _NOTHING), given.get(name, _NOTHING))
        }
        self._place, self.given = place, given
        if place is not None:
            _KEPT[place] = (given, self.typed)

    def keep(self, name: str, value: Any) -> None:
        """Remember what a field holds."""
        self.typed[name] = value

    def rounds(self, earlier: Callable[[], list[Any]] = list) -> list[Any]:
        """Return the list of the place's rounds, to which a form adds its own.

        Those from before this kernel are what `earlier` returns.
        """
        if self._place is None:
            return []
        if self._place not in _ROUNDS:
            _ROUNDS[self._place] = earlier()
        # a list for each form: an earlier one may still be on the screen
        _ROUNDS[self._place] = list(_ROUNDS[self._place])
        return _ROUNDS[self._place]

    def replace(self, form: Any) -> Any:
        """Remember the place's form; return the one that was there before, if it still exists."""
        earlier = _FORMS.get(self._place)
        if isinstance(self._place, tuple) and self._place[0] == CELL:
            _FORMS[self._place] = form
        return earlier


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    # JSON, in which an earlier kernel wrote it, has lists alone
    one, other = (list(each) if isinstance(each, tuple) else each for each in (one, other))
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # noqa: BLE001 - an array in a list has no truth; it counts as another
        return False


def this_place(fallback: object) -> object:
    """Return the place in the notebook whose code runs now.

    Parameters
    ----------
    fallback : object
        What names it where the front end sends no cell's id.

    Returns
    -------
    object
        The cell's id, and which of its calls this is; None where there is no notebook.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if not hasattr(shell, "kernel"):
        return None
    parent = shell.get_parent()
    # JupyterLab and VS Code send the cell's id with each request; nbconvert and others do not.
    cell = parent.get("metadata", {}).get("cellId")
    if cell is None:
        return ("call", fallback)
    run = parent.get("header", {}).get("msg_id")
    before, calls = _CALLS.get(cell, (None, 0))
    calls = calls + 1 if before == run else 0
    _CALLS[cell] = (run, calls)
    return (CELL, cell, calls)


def home_of(place: object, fallback: object) -> str:
    """Return the name of a place that is the same after a restart of the kernel.

    Parameters
    ----------
    place : object
        What `this_place` returned.
    fallback : object
        What names it in its folder where there is no cell's id.
    """
    named = place if isinstance(place, tuple) and place[0] == CELL else (os.getcwd(), fallback)  # noqa: PTH109 - text
    return hashlib.sha256(repr(named).encode("utf-8", "surrogateescape")).hexdigest()[:32]
