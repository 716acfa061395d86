"""What was ever sent here and what it cost: the journal's lines, and outputs older than those.

Earlier releases dropped lines of the journal after 30 days. What they made is read from the index
of outputs then, as long as that keeps it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pruna_nb.settings.origins import host_of, is_loopback
from pruna_nb.store.database import database_of
from pruna_nb.store.entries import FETCHED_FROM, object_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# States whose price was charged for certain: what expired was made, and gone before it was fetched.
_CHARGED = frozenset({"delivered", "sent", "expired"})
DAY_SECONDS = 86_400.0
_LINES = """
    SELECT origin, model, request, state, prediction_id, media, error, cost_usd,
        coalesce((SELECT seconds FROM item WHERE item.prediction_id = line.prediction_id),
            updated_at - sent_at),
        sent_at, tags,
        CASE WHEN request IS NULL
            THEN (SELECT value FROM item WHERE item.prediction_id = line.prediction_id) END
    FROM prediction AS line WHERE sent_at >= ? AND sent_at < ?"""
_OUTPUTS = """
    SELECT value, prediction_id, media, seconds, created_at - coalesce(seconds, 0) AS sent_at
    FROM item WHERE sent_at >= ? AND sent_at < ?
        AND NOT EXISTS (SELECT 1 FROM prediction AS p WHERE p.prediction_id = item.prediction_id)
        AND NOT EXISTS (
            SELECT 1 FROM prediction AS p WHERE p.key = item.key AND p.state = 'delivered')"""

# In whole parts of a dollar: a sum of floats is not exact, and a limit is.
_PARTS = 10**9
_SPENT = f"""
    SELECT origin, sum(CAST(round(cost_usd * {_PARTS}) AS INTEGER)) FROM prediction
    WHERE sent_at >= ? GROUP BY origin"""  # noqa: S608 - a number of ours


class Bill(NamedTuple):
    """One prediction that was sent, with what became of it."""

    model: str
    input: dict[str, Any] | None  # None where it is not known any more
    state: str
    prediction_id: str | None
    media: str | None
    error: str | None
    cost_usd: float | None
    seconds: float
    sent_at: float
    tags: tuple[str, ...]

    @property
    def is_charged(self) -> bool:
        """Whether its price was charged for certain; what failed or was lost may have been.

        Of what was sent again, that which had expired has an id, and that which was lost has none.
        """
        return self.state in _CHARGED or (self.state == "resent" and self.prediction_id is not None)


def bills(
    folder: Path, service: str, since: float, until: float, *, inputs: bool = True
) -> Iterator[Bill]:
    """Yield what was sent to a service (`Settings.service`) in a time, in no order.

    Without `inputs` they are left out, which saves half of the time.
    """
    database = database_of(folder)
    for origin, *columns, tags, value in database.execute(_LINES, (since, until)):
        if _service_of(origin) == service:
            model, request, *others = columns
            asked = (object_of(request) or object_of(value).get("input")) if inputs else None
            known = asked if isinstance(asked, dict) else None
            yield Bill._make((model, known, *others, _split(tags)))
    for value, prediction_id, media, seconds, sent_at in database.execute(_OUTPUTS, (since, until)):
        item = object_of(value)
        if FETCHED_FROM in item:  # made and paid for by another machine
            continue
        if _service_of(str(item.get("origin") or "")) in {service, ""}:
            asked, cost = item.get("input"), item.get("cost_usd")
            yield Bill(
                str(item.get("model") or ""),
                asked if isinstance(asked, dict) else None,
                "delivered",
                prediction_id,
                media,
                None,
                cost if isinstance(cost, (int, float)) else None,
                seconds or 0.0,
                sent_at,
                _split(str(item.get("tags") or "")),
            )


def day_start(moment: float) -> float:
    """Return when the day of a moment began, in UTC; both in seconds since 1970."""
    return moment - moment % DAY_SECONDS


def spent_usd(folder: Path, service: str, since: float) -> Decimal:
    """Return what was charged by a service since a moment, or may have been, by all accounts."""
    by_origin = database_of(folder).execute(_SPENT, (since,))
    total = sum(spent or 0 for origin, spent in by_origin if _service_of(origin) == service)
    return Decimal(total) / _PARTS


@lru_cache(maxsize=256)
def _service_of(origin: str) -> str:
    host = host_of(origin) if origin else ""
    return "loopback" if host and is_loopback(host) else host


@lru_cache(maxsize=1024)
def _split(tags: str) -> tuple[str, ...]:
    return tuple(tags.split(", ")) if tags else ()
