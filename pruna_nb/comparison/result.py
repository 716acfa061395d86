"""What the votes show, as a notebook shows it: a sentence, a table, a plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.comparison.bradley_terry import Strength
from pruna_nb.comparison.clusters import clustered_rate
from pruna_nb.comparison.plot import plot_result
from pruna_nb.comparison.result_html import result_html
from pruna_nb.comparison.sentences import sentence
from pruna_nb.comparison.stats import win_rate
from pruna_nb.comparison.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NO_STRENGTH = Strength(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True, repr=False)
class Result(Summary):
    """What the votes show: the figures of a `Summary`, which display themselves.

    In a notebook it is a sentence with a table, in a console the sentence.
    """

    @property
    def sentence(self) -> str:
        """What the votes show, in words."""
        return sentence(self)

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence

    def __repr__(self) -> str:
        """Return the sentence: in a console the fields would be a wall of numbers."""
        return f"<Result: {self.sentence}>"

    def rows(self) -> list[dict[str, Any]]:
        """Return a plain dict for each variant, the best first."""
        rows = []
        for variant in self.variants:
            rate, strength = variant.rate, variant.strength or _NO_STRENGTH
            rows.append(
                {
                    "variant": variant.name,
                    "wins": rate.wins,
                    "decided": rate.decided,
                    "win_rate": rate.rate,
                    "low": rate.low,
                    "high": rate.high,
                    "ties": variant.ties,
                    "both_bad": variant.both_bad,
                    "strength": strength.value,
                    "strength_low": strength.low,
                    "strength_high": strength.high,
                    **variant.scores,
                }
            )
            for name, ends in variant.score_intervals.items():
                for end, value in zip(("low", "high"), ends, strict=True):
                    rows[-1].setdefault(f"{name}_{end}", value)
        return rows

    @property
    def frame(self) -> pd.DataFrame:
        """The variants as a frame, the best first: wins, win rate, strength, scores, intervals."""
        return pd.DataFrame(self.rows())

    @property
    def pairs_frame(self) -> pd.DataFrame:
        """Each two variants as a row: their votes, the win rate of the first, and the test."""
        rows = []
        for pair in self.pairs:
            tally = pair.tally
            won = [(wins, wins + losses) for wins, losses in tally.clusters]
            if not won:
                rate = win_rate(tally.wins, tally.decided, confidence=self.confidence)
            else:
                rate = clustered_rate(won, confidence=self.confidence)
            better = [name for name in pair.names if pair.won_by(name, self.alpha)]
            rows.append(
                {
                    "first": tally.first,
                    "second": tally.second,
                    "wins": tally.wins,
                    "losses": tally.losses,
                    "ties": tally.ties,
                    "both_bad": tally.both_bad,
                    "win_rate": rate.rate,
                    "low": rate.low,
                    "high": rate.high,
                    "p_value": pair.p_value,
                    "p_adjusted": pair.p_adjusted,
                    "needed": pair.needed,
                    "better": better[0] if better else None,
                }
            )
        return pd.DataFrame(rows).astype({"needed": "Int64"})

    def plot(self, kind: str | None = None) -> Figure:
        """Draw win rates or strengths with their intervals.

        Parameters
        ----------
        kind : {"rate", "strength"}, optional
            None: strengths where there are more than two variants.

        Returns
        -------
        matplotlib.figure.Figure
            It displays itself in a notebook; ``.savefig("result.png")`` writes it to a file.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InputError
            For another kind, or for strengths that the votes do not determine.
        """
        return plot_result(self, kind)

    def _repr_html_(self) -> str:
        return result_html(self)
