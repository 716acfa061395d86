"""Pictures made from other pictures, so that one sees what they come from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageFilter, ImageOps

from pruna_nb.emulator.paint import write_caption
from pruna_nb.emulator.scenes import PALETTES, Colour, mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.emulator.sizes import Size

_TINT: Final = 0.38


def edit(
    pictures: Sequence[Image.Image], prompt: str, seed: int, size: Size, *, variant: str = ""
) -> Image.Image:
    """Edit pictures visibly: the first one leads, the others stand beside it.

    Everything keeps its place; the colours are drawn towards a pair that prompt and seed
    choose, and the prompt stands on top.
    """
    rng = random.Random(f"{seed}\x00{variant}\x00{prompt}")  # noqa: S311 - no secret
    dark, light = _pair(rng)
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


def _pair(rng: random.Random) -> tuple[Colour, Colour]:
    """Choose a dark and a light colour."""
    palette = rng.choice(PALETTES)
    dark, light = _hex(palette[0]), _hex(palette[rng.choice((3, 4))])
    return mix(dark, (0, 0, 0), 0.2), light


def _hex(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
