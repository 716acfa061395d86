"""Pictures of what a prompt names: its colours rule the palette, its things stand in a landscape.

The same prompt, seed and size give the same bytes on the same version of Pillow.
"""

from __future__ import annotations

import io
import math
import random
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from pruna_nb.emulator.caption import write_caption
from pruna_nb.emulator.shapes import Colour, Shape, named_in, rgb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.emulator.sizes import Size

    Box = tuple[float, float, float, float]

# From dark to light: a prompt that names no colour gets one of these.
_PALETTES: Final = (
    "#0b132b #1c2541 #3a506b #5bc0be #f2e9dc",
    "#2b193d #6c3483 #c74b7b #f5a25d #ffe5b4",
    "#132a13 #31572c #4f772d #90a955 #ecf39e",
    "#03045e #0077b6 #00b4d8 #90e0ef #fdf6e3",
    "#3d0c11 #8d2b2b #d1603d #f2a65a #f9e3c7",
    "#22223b #4a4e69 #9a8c98 #c9ada7 #f7ede8",
    "#1b1035 #44318d #8265a7 #d89bbf #fbe4e6",
    "#10222e #264653 #2a9d8f #e9c46a #fbe8c8",
)
_BLACK: Final = (12, 14, 24)
_WHITE: Final = (255, 253, 248)
_TONES: Final = {
    "brown": rgb("#6b4a33"),
    "glow": rgb("#ffe08a"),
    "green": rgb("#4c8f4a"),
    "line": rgb("#2a2530"),
    "orange": rgb("#e8962e"),
    "pale": rgb("#f7f1e6"),
    "red": rgb("#c9504a"),
    "skin": rgb("#e8b48f"),
}
_NIGHT: Final = frozenset({"night", "dark", "midnight", "moon", "neon", "star"})
_WATER: Final = frozenset({"sea", "ocean", "lake", "river", "beach", "harbour", "boat", "puddle"})
_SNOW: Final = frozenset({"snow", "winter", "ice"})
_STUDIO: Final = frozenset({"studio", "product", "packshot", "portrait"})
_EDIT_TINT: Final = 0.45  # so much that an edit is seen, so little that its picture is still known
_CORNERS: Final = 2  # of an ellipse's box; a shape with more points is a polygon


