"""The colours of what is shown: tints that suit a light page and a dark one."""

from __future__ import annotations

Colour = tuple[int, int, int]

RED: Colour = (214, 56, 56)
AMBER: Colour = (214, 137, 16)
GREY: Colour = (128, 128, 128)
BLUE: Colour = (64, 120, 220)
TINTS: dict[str, Colour] = {
    "failed": RED,
    "lost": RED,
    "canceled": AMBER,
    "skipped": GREY,
    "pending": BLUE,
    "succeeded": AMBER,  # a box in place of a picture that should be there
}


def rgba(colour: Colour, alpha: float) -> str:
    """Return a colour for a style.

    Examples
    --------
    >>> rgba(RED, 0.9)
    'rgba(214,56,56,.9)'
    """
    return f"rgba({','.join(map(str, colour))},{f'{alpha:g}'.removeprefix('0')})"
