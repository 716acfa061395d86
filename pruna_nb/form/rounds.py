"""The rounds of a form: each Generate is one; nothing that was made leaves them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.frames.columns import places_of, plain_label, with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.job import Outcome
    from pruna_nb.form.sweep import Point, Sweep
    from pruna_nb.form.tables import SweepTables


@dataclass(slots=True, eq=False)
class Round:
    """A sweep whose button was clicked, and what became of its points so far.

    Parameters
    ----------
    tables : SweepTables
        What makes its run and its frame.
    sweep : Sweep
        What was asked for.
    points : sequence of Point
        Its points.
    outcomes : list of Outcome
        What became of each.
    number : int
        Counted from 1; 0 before it has begun.
    selected : set of int
        The numbers of the points that are selected.
    name : str
        What its record on disk is called; empty before there is one.
    """

    tables: SweepTables
    sweep: Sweep
    points: Sequence[Point]
    outcomes: list[Outcome]
    number: int = 0
    selected: set[int] = field(default_factory=set)
    name: str = ""

    def frame(self) -> pd.DataFrame:
        """Return what was made."""
        return self.tables.frame(self.sweep, list(self.outcomes))

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has become of any point: its run was refused."""
        return all(each.status == "pending" and not each.error for each in self.outcomes)

    def label(self) -> str:
        """Return what the round is called in the strip.

        A few words of its first prompt tell it from others.
        """
        words = " ".join(self.points[0].heading.split())[:18].strip() if self.points else ""
        done = sum(outcome.status == "succeeded" for outcome in self.outcomes)
        count = f"{done:,}" if done == len(self.points) else f"{done:,} of {len(self.points):,}"
        return f"{self.number} · {words or self.sweep.model.name} ({count})"


def history_of(rounds: Sequence[Round], empty: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of all rounds.

    Its first columns are the round and the model; the fields that all pictures of a round
    share are columns too. Rows of a user's frame keep their labels, others are counted on.

    Parameters
    ----------
    rounds : sequence of Round
    empty : DataFrame
        What is returned, with these columns, if there are none.
    """
    parts, start = [], 0
    for each in rounds:
        frame = each.frame()
        # what the whole round shares becomes columns, but no secret and no list or file
        others = {*map(plain_label, frame.columns)} | each.sweep.secret_names
        shared: dict[str, Any] = {
            name: [value] * len(frame)
            for name, value in each.sweep.constants().items()
            if name not in others and isinstance(value, (str, int, float))
        }
        grown = with_columns(frame, shared) if shared else frame
        part = _with_first(grown, each.number)
        if each.sweep.rows is None:
            part.index = pd.RangeIndex(start, start + len(part))
        start += len(part)
        parts.append(part)
    if not parts:
        return _with_first(empty, 0).iloc[:0]
    if len(parts) == 1:
        return parts[0]
    with warnings.catch_warnings():
        # a field that a round did not have is empty there, whatever pandas makes of its dtype
        warnings.simplefilter("ignore", FutureWarning)
        together = pd.concat(parts)
    # A number of all rounds is a number still, where each was counted on.
    if all(each.sweep.rows is None for each in rounds):
        together.index = pd.RangeIndex(len(together))
    return together


def selected_of(rounds: Sequence[Round], empty: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `history_of` whose pictures are selected."""
    places, start = [], 0
    for each in rounds:
        places += [start + number for number in sorted(each.selected)]
        start += len(each.points)
    return history_of(rounds, empty).iloc[places]


def chosen_of(rounds: Sequence[Round], places: Sequence[int] | None) -> list[tuple[Round, int]]:
    """Return rounds and points by the positions of their rows; None: those that are selected."""
    pairs = [(each, number) for each in rounds for number in range(len(each.points))]
    if places is None:
        return [(each, number) for each, number in pairs if number in each.selected]
    if wrong := [place for place in places if not 0 <= place < len(pairs)]:
        msg = f"form.history has {len(pairs):,} rows, counted from 0; {wrong[0]!r} is none of them."
        raise InputError(msg)
    return [pairs[place] for place in places]


def _with_first(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return a frame with the round and the model in front of its columns."""
    round_ = "form_round" if places_of(frame, "round") else "round"
    grown = with_columns(frame, {round_: [number] * len(frame)})
    first = [*places_of(grown, round_), *places_of(grown, "model")]
    return grown.iloc[:, first + [n for n in range(grown.shape[1]) if n not in first]]