def paint(prompt: str, seed: int, size: Size, *, variant: str = "") -> Image.Image:
    """Return a picture in mode RGB of what a prompt names, with the prompt on it.

    Another seed places the same things otherwise, under another sky; `variant` is what else sets
    it apart, such as the model's name and its settings.
    """
    rng = _rng(prompt, seed, variant)
    words, named, shapes = named_in(prompt)
    palette = _palette(named, rng)
    is_night = not words.isdisjoint(_NIGHT)
    skies = (palette[:3], palette[1:4], palette[2:5], palette[4:1:-1])
    sky = palette[:3] if is_night else rng.choice(skies)
    strip = Image.new("RGB", (1, len(sky)))
    strip.putdata(sky)
    picture = strip.resize(size, Image.Resampling.BICUBIC)
    has_land = rng.choice((True, False))
    subject = next((shape for shape in shapes if not shape.is_wide), None)
    if subject is not None and not words.isdisjoint(_STUDIO):
        floor = mix(sky[-1], palette[0], 0.15)
        picture.paste(floor, (0, round(size[1] * 0.66), *size))
    elif shapes or has_land or not words.isdisjoint(_NIGHT | _WATER | _SNOW):
        wide = [shape for shape in shapes if shape.is_wide]
        _draw_landscape(picture, words, palette, wide, rng)
    else:
        turns = rng.uniform(0.5, 1.1)
        for band in range(6):  # one before the other, like paper cut in layers
            colour = mix(palette[3 - band // 2], palette[max(2 - band // 2, 0)], band % 2 / 2)
            swing = size[1] * rng.uniform(0.04, 0.08)
            base = size[1] * (0.16 + 0.13 * band)
            _draw_wave(picture, colour, rng, base=base, swing=swing, turns=turns)
    if subject is not None:
        colour = named[0] if named else mix(subject.colour, rng.choice(palette), 0.15)
        _draw_subject(picture, subject, colour, sky[-1], rng)
    write_caption(picture, prompt, dark=mix(palette[0], _BLACK, 0.4))
    return picture


def edit(
    pictures: Sequence[Image.Image], prompt: str, seed: int, size: Size, *, variant: str = ""
) -> Image.Image:
    """Return pictures visibly edited: the first one leads, the others stand beside it.

    Everything keeps its place; the colours are drawn towards the last one that the prompt names,
    or one that prompt and seed choose, and the prompt stands on top.
    """
    palette = _palette(named_in(prompt)[1], _rng(prompt, seed, variant))
    picture = tiled(pictures, size)
    tinted = ImageOps.colorize(ImageOps.grayscale(picture), palette[0], palette[3], palette[2])
    picture = Image.blend(picture, tinted, _EDIT_TINT)
    write_caption(picture, prompt, dark=palette[0], top=True)
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


def encode(picture: Image.Image, suffix: str, quality: int) -> bytes:
    """Return the file's bytes, as jpg, png or webp."""
    buffer = io.BytesIO()
    if suffix == "png":
        picture.save(buffer, "PNG", compress_level=3)  # a fifth quicker than Pillow's usual 6
    elif suffix == "webp":
        picture.save(buffer, "WEBP", quality=quality, method=2)
    else:
        # Pillow's JPEG encoder is pointless above 95, and at 0 no picture is left.
        picture.save(buffer, "JPEG", quality=min(max(quality, 5), 95))
    return buffer.getvalue()


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """Return the colour that lies so far on the way from one to the other, 0 to 1."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _rng(prompt: str, seed: int, variant: str) -> random.Random:
    # A prompt from JSON may hold half of a surrogate pair.
    text = f"{seed}\x00{variant}\x00{prompt}".encode("utf-8", "surrogatepass")
    return random.Random(text)  # noqa: S311 - a picture, not a secret


def _palette(named: Sequence[Colour], rng: random.Random) -> list[Colour]:
    """Return five colours from dark to light: shades of the last one named, if there is one."""
    if not named:
        return [rgb(text) for text in rng.choice(_PALETTES).split()]
    base = mix(named[-1], rng.choice((_BLACK, _WHITE)), rng.uniform(0, 0.15))
    darker = [mix(base, _BLACK, part) for part in (0.82, 0.6, 0.3)]
    return [*darker, mix(base, _WHITE, 0.45), mix(base, _WHITE, 0.85)]


def _draw_landscape(
    picture: Image.Image,
    words: set[str],
    palette: Sequence[Colour],
    wide: Sequence[Shape],
    rng: random.Random,
) -> None:
    """Draw a sun or a moon, what stands along the horizon, and the ground before it."""
    width, height = picture.size
    horizon = height * rng.uniform(0.5, 0.62)
    x = width * rng.choice((rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.9)))
    radius = min(picture.size) * rng.uniform(0.07, 0.1)
    light = mix(palette[4], _WHITE if "moon" in words else _TONES["glow"], 0.6)
    side = round(radius * 8)
    at = (round(x) - side // 2, round(height * 0.22) - side // 2)
    picture.paste(light, at, _glow().resize((side, side)))
    disc = Shape(light, is_wide=False, parts=[("main", [(0, 0), (100, 100)])])
    _draw(picture, disc, light, light, (x - radius, height * 0.22 - radius, radius * 2, radius * 2))
    for shape in wide:
        left = width * rng.uniform(-0.1, 0.1)
        box = (left, height * 0.08, width, horizon - height * 0.02)
        _draw(picture, shape, mix(shape.colour, palette[1], 0.55), palette[2], box)
    layers, swings, turns = 4, (0.02, 0.045), rng.uniform(0.7, 1.6)
    far, near = mix(palette[3], palette[2], 0.4), mix(palette[0], palette[1], 0.4)
    if not words.isdisjoint(_SNOW):
        far, near = mix(palette[3], _WHITE, 0.65), mix(palette[4], _WHITE, 0.8)
    elif not words.isdisjoint(_WATER):
        layers, swings, turns = 5, (0.005, 0.007), 7
        far, near = mix(palette[3], rgb("#5b9fc4"), 0.6), mix(palette[1], rgb("#1f4f7a"), 0.7)
    for layer in range(layers):
        base = horizon + (height - horizon) * 0.72 * layer / layers
        colour = mix(far, near, layer / (layers - 1))
        swing = height * rng.uniform(*swings)
        _draw_wave(picture, colour, rng, base=base, swing=swing, turns=turns)


def _draw_wave(
    picture: Image.Image,
    colour: Colour,
    rng: random.Random,
    *,
    base: float,
    swing: float,
    turns: float,
) -> None:
    """Fill all below a line that swings."""
    width, height = picture.size
    start, other = rng.uniform(0, math.tau), rng.uniform(0, math.tau)
    top, end = max(math.floor(base - swing * 1.5), 0), min(math.ceil(base + swing * 1.5), height)
    if end > top:
        # Drawn three times as high and made lower: the line rises gently, so steps would show.
        mask = Image.new("L", (width, (end - top) * 3), 0)
        line = [
            base
            + swing * math.sin(math.tau * turns * x / 64 + start)
            + swing * 0.4 * math.sin(math.tau * turns * 2.3 * x / 64 + other)
            for x in range(65)
        ]
        points = [(x * width / 64, (y - top) * 3) for x, y in enumerate(line)]
        points += [(width, mask.height), (0, mask.height)]
        ImageDraw.Draw(mask).polygon(points, fill=255)
        picture.paste(colour, (0, top), mask.reduce((1, 3)))
    picture.paste(colour, (0, end, width, height))


def _draw_subject(
    picture: Image.Image, shape: Shape, colour: Colour, sky: Colour, rng: random.Random
) -> None:
    """Draw a thing on the ground with its shadow, where the caption leaves it room."""
    width, height = picture.size
    side = min(width * 0.8, height * 0.56) * rng.uniform(0.85, 1.1)
    left = (width - side) * rng.uniform(0.2, 0.8)
    bottom = height * rng.uniform(0.72, 0.76)
    shadow = _glow().resize((max(round(side), 1), max(round(side * 0.16), 1)))
    picture.paste(_BLACK, (round(left), round(bottom - side * 0.09)), shadow)
    if rng.choice((True, False)):  # it may look the other way
        parts = [(tone, [(100 - x, y) for x, y in points]) for tone, points in shape.parts]
        shape = Shape(shape.colour, shape.is_wide, parts)
    _draw(picture, shape, colour, sky, (left, bottom - side, side, side))


def _draw(picture: Image.Image, shape: Shape, colour: Colour, sky: Colour, box: Box) -> None:
    """Draw a shape into a box: left, top, width and height; it may stick out on both sides."""
    left, top, width, height = box
    xs = [left + x * width / 100 for _, points in shape.parts for x, _ in points]
    x0, x1 = max(math.floor(min(xs)), 0), min(math.ceil(max(xs)) + 1, picture.width)
    y0, y1 = max(math.floor(top), 0), min(math.ceil(top + height) + 1, picture.height)
    if x1 <= x0 or y1 <= y0:
        return
    tones = _TONES | {
        "main": colour,
        "dark": mix(colour, _BLACK, 0.35),
        "light": mix(colour, _WHITE, 0.4),
        "sky": mix(sky, (150, 190, 220), 0.5),
        "ground": mix(sky, _BLACK, 0.3),
    }
    # Drawn twice as large and made smaller, so that edges are smooth.
    part = picture.crop((x0, y0, x1, y1))
    part = part.resize((part.width * 2, part.height * 2), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(part)
    for tone, points in shape.parts:
        places = [
            ((left + x * width / 100 - x0) * 2, (top + y * height / 100 - y0) * 2)
            for x, y in points
        ]
        if len(places) > _CORNERS:
            draw.polygon(places, fill=tones[tone])
        else:
            across, down = zip(*places, strict=True)
            draw.ellipse((min(across), min(down), max(across), max(down)), fill=tones[tone])
    picture.paste(part.reduce(2), (x0, y0))


@cache
def _glow() -> Image.Image:
    """Return a soft round spot: white in the middle, black at the edge."""
    # Pillow's gradient is at 181 where the circle touches the square, and grows to the corners.
    return Image.radial_gradient("L").point(
        lambda level: round(max(1 - level / 179, 0) ** 1.7 * 210)
    )
