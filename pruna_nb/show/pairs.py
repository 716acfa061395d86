"""Two pictures against each other: a slider and a flicker, and side by side without scripts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems, text
from pruna_nb.arguments import path as read_path
from pruna_nb.errors import InputError
from pruna_nb.show.byte_budget import Pieces, fit_bytes, notebook_bytes
from pruna_nb.show.grids import read_sizes
from pruna_nb.show.images import cell_of_image
from pruna_nb.show.markup import (
    FAINT,
    SMALL,
    alt_text,
    box,
    box_shape,
    data_uri,
    head_lines,
    note_line,
    relative_address,
    title_text,
    video_uri,
)
from pruna_nb.show.ratios import fit
from pruna_nb.show.scripts import script_text, unseen
from pruna_nb.show.thumbs import Thumb, Thumbs
from pruna_nb.text import CAPTION_LIMIT, NO_MATH, counted, described, escaped, isolated, megabytes

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from pruna_nb.show.cells import Cell

_SMALLEST = 192  # pixels: below, nobody sees what an edit changed
_NOTES_BYTES = 600
_VIDEO_BYTES = 8_000_000  # of all videos together that no notebook could reach by their path
_MEDIA = "display:block;width:100%;height:auto;max-width:100%;margin:0;border-radius:4px"


@dataclass(frozen=True)
class Pair:
    """Two pictures of which one is set against the other.

    Parameters
    ----------
    before, after : Cell
        Their captions are what each is called.
    caption : str
        What is said of both, such as the prompt of an edit.
    """

    before: Cell
    after: Cell
    caption: str = ""


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures that show themselves; made by `before_after`.

    The last expression of a notebook's cell shows them, with a slider, a flicker and side by
    side. Where no script may run, as in a notebook of somebody else, they stand side by side.
    """

    pairs: tuple[Pair, ...]
    size: int = 640
    max_bytes: int | None = 1_000_000
    title: str | None = None
    shared: str = ""
    thumbs_dir: Path | None = None
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.pairs)

    def __repr__(self) -> str:
        """Return in one line what is compared."""
        return f"<Pairs: {counted(len(self.pairs), 'pair')}>"

    def html(self, *, embed: bool = False) -> str:
        """Return the pairs as HTML for a notebook's output, within ``max_bytes``.

        Parameters
        ----------
        embed : bool
            Whether videos are always part of the HTML, as within a widget, which reaches no file.
        """
        thumbs = Thumbs(self.thumbs_dir)
        cells = [cell for pair in self.pairs for cell in (pair.before, pair.after)]
        films = _addresses(cells, embed=embed)

        def draw(numbers: Sequence[int], size: int) -> Pieces:
            chosen = [self.pairs[number] for number in numbers]
            made = thumbs.of_cells(
                [cell for pair in chosen for cell in (pair.before, pair.after)], size
            )
            return [[_pair(pair, made, films, self.size)] for pair in chosen]

        head = f"<div class='{NO_MATH}'>{head_lines(self.title, self.shared)}"
        tail = f"{unseen(script_text('pairs.js'))}</div>"
        room = None
        if self.max_bytes is not None:
            room = self.max_bytes - notebook_bytes(head + tail) - _NOTES_BYTES
            room += sum(len(address) for address in films.values())
        # twice the side: of an upscaled picture, what is new is in the small
        pieces, _ = fit_bytes(
            draw,
            lambda pieces, _: "".join(map("".join, pieces)),
            [1] * len(self.pairs),
            size=2 * self.size,
            smallest=_SMALLEST,
            room=room,
        )
        notes = [escaped(note, 400) for note in self.left_out]
        if len(pieces) < len(self.pairs) and self.max_bytes is not None:
            number = f"{len(pieces):,} of {len(self.pairs):,} pairs"
            notes.append(f"{number} shown to stay below {megabytes(self.max_bytes)}.")
        body = "".join(map("".join, pieces))
        return f"{head}{body}{''.join(map(note_line, notes))}{tail}"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        del include, exclude  # IPython picks from what it gets
        return {"text/html": self.html(), "text/plain": repr(self)}


