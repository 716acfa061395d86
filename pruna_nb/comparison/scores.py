"""Automatic scores of pictures, joined to the rows of a comparison."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.show.decode import load
from pruna_nb.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR = "score_error"
Score = Callable[[Any, Mapping[str, Any]], float | Mapping[str, float]]
# A box into which any picture fits at its full size: a score judges what was made.
_FULL_SIZE = 1_000_000


def read_score(score: Score | Mapping[str, Score]) -> dict[str, Score]:
    """Return the callables by name.

    Raises
    ------
    InputError
        If it is neither a callable nor a mapping of callables.
    """
    if isinstance(score, Mapping):
        scorers = {str(name): scorer for name, scorer in score.items()}
    else:
        name = getattr(score, "__name__", "score")
        scorers = {"score" if name == "<lambda>" else name: score}
    if not scorers or not all(map(callable, scorers.values())):
        msg = (
            f"score must be a callable of (image, row), or a dict of them; {shown(score)} was given"
        )
        raise InputError(msg)
    return scorers


def score_rows(
    rows: Sequence[Mapping[str, Any]], scorers: Mapping[str, Score]
) -> list[dict[str, Any]]:
    """Score the pictures of rows.

    Parameters
    ----------
    rows : sequence of dict
        With ``output``: the path of a picture, or None.
    scorers : mapping of str to callable
        Called with the picture and its row; each returns a number, or a dict of numbers. A number
        is named after its callable; a name that a column has already gets "score_" before it,
        and one that two callables use gets the callable's.

    Returns
    -------
    list of dict
        For each row its scores, NaN where there is none; ``score_error`` says why a score
        failed, and None where none did.

    Warns
    -----
    RuntimeWarning
        If a score failed: for how many pictures, and why for the first of them.
    """
    scored: list[tuple[dict[tuple[str, str], float], str | None]] = []
    for row in rows:
        numbers: dict[tuple[str, str], float] = {}
        errors: list[str] = []
        for scorer, function in scorers.items() if row.get("output") else ():
            try:
                # Each opens the picture anew: a function may have changed the one it was given.
                value = function(load(row["output"], _FULL_SIZE).image, row)
                numbers.update({(scorer, k): v for k, v in _numbers(scorer, value).items()})
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything
                errors.append(f"{scorer}: {type(error).__name__}: {error}")
        scored.append((numbers, "; ".join(errors) or None))
    if failures := [error for _, error in scored if error is not None]:
        warnings.warn(
            f"A score failed for {len(failures):,} of {counted(len(rows), 'picture')}: "
            f"{failures[0]}. The column {ERROR!r} says why for each.",
            RuntimeWarning,
            stacklevel=3,
        )
    taken = {name for row in rows for name in row} | {ERROR}
    keys = list(dict.fromkeys(key for numbers, _ in scored for key in numbers))
    uses = Counter(name for _, name in keys)
    columns: dict[tuple[str, str], str] = {}
    for scorer, name in keys:
        column = name if uses[name] == 1 else f"{scorer}_{name}"
        columns[scorer, name] = f"score_{column}" if column in taken else column
    return [
        {**{column: numbers.get(key, math.nan) for key, column in columns.items()}, ERROR: error}
        for numbers, error in scored
    ]


def _numbers(name: str, value: object) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {
            str(key): number for k, v in value.items() for key, number in _numbers(k, v).items()
        }
    # NumPy's scalars and arrays of no dimension are not Real, but their item() is.
    number = value if isinstance(value, Real) else getattr(value, "item", lambda: None)()
    if not isinstance(number, Real):
        msg = f"a score must be a number; {name} returned {type(value).__name__}"
        raise TypeError(msg)
    return {name: float(number)}


def mean_scores(
    variants: Sequence[str], scores: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Return for each variant the means of its scores, over the pictures that have one.

    Parameters
    ----------
    variants : sequence of str
        The variant of each row.
    scores : sequence of mapping
        From `score_rows`, one for each row.
    """
    names = [name for name in dict.fromkeys(key for row in scores for key in row) if name != ERROR]
    means: dict[str, dict[str, float]] = {}
    for variant in dict.fromkeys(variants):
        own = [row for row, whose in zip(scores, variants, strict=True) if whose == variant]
        means[variant] = {}
        for name in names:
            known = [row[name] for row in own if not math.isnan(row[name])]
            means[variant][name] = math.fsum(known) / len(known) if known else math.nan
    return means
