"""A prompt written on a picture: readable in any script that the machine has a font for."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from pruna_nb.emulator.shapes import Colour

_LONGEST_CAPTION: Final = 400

# The names that Linux, macOS and Windows give their fonts; Pillow finds them where each keeps them.
_EASTERN_FONTS: Final = (
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
)
_FIRST_EASTERN: Final = "\u2e80"  # where Unicode begins with the CJK radicals
_WIDE_FONTS: Final = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
)


def write_caption(picture: Image.Image, text: str, *, dark: Colour, top: bool = False) -> None:
    """Write a text along the bottom or the top, wrapped, light on a darkened ground."""
    width, height = picture.size
    font_size = max(round(math.sqrt(width * height) / 22), 10)
    margin = round(font_size * 1.1)
    if width < 8 * margin or height < 8 * margin:  # a text would hide most of it
        return
    line_text = readable(text)
    names: tuple[str, ...] = ()
    # Pillow's own font has little beside ASCII; "…" it has, and a cut text ends with it.
    if not line_text.rstrip("…").isascii():
        is_eastern = max(line_text) >= _FIRST_EASTERN
        names = (*_EASTERN_FONTS, *_WIDE_FONTS) if is_eastern else _WIDE_FONTS
    font = _font(font_size, names)
    lines = wrap(line_text, font, width - 2 * margin, most=3 if width > height else 4)
    if not lines:
        return
    line_height = round(font_size * 1.32)
    text_height = len(lines) * line_height
    shade_height = min(text_height + 4 * margin, height)
    shade = _shade(shade_height)
    if top:
        shade = shade.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    picture.paste(
        dark, (0, 0 if top else height - shade_height), shade.resize((width, shade_height))
    )
    draw = ImageDraw.Draw(picture)
    first = margin if top else height - margin - text_height
    for number, line in enumerate(lines):
        at = (margin, first + number * line_height)
        draw.text(at, line, font=font, fill=(255, 253, 248))


@lru_cache(maxsize=64)
def _shade(height: int) -> Image.Image:
    """Return a column that goes from clear to dark and then stays so: the ground of a text."""

    def darkness(level: float) -> int:
        part = min(level / 150, 1.0)
        return round(225 * part * part * (3 - 2 * part))

    return Image.linear_gradient("L").point(darkness).resize((1, height))


def readable(text: str) -> str:
    """Return the text on one line, without what cannot be drawn, and not too long."""
    # A prompt may be as long as a request's body: no more of it is looked at than can be shown.
    cut = text[: _LONGEST_CAPTION * 2]
    plain = "".join(
        # The joiner counts as a control, yet without it an emoji of several falls apart.
        " " if unicodedata.category(letter)[0] in "CZ" and letter != "\u200d" else letter
        for letter in cut
    )
    plain = " ".join(plain.split())
    return plain if len(plain) <= _LONGEST_CAPTION else plain[:_LONGEST_CAPTION] + "…"


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float, *, most: int) -> list[str]:
    """Break a text into lines that fit the width in pixels; the last one may be cut."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        line = _fitting(rest, font, width)
        rest = rest[len(line) :].lstrip()
        lines.append(line.rstrip())
    if rest and lines:
        last = lines[-1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        lines[-1] = last.rstrip() + "…"
    return lines


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return the longest beginning that fits, whole words if it can be."""
    low, high = 1, min(len(text), 200)
    while low < high:
        middle = (low + high + 1) // 2
        if font.getlength(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    if low == len(text) or text[low] == " ":
        return text[:low]
    space = text.rfind(" ", 0, low)
    return text[: space + 1] if space > 0 else text[:low]


@lru_cache(maxsize=64)
def _font(size: int, names: tuple[str, ...] = ()) -> ImageFont.FreeTypeFont:
    """Return the first of the fonts that this machine has, or Pillow's own."""
    for name in names:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    font = ImageFont.load_default(size)
    # Without FreeType, Pillow gives a font of one size that has no metrics to wrap by.
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("the emulator's pictures need a Pillow with FreeType")
    return font
