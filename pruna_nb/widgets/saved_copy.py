"""HTML that stays in the notebook's file beside a widget, which itself is not kept there.

JupyterLab saves a widget as a name that means nothing when the notebook is opened again. What
came through a display handle is kept. So each form has a copy in HTML below itself; and the
live form hides it by a style sheet of its own, which is gone as soon as the form is.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

import ipywidgets as w


class Saved:
    """A copy in HTML, hidden for as long as a widget is on the screen.

    Attributes
    ----------
    hide : ipywidgets.HTML
        The style sheet that hides the copy; to be put into the widget.
    html : str
        What the copy holds.
    """

    def __init__(self) -> None:
        self.html = ""
        self._name = f"pruna-saved-{uuid.uuid4().hex[:12]}"
        self._handles: list[Any] = []
        self._lock = threading.Lock()
        self.hide = w.HTML(f"<style>.{self._name}{{display:none}}</style>")
        self.hide.layout.display = "none"

    def display(self) -> None:
        """Put a copy at the end of the output that is shown now."""
        from IPython.display import HTML, display

        with self._lock:
            handle = display(HTML(self._wrapped()), display_id=True)  # type: ignore[no-untyped-call]
            if handle is not None:
                self._handles.append(handle)

    def update(self, html: str) -> None:
        """Change what the copies hold; may be called from any thread."""
        from IPython.display import HTML

        with self._lock:
            self.html = html
            for handle in self._handles:
                handle.update(HTML(self._wrapped()))  # type: ignore[no-untyped-call]

    def _wrapped(self) -> str:
        return f"<div class='{self._name}'>{self.html}</div>"


def bundle(widget: Any, plain: str) -> dict[str, Any]:
    """Give a widget's MIME bundle, with words for whoever cannot show the widget."""
    data: dict[str, Any] = widget._repr_mimebundle_()
    data["text/plain"] = plain
    return data
