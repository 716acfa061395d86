"""What a prompt can name: colours by their words, and things by one simple shape each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]


@dataclass(slots=True)
class Shape:
    """A thing in a square of 100 by 100; `shapes.txt` says how it is written down."""

    colour: Colour  # for prompts that name no colour
    is_wide: bool  # whether it stands along the horizon, behind everything else
    # Drawn in this order: a tone, and two corners of an ellipse or the points of a polygon.
    parts: list[tuple[str, Points]] = field(default_factory=list)


def named_in(prompt: str) -> tuple[set[str], list[Colour], list[Shape]]:
    """Return a prompt's words, and the colours and shapes that they name, in their order."""
    found = re.findall("[a-z]+", prompt[:2_000].lower())
    words = dict.fromkeys(form for word in found for form in (word, word.removesuffix("s")))
    colours, shapes = _catalogue()
    named = {id(shapes[word]): shapes[word] for word in words if word in shapes}
    return set(words), [colours[word] for word in words if word in colours], [*named.values()]


def rgb(text: str) -> Colour:
    """Return the colour of ``#rrggbb``."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@cache
def _catalogue() -> tuple[dict[str, Colour], dict[str, Shape]]:
    """Read colours and shapes, each by the words that mean it."""
    colours: dict[str, Colour] = {}
    shapes: dict[str, Shape] = {}
    for line in Path(__file__).with_name("shapes.txt").read_text("utf-8").splitlines():
        kind, *rest = line.split() or ["#"]
        if kind == "colour":
            colours |= dict.fromkeys(rest[1:], rgb(rest[0]))
        elif kind == "shape":
            shape = Shape(rgb(rest[0]), rest[-1] == "wide")
            shapes |= dict.fromkeys(rest[1:], shape)
        elif kind != "#":
            is_both = kind == "both"
            tone = rest.pop(0) if is_both else kind
            points = [(float(x), float(y)) for x, y in (pair.split(",") for pair in rest)]
            shape.parts.append((tone, points))
            if is_both:
                shape.parts.append((tone, [(100 - x, y) for x, y in points]))
    return colours, shapes
