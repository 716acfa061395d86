"""Type on a contact sheet: a face that has the letters, and lines that fit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pruna_nb.text import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

# Pillow carries a face for western scripts; for others, what the system has
_FALLBACKS = (
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "segoeui.ttf", "Arial Unicode.ttf", "arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc", "YuGothM.ttc", "malgun.ttf"),
    *("DroidSansFallbackFull.ttf", "wqy-zenhei.ttc", "unifont.otf"),
)
_SHORTEST = 8  # characters: a text that is cut further tells nothing
_ABSENT = (
    "\U0010fffd"  # private use: no face draws it, so it shows what "no such letter" looks like
)


@lru_cache(maxsize=64)
def _face(name: str, pixels: int) -> Any:
    from PIL import ImageFont

    if not name:
        return ImageFont.load_default(pixels)
    try:
        return ImageFont.truetype(name, pixels)
    except OSError:
        return None


@lru_cache(maxsize=8192)
def _draws(name: str, letter: str) -> bool:
    face = _face(name, 20)
    if face is None:
        return False
    return bool(bytes(face.getmask(letter)) != bytes(face.getmask(_ABSENT)))


def face_for(text: str, pixels: int) -> Any:
    """Choose the face that draws most of a text's letters.

    Parameters
    ----------
    text : str
    pixels : int
        Height of the type.

    Returns
    -------
    PIL.ImageFont.FreeTypeFont
        Pillow's own if it draws them all, so that sheets look alike on all machines.
    """
    letters = {letter for letter in text if not letter.isspace()}
    best, fewest = "", len(letters) + 1
    for name in ("", *_FALLBACKS):
        missing = sum(not _draws(name, letter) for letter in letters)
        if missing < fewest:
            best, fewest = name, missing
        if not missing:
            break
    return _face(best, pixels)


def wrap(text: str, face: Any, width: float, lines: int) -> list[str]:
    """Break a text into lines.

    Parameters
    ----------
    text : str
        Visible text on one line.
    face : PIL.ImageFont.FreeTypeFont
    width : float
        Pixels.
    lines : int
        How many at most; an ellipsis ends the last if more would be needed.

    Returns
    -------
    list of str
    """
    left = text
    found: list[str] = []
    while left and len(found) < lines:
        take = _fitting(left, face, width)
        if len(found) == lines - 1 and take < len(left):
            found.append(_ended(left[:take], face, width))
            break
        found.append(left[:take].rstrip())
        left = left[take:].lstrip()
    return found


def fit_all(parts: Sequence[str], face: Any, width: float, lines: int) -> str:
    """Join short texts; where there is not enough room, the longest is shortened first.

    Parameters
    ----------
    parts : sequence of str
        Such as a prompt and a ratio: the ratio is not lost behind the prompt.
    face : PIL.ImageFont.FreeTypeFont
    width : float
        Pixels of a line.
    lines : int
        How many at most.

    Returns
    -------
    str
    """
    shown = list(parts)
    while len(wrap(" · ".join(shown), face, width, lines + 1)) > lines:
        longest = max(range(len(shown)), key=lambda at: len(shown[at]))
        if len(shown[longest]) <= _SHORTEST:
            break
        shown[longest] = cut(shown[longest], len(shown[longest]) - 1)
    return " · ".join(shown)


def _fitting(text: str, face: Any, width: float) -> int:
    """Count the characters that fit on a line, to the end of a word if one ends there."""
    low, high = 1, min(len(text), max(1, int(width)))
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    if low >= len(text) or text[low] == " ":
        return low
    space = text.rfind(" ", 0, low)
    return space if space > 0 else low


def _ended(text: str, face: Any, width: float) -> str:
    shorter, length = text.rstrip() + "…", len(text)
    while face.getlength(shorter) > width:
        length -= 1
        if length <= 1:
            return "…"
        shorter = cut(text, length)
    return shorter
