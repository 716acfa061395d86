"""The figures of a table: as many decimals for all of a column, and only as many as are of use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.templates import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

_CENTS, _MICRO = 2, 6  # decimals of an amount, at least and at most


@dataclass(frozen=True, slots=True)
class Figures:
    """How the values of a column are written.

    Attributes
    ----------
    are_numbers : bool
        Whether all that are there are numbers, which stand to the right.
    decimals : int or None
        Of each fraction; None: as each is.
    are_grouped : bool
        Whether thousands are set apart. A seed is copied, so it stands as it is typed.
    """

    are_numbers: bool
    decimals: int | None
    are_grouped: bool

    def text(self, value: float) -> str:
        """Return a number as it is written."""
        group = "," if self.are_grouped else ""
        if isinstance(value, int):
            return f"{value:{group}}"
        if self.decimals is None or not math.isfinite(value):
            return f"{value:.6g}"
        return f"{value:{group}.{self.decimals}f}"


def is_number(value: object) -> bool:
    """Whether a value is written as a number; a flag is a word."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def figures_of(name: str, values: Iterable[Any]) -> Figures:
    """Return how a column is written, by its name and its values.

    Examples
    --------
    >>> seconds = figures_of("step1_seconds", [12.3456, 0.0])
    >>> seconds.text(12.3456), seconds.text(0.0)
    ('12.3', '0.0')
    >>> costs = figures_of("cost_usd", [0.005, 0.0])
    >>> costs.text(0.005), costs.text(0.0)
    ('0.005', '0.000')
    """
    present = [value for value in values if not is_missing(value)]
    numbers = [value for value in present if is_number(value)]
    fractions = [value for value in numbers if isinstance(value, float) and math.isfinite(value)]
    if name.endswith("seconds"):
        decimals: int | None = 1
    elif name.endswith("_usd"):
        exact = (len(f"{value:.{_MICRO}f}".rstrip("0").partition(".")[2]) for value in fractions)
        decimals = max(_CENTS, *exact) if fractions else _CENTS
    else:
        decimals = _decimals(value for value in fractions if value % 1)
    return Figures(len(numbers) == len(present) > 0, decimals, not name.endswith("seed"))


def _decimals(fractions: Iterable[float]) -> int | None:
    """Return how many decimals show all numbers of a column evenly; None if none would.

    Very small and very large ones are written with an exponent, each as it is.
    """
    texts = [f"{value:.6g}" for value in fractions]
    if not texts or any(not text.lstrip("-").replace(".", "", 1).isdigit() for text in texts):
        return None
    return max(len(text.partition(".")[2]) for text in texts)
