"""A cell as HTML that says the same without any styles.

JupyterLab strips scripts, style sheets and ids from a notebook that somebody else wrote; GitHub
strips styles too. So: inline styles, alt texts, real words, and no colour of text, only tints
that suit a light page and a dark one.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pruna_nb.show.axes import key_of
from pruna_nb.show.cells import content_type
from pruna_nb.show.fields import phrase, without_address
from pruna_nb.show.ratios import drawable_ratio, fit, mismatch
from pruna_nb.show.tints import AMBER, GREY, TINTS, rgba
from pruna_nb.text import (
    ALT_LIMIT,
    CAPTION_LIMIT,
    escaped,
    isolated,
    megabytes,
    visible,
    visible_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.axes import Repeated
    from pruna_nb.show.cells import Cell, Source
    from pruna_nb.show.thumbs import Thumb

ERROR_LIMIT = 280
TITLE_LIMIT = (
    4_000  # a prompt beyond is not read in a tooltip, and would take the bytes of pictures
)
AXIS_LIMIT = 60
SHARED_LIMIT = 600

SMALL = "font-size:.85em;line-height:1.4;"
FAINT = "opacity:.7;"
# the second is for untrusted notebooks, where JupyterLab strips the first
BREAK = "overflow-wrap:anywhere;word-wrap:break-word;"
TABLE = "border-collapse:collapse;border:none;font-size:100%;margin:0"
_NAMELESS: Repeated = ((), ())
_IMAGE = "display:block;max-width:100%;height:auto;margin:0;border-radius:4px"
_CAPTION = f"{SMALL}margin:6px 0 0;word-wrap:break-word;overflow-wrap:anywhere;text-align:left"
_BADGE = (
    "display:inline-block;margin-top:3px;padding:0 4px;border-radius:4px;"
    f"border:1px solid {rgba(AMBER, 0.9)}"
)
_BOX = (
    "box-sizing:border-box;padding:10px 12px;border-radius:4px;text-align:left;overflow:hidden;"
    f"{BREAK}background:{rgba(GREY, 0.12)};"
)
# without its marker, and where a still plays
_OPENS = "display:block;list-style:none;cursor:zoom-in;position:relative;padding:0;margin:0"
_NOTE = f"{SMALL}{FAINT}margin:10px 0 0;text-align:left"


def note_line(html: str) -> str:
    """Return a line below a grid or a table that says what a reader must know beyond it."""
    return f"<p style='{_NOTE}'>{html}</p>"


def head_lines(title: str | None, shared: str) -> str:
    """Return the lines above a grid: its title, and what all its pictures share."""
    lines = ""
    if title:
        style = "margin:0 0 10px;font-weight:600;font-size:1.1em;text-align:left"
        lines += f"<p style='{style}'>{isolated(title, 200)}</p>"
    if shared:
        style = f"{SMALL}{BREAK}margin:0 0 10px;text-align:left"
        lines += f"<p style='{style}'>{isolated(shared, SHARED_LIMIT)}</p>"
    return lines


def data_uri(content: bytes, media_type: str) -> str:
    """Return a file's content as a data URI.

    Examples
    --------
    >>> data_uri(b"fox", "image/webp")
    'data:image/webp;base64,Zm94'
    """
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def box_shape(cell: Cell, size: int) -> tuple[int, int]:
    """Return the shape of a picture that is not there: the ratio asked for, else 3 to 2."""
    return fit(drawable_ratio(cell.ratio_asked) or 1.5, 1.0, size, enlarge=True)


def reason(cell: Cell, thumb: Thumb | None) -> tuple[str, str]:
    """Return in two parts why a cell shows no picture.

    Returns
    -------
    tuple of str
        A word or two, and what is known beyond (may be empty); neither is escaped.
    """
    if cell.status != "succeeded":
        return cell.status, cell.error or ""
    if cell.source is None:
        return "no file", cell.error or ""
    if cell.media == "video":
        return "▶ video", (thumb.error if thumb else None) or ""
    if cell.media == "zip":
        return "zip archive", _file_note(cell.source)
    return "no picture", (thumb.error if thumb else None) or _file_note(cell.source)


def _file_note(source: Source) -> str:
    """Return a file's name and size, but not where on this machine it is."""
    if isinstance(source, bytes):
        return megabytes(len(source))
    try:
        return f"{Path(source).name}, {megabytes(Path(source).stat().st_size)}"
    except (OSError, ValueError):
        return f"{Path(source).name}: the file is gone"


