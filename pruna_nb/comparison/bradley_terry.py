"""Bradley-Terry strengths with ties, for more than two variants.

The model is Davidson's (1970). With strengths s, in logits, and nu for how often raters call a
tie, ::

    first wins : tie : second wins  =  exp(s1) : nu exp((s1 + s2) / 2) : exp(s2)

Without ties it is the model of Bradley and Terry. It is log-linear, so its likelihood has one
maximum, which scipy finds; intervals come from the information matrix there (Wald), and from the
clusters' own slopes where several votes are on one prompt (Liang and Zeger, 1986). If a variant
won, or lost, all its votes, the maximum is at infinity. Then the likelihood is penalised after
Firth (1993), which keeps it finite; R's BradleyTerry2 offers the same for this case. The
references are in `stats`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.comparison.clusters import t_quantile
from pruna_nb.comparison.stats import scipy_stats
from pruna_nb.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pruna_nb.comparison.stats import Tally

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strength:
    """A variant's strength in logits; the mean of all variants is 0.

    Parameters
    ----------
    value : float
        The difference of two is the log odds of one winning over the other.
    error : float
        Its standard error.
    low, high : float
        Its interval.
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Strengths:
    """The fitted model.

    Parameters
    ----------
    by_name : mapping of str to Strength
        For each variant.
    ties : float
        Davidson's nu: 0 if there are no ties.
    method : {"maximum likelihood", "Firth"}
        How it was fitted.
    p_value : float
        Of Rao's score test that all are equally good.
    """

    by_name: Mapping[str, Strength]
    ties: float
    method: str
    p_value: float


def bradley_terry(
    names: Sequence[str],
    tallies: Sequence[Tally],
    *,
    confidence: float = 0.95,
    clusters: Sequence[Sequence[Tally]] = (),
) -> Strengths | None:
    """Fit the model to votes.

    Parameters
    ----------
    names : sequence of str
        The variants, at least two.
    tallies : sequence of Tally
        Votes between any two of them; "both bad" is left out.
    confidence : float
        Between 0 and 1.
    clusters : sequence of sequence of Tally
        The same votes by cluster, each with the tallies' pairs in their order; empty where each
        vote counts for itself.

    Returns
    -------
    Strengths or None
        None if the votes do not link all variants: strengths of two groups that never met cannot
        be compared.

    Raises
    ------
    InputError
        If a tally names other variants.
    """
    import numpy as np

    # "Both bad" says nothing about the order, and the model has no such outcome.
    voted = [place for place, tally in enumerate(tallies) if tally.decided + tally.ties]
    known = [tallies[place] for place in voted]
    if strange := {n for t in known for n in (t.first, t.second)} - set(names):
        msg = f"votes for variants that are not compared: {', '.join(sorted(strange))}"
        raise InputError(msg)
    counts = _counts(known)
    pairs = [(names.index(tally.first), names.index(tally.second)) for tally in known]
    wins, ties = counts[:, [0, 2]], counts[:, [1]]
    linked = _components(pairs, wins + ties, len(names), "weak") == 1
    if not linked or not wins.any():
        return None
    with_ties = bool(ties.any())
    model = _Model(_design(pairs, len(names), ties=with_ties), counts)
    # Ford (1957): the maximum is finite only if each variant can be reached from each other one
    # along wins.
    finite = _components(pairs, wins, len(names), "strong") == 1
    fitted = model.fit(penalised=not finite)
    parts = [_Model(model.design, _counts([each[place] for place in voted])) for each in clusters]
    parts = [part for part in parts if part.counts.any()]
    return Strengths(
        by_name=_centred(names, fitted, model.information(fitted), confidence, parts),
        ties=float(np.exp(fitted[-1])) if with_ties else 0.0,
        method="maximum likelihood" if finite else "Firth",
        p_value=model.equality(len(names), parts),
    )


def _counts(tallies: Sequence[Tally]) -> Array:
    import numpy as np

    rows = [[tally.wins, tally.ties, tally.losses] for tally in tallies]
    return np.array(rows, dtype=float).reshape(-1, 3)


def _components(
    pairs: Sequence[tuple[int, int]],
    weights: Array,
    size: int,
    connection: Literal["weak", "strong"],
) -> int:
    """Count the connected components of the graph of pairs, an edge for each weight above 0."""
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    graph = np.zeros((size, size))
    for (one, two), (there, back) in zip(pairs, weights, strict=True):
        graph[one, two] += there
        graph[two, one] += back
    return int(connected_components(graph, directed=True, connection=connection)[0])


def _design(pairs: Sequence[tuple[int, int]], size: int, *, ties: bool) -> Array:
    """Return the design matrix: pairs x (win, tie, loss) x parameters.

    The parameters are the strengths of all but the first variant, and log nu if there are ties.
    """
    import numpy as np

    full = np.zeros((len(pairs), 3, size + ties))
    for row, (one, two) in enumerate(pairs):
        full[row, 0, one] = full[row, 2, two] = 1.0
        full[row, 1, [one, two]] = 0.5  # Davidson: nu times the geometric mean of both
    if ties:
        full[:, 1, -1] = 1.0
    # Only differences of strengths are determined: the first variant's is fixed at 0.
    return full[:, :, 1:] if ties else full[:, [0, 2], 1:]


