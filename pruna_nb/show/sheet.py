"""A contact sheet: one picture of many, with captions that can be read at any size."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.files.disk import replacing
from pruna_nb.show.axes import begun
from pruna_nb.show.draw import Pen, Style
from pruna_nb.show.requests_in_files import KEY, encode, record, with_comments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from PIL import Image

    from pruna_nb.show.axes import Key
    from pruna_nb.show.cells import Cell
    from pruna_nb.show.layout import Layout

_PIXELS_AT_MOST = 89_000_000  # from there Pillow warns of a decompression bomb
# pixels of a side: libjpeg and libwebp encode no more
_LONGEST = {".png": 2**24, ".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
_DESCRIPTION = 0x010E


@dataclass(frozen=True)
class _Row:
    """Cells side by side, several in one place if an axis says so, under one head."""

    places: tuple[tuple[Cell, ...], ...]
    head: Key = ()

    @property
    def cells(self) -> list[Cell]:
        return [cell for place in self.places for cell in place]


@dataclass
class _Page:
    """Strips that become one file."""

    strips: list[Image.Image]
    cells: list[Cell]

    @property
    def height(self) -> int:
        return sum(strip.height for strip in self.strips)


def save_sheet(
    layout: Layout,
    target: Path,
    *,
    title: str | None,
    shared: str,
    size: int,
    max_pixels: int,
    dark: bool,
) -> list[Path]:
    """Draw a layout and write it; see `Grid.save`.

    Returns
    -------
    list of Path
        One file, or several numbered ones where one would have more than `max_pixels`.
    """
    style = Style(size=size, dark=dark)
    rows, columns = _rows(layout, style, max_pixels)
    width = style.width(columns, heads=layout.row_depth)
    longest = _LONGEST[target.suffix.lower()]
    if width > longest:
        message = (
            f"{columns} columns of {size} px make {width:,} px, and {target.suffix} takes "
            f"{longest:,}: give a smaller size= or save as .png"
        )
        raise InputError(message)
    tallest = min(longest, max(1, max_pixels // width)) - 2 * style.margin
    pen = Pen(style, width, repeated=layout.repeated(size))
    target.parent.mkdir(parents=True, exist_ok=True)
    pages = _pages(rows, layout, pen, tallest, (title, shared))
    first, second = next(pages), next(pages, None)
    paths: list[Path] = []
    # One block for all pages: they replace what was there when the last one is drawn, or none do.
    with contextlib.ExitStack() as stack:
        for page in [first] if second is None else itertools.chain((first, second), pages):
            number = "" if second is None else f"-{len(paths) + 1}"
            paths.append(target.with_name(f"{target.stem}{number}{target.suffix}"))
            requests = encode([record(cell, beside=target.parent) for cell in page.cells])
            content = _encoded(pen.page(page.strips), target.suffix.lower(), requests)
            stack.enter_context(replacing(paths[-1])).write(content)
    return paths


def draw_sheet(
    layout: Layout, *, title: str | None, shared: str, size: int, dark: bool
) -> Image.Image:
    """Draw a layout as one picture; see `Grid.image`."""
    style = Style(size=size, dark=dark)
    rows, columns = _rows(layout, style, _PIXELS_AT_MOST)
    width = style.width(columns, heads=layout.row_depth)
    pen = Pen(style, width, repeated=layout.repeated(size))
    pages = list(_pages(rows, layout, pen, _PIXELS_AT_MOST // pen.width, (title, shared)))
    if len(pages) > 1:
        raise InputError(
            f"{len(layout.units):,} rows of pictures of {size} px are more than one picture holds: "
            "give a smaller size=, show a .page() of the grid, or save() it as several sheets."
        )
    return pen.page(pages[0].strips)


def _rows(layout: Layout, style: Style, max_pixels: int) -> tuple[list[_Row], int]:
    if layout.heads:
        rows = []
        for unit in layout.units:
            places: list[list[Cell]] = [[] for _ in layout.heads]
            for place, cell in zip(unit.places, unit.cells, strict=True):
                places[place].append(cell)
            rows.append(_Row(tuple(tuple(place) for place in places), unit.head))
        return rows, len(layout.heads)
    cells = [cell for unit in layout.units for cell in unit.cells]
    # without a wish, about 4 to 3, as a whole and as a page of the largest size
    widest = math.sqrt(max_pixels * 4 / 3) / (style.size + style.gap)
    columns = layout.columns or max(1, min(math.ceil(math.sqrt(1.3 * len(cells))), int(widest)))
    columns = max(1, min(columns, len(cells)))
    starts = range(0, len(cells), columns)
    return [_Row(tuple((c,) for c in cells[i : i + columns])) for i in starts], columns


def _pages(
    rows: Sequence[_Row], layout: Layout, pen: Pen, tallest: int, words: tuple[str | None, str]
) -> Iterator[_Page]:
    """Draw row after row; a page ends before the row that would make it too tall."""
    top = pen.heads(layout.heads, layout.corners) if layout.heads else None
    page = _Page([strip for strip in (pen.title(*words), top) if strip], [])
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    before: Key = ()
    with ThreadPoolExecutor(workers, "pruna-sheet") as pool:
        for row in rows:
            strip = pen.row(row.places, begun(row.head, before), pool)
            if page.cells and page.height + strip.height > tallest:
                yield page
                page = _Page([top] if top else [], [])
                # a group that goes on says on each page whose it is
                strip = pen.row(row.places, row.head, pool)
            page.strips.append(strip)
            page.cells += row.cells
            before = row.head
    yield page


def _encoded(image: Image.Image, suffix: str, content: str) -> bytes:
    from PIL import Image, PngImagePlugin

    buffer = io.BytesIO()
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, content)
        image.save(buffer, "PNG", pnginfo=info, compress_level=4)
    elif suffix == ".webp":
        exif: Any = Image.Exif()
        exif[_DESCRIPTION] = content
        image.save(buffer, "WEBP", quality=85, method=3, exif=exif)
    else:
        # without subsampling: small type in colour stays sharp
        image.save(buffer, "JPEG", quality=90, subsampling=0)
        return with_comments(buffer.getvalue(), content)
    return buffer.getvalue()
