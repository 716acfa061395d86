"""Results of several calls beside each other, after a merge, a join or a concat of two results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.frames.call_attrs import ATTRS
from pruna_nb.frames.chains import output_labels
from pruna_nb.frames.columns import places_of, with_names
from pruna_nb.frames.results import RESULT_COLUMNS, beside

if TYPE_CHECKING:
    import pandas as pd

_SIDE = "pruna_nb side "


def by_prefix(frame: pd.DataFrame, prefix: str) -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    """Return a frame whose results have prefixes, these prefixes, and the columns' own labels.

    After a merge of two results they have suffixes (``status_x``), after a concat side by side
    labels of several levels.
    """
    sides = sides_of(frame, prefix)
    if not sides:
        return frame, [prefix], {}
    prefixes = [f"{_SIDE}{number} " for number in range(len(sides))]
    own = {
        begin + name: beside(label, name)
        for begin, label in zip(prefixes, sides, strict=True)
        for name in RESULT_COLUMNS
    }
    work = with_names(frame, {label: name for name, label in own.items()})
    # The attrs would tell of other columns.
    work.attrs = {name: value for name, value in frame.attrs.items() if name != ATTRS}
    return work, prefixes, own


def sides_of(frame: pd.DataFrame, prefix: str) -> list[Any]:
    """Return the columns of outputs that pandas named, where none has a verb's name."""
    if prefix or places_of(frame, "status"):
        return []
    found = [label for label in output_labels(frame) if not str(label).startswith("step")]
    return [label for label in found if isinstance(label, tuple) or not label.endswith("output")]
