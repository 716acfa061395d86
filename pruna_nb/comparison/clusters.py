"""Votes that belong together: several seeds of one prompt, or several raters of one pair.

A prompt that suits a variant suits it with each seed, so its votes say the same thing several
times. Counted one by one, they find differences between variants that are equally good: in one of
five comparisons of 10 prompts with 8 seeds each, not in one of twenty. So a prompt's votes are one
cluster here. Where each cluster is of one vote, all of this is what `stats` has without clusters.

References
----------
Korn, E. L., Graubard, B. I. (1998). Confidence intervals for proportions with small expected
number of positive counts estimated from survey data. Survey Methodology 24, 193-201.
Liang, K.-Y., Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models.
Biometrika 73, 13-22.
Rao, J. N. K., Scott, A. J. (1992). A simple method for the analysis of clustered binary data.
Biometrics 48, 577-585.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pruna_nb.comparison.stats import Rate, scipy_stats, sign_test, win_rate

if TYPE_CHECKING:
    from collections.abc import Sequence


def sign_flip_test(clusters: Sequence[tuple[int, int]]) -> float:
    """Return the two-sided p value of the exact sign-flip test of clusters.

    If both variants are equally good, a cluster is as likely to have its wins and losses the other
    way round. The p value is the share of all such turns that give a surplus as large as the
    votes'. With one vote in each cluster it is the sign test.

    Parameters
    ----------
    clusters : sequence of (int, int)
        The wins and the losses within each cluster.

    Examples
    --------
    >>> sign_flip_test([(8, 0), (8, 0), (8, 0)])  # 24 wins, yet three prompts
    0.25
    >>> sign_flip_test([(1, 0)] * 14 + [(0, 1)] * 6) == sign_test(14, 6)
    True
    """
    import numpy as np

    surplus = [wins - losses for wins, losses in clusters if wins != losses]
    sizes = [abs(each) for each in surplus]
    if set(sizes) <= {1}:
        return sign_test(surplus.count(1), surplus.count(-1))
    # The distribution of the sum of the clusters that are turned to the first variant's side.
    chances = np.ones(1)
    for size in sizes:
        grown = np.zeros(len(chances) + size)
        grown[: len(chances)] += chances / 2
        grown[size:] += chances / 2
        chances = grown
    surpluses = np.abs(2 * np.arange(len(chances)) - sum(sizes))
    return min(1.0, float(chances[surpluses >= abs(sum(surplus))].sum()))


def design_effect(sums: Sequence[float], counts: Sequence[int]) -> float:
    """Return how many clustered votes say as much as one vote of its own: 1 or more.

    Parameters
    ----------
    sums : sequence of float
        The wins within each cluster.
    counts : sequence of int
        The decided votes within each.
    """
    total = sum(counts)
    if not total or max(counts) <= 1:
        return 1.0
    mean = sum(sums) / total
    alone = mean * (1 - mean) / total
    if not alone or len(counts) == 1:  # all alike: as if each cluster were one vote
        return total / len(counts)
    return max(1.0, _variance(sums, counts) / alone)


def _variance(sums: Sequence[float], counts: Sequence[int]) -> float:
    """Return the variance of a mean over clusters, as of a ratio of sums."""
    clusters, total = len(counts), sum(counts)
    mean = math.fsum(sums) / total
    squares = math.fsum((s - mean * n) ** 2 for s, n in zip(sums, counts, strict=True))
    return clusters / (clusters - 1) * squares / total**2


def clustered_rate(clusters: Sequence[tuple[int, int]], *, confidence: float = 0.95) -> Rate:
    """Return a win rate with Wilson's interval of as many votes as the clusters are worth.

    Parameters
    ----------
    clusters : sequence of (int, int)
        The wins and the decided votes within each cluster.
    confidence : float
        Between 0 and 1.

    Examples
    --------
    >>> rate = clustered_rate([(4, 4), (4, 4), (0, 4), (4, 4), (2, 4)])
    >>> f"{rate.wins} of {rate.decided}: {rate.low:.2f} to {rate.high:.2f}"
    '14 of 20: 0.21 to 0.95'
    """
    filled = [(wins, decided) for wins, decided in clusters if decided]
    wins, decided = (sum(part) for part in zip(*filled, strict=True)) if filled else (0, 0)
    if not filled or max(count for _, count in filled) == 1:
        return win_rate(wins, decided, confidence=confidence)
    sums, counts = zip(*filled, strict=True)
    norm = float(scipy_stats().norm.ppf(0.5 + confidence / 2))
    # Korn and Graubard: of few clusters the variance is not known well either, as t has it.
    factor = (norm / t_quantile(len(filled), confidence)) ** 2
    worth = decided / design_effect(sums, counts) * factor
    rate = wins / decided
    middle = (rate + norm**2 / (2 * worth)) / (1 + norm**2 / worth)
    reach = norm / (1 + norm**2 / worth)
    reach *= math.sqrt(rate * (1 - rate) / worth + norm**2 / (4 * worth**2))
    return Rate(wins, decided, rate, max(0.0, middle - reach), min(1.0, middle + reach))


def mean_interval(
    clusters: Sequence[Sequence[float]], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the mean of all values; NaN where there are fewer than two clusters.

    Examples
    --------
    >>> low, high = mean_interval([[1.0, 1.2], [2.0], [3.0, 2.6]])
    >>> f"{low:.2f} to {high:.2f}"
    '-0.57 to 4.49'
    """
    filled = [values for values in clusters if values]
    if len(filled) < 2:  # noqa: PLR2004 - one says nothing about others
        return math.nan, math.nan
    sums, counts = [math.fsum(values) for values in filled], [len(values) for values in filled]
    mean = math.fsum(sums) / sum(counts)
    reach = t_quantile(len(filled), confidence) * math.sqrt(_variance(sums, counts))
    return mean - reach, mean + reach


def t_quantile(clusters: int, confidence: float) -> float:
    """Return by how many standard errors an interval reaches to each side, of so many clusters."""
    return float(scipy_stats().t.ppf(0.5 + confidence / 2, max(1, clusters - 1)))
