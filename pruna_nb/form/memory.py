"""What was typed into a form, kept for when its cell is run again."""

from __future__ import annotations

import weakref
from typing import Any

_KEPT: dict[object, tuple[dict[str, Any], dict[str, Any]]] = {}
_CALLS: dict[object, tuple[object, int]] = {}
# a form that nobody uses any more must not live on because its cell is remembered
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
    """

    def __init__(self, place: object, given: dict[str, Any]) -> None:
        before, typed = _KEPT.get(place, ({}, {})) if place is not None else ({}, {})
        self.typed = {
            name: value
            for name, value in typed.items()
            if _same(before.get(name, _NOTHING), given.get(name, _NOTHING))
        }
        self._place = place
        if place is not None:
            _KEPT[place] = (given, self.typed)

    def keep(self, name: str, value: Any) -> None:
        """Remember what a field holds."""
        self.typed[name] = value

    def replace(self, form: Any) -> Any:
        """Remember the place's form; return the one that was there before, if it still exists."""
        earlier = _FORMS.get(self._place)
        if isinstance(self._place, tuple) and self._place[0] == CELL:
            _FORMS[self._place] = form
        return earlier


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
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
