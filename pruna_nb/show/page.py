"""A page for a browser: the grid with zoom, offline, in one file or with a folder beside it."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import quote

from pruna_nb.files.disk import open_regular, replacing
from pruna_nb.show.axes import spans
from pruna_nb.show.cells import content_type
from pruna_nb.show.fields import fields_of, phrase
from pruna_nb.show.layout import HEAD_LIMIT
from pruna_nb.show.markup import (
    AXIS_LIMIT,
    ERROR_LIMIT,
    SHARED_LIMIT,
    alt_text,
    box_shape,
    caption_lines,
    data_uri,
    plain_axis,
    reason,
    title_text,
    webp_size,
)
from pruna_nb.show.requests_in_files import PAGE_START, encode, file_hash, record
from pruna_nb.show.scripts import script_text
from pruna_nb.text import ALT_LIMIT, NO_MATH, escaped, isolated, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.cells import Cell
    from pruna_nb.show.fields import Fields
    from pruna_nb.show.layout import Layout
    from pruna_nb.show.thumbs import Thumb, Thumbs

Full = Literal["folder", "inline", "none"]
_CAPTION = 400  # characters below a picture: a page has more room than a notebook


@dataclass(frozen=True)
class Entry:
    """A cell with all that the page says of it.

    Attributes
    ----------
    cell : Cell
    thumb : Thumb or None
    at : int
        Its number among the embedded requests, from 0.
    file : str or None
        The whole file, as seen from the page.
    full : str or None
        The whole file as a data URI.
    """

    cell: Cell
    thumb: Thumb | None
    at: int
    file: str | None = None
    full: str | None = None


class _Words(NamedTuple):
    """What stands above the pictures."""

    title: str | None
    shared: str
    summary: str


def save_page(
    layout: Layout,
    target: Path,
    *,
    title: str | None,
    shared: str,
    summary: str,
    thumbs: Thumbs,
    size: int,
    full: Full,
) -> Path:
    """Write a layout as a page; see `Grid.save`.

    Returns
    -------
    Path
        The page.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    cells = [cell for unit in layout.units for cell in unit.cells]
    made = thumbs.of_cells(cells, size)
    folder = target.with_name(f"{target.stem}_files")
    entries = [
        with_file(Entry(cell, made.get(id(cell)), at), folder, full)
        for at, cell in enumerate(cells)
    ]
    records = [record(entry.cell, beside=target.parent, file=entry.file) for entry in entries]
    words = _Words(title, shared, summary)
    page = _page(layout, entries, encode(records), size, words)
    with replacing(target) as file:
        file.write(page.encode())
    return target


def with_file(entry: Entry, folder: Path, full: Full) -> Entry:
    """Bring a cell's whole file to where the page finds it."""
    cell = entry.cell
    if full == "none" or cell.source is None or cell.status != "succeeded":
        return entry
    try:
        found = content_type(cell.source)
    except (OSError, ValueError):  # gone, a pipe, not to be read: its box says so already
        return entry
    if found is None:
        return entry
    media_type, suffix = found
    try:
        if full == "inline":
            source = cell.source
            content = source if isinstance(source, bytes) else Path(source).read_bytes()
            return replace(entry, full=data_uri(content, media_type))
        # named by its bytes: a name from elsewhere is never a path, and equal files are one
        name = f"{(file_hash(cell) or '')[:20]}{suffix}"
        _copy(cell, folder / name)
    except FileNotFoundError:  # gone since
        return entry
    return replace(entry, file=quote(f"{folder.name}/{name}", errors="surrogateescape"))


