"""The notebook's screen: what is displayed there, and renewed later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Shown:
    """An output on the screen; it does nothing where there is no notebook.

    Unlike a widget, what came through a display handle is kept in the saved notebook.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def update(self, data: Mapping[str, Any]) -> None:
        """Replace the output; may be called from any thread."""
        if self._handle is not None:
            self._handle.update(dict(data), raw=True)


def html_data(html: str, plain: str) -> dict[str, Any]:
    """Return HTML, and words for whoever cannot show it, as `display` takes it."""
    return {"text/html": html, "text/plain": plain}


def display(data: Mapping[str, Any]) -> Shown:
    """Display a MIME bundle: HTML of `html_data`, or a widget's."""
    from IPython import display as ipython

    # IPython says that it is typed, but this function has no annotations.
    untyped: Any = ipython.display
    return Shown(untyped(dict(data), raw=True, display_id=True))