def before_after(
    before: Any,
    after: Any,
    *,
    labels: Sequence[str] = ("before", "after"),
    size: int = 640,
    max_bytes: int | None = 1_000_000,
    title: str | None = None,
    thumbs_dir: str | os.PathLike[str] | None = None,
) -> Pairs:
    """Set two pictures or videos against each other: slider, flicker, side by side.

    Drag across the picture to reveal the other one, or let both alternate in one place. Pictures of
    different sizes line up; videos play in step.

    Parameters
    ----------
    before, after
        A path, the bytes of a file, a PIL image, an array, or an output, as for `show_images`.
    labels : pair of str
        What each is called.
    size : int
        The longer side of a picture on the screen, in pixels; it holds up to twice as many.
    max_bytes : int, optional
        What pictures may take in the notebook's file. None: no limit.
    title : str, optional
    thumbs_dir : path, optional
        Where the smaller pictures are kept; None: they are made again each time.

    Returns
    -------
    Pairs

    Raises
    ------
    InputError
        If something is not a picture, or there are not two labels.

    Examples
    --------
    >>> before_after("draft.png", "final.png", labels=["draft", "final"])
    <Pairs: 1 pair>
    """
    problems = Problems()
    sizes = read_sizes(problems, size=size, max_bytes=max_bytes)
    names = read_labels(problems, labels)
    title = None if title is None else problems.read(text, "title", title, instead="")
    where = None
    if thumbs_dir is not None:
        where = problems.read(read_path, "thumbs_dir", thumbs_dir, instead=Path())
    problems.check("These pictures cannot be shown")
    cells = [
        replace(cell_of_image(image, None, at), caption=name, alt=name)
        for at, (image, name) in enumerate(zip((before, after), names, strict=True))
    ]
    return Pairs((Pair(cells[0], cells[1]),), **sizes, title=title, thumbs_dir=where)


def read_labels(problems: Problems, labels: Any) -> tuple[str, str]:
    """Return what the two sides are called; a mistake is noted."""
    names = list(labels) if isinstance(labels, (list, tuple)) else []
    if len(names) == 2 and all(isinstance(name, str) for name in names):  # noqa: PLR2004 - a pair
        return names[0], names[1]
    problems.add(InputError(f"labels must be two texts; {described(labels)} was given."))
    return "before", "after"


def _addresses(cells: Sequence[Cell], *, embed: bool) -> dict[int, str]:
    """Return where videos are played from, by their cells' `id`, as far as their bytes allow."""
    found: dict[int, str] = {}
    left = _VIDEO_BYTES
    for cell in cells:
        if cell.media != "video" or cell.source is None or cell.status != "succeeded":
            continue
        address = None if embed or cell.path is None else relative_address(cell.path)
        if address is None:
            address = video_uri(cell.source) or ""
            if len(address) > left:
                continue
            left -= len(address)
        if address:
            found[id(cell)] = address
    return found


def _pair(pair: Pair, made: dict[int, Thumb], films: dict[int, str], size: int) -> str:
    cells = (pair.before, pair.after)
    thumbs = [made.get(id(cell)) for cell in cells]
    shapes = [
        fit(*thumb.size, size, enlarge=True) if thumb and thumb.webp else box_shape(cell, size)
        for cell, thumb in zip(cells, thumbs, strict=True)
    ]
    figures = "".join(
        _side(cell, thumb, films.get(id(cell)), shape, size)
        for cell, thumb, shape in zip(cells, thumbs, shapes, strict=True)
    )
    width, height = shapes[1]
    said = f"<p style='margin:0 0 6px'>{isolated(pair.caption, 400)}</p>" if pair.caption else ""
    style = "display:flex;gap:12px;align-items:flex-start"
    return (
        f"<div class='pruna-pair' data-width='{width}' data-ratio='{width} / {height}' "
        f"style='margin:0 0 20px'>{said}"
        f"<div class='pruna-pair-stage' style='{style}'>{figures}</div></div>"
    )


def _side(
    cell: Cell, thumb: Thumb | None, film: str | None, shape: tuple[int, int], size: int
) -> str:
    """Draw one side; both sides are equally high, since each is as wide as its shape."""
    width, height = shape
    lines = [isolated(cell.caption, CAPTION_LIMIT)]
    poster = data_uri(thumb.webp, "image/webp") if thumb and thumb.webp else ""
    size_note = ""
    if thumb is not None and thumb.webp:
        size_note = f"<span style='{FAINT}'> {thumb.size[0]:,} &times; {thumb.size[1]:,}</span>"
    facts = f"alt='{alt_text(cell)}' title='{title_text(cell)}' width='{width}'"
    if film:
        still = f" poster='{poster}'" if poster else ""
        media = (
            f"<video src='{escaped(film, len(film) + 1)}'{still} controls muted loop "
            f"preload='none' width='{width}' style='{_MEDIA};aspect-ratio:{width}/{height}'>"
            f"{alt_text(cell)}</video>"
        )
    elif poster:
        media = f"<img src='{poster}' {facts} style='{_MEDIA};aspect-ratio:{width}/{height}'>"
    else:
        media = box(cell, thumb, size)
    grow = f"flex:{width / height:.4f} 1 0"
    return (
        f"<figure style='margin:0;min-width:0;max-width:{width}px;{grow}'>{media}"
        f"<figcaption style='{SMALL}margin:6px 0 0;text-align:left'>{''.join(lines)}{size_note}"
        "</figcaption></figure>"
    )
