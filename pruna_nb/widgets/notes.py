"""Short texts beside a control, as HTML: notes and errors."""

from __future__ import annotations

import html

from pruna_nb.text import NO_MATH

FAINT = "opacity:.7"
ERROR = "border-left:3px solid rgba(214,56,56,.9);padding:2px 0 2px 10px"


def note(text: str, style: str = "") -> str:
    """Put text of any origin into a line of HTML that no prompt can break."""
    safe = html.escape(text).replace("\n", "<br>")
    return f"<div class='{NO_MATH}' style='line-height:1.5;{style}'>{safe}</div>"
