"""From drafts to finals: the same requests with the same seeds, in full quality."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import listed
from pruna_nb.catalog import find_model
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.frames.call import Call, read_call
from pruna_nb.frames.chains import output_labels
from pruna_nb.frames.columns import column, fill_template, places_of, plain_label
from pruna_nb.frames.records import files_of, records_of
from pruna_nb.frames.requests import row_name
from pruna_nb.frames.results import call_of, steps_of
from pruna_nb.redact import MASK
from pruna_nb.tables.cells import fit_cell
from pruna_nb.templates import is_missing
from pruna_nb.text import described, is_scalar, shown

if TYPE_CHECKING:
    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Field


def chosen(frame: pd.DataFrame, rows: Any, prefix: str) -> pd.DataFrame:
    """Return the chosen rows that have a draft, as ``frame.loc[rows]`` returns them.

    A draft that failed is left out, chosen or not: its final would be a video that nobody saw. A
    Series of booleans is aligned by its labels, and a missing value of a mask is False.
    """
    status = column(frame, prefix + "status", "finalize()")
    there = [value == "succeeded" for value in status]
    if places_of(frame, prefix + "output"):  # its cell is empty where the draft was taken out
        outputs = column(frame, prefix + "output", "finalize()")
        there = [yes and path is not None for yes, path in zip(there, outputs, strict=True)]
    if callable(rows):
        try:
            rows = rows(frame)
        except Exception as error:
            msg = f"rows: the callable failed: {type(error).__name__}: {error}"
            raise InputError(msg[:300]) from error
    places = _places(frame, rows)
    return frame.iloc[[place for place in places if there[place]]]


def _places(frame: pd.DataFrame, rows: Any) -> list[int]:
    index = frame.index
    if rows is None:
        return list(range(len(frame)))
    if isinstance(rows, pd.DataFrame):
        msg = "rows is a frame; give its index, or finalize it itself: frame.pruna.finalize()."
        raise InputError(msg)
    numbers = pd.Series(range(len(frame)), index)
    rows = rows.item() if is_scalar(rows) else rows
    if isinstance(rows, slice):
        return _loc(numbers, rows)
    # A tuple is one label where the index has several levels.
    if isinstance(rows, tuple):
        is_label = index.nlevels > 1 and not any(isinstance(part, tuple) for part in rows)
    else:
        is_label = isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable)
    if is_label:
        rows = [rows]
    if isinstance(rows, pd.Series) and _is_mask(rows.tolist(), rows.dtype):
        return _aligned(rows, index)
    # Asked of its class: an object may make attributes of any name, or fail to.
    labels = rows.tolist() if hasattr(type(rows), "tolist") else list(rows)
    if not _is_mask(labels, getattr(rows, "dtype", None)):
        return _loc(numbers, labels)
    if len(labels) != len(frame):
        msg = f"rows is a mask of {len(labels)} values, and the frame has {len(frame)} rows."
        raise InputError(msg)
    return [place for place, value in enumerate(labels) if not is_missing(value) and value]


def _is_mask(values: list[Any], dtype: Any) -> bool:
    """Whether values are True, False and missing ones; all missing ones need their dtype."""
    kinds = [isinstance(value, (bool, np.bool_)) for value in values if not is_missing(value)]
    if dtype is not None and pd.api.types.is_bool_dtype(dtype):
        return True
    return bool(kinds) and all(kinds)


def _aligned(mask: pd.Series[Any], index: pd.Index[Any]) -> list[int]:
    """Return the places where a mask is True, by its labels, as pandas aligns it."""
    if not mask.index.equals(index):
        strange = index.difference(mask.index)
        if len(strange) or not (mask.index.is_unique and index.is_unique):
            missing = ", ".join(map(shown, strange[:10]))
            why = f"it has no {missing}" if missing else "labels are there more than once"
            msg = f"rows: the mask's labels are not the frame's: {why}. An array goes by place."
            raise InputError(msg)
        mask = mask.reindex(index)
    return [place for place, value in enumerate(mask.tolist()) if not is_missing(value) and value]


def _loc(numbers: pd.Series[Any], labels: Any) -> list[int]:
    """Return the places of labels, or of a slice of them, in the order given."""
    try:
        found: list[int] = numbers.loc[labels].tolist()
    except Exception as error:  # noqa: BLE001 - of pandas, which has one of its own for each kind
        known = numbers.index
        strange = []
        for label in [] if isinstance(labels, slice) else labels:
            # What cannot be hashed or compared is no label either, whatever it raises.
            with contextlib.suppress(Exception):
                if label in known:
                    continue
            strange.append(label)
        what = ", ".join(map(shown, strange[:10])) or f"{type(error).__name__}: {error}"[:300]
        msg = f"rows: no such label in the frame's index: {what}."
        raise InputError(msg) from None
    return found


def final_call(
    frame: pd.DataFrame, prefix: str, changes: dict[str, Any], problems: Problems
) -> Call:
    """Return the call of the final pass: that of the drafts, in full quality.

    `changes` holds what differs from the drafts; all arguments that made them, if the frame does
    not know them. Raises `InputError` for what would be a different video: no drafts, rows without
    a seed, or cells that are not what their drafts were made of.
    """
    call = _draft_call(frame, prefix, changes, problems)
    model = call.model
    if not call.drafts() or (model.known and "draft" not in model.fields):
        msg = f"{prefix}output has no drafts. Make them with draft=True, by p-video."
        raise InputError(msg)
    # A row that was not a draft among drafts stays the same request: its output is in the cache.
    final = {"draft": False} if "draft" in call.columns else {}
    constants = {name: value for name, value in call.constants.items() if name != "draft"}
    columns = {name: label for name, label in call.columns.items() if name != "draft"}
    if "seed" not in {**constants, **call.axes}:
        columns.setdefault("seed", "seed")
        label = columns["seed"]
        seeds = column(frame, label, "finalize(), which needs the seeds of the drafts")
        missing = [row_name(frame.index, place) for place, seed in enumerate(seeds) if seed is None]
        if missing:
            msg = (
                f"{', '.join(missing[:10])}: no seed in column {label!r}. A final needs the seed "
                "of its draft, otherwise it is a different video."
            )
            raise InputError(msg, [msg])
    _check_as_drafted(frame, prefix, call, {name.removesuffix("_col") for name in changes})
    return replace(call, columns=columns, constants={**constants, **final})


def _draft_call(
    frame: pd.DataFrame, prefix: str, changes: dict[str, Any], problems: Problems
) -> Call:
    given = dict(changes)
    known = steps_of(frame).get(prefix + "output") or _recorded_call(frame, prefix)
    if known is None and not given:
        example = 'finalize(prompt_col="prompt", model="p-video", draft=True)'
        way_on = f"Pass the arguments that made the drafts, such as {example}."
        return call_of(frame, prefix + "output", way_on=way_on)
    base = Call(find_model("p-video")) if known is None else known
    model = given.pop("model", base.model.name)
    options = {name: given.pop(name) for name in ("prompt_col", "prompt", "sweep") if name in given}
    unchecked = given.pop("unchecked", base.model.unchecked)
    new = read_call(model, problems, unchecked=unchecked, fields=given, **options)
    changed = {*new.constants, *new.columns, *new.axes}
    changed |= {"prompt"} if new.template is not None else set()
    if new.models:
        raise InputError("finalize() takes one model: that of the drafts, whose seeds it uses.")
    call = replace(
        base,
        model=new.model,
        prefix=prefix,
        template=new.template or (None if "prompt" in changed else base.template),
        constants={**_without(base.constants, changed), **new.constants},
        columns={**_without(base.columns, changed), **new.columns},
        recorded=base.recorded - changed,
    ).settled()
    return replace(call, axes=new.axes, sweep=new.sweep)


def _recorded_call(frame: pd.DataFrame, prefix: str) -> Call | None:
    """Return the call of drafts by their records, as after CSV, a concat or in polars.

    A field is read from the column of its name, or had one value for all rows, or is read from the
    column that holds what was sent. None if there is none, or a record does not hold all of it.
    """
    records = [record for record in records_of(frame, prefix + "output") if record is not None]
    models = {record.model for record in records}
    if len(models) != 1 or len(records) < len(frame):
        return None
    model = find_model(models.pop(), unchecked=True)
    constants: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    # In a chain, a column of the field's name may be an earlier step's; else it was edited since.
    is_chain = len(output_labels(frame)) > 1
    for name in dict.fromkeys(name for record in records for name in record.input):
        field, values = model.fields.get(name), [record.input.get(name) for record in records]
        if field is None or MASK in values:
            return None
        is_there = not field.media and len(places_of(frame, name)) == 1
        if is_there and (not is_chain or _cells_of(frame, field, name) == values):
            columns[name] = name
        elif all(value == values[0] for value in values):
            constants[name] = files_of(values[0])
            if constants[name] is None:
                return None
        elif (label := _column_of(frame, field, values)) is not None:
            columns[name] = label
        else:
            return None
    return Call(replace(model, unchecked=False), constants, columns, prefix=prefix)


def _column_of(frame: pd.DataFrame, field: Field, values: list[Any]) -> Any:
    """Return the label of the column that holds what was sent in a field; None without one."""
    for label in map(plain_label, frame.columns):
        if len(places_of(frame, label)) == 1 and _cells_of(frame, field, label) == values:
            return label
    return None


def _cells_of(frame: pd.DataFrame, field: Field, label: Any) -> list[Any]:
    return [fit_cell(field, cell) for cell in column(frame, label, "finalize()")]


def _without(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _check_as_drafted(frame: pd.DataFrame, prefix: str, call: Call, changed: set[str]) -> None:
    """Refuse cells that were edited since the drafts were made, unless a change names them."""
    fields = call.model.fields
    now: dict[str, list[Any]] = {}
    with contextlib.suppress(ColumnError, InputError):  # the run tells which column is missing
        for name, label in call.columns.items():
            if name in fields and not fields[name].media and not isinstance(label, list):
                cells = column(frame, label, f"{name}_col")
                now[name] = [fit_cell(fields[name], cell) for cell in cells]
        if call.template is not None:
            now["prompt"] = [row.prompt for row in fill_template(call.template, frame)]
    wrong = [
        f"{row_name(frame.index, place)}: {name} is {described(cells[place])}, and its draft was "
        f"made of {described(record.input[name])}"
        for place, record in enumerate(records_of(frame, prefix + "output"))
        for name, cells in now.items()
        if record is not None
        and name not in {*changed, "draft"}
        and cells[place] is not None
        and record.input.get(name, cells[place]) not in (cells[place], MASK)
    ]
    if wrong:
        head = (
            "The frame was edited since its drafts were made, so these finals would be different "
            "videos. Undo that, or name the column to send its current values, such as "
            'finalize(prompt_col="prompt"). Nothing was sent:'
        )
        raise InputError(listed(head, wrong), wrong)