def box(cell: Cell, thumb: Thumb | None, size: int, *, fluid: bool = False) -> str:
    """Draw the box that stands for a picture that is not there."""
    width, height = box_shape(cell, size)
    head, more = reason(cell, thumb)
    # its height follows its width; `aspect-ratio`, made for this, is stripped by JupyterLab
    spacer = f"float:left;width:1px;margin-left:-1px;padding-bottom:{100 * height / width:.4g}%"
    # a word alone needs little room; a reason in a strip of 40 pixels could not be read
    width = max(width, 120 if more else 100)
    wide = f"width:{width}px;max-width:100%"
    if fluid:
        share = min(100, 100 * width / size)
        wide = f"width:{share:.4g}%;max-width:{width}px;min-width:min(100%,110px)"
    detail = f"<br><span style='{FAINT}'>{isolated(more, ERROR_LIMIT)}</span>" if more else ""
    return (
        f"<div style='{_BOX}{SMALL}{wide};"
        f"border-left:3px solid {rgba(TINTS[cell.status], 0.9)}'><span style='{spacer}'></span>"
        f"<strong>{escaped(head, 40)}</strong>{detail}</div>"
    )


def alt_text(cell: Cell) -> str:
    """Return what a screen reader reads in place of the picture, escaped."""
    return escaped(cell.alt or cell.caption or cell.media, ALT_LIMIT)


def title_text(cell: Cell) -> str:
    """Return what a pointer on the picture shows, escaped: the whole prompt."""
    return escaped(prompt_of(cell) or cell.alt or cell.caption or cell.media, TITLE_LIMIT)


def prompt_of(cell: Cell) -> str:
    """Return the prompt of a cell's request, not escaped; empty if it is not known."""
    asked = cell.request.get("input")
    prompt = asked.get("prompt") if isinstance(asked, Mapping) else None
    return str(prompt) if prompt else ""


def facts_of(cell: Cell) -> list[str]:
    """Return in words what a cell's request says beside the prompt, not escaped; model first."""
    asked = cell.request.get("input")
    told = [str(cell.request["model"])] if cell.request.get("model") else []
    for name, value in (asked if isinstance(asked, Mapping) else {}).items():
        if name != "prompt" and isinstance(value, (str, int, float)):
            told.append(f"{name.replace('_', ' ')} {without_address(str(value))}")
    return told


def image(
    cell: Cell, thumb: Thumb, size: int, *, fluid: bool = False, squeezed: bool = False
) -> str:
    """Draw a thumbnail.

    Among columns of text it may be squeezed where styles are stripped: without a height of its
    own it keeps its shape there.
    """
    width, height = webp_size(thumb.webp)
    share = f";width:{100 * width / size:.4g}%;max-width:{width}px" if fluid else ""
    tall = "" if squeezed else f" height='{height}'"
    return (
        f"<img src='{data_uri(thumb.webp, 'image/webp')}' alt='{alt_text(cell)}' "
        f"title='{title_text(cell)}' width='{width}'{tall} style='{_IMAGE}{share}'>"
    )


def webp_size(content: bytes) -> tuple[int, int]:
    """Read width and height of a lossy WebP file, which all thumbnails are."""
    # VP8X, with transparency, has the sides less one in 24 bits each; the plain form has 14 bits
    if content[12:16] == b"VP8X":
        return (
            int.from_bytes(content[24:27], "little") + 1,
            int.from_bytes(content[27:30], "little") + 1,
        )
    width, height = content[26:28], content[28:30]
    return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF


def video(cell: Cell, thumb: Thumb, address: str, size: int, *, small: bool = False) -> str:
    """Draw a video that plays; `address` is relative or a data URI.

    A small one has no controls, which would hide it: it plays below the pointer.
    """
    width, height = fit(*thumb.size, size) if thumb.webp else box_shape(cell, size)
    poster = f" poster='{data_uri(thumb.webp, 'image/webp')}'" if thumb.webp else ""
    plays = "controls"
    if small:
        plays = (
            "playsinline onpointerenter='this.play().catch(() => {})' "
            "onpointerleave='this.pause(); this.load()'"
        )
    return (
        f"<video src='{escaped(address, len(address) + 1)}'{poster} {plays} muted loop "
        f"preload='none' width='{width}' height='{height}' title='{title_text(cell)}' "
        f"style='{_IMAGE}'>{alt_text(cell)}</video>"
    )


