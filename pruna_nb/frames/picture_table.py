"""A frame as a table with pictures: which columns it has, if nobody says, and what is in them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.console import LOG
from pruna_nb.errors import CacheError
from pruna_nb.files.inputs import is_address
from pruna_nb.frames.call import is_several, several
from pruna_nb.frames.captions import text_of, varying
from pruna_nb.frames.columns import column, label_text, places_of, plain_label
from pruna_nb.frames.grids import cells_of, check_one_label
from pruna_nb.frames.ratings import rating_columns, with_ratings
from pruna_nb.frames.results import RESULT_COLUMNS, beside, secret_columns
from pruna_nb.settings import current
from pruna_nb.show.table import Table, table
from pruna_nb.tables.cells import plain_cells
from pruna_nb.templates import is_empty, is_missing
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show import Cell

# Behind the output, in this order; those of an earlier step are told as far as they matter.
_AFTER = ("status", "error", "seconds", "cost_usd", "cached")
_AFTER_STEP = ("error", "cost_usd")
_LONG_ID = 24  # characters without a space: nobody reads it
_LONG_JSON = 60
_HIDDEN_NAMED = 12


@dataclass(frozen=True)
class _Column:
    head: str
    cells: list[Any]
    is_image: bool = False


def frame_table(
    frame: pd.DataFrame,
    *,
    columns: Any = None,
    size: int = 128,
    max_bytes: int | None = 1_000_000,
    output_col: Any = "output",
) -> Table:
    """Return a frame as a table with thumbnails; see ``df.pruna.table``."""
    check_one_label("output_col", output_col)
    reader = _Reader(frame, output_col)
    hidden: list[str] = []
    if columns is None:
        chosen, hidden = reader.usual()
    else:
        names = several(columns) if is_several(columns) else [columns]
        # Two columns of one name are both shown, as in frame[columns].
        chosen = [each for name in names for each in reader.named(name)]
    note = ""
    if hidden:
        names_shown = ", ".join(hidden[:_HIDDEN_NAMED]) + (
            "…" if len(hidden) > _HIDDEN_NAMED else ""
        )
        note = f"Not shown: {names_shown}. table(columns=[...]) shows any column."
    heads = [each.head for each in chosen]
    told = {head for head in heads if head.endswith("error")}
    values = [_without_reasons(each, told) if each.is_image else each.cells for each in chosen]
    return table(
        heads,
        list(zip(*values, strict=True)) if values else [() for _ in range(len(frame))],
        image_columns={each.head for each in chosen if each.is_image},
        size=size,
        max_bytes=max_bytes,
        note=note,
        thumbs_dir=current().thumbs_dir,
    )


def _without_reasons(images: _Column, told: set[str]) -> list[Any]:
    """Return a column's cells, whose reasons are not said twice."""
    if label_text(beside(images.head, "error")) not in told:
        return images.cells
    return [replace(cell, error=None) for cell in images.cells]


