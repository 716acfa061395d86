"""Ratings and tags of a frame's outputs: given by the call, and read back as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import Problems, text, whole
from pruna_nb.errors import InputError
from pruna_nb.frames.call import is_several, several
from pruna_nb.frames.columns import column, optional_column, places_of, plain_label, with_columns
from pruna_nb.frames.results import TEXT, beside
from pruna_nb.settings import current
from pruna_nb.store.ratings import STARS, Rating, Ratings, digest_of
from pruna_nb.templates import is_missing
from pruna_nb.text import described, shown, visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_OURS = "pruna_nb_ratings"
"""The key of a frame's attrs with the columns that hold stored ratings and tags."""
_TAG_LIMIT = 60
_NOTHING: Any = ()


def outputs_of(frame: pd.DataFrame, output_col: Any) -> list[tuple[str | None, str | None]]:
    """Return each row's output and its prediction's id, as far as it has them."""
    paths = column(frame, output_col, "output_col")
    ids = optional_column(frame, beside(output_col, "prediction_id"))
    # A cell of any type may stand in a column of this name: of a frame that the user built.
    known = [[cell if isinstance(cell, str) and cell else None for cell in x] for x in (paths, ids)]
    return list(zip(*known, strict=True))


def with_ratings(frame: pd.DataFrame, output_col: Any = "output") -> pd.DataFrame:
    """Return a new frame with the stored ratings and tags; see ``df.pruna.ratings``."""
    found = Ratings(current().cache_dir).of(outputs_of(frame, output_col))
    stars = [None if each is None else each.rating for each in found]
    tags = ["" if each is None else ", ".join(each.tags) for each in found]
    names = [
        _free_name(frame, output_col, name, values)
        for name, values in (("rating", stars), ("tags", tags))
    ]
    columns = [pd.array(stars, dtype="Int64"), pd.array(tags, dtype=TEXT)]
    out = with_columns(frame, dict(zip(names, columns, strict=True)))
    out.attrs = {**frame.attrs, _OURS: {**_ours(frame), shown(plain_label(output_col)): names}}
    return out


def rating_columns(frame: pd.DataFrame, output_col: Any = "output") -> list[Any]:
    """Return which columns of a frame hold the stored ratings and tags of its outputs."""
    names = _ours(frame).get(shown(plain_label(output_col)), [])
    return [name for name in names if places_of(frame, name)]


def _ours(frame: pd.DataFrame) -> dict[str, list[Any]]:
    ours = frame.attrs.get(_OURS)
    return ours if isinstance(ours, dict) else {}


def _free_name(frame: pd.DataFrame, output_col: Any, name: str, values: Sequence[Any]) -> Any:
    """Return the column of a rating or tag: another one if the user's own is called so.

    One that holds just what is stored, as after a journey through CSV, is that column.
    """
    label = beside(output_col, name)
    if label in rating_columns(frame, output_col) or not places_of(frame, label):
        return label
    present = [None if is_missing(cell) else cell for cell in optional_column(frame, label)]
    same = [cell or None for cell in present] == [value or None for value in values]
    return label if same else f"{plain_label(output_col)}_{name}"


def rate_frame(
    frame: pd.DataFrame, rating: Any, *, tags: Any, untag: Any, rows: Any, output_col: Any
) -> pd.DataFrame:
    """Store ratings and tags, and return the frame with them; see ``df.pruna.rate``."""
    problems = Problems()
    outputs = problems.read(outputs_of, frame, output_col, instead=_NOTHING)
    places = problems.read(places_in, frame, rows, instead=_NOTHING) if outputs else []
    stars = problems.read(_stars, frame, places, rating, instead=_NOTHING)
    new = problems.read(_tags, frame, places, "tags", tags, instead=_NOTHING)
    gone = problems.read(_tags, frame, places, "untag", untag, instead=_NOTHING)
    # By its content; by its id where the file is gone. A row without an output has neither.
    digests = [digest_of(outputs[place][0] or "") for place in places]
    keys = [
        digest or (outputs[place][0] and outputs[place][1]) or ""
        for place, digest in zip(places, digests, strict=True)
    ]
    # Rows that were named are meant: by rows=, or by a rating or tags of their own.
    bare = [
        shown(frame.index[place])
        for place, key, star, tag in zip(places, keys, stars, new, strict=False)
        if not key
        and (
            rows is not None
            or (_is_per_row(rating) and star is not None)
            or (_is_per_row(tags) and tag)
        )
    ]
    if bare:
        labels = ", ".join(bare[:5])
        problems.add(InputError(f"These rows have no output to rate: {labels}."))
    problems.check("Nothing was rated")
    rated = [outputs[place] for place in places]
    _store(rated, keys, digests, list(zip(stars, new, gone, strict=True)))
    return with_ratings(frame, output_col)


