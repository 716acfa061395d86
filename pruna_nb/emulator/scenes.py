"""The scenes that pictures are drawn from, and their colours."""

from __future__ import annotations

import colorsys
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from pruna_nb.emulator.sizes import Size

Colour = tuple[int, int, int]

# From dark to light, so that layers can be stacked in order: five colours each.
PALETTES: Final[Sequence[tuple[str, ...]]] = (
    ("#0b132b", "#1c2541", "#3a506b", "#5bc0be", "#f2e9dc"),
    ("#2b193d", "#6c3483", "#c74b7b", "#f5a25d", "#ffe5b4"),
    ("#132a13", "#31572c", "#4f772d", "#90a955", "#ecf39e"),
    ("#03045e", "#0077b6", "#00b4d8", "#90e0ef", "#fdf6e3"),
    ("#3d0c11", "#8d2b2b", "#d1603d", "#f2a65a", "#f9e3c7"),
    ("#22223b", "#4a4e69", "#9a8c98", "#c9ada7", "#f7ede8"),
    ("#0f2a2e", "#1f5c57", "#3f9c84", "#a8d5a2", "#fbf3d4"),
    ("#1b1035", "#44318d", "#8265a7", "#d89bbf", "#fbe4e6"),
    ("#2d1e12", "#6b4226", "#b0703c", "#e0b07a", "#f8ecd6"),
    ("#10222e", "#264653", "#2a9d8f", "#e9c46a", "#fbe8c8"),
    ("#2a0a2e", "#7a1e5c", "#d6336c", "#ff8fa3", "#ffe3dc"),
    ("#0a1f44", "#2f4b8a", "#7d8fd1", "#f0a6ca", "#ffeccf"),
)


def choose_palette(rng: random.Random) -> list[Colour]:
    """Choose five colours from dark to light, turned a little so that no two are equal."""
    turn = rng.uniform(-0.035, 0.035)
    palette = []
    for text in rng.choice(PALETTES):
        red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))
        hue, light, strength = colorsys.rgb_to_hls(red, green, blue)
        palette.append(_rgb(colorsys.hls_to_rgb((hue + turn) % 1, light, strength)))
    return palette


def _rgb(parts: tuple[float, float, float]) -> Colour:
    return (round(parts[0] * 255), round(parts[1] * 255), round(parts[2] * 255))


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """Return the colour that lies so far on the way from one to the other, 0 to 1."""
    return (
        round(one[0] + (other[0] - one[0]) * part),
        round(one[1] + (other[1] - one[1]) * part),
        round(one[2] + (other[2] - one[2]) * part),
    )


def _vertical(size: Size, colours: Sequence[Colour]) -> Image.Image:
    """Fill with colours that flow into each other from top to bottom."""
    strip = Image.new("RGB", (1, len(colours)))
    for row, colour in enumerate(colours):
        strip.putpixel((0, row), colour)
    return strip.resize(size, Image.Resampling.BICUBIC)


def _mesh(size: Size, colours: Sequence[Colour], rng: random.Random) -> Image.Image:
    """Fill with colours that flow into each other in all directions."""
    mesh = Image.new("RGB", (4, 3))
    for x in range(4):
        for y in range(3):
            mesh.putpixel((x, y), rng.choice(colours))
    return mesh.resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=8)
def _glow(pixels: int) -> Image.Image:
    """Return a soft round spot: white in the middle, black at the edge."""
    # Pillow's gradient is at 181 where the circle touches the square, and grows to the corners.
    glow = Image.radial_gradient("L").point(
        lambda level: round(max(1 - level / 179, 0) ** 1.7 * 210)
    )
    return glow.resize((pixels, pixels))


def _disc(picture: Image.Image, at: tuple[float, float], radius: float, colour: Colour) -> None:
    """Draw a disc with a smooth edge."""
    side = max(round(radius * 2), 2)
    mask = Image.new("L", (side * 2, side * 2), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, side * 2 - 1, side * 2 - 1), fill=255)
    picture.paste(colour, (round(at[0] - radius), round(at[1] - radius)), mask.reduce(2))


