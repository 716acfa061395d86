"""A frame's outputs as a grid or a table: columns become cells, and back again."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import cost_usd, lookup_model
from pruna_nb.console import LOG
from pruna_nb.errors import CacheError, InputError
from pruna_nb.frames.axes import (
    axis_keys,
    axis_names,
    can_be_label,
    default_of,
    plain_columns,
    sweep_axes,
)
from pruna_nb.frames.call import is_several
from pruna_nb.frames.captions import alt_of, caption_of, shared_of, text_of, varying
from pruna_nb.frames.chains import REMOVED, is_removed
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
from pruna_nb.frames.results import beside, steps_of
from pruna_nb.settings import current
from pruna_nb.show import Cell, Grid, grid, read_sheet
from pruna_nb.statuses import status_of
from pruna_nb.tables.cells import frame_of_records
from pruna_nb.text import described, shown, visible_line
from pruna_nb.widgets.about import Row, cost_fact, favourite_of
from pruna_nb.widgets.live_grid import LiveGrid

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pandas as pd

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
    if call is not None:
        told = _requests_of_call(frame, call)
    else:
        names = [name for name in _FIELDS if len(places_of(frame, name)) == 1]
        cells = [column(frame, name, "the grid") for name in names]
        rows = zip(*cells, strict=True) if cells else ([] for _ in range(len(frame)))
        values = [dict(zip(names, row, strict=True)) for row in rows]
        inputs = [{name: row[name] for name in names if row[name] is not None} for row in values]
        models = optional_column(frame, beside(output_col, "model"))
        told = [
            {"model": model if isinstance(model, str) else None, "input": known}
            for model, known in zip(models, inputs, strict=True)
        ]
    return [each or other for each, other in zip(kept, told, strict=True)]


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
    caption_col: str | None = None,
    rows: Sequence[Any] = (),
    cols: Sequence[Any] = (),
) -> tuple[list[Cell], str]:
    """Make a grid's cells of a frame's rows, and say what all of them share.

    A caption says what differs: neither what all share nor what is on an axis.
    """
    check_one_label("caption_col", caption_col)
    outputs = column(frame, output_col, "output_col")
    statuses = optional_column(frame, beside(output_col, "status"))
    errors = optional_column(frame, beside(output_col, "error"))
    requests = requests_of(frame, output_col)
    facts = [{**request["input"], "model": request["model"]} for request in requests]
    varied = varying(facts)
    axes = {plain_label(name) for name in (*rows, *cols)}
    told = [name for name in varied if name not in axes]
    words = [caption_of(fact, told) for fact in facts]
    if caption_col is not None:
        words = [(text_of(value), "") for value in column(frame, caption_col, "caption_col")]
    row_keys, col_keys = axis_keys(frame, rows, requests), axis_keys(frame, cols, requests)
    columns = plain_columns(frame, output_col, skip={*varied, *axes})
    made = []
    for place, (path, status, error) in enumerate(zip(outputs, statuses, errors, strict=True)):
        request = requests[place]
        caption, note = words[place]
        ratio = request["input"].get("aspect_ratio")
        if ratio is None:
            ratio = default_of(request, "aspect_ratio")
        removed = is_removed(status, path)
        why = REMOVED if removed else error
        made.append(
            Cell(
                path=path,
                caption=caption,
                note=note,
                alt=alt_of(request["input"]) or caption,
                status="skipped" if removed else status_of(status, path, error),
                error=None if why is None else str(why),
                ratio_asked=ratio if isinstance(ratio, str) else None,
                request=request,
                row_value=row_keys[place],
                col_value=col_keys[place],
                fields={name: values[place] for name, values in columns.items()},
            )
        )
    return made, shared_of(facts, varied, axes) if caption_col is None else ""


def frame_grid(
    frame: pd.DataFrame,
    *,
    columns: int | None = None,
    caption_col: str | None = None,
    rows: str | Sequence[str] | None = None,
    cols: str | Sequence[str] | None = None,
    size: int = 256,
    max_bytes: int | None = 1_000_000,
    output_col: str = "output",
    title: str | None = None,
    live: bool = False,
) -> Grid:
    """Return a frame's outputs as a grid; see ``df.pruna.grid``."""
    column(frame, output_col, "output_col")  # a wrong label is told before it is looked up
    if rows is None and cols is None and caption_col is None and columns is None:
        rows, cols = sweep_axes(frame, requests_of(frame, output_col))
    row_names, col_names = axis_names(frame, "rows", rows), axis_names(frame, "cols", cols)
    both = [shown(name) for name in row_names if plain_label(name) in map(plain_label, col_names)]
    if both:
        raise InputError(f"rows= and cols= both name {both[0]}. Give each field to one of them.")
    cells, shared = cells_of(
        frame, output_col=output_col, caption_col=caption_col, rows=row_names, cols=col_names
    )
    made = grid(
        cells,
        columns=columns,
        size=size,
        max_bytes=max_bytes,
        row_name=tuple(map(label_text, row_names)),
        col_name=tuple(map(label_text, col_names)),
        title=title,
        shared=shared,
        thumbs_dir=current().thumbs_dir,
        live=live,
    )
    return _live(made, frame, output_col) if made.live else made


def _live(made: Grid, frame: pd.DataFrame, output_col: Any) -> LiveGrid:
    """Return a grid whose pictures can be selected and kept where they are seen large."""
    ids, cached, seconds = (
        optional_column(frame, beside(output_col, name))
        for name in ("prediction_id", "cached", "seconds")
    )
    about = {}
    for place, cell in enumerate(made.cells):
        name, sent = cell.request.get("model"), cell.request.get("input") or {}
        model = lookup_model(name) if name else None
        price = None if model is None or model.price is None else cost_usd(model, sent)
        took = seconds[place]
        about[id(cell)] = Row(
            place,
            visible_line(frame.index[place], 60),
            "not known" if model is None else cost_fact(model, sent, cached=cached[place] is True),
            favourite_of(
                name,
                sent,
                cell.path,
                ids[place] if isinstance(ids[place], str) else None,
                cost_usd=price,
                seconds=took if isinstance(took, float) else 0.0,
            ),
        )
    known = {each.name: getattr(made, each.name) for each in fields(made)}
    return LiveGrid(**known, frame=frame, about=about, cache_dir=current().cache_dir)


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

    Examples
    --------
    >>> import pandas as pd
    >>> import pruna_nb
    >>> df = pd.DataFrame({"prompt": ["a lion", "a fox"]})
    >>> out = df.pruna.generate("prompt", seed=3, progress=False)
    >>> [path.name for path in out.pruna.grid().save("sheet.png")]
    ['sheet.png']
    >>> pruna_nb.read_sheet("sheet.png")[["prompt", "seed"]].values.tolist()
    [['a lion', 3], ['a fox', 3]]
    """
    rows = []
    for record in read_sheet(path):
        request = record.get("request") or {}
        given = request.get("input") or {}
        rest = {name: record.get(name) for name in ("status", "error", "caption", "file", "sha256")}
        row = {"model": None, **given, **rest}
        row["model"] = request.get("model")  # an input may have a field of any name
        rows.append(row)
    return frame_of_records(rows)


def check_one_label(name: str, value: Any) -> None:
    """Raise an error if an argument cannot be one column's name."""
    if can_be_label(value):
        return
    join = " Join them into one column." if is_several(value) else ""
    raise InputError(f"{name}= takes one column's name; {described(value)} was given.{join}")
