"""How a run speaks of itself: on one line, and not too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.catalog import total_usd, usd_text
from pruna_nb.redact import redact_addresses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.errors import PrunaError

_AT_MOST = 1200


def price_text(prices: Sequence[float | None]) -> str:
    """Return the sum of prices; of what is not published, no part of a sum."""
    known = [price for price in prices if price is not None]
    return usd_text(total_usd(known)) if len(known) == len(prices) else "price not published"


def at_most_text(prices: Sequence[float | None]) -> str:
    """Return what may be charged for predictions of some prices."""
    return price_text(prices) if None in prices else f"{price_text(prices)} at most"


def one_line(said: object) -> str:
    """Return a text, or an error's, on one line, with what is secret in its addresses masked."""
    return redact_addresses(" ".join(str(said).split()))[:_AT_MOST]


def brief(error: PrunaError) -> str:
    """Say what an error was, without what it meant for the one call that met it."""
    parts = [getattr(error, name, None) for name in ("status", "code", "message")]
    return one_line(" ".join(str(part) for part in parts if part is not None) or error)


def counted(count: int, noun: str) -> str:
    """Give a number with its noun, which ends in s but for one.

    Examples
    --------
    >>> counted(1, "row"), counted(1632, "row")
    ('1 row', '1,632 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
