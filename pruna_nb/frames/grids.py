"""A frame's outputs as a grid or a table: columns become cells, and back again."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.catalog import lookup_model
from pruna_nb.console import LOG
from pruna_nb.errors import CacheError, InputError
from pruna_nb.frames.call import is_several, several
from pruna_nb.frames.chains import REMOVED
from pruna_nb.frames.columns import (
    column,
    fill_template,
    label_text,
    optional_column,
    places_of,
    plain_label,
    template_labels,
)
from pruna_nb.frames.records import records_of
from pruna_nb.frames.results import STATUSES, beside, steps_of
from pruna_nb.settings import current
from pruna_nb.show import Cell, Grid, grid, read_sheet, table_html
from pruna_nb.tables.cells import plain_cells
from pruna_nb.text import described, shown

if TYPE_CHECKING:
    import os

    from pruna_nb.frames.call import Call
    from pruna_nb.frames.records import Record


def requests_of(frame: pd.DataFrame, output_col: str = "output") -> list[dict[str, Any]]:
    """Return each row's model and fields, as they were sent, as far as that is known.

    The record of each prediction's id comes first: cells may have been edited since, columns
    renamed, and pandas drops attrs at a merge or in CSV. Without a record, the call in the frame's
    attrs is used; without that, the columns that are named like common fields.
    """
    records: list[Record | None] = [None] * len(frame)
    try:
        records = records_of(frame, output_col)
    except CacheError as error:  # a picture can be looked at without the folder that it came from
        LOG.warning("The record cannot be read, so captions say what the frame says: %s", error)
    kept: list[dict[str, Any] | None] = []
    for record in records:
        if record is None:
            kept.append(None)
            continue
        model = lookup_model(record.model)
        hidden = {name for name, field in model.fields.items() if field.media or field.secret}
        fields = {name: value for name, value in record.input.items() if name not in hidden}
        fields = {name: value for name, value in fields.items() if _is_shown(value)}
        kept.append({"model": record.model, "input": fields})
    if None not in kept:
        return [each for each in kept if each is not None]
    call = steps_of(frame).get(output_col)
    told = _requests_of_columns(frame) if call is None else _requests_of_call(frame, call)
    return [each or other for each, other in zip(kept, told, strict=True)]


def _requests_of_columns(frame: pd.DataFrame) -> list[dict[str, Any]]:
    names = [name for name in _FIELDS if len(places_of(frame, name)) == 1]
    cells = [column(frame, name, "the grid") for name in names]
    return [
        {
            "model": None,
            "input": {
                name: value for name, value in zip(names, row, strict=True) if value is not None
            },
        }
        for row in (zip(*cells, strict=True) if cells else ([] for _ in range(len(frame))))
    ]


_FIELDS = ("prompt", "aspect_ratio", "seed", "width", "height")


def _requests_of_call(frame: pd.DataFrame, call: Call) -> list[dict[str, Any]]:
    columns = {
        name: label
        for name, label in call.columns.items()
        if not isinstance(label, list) and len(places_of(frame, label)) == 1
    }
    cells = {name: column(frame, label, "the grid") for name, label in columns.items()}
    if call.template is not None and all(
        places_of(frame, label) for label in template_labels(call.template, frame)
    ):
        cells["prompt"] = [filled.prompt for filled in fill_template(call.template, frame)]
    made = []
    for place in range(len(frame)):
        row = {name: values[place] for name, values in cells.items()}
        given = {
            **call.constants,
            # An image in memory has no text that a caption could show.
            **{name: value for name, value in row.items() if _is_shown(value)},
        }
        made.append({"model": call.model.name, "input": given})
    return made


def _is_shown(value: object) -> bool:
    return isinstance(value, (str, int, float)) or (
        isinstance(value, list) and all(isinstance(each, (str, int, float)) for each in value)
    )


def cells_of(
    frame: pd.DataFrame,
    *,
    output_col: str,
    caption_col: str | None,
    rows: str | None,
    cols: str | None,
) -> list[Cell]:
    """Make a grid's cells of a frame's rows."""
    for name, value in (("rows", rows), ("cols", cols), ("caption_col", caption_col)):
        _see_that_it_is_one(name, value)
    outputs = column(frame, output_col, "output_col")
    statuses = optional_column(frame, beside(output_col, "status"))
    errors = optional_column(frame, beside(output_col, "error"))
    requests = requests_of(frame, output_col)
    axes = {plain_label(rows), plain_label(cols)}
    words = [_caption(request["input"], without=axes) for request in requests]
    if caption_col is not None:
        words = [(_text(value), "") for value in column(frame, caption_col, "caption_col")]
    row_values = None if rows is None else _axis(frame, rows, requests)
    col_values = None if cols is None else _axis(frame, cols, requests)
    made = []
    for place, (path, status, error) in enumerate(zip(outputs, statuses, errors, strict=True)):
        request = requests[place]
        caption, note = words[place]
        ratio = request["input"].get("aspect_ratio")
        if ratio is None and request["model"]:
            field = lookup_model(request["model"]).fields.get("aspect_ratio")
            ratio = None if field is None else field.default
        removed = path is None and status == "succeeded"
        why = REMOVED if removed else error
        made.append(
            Cell(
                path=path,
                caption=caption,
                note=note,
                alt=_alt(request["input"]) or caption,
                status="skipped" if removed else _status(status, path),
                error=None if why is None else str(why),
                ratio_asked=ratio if isinstance(ratio, str) else None,
                request=request,
                row_value=None if row_values is None else row_values[place],
                col_value=None if col_values is None else col_values[place],
            )
        )
    return made


def frame_grid(
    frame: pd.DataFrame,
    *,
    columns: int | None = None,
    caption_col: str | None = None,
    rows: str | None = None,
    cols: str | None = None,
    size: int = 256,
    max_bytes: int | None = 1_000_000,
    output_col: str = "output",
    title: str | None = None,
    live: bool = False,
) -> Grid:
    """Return a frame's outputs as a grid; see ``df.pruna.grid``."""
    cells = cells_of(frame, output_col=output_col, caption_col=caption_col, rows=rows, cols=cols)
    return grid(
        cells,
        columns=columns,
        size=size,
        max_bytes=max_bytes,
        row_name="" if rows is None else label_text(rows),
        col_name="" if cols is None else label_text(cols),
        title=title,
        thumbs_dir=current().thumbs_dir,
        live=live,
    )