def _copy(cell: Cell, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        if cell.data is not None:
            file.write(cell.data)
        elif cell.path is not None:
            with open_regular(cell.path) as source:
                shutil.copyfileobj(source, file)


def _page(layout: Layout, entries: Sequence[Entry], requests: str, size: int, words: _Words) -> str:
    summary = escaped(words.summary[0].upper() + words.summary[1:], 200)
    more = f"<p>{summary}</p>" if words.title else ""
    if words.shared:
        more += f'<p class="shared">{isolated(words.shared, SHARED_LIMIT)}</p>'
    cells = [entry.cell for entry in entries]
    fields = fields_of(cells, layout.row_names, layout.col_names)
    figures = [_figure(entry, fields, size, axes=bool(layout.heads)) for entry in entries]
    body = (
        _table(layout, figures) if layout.heads else f'<div class="flow">{"".join(figures)}</div>'
    )
    return document(
        escaped(words.title, 200) if words.title else summary,
        f'{more}<form class="controls" hidden></form>',
        f'<main data-axes="{fields.attribute()}">\n{body}\n</main>',
        requests=requests,
        style=script_text("page.css") + _shapes(layout, entries, size),
        script=script_text("page.js", "page_axes.js", "page_videos.js"),
    )


def document(title: str, head: str, main: str, *, requests: str, style: str, script: str) -> str:
    """Return a page that zooms into its pictures; all of it is HTML already.

    Parameters
    ----------
    title, head, main : str
        The heading, what stands below it, and the pictures.
    requests : str
        Of the pictures, as `encode` wrote them.
    style, script : str
        The only ones that can run, beside which nothing is asked of any host.
    """
    policy = (
        f"default-src 'none'; img-src data: 'self' file:; media-src data: 'self' file:; "
        f"style-src {_allowed(style)}; script-src {_allowed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{title}</title>\n{PAGE_START}{requests}</script>\n<style>{style}</style>\n",
            f'</head>\n<body class="{NO_MATH}">\n<header><h1><bdi>{title}</bdi></h1>',
            f"{head}</header>\n{main}\n",
            '<dialog aria-label="Picture"><div class="stage"></div><div class="words"></div>',
            '<button class="back" aria-label="Previous">&lsaquo;</button>',
            '<button class="next" aria-label="Next">&rsaquo;</button>',
            '<button class="close" aria-label="Close">&times;</button></dialog>\n',
            f"<script>{script}</script>\n</body>\n</html>\n",
        )
    )


def _shapes(layout: Layout, entries: Sequence[Entry], size: int) -> str:
    """Style for what depends on the grid; a style within an element is not allowed by the policy.

    A picture takes the share of its column that it would take of the box it fits into, so tall
    and wide ones stay in proportion on a narrow screen.
    """
    if layout.columns is None:
        share = f"min(100%, {min(size, 240)}px)"
    else:
        gaps = 20 * (layout.columns - 1) + 1
        share = f"max(140px, (100% - {gaps}px) / {layout.columns})"
    rules = [f".flow {{ grid-template-columns: repeat(auto-fill, minmax({share}, 1fr)); }}"]
    # equal columns in the window's width; below 160 pixels the table scrolls
    wide = f"clamp(160px, (100vw - 112px - var(--side)) / var(--n) - 20px, {max(160, size)}px)"
    number, depth = max(1, len(layout.heads)), max(1, layout.row_depth)
    rules += [
        f"main {{ --n: {number}; --depth: {depth}; }}",
        f"tbody td > * {{ width: {wide}; }}",
    ]
    return "\n".join([*rules, shape_rules(entries, size)])


def shape_rules(entries: Sequence[Entry], size: int) -> str:
    """Return the style that gives each picture its shape, and its share of the column."""
    return "\n".join(
        f".s{w}-{h} {{ aspect-ratio: {w} / {h}; width: {100 * w / size:.2f}%; max-width: {w}px; }}"
        for w, h in sorted({_shape(entry, size) for entry in entries})
    )


def _shape(entry: Entry, size: int) -> tuple[int, int]:
    if entry.thumb is not None and entry.thumb.webp:
        return webp_size(entry.thumb.webp)
    return box_shape(entry.cell, size)


def _allowed(content: str) -> str:
    # the policy names the hash of the exact text: this script or style runs, and no other
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _table(layout: Layout, figures: Sequence[str]) -> str:
    left = iter(figures)
    heads = [""] * len(layout.units)
    for level, found in enumerate(spans([unit.head for unit in layout.units])):
        scope = "row" if level == layout.row_depth - 1 else "rowgroup"
        for head in found:
            heads[head.start] += (
                f'<th scope="{scope}" class="l{level}" rowspan="{head.span}">'
                f"{isolated(head.value, HEAD_LIMIT)}</th>"
            )
    rows = []
    for unit, before in zip(layout.units, heads, strict=True):
        places: list[list[str]] = [[] for _ in layout.heads]
        for place in unit.places:
            places[place].append(next(left))
        cells = "".join(
            f"<td>{''.join(place)}</td>" if place else '<td class="none">&ndash;</td>'
            for place in places
        )
        rows.append(f"<tr>{before}{cells}</tr>\n")
    return f"<table><thead>{_col_heads(layout)}</thead>\n<tbody>{''.join(rows)}</tbody></table>"


