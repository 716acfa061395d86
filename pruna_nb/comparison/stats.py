"""The statistics of votes: how much is known, and how much is still chance.

scipy does the work; nothing here needs pandas. Ties and "both bad" are kept apart throughout:
rates and tests are about the decided votes, as the sign test has it, and the Bradley-Terry
model takes ties as what they are (Davidson's extension), and leaves "both bad" out.

References
----------
Bradley, R. A., Terry, M. E. (1952). Rank analysis of incomplete block designs I: the method
of paired comparisons. Biometrika 39, 324-345.
Davidson, R. R. (1970). On extending the Bradley-Terry model to accommodate ties in paired
comparison experiments. JASA 65, 317-328.
Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80, 27-38.
Newcombe, R. G. (1998). Two-sided confidence intervals for the single proportion: comparison
of seven methods. Statistics in Medicine 17, 857-872.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

SEARCHED_VOTES = 10_000
"""More votes than this are not asked of anybody."""


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
    """How the votes between two variants went.

    Parameters
    ----------
    first, second : str
        The variants.
    wins, losses : int
        Votes for the first, and for the second.
    ties, both_bad : int
        Votes for neither.
    """

    first: str
    second: str
    wins: int = 0
    losses: int = 0
    ties: int = 0
    both_bad: int = 0

    @property
    def decided(self) -> int:
        """Votes for one of the two."""
        return self.wins + self.losses


def scipy_stats() -> ModuleType:
    """Import scipy.stats, or say which extra brings it."""
    try:
        from scipy import stats
    except ImportError as error:
        raise MissingExtraError("The statistics of a comparison", "compare") from error
    return stats


def win_rate(wins: int, decided: int, *, confidence: float = 0.95) -> Rate:
    """Give a win rate with Wilson's interval.

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
    test = scipy_stats().binomtest(wins, decided)
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return Rate(wins, decided, wins / decided, float(interval.low), float(interval.high))


def sign_test(wins: int, losses: int) -> float:
    """Give the two-sided p value of the exact sign test: as far from even, or further, by chance.

    Examples
    --------
    >>> round(sign_test(14, 6), 3)
    0.115
    """
    if not wins + losses:
        return 1.0
    return float(scipy_stats().binomtest(wins, wins + losses).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for there being several, by Holm's step-down method.

    Examples
    --------
    >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    least = 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted


def sign_test_power(decided: ArrayLike, rate: float, *, alpha: float = 0.05) -> NDArray[np.float64]:
    """Give the chance that the exact sign test says "not chance" when it is not.

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
    # The most wins of the weaker side with which the test still says "not chance"; -1 for none.
    critical = binom.ppf(alpha / 2, numbers, 0.5)
    critical -= binom.cdf(critical, numbers, 0.5) > alpha / 2
    above = binom.sf(numbers - critical - 1, numbers, rate)
    return np.asarray(binom.cdf(critical, numbers, rate) + above, dtype=np.float64)


def votes_for_power(rate: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Give how many decided votes the exact sign test needs to see a win rate.

    Parameters
    ----------
    rate : float
        The true win rate, 0 to 1.
    alpha : float
        The test's two-sided level.
    power : float
        The wished-for chance that the test finds it.

    Returns
    -------
    int or None
        The number from which on the power is never below the one wished for (an exact test's
        power goes up in a saw-tooth); None if that is more than `SEARCHED_VOTES`.

    Examples
    --------
    >>> votes_for_power(0.7)
    54
    """
    import numpy as np

    most = _surely_enough(rate, alpha, power)
    found = sign_test_power(np.arange(1, most + 1), rate, alpha=alpha)
    lacking = np.flatnonzero(found < power)
    last = int(lacking[-1]) + 1 if len(lacking) else 0
    return None if last == SEARCHED_VOTES else last + 1


def _surely_enough(rate: float, alpha: float, power: float) -> int:
    """Give a number beyond which no exact power falls short: Noether's (1987), and amply so.

    Without it each search would go to the end, which takes a second for eight variants.
    """
    norm = scipy_stats().norm
    if rate == 0.5:  # noqa: PLR2004 - even: no number is enough
        return SEARCHED_VOTES
    reach = norm.isf(alpha / 2) + max(0.0, norm.isf(1 - power))
    return int(min(SEARCHED_VOTES, 100 + 3 * math.ceil((reach / (2 * (rate - 0.5))) ** 2)))


def votes_needed(tally: Tally, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Give how many more votes would settle which of two is better, if the rate stays.

    The number of decided votes that the sign test needs at the rate seen so far, less those
    that there are, and more by the share of votes that decide nothing.

    Parameters
    ----------
    tally : Tally
        The votes so far.
    alpha, power : float
        As in `votes_for_power`; the level of one test among several is a part of theirs.

    Returns
    -------
    int or None
        0 if it is settled; None if nothing points to either side, or if it would be more than
        `SEARCHED_VOTES`.
    """
    if sign_test(tally.wins, tally.losses) <= alpha:
        return 0
    if tally.wins == tally.losses:
        return None
    wanted = votes_for_power(tally.wins / tally.decided, alpha=alpha, power=power)
    if wanted is None:
        return None
    cast = tally.decided + tally.ties + tally.both_bad
    return max(1, math.ceil((wanted - tally.decided) * cast / tally.decided))
