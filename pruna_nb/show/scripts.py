"""Scripts of this folder, as handlers within a notebook's HTML: constants, without a user's text.

An unseen image runs them as soon as it is there: hosts that put HTML into a page run no script
element in it, but its handlers. Hosts that do not trust the HTML strip those.
"""

from __future__ import annotations

import html
import re
from functools import cache
from importlib import resources

_PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
# every output carries the script, so what only its reader in this folder needs is left out
_INDENT_OR_COMMENT = re.compile(r"^[ ]*//.*\n|^[ ]+", re.MULTILINE)


@cache
def script_text(*names: str) -> str:
    """Return some scripts or styles of this folder, one after the other."""
    room = resources.files("pruna_nb.show")
    return "\n".join(room.joinpath(name).read_text("utf-8") for name in names)


def unseen(script: str) -> str:
    """Return an unseen image whose handler runs a script; ``this`` is the image."""
    short = _INDENT_OR_COMMENT.sub("", script)
    return f"<img src='{_PIXEL}' alt='' style='display:none' onload=\"{html.escape(short)}\">"
