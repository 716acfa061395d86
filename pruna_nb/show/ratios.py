"""Aspect ratios: what was asked for, what came, and how a shape fits into a box."""

from __future__ import annotations

import math
import re

# Models round to multiples of 16: 1344 x 768 for 16:9 is 1.6 % off, which is not a mistake.
TOLERANCE = 0.03

_EXTREME = 100.0
_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*:\s*(\d+(?:\.\d+)?)\s*")
_KNOWN = (
    *((1, 1), (5, 4), (4, 3), (3, 2), (16, 10), (16, 9), (2, 1), (21, 9), (3, 1)),
    *((4, 5), (3, 4), (2, 3), (10, 16), (9, 16), (1, 2), (9, 21), (1, 3)),
)


def drawable_ratio(asked: str | None) -> float | None:
    """Return a ratio such as ``"16:9"`` as a number, if a box of it can be drawn.

    Parameters
    ----------
    asked : str or None
        What an ``aspect_ratio`` field holds. ``"custom"`` and ``"match_input_image"`` ask for no
        ratio that is known beforehand.

    Returns
    -------
    float or None
        Width over height; None if no ratio was asked for, or one of more than 100 to 1, which
        would be drawn as a line.

    Examples
    --------
    >>> drawable_ratio("3:2"), drawable_ratio("custom")
    (1.5, None)
    """
    match = _RATIO.fullmatch(asked or "")
    if match is None:
        return None
    width, height = float(match[1]), float(match[2])
    ratio = width / height if width and height else math.inf
    return ratio if 1 / _EXTREME <= ratio <= _EXTREME else None


def ratio_name(width: int, height: int) -> str:
    """Return the ratio of a picture: a common one if it is near, else to two places.

    Examples
    --------
    >>> ratio_name(1344, 768), ratio_name(1000, 710)
    ('16:9', '1.41:1')
    >>> ratio_name(8000, 100), ratio_name(1, 9000)
    ('80:1', '1:9000')
    """
    ratio = width / height
    name, off = min(
        ((f"{w}:{h}", abs(math.log(ratio * h / w))) for w, h in _KNOWN), key=lambda pair: pair[1]
    )
    if off <= TOLERANCE / 2 + 0.002:
        return name
    longer = f"{max(ratio, 1 / ratio):.2f}".removesuffix(".00")
    return f"{longer}:1" if ratio >= 1 else f"1:{longer}"


def mismatch(width: int, height: int, asked: str | None) -> str | None:
    """Return how the pixels differ from the ratio that was asked for.

    Parameters
    ----------
    width, height : int
        Pixels of the picture.
    asked : str or None
        As in `drawable_ratio`.

    Returns
    -------
    str or None
        Both of them in words; None if they agree within 3 % or no ratio was asked for.

    Examples
    --------
    >>> mismatch(1024, 1024, "16:9")
    'asked 16:9, got 1:1 (1024 x 1024)'
    >>> mismatch(1344, 768, "16:9") is None
    True
    """
    ratio = drawable_ratio(asked)
    if ratio is None or abs(math.log(width / height / ratio)) <= TOLERANCE:
        return None
    return f"asked {asked}, got {ratio_name(width, height)} ({width} x {height})"


def fit(width: float, height: float, size: int, *, enlarge: bool = False) -> tuple[int, int]:
    """Fit a shape into a square box, keeping it.

    Parameters
    ----------
    width, height : float
        The shape, in any unit.
    size : int
        The box's side, in pixels.
    enlarge : bool
        Whether a shape that is smaller than the box grows.

    Returns
    -------
    tuple of int
        Width and height in pixels, at least 1 each.

    Examples
    --------
    >>> fit(1344, 768, 256)
    (256, 146)
    """
    scale = size / max(width, height)
    if not enlarge:
        scale = min(1.0, scale)
    return max(1, round(width * scale)), max(1, round(height * scale))