class Table:
    """A frame with thumbnails among its columns; shows itself."""

    def __init__(self, html: str, rows: int) -> None:
        self._html, self._rows = html, rows

    def __repr__(self) -> str:
        return f"<Table: {self._rows:,} rows>"

    def html(self) -> str:
        """Return the table as HTML."""
        return self._html

    def _repr_html_(self) -> str:
        return self._html


def frame_table(
    frame: pd.DataFrame,
    *,
    columns: Any = None,
    size: int = 128,
    max_bytes: int | None = 1_000_000,
    output_col: Any = "output",
) -> Table:
    """Show a frame with thumbnails among its columns; see ``df.pruna.table``."""
    places = list(range(frame.shape[1]))
    if columns is not None:
        columns = several(columns) if is_several(columns) else [columns]
        for name in columns:
            if not places_of(frame, name):
                column(frame, name, "the table")  # raises
        # Two columns of one name are both shown, as in frame[columns].
        places = [place for name in columns for place in places_of(frame, name)]
    heads = [label_text(frame.columns[place]) for place in places]
    _see_that_it_is_one("output_col", output_col)
    ending = label_text(output_col) if isinstance(output_col, (str, tuple)) else shown(output_col)
    images = list(dict.fromkeys(head for head in heads if head.endswith(ending)))
    labels = list(map(plain_label, frame.columns))
    once = [place for place, label in enumerate(labels) if labels.count(label) == 1]
    cells = [
        _pictures(frame.iloc[:, sorted({place, *once})], frame.columns[place], heads)
        if head in images
        else plain_cells(frame.iloc[:, place])
        for head, place in zip(heads, places, strict=True)
    ]
    rows = [list(row) for row in zip(*cells, strict=True)] if cells else []
    html = table_html(
        heads,
        rows,
        image_columns=images,
        size=size,
        max_bytes=max_bytes,
        thumbs_dir=current().thumbs_dir,
    )
    return Table(html, len(frame))


