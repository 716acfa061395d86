"""Pictures to look at, and a way to look at HTML."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
from PIL import Image, ImageFilter

VOID = {"img", "br", "meta", "link", "input", "hr", "source"}


def photo(width, height, seed=0):
    """Draw what a codec takes for a photo: soft light, edges, and noise at several scales."""
    random = np.random.default_rng(seed)
    light = Image.fromarray(random.integers(0, 256, (3, 4, 3), dtype=np.uint8))
    picture = np.asarray(light.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    edges = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    blocks = Image.fromarray(edges).resize((width, height), Image.Resampling.NEAREST)
    blocks = blocks.filter(ImageFilter.GaussianBlur(1.2))
    picture = 0.65 * picture + 0.35 * np.asarray(blocks, np.float32)
    for scale, strength in ((32, 22), (8, 14), (3, 9), (1, 5)):
        noise = random.normal(0, strength, (height // scale + 1, width // scale + 1))
        grain = Image.fromarray(noise.astype(np.float32))
        picture += np.asarray(grain.resize((width, height), Image.Resampling.BICUBIC))[..., None]
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@dataclass
class Element:
    tag: str
    attrs: dict
    children: list = field(default_factory=list)

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag):
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child] if child.tag == tag else []
                found += child.all(tag)
        return found

    def style(self):
        pairs = (part.partition(":") for part in self.attrs.get("style", "").split(";") if part)
        return {name.strip(): value.strip() for name, _, value in pairs}


class _Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("root", {})]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parsed(html):
    """Read HTML strictly: each element that begins must end in its place."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert [element.tag for element in builder.open] == ["root"], "an element was left open"
    return builder.open[0]
