"""Short texts beside a control or in its place, as HTML: notes and errors."""

from __future__ import annotations

import html

from pruna_nb.show.tints import BLUE, RED, rgba
from pruna_nb.text import NO_MATH

FAINT = "opacity:.7"
_HINT = f"border-left:3px solid {rgba(BLUE, 0.9)};padding:2px 0 2px 10px"
ERROR = f"border-left:3px solid {rgba(RED, 0.9)};padding:2px 0 2px 10px"


def note(text: str, style: str = "") -> str:
    """Return text of any origin as a line of HTML that no prompt can break."""
    safe = html.escape(text).replace("\n", "<br>")
    return f"<div class='{NO_MATH}' style='line-height:1.5;{style}'>{safe}</div>"


def without_widgets(what: str, way_on: str, code: str = "") -> str:
    """Return what stands in a widget's place where it cannot be shown.

    Parameters
    ----------
    what : str
        What cannot be shown, such as "This form".
    way_on : str
        What to do there instead, as HTML.
    code : str
        Python that does so; shown as it is.
    """
    box = "margin:6px 0 0;font-size:.9em;overflow:auto"
    shown = f"<pre style='{box}'><code>{html.escape(code)}</code></pre>" if code else ""
    return (
        f"<div class='{NO_MATH}' style='{_HINT};line-height:1.5;max-width:880px;margin:0 0 10px'>"
        f"<strong>{html.escape(what)} needs a running kernel and Jupyter widgets</strong>, as "
        "JupyterLab, Notebook 7, VS Code, Colab and Kaggle have them: run the cell there. "
        f"{way_on}{shown}</div>"
    )
