"""Bradley-Terry strengths with ties, for more than two variants.

The model is Davidson's (1970): with strengths s, in logits, and nu for how readily people
call a tie, ::

    first wins : tie : second wins  =  exp(s1) : nu exp((s1 + s2) / 2) : exp(s2)

which is the model of Bradley and Terry where there are no ties. It is a log-linear model, so
its likelihood has one maximum, which scipy finds; intervals come from the information matrix
there (Wald). A variant that won, or lost, all its votes has no finite maximum. Then the
likelihood is penalised as Firth (1993) has it, which keeps all finite; R's BradleyTerry2 offers
the same for this case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    """How good a variant is, on the scale of logits; all variants together have mean 0.

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
        Davidson's nu: 0 if nobody called a tie.
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
    names: Sequence[str], tallies: Sequence[Tally], *, confidence: float = 0.95
) -> Strengths | None:
    """Fit strengths to votes.

    Parameters
    ----------
    names : sequence of str
        The variants, at least two.
    tallies : sequence of Tally
        Votes between any two of them; "both bad" is left out.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Strengths or None
        None if the votes leave some variants without any link to the others: then nothing can
        be said about the one against the other.

    Raises
    ------
    InputError
        If a tally is between variants that are not among the names.
    """
    import numpy as np

    known = [each for each in tallies if each.decided + each.ties]
    if strange := {n for t in known for n in (t.first, t.second)} - set(names):
        msg = f"votes for variants that are not compared: {', '.join(sorted(strange))}"
        raise InputError(msg)
    counts = np.array([[t.wins, t.ties, t.losses] for t in known], dtype=float).reshape(-1, 3)
    pairs = [(names.index(each.first), names.index(each.second)) for each in known]
    if not _linked(pairs, counts, len(names)) or not counts[:, [0, 2]].any():
        return None
    with_ties = bool(counts[:, 1].any())
    model = _Model(_design(pairs, len(names), ties=with_ties), counts)
    finite = _beaten_by_each_other(pairs, counts, len(names))
    fitted = model.fit(penalised=not finite)
    return Strengths(
        by_name=_centred(names, fitted, model.information(fitted), confidence),
        ties=float(np.exp(fitted[-1])) if with_ties else 0.0,
        method="maximum likelihood" if finite else "Firth",
        p_value=model.equality(len(names)),
    )


def _linked(pairs: Sequence[tuple[int, int]], counts: Array, size: int) -> bool:
    """Tell whether votes of any kind link each variant to each other."""
    graph = _graph(pairs, counts[:, [0, 2]] + counts[:, [1]], size)
    return _parts(graph, "weak") == 1


def _beaten_by_each_other(pairs: Sequence[tuple[int, int]], counts: Array, size: int) -> bool:
    """Tell whether wins lead from each to each: else no maximum is finite (Ford, 1957)."""
    return _parts(_graph(pairs, counts[:, [0, 2]], size), "strong") == 1


def _graph(pairs: Sequence[tuple[int, int]], weights: Array, size: int) -> Array:
    import numpy as np

    graph = np.zeros((size, size))
    for (one, two), (there, back) in zip(pairs, weights, strict=True):
        graph[one, two] += there
        graph[two, one] += back
    return graph


def _parts(graph: Array, connection: Literal["weak", "strong"]) -> int:
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(graph, directed=True, connection=connection)[0])


def _design(pairs: Sequence[tuple[int, int]], size: int, *, ties: bool) -> Array:
    """Give what each outcome of each pair adds up: pairs x (win, tie, loss) x parameters.

    The parameters are the strengths of all but the first variant, and log nu if there are ties.
    """
    import numpy as np

    full = np.zeros((len(pairs), 3, size + ties))
    for row, (one, two) in enumerate(pairs):
        full[row, 0, one] = full[row, 2, two] = 1.0
        full[row, 1, [one, two]] = 0.5
    if ties:
        full[:, 1, -1] = 1.0
    return full[:, :, 1:] if ties else full[:, [0, 2], 1:]


