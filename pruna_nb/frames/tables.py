"""What the package knows, as frames: the models, the journal, and what was spent."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.catalog import all_models, limit_for, total_usd
from pruna_nb.settings import current
from pruna_nb.store.entries import Entry
from pruna_nb.store.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable


def models() -> pd.DataFrame:
    """Return the catalogue as a frame, one row for each model.

    Returns
    -------
    DataFrame
        Indexed by the model's name, with ``task``, ``output``, ``price_usd`` (for one
        ``price_unit``; of p-video and its like for a second at the default resolution; NaN
        where it is not published), ``price_unit``, ``requests_per_minute`` (the limit that is
        kept for one key), ``try_sync``, ``required`` and ``fields`` (names, as lists).

    Examples
    --------
    >>> import pruna_nb
    >>> table = pruna_nb.models()
    >>> int(table.loc["p-image", "requests_per_minute"])
    250
    """
    rows = []
    for model in all_models():
        price = model.price
        usd = None
        if price is not None:
            rates = price.usd_by_resolution or {}
            usd = price.usd if price.usd is not None else next(iter(rates.values()), None)
        rows.append(
            {
                "model": model.name,
                "task": model.task,
                "output": model.output,
                "price_usd": usd,
                "price_unit": None if price is None else price.unit,
                "requests_per_minute": limit_for(model)[0],
                "try_sync": model.try_sync,
                "required": list(model.required),
                "fields": list(model.fields),
            }
        )
    return pd.DataFrame(rows).set_index("model")


def journal() -> pd.DataFrame:
    """Return what was sent to the service, and its outcome.

    Returns
    -------
    DataFrame
        One row a prediction, in the order of sending: ``sent_at`` (UTC), ``model``, ``state``
        ("intent", "sent", "delivered", "failed", "canceled", "expired", "lost", or "resent":
        lost or expired, and sent again since), ``prediction_id``, ``cost_usd`` (the price;
        NaN if not published), ``error``, ``media`` (the file below the cache's media folder),
        ``request`` (its input, secrets masked), ``tag`` (what it is for), ``origin`` (the
        service's address) and ``key``.
    """
    settings = current()
    entries = Journal(settings.cache_dir, settings.base_url).entries()
    names = ["sent_at", "model", "state", "prediction_id", "cost_usd", "error", "media"]
    names += ["request", "tag", "origin", "key"]
    rows: list[dict[str, Any]] = [asdict(entry) for entry in entries]
    frame = pd.DataFrame(rows, columns=list(Entry.__dataclass_fields__))
    frame = frame.rename(columns={"tags": "tag"})[names]
    sent = pd.to_datetime(frame["sent_at"].astype("float64"), unit="s", utc=True)
    return frame.assign(sent_at=sent, cost_usd=frame["cost_usd"].astype("float64"))


_DAY = 86_400.0
# An expired prediction was made and charged: its output was gone before it was fetched.
_SURE = frozenset({"delivered", "sent", "expired"})
_PERHAPS = frozenset({"failed", "canceled", "lost", "resent"})


def costs(since: float) -> pd.DataFrame:
    """Return what was spent at the current service.

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
    settings = current()
    found = Journal(settings.cache_dir, settings.base_url).entries()
    ours = [entry for entry in found if entry.origin == settings.origin]
    now = time.time()
    starts = {
        "this session": since,
        "last 24 hours": now - _DAY,
        "last 30 days": now - 30 * _DAY,
    }
    rows: dict[str, dict[str, float]] = {}
    for name, start in starts.items():
        some = [entry for entry in ours if entry.sent_at >= start]
        sure = [entry.cost_usd for entry in some if entry.state in _SURE]
        perhaps = [entry.cost_usd for entry in some if entry.state in _PERHAPS]
        rows[name] = {
            "predictions": len(sure) + len(perhaps),
            "cost_usd": _sum(sure),
            "perhaps_usd": _sum(perhaps),
            "unpriced": [*sure, *perhaps].count(None),
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "period"
    return frame


def _sum(prices: Iterable[float | None]) -> float:
    return float(total_usd(price for price in prices if price is not None))
