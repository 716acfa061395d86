"""Points of a sweep as cells of `pruna_nb.show`, live and saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.show import Cell, grid
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.show import Grid


def cell_of(sweep: Sweep, point: Point, outcome: Outcome, *, caption: str) -> Cell:
    """Return the cell of a point and what became of it."""
    fields = sweep.model.fields
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
        request={"model": sweep.model.name, "input": request},
    )


def saved_grid(
    sweep: Sweep,
    points: Sequence[Point],
    outcomes: Sequence[Outcome],
    *,
    thumbs_dir: Path | None,
    size: int = 256,
) -> Grid:
    """Return the grid that stays in the notebook's file.

    Several prompts are its rows, and what else differs its columns. A single prompt is its
    title; ratios and seeds are then its two axes, if both differ.
    """
    prompts = list(dict.fromkeys(point.heading for point in points))
    labels = list(dict.fromkeys(point.label for point in points))
    single = len(prompts) == 1
    by_prompt = len(prompts) > 1 and len(labels) > 1
    by_ratio = single and all(
        len(sweep.axes.get(axis, ())) > 1 for axis in ("aspect_ratio", "seed")
    )
    cells = []
    for point, outcome in zip(points, outcomes, strict=True):
        caption = "" if by_prompt or by_ratio else point.label if single else point.heading
        cell = cell_of(sweep, point, outcome, caption=caption)
        if by_prompt:
            cell = replace(cell, row_value=point.heading, col_value=point.label)
        elif by_ratio:
            seed = f"seed {point.fields['seed']}"
            cell = replace(cell, row_value=point.fields["aspect_ratio"], col_value=seed)
        cells.append(cell)
    return grid(
        cells,
        size=size,
        row_name="prompt" if by_prompt else "aspect ratio" if by_ratio else "",
        col_name="seed" if by_ratio else "",
        title=visible_line(prompts[0], 200) if single and prompts[0] else None,
        thumbs_dir=thumbs_dir,
        live=True,
    )
