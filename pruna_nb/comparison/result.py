"""What votes show: rates, tests, strengths and a sentence, for all variants of a comparison."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import choice, share
from pruna_nb.comparison.bradley_terry import Strength, bradley_terry
from pruna_nb.comparison.stats import Rate, Tally, holm, sign_test, votes_needed, win_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from pruna_nb.comparison.bradley_terry import Strengths
    from pruna_nb.comparison.votes import Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A vote with the variants' names.

    Parameters
    ----------
    left, right : str
        The variants on each side.
    verdict : {"left", "right", "tie", "both_bad"}
        What was said.
    rater : str
        Who said it.
    names_seen : bool
        Whether the names had been shown before.
    """

    left: str
    right: str
    verdict: Verdict
    rater: str = ""
    names_seen: bool = False


@dataclass(frozen=True, slots=True)
class VariantResult:
    """How one variant did.

    Parameters
    ----------
    name : str
        The variant.
    rate : Rate
        Its share of the decided votes that it was in.
    ties, both_bad : int
        Votes that it was in and that decided for neither.
    strength : Strength or None
        Of the Bradley-Terry model; None if the votes don't link all variants.
    scores : mapping of str to float
        The mean of each automatic score over its pictures.
    """

    name: str
    rate: Rate
    ties: int
    both_bad: int
    strength: Strength | None = None
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PairResult:
    """How two variants did against each other.

    Parameters
    ----------
    tally : Tally
        The votes.
    p_value : float
        Of the exact sign test.
    p_adjusted : float
        The same, adjusted by Holm's method for there being several pairs.
    needed : int or None
        About how many more votes would settle it, at the level that Holm's method asks for; 0 if
        it is settled; None if none can be named.
    """

    tally: Tally
    p_value: float
    p_adjusted: float
    needed: int | None

    @property
    def names(self) -> tuple[str, str]:
        """The two variants."""
        return self.tally.first, self.tally.second

    def other(self, name: str) -> str:
        """Give the variant that is not `name`."""
        choice("name", name, self.names)
        return self.tally.second if name == self.tally.first else self.tally.first

    def won_by(self, name: str, alpha: float) -> bool:
        """Tell whether the votes show that `name` is the better one of the two."""
        choice("name", name, self.names)
        alpha = share("alpha", alpha)
        won = self.tally.wins if name == self.tally.first else self.tally.losses
        return self.p_adjusted <= alpha and 2 * won > self.tally.decided


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What the votes show. It shows itself as a table with a sentence.

    Parameters
    ----------
    variants : tuple of VariantResult
        The best first.
    pairs : tuple of PairResult
        Each two variants against each other.
    strengths : Strengths or None
        The Bradley-Terry model, for more than two variants.
    side : Rate
        How often the left side was chosen.
    side_p_value : float
        Of the exact test that both sides are chosen equally often.
    votes, decided, ties, both_bad : int
        How many there are; decided, ties and both bad make up the votes.
    not_blind : int
        Votes that came after the names had been shown.
    damaged_lines : int
        Lines of the file that could not be read.
    raters : mapping of str to int
        Votes of each rater.
    confidence, alpha : float
        Of the intervals, and of the tests.
    """

    variants: tuple[VariantResult, ...]
    pairs: tuple[PairResult, ...]
    strengths: Strengths | None
    side: Rate
    side_p_value: float
    votes: int
    decided: int
    ties: int
    both_bad: int
    not_blind: int = 0
    damaged_lines: int = 0
    raters: Mapping[str, int] = field(default_factory=dict, hash=False)
    confidence: float = 0.95
    alpha: float = 0.05

    @property
    def winner(self) -> str | None:
        """The variant that is better than each other one; None if that is not clear."""
        best, *others = self.variants
        against = {pair.other(best.name): pair for pair in self.pairs if best.name in pair.names}
        clear = all(against[each.name].won_by(best.name, self.alpha) for each in others)
        return best.name if clear else None

    @property
    def sentence(self) -> str:
        """What the votes show, in words."""
        from pruna_nb.comparison.sentences import sentence

        return sentence(self)

    def __str__(self) -> str:
        """Say what the votes show."""
        return self.sentence

    def __repr__(self) -> str:
        """Say the same, for a console; the fields are for those who ask for one."""
        return f"<Result: {self.sentence}>"

    def rows(self) -> list[dict[str, Any]]:
        """Give a plain dict for each variant, the best first."""
        return [_row(each) for each in self.variants]

    def plot(self, kind: str | None = None) -> Figure:
        """Draw win rates or strengths with their intervals.

        Parameters
        ----------
        kind : {"rate", "strength"}, optional
            None: strengths where there are more than two variants.

        Returns
        -------
        matplotlib.figure.Figure
            It shows itself in a notebook; ``.savefig("result.png")`` keeps it.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InputError
            For another kind, or strengths that the votes do not give.
        """
        from pruna_nb.comparison.plot import plot_result

        return plot_result(self, kind)

    def _repr_html_(self) -> str:
        from pruna_nb.comparison.result_html import result_html

        return result_html(self)


def _row(variant: VariantResult) -> dict[str, Any]:
    strength = variant.strength or Strength(math.nan, math.nan, math.nan, math.nan)
    return {
        "variant": variant.name,
        "wins": variant.rate.wins,
        "decided": variant.rate.decided,
        "win_rate": variant.rate.rate,
        "low": variant.rate.low,
        "high": variant.rate.high,
        "ties": variant.ties,
        "both_bad": variant.both_bad,
        "strength": strength.value,
        "strength_low": strength.low,
        "strength_high": strength.high,
        **variant.scores,
    }


def summarise(
    names: Sequence[str],
    judged: Sequence[Judged],
    *,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    damaged_lines: int = 0,
    confidence: float = 0.95,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Result:
    """Work out what votes show.

    Parameters
    ----------
    names : sequence of str
        The variants, at least two.
    judged : sequence of Judged
        The votes that stand.
    scores : mapping of str to mapping, optional
        For each variant the means of its automatic scores.
    damaged_lines : int
        Lines of the votes' file that could not be read.
    confidence : float
        Of the intervals.
    alpha, power : float
        The tests' level, and the power with which further votes are to settle them.

    Returns
    -------
    Result
    """
    tallies = tally_votes(names, judged)
    pairs = _test_pairs(tallies, alpha=alpha, power=power)
    strengths = bradley_terry(names, tallies, confidence=confidence) if judged else None
    variants = [
        _variant(name, tallies, strengths, (scores or {}).get(name, {}), confidence)
        for name in names
    ]
    verdicts = Counter(each.verdict for each in judged)
    decided = verdicts["left"] + verdicts["right"]
    return Result(
        variants=tuple(sorted(variants, key=_best_first)),
        pairs=pairs,
        strengths=strengths if len(names) > 2 else None,  # noqa: PLR2004 - two need no model
        side=win_rate(verdicts["left"], decided, confidence=confidence),
        side_p_value=sign_test(verdicts["left"], verdicts["right"]),
        votes=len(judged),
        decided=decided,
        ties=verdicts["tie"],
        both_bad=verdicts["both_bad"],
        not_blind=sum(each.names_seen for each in judged),
        damaged_lines=damaged_lines,
        raters=Counter(each.rater for each in judged),
        confidence=confidence,
        alpha=alpha,
    )


def tally_votes(names: Sequence[str], judged: Sequence[Judged]) -> list[Tally]:
    """Count the votes between each two variants; ties and both bad on their own.

    Examples
    --------
    >>> votes = [Judged("a", "b", "left"), Judged("b", "a", "left"), Judged("a", "b", "tie")]
    >>> tally_votes(["a", "b"], votes)
    [Tally(first='a', second='b', wins=1, losses=1, ties=1, both_bad=0)]
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for vote in judged:
        turned = names.index(vote.left) > names.index(vote.right)
        one, two = (vote.right, vote.left) if turned else (vote.left, vote.right)
        verdict: str = vote.verdict
        if turned:
            verdict = {"left": "right", "right": "left"}.get(verdict, verdict)
        counts[one, two, verdict] += 1
    order = ("left", "right", "tie", "both_bad")
    return [
        Tally(one, two, *(counts[one, two, verdict] for verdict in order))
        for one, two in itertools.combinations(names, 2)
    ]


