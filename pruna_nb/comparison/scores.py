"""Automatic scores of pictures, joined to the rows of a comparison."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.text import counted, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ERROR = "score_error"
Score = Callable[[Any, Mapping[str, Any]], float | Mapping[str, float]]
_Key = tuple[str, str]  # a scorer's name, and what it calls the number


def score_rows(
    rows: Sequence[Mapping[str, Any]],
    score: Score | Mapping[str, Score],
    *,
    open_image: Callable[[str], Any],
) -> list[dict[str, Any]]:
    """Score the pictures of rows.

    Parameters
    ----------
    rows : sequence of dict
        With ``output``: the path of a picture, or None.
    score : callable, or mapping of str to callable
        Called with the picture and its row; gives a number, or a dict of numbers. A single
        callable's number gets its name ("score" for a lambda); a name that a column has already
        gets "score_" before it, one that two scorers give the scorer's own.
    open_image : callable
        Opens a path.

    Returns
    -------
    list of dict
        For each row its scores, NaN where there is none; ``score_error`` says why a score
        failed, and None where none did.

    Raises
    ------
    InputError
        If `score` is neither.

    Warns
    -----
    RuntimeWarning
        If a score failed: for how many pictures, and why for the first of them.
    """
    scorers = read_score(score)
    scored = [_score_row(row, scorers, open_image) for row in rows]
    _warn_of_failures([error for _, error in scored if error is not None], len(rows))
    names = _columns(scored, {name for row in rows for name in row} | {ERROR})
    return [
        {**{new: values.get(key, math.nan) for key, new in names.items()}, ERROR: error}
        for values, error in scored
    ]


def _warn_of_failures(failures: Sequence[str], rows: int) -> None:
    if failures:
        warnings.warn(
            f"A score failed for {len(failures):,} of {counted(rows, 'picture')}: {failures[0]}. "
            f"The column {ERROR!r} says why for each.",
            RuntimeWarning,
            stacklevel=3,
        )


def _columns(
    scored: Sequence[tuple[Mapping[_Key, float], str | None]], taken: Collection[str]
) -> dict[_Key, str]:
    """Name the scores' columns; what two scorers name alike gets the scorer's name before it."""
    keys = list(dict.fromkeys(key for values, _ in scored for key in values))
    count = Counter(name for _, name in keys)
    columns: dict[_Key, str] = {}
    for scorer, name in keys:
        column = name if count[name] == 1 else f"{scorer}_{name}"
        columns[scorer, name] = f"score_{column}" if column in taken else column
    return columns


def mean_scores(
    variants: Sequence[str], scores: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float]]:
    """Give for each variant the means of its scores, over the pictures that have one.

    Parameters
    ----------
    variants : sequence of str
        The variant of each row.
    scores : sequence of mapping
        From `score_rows`, one for each row.
    """
    names = list(dict.fromkeys(name for each in scores for name in each if name != ERROR))
    means: dict[str, dict[str, float]] = {}
    for variant in dict.fromkeys(variants):
        own = [each for each, whose in zip(scores, variants, strict=True) if whose == variant]
        means[variant] = {name: _mean([each[name] for each in own]) for name in names}
    return means


def read_score(score: Score | Mapping[str, Score]) -> dict[str, Score]:
    """Give the callables by name.

    Raises
    ------
    InputError
        If it is neither a callable nor a mapping of callables.
    """
    if isinstance(score, Mapping):
        scorers = {str(name): each for name, each in score.items()}
    else:
        name = getattr(score, "__name__", "score")
        scorers = {"score" if name == "<lambda>" else name: score}
    if not scorers or not all(callable(each) for each in scorers.values()):
        given = f"{shown(score)} was given"
        msg = f"score must be a callable of (image, row), or a dict of them; {given}"
        raise InputError(msg)
    return scorers


def _score_row(
    row: Mapping[str, Any], scorers: Mapping[str, Score], open_image: Callable[[str], Any]
) -> tuple[dict[_Key, float], str | None]:
    if not row.get("output"):
        return {}, None
    found: dict[_Key, float] = {}
    errors: list[str] = []
    for name, scorer in scorers.items():
        try:
            value = scorer(open_image(row["output"]), row)
            found.update({(name, each): number for each, number in _numbers(name, value).items()})
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything
            errors.append(f"{name}: {type(error).__name__}: {error}")
    return found, "; ".join(errors) or None


def _numbers(name: str, value: object) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {
            str(key): number for k, v in value.items() for key, number in _numbers(k, v).items()
        }
    # numpy's scalars and 0-d arrays too, which are no Real but become one.
    number = value if isinstance(value, Real) else getattr(value, "item", lambda: None)()
    if not isinstance(number, Real):
        msg = f"a score is a number; {name} gave {type(value).__name__}"
        raise TypeError(msg)
    return {name: float(number)}


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
