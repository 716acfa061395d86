"""A frame's runs as one JSON object: what was asked for, when, how, and what it came to.

The calls and the cells that they read are in it, so that `rerun` can make the same again. Secrets
are not, and neither are pictures: a file stands there by its path.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from pruna_nb import arguments
from pruna_nb.catalog import total_usd
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.files.disk import replacing
from pruna_nb.frames.call_attrs import attrs_of
from pruna_nb.frames.columns import column, label_text, optional_column, places_of, template_labels
from pruna_nb.frames.facts import all_facts, versions
from pruna_nb.frames.results import (
    RESULT_COLUMNS,
    beside,
    call_of,
    secret_columns,
    steps_of,
)
from pruna_nb.redact import redact_values
from pruna_nb.tables.cells import plain
from pruna_nb.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from pruna_nb.frames.call import Call

FORMAT = "pruna_nb run record"
_VERSION = 1
DATE = "date"
"""The one name of an object that stands for a date or a time among a record's cells."""


def run_record(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the record of a frame's runs; see ``df.pruna.record``.

    Raises
    ------
    InputError
        If the frame does not know how it was made.
    ColumnError
        If a column is gone that a call read.
    """
    steps = steps_of(frame)
    if not steps:
        # This says what is missing.
        call_of(frame, way_on="Call record() on a frame that a verb returned.")
    facts = all_facts(frame)
    told = [_step(frame, name, call, facts.get(name, {})) for name, call in steps.items()]
    left_out: list[str] = []
    return {
        "format": FORMAT,
        "version": _VERSION,
        "recorded_at": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        "started_at": min(filter(None, (step["started_at"] for step in told)), default=None),
        "ended_at": max(filter(None, (step["ended_at"] for step in told)), default=None),
        "versions": versions(),
        "rows": len(frame),
        "counts": told[-1]["counts"],
        "cost_usd": float(total_usd(step["cost_usd"] for step in told)),
        "steps": told,
        "table": _table(frame, steps, left_out),
        "left_out": left_out,
    }


def save_record(frame: pd.DataFrame, path: object) -> Path:
    """Write a frame's record as a file of JSON; one that is there is replaced."""
    target = arguments.path("path", path)
    text = json.dumps(run_record(frame), ensure_ascii=False, allow_nan=False, indent=1)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as error:
        msg = f"The record cannot be written to {shown(str(target))}: {error.strerror}."
        raise InputError(msg) from error
    return target


def _step(frame: pd.DataFrame, output: str, call: Call, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what a step was asked for and what it came to."""
    cells = {name: optional_column(frame, beside(output, name)) for name in RESULT_COLUMNS}
    spent = [cost for cost in cells["cost_usd"] if isinstance(cost, float) and not math.isnan(cost)]
    counts = Counter(str(status) for status in cells["status"] if status is not None)
    return {
        "output": output,
        "call": attrs_of(call),
        **{name: facts.get(name) for name in ("started_at", "ended_at", "versions", "settings")},
        "counts": {
            **counts,
            "new": sum(
                cached is False and status == "succeeded"
                for cached, status in zip(cells["cached"], cells["status"], strict=True)
            ),
            "cached": cells["cached"].count(True),
        },
        "cost_usd": float(total_usd(spent)),
        "results": {
            **cells,
            # The cache's own files are named by their content: elsewhere the path says nothing.
            "output": [path and os.path.basename(str(path)) for path in cells["output"]],  # noqa: PTH119 - any text
        },
    }


def _table(frame: pd.DataFrame, steps: dict[str, Call], left_out: list[str]) -> dict[str, Any]:
    """Return the frame's index and the columns that the calls read, and no step made."""
    made = {beside(name, result) for name in steps for result in RESULT_COLUMNS}
    labels: dict[Any, None] = {}
    for name, call in steps.items():
        read = [*call.labels(), *([call.model_col] if call.model_col is not None else [])]
        if call.template is not None:
            read += template_labels(call.template, frame)
        # A sweep over models reads the column that says which model made the row.
        labels |= {label: None for label in read if label not in made or label == call.model_col}
        if missing := [label for label in labels if not places_of(frame, label)]:
            raise ColumnError(
                f"Column {label_text(missing[0])!r}, which {name!r} was made from, is not in the "
                "frame any more. Call record() on a frame that has it."
            )
    secret = secret_columns(frame)
    left_out += [label_text(label) for label in labels if label in secret]
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    return {
        "index": [
            {"name": _json(level.name), "values": [*map(_index_label, level.tolist())]}
            for level in levels
        ],
        "columns": [
            {
                "name": _json(label),
                "values": _cells(column(frame, label, "record()"), label, left_out),
            }
            for label in labels
            if label not in secret
        ],
    }


def _cells(cells: list[Any], label: Any, left_out: list[str]) -> list[Any]:
    try:
        return [_json(redact_values(plain(cell))) for cell in cells]
    except TypeError:  # pictures in memory, say
        left_out.append(label_text(label))
        return [None] * len(cells)


def _index_label(cell: Any) -> Any:
    """Return a label of the index; as text if JSON cannot hold it, such as an interval's."""
    try:
        return _json(cell)
    except TypeError:
        return str(cell)


def _json(value: Any) -> Any:
    """Return a cell as JSON has it; TypeError for what that cannot hold."""
    value = plain(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (dt.date, dt.datetime)):
        return {DATE: value.isoformat()}
    if isinstance(value, os.PathLike):
        return os.path.abspath(os.fspath(value))  # noqa: PTH100 - any text
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _json(item) for name, item in value.items()}
    raise TypeError(type(value).__name__)
