"""A frame's outputs against the pictures that they were made of, or another column's."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems, text
from pruna_nb.catalog import lookup_model
from pruna_nb.errors import InputError
from pruna_nb.files.inputs import Media, to_media
from pruna_nb.frames.columns import column, places_of
from pruna_nb.frames.grids import cells_of
from pruna_nb.frames.media import MediaReader
from pruna_nb.frames.records import files_of, records_of
from pruna_nb.frames.results import steps_of
from pruna_nb.settings import current
from pruna_nb.show import Cell, Pair, Pairs
from pruna_nb.show.grids import read_sizes
from pruna_nb.show.pairs import read_labels
from pruna_nb.tables.cells import plain
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from pruna_nb.catalog import Field, Model

# The reasons are for one row or for many, so none of them says "it" or "them".
_NOTHING = "no input picture was sent"
_KINDS = frozenset({"image", "video"})


def frame_pairs(
    frame: pd.DataFrame,
    *,
    before_col: Any = None,
    output_col: Any = "output",
    labels: Sequence[str] = ("before", "after"),
    size: int = 640,
    max_bytes: int | None = 1_000_000,
    title: str | None = None,
) -> Pairs:
    """Return a frame's outputs against their inputs; see ``df.pruna.before_after``."""
    problems = Problems()
    sizes = read_sizes(problems, size=size, max_bytes=max_bytes)
    names = read_labels(problems, labels)
    title = None if title is None else problems.read(text, "title", title, instead="")
    cells: list[Cell] = []
    shared = ""
    with problems.noted():
        cells, shared = cells_of(frame, output_col=output_col)
    before: list[Cell | str] = []
    with problems.noted():
        before = _given(frame, before_col) if before_col is not None else _sent(frame, output_col)
    problems.check("These pictures cannot be compared")
    pairs, reasons = [], []
    for after, first in zip(cells, before, strict=True):
        if isinstance(first, str) or after.status != "succeeded":
            reasons.append(first if isinstance(first, str) else f"the output is {after.status}")
            continue
        said = " · ".join(filter(None, [after.caption, after.note]))
        one = replace(first, caption=names[0], alt=f"{names[0]}: {after.alt}")
        pairs.append(Pair(one, replace(after, caption=names[1], note=""), said))
    left_out = tuple(
        f"{counted(number, 'row')} left out: {reason}."
        for reason, number in Counter(reasons).items()
    )
    if not pairs:
        msg = (
            f"There is nothing to set beside these outputs. {' '.join(left_out) or 'No rows.'} "
            "Give before_col=, the column of pictures to compare them with."
        )
        raise InputError(msg)
    return Pairs(
        tuple(pairs),
        **sizes,
        title=title,
        shared=shared,
        thumbs_dir=current().thumbs_dir,
        left_out=left_out,
    )


def _given(frame: pd.DataFrame, before_col: Any) -> list[Cell | str]:
    """Return the pictures of a column, or for each the reason why there is none."""
    made: list[Cell | str] = []
    for value in column(frame, before_col, "before_col"):
        try:
            media = None if value is None else to_media(_lead({}, value))
            made.append(_cell(media, "before_col has no picture there"))
        except InputError as error:
            made.append(str(error))
    return made


def _sent(frame: pd.DataFrame, output_col: Any) -> list[Cell | str]:
    """Return the picture that each output was made of, or the reason why there is none.

    The record of the prediction comes first: cells may have been edited since. It holds files by
    their hashes, so those that are not in the cache folder are looked for where the call read them.
    """
    call = steps_of(frame).get(output_col)
    # a table's record of its call may be somebody else's: it may not open any file of this machine
    reader = MediaReader(unchecked=True, recorded=True)
    read: list[tuple[Field, list[Any]]] = []
    for field in _picture_fields(call.model) if call is not None else ():
        label = call.columns.get(field.name) if call is not None else None
        label = label[0] if isinstance(label, list) and label else label
        if label is not None and len(places_of(frame, label)) == 1:
            read.append((field, column(frame, label, "before_after()")))
    made: list[Cell | str] = []
    for place, record in enumerate(records_of(frame, output_col)):
        given = {} if record is None else record.input
        fields = () if record is None else _picture_fields(lookup_model(record.model))
        files = [files_of(_lead(given, given.get(field.name))) for field in fields]
        found = next((file for file in files if isinstance(file, Media)), None)
        why = _NOTHING
        for field, values in read:
            if found is not None or values[place] is None:
                continue
            try:
                found = _lead(given, reader.of(field)(values[place]))
            except InputError:
                why = "the input picture is not in the cache, and was not read in this session"
        made.append(_cell(found, why))
    return made


def _picture_fields(model: Model) -> list[Field]:
    return [field for field in model.media_fields if not _KINDS.isdisjoint(field.media)]


def _lead(given: dict[str, Any], value: Any) -> Any:
    """Return a picture, or of a list the one that sets the look and size of the edit."""
    number = given.get("reference_image")
    value = plain(value)
    if not isinstance(value, (list, tuple)) or not value:
        return value
    return value[number - 1 if isinstance(number, int) and 0 < number <= len(value) else 0]


def _cell(media: Media | str | None, why: str) -> Cell | str:
    if isinstance(media, str):  # nothing is asked of another host
        return "the picture is at an address, which is not fetched"
    if media is None:
        return why
    source: Path | bytes = media.source
    return Cell(data=source) if isinstance(source, bytes) else Cell(path=os.fspath(source))
