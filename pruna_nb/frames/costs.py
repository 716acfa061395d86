"""What was spent, as the journal tells it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pandas as pd

from pruna_nb.catalog import total_usd
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pruna_nb.store.entries import Entry

_DAY = 86_400.0
_SURE = frozenset({"delivered", "sent", "expired"})
_PERHAPS = frozenset({"failed", "canceled", "lost", "resent"})


def costs(since: float) -> pd.DataFrame:
    """Say what was spent at the service that is in force.

    Parameters
    ----------
    since : float
        When the session began, in seconds since 1970.

    Returns
    -------
    DataFrame
        Indexed by period: "this session", "last 24 hours" and "last 30 days", which is as
        far as the journal reaches back. ``predictions`` (sent), ``cost_usd`` (the price of
        those that were accepted), ``perhaps_usd`` (the price of those that failed or were
        lost, which may have been charged) and ``unpriced`` (those whose price is not
        published). A picture from the cache is in none of them: it cost nothing.
    """
    from pruna_nb.store.journal import Journal

    settings = current()
    found = Journal(settings.cache_dir, settings.base_url).entries()
    ours = [entry for entry in found if entry.origin == settings.origin]
    now = time.time()
    starts = {
        "this session": since,
        "last 24 hours": now - _DAY,
        "last 30 days": now - 30 * _DAY,
    }
    rows = {name: _sums(ours, start) for name, start in starts.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "period"
    return frame


def _sums(entries: list[Entry], start: float) -> dict[str, float]:
    counted = _SURE | _PERHAPS
    some = [entry for entry in entries if entry.sent_at >= start and entry.state in counted]
    return {
        "predictions": len(some),
        "cost_usd": _sum(entry.cost_usd for entry in some if entry.state in _SURE),
        "perhaps_usd": _sum(entry.cost_usd for entry in some if entry.state in _PERHAPS),
        "unpriced": sum(entry.cost_usd is None for entry in some),
    }


def _sum(prices: Iterable[float | None]) -> float:
    return float(total_usd(price for price in prices if price is not None))
