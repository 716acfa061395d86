"""What votes amount to: counts, win rates, tests and strengths, for all variants."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from pruna_nb.arguments import choice, share
from pruna_nb.comparison.bradley_terry import bradley_terry
from pruna_nb.comparison.clusters import clustered_rate, design_effect, sign_flip_test
from pruna_nb.comparison.stats import Tally, holm, sign_test, votes_needed, win_rate

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from pruna_nb.comparison.bradley_terry import Strength, Strengths
    from pruna_nb.comparison.stats import Rate
    from pruna_nb.comparison.votes import Verdict


@dataclass(frozen=True, slots=True)
class NamedVote:
    """A vote by the variants' names.

    Parameters
    ----------
    left, right : str
        The variants on each side.
    verdict : {"left", "right", "tie", "both_bad"}
        The rater's choice.
    rater : str
        Who voted.
    names_seen : bool
        Whether the names had been shown before.
    cluster : hashable or None
        What its prompt is called: votes on one prompt are one cluster. None: a cluster of its own.
    """

    left: str
    right: str
    verdict: Verdict
    rater: str = ""
    names_seen: bool = False
    cluster: Hashable = None


@dataclass(frozen=True, slots=True)
class VariantResult:
    """The votes on one variant.

    Parameters
    ----------
    name : str
        The variant.
    rate : Rate
        Its share of the decided votes that it was in.
    ties, both_bad : int
        Votes that it was in and that decided for neither side.
    strength : Strength or None
        From the Bradley-Terry model; None if the votes do not link all variants.
    scores : mapping of str to float
        The mean of each automatic score over its pictures.
    score_intervals : mapping of str to (float, float)
        The interval of each of these means; NaN where there is one prompt alone.
    """

    name: str
    rate: Rate
    ties: int
    both_bad: int
    strength: Strength | None = None
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)
    score_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)

    @property
    def order(self) -> float:
        """By which variants are ranked: the strength, which allows for the opponents, if any."""
        if self.strength is not None:
            return self.strength.value
        return self.rate.rate if self.rate.decided else 0.0


@dataclass(frozen=True, slots=True)
class PairResult:
    """The votes between two variants.

    Parameters
    ----------
    tally : Tally
        The votes.
    p_value : float
        Of the exact sign test; where several votes are on one prompt, of the exact sign-flip test.
    p_adjusted : float
        The same, adjusted for several pairs by Holm's method.
    needed : int or None
        About how many more votes would settle it, at the level that Holm's method requires; 0 if
        it is settled; None if no number can be given.
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
        """Return the variant that is not `name`."""
        choice("name", name, self.names)
        return self.tally.second if name == self.tally.first else self.tally.first

    def won_by(self, name: str, alpha: float) -> bool:
        """Whether the votes show that `name` is the better one of the two."""
        choice("name", name, self.names)
        alpha = share("alpha", alpha)
        won = self.tally.wins if name == self.tally.first else self.tally.losses
        return self.p_adjusted <= alpha and 2 * won > self.tally.decided


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a result.

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
        Numbers of votes; decided, ties and both bad add up to the votes.
    not_blind : int
        Votes that were cast after the names had been shown.
    damaged_lines : int
        Lines of the votes' files that could not be read.
    raters : mapping of str to int
        Number of votes of each rater.
    confidence, alpha : float
        Of the intervals, and of the tests.
    clusters : int
        How many prompts were judged, where several votes are on one; 0 where each vote counts for
        itself.
    unit : str
        What a cluster is: a "prompt", or a "pair" that several raters judged.
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
    clusters: int = 0
    unit: str = "prompt"

    @classmethod
    def from_votes(
        cls,
        names: Sequence[str],
        votes: Sequence[NamedVote],
        *,
        scores: Mapping[str, Mapping[str, float]] | None = None,
        score_intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
        damaged_lines: int = 0,
        confidence: float = 0.95,
        alpha: float = 0.05,
        power: float = 0.8,
        unit: str = "prompt",
    ) -> Self:
        """Return the summary of votes.

        Parameters
        ----------
        names : sequence of str
            The variants, at least two.
        votes : sequence of NamedVote
            The votes that stand.
        scores : mapping of str to mapping, optional
            For each variant the means of its automatic scores.
        score_intervals : mapping of str to mapping, optional
            For each variant the intervals of these means.
        damaged_lines : int
            Lines of the votes' files that could not be read.
        confidence : float
            Of the intervals.
        alpha, power : float
            The tests' level, and the power with which further votes are to settle them.
        unit : str
            What a cluster of votes is called.
        """
        clusters = _by_cluster(names, votes)
        tallies = tally_votes(names, votes)
        for place, tally in enumerate(tallies if clusters else ()):
            won = ((each[place].wins, each[place].losses) for each in clusters)
            tallies[place] = replace(tally, clusters=tuple(pair for pair in won if any(pair)))
        strengths = None
        if votes:
            strengths = bradley_terry(names, tallies, confidence=confidence, clusters=clusters)
        variants = [
            replace(
                _variant_result(name, tallies, strengths, clusters, confidence),
                scores=dict((scores or {}).get(name, {})),
                score_intervals=dict((score_intervals or {}).get(name, {})),
            )
            for name in names
        ]
        verdicts = Counter(vote.verdict for vote in votes)
        decided = verdicts["left"] + verdicts["right"]
        return cls(
            variants=tuple(sorted(variants, key=lambda v: v.order, reverse=True)),
            pairs=_test_pairs(tallies, alpha=alpha, power=power),
            strengths=strengths if len(names) > 2 else None,  # noqa: PLR2004 - two need no model
            side=win_rate(verdicts["left"], decided, confidence=confidence),
            side_p_value=sign_test(verdicts["left"], verdicts["right"]),
            votes=len(votes),
            decided=decided,
            ties=verdicts["tie"],
            both_bad=verdicts["both_bad"],
            not_blind=sum(vote.names_seen for vote in votes),
            damaged_lines=damaged_lines,
            raters=Counter(vote.rater for vote in votes),
            confidence=confidence,
            alpha=alpha,
            clusters=len(clusters),
            unit=unit,
        )

    @property
    def winner(self) -> str | None:
        """The variant that is better than each other one; None if that is not clear."""
        best, *others = self.variants
        against = {pair.other(best.name): pair for pair in self.pairs if best.name in pair.names}
        clear = all(against[other.name].won_by(best.name, self.alpha) for other in others)
        return best.name if clear else None


