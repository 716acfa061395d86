"""A frame's pictures and captions, packed for the trainers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb import arguments
from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files.archive import caption_problems, write_zip
from pruna_nb.files.inputs import Media, to_media
from pruna_nb.frames.call import is_several, several
from pruna_nb.frames.columns import column
from pruna_nb.frames.requests import row_name
from pruna_nb.text import shown

if TYPE_CHECKING:
    import pandas as pd


def write_training_zip(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    image_col: str,
    caption_col: str | None,
    start_col: str | list[str] | None,
) -> Path:
    """Write the archive; see ``df.pruna.to_zip``."""
    wrong = Problems()
    target = wrong.read(arguments.path, "path", path, instead=Path())
    # A tuple is one label of several levels, not a list of labels.
    one = start_col is None or not is_several(start_col) or isinstance(start_col, tuple)
    starts = [] if start_col is None else [start_col] if one else several(start_col)
    none: list[Any] = [None] * len(frame)
    ends = wrong.read(column, frame, image_col, "image_col", instead=none)
    befores = [wrong.read(column, frame, label, "start_col", instead=none) for label in starts]
    captions = none
    if caption_col is not None:
        captions = wrong.read(column, frame, caption_col, "caption_col", instead=none)
    wrong.check("Nothing was written")
    members: list[tuple[str, Media | str]] = []
    problems: list[str] = []
    # As many digits as the last row needs: sorted by name, the files are in the rows' order.
    digits = max(4, len(str(len(frame))))
    for place, (end, caption) in enumerate(zip(ends, captions, strict=True)):
        pictures = {"_end" if starts else "": end}
        for number, cells in enumerate(befores, start=1):
            pictures[f"_start{number if number > 1 else ''}"] = cells[place]
        if end is None:
            continue
        root = f"{place + 1:0{digits}}"
        try:
            members += [
                (f"{root}{tail}{media.type.suffix}", media)
                for tail, media in ((tail, _picture(cell)) for tail, cell in pictures.items())
            ]
        except (InputError, TooLargeError) as error:
            problems.append(f"{row_name(frame.index, place)}: {error}")
        if caption is not None and str(caption).strip():
            name = row_name(frame.index, place)
            problems += caption_problems(str(caption), f"{name}: the caption")
            members.append((f"{root}.txt", str(caption)))
    if problems:
        msg = "These rows cannot be packed; nothing was written:\n  " + "\n  ".join(problems[:20])
        raise InputError(msg, problems)
    if not members:
        msg = f"Column {shown(image_col)} holds no pictures."
        raise InputError(msg)
    return write_zip(members, target)


def _picture(cell: Any) -> Media:
    media = None if cell is None else to_media(cell)
    if not isinstance(media, Media):
        what = "is empty" if media is None else f"is an address ({media[:80]})"
        msg = f"An image {what}; use a file."
        raise InputError(msg)
    if media.type.kind != "image":
        msg = f"{media.name} is not an image but {media.type.content_type}."
        raise InputError(msg)
    media.check_whole()
    return media