class _Reader:
    """Reads what a table can show of a frame: its columns, its index, its requests, its ratings."""

    def __init__(self, frame: pd.DataFrame, output_col: Any) -> None:
        self.frame, self.output_col = frame, output_col
        self._labels = [plain_label(label) for label in frame.columns]
        self._ending = (
            label_text(output_col) if isinstance(output_col, (str, tuple)) else shown(output_col)
        )

    # ------------------------------------------------------------------ by name

    def named(self, name: Any) -> list[_Column]:
        """Return the columns of a name; else an index level, a rating, a field of the requests."""
        places = places_of(self.frame, name)
        if places:
            return [self._at(place) for place in places]
        if isinstance(name, str):
            others = [*self._index_levels(whole=True), *self._ratings(always=True)]
            if places_of(self.frame, self.output_col):
                others += self._asked(taken=[])
            for each in others:
                if each.head == name:
                    return [each]
        column(self.frame, name, "the table")  # raises
        return []

    # ------------------------------------------------------------------ if nobody says

    def usual(self) -> tuple[list[_Column], list[str]]:
        """Return the columns that a person looks at, and the names of the others."""
        outputs = [place for place, label in enumerate(self._labels) if self._is_image(label)]
        results = {
            plain_label(beside(self.frame.columns[place], name)): name
            for place in outputs
            for name in RESULT_COLUMNS
        }
        rated = self._ratings()
        ours = [plain_label(name) for name in rating_columns(self.frame, self.output_col)]
        ours += [each.head for each in rated]  # a copy of what is stored, as history() has it
        own, hidden, secret = self._index_levels(), [], secret_columns(self.frame)
        for place, label in enumerate(self._labels):
            if label in results or label in ours:
                continue
            each = self._at(place)
            if label in secret or not _is_readable(each.cells):
                hidden += [each.head] if any(map(_is_there, each.cells)) else []
            elif each.head not in [level.head for level in own]:
                own.append(each)
        after: list[_Column] = []
        for place in outputs:
            label = self.frame.columns[place]
            is_last = plain_label(label) == plain_label(self.output_col)
            after += [self._at(place), *(rated if is_last else [])]
            for name in _AFTER if is_last else _AFTER_STEP:
                after += self._result(label, name)
        # a sweep over models has them in the index too
        known = [level.cells for level in own if level.head == "model"]
        models = [each for place in outputs for each in self._model(place)]
        models = [each for each in models if each.cells not in known]
        taken = [*own, *models, *after]
        asked = self._asked(taken) if places_of(self.frame, self.output_col) else []
        chosen = [*own, *models, *asked, *after]
        shown_heads = {each.head for each in chosen}
        hidden += [
            label_text(label)
            for label in self._labels
            if results.get(label, "cached") != "cached"
            and label_text(label) not in shown_heads
            and any(map(_is_there, self._values(label)))
        ]
        return chosen, list(dict.fromkeys(hidden))

    def _result(self, label: Any, name: str) -> list[_Column]:
        """Return a result of a step, if there is anything to say."""
        places = places_of(self.frame, beside(label, name))
        columns = [self._at(place) for place in places]
        # a column of False says only that nothing came from the cache
        is_told = bool if name == "cached" else _is_there
        return [each for each in columns if any(map(is_told, each.cells))]

    def _model(self, place: int) -> list[_Column]:
        return self._result(self.frame.columns[place], "model")

    def _asked(self, taken: Sequence[_Column]) -> list[_Column]:
        """Return what the requests say and no column does: model, prompt, seed, what differs."""
        cells = self._cells(self.output_col)
        facts = [
            {**(cell.request.get("input") or {}), "model": cell.request.get("model")}
            for cell in cells
        ]
        names = dict.fromkeys(["prompt", "model", "seed", *(varying(facts) if facts else [])])
        if not taken:  # all that are known, by name
            names = dict.fromkeys([*names, *(name for fact in facts for name in fact)])
        present = [[text_of(value) for value in each.cells] for each in taken if not each.is_image]
        heads = {each.head for each in taken}
        found = []
        for name in names:
            values = [fact.get(name) for fact in facts]
            told = [text_of(value) for value in values]
            if any(told) and name not in heads and told not in present:
                found.append(_Column(name, values))
        return found

    # ------------------------------------------------------------------ what there is

    def _at(self, place: int) -> _Column:
        label = self.frame.columns[place]
        if self._is_image(self._labels[place]):
            return _Column(label_text(label), list(self._cells(label, place)), is_image=True)
        return _Column(label_text(label), plain_cells(self.frame.iloc[:, place]))

    def _values(self, label: Any) -> list[Any]:
        return [
            cell
            for place in places_of(self.frame, label)
            for cell in plain_cells(self.frame.iloc[:, place])
        ]

    def _is_image(self, label: Any) -> bool:
        return label_text(label).endswith(self._ending)

    def _cells(self, label: Any, place: int | None = None) -> list[Cell]:
        """Return a column's pictures; of two columns of one name, the one at the place."""
        frame = self.frame
        if place is not None:
            once = [at for at, each in enumerate(self._labels) if self._labels.count(each) == 1]
            frame = frame.iloc[:, sorted({place, *once})]
        return cells_of(frame, output_col=label)[0]

    def _ratings(self, *, always: bool = False) -> list[_Column]:
        """Return the stored ratings and tags of the outputs, if there are any."""
        if not places_of(self.frame, self.output_col):
            return []
        try:
            rated = with_ratings(self.frame, self.output_col)
        except CacheError as error:  # pictures can be looked at without what was said of them
            LOG.warning("The ratings cannot be read, so the table has none: %s", error)
            return []
        names = rating_columns(rated, self.output_col)
        found = [
            _Column(label_text(name), plain_cells(rated.iloc[:, place]))
            for name in names
            for place in places_of(rated, name)
        ]
        return [each for each in found if always or any(map(_is_there, each.cells))]

    def _index_levels(self, *, whole: bool = False) -> list[_Column]:
        """Return the index, unless it only counts the rows."""
        index = self.frame.index
        if index.nlevels == 1 and index.name is None and not whole:
            counts = index.equals(pd.RangeIndex(len(index)))
            if counts:
                return []
        return [
            _Column(
                "" if name is None else label_text(name),
                plain_cells(index.get_level_values(level).to_series()),
            )
            for level, name in enumerate(index.names)
        ]


def _is_there(value: Any) -> bool:
    return not is_empty(value)


def _is_readable(values: Sequence[Any]) -> bool:
    """Whether a column is for people: no addresses, ids, long JSON or bytes; and not empty."""
    present = [value for value in values if not is_missing(value)]
    texts = [value for value in present if isinstance(value, str)]
    if len(texts) < len(present):
        # lists of plain values, numbers, flags and dates are read; pictures and dicts are not
        return all(isinstance(value, str) or _is_short(value) for value in present)
    if not texts or not any(texts):
        return False
    return not (
        all(is_address(text) or text.startswith("data:") for text in texts)
        or all(len(text) >= _LONG_ID and text.isascii() and _is_one_word(text) for text in texts)
        or all(len(text) >= _LONG_JSON and _is_json(text) for text in texts)
    )


def _is_short(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(str(value)) < _LONG_JSON and not any(isinstance(each, dict) for each in value)
    return isinstance(value, (int, float, complex, pd.Timestamp, pd.Timedelta)) or (
        hasattr(value, "isoformat") or type(value).__name__ == "Decimal"
    )


def _is_one_word(text: str) -> bool:
    return text.replace("-", "").replace("_", "").isalnum()


def _is_json(text: str) -> bool:
    if text[:1] not in "{[":
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
