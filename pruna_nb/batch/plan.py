"""What a run would do, decided before anything is spent."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pruna_nb.catalog import cost_usd, limit_for, total_usd

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from pruna_nb.catalog import Model
    from pruna_nb.settings import Settings
    from pruna_nb.store.cache import Hit
    from pruna_nb.store.entries import Entry

T = TypeVar("T")
Action = Literal["hit", "new", "duplicate", "resume", "skip"]


@dataclass(frozen=True, slots=True)
class Request:
    """One row's request: its input and key, or why the row is skipped."""

    key: str | None
    input: dict[str, Any] | None = field(repr=False)
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each row.

    Parameters
    ----------
    model : Model
        The model.
    requests : sequence of Request
        The rows, in their order.
    actions : list of str
        For each row: "hit" (there already), "new" (sent and paid), "duplicate" (equal to a
        row above, whose output it shares), "resume" (sent before, not yet delivered, or its file
        is gone) or "skip". What was sent so long ago that its output has probably expired is
        "new": it is asked for first, and its cost is counted.
    hits : mapping of str to Hit
        By key.
    open_work : mapping of str to Entry
        What is to be taken up, by key.
    lost, expired : mapping of str to list of Entry
        What was lost on the way before, or expired unfetched, and is sent again now, by key.
    elsewhere : mapping of str to Entry
        What another account has open and this one sends for itself, by key.
    """

    model: Model
    requests: Sequence[Request]
    actions: list[Action]
    hits: Mapping[str, Hit]
    open_work: Mapping[str, Entry]
    lost: Mapping[str, list[Entry]]
    expired: Mapping[str, list[Entry]] = field(default_factory=dict)
    elsewhere: Mapping[str, Entry] = field(default_factory=dict)

    def count(self, action: Action) -> int:
        """Give how many rows have an action."""
        return self.actions.count(action)

    def firsts(self) -> list[int]:
        """Give the rows that are to be worked on: one for each request that is not there."""
        return [row for row, action in enumerate(self.actions) if action in {"new", "resume"}]

    def cost_usd(self) -> float | None:
        """Give what the new rows cost; None if the model's price is not published."""
        if self.model.price is None and self.count("new"):
            return None
        costs: list[float] = []
        for row, action in enumerate(self.actions):
            if action == "new":
                cost = cost_usd(self.model, self.requests[row].input or {})
                if cost is None:
                    return None
                costs.append(cost)
        return float(total_usd(costs))

    def asked_first(self) -> frozenset[str]:
        """Return the keys of new rows that are asked for before they are sent."""
        new = {
            request.key
            for request, action in zip(self.requests, self.actions, strict=True)
            if action == "new"
        }
        return frozenset(key for key in self.open_work if key in new)

    def seconds_at_limit(self, settings: Settings) -> float:
        """Give the seconds that the limit alone takes for the new rows."""
        requests, seconds = settings.limits.get(self.model.name, limit_for(self.model))
        return max(0, math.ceil(self.count("new") / requests) - 1) * seconds


def make_plan(
    model: Model,
    requests: Sequence[Request],
    *,
    hits: Mapping[str, Hit],
    open_work: Mapping[str, Entry],
    lost: Mapping[str, list[Entry]],
    expired: Mapping[str, list[Entry]] = MappingProxyType({}),
    elsewhere: Mapping[str, Entry] = MappingProxyType({}),
    stale: Container[str] = (),
) -> Plan:
    """Decide what becomes of each row: a pure function of what is known.

    Parameters
    ----------
    stale : container of str
        The keys of open work that the service has probably no more.
    """
    actions: list[Action] = []
    seen: set[str] = set()
    for request in requests:
        key = request.key
        if key is None:
            actions.append("skip")
        elif key in hits:
            actions.append("hit")
        elif key in seen:
            actions.append("duplicate")
        else:
            seen.add(key)
            actions.append("resume" if key in open_work and key not in stale else "new")

    def sent_now(found: Mapping[str, T]) -> dict[str, T]:
        return {key: it for key, it in found.items() if key in seen and key not in open_work}

    return Plan(
        model,
        requests,
        actions,
        hits,
        open_work,
        sent_now(lost),
        sent_now(expired),
        sent_now(elsewhere),
    )


def summary(plan: Plan) -> Counter[str]:
    """Count the rows by what becomes of them."""
    return Counter(plan.actions)
