"""Short texts beside a control, as HTML: notes and errors."""

from __future__ import annotations

import html

from pruna_nb.show.tints import RED, rgba
from pruna_nb.text import NO_MATH

FAINT = "opacity:.7"
ERROR = f"border-left:3px solid {rgba(RED, 0.9)};padding:2px 0 2px 10px"


def note(text: str, style: str = "") -> str:
    """Return text of any origin as a line of HTML that no prompt can break."""
    safe = html.escape(text).replace("\n", "<br>")
    return f"<div class='{NO_MATH}' style='line-height:1.5;{style}'>{safe}</div>"
