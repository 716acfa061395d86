"""How a run speaks of itself: on one line, and not too long."""

from __future__ import annotations

_AT_MOST = 1200


def one_line(said: object) -> str:
    """Give a text, or an error's, on one line."""
    return " ".join(str(said).split())[:_AT_MOST]