def _pictures(frame: pd.DataFrame, name: Any, heads: list[str]) -> list[Cell]:
    """Make a column's cells, whose reasons are not said twice."""
    cells = cells_of(frame, output_col=name, caption_col=None, rows=None, cols=None)
    if label_text(beside(name, "error")) not in heads:
        return cells
    return [replace(cell, error=None) for cell in cells]


def sheet_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the requests that a saved contact sheet or page carries, as a frame.

    Parameters
    ----------
    path : path
        A file that ``.save()`` of a grid wrote.

    Returns
    -------
    DataFrame
        One row for each image: ``model``, the fields of its input, ``status``, ``error``,
        ``caption``, ``file`` and ``sha256``.

    Raises
    ------
    InputError
        If the file carries no requests.
    """
    rows = []
    for record in read_sheet(path):
        request = record.get("request") or {}
        given = request.get("input") or {}
        rest = {name: record.get(name) for name in ("status", "error", "caption", "file", "sha256")}
        row = {"model": None, **given, **rest}
        row["model"] = request.get("model")  # an input may have a field of any name
        rows.append(row)
    try:
        return pd.DataFrame(rows)
    except UnicodeEncodeError:  # half a character, which sheets of earlier versions may hold
        return pd.DataFrame(rows, dtype=object)


def _see_that_it_is_one(name: str, value: Any) -> None:
    if _can_be_label(value):
        return
    join = " Join them into one column." if is_several(value) else ""
    raise InputError(f"{name}= takes one column's name; {described(value)} was given.{join}")


def _can_be_label(value: Any) -> bool:
    try:
        hash(value), bool(value == value)  # noqa: PLR0124 - what an index asks of its labels
    except Exception:  # noqa: BLE001 - a value's own methods may raise anything
        return False
    return True


def _axis(frame: pd.DataFrame, name: str, requests: list[dict[str, Any]]) -> list[str]:
    """Return the values of an axis: of a column, an index level, or a field of the requests."""
    if places_of(frame, name):
        values = column(frame, name, "the grid's axes")
    elif name in frame.index.names:
        values = frame.index.get_level_values(name).tolist()
    elif any(name in request["input"] for request in requests):
        values = [request["input"].get(name) for request in requests]
    else:
        values = column(frame, name, "the grid's axes")
    return [_text(value) or "(none)" for value in values]


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):  # a column with a gap in it holds its whole numbers as such
        return str(int(value)) if value.is_integer() else f"{value:g}"
    return str(value)


def _status(status: object, path: object) -> Any:
    if isinstance(status, str) and status in STATUSES:
        return status
    return "pending" if path is None else "succeeded"


def _caption(given: dict[str, Any], without: set[str | None]) -> tuple[str, str]:
    """Return a caption and its note: what was requested, without what the axes show already.

    The note is what tells apart pictures of one prompt that is too long to be shown.
    """
    said = " · ".join(
        f"{name.replace('_', ' ')} {_text(given[name])}"
        for name in ("aspect_ratio", "seed")
        if name in given and name not in without
    )
    prompt = str(given["prompt"]) if given.get("prompt") and "prompt" not in without else ""
    return (prompt, said) if prompt else (said, "")


def _alt(given: dict[str, Any]) -> str:
    names = ("prompt", "seed", "aspect_ratio")
    return ", ".join(
        str(given[name]) if name == "prompt" else f"{name.replace('_', ' ')} {_text(given[name])}"
        for name in names
        if given.get(name) is not None
    )
