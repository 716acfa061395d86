"""A grid's axes: columns, index levels and fields of the requests, nested as a list says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import lookup_model
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.frames.call import is_several, several
from pruna_nb.frames.captions import text_of
from pruna_nb.frames.columns import column, label_text, places_of, plain_label
from pruna_nb.frames.results import RESULT_COLUMNS, beside
from pruna_nb.tables.cells import plain_cells
from pruna_nb.text import described, did_you_mean, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

_FIELD_LIMIT = 1_000  # characters
_LISTED = 30  # names in an error


def axis_names(frame: pd.DataFrame, name: str, value: Any) -> list[Any]:
    """Return the levels of an axis, each a column's label or a field's name, the outer first."""
    if value is None:
        return []
    if is_several(value) and not (isinstance(value, tuple) and places_of(frame, value)):
        names = several(value)
    else:
        names = [value]
    for level in names:
        if not can_be_label(level) or level is None:
            raise InputError(
                f"{name}= takes a name or a list of names; it holds {described(level)}."
            )
    twice = [shown(level) for i, level in enumerate(names) if level in names[:i]]
    if twice:
        raise InputError(f"{name}= names {twice[0]} twice. Each level is another field.")
    return names


def sweep_axes(
    frame: pd.DataFrame, requests: list[dict[str, Any]]
) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the rows and columns that suit the frame of a sweep; None and None for any other.

    The last field of the sweep goes to the right; the frame's own rows and its other fields go
    down. What went in step is not crossed.
    """
    index = frame.index
    fields = {"model", *(name for request in requests for name in request["input"])}
    places = [
        place
        for place, name in enumerate(index.names)
        if name in fields and len(places_of(frame, name)) == 1
    ]
    if index.nlevels == 1 or not places:
        return None, None
    places += [place for place, name in enumerate(index.names) if name == "sample"]
    swept = [index.names[place] for place in places]
    own = [place for place in range(index.nlevels) if place not in places]
    levels = [index.get_level_values(place) for place in range(index.nlevels)]
    points = set(zip(*(levels[place] for place in places), strict=True))
    crossed = len(points) == math.prod(levels[place].nunique() for place in places)
    rows: list[Any] = swept[:-1] if crossed else []
    keys = list(zip(*(levels[place] for place in own), strict=True))
    if len(set(keys)) > 1 and "prompt" not in swept:
        prompts = {
            (key, str(one["input"].get("prompt"))) for key, one in zip(keys, requests, strict=True)
        }
        named = [index.names[place] for place in own if index.names[place] is not None]
        if len(prompts) == len({text for _, text in prompts}) == len(set(keys)):
            rows = ["prompt", *rows]
        elif len(named) == len(own):
            rows = [*named, *rows]
    return rows or None, swept[-1:] if crossed else swept


def axis_keys(
    frame: pd.DataFrame, names: Sequence[Any], requests: list[dict[str, Any]]
) -> Sequence[tuple[str, ...] | None]:
    """Return each row's place on an axis; None without one."""
    if not names:
        return [None] * len(frame)
    return list(zip(*(_axis(frame, name, requests) for name in names), strict=True))


def _axis(frame: pd.DataFrame, name: Any, requests: list[dict[str, Any]]) -> list[str]:
    """Return the values of an axis: of a column, an index level, or a field of the requests."""
    if places_of(frame, name):
        values = column(frame, name, "the grid's axes")
    elif name in frame.index.names:
        values = frame.index.get_level_values(name).tolist()
    else:
        values = [_value(request, name) for request in requests]
        if not frame.empty and all(value is None for value in values):
            columns = [label_text(label) for label in frame.columns]
            levels = [label_text(level) for level in frame.index.names if level is not None]
            fields = ["model", *dict.fromkeys(key for one in requests for key in one["input"])]
            known = dict.fromkeys(columns + levels + fields)
            near = did_you_mean(map(repr, near_names(name, known)))
            there = ", ".join(map(shown, dict.fromkeys([*fields, *levels, *columns][:_LISTED])))
            raise ColumnError(
                f"No request has a field {shown(name)}, and no column or index level is called so, "
                f"for the grid's axes.{near} There are: {there}."
            )
    return [text_of(value) or "(none)" for value in values]


def _value(request: dict[str, Any], name: Any) -> Any:
    """Return what a request says of a field, or its model's default; None if neither says it."""
    if name == "model":
        return request["model"]
    value = request["input"].get(name)
    return default_of(request, name) if value is None else value


def default_of(request: dict[str, Any], name: Any) -> Any:
    """Return what the service takes for a field that was not given; None if that is not known."""
    if not request["model"]:
        return None
    field = lookup_model(request["model"]).fields.get(name)
    return None if field is None or field.secret else field.default


def plain_columns(
    frame: pd.DataFrame, output_col: Any, skip: Collection[Any]
) -> dict[str, list[str]]:
    """Return the other columns that a saved page can take for an axis: plain, and not all alike."""
    results = {plain_label(beside(output_col, name)) for name in RESULT_COLUMNS}
    labels = [plain_label(label) for label in frame.columns]
    found = {}
    for place, label in enumerate(labels):
        if label in results or label in skip or labels.count(label) > 1:
            continue
        # The path or id that another call made is nothing to sort by.
        if isinstance(label, str) and label.endswith(("output", "prediction_id")):
            continue
        cells = plain_cells(frame.iloc[:, place])
        if all(cell is None or isinstance(cell, (str, int, float)) for cell in cells):
            values = [text_of(cell)[:_FIELD_LIMIT] for cell in cells]
            if len(set(values)) > 1:
                found[label_text(label)] = values
    return found


def can_be_label(value: Any) -> bool:
    """Whether a value can be a column's label, so that an index can be asked for it."""
    try:
        hash(value), bool(value == value)  # noqa: PLR0124 - what an index asks of its labels
    except Exception:  # noqa: BLE001 - a value's own methods may raise anything
        return False
    return True
