"""A line in a notebook's cell, renewed in place: HTML through a display handle, and no widget.

A widget is gone from the saved notebook, or stands there as a bar that never moves again; what came
through a display handle is saved as it was last.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# Displays of these go to a terminal, or to a variable of `%%capture`.
_NOT_A_PAGE = {"DisplayPublisher", "CapturingDisplayPublisher"}


def notebook_shell() -> Any:
    """Return the shell of the notebook that this code runs in; None in a terminal or script."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return None
    # JupyterLite's shell has no kernel beside it.
    is_page = type(shell.display_pub).__name__ not in _NOT_A_PAGE
    return shell if is_page or getattr(shell, "kernel", None) is not None else None


class Line:
    """A line of a cell; several runs of a chain share it, each as one of its `parts`.

    Parameters
    ----------
    shell : InteractiveShell
        That of `notebook_shell`.

    Attributes
    ----------
    parts : list
        What the runs that ended here have to tell, for the one that goes on.
    """

    def __init__(self, shell: Any) -> None:
        self.parts: list[Any] = []
        self._cell = _cell_of(shell)
        # What an Output widget or `%%capture` takes in is never renewed there: a line that moves
        # would stand still at its beginning. It gets the last state alone.
        is_captured = type(shell.display_pub).__name__ == "CapturingDisplayPublisher"
        widgets = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {})
        outputs = [each for each in list(widgets.values()) if type(each).__name__ == "Output"]
        # An Output widget keeps the id of the cell's message while it takes in what is displayed.
        in_output_widget = any(each.msg_id == self._cell for each in outputs)
        self._moves = not (is_captured or in_output_widget)
        self._handle: Any = None
        self._text = ""

    @classmethod
    def of_cell(cls, shell: Any, *, continues: bool) -> Line:
        """Return a new line, or the last one of this cell and thread, which a chain continues."""
        last: Line | None = getattr(_LAST, "line", None)
        _LAST.line = None
        return last if continues and last is not None and last.is_of(shell) else cls(shell)

    def is_of(self, shell: Any) -> bool:
        """Whether it stands in the cell that is being run."""
        return bool(self._cell == _cell_of(shell))

    def show(self, html: str, text: str, *, last: bool = False) -> None:
        """Replace the line by HTML, and by text for whoever cannot show it."""
        if not last and (not self._moves or text == self._text):
            return
        self._text = text
        data = {"text/html": html, "text/plain": text}
        if self._handle is not None and self._moves:
            self._handle.update(data, raw=True)
            return
        from IPython import display as ipython

        # IPython says that it is typed, but this function has no annotations.
        untyped: Any = ipython.display
        self._handle = untyped(data, raw=True, display_id=True if self._moves else None)

    def keep(self, parts: Sequence[Any]) -> None:
        """Let the next run of a chain go on in this line."""
        self.parts.extend(parts)
        _LAST.line = self


_LAST = threading.local()


def _cell_of(shell: Any) -> object:
    """Return what tells one run of a cell from all others: the message that asked for it."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    header = parent.get("header") if isinstance(parent, dict) else None
    return (header or {}).get("msg_id") or shell.execution_count
