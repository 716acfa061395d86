"""A sweep: each row once for each combination of the values that fields were given as lists."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import MISTAKES
from pruna_nb.catalog import combinations, sweep_problems
from pruna_nb.frames.columns import MODEL_COLUMN, fill_template, with_columns
from pruna_nb.frames.requests import input_error, row_name, value_problems
from pruna_nb.frames.results import set_aside
from pruna_nb.frames.samples import repeated
from pruna_nb.tables.cells import column_of_values
from pruna_nb.templates import is_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.arguments import Problems
    from pruna_nb.frames.call import Call


def with_sweep(
    frame: pd.DataFrame, call: Call, service: str, problems: Problems
) -> tuple[pd.DataFrame, Call, set[str]]:
    """Return a frame with a row for each combination, the call that reads it, and what was told.

    Rows come in the frame's order, and for each of them the combinations: the last field runs
    fastest. Each field is an index level below the frame's own, and a column. What is wrong with a
    value is noted once, not for each row; the fields of which no value is right are returned.
    """
    axes = {name: _right_values(call, name, service, problems) for name in call.axes}
    if axes != call.axes or sweep_problems(call.axes, call.sweep):
        # It is not run: the rows are checked with one value of each field.
        axes = {name: values[:1] for name, values in axes.items()}
    told = {name for name, values in axes.items() if not values}
    axes = {name: values for name, values in axes.items() if values}
    spread = replace(call, axes=axes).spread()
    if not axes:
        return frame, spread, told
    rows = combinations({name: range(len(values)) for name, values in axes.items()}, call.sweep)
    labels = {name: _labels(values) for name, values in axes.items()}
    levels = {name: [labels[name][row[name]] for row in rows] for name in axes}
    # A column of that name is an earlier step's: one of the user's own was refused before.
    base, _ = set_aside(frame, [name for name in axes if name != "model"])
    out = repeated(base, levels, columns=axes)
    columns: dict[str, Any] = {}
    for name, values in axes.items():
        # Made for one row at least, so that the type is known of a frame without any.
        cells = [values[row[name]] for row in rows] * max(len(frame), 1)
        made = _column(cells).iloc[: len(out)].set_axis(out.index)
        columns[MODEL_COLUMN if name == "model" else name] = made
    templates = columns.pop("prompt", None)
    out = with_columns(out, columns)
    if templates is not None:
        try:
            out = with_columns(out, {"prompt": _filled(out, call, templates.tolist())})
        except MISTAKES as error:
            problems.add(error)
            told.add("prompt")
            kept = {name: label for name, label in spread.columns.items() if name != "prompt"}
            spread = replace(spread, columns=kept)
    return out, spread, told


def _right_values(call: Call, name: str, service: str, problems: Problems) -> list[Any]:
    """Return the values of an axis that its models take; the others are noted, by their place."""
    values = call.axes[name]
    if name in {"model", "prompt"}:  # read with the call, or where they are filled
        return values
    wrong = {place: "" for place, value in enumerate(values) if is_missing(value)}
    for model in call.models or (call.model,):
        found = value_problems(replace(call, model=model), name, values, service)
        of = f"{model.name}: {name}" if len(call.models) > 1 else name
        lines = [
            f"{of}, value {place + 1} of {len(values)}: {text}"
            for place, text in found.items()
            if place not in wrong
        ]
        if lines:
            problems.add(input_error(model, lines))
        wrong |= found
    return [value for place, value in enumerate(values) if place not in wrong]


def _filled(frame: pd.DataFrame, call: Call, templates: Sequence[str]) -> list[str | None]:
    """Return the prompts of a sweep over templates; None where a cell that one needs is empty."""
    prompts: list[str | None] = [None] * len(frame)
    wrong: list[str] = []
    for template in dict.fromkeys(templates):
        places = [place for place, each in enumerate(templates) if each == template]
        filled = fill_template(template, frame.iloc[places])
        for place, row in zip(places, filled, strict=True):
            prompts[place] = row.prompt
            if row.problem:
                wrong.append(f"{row_name(frame.index, place)}: {row.problem}")
    if wrong:
        raise input_error(call.model, wrong)
    return prompts


def _labels(values: Sequence[Any]) -> list[Any]:
    """Return the labels of an axis: its values, names of files, or 1, 2, ... for other objects."""
    if all(isinstance(value, (str, int, float)) for value in values):
        return list(values)
    texts = [_text(value) for value in values]
    if None in texts or len(set(texts)) < len(texts):
        return list(range(1, len(values) + 1))
    return texts


def _text(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        texts = [_text(item) for item in value]
        return None if None in texts else ", ".join(text for text in texts if text is not None)
    is_text = isinstance(value, (str, int, float, os.PathLike))
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value) if is_text else None


def _column(values: list[Any]) -> pd.Series[Any]:
    if all(isinstance(value, str) for value in values):
        return pd.Series(values)
    if all(isinstance(value, (int, float)) for value in values):
        return column_of_values(values)
    cells = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # at once, numpy would make a table of equal lists
        cells[place] = value
    return pd.Series(cells)