def relative_address(path: str) -> str | None:
    """Return a file's address as seen from a notebook in the working folder.

    Returns
    -------
    str or None
        Relative and quoted; None if the file lies elsewhere.
    """
    try:
        found = os.path.relpath(path)
    except ValueError:  # another drive
        return None
    if found.startswith("..") or Path(found).is_absolute():
        return None
    return quote(Path(found).as_posix(), errors="surrogateescape")


def video_uri(source: Source) -> str | None:
    """Return a whole video as a data URI; None if it is not a video or cannot be read."""
    try:
        found = content_type(source)
        if found is None or not found[0].startswith("video/"):
            return None
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (OSError, ValueError):
        return None
    return data_uri(content, found[0])


def caption_lines(
    cell: Cell, thumb: Thumb | None, repeated: Repeated = _NAMELESS
) -> tuple[str, list[str], str]:
    """Return a caption's three parts, not escaped: its text, its notes, what is odd.

    `repeated` has the names of the axes of rows and of columns whose values stand below the
    picture, since their heads are out of view; None where a head in view says them already.
    """
    text = visible(cell.caption)
    axes = [key_of(value) for value in (cell.row_value, cell.col_value)]
    below: list[tuple[str, str]] = []
    beside: list[str] = []
    for key, names in zip(axes, repeated, strict=True):
        if names is None:
            beside += key
        else:
            below += zip((*names, *[""] * len(key)), key, strict=False)
    if text in map(visible, beside):
        text = ""
    notes = [
        plain_axis(value) if name in {"", "prompt"} else phrase(name, value)
        for name, value in below
        if value and visible(value) != text
    ]
    notes += [visible_line(cell.note, 3 * AXIS_LIMIT)] if cell.note else []
    if thumb is not None and thumb.seconds:
        notes.append(f"▶ {thumb.seconds:.1f} s")
    odd = None
    if thumb is not None and thumb.webp and cell.poster is None:
        odd = mismatch(*thumb.size, cell.ratio_asked)
    return text, notes, odd or ""


def plain_axis(value: str) -> str:
    """Shorten an axis value for a caption."""
    return visible_line(value, AXIS_LIMIT)


def joined(notes: Sequence[str]) -> str:
    """Join notes into one line of HTML, each in its own reading direction."""
    return " · ".join(isolated(note, 3 * AXIS_LIMIT) for note in notes)


def caption(cell: Cell, thumb: Thumb | None, repeated: Repeated = _NAMELESS) -> str:
    """Return what is below a picture; empty if there is nothing to say."""
    text, notes, odd = caption_lines(cell, thumb, repeated)
    parts = []
    if text:
        parts.append(isolated(text, CAPTION_LIMIT))
    if notes:
        parts.append(f"<span style='{FAINT}'>{joined(notes)}</span>")
    if odd:
        parts.append(f"<span style='{_BADGE}'>⚠ {escaped(odd, 100)}</span>")
    if not parts:
        return ""
    return f"<figcaption style='{_CAPTION}'>{'<br>'.join(parts)}</figcaption>"


def figure(
    cell: Cell,
    thumb: Thumb | None,
    size: int,
    *,
    address: str | None = None,
    fluid: bool = False,
    repeated: Repeated = _NAMELESS,
    opened: str = "",
    small: bool = False,
) -> str:
    """Draw one cell: picture, video or box, with its caption.

    Parameters
    ----------
    cell : Cell
    thumb : Thumb or None
        None if the cell has no file.
    size : int
        Side of the square box that a picture fits into, in pixels.
    address : str, optional
        Where a video is played from; None: its poster alone.
    fluid : bool
        Whether the figure stands in a column that gets narrower with the window.
    repeated : tuple
        Which values of rows and of columns stand below it, see `caption_lines`.
    opened : str
        HTML that a click on the picture opens.
    small : bool
        Whether a video plays below the pointer, without controls, since it is seen large elsewhere.

    Returns
    -------
    str
        HTML.
    """
    if address is not None and thumb is not None:
        media = video(cell, thumb, address, size, small=small)
    elif thumb is not None and thumb.webp:
        media = image(cell, thumb, size, fluid=fluid)
    else:
        media = box(cell, thumb, size, fluid=fluid)
    if opened:
        # browsers close the one that is open: two of one row would lie on each other
        media = (
            f"<details class='pruna-large' name='pruna-large' style='margin:0'>"
            f"<summary style='{_OPENS}'>{media}</summary>{opened}</details>"
        )
    return f"<figure style='margin:0;min-width:0'>{media}{caption(cell, thumb, repeated)}</figure>"