@dataclass(frozen=True, slots=True)
class _Model:
    """A log-linear model of outcomes within pairs."""

    design: Array
    counts: Array

    def outcomes(self) -> Array:
        """Give the counts of the outcomes that are modelled: without ties, wins and losses."""
        return self.counts if self.design.shape[1] == self.counts.shape[1] else self.counts[:, ::2]

    def log_shares(self, parameters: Array) -> Array:
        """Give the logarithm of each outcome's probability."""
        from scipy.special import log_softmax

        shares: Array = log_softmax(self.design @ parameters, axis=1)
        return shares

    def moments(self, parameters: Array) -> tuple[Array, Array]:
        """Give the expected counts, and the design less its mean within each pair."""
        import numpy as np

        shares = np.exp(self.log_shares(parameters))
        mean = np.einsum("po,pok->pk", shares, self.design)
        return self.counts.sum(axis=1)[:, None] * shares, self.design - mean[:, None, :]

    def information(self, parameters: Array) -> Array:
        """Give Fisher's information: the observed one too, as the model is log-linear."""
        import numpy as np

        expected, centred = self.moments(parameters)
        information: Array = np.einsum("po,poj,pok->jk", expected, centred, centred)
        return information

    def slope(self, parameters: Array, *, penalised: bool) -> Array:
        """Give the slope of the log likelihood, with Firth's penalty if asked for."""
        import numpy as np

        expected, centred = self.moments(parameters)
        surplus = self.outcomes() - expected
        if penalised:
            # Half the slope of log det I: the third moments, weighted by the inverse of I.
            inverse = np.linalg.inv(self.information(parameters))
            surplus += 0.5 * expected * np.einsum("poj,jk,pok->po", centred, inverse, centred)
        slope: Array = np.einsum("po,pok->k", surplus, centred)
        return slope

    def log_likelihood(self, parameters: Array, *, penalised: bool) -> float:
        """Give the log likelihood but for a constant, with Firth's penalty if asked for."""
        import numpy as np

        value = float((self.outcomes() * self.log_shares(parameters)).sum())
        if penalised:
            value += 0.5 * float(np.linalg.slogdet(self.information(parameters))[1])
        return value

    def fit(self, *, penalised: bool) -> Array:
        """Find the parameters with the greatest likelihood."""
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
            hess=self.information,
            method="trust-exact",
            options={"gtol": 1e-7, "maxiter": 1000},
        )
        if not np.abs(found.jac).max() < 1e-5:  # noqa: PLR2004 - votes are counts: far below one
            msg = f"the Bradley-Terry model could not be fitted: {found.message}"
            raise ArithmeticError(msg)
        return np.asarray(found.x, dtype=np.float64)

    def equality(self, size: int) -> float:
        """Give the p value of Rao's score test that all variants are equally good."""
        import numpy as np

        null = np.zeros(self.design.shape[2])
        ties, decided = self.counts[:, 1].sum(), self.counts[:, ::2].sum()
        if ties:
            null[-1] = np.log(2 * ties / decided)
        slope = self.slope(null, penalised=False)
        statistic = float(slope @ np.linalg.solve(self.information(null), slope))
        return float(scipy_stats().chi2.sf(statistic, size - 1))


def _centred(
    names: Sequence[str], fitted: Array, information: Array, confidence: float
) -> dict[str, Strength]:
    """Turn strengths against the first variant into strengths against the mean of all."""
    import numpy as np

    size = len(names)
    against_first = np.eye(size)[:, 1:]
    centring = (np.eye(size) - 1 / size) @ against_first
    values = centring @ fitted[: size - 1]
    covariance = np.linalg.inv(information)[: size - 1, : size - 1]
    errors = np.sqrt(np.diag(centring @ covariance @ centring.T))
    reach = float(scipy_stats().norm.ppf(0.5 + confidence / 2))
    return {
        name: Strength(float(value), float(error), value - reach * error, value + reach * error)
        for name, value, error in zip(names, values.tolist(), errors.tolist(), strict=True)
    }
