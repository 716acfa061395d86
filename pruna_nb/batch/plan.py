"""What a run would do, decided before anything is spent."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.catalog import cost_usd, limit_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.batch.cache import Hit
    from pruna_nb.batch.journal import Entry
    from pruna_nb.catalog import Model
    from pruna_nb.settings import Settings

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
        row above, whose output it shares), "resume" (sent before, not yet delivered) or
        "skip".
    hits : mapping of str to Hit
        By key.
    open_work : mapping of str to Entry
        What is to be taken up, by key.
    lost : mapping of str to list of Entry
        What was lost on the way before and is sent again now, by key.
    """

    model: Model
    requests: Sequence[Request]
    actions: list[Action]
    hits: Mapping[str, Hit]
    open_work: Mapping[str, Entry]
    lost: Mapping[str, list[Entry]]

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
        total = 0.0
        for row, action in enumerate(self.actions):
            if action == "new":
                cost = cost_usd(self.model, self.requests[row].input or {})
                if cost is None:
                    return None
                total += cost
        return total

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
) -> Plan:
    """Decide what becomes of each row: a pure function of what is known."""
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
            actions.append("resume" if key in open_work else "new")
    again = {key: entries for key, entries in lost.items() if key in seen and key not in open_work}
    return Plan(model, requests, actions, hits, open_work, again)


def summary(plan: Plan) -> Counter[str]:
    """Count the rows by what becomes of them."""
    return Counter(plan.actions)