def _col_heads(layout: Layout) -> str:
    levels = spans(layout.heads)
    lines = []
    for level, heads in enumerate(levels):
        scope = "col" if level == len(levels) - 1 else "colgroup"
        lines.append(
            "".join(
                f'<th scope="{scope}" colspan="{head.span}">{isolated(head.value, HEAD_LIMIT)}</th>'
                for head in heads
            )
        )
    corners = "".join(
        f'<td class="l{level}" rowspan="{len(levels)}">{isolated(text, 80)}</td>'
        for level, text in enumerate(layout.corners)
    )
    return "".join(f"<tr>{'' if i else corners}{line}</tr>" for i, line in enumerate(lines))


def _figure(entry: Entry, fields: Fields, size: int, *, axes: bool) -> str:
    """Draw a cell; of the fields in its caption, the script hides those that are axes."""
    cell = entry.cell
    text, notes, odd = caption_lines(cell, entry.thumb)
    # the zoom shows the whole request: what is in it needs no note there
    asked = _asked(cell)
    in_zoom = {plain_axis(str(value)) for value in asked.values()}
    if asked:
        in_zoom |= {cell.note, plain_axis(str(cell.request.get("model")))}
    beyond = " · ".join(note for note in notes if note not in in_zoom)
    # the heads stay in view here, and the fields below them change with the axes
    text, notes, _ = caption_lines(replace(cell, row_value=None, col_value=None), entry.thumb)
    told = {name: fields.values[name][entry.at] for name in fields.values if name in fields.told}
    known = {phrase(name, value) for name, value in told.items()}
    if cell.note and known.issuperset(cell.note.split(" · ")):
        notes = notes[1:]
    heads = {*fields.rows, *fields.cols} if axes else set()
    lines, small = [], []
    for at, name in enumerate(fields.values):
        if not told.get(name):
            continue
        off = " hidden" if name in heads else ""
        if name == "prompt" or visible(told[name]) == text:
            lines.append(f'<bdi data-field="{at}"{off}>{escaped(told[name], _CAPTION)}</bdi>')
            text = "" if visible(told[name]) == text else text
        else:
            said = isolated(phrase(name, told[name]), 3 * AXIS_LIMIT)
            small.append(f'<span data-field="{at}"{off}>{said}</span>')
    lines += [isolated(text, _CAPTION)] if text else []
    small += [f"<span>{isolated(note, 3 * AXIS_LIMIT)}</span>" for note in notes]
    if small:
        lines.append(f'<span class="notes">{"".join(small)}</span>')
    if odd:
        lines.append(f'<span class="odd">⚠ {escaped(odd, 100)}</span>')
    words = f"<figcaption>{''.join(lines)}</figcaption>" if lines else ""
    media = media_of(entry, beyond, odd, size)
    return f'<figure data-cell="{entry.at}">{media}{words}</figure>\n'


def _asked(cell: Cell) -> Mapping[str, object]:
    found = cell.request.get("input")
    return found if isinstance(found, Mapping) else {}


def media_of(entry: Entry, notes: str, odd: str, size: int) -> str:
    """Return a cell's picture as a link that the page's script opens large, or its box."""
    cell, thumb = entry.cell, entry.thumb
    address = entry.full or entry.file
    if thumb is None or not thumb.webp:
        inner = _box(entry, size)
        if address is None or cell.media != "video":
            return inner
    else:
        width, height = webp_size(thumb.webp)
        alpha = ' class="alpha"' if thumb.webp[12:16] == b"VP8X" else ""
        uri = data_uri(thumb.webp, "image/webp")
        address = address or uri
        inner = (
            f'<img{alpha} src="{uri}" alt="{alt_text(cell)}" title="{title_text(cell)}" '
            f'width="{width}" height="{height}" decoding="async" loading="lazy">'
        )
    kind = "video" if cell.media == "video" and (entry.full or entry.file) else "image"
    # a data URI cannot be opened as a page, so without the script its link leads nowhere
    link = f'href="{address}"' if entry.file else f'href="#" data-full="{address}"'
    # an alt text repeats the fields, which stand below as the request
    text = escaped(cell.caption or _asked(cell).get("prompt") or cell.alt, ALT_LIMIT)
    width, height = _shape(entry, size)
    return (
        f'<a class="zoom s{width}-{height}" {link} data-at="{entry.at}" data-kind="{kind}" '
        f'data-text="{text}" data-notes="{escaped(notes, 200)}" '
        f'data-odd="{escaped(odd, 100)}">{inner}</a>'
    )


def _box(entry: Entry, size: int) -> str:
    width, height = _shape(entry, size)
    head, more = reason(entry.cell, entry.thumb)
    detail = f"<span>{isolated(more, ERROR_LIMIT)}</span>" if more else ""
    return (
        f'<div class="box {entry.cell.status} s{width}-{height}">'
        f"<strong>{escaped(head, 40)}</strong>{detail}</div>"
    )
