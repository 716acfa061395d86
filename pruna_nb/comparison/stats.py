"""The statistics of votes: rates with intervals, the exact sign test, and its power.

Ties and "both bad" are never mixed. Rates and tests are about the decided votes, as in the sign
test; the Bradley-Terry model has ties as an outcome of their own (Davidson's extension), and
leaves "both bad" out.

References
----------
Bradley, R. A., Terry, M. E. (1952). Rank analysis of incomplete block designs I: the method
of paired comparisons. Biometrika 39, 324-345.
Davidson, R. R. (1970). On extending the Bradley-Terry model to accommodate ties in paired
comparison experiments. JASA 65, 317-328.
Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80, 27-38.
Ford, L. R. (1957). Solution of a ranking problem from binary comparisons. American Mathematical
Monthly 64, 28-33.
Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
Statistics 6, 65-70.
Newcombe, R. G. (1998). Two-sided confidence intervals for the single proportion: comparison
of seven methods. Statistics in Medicine 17, 857-872.
Noether, G. E. (1987). Sample size determination for some common nonparametric tests. JASA 82,
645-647.
Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA
22, 209-212.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pruna_nb.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

# Where more votes than this would be needed, no number is reported.
SEARCHED_VOTES = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of decided votes, with its interval.

    Parameters
    ----------
    wins, decided : int
        Votes won, of how many.
    rate : float
        Their ratio; NaN if there are none.
    low, high : float
        Wilson's interval; 0 and 1 if there are no votes.
    """

    wins: int
    decided: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tally:
    """The numbers of votes between two variants.

    Parameters
    ----------
    first, second : str
        The variants.
    wins, losses : int
        Votes for the first, and for the second.
    ties, both_bad : int
        Votes for neither.
    clusters : tuple of (int, int)
        The wins and losses of each prompt, where several votes are on one; empty where each vote
        counts for itself.
    """

    first: str
    second: str
    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0
    clusters: tuple[tuple[int, int], ...] = field(default=(), repr=False)

    @property
    def decided(self) -> int:
        """Votes for one of the two."""
        return self.wins + self.losses


def scipy_stats() -> ModuleType:
    """Import scipy.stats, or raise an error that names the extra to install."""
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("The statistics of a comparison", "compare") from error
    return stats


def win_rate(wins: int, decided: int, *, confidence: float = 0.95) -> Rate:
    """Return a win rate with Wilson's interval.

    Parameters
    ----------
    wins, decided : int
        Votes won, of how many.
    confidence : float
        Between 0 and 1.

    Examples
    --------
    >>> rate = win_rate(14, 20)
    >>> f"{rate.rate:.2f} ({rate.low:.2f} to {rate.high:.2f})"
    '0.70 (0.48 to 0.85)'
    """
    if not decided:
        return Rate(0, 0, math.nan, 0.0, 1.0)
    # Wilson's (1927) keeps its coverage for few votes, where the usual interval of p and its
    # standard error goes beyond 0 and 1 (Newcombe, 1998).
    test = scipy_stats().binomtest(wins, decided)
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return Rate(wins, decided, wins / decided, float(interval.low), float(interval.high))


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p value of the exact sign test, the binomial test of even chances.

    Examples
    --------
    >>> round(sign_test(14, 6), 3)
    0.115
    """
    if not wins + losses:
        return 1.0
    return float(scipy_stats().binomtest(wins, wins + losses).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for several tests by Holm's step-down method.

    Examples
    --------
    >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    # The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below the one
    # before it (Holm, 1979).
    least = 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted


def sign_test_power(decided: ArrayLike, rate: float, *, alpha: float = 0.05) -> NDArray[np.float64]:
    """Return the power of the exact sign test: how often it finds a true difference.

    Parameters
    ----------
    decided : array_like of int
        Numbers of decided votes.
    rate : float
        The true win rate, 0 to 1.
    alpha : float
        The test's two-sided level.

    Returns
    -------
    ndarray of float
        One for each number, 0 to 1.
    """
    import numpy as np

    numbers = np.atleast_1d(np.asarray(decided))
    binom = scipy_stats().binom
    # The critical value: the most wins of the weaker side with which the test still rejects; -1
    # for none. ppf() returns the first number whose cumulative probability reaches the level: one
    # too many, unless it is met exactly.
    critical = binom.ppf(alpha / 2, numbers, 0.5)
    critical -= binom.cdf(critical, numbers, 0.5) > alpha / 2
    above = binom.sf(numbers - critical - 1, numbers, rate)
    return np.asarray(binom.cdf(critical, numbers, rate) + above, dtype=np.float64)


def votes_for_power(rate: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Return how many decided votes the exact sign test needs to detect a win rate.

    Parameters
    ----------
    rate : float
        The true win rate, 0 to 1.
    alpha : float
        The test's two-sided level.
    power : float
        The chance with which the test is to find it.

    Returns
    -------
    int or None
        The number from which on the power is never below the one required; None if that is more
        than `SEARCHED_VOTES`.

    Examples
    --------
    >>> votes_for_power(0.7)
    54
    """
    import numpy as np

    norm = scipy_stats().norm
    most = SEARCHED_VOTES  # at even rates no number is enough
    if rate != 0.5:  # noqa: PLR2004 - even
        # Noether's (1987) approximate sample size, three times and 100 more: no exact power falls
        # short beyond it. Searching to the end each time takes a second for eight variants.
        reach = norm.isf(alpha / 2) + max(0.0, norm.isf(1 - power))
        most = int(min(most, 100 + 3 * math.ceil((reach / (2 * (rate - 0.5))) ** 2)))
    powers = sign_test_power(np.arange(1, most + 1), rate, alpha=alpha)
    # An exact test's power rises in a saw-tooth: the last number that falls short counts, not the
    # first that is enough.
    short = np.flatnonzero(powers < power)
    last = int(short[-1]) + 1 if len(short) else 0
    return None if last == SEARCHED_VOTES else last + 1


def votes_needed(
    tally: Tally, *, alpha: float = 0.05, power: float = 0.8, worth: float = 1.0
) -> int | None:
    """Return how many more votes would settle which of two is better, if the rate stays.

    The number of decided votes that the sign test needs at the present rate, less those so far,
    scaled up by the share of votes that are not decided.

    Parameters
    ----------
    tally : Tally
        The votes so far.
    alpha, power : float
        As in `votes_for_power`; for one test among several, alpha is its part of their level.
    worth : float
        How many votes say as much as one: more than 1 where several are on one prompt.

    Returns
    -------
    int or None
        0 if it is settled; None if nothing points to either side, or if it would be more than
        `SEARCHED_VOTES`.
    """
    if not tally.clusters and sign_test(tally.wins, tally.losses) <= alpha:
        return 0
    if tally.wins == tally.losses:
        return None
    required = votes_for_power(tally.wins / tally.decided, alpha=alpha, power=power)
    if required is None:
        return None
    cast = tally.decided + tally.ties + tally.both_bad
    return max(1, math.ceil((required * worth - tally.decided) * cast / tally.decided))
