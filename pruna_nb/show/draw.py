"""The pen that draws a contact sheet's strips: a title, a head, a row of cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.show.axes import spans
from pruna_nb.show.decode import Picture, UnreadableError, load, with_play_mark
from pruna_nb.show.fonts import face_for, fit_all, wrap
from pruna_nb.show.markup import box_shape, caption_lines, reason
from pruna_nb.show.thumbs import Thumb
from pruna_nb.show.tints import AMBER, TINTS, Colour
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from PIL import Image

    from pruna_nb.show.axes import Key, Repeated
    from pruna_nb.show.cells import Cell

_LINES = 3
_NOTE_LINES = 2
_FINE = 20  # pixels of type
_NARROW = 96  # pixels: less than this has no room for wide margins


@dataclass(frozen=True)
class Style:
    """Measures and colours, all of them from the pictures' size.

    Parameters
    ----------
    size : int
        Side of the box that a picture fits into, in pixels.
    dark : bool
    """

    size: int
    dark: bool = False

    @property
    def type(self) -> int:
        """Height of a caption's type in pixels: it grows with the pictures."""
        return max(11, round(self.size * 0.044))

    @property
    def small(self) -> int:
        """Height of a note's type."""
        return max(10, round(self.type * 0.86))

    @property
    def gap(self) -> int:
        """Between cells."""
        return max(12, self.size // 16)

    @property
    def margin(self) -> int:
        """Around the sheet."""
        return max(16, round(self.gap * 1.5))

    @property
    def head(self) -> int:
        """Width of the rows' heads."""
        return max(96, round(self.size * 0.5))

    @property
    def paper(self) -> Colour:
        """The background."""
        return (24, 24, 26) if self.dark else (255, 255, 255)

    @property
    def ink(self) -> Colour:
        """The captions."""
        return (236, 236, 238) if self.dark else (28, 28, 30)

    @property
    def faint(self) -> Colour:
        """The notes."""
        return (160, 160, 166) if self.dark else (104, 104, 110)

    @property
    def line(self) -> Colour:
        """What joins the columns of a group."""
        return (80, 80, 86) if self.dark else (200, 200, 206)

    @property
    def fill(self) -> Colour:
        """A box in the place of a picture."""
        return (44, 44, 48) if self.dark else (243, 243, 245)

    @property
    def sub_head(self) -> int:
        """Width of the heads of each further level."""
        return max(64, round(self.size * 0.3))

    def side(self, heads: int) -> int:
        """Return the width of so many levels of heads, with the gaps behind them."""
        if not heads:
            return 0
        return self.head + self.gap + (heads - 1) * (self.sub_head + self.gap)

    def width(self, columns: int, *, heads: int) -> int:
        """Return the sheet's width in pixels; `heads` counts the levels of the rows' heads."""
        side = self.side(heads)
        return 2 * self.margin + side + columns * self.size + (columns - 1) * self.gap


@dataclass(frozen=True)
class _Drawn:
    """A cell's picture, or what is to be said in its place."""

    cell: Cell
    picture: Picture | None
    thumb: Thumb | None


class Pen:
    """Draws strips as wide as the sheet.

    Parameters
    ----------
    style : Style
    width : int
        The sheet's, in pixels.
    repeated : tuple
        Which values of rows and of columns captions repeat, see `caption_lines`.
    """

    def __init__(self, style: Style, width: int, repeated: Repeated = ((), ())) -> None:
        self.style = style
        self.width = width
        self._repeated = repeated

    def title(self, text: str | None, shared: str) -> Image.Image | None:
        """Draw the sheet's title and what all its pictures share; None if there is neither."""
        style, room = self.style, self.width - 2 * self.style.margin
        blocks = []
        if text:
            blocks.append(self._block(text, round(style.type * 1.7), style.ink, room, lines=2))
        if shared:
            blocks.append(self._block(shared, style.type, style.faint, room, lines=3))
        if not blocks:
            return None
        space = round(style.type * 0.4)
        height = sum(block.height for block in blocks) + space * (len(blocks) - 1)
        strip = self._blank(height + style.gap)
        down = 0
        for block in blocks:
            strip.paste(block, (style.margin, down))
            down += block.height + space
        return strip

    def heads(self, keys: Sequence[Key], corners: Sequence[str]) -> Image.Image:
        """Draw the columns' values, those of a group once above its columns."""
        from PIL import ImageDraw

        style, deep = self.style, len(corners)
        step, space = style.size + style.gap, round(style.type * 0.5)
        levels = [
            [
                (
                    head,
                    self._block(
                        head.value, style.type, style.ink, head.span * step - style.gap, lines=4
                    ),
                )
                for head in level
            ]
            for level in spans(keys)
        ]
        heights = [max(block.height for _, block in level) + space for level in levels]
        names = [
            self._block(text, style.small, style.faint, self._head_width(i), lines=3)
            for i, text in enumerate(corners)
        ]
        height = max(sum(heights) - space, *(name.height for name in names)) + style.gap
        strip = self._blank(height)
        for i, name in enumerate(names):
            strip.paste(name, (self._head_left(i), height - style.gap - name.height))
        down = height - style.gap - (sum(heights) - space)
        for level, tall in zip(levels, heights, strict=True):
            for head, block in level:
                left = self._left(head.start, heads=deep)
                low = down + tall - space
                strip.paste(block, (left, low - block.height))
                if head.span > 1:
                    line = (left, low + 1, left + head.span * step - style.gap - 1, low + 1)
                    ImageDraw.Draw(strip).line(line, fill=style.line)
            down += tall
        return strip

    def row(self, places: Sequence[Sequence[Cell]], head: Key, pool: Executor) -> Image.Image:
        """Draw cells side by side.

        Parameters
        ----------
        places : sequence of sequence of Cell
            Those of one place stand one below the other.
        head : tuple of str
            The row's value on each level; empty without axes.
        pool : concurrent.futures.Executor
            Reads the pictures.
        """
        style = self.style
        cells = [cell for place in places for cell in place]
        drawn = iter(list(pool.map(self._load, cells)))
        columns = [[self._cell(next(drawn)) for _ in place] for place in places]
        blocks = [
            self._block(value, style.type, style.ink, self._head_width(i), lines=9)
            for i, value in enumerate(head)
        ]
        heights = [sum(tile.height + style.gap for tile in column) for column in columns]
        strip = self._blank(max([*heights, *(b.height + style.gap for b in blocks), style.gap]))
        for i, block in enumerate(blocks):
            strip.paste(block, (self._head_left(i), 0))
        for i, column in enumerate(columns):
            down = 0
            for tile in column:
                strip.paste(tile, (self._left(i, heads=len(head)), down))
                down += tile.height + style.gap
        return strip

    def page(self, strips: list[Image.Image]) -> Image.Image:
        """Return strips below each other, with margins; empties the list."""
        margin = self.style.margin
        page = self._blank(sum(strip.height for strip in strips) + 2 * margin - self.style.gap)
        down = margin
        while strips:
            # each is freed once it is pasted: together they take as much memory as the page
            strip = strips.pop(0)
            page.paste(strip, (0, down))
            down += strip.height
        return page

    def _left(self, column: int, *, heads: int) -> int:
        style = self.style
        return style.margin + style.side(heads) + column * (style.size + style.gap)

    def _head_left(self, level: int) -> int:
        return self.style.margin + self.style.side(level)

    def _head_width(self, level: int) -> int:
        return self.style.sub_head if level else self.style.head

    def _blank(self, height: int, width: int | None = None) -> Image.Image:
        from PIL import Image

        return Image.new("RGB", (width or self.width, max(1, height)), self.style.paper)

    def _load(self, cell: Cell) -> _Drawn:
        if cell.picture is None:
            return _Drawn(cell, None, None)
        try:
            picture = load(cell.picture, self.style.size)
        except UnreadableError as error:
            return _Drawn(cell, None, Thumb(error=str(error)))
        # captions ask a thumbnail what they say; its bytes are not drawn here
        thumb = Thumb(b"-", (picture.width, picture.height), picture.seconds)
        return _Drawn(cell, picture, thumb)

    def _cell(self, drawn: _Drawn) -> Image.Image:
        style = self.style
        picture = drawn.picture
        top = self._box(drawn) if picture is None else self._picture(picture, drawn.cell)
        text, notes, odd = caption_lines(drawn.cell, drawn.thumb, self._repeated)
        # Pillow's own face lacks the sign, which stands on the picture
        notes = [note.replace("▶ ", "") for note in notes]
        face, fold = _face("".join(notes), style.small)
        said_all = fit_all(notes, face, style.size * fold, _NOTE_LINES)
        parts = [
            self._block(text, style.type, style.ink, style.size, lines=_LINES),
            self._block(said_all, style.small, style.faint, style.size, lines=_NOTE_LINES),
            self._block(odd, style.small, AMBER, style.size, lines=2),
        ]
        words = [part for part in parts if part.height > 1]
        space = round(style.type * 0.6)
        height = top.height + sum(part.height for part in words) + (space if words else 0)
        tile = self._blank(height, style.size)
        tile.paste(top, (0, 0))
        down = top.height + space
        for part in words:
            tile.paste(part, (0, down))
            down += part.height
        return tile

    def _picture(self, picture: Picture, cell: Cell) -> Image.Image:
        image = picture.image
        if image.mode == "RGBA":
            ground = _checkerboard(image.size, max(4, self.style.size // 32), self.style)
            ground.paste(image, (0, 0), image)
            image = ground
        if cell.media == "video":
            image = with_play_mark(image)
        return image

    def _box(self, drawn: _Drawn) -> Image.Image:
        from PIL import Image, ImageDraw

        style = self.style
        width, height = box_shape(drawn.cell, style.size)
        head, more = reason(drawn.cell, drawn.thumb)
        head = head.replace("▶ ", "")
        edge = max(2, style.size // 96)
        inset = edge + round(style.type * (0.3 if style.size < _NARROW else 0.8))
        room = max(style.type * 4, width - 2 * inset)
        blocks = [
            self._block(head, style.type, style.ink, room, lines=2, paper=style.fill),
            self._block(more, style.small, style.faint, room, lines=7, paper=style.fill),
        ]
        needed = sum(block.height for block in blocks) + 2 * inset
        size = (min(style.size, max(width, room + 2 * inset)), max(height, needed))
        box = Image.new("RGB", size, style.fill)
        tint = TINTS[drawn.cell.status]
        ImageDraw.Draw(box).rectangle((0, 0, edge - 1, size[1]), fill=tint)
        down = inset
        for block in blocks:
            box.paste(block, (inset, down))
            down += block.height
        return box

    def _block(
        self, text: str, pixels: int, ink: Colour, width: int, *, lines: int, paper: Any = None
    ) -> Image.Image:
        """Draw wrapped text; one pixel high if there is none."""
        from PIL import Image, ImageDraw

        seen = visible_line(text, 600)
        face, fold = _face(seen, pixels)
        found = wrap(seen, face, width * fold, lines)
        leading = round(pixels * 1.36)
        size = (width * fold, max(1, leading * len(found)) * fold)
        block = Image.new("RGB", size, paper or self.style.paper)
        draw = ImageDraw.Draw(block)
        for i, line in enumerate(found):
            draw.text((0, i * leading * fold), line, fill=ink, font=face)
        return block if fold == 1 else block.reduce(fold)


def _face(text: str, pixels: int) -> tuple[Any, int]:
    """Return a face, and how many times too large it is.

    Small letters are set to whole pixels, which closes the gaps between words: they are drawn
    twice as large and reduced.
    """
    fold = 2 if pixels < _FINE else 1
    return face_for(text, pixels * fold), fold


def _checkerboard(size: tuple[int, int], step: int, style: Style) -> Image.Image:
    """Draw what shows through where a picture is transparent."""
    from PIL import Image, ImageDraw

    light, shade = ((62, 62, 66), (50, 50, 54)) if style.dark else ((255, 255, 255), (226,) * 3)
    board = Image.new("RGB", size, light)
    draw = ImageDraw.Draw(board)
    for i, y in enumerate(range(0, size[1], step)):
        for x in range((i % 2) * step, size[0], 2 * step):
            draw.rectangle((x, y, x + step - 1, y + step - 1), fill=shade)
    return board
