"""Places of a form's grid as cells of `pruna_nb.show`, live and saved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.show import Cell, grid
from pruna_nb.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pruna_nb.batch.job import Outcome
    from pruna_nb.catalog import Model
    from pruna_nb.form.sweep import Ask, Spot
    from pruna_nb.show import Grid

_PLAIN = (str, int, float, bool)


def cell_of(ask: Ask, spot: Spot, outcome: Outcome, *, caption: str) -> Cell:
    """Make a cell of a place and what became of it."""
    given = {**ask.constants(), **spot.given}
    ratio = given.get("aspect_ratio", _default(ask.model, "aspect_ratio"))
    return Cell(
        path=outcome.output,
        caption=caption,
        alt=", ".join(filter(None, [spot.heading, spot.label.replace(" · ", ", ")])),
        status=outcome.status,
        error=outcome.error,
        ratio_asked=ratio if isinstance(ratio, str) else None,
        request={"model": ask.model.name, "input": _shown(ask, spot, given)},
    )


def _default(model: Model, name: str) -> Any:
    return model.fields[name].default if name in model.fields else None


def _shown(ask: Ask, spot: Spot, given: dict[str, Any]) -> dict[str, Any]:
    """Give what a saved sheet may carry: plain values, and no secret."""
    shown: dict[str, Any] = {"prompt": spot.heading} if spot.row is not None else {}
    for name, value in given.items():
        field = ask.model.fields.get(name)
        if isinstance(value, _PLAIN) and not (field is not None and field.secret):
            shown[name] = value
    return shown


def saved_grid(
    ask: Ask,
    spots: Sequence[Spot],
    outcomes: Sequence[Outcome],
    *,
    thumbs_dir: Path | None,
    size: int = 256,
) -> Grid:
    """Make the grid that stays in the notebook's file.

    Several prompts are its rows, and what else differs its columns. A single prompt is its
    title; ratios and seeds are then its two axes, if both differ.
    """
    prompts = list(dict.fromkeys(spot.heading for spot in spots))
    labels = list(dict.fromkeys(spot.label for spot in spots))
    both = all(len(ask.axes.get(name, ())) > 1 for name in ("aspect_ratio", "seed"))
    cells = []
    names = ("", "")
    for spot, outcome in zip(spots, outcomes, strict=True):
        row = col = None
        caption = spot.label if len(prompts) == 1 else spot.heading
        if len(prompts) > 1 and len(labels) > 1:
            row, col, caption, names = spot.heading, spot.label, "", ("prompt", "")
        elif both and len(prompts) == 1:
            row, col, caption = spot.given["aspect_ratio"], f"seed {spot.given['seed']}", ""
            names = ("aspect ratio", "seed")
        cell = cell_of(ask, spot, outcome, caption=caption)
        cells.append(_placed(cell, row, col))
    title = plain(prompts[0], 200) if len(prompts) == 1 and prompts[0] else None
    return grid(
        cells,
        size=size,
        row_name=names[0],
        col_name=names[1],
        title=title,
        thumbs_dir=thumbs_dir,
        live=True,
    )


def _placed(cell: Cell, row: str | None, col: str | None) -> Cell:
    return cell if row is None else replace(cell, row_value=row, col_value=col)
