"""How many pixels an output has, for the fields that a model was given."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.catalog import parse_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.catalog import Model

Size = tuple[int, int]

MOST_PIXELS: Final = 80_000_000  # below Pillow's own bound, so that it need not warn
MEGAPIXEL: Final = 1024 * 1024
_STEP: Final = 16
_SMALLEST: Final = 64
_LARGEST: Final = 4096

# About a megapixel each, in steps of 16.
_BY_RATIO: Final[Mapping[str, Size]] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "4:3": (1152, 864),
    "3:4": (864, 1152),
    "3:2": (1248, 832),
    "2:3": (832, 1248),
    "5:4": (1120, 896),
    "4:5": (896, 1120),
    "21:9": (1568, 672),
    "9:21": (672, 1568),
}
_SCALE_BY_WORD: Final[Mapping[str, float]] = {
    "1K": 1.0,
    "2K": 2.0,
    "optimize_for_quality": 1.0,
    "optimize_for_speed": 0.5,
}


def value_of(model: Model, given: Mapping[str, Any], name: str) -> Any:
    """Return a field's value, or its default if it was not given."""
    value = given.get(name)
    if value is None and name in model.fields:
        return model.fields[name].default
    return value


def image_size(model: Model, given: Mapping[str, Any], lead: Size | None = None) -> Size:
    """Return the width and height of an image in pixels.

    `lead` is the size of the picture that is edited, for ``match_input_image``.
    """
    ratio = value_of(model, given, "aspect_ratio")
    width, height = value_of(model, given, "width"), value_of(model, given, "height")
    if ratio in (None, "custom") and _is_size(width) and _is_size(height):
        return _bounded(width), _bounded(height)
    scale = _scale(model, given)
    if lead is not None and ratio in (None, "match_input_image"):
        return fit_area(lead, min(lead[0] * lead[1], MEGAPIXEL) * scale * scale)
    known = _BY_RATIO.get(ratio) if isinstance(ratio, str) else None
    if known is None:
        shape = parse_ratio(ratio) or 1
        root = math.sqrt(float(shape))
        return fit_area((max(round(1000 * root), 1), max(round(1000 / root), 1)), MEGAPIXEL)
    if scale == 1:
        return known
    return _stepped(known[0] * scale), _stepped(known[1] * scale)


def upscaled_size(lead: Size, megapixels: float) -> Size:
    """Return a size of so many megapixels (millions of pixels) in the picture's own shape."""
    factor = math.sqrt(megapixels * 1_000_000 / (lead[0] * lead[1]))
    return max(round(lead[0] * factor), 1), max(round(lead[1] * factor), 1)


def video_size(model: Model, given: Mapping[str, Any], lead: Size | None = None) -> Size:
    """Return the width and height of a video in pixels, both even.

    The shape is that of ``size`` or ``aspect_ratio`` where the model has them, otherwise that
    of the picture or video that it starts from.
    """
    size = value_of(model, given, "size")
    if isinstance(size, str) and parse_ratio(size):
        width, _, height = size.partition("*")
        return int(width), int(height)
    resolution = str(value_of(model, given, "resolution") or "720p")
    short = int(resolution.rstrip("p")) if resolution.rstrip("p").isdigit() else 720
    ratio = parse_ratio(value_of(model, given, "aspect_ratio"))
    shape = float(ratio) if ratio else (lead[0] / lead[1] if lead else 16 / 9)
    shape = min(max(shape, 1 / 4), 4.0)
    if shape >= 1:
        return _even(short * shape), _even(short)
    return _even(short), _even(short / shape)


def fit_area(lead: Size, pixels: float) -> Size:
    """Return a size of that area and of the picture's shape, in steps of 16."""
    factor = math.sqrt(pixels / (lead[0] * lead[1]))
    return _stepped(lead[0] * factor), _stepped(lead[1] * factor)


def _scale(model: Model, given: Mapping[str, Any]) -> float:
    """How much longer the sides are than those of a picture of one megapixel."""
    for name in ("output_megapixels", "megapixels"):
        megapixels = value_of(model, given, name)
        # They are choices, and so text: "0.25".
        if isinstance(megapixels, str) and re.fullmatch(r"\d{1,2}(\.\d{1,3})?", megapixels):
            return math.sqrt(float(megapixels))
    size = value_of(model, given, "image_size")
    if _is_size(size):
        return min(int(size), _LARGEST) / 1024
    return _SCALE_BY_WORD.get(str(size), 1.0)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _bounded(pixels: int) -> int:
    return min(max(pixels, 1), _LARGEST)


def _stepped(pixels: float) -> int:
    return min(max(round(pixels / _STEP) * _STEP, _SMALLEST), _LARGEST)


def _even(pixels: float) -> int:
    return round(pixels / 2) * 2
