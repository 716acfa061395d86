"""Which columns of a partition are handed over, and where the results go; pandas alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruna_nb.arguments import Problems
from pruna_nb.batch.job import Outcome
from pruna_nb.frames.chains import is_output, status_columns
from pruna_nb.frames.columns import (
    PLACE_COLUMN,
    column,
    places_of,
    plain_label,
    template_labels,
    with_columns,
    without_columns,
)
from pruna_nb.frames.generate import grown_frame
from pruna_nb.frames.results import RESULT_COLUMNS, with_results

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from pruna_nb.frames.call import Call
    from pruna_nb.settings import Settings

# Columns of earlier steps, which say by what number the next one is called.
_STEP = re.compile(r"step\d+_")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a partition is cut for the sender, and put together with what comes back.

    Parameters
    ----------
    needed : frozenset
        The labels of the columns that are handed over.
    replaced : frozenset of str
        Those of them that results may replace or rename: they come back, the others do not.
    meta : DataFrame
        The result of a partition without rows.
    """

    needed: frozenset[Any]
    replaced: frozenset[str]
    meta: pd.DataFrame = field(repr=False)

    def handed_over(self, part: pd.DataFrame) -> pd.DataFrame:
        """Return a partition's columns that the sender needs."""
        labels = [plain_label(label) for label in part.columns]
        return part.iloc[:, [at for at, label in enumerate(labels) if label in self.needed]]

    def joined(self, part: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
        """Return a partition with the results that came back for it."""
        rows = part.iloc[column(results, PLACE_COLUMN, "a partition")]
        results = results.set_axis(rows.index, axis=0)
        own = without_columns(rows, self.replaced)
        made = {label: results[label] for label in results.columns if label != PLACE_COLUMN}
        out = with_columns(own, made)[list(self.meta.columns)]
        out.attrs = dict(results.attrs)
        return out


def marked(part: pd.DataFrame) -> pd.DataFrame:
    """Return what was handed over with each row's place, which its results are found by."""
    return with_columns(part, {PLACE_COLUMN: np.arange(len(part))})


def results_alone(out: pd.DataFrame, shape: Shape | None = None) -> pd.DataFrame:
    """Return what a run made of rows, without the columns that were only handed over.

    Levels of the index that samples and lists of values added are columns: dask has no such index.
    """
    added = {
        name: out.index.get_level_values(number)
        for number, name in enumerate(out.index.names[1:], start=1)
        if not places_of(out, name)
    }
    flat = out.set_axis(out.index.get_level_values(0), axis=0)
    for at, (name, values) in enumerate(added.items()):
        flat.insert(at, name, values)
    return flat if shape is None else without_columns(flat, shape.needed - shape.replaced)


def shape_of(meta: pd.DataFrame, sample: pd.DataFrame, call: Call, settings: Settings) -> Shape:
    """Return the shape of a call on a table.

    Parameters
    ----------
    meta : DataFrame
        The table without rows.
    sample : DataFrame
        The same with made-up rows, from which the types of the results are read.
    call : Call
        Without mistakes.
    settings : Settings
    """
    replaced = frozenset({call.prefix + name for name in RESULT_COLUMNS} | {*call.new_columns()})
    needed = frozenset(map(plain_label, _needed(meta, call, replaced)))
    texts = {"prompt": ["text" for _ in call.axes["prompt"]]} if "prompt" in call.axes else {}
    made_up = replace(call, axes={**call.axes, **texts})
    grown, _, _ = grown_frame(marked(sample), made_up, settings, Problems())
    whole = results_alone(with_results(grown, [Outcome("pending")] * len(grown), call))
    order = Shape(needed, replaced, whole.drop(columns=PLACE_COLUMN))
    results = without_columns(whole, {*map(plain_label, sample.columns)} - replaced)
    results.attrs = {}  # they say what was asked for, which a graph need not hold
    # The made-up rows have made-up categories: the types of the own columns are the table's.
    return replace(order, meta=order.joined(meta, results.iloc[:0]))


def _needed(meta: pd.DataFrame, call: Call, replaced: Collection[str]) -> list[Any]:
    labels = [*call.labels(), *replaced]
    templates = [call.template, *call.axes.get("prompt", [])]
    for template in filter(None, templates):
        labels += template_labels(template, meta)
    for label in call.labels():
        if is_output(meta, label):
            labels += status_columns(meta, label)
    labels += [each for each in meta.columns if _STEP.match(str(each))]
    return labels
