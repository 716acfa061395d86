"""A prediction's line in the journal, and how it is written and read."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal

State = Literal["intent", "sent", "delivered", "failed", "canceled", "expired", "lost", "resent"]
OUTPUT_LIFE_SECONDS = 86400.0
"""How long the service keeps an output, by its own clock."""
FETCHED_FROM = "fetched_from"
"""Names, in an output of the index, the shared storage that it is from: another machine paid."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One prediction's line in the journal; its fields are the table's columns, in order."""

    entry: str
    key: str
    origin: str
    model: str
    request: str | None
    run: str
    state: str
    prediction_id: str | None
    generation_url: str | None
    media: str | None
    error: str | None
    cost_usd: float | None
    sent_at: float
    updated_at: float
    account: str = ""
    service_date: float | None = None
    reusable: bool = True
    tags: str = ""  # what it is for: several with commas between them

    @property
    def is_open(self) -> bool:
        """Whether its output is still to be fetched."""
        return self.state == "sent"

    @property
    def seems_old(self) -> bool:
        """Whether its output has expired by our clock, which may be wrong: the service is asked."""
        return time.time() - self.sent_at > OUTPUT_LIFE_SECONDS


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a prediction was asked for, and what became of it, by the journal or the cache.

    Parameters
    ----------
    model : str
        The model's name.
    input : dict
        Its fields, with secrets masked and files named by their SHA-256.
    state : str
        As the journal has it; "delivered" for what only the cache knows.
    key : str
        As `request_key` gives it.
    tags : str
        What it was made for.
    """

    model: str
    input: dict[str, Any] = field(repr=False)
    state: str
    key: str
    tags: str = ""


_NAMES = [column.name for column in fields(Entry)]
# Not dataclasses.astuple, which copies each value deeply: a quarter of a millisecond a row.
values_of = attrgetter(*_NAMES)
COLUMNS = ", ".join(_NAMES)
# A second open entry of one request is what the index forbids: it is ignored, not replaced.
INSERT = f"INSERT OR IGNORE INTO prediction ({COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - names of ours
# The same, but for a request whose output is there: what another run delivered meanwhile.
INSERT_NEW = (
    f"INSERT OR IGNORE INTO prediction ({COLUMNS}) SELECT {', '.join('?' * len(_NAMES))} "  # noqa: S608 - the same
    "WHERE NOT EXISTS (SELECT 1 FROM item WHERE item.key = ?)"
)
UPDATE = (
    f"UPDATE OR IGNORE prediction SET {', '.join(f'{name} = ?' for name in _NAMES)} WHERE entry = ?"  # noqa: S608 - the same
)
DURABLE = frozenset({"intent", "sent", "lost"})
"""States whose loss costs money: they reach the disk before the work goes on."""
_RANK = "CASE state WHEN 'intent' THEN 0 WHEN 'lost' THEN 1 WHEN 'sent' THEN 2 ELSE 3 END"
# What was written late does not undo what another run has made of the entry since.
UPDATE_LATE = f"{UPDATE} AND {_RANK} < CASE ? WHEN 'lost' THEN 1 WHEN 'sent' THEN 2 ELSE 3 END"


def object_of(text: object) -> dict[str, Any]:
    """Return what was kept as a JSON object; empty where it is damaged, as by another program."""
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
