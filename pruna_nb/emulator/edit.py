"""Pictures made from other pictures, so that one sees what they come from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageFilter, ImageOps

from pruna_nb.emulator.paint import seeded, write_caption
from pruna_nb.emulator.scenes import PALETTES, Colour, mix

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from pruna_nb.emulator.sizes import Size

_TINT: Final = 0.45
_COLOURS: Final = {
    "black": "#d9d9d9",
    "blue": "#7fb2ff",
    "brown": "#d9a066",
    "copper": "#e39b6d",
    "gold": "#ffd75e",
    "golden": "#ffd75e",
    "green": "#86e08a",
    "orange": "#ffab4d",
    "pink": "#ff9ecb",
    "purple": "#c79bff",
    "red": "#ff7b6b",
    "silver": "#e3e8ee",
    "turquoise": "#5fe3d6",
    "violet": "#c79bff",
    "white": "#ffffff",
    "yellow": "#ffe95c",
}


def edit(
    pictures: Sequence[Image.Image], prompt: str, seed: int, size: Size, *, variant: str = ""
) -> Image.Image:
    """Edit pictures visibly: the first one leads, the others stand beside it.

    Everything keeps its place; the colours are drawn towards one that the prompt names, or one
    that prompt and seed choose, and the prompt stands on top.
    """
    dark, light = _pair(prompt, seeded(prompt, seed, variant))
    picture = tiled(pictures, size)
    tinted = ImageOps.colorize(ImageOps.grayscale(picture), dark, light)
    picture = Image.blend(picture, tinted, _TINT)
    write_caption(picture, prompt, dark=dark, top=True)
    return picture


def tiled(pictures: Sequence[Image.Image], size: Size) -> Image.Image:
    """Lay the first picture over the whole, or beside a column of the others."""
    lead, *others = pictures
    if not others:
        return ImageOps.fit(lead, size)
    width, height = size
    side = width // 3 if width >= height else width // 4
    sheet = Image.new("RGB", size)
    sheet.paste(ImageOps.fit(lead, (width - side, height)), (0, 0))
    for number, other in enumerate(others):
        top = height * number // len(others)
        bottom = height * (number + 1) // len(others)
        sheet.paste(ImageOps.fit(other, (side, bottom - top)), (width - side, top))
    return sheet


def upscale(picture: Image.Image, size: Size, *, details: bool, realism: bool) -> Image.Image:
    """Bring a picture to a size; its content stays as it is."""
    larger = picture.resize(size, Image.Resampling.BICUBIC)
    if details:
        larger = larger.filter(ImageFilter.UnsharpMask(radius=2, percent=80))
    if realism:
        larger = ImageOps.autocontrast(larger, cutoff=0.5)
    return larger


def placeholder(address: str, size: Size) -> Image.Image:
    """Stand in for a picture on another host, which is never fetched."""
    picture = Image.new("RGB", size, (72, 78, 105))
    write_caption(picture, f"not fetched: {address}", dark=(20, 22, 35))
    return picture


def _pair(prompt: str, rng: random.Random) -> tuple[Colour, Colour]:
    """Choose a dark and a light colour."""
    named = [word for word in re.findall("[a-z]+", prompt[:2_000].lower()) if word in _COLOURS]
    if named:
        light = _hex(_COLOURS[named[-1]])
        return mix(light, (0, 0, 0), 0.85), light
    palette = rng.choice(PALETTES)
    return mix(_hex(palette[0]), (0, 0, 0), 0.2), _hex(palette[rng.choice((3, 4))])


def _hex(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