def _test_pairs(tallies: Sequence[Tally], *, alpha: float, power: float) -> tuple[PairResult, ...]:
    p_values = [sign_test(each.wins, each.losses) for each in tallies]
    adjusted = holm(p_values)
    # What Holm's method asks of the next pair: the level, shared by all that are not settled.
    level = alpha / max(1, sum(each > alpha for each in adjusted))
    return tuple(
        PairResult(
            tally,
            p,
            p_adjusted,
            0 if p_adjusted <= alpha else votes_needed(tally, alpha=level, power=power),
        )
        for tally, p, p_adjusted in zip(tallies, p_values, adjusted, strict=True)
    )


def _variant(
    name: str,
    tallies: Sequence[Tally],
    strengths: Strengths | None,
    scores: Mapping[str, float],
    confidence: float,
) -> VariantResult:
    own = [each for each in tallies if name in {each.first, each.second}]
    wins = sum(each.wins if each.first == name else each.losses for each in own)
    return VariantResult(
        name=name,
        rate=win_rate(wins, sum(each.decided for each in own), confidence=confidence),
        ties=sum(each.ties for each in own),
        both_bad=sum(each.both_bad for each in own),
        strength=strengths.by_name[name] if strengths else None,
        scores=dict(scores),
    )


def _best_first(variant: VariantResult) -> float:
    if variant.strength is not None:
        return -variant.strength.value
    return -variant.rate.rate if variant.rate.decided else 0.0