@dataclass(frozen=True, slots=True)
class _Model:
    """A log-linear model of outcomes within pairs."""

    design: Array
    counts: Array

    def outcomes(self) -> Array:
        """Return the counts of the modelled outcomes: only wins and losses if there are no ties."""
        return self.counts if self.design.shape[1] == self.counts.shape[1] else self.counts[:, ::2]

    def log_shares(self, parameters: Array) -> Array:
        """Return the logarithm of each outcome's probability."""
        from scipy.special import log_softmax

        shares: Array = log_softmax(self.design @ parameters, axis=1)
        return shares

    def moments(self, parameters: Array) -> tuple[Array, Array]:
        """Return the expected counts, and the design centred within each pair."""
        import numpy as np

        shares = np.exp(self.log_shares(parameters))
        mean = np.einsum("po,pok->pk", shares, self.design)
        return self.counts.sum(axis=1)[:, None] * shares, self.design - mean[:, None, :]

    def information(self, parameters: Array) -> Array:
        """Return Fisher's information, which in a log-linear model is the observed one too."""
        import numpy as np

        expected, centred = self.moments(parameters)
        information: Array = np.einsum("po,poj,pok->jk", expected, centred, centred)
        return information

    def slope(self, parameters: Array, *, penalised: bool) -> Array:
        """Return the gradient of the log likelihood, with or without Firth's penalty."""
        import numpy as np

        expected, centred = self.moments(parameters)
        surplus = self.outcomes() - expected
        if penalised:
            # Firth (1993) adds log det I / 2 to the log likelihood. Its gradient is the third
            # moments, weighted by the inverse of the information I.
            inverse = np.linalg.inv(self.information(parameters))
            surplus += 0.5 * expected * np.einsum("poj,jk,pok->po", centred, inverse, centred)
        slope: Array = np.einsum("po,pok->k", surplus, centred)
        return slope

    def log_likelihood(self, parameters: Array, *, penalised: bool) -> float:
        """Return the log likelihood up to a constant, with or without Firth's penalty."""
        import numpy as np

        value = float((self.outcomes() * self.log_shares(parameters)).sum())
        if penalised:
            value += 0.5 * float(np.linalg.slogdet(self.information(parameters))[1])
        return value

    def fit(self, *, penalised: bool) -> Array:
        """Return the parameters with the greatest likelihood."""
        import numpy as np
        from scipy.optimize import minimize

        def loss(at: Array) -> float:
            return -self.log_likelihood(at, penalised=penalised)

        def slope(at: Array) -> Array:
            return -self.slope(at, penalised=penalised)

        found = minimize(
            loss,
            np.zeros(self.design.shape[2]),
            jac=slope,
            # Of the penalised likelihood this is an approximation, which suffices for the steps.
            hess=self.information,
            method="trust-exact",
            options={"gtol": 1e-7, "maxiter": 1000},
        )
        if not np.abs(found.jac).max() < 1e-5:  # noqa: PLR2004 - votes are counts: far below one
            msg = f"the Bradley-Terry model could not be fitted: {found.message}"
            raise ArithmeticError(msg)
        return np.asarray(found.x, dtype=np.float64)

    def equality(self, size: int, parts: Sequence[_Model] = ()) -> float:
        """Return the p value of Rao's score test that all strengths are equal.

        With `parts`, the clusters' slopes tell how much they vary by chance. Of as few clusters as
        variants that is not known, and the p value is 1.
        """
        import numpy as np

        # With equal strengths a tie has the odds nu / 2, and the counts give the maximum directly.
        null = np.zeros(self.design.shape[2])
        ties, decided = self.counts[:, 1].sum(), self.counts[:, ::2].sum()
        if ties:
            null[-1] = np.log(2 * ties / decided)
        slope, information = self.slope(null, penalised=False), self.information(null)
        if parts:
            if len(parts) <= size:
                return 1.0
            # What the strengths' slopes owe to nu is taken out: it was fitted, they were not.
            rest = np.eye(size - 1, len(null))
            if ties:
                rest[:, -1] -= information[:-1, -1] / information[-1, -1]
            each = np.array([part.slope(null, penalised=False) for part in parts]) @ rest.T
            slope, information = each.sum(axis=0), each.T @ each
        statistic = float(slope @ np.linalg.pinv(information) @ slope)
        return float(scipy_stats().chi2.sf(statistic, size - 1))


def _centred(
    names: Sequence[str],
    fitted: Array,
    information: Array,
    confidence: float,
    parts: Sequence[_Model],
) -> dict[str, Strength]:
    """Return strengths against the mean of all variants instead of against the first."""
    import numpy as np

    size = len(names)
    against_first = np.eye(size)[:, 1:]
    centring = (np.eye(size) - 1 / size) @ against_first
    values = centring @ fitted[: size - 1]
    inverse = np.linalg.inv(information)

    def errors_of(covariance: NDArray[Any]) -> Array:
        strengths = covariance[: size - 1, : size - 1]
        return np.asarray(np.sqrt(np.diag(centring @ strengths @ centring.T)))

    errors = errors_of(inverse)
    reach = float(scipy_stats().norm.ppf(0.5 + confidence / 2))
    if parts:
        slopes = np.array([part.slope(fitted, penalised=False) for part in parts])
        spread = slopes.T @ slopes * len(parts) / max(1, len(parts) - 1)
        # Few clusters may look alike by chance: never less than votes of their own would have.
        errors = np.maximum(errors, errors_of(np.asarray(inverse @ spread @ inverse)))
        reach = t_quantile(len(parts), confidence)
    return {
        name: Strength(float(value), float(error), value - reach * error, value + reach * error)
        for name, value, error in zip(names, values.tolist(), errors.tolist(), strict=True)
    }
