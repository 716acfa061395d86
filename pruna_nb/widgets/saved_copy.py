"""HTML that stays in the notebook's file beside a widget, which itself is not kept there.

JupyterLab saves a widget as a name that means nothing when the notebook is opened again, but keeps
what came through a display handle. So each form has a copy in HTML below itself. The live form
hides it with a style sheet of its own, which is gone as soon as the form is.
"""

from __future__ import annotations

import threading
import uuid
from typing import Any

import ipywidgets as w

from pruna_nb.show.notebook import Shown, display, html_data


class Saved:
    """A copy in HTML, hidden for as long as a widget is on the screen.

    Parameters
    ----------
    plain : str
        What stands for it in plain text.

    Attributes
    ----------
    hide : ipywidgets.HTML
        The style sheet that hides the copy; to be made a child of the widget.
    html : str
        What the copy contains.
    """

    def __init__(self, plain: str = "A form's pictures.") -> None:
        self.html, self._plain = "", plain
        self._name = f"pruna-saved-{uuid.uuid4().hex[:12]}"
        self._shown: list[Shown] = []
        self._lock = threading.Lock()
        self.hide = w.HTML(f"<style>.{self._name}{{display:none}}</style>")
        self.hide.layout.display = "none"

    def display(self) -> None:
        """Add a copy at the end of the output that is shown now."""
        with self._lock:
            self._shown.append(display(self._data()))

    def update(self, html: str) -> None:
        """Replace what the copies contain; may be called from any thread."""
        with self._lock:
            self.html = html
            for shown in self._shown:
                shown.update(self._data())

    def _data(self) -> dict[str, Any]:
        return html_data(f"<div class='{self._name}'>{self.html}</div>", self._plain)


def bundle(widget: Any, plain: str, html: str) -> dict[str, Any]:
    """Return a widget's MIME bundle, with HTML and words for whoever cannot show the widget.

    A host takes the richest that it can show. GitHub, nbviewer, JupyterLab in a notebook that it
    does not trust, and VS Code without its Jupyter extension take the HTML.
    """
    data: dict[str, Any] = widget._repr_mimebundle_()
    return data | html_data(html, plain)
