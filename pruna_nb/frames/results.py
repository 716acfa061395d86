"""Outcomes as columns of a new frame, plain enough for CSV, Parquet and SQL.

Columns of the same names, of an earlier step, are replaced, but not lost where they are still
needed: what a step reads and replaces stays as ``step1_output``, ``step2_output`` and so on.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.frames.call import ATTRS, Call
from pruna_nb.frames.template import rename_columns, template_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pruna_nb.batch.job import Outcome

TEXT_COLUMNS = ("output", "status", "error", "prediction_id")
RESULT_COLUMNS = ("output", "status", "error", "seconds", "cost_usd", "cached", "prediction_id")
GOOD = frozenset({"succeeded", "skipped"})


def with_results(
    frame: pd.DataFrame, outcomes: Sequence[Outcome], call: Call, *, keep: Collection[str] = ()
) -> pd.DataFrame:
    """Give a new frame with the results' columns beside the frame's own.

    The frame itself is not changed. Columns of the same names are replaced; those that the
    call reads, or that are to be kept, stay under another name.
    """
    results: dict[str, Any] = {
        call.prefix + name: _column(name, outcomes) for name in RESULT_COLUMNS
    }
    read = {*keep, *(label for label in call.labels() if isinstance(label, str))}
    if call.template is not None:
        read.update(template_labels(call.template, frame))
    base, names = set_aside(frame, [name for name in results if name in read])
    kept = base.drop(columns=[name for name in results if name in base.columns])
    made = pd.DataFrame(results, index=frame.index)
    out = pd.concat([kept, made], axis=1) if len(kept.columns) else made
    out.attrs = dict(base.attrs)
    _note(out, _renamed(call.settled(), frame, names))
    return out


def set_aside(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Give a frame whose columns of some names go by other names, and the new names.

    How the frame's outputs were made is told of the new names from then on.
    """
    new: dict[str, str] = {}
    for name in names:
        if name in frame.columns:
            taken = (f"step{number}_{name}" for number in count(1))
            new[name] = next(label for label in taken if label not in frame.columns)
    if not new:
        return frame, new
    out = frame.rename(columns=new)
    steps = {
        new.get(name, name): _renamed(Call.from_attrs(spec), frame, new).as_attrs()
        for name, spec in steps_of(frame).items()
    }
    out.attrs = {**frame.attrs, ATTRS: steps}
    return out, new


def steps_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Give how a frame's columns of outputs were made, as far as its attrs tell."""
    steps = frame.attrs.get(ATTRS)
    if not isinstance(steps, dict):
        return {}
    return {name: spec for name, spec in steps.items() if isinstance(spec, dict)}


def _note(out: pd.DataFrame, call: Call) -> None:
    """Write into a new frame's attrs how its outputs were made."""
    output = call.prefix + "output"
    steps: dict[str, Any] = {
        name: step for name, step in steps_of(out).items() if name in out.columns
    }
    steps[output] = call.as_attrs()
    out.attrs[ATTRS] = {name: step for name, step in steps.items() if step is not None}


def _renamed(call: Call, frame: pd.DataFrame, names: dict[str, str]) -> Call:
    """Give a call that reads its columns by their new names."""

    def new(label: Any) -> Any:
        if isinstance(label, list):
            return [new(each) for each in label]
        return names.get(label, label) if isinstance(label, str) else label

    columns = {name: new(label) for name, label in call.columns.items()}
    template = None if call.template is None else rename_columns(call.template, frame, names)
    return replace(call, columns=columns, template=template)


def _column(name: str, outcomes: Sequence[Outcome]) -> Any:
    values = [getattr(outcome, name) for outcome in outcomes]
    if name in TEXT_COLUMNS:
        return pd.array(values, dtype=TEXT)
    if name == "cached":
        return pd.array(values, dtype="bool")
    return pd.array(values, dtype="float64")


TEXT: Any = pd.Series(["text"]).dtype
"""What this pandas holds text in: ``str`` from pandas 3 on, ``object`` before."""