def _store(
    outputs: Sequence[tuple[str | None, str | None]],
    keys: Sequence[str],
    digests: Sequence[str],
    said: Sequence[tuple[int | None, tuple[str, ...], tuple[str, ...]]],
) -> None:
    """Store what is said of outputs: of each a rating, tags that are new, and tags that go."""
    store = Ratings(current().cache_dir)
    standing = store.of(outputs)
    changed: dict[str, Rating] = {}
    for number, (_, name) in enumerate(outputs):
        key, digest = keys[number], digests[number]
        if not key:
            continue
        stars, new, gone = said[number]
        before = changed.get(key) or standing[number] or Rating(digest, name or "")
        kept = [tag for tag in (*before.tags, *new) if tag not in gone]
        after = replace(
            before,
            digest=digest or before.digest,
            prediction_id=name or before.prediction_id,
            rating=before.rating if stars is None else stars or None,
            tags=tuple(dict.fromkeys(kept)),
        )
        if after != before:
            changed[key] = after
    store.put(changed.values())


def places_in(frame: pd.DataFrame, rows: Any) -> list[int]:
    """Return the positions of rows: of all, by labels, or by a mask of True and False."""
    if rows is None:
        return list(range(len(frame)))
    if is_several(rows) and not (isinstance(rows, tuple) and _has(frame, rows)):
        wanted = several(rows)
        if wanted and all(isinstance(each, bool) for each in wanted):
            if len(wanted) != len(frame):
                msg = f"rows= has {len(wanted):,} of True and False for {len(frame):,} rows."
                raise InputError(msg)
            return [place for place, each in enumerate(wanted) if each]
    else:
        wanted = [rows]
    missing = [each for each in wanted if isinstance(each, bool) or not _has(frame, each)]
    if missing:
        labels = ", ".join(shown(label) for label in frame.index[:5].tolist())
        msg = (
            f"rows= takes labels of the index, or True and False for each row; there is no row "
            f"{', '.join(map(described, missing[:5]))}. The index begins: {labels}."
        )
        raise InputError(msg)
    every = np.arange(len(frame))  # a label may be that of several rows
    found = [np.atleast_1d(every[frame.index.get_loc(each)]).tolist() for each in wanted]
    return list(dict.fromkeys(place for some in found for place in some))


def _has(frame: pd.DataFrame, label: Any) -> bool:
    try:
        return bool(label in frame.index)
    except Exception:  # noqa: BLE001 - what cannot be compared is no label
        return False


def _is_per_row(value: Any) -> bool:
    return isinstance(value, (pd.Series, Mapping))


def _per_row(frame: pd.DataFrame, places: Sequence[int], value: Any) -> list[Any] | None:
    """Return a cell for each row of a Series or a dict by label; None for any other value."""
    if not _is_per_row(value):
        return None
    cells = dict(value.items())
    labels = frame.index.tolist()
    strange = [label for label in cells if not _has(frame, label)]
    if strange:
        raise InputError(f"There is no row {', '.join(map(shown, strange[:5]))} to be rated.")
    return [cells.get(labels[place]) for place in places]


def _stars(frame: pd.DataFrame, places: Sequence[int], rating: Any) -> list[int | None]:
    """Return each row's rating; 0 takes it back, None leaves it as it is."""
    cells = _per_row(frame, places, rating)
    if cells is None and is_several(rating):
        cells = several(rating)
        if len(cells) != len(places):
            msg = f"rating holds {len(cells):,} for {len(places):,} rows; give one for each row."
            raise InputError(msg)
    if cells is None:
        cells = [rating] * len(places)
    return [
        None if is_missing(cell) else whole("rating", cell, least=0, most=STARS[-1])
        for cell in cells
    ]


def _tags(
    frame: pd.DataFrame, places: Sequence[int], name: str, value: Any
) -> list[tuple[str, ...]]:
    """Return each row's tags: of one text or list for all, or of a Series or a dict."""
    cells = _per_row(frame, places, value)
    if cells is None:
        return [read_tags(name, value)] * len(places)
    return [read_tags(name, cell) for cell in cells]


def read_tags(name: str, value: Any) -> tuple[str, ...]:
    """Return tags as they are stored: of a text with commas, or a list of texts.

    Examples
    --------
    >>> read_tags("tags", "sharp, for the shop"), read_tags("tags", None)
    (('sharp', 'for the shop'), ())
    """
    if is_missing(value):
        return ()
    texts = several(value) if is_several(value) else [value]
    parts = [part.strip() for each in texts for part in text(name, each).split(",")]
    tags = [visible_line(part, _TAG_LIMIT + 1) for part in parts if part]
    long = [tag for tag in tags if len(tag) > _TAG_LIMIT]
    if long:
        raise InputError(f"A tag has up to {_TAG_LIMIT} characters; {shown(long[0])} has more.")
    return tuple(dict.fromkeys(tags))
