"""Points of a sweep as cells of `pruna_nb.show`, live and saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.job import Outcome
from pruna_nb.form.sweep import varying
from pruna_nb.frames.captions import shared_of
from pruna_nb.frames.captions import varying as varying_fields
from pruna_nb.show import Cell, grid
from pruna_nb.show.fields import phrase
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pruna_nb.form.axes import Axes
    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.show import Grid


def cell_of(sweep: Sweep, point: Point, outcome: Outcome, *, caption: str) -> Cell:
    """Return the cell of a point and what became of it."""
    model = sweep.model_of(point)
    fields = model.fields
    values = {**sweep.constants(), **point.fields}
    ratio = values.get("aspect_ratio")
    if ratio is None and "aspect_ratio" in fields:
        ratio = fields["aspect_ratio"].default
    # a saved sheet carries plain values alone, and no secret
    request: dict[str, Any] = {"prompt": point.heading} if point.row is not None else {}
    for name, value in values.items():
        secret = name in fields and fields[name].secret
        if isinstance(value, (str, int, float)) and not secret:
            request[name] = value
    return Cell(
        path=outcome.output,
        caption=caption,
        alt=", ".join(filter(None, [point.heading, point.label.replace(" · ", ", ")])),
        status=outcome.status,
        error=outcome.error,
        ratio_asked=ratio if isinstance(ratio, str) else None,
        request={"model": model.name, "input": request},
    )


def caption_of(point: Point, names: Sequence[str]) -> str:
    """Return what a picture differs in, where no head says it.

    Parameters
    ----------
    point : Point
    names : sequence of str
        The axes on which the round's points differ (`pruna_nb.form.sweep.varying`).
    """
    told = [phrase(name, point.on(name)) for name in names if name not in {"prompt", "row"}]
    heading = point.heading if len(told) < len(names) else ""
    return "\n".join(filter(None, [heading, " · ".join(told)]))


def shared_text(sweep: Sweep, points: Sequence[Point], names: Sequence[str]) -> str:
    """Return what all pictures of a round share; empty of a single one, whose caption says it."""
    pending = Outcome("pending")
    requests = [cell_of(sweep, point, pending, caption="").request or {} for point in points]
    facts = [{**request["input"], "model": request["model"]} for request in requests]
    return shared_of(facts, [*varying_fields(facts), *names], ())


def saved_grid(
    sweep: Sweep,
    points: Sequence[Point],
    outcomes: Sequence[Outcome],
    *,
    axes: Axes,
    thumbs_dir: Path | None,
    size: int = 256,
) -> Grid:
    """Return the grid that stays in the notebook's file: laid out as the board, if it has axes.

    What all pictures share stands once in its head, and below a picture what no head says.
    """
    names = varying(points)
    placed = len(names) > 1
    single = len(points) == 1 and bool(points[0].heading)
    cells = []
    for point, outcome in zip(points, outcomes, strict=True):
        caption = "" if placed else point.label if single else caption_of(point, names)
        cell = cell_of(sweep, point, outcome, caption=caption)
        if placed:
            row, col = (tuple(map(point.on, axis)) or None for axis in (axes.rows, axes.cols))
            cell = replace(cell, row_value=row, col_value=col)
        cells.append(cell)
    return grid(
        cells,
        size=size,
        row_name=axes.rows if placed else "",
        col_name=axes.cols if placed else "",
        title=visible_line(points[0].heading, 200) if single else None,
        shared=shared_text(sweep, points, names),
        thumbs_dir=thumbs_dir,
        live=True,
    )
