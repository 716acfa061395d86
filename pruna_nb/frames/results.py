"""Outcomes as columns of a new frame, plain enough for CSV, Parquet and SQL.

Columns of the same names, of an earlier step, are replaced. Those of a step whose output is read
or kept stay all together: ``step1_output``, ``step1_status``, ``step1_cost_usd`` and so on, so
that each step of a chain keeps its output, its status and its cost.
"""

from __future__ import annotations

import contextlib
import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.frames.call_attrs import ATTRS, attrs_of, call_from_attrs
from pruna_nb.frames.columns import (
    MODEL_COLUMN,
    column,
    places_of,
    rename_columns,
    template_labels,
    with_columns,
    with_names,
    without_columns,
)
from pruna_nb.frames.facts import FACTS, all_facts
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.frames.call import Call
    from pruna_nb.frames.facts import Facts

TEXT_COLUMNS = ("output", "status", "error", "prediction_id", "model")
RESULT_COLUMNS = (
    *("output", "status", "error", "seconds", "cost_usd", "cached", "prediction_id"),
    "model",  # of the call, not of an outcome: a concat of several calls tells who made what
)


def with_results(
    frame: pd.DataFrame,
    outcomes: Sequence[Outcome],
    call: Call,
    *,
    keep: Collection[str] = (),
    facts: Facts | None = None,
) -> pd.DataFrame:
    """Return a new frame with the result columns beside the frame's own.

    The frame itself is not changed. Columns of the same names are replaced; where the call reads
    one of them, or it is to be kept, they all stay under other names.
    """
    results: dict[str, Any] = {}
    models = models_of(frame, call)
    frame = without_columns(frame, [MODEL_COLUMN])
    for name in RESULT_COLUMNS:
        values = models if name == "model" else [getattr(each, name) for each in outcomes]
        dtype: Any = TEXT if name in TEXT_COLUMNS else "bool" if name == "cached" else "float64"
        try:
            results[call.prefix + name] = pd.array(values, dtype=dtype)
        except UnicodeEncodeError:  # a path below a folder whose name is not valid UTF-8
            results[call.prefix + name] = pd.array(values, dtype="object")
    read = {*keep, *(label for label in call.labels() if isinstance(label, str))}
    if call.template is not None:
        read.update(template_labels(call.template, frame))
    base, names = set_aside(frame, [] if read.isdisjoint(results) else list(results))
    out = with_columns(without_columns(base, results), results)
    # A shallow copy would share the dict of steps, and this step would be written into the user's.
    out.attrs = copy.deepcopy(base.attrs)
    steps: dict[str, Any] = {
        name: attrs_of(step) for name, step in steps_of(out).items() if places_of(out, name)
    }
    steps[call.prefix + "output"] = attrs_of(_renamed(call.settled(), frame, names))
    out.attrs[ATTRS] = {name: step for name, step in steps.items() if step is not None}
    known = {name: told for name, told in all_facts(out).items() if places_of(out, name)}
    known.pop(call.prefix + "output", None)
    if facts is not None:
        known[call.prefix + "output"] = facts
    if known:
        out.attrs[FACTS] = known
    return out


def models_of(frame: pd.DataFrame, call: Call) -> list[str]:
    """Return the name of each row's model, of a frame that the call's sweep made."""
    label = MODEL_COLUMN if places_of(frame, MODEL_COLUMN) else call.spread().model_col
    if label is None:
        return [call.model.name] * len(frame)
    return column(frame, label, "the rows' models")


def set_aside(frame: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a frame whose columns of some names are renamed as a step's, and the new names.

    The attrs name the outputs by their new names from then on.
    """
    present = [name for name in names if places_of(frame, name)]
    if not present:
        return frame, {}
    free = (
        number
        for number in count(1)
        if not any(places_of(frame, f"step{number}_{name}") for name in present)
    )
    step = next(free)
    new = {name: f"step{step}_{name}" for name in present}
    out = with_names(frame, new)
    steps = {
        new.get(name, name): attrs_of(_renamed(call, frame, new))
        for name, call in steps_of(frame).items()
    }
    out.attrs = {**frame.attrs, ATTRS: steps}
    if facts := all_facts(frame):
        out.attrs[FACTS] = {new.get(name, name): told for name, told in facts.items()}
    return out, new


def steps_of(frame: pd.DataFrame) -> dict[str, Call]:
    """Return the calls that made a frame's output columns, as far as its attrs have them."""
    steps = frame.attrs.get(ATTRS)
    if not isinstance(steps, dict):
        return {}
    calls: dict[str, Call] = {}
    for name, spec in steps.items():
        call = call_from_attrs(spec) if isinstance(name, str) else None
        # Attrs survive Parquet, so a template may be anybody's, or of a later release.
        with contextlib.suppress(InputError):
            if call is not None:
                template_labels(call.template or "", frame)
                calls[name] = call
    return calls


_ARGUMENTS_AGAIN = (
    'Pass the original arguments, such as retry("prompt", model="p-image", seed_col="seed"), and '
    'for a step of a chain the columns by their current names, such as images_col="step1_output".'
)


def call_of(frame: pd.DataFrame, output: str = "output", *, way_on: str = _ARGUMENTS_AGAIN) -> Call:
    """Return the call that made one of a frame's output columns, from its attrs.

    `way_on` says what to do where there is none.

    Raises
    ------
    InputError
        If they do not have it, as after reading the frame from CSV.
    """
    call = steps_of(frame).get(output)
    if call is None:
        msg = (
            f"The frame does not record how {shown(output)} was made (CSV does not keep "
            f"frame.attrs, and files and secrets are never kept there). {way_on}"
        )
        raise InputError(msg)
    return call.resolved()


def secret_columns(frame: pd.DataFrame) -> set[Any]:
    """Return the labels of the columns from which a frame's calls read secrets, such as a token."""
    return {
        label
        for call in steps_of(frame).values()
        for model in (call.model, *call.models)
        for name, label in call.columns.items()
        if name in model.secret_names and not isinstance(label, list)
    }


def beside(label: Any, name: str) -> Any:
    """Return the column of a result that belongs to a column of outputs, whatever its name.

    Examples
    --------
    >>> beside("step1_output", "status"), beside("output_x", "prediction_id")
    ('step1_status', 'prediction_id_x')
    """
    if isinstance(label, tuple):
        return tuple(beside(part, name) if "output" in str(part) else part for part in label)
    head, found, tail = str(label).rpartition("output")
    return f"{head}{name}{tail}" if found else name


def _renamed(call: Call, frame: pd.DataFrame, names: dict[str, str]) -> Call:
    """Return a call that reads its columns by their new names."""

    def new(label: Any) -> Any:
        if isinstance(label, list):
            return [new(part) for part in label]
        return names.get(label, label) if isinstance(label, str) else label

    columns = {name: new(label) for name, label in call.columns.items()}
    template = None if call.template is None else rename_columns(call.template, frame, names)
    return replace(call, columns=columns, template=template, model_col=new(call.model_col))


TEXT: Any = pd.Series(["text"]).dtype
"""What this pandas holds text in: ``str`` from pandas 3 on, ``object`` before."""