def tally_votes(names: Sequence[str], votes: Sequence[NamedVote]) -> list[Tally]:
    """Count the votes between each two variants; ties and both bad on their own.

    Examples
    --------
    >>> votes = [NamedVote("a", "b", "left"), NamedVote("b", "a", "left")]
    >>> tally_votes(["a", "b"], [*votes, NamedVote("a", "b", "tie")])
    [Tally(first='a', second='b', wins=1, losses=1, ties=1, both_bad=0)]
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    for vote in votes:
        one, two, verdict = vote.left, vote.right, str(vote.verdict)
        if names.index(one) > names.index(two):
            one, two = two, one
            verdict = {"left": "right", "right": "left"}.get(verdict, verdict)
        counts[one, two, verdict] += 1
    return [
        Tally(
            one,
            two,
            wins=counts[one, two, "left"],
            losses=counts[one, two, "right"],
            ties=counts[one, two, "tie"],
            both_bad=counts[one, two, "both_bad"],
        )
        for one, two in itertools.combinations(names, 2)
    ]


def _by_cluster(names: Sequence[str], votes: Sequence[NamedVote]) -> list[list[Tally]]:
    """Return the tallies of each cluster; none where no cluster has more than one vote."""
    groups: dict[Hashable, list[NamedVote]] = {}
    for number, vote in enumerate(votes):
        own = ("vote", number) if vote.cluster is None else ("cluster", vote.cluster)
        groups.setdefault(own, []).append(vote)
    if len(groups) == len(votes):
        return []
    return [tally_votes(names, group) for group in groups.values()]


def _test_pairs(tallies: Sequence[Tally], *, alpha: float, power: float) -> tuple[PairResult, ...]:
    p_values = [
        sign_flip_test(tally.clusters) if tally.clusters else sign_test(tally.wins, tally.losses)
        for tally in tallies
    ]
    adjusted = holm(p_values)
    # Holm (1979) compares the smallest p value with alpha / m, m being the tests that are still
    # open: that is the level which the next pair has to reach.
    level = alpha / max(1, sum(p > alpha for p in adjusted))
    results = []
    for tally, p_value, p_adjusted in zip(tallies, p_values, adjusted, strict=True):
        settled = p_adjusted <= alpha
        wins, counts = [each[0] for each in tally.clusters], [sum(each) for each in tally.clusters]
        worth = design_effect(wins, counts)
        needed = 0 if settled else votes_needed(tally, alpha=level, power=power, worth=worth)
        results.append(PairResult(tally, p_value, p_adjusted, needed))
    return tuple(results)


def _variant_result(
    name: str,
    tallies: Sequence[Tally],
    strengths: Strengths | None,
    clusters: Sequence[Sequence[Tally]],
    confidence: float,
) -> VariantResult:
    own = [tally for tally in tallies if name in {tally.first, tally.second}]
    wins, decided = _won(name, own)
    rate = win_rate(wins, decided, confidence=confidence)
    if clusters:
        rate = clustered_rate([_won(name, each) for each in clusters], confidence=confidence)
    return VariantResult(
        name=name,
        rate=rate,
        ties=sum(tally.ties for tally in own),
        both_bad=sum(tally.both_bad for tally in own),
        strength=strengths.by_name[name] if strengths else None,
    )


def _won(name: str, tallies: Sequence[Tally]) -> tuple[int, int]:
    """Return how many decided votes a variant won, and was in."""
    own = [tally for tally in tallies if name in {tally.first, tally.second}]
    wins = sum(tally.wins if tally.first == name else tally.losses for tally in own)
    return wins, sum(tally.decided for tally in own)