def _shine(picture: Image.Image, at: tuple[float, float], radius: float, colour: Colour) -> None:
    """Draw a soft glow."""
    side = max(round(radius * 2), 2)
    mask = _glow(128).resize((side, side))
    picture.paste(colour, (round(at[0] - radius), round(at[1] - radius)), mask)


def _ridge(width: int, rng: random.Random, steps: int) -> list[float]:
    """Return a line of hills, from -1 to 1, as a sum of a few waves."""
    waves = [
        (rng.uniform(0.6, 1.4) * turns, rng.uniform(0, math.tau), 1 / turns**1.1)
        for turns in (1, 2, 3, 5, 8)
    ]
    total = sum(weight for _, _, weight in waves)
    return [
        sum(
            weight * math.sin(math.tau * turns * (x / steps) * width / 1300 + start)
            for turns, start, weight in waves
        )
        / total
        for x in range(steps + 1)
    ]


def _hills(size: Size, palette: list[Colour], rng: random.Random) -> Image.Image:
    """Draw a sky with a sun, and hills that grow darker towards us."""
    width, height = size
    sky = rng.choice((palette[1:4], palette[2:5], palette[2:5]))
    picture = _vertical(size, sky)
    sun = (rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.42) * height)
    radius = min(size) * rng.uniform(0.06, 0.11)
    _shine(picture, sun, radius * 4.5, palette[4])
    _disc(picture, sun, radius, mix(palette[4], (255, 255, 255), 0.55))
    layers = rng.randint(4, 5)
    steps = 96
    sheets = []
    for layer in range(layers):
        near = (layer + 1) / layers
        base = height * (0.42 + 0.44 * layer / layers)
        swing = height * (0.05 + 0.06 * near)
        ridge = _ridge(width, rng, steps)
        colour = mix(mix(palette[3], palette[2], 0.35), palette[0], near**1.1)
        sheets.append(([base - swing * each for each in ridge], colour))
    _stack(picture, sheets)
    return picture


def _stack(picture: Image.Image, sheets: Sequence[tuple[list[float], Colour]]) -> None:
    """Lay sheets one before the other, each below a line that is given at even distances."""
    width, height = picture.size
    ends = [min(math.ceil(max(line)) + 2, height) for line, _ in sheets]
    for number, (line, colour) in enumerate(sheets):
        top = max(math.floor(min(line)) - 2, 0)
        if ends[number] > top:
            picture.paste(colour, (0, top), _below(line, width, top, ends[number]))
        # What the next sheet covers anyway need not be filled.
        until = ends[number + 1] if number + 1 < len(ends) else height
        if until > ends[number]:
            picture.paste(colour, (0, ends[number], width, until))


def _below(line: list[float], width: int, top: int, end: int) -> Image.Image:
    """Return a mask of what is below a line, between two rows of the picture."""
    # Drawn higher and made lower: hills rise gently, so only that way do steps show.
    factor = 3
    mask = Image.new("L", (width, (end - top) * factor), 0)
    points: list[tuple[float, float]] = [
        (x * width / (len(line) - 1), (y - top) * factor) for x, y in enumerate(line)
    ]
    points += [(width, mask.height), (0, mask.height)]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    return mask.reduce((1, factor))


