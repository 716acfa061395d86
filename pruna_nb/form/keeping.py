"""The pictures of a form that a person keeps, on disk beside the cache."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import cost_usd
from pruna_nb.form.cells import cell_of
from pruna_nb.store.favourites import Favourite, Favourites
from pruna_nb.tables.cells import frame_of_records

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from pruna_nb.batch.job import Outcome
    from pruna_nb.catalog import Model
    from pruna_nb.form.rounds import Round
    from pruna_nb.show import Cell

_COLUMNS = ("prompt", "model", "output", "status", "cost_usd", "seconds", "prediction_id")


def id_of(outcome: Outcome) -> str:
    """Return what names a picture in whatever form it is shown: its prediction, else its file."""
    return outcome.prediction_id or Path(outcome.output or "").name


def price_of_cell(model: Model, cell: Cell) -> float | None:
    """Return what a picture cost when it was made, as published; None where that is unknown."""
    sent = (cell.request or {}).get("input", {})
    return cost_usd(model, sent) if model.price is not None else None


class Keeping:
    """Which pictures are kept.

    Parameters
    ----------
    cache_dir : Path
        The cache folder.
    home : str
        The form's place; what was kept there before is there again.
    """

    def __init__(self, cache_dir: Path, home: str) -> None:
        self._store, self._home = Favourites(cache_dir), home
        self._ids = {each.id for each in self._store.all()}

    def __contains__(self, outcome: Outcome) -> bool:
        """Whether a picture is kept, in whatever form."""
        return outcome.status == "succeeded" and id_of(outcome) in self._ids

    def turn(self, made: Round, number: int, *, kept: bool) -> None:
        """Keep a round's picture, or do so no longer.

        Raises
        ------
        CacheError
            If it cannot be written.
        """
        outcome, model = made.outcomes[number], made.sweep.model_of(made.points[number])
        name = id_of(outcome)
        if outcome.status != "succeeded" or kept == (name in self._ids):
            return
        if not kept:
            self._store.drop(name)
            self._ids.discard(name)
            return
        cell = cell_of(made.sweep, made.points[number], outcome, caption="")
        price = price_of_cell(model, cell)
        spent = price if outcome.cached or math.isnan(outcome.cost_usd) else outcome.cost_usd
        self._store.add(
            Favourite(
                id=name,
                home=self._home,
                model=model.name,
                input=dict((cell.request or {}).get("input", {})),
                output=outcome.output or "",
                prediction_id=outcome.prediction_id or "",
                cost_usd=spent or 0.0,
                seconds=outcome.seconds,
            )
        )
        self._ids.add(name)

    def frame(self, outcomes: Iterable[Outcome]) -> pd.DataFrame:
        """Return what was kept in this place, and what of some outcomes was kept in another.

        Parameters
        ----------
        outcomes : iterable of Outcome
            What the form has made.
        """
        here = {id_of(outcome) for outcome in outcomes if outcome.status == "succeeded"}
        found = [each for each in self._store.all() if each.home == self._home or each.id in here]
        self._ids |= {each.id for each in found}
        rows: list[dict[str, Any]] = [
            {
                "prompt": each.input.get("prompt"),
                "model": each.model,
                **{name: value for name, value in each.input.items() if name != "prompt"},
                "output": each.output,
                "status": "succeeded",
                "cost_usd": each.cost_usd,
                "seconds": each.seconds,
                "prediction_id": each.prediction_id,
                "kept_at": each.at,
            }
            for each in found
        ]
        frame = frame_of_records(rows)
        fields = [name for name in frame.columns if name not in {*_COLUMNS, "kept_at"}]
        front = ["prompt", "model", *fields]
        return frame.reindex(columns=[*front, *_COLUMNS[2:], "kept_at"])
