"""What the votes show, as a notebook shows it: a sentence, a table, a plot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.comparison.bradley_terry import Strength
from pruna_nb.comparison.plot import plot_result
from pruna_nb.comparison.result_html import result_html
from pruna_nb.comparison.sentences import sentence
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
        return rows

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