def _bubbles(size: Size, palette: list[Colour], rng: random.Random) -> Image.Image:
    """Draw soft lights before a flowing background."""
    picture = _mesh(size, palette[0:3], rng)
    short = min(size)
    for _ in range(4):
        radius = short * rng.uniform(0.13, 0.6)
        _shine(picture, _somewhere(size, rng), radius, rng.choice(palette[2:5]))
    for _ in range(rng.randint(5, 9)):
        side = round(short * rng.uniform(0.1, 0.48))
        mask = Image.new("L", (side * 2, side * 2), 0)
        ImageDraw.Draw(mask).ellipse(
            (0, 0, side * 2 - 1, side * 2 - 1),
            fill=rng.randint(50, 120),
            outline=190,
            width=max(short // 180, 2),
        )
        x, y = _somewhere(size, rng)
        at = (round(x) - side // 2, round(y) - side // 2)
        picture.paste(rng.choice(palette[2:5]), at, mask.reduce(2))
    return picture


def _somewhere(size: Size, rng: random.Random) -> tuple[float, float]:
    return rng.uniform(0, size[0]), rng.uniform(0, size[1] * 0.92)


def _waves(size: Size, palette: list[Colour], rng: random.Random) -> Image.Image:
    """Draw bands that swing one before the other, like paper cut in layers."""
    height = size[1]
    picture = _vertical(size, [palette[4], mix(palette[4], palette[3], 0.6)])
    bands = rng.randint(6, 8)
    turns = rng.uniform(0.5, 1.1)
    start = rng.uniform(0, math.tau)
    drift = rng.uniform(0.5, 0.9) * rng.choice((-1, 1))
    ramp = palette[::-1]
    sheets = []
    for band in range(bands):
        part = (band + 1) / bands
        place = part * (len(ramp) - 1)
        first = min(int(place), len(ramp) - 2)
        colour = mix(ramp[first], ramp[first + 1], place - first)
        base = height * (0.1 + 0.86 * band / bands)
        swing = height * rng.uniform(0.05, 0.09)
        line = [
            base
            + swing * math.sin(math.tau * turns * x / 64 + start + drift * band)
            + swing * 0.4 * math.sin(math.tau * turns * 2.3 * x / 64 + start * 2 - band)
            for x in range(65)
        ]
        # A faint shadow lifts each sheet off the one behind it.
        sheets.append(([y - height * 0.007 for y in line], mix(colour, palette[0], 0.28)))
        sheets.append((line, colour))
    _stack(picture, sheets)
    return picture


def _tiles(size: Size, palette: list[Colour], rng: random.Random) -> Image.Image:
    """Draw a pattern of quarter circles, discs and plain squares."""
    across = 6 if size[0] >= size[1] else 4
    side = math.ceil(size[0] / across)
    down = math.ceil(size[1] / side)
    picture = Image.new("RGB", (across * side, down * side), palette[4])
    masks = _tile_masks(side)
    for column in range(across):
        for row in range(down):
            ground, shape = rng.sample(palette, 2)
            at = (column * side, row * side)
            picture.paste(ground, (*at, at[0] + side, at[1] + side))
            mask = rng.choice(rng.choice(masks))
            if mask is not None:
                picture.paste(shape, at, mask)
    return picture.crop((0, 0, *size))


@lru_cache(maxsize=8)
def _tile_masks(side: int) -> tuple[tuple[Image.Image | None, ...], ...]:
    """Return the shapes of tiles, each kind as often as it is chosen; None for a plain one."""
    turn = Image.Transpose

    def shape(box: tuple[float, float, float, float]) -> Image.Image:
        big = Image.new("L", (side * 2, side * 2), 0)
        ImageDraw.Draw(big).ellipse([each * side * 2 for each in box], fill=255)
        return big.reduce(2)

    def turned(mask: Image.Image) -> tuple[Image.Image, ...]:
        turns = (turn.ROTATE_90, turn.ROTATE_180, turn.ROTATE_270)
        return (mask, *(mask.transpose(each) for each in turns))

    quarters = turned(shape((-1, -1, 1, 1)))
    discs = (shape((0.15, 0.15, 0.85, 0.85)),)
    halves = turned(shape((0, -0.5, 1, 0.5)))
    return (*[quarters] * 5, *[discs] * 2, *[halves] * 2, (None,))


SCENES: Final[Sequence[Callable[[Size, list[Colour], random.Random], Image.Image]]] = (
    _hills,
    _hills,
    _waves,
    _bubbles,
    _tiles,
)
