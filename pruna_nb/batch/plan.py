"""What a run would do, decided before anything is spent; the same for an estimate and a run."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pruna_nb.catalog import at_most_text, cost_usd, limit_for, total_usd
from pruna_nb.store.database import DamagedError
from pruna_nb.store.journal import Journal
from pruna_nb.store.shared import SharedStorage, find_outputs
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from pruna_nb.catalog import Model
    from pruna_nb.settings import Settings
    from pruna_nb.store.cache import CacheMode, Hit
    from pruna_nb.store.entries import Entry

T = TypeVar("T")
# "hit": there already; "new": sent and paid for; "duplicate": equal to a row above, whose output it
# shares; "resume": sent before and not delivered, or its file is gone. What was sent so long ago
# that its output has probably expired is "new": it is asked for first, and its cost is counted.
# "wait": a step before it has not made its input yet.
Action = Literal["hit", "new", "duplicate", "resume", "skip", "wait"]


@dataclass(frozen=True, slots=True)
class Request:
    """One row's request: its input and key, or why the row is skipped.

    It names a model where that is not the plan's own, as in a sweep over several.
    """

    key: str | None
    input: dict[str, Any] | None = field(repr=False)
    skipped: str | None = None
    model: Model | None = None


_WAITING = Request(None, None, "its input is not made yet")


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each row."""

    model: Model
    requests: Sequence[Request]  # a list, as the maps below are dicts, where rows are taken in
    actions: list[Action]  # of each row
    hits: Mapping[str, Hit]  # by key, as all below
    open_work: Mapping[str, Entry]  # what is resumed, or watched
    lost: Mapping[str, list[Entry]]  # what was lost before, and is sent again now
    expired: Mapping[str, list[Entry]] = field(default_factory=dict)  # the same, expired unfetched
    # What another account has open, and this one sends for itself.
    elsewhere: Mapping[str, Entry] = field(default_factory=dict)
    fetched: int = 0  # of the hits, those that the shared storage had
    models: tuple[Model, ...] = field(init=False)  # of the requests, in their order, each once

    def __post_init__(self) -> None:
        """Find its models once: a bar asks for their names all the time."""
        models = {model.name: model for model in map(self.model_of, self.requests)}
        object.__setattr__(self, "models", tuple(models.values()) or (self.model,))

    def model_of(self, request: Request) -> Model:
        """Return the model that a request goes to."""
        return request.model or self.model

    @property
    def name(self) -> str:
        """The names of its models, as a run is called by."""
        return ", ".join(model.name for model in self.models)

    def count(self, action: Action) -> int:
        """Return how many rows have an action."""
        return self.actions.count(action)

    def firsts(self) -> list[int]:
        """Return the rows that are to be worked on: one for each request without an output.

        Rows of several models alternate, so that no limit keeps the other models waiting.
        """
        turns: Counter[str] = Counter()
        firsts: list[tuple[int, int]] = []
        for row, action in enumerate(self.actions):
            if action in {"new", "resume"}:
                name = self.model_of(self.requests[row]).name
                firsts.append((turns[name], row))
                turns[name] += 1
        return [row for _, row in sorted(firsts)]

    def cost_usd(self) -> float | None:
        """Return what the new rows cost; None if a model's price is not published."""
        costs = list(self.costs_by_model().values())
        return None if None in costs else float(total_usd(cost for cost in costs if cost))

    def costs_by_model(self) -> dict[str, float | None]:
        """Return what the new rows cost, by model; None where its price is not published."""
        costs: dict[str, list[float | None]] = {model.name: [] for model in self.models}
        for request, action in zip(self.requests, self.actions, strict=True):
            if action == "new":
                model = self.model_of(request)
                costs[model.name].append(cost_usd(model, request.input or {}))
        return {
            name: None if None in each else float(total_usd(cost for cost in each if cost))
            for name, each in costs.items()
        }

    @classmethod
    def waiting(cls, like: Plan) -> Plan:
        """Return a plan of as many rows whose input is not made yet; `take` fills them in."""
        rows = len(like.requests)
        plan = cls(like.model, [_WAITING] * rows, ["wait"] * rows, {}, {}, {}, {}, {})
        object.__setattr__(plan, "models", like.models)
        return plan

    def take(self, part: Plan, places: Sequence[int], known: dict[str, int]) -> list[int]:
        """Fill in some rows that were planned meanwhile; return those of the part to work on.

        `known` has, by key, the first row of each request that is worked on. As in a plan of
        all rows at once, the first of equal rows is the one that pays, whichever came first.
        """
        for mine, theirs in (
            (self.hits, part.hits),
            (self.open_work, part.open_work),
            (self.lost, part.lost),
            (self.expired, part.expired),
            (self.elsewhere, part.elsewhere),
        ):
            cast("dict[str, Any]", mine).update(
                {key: it for key, it in theirs.items() if key not in known}
            )
        requests, firsts = cast("list[Request]", self.requests), []
        for row, place in enumerate(places):
            request = requests[place] = part.requests[row]
            action, key = part.actions[row], request.key
            if key in known:
                first = known[key]
                action = "duplicate"
                if place < first:
                    known[key] = place
                    action, self.actions[first] = self.actions[first], action
            elif key is not None and action in {"new", "resume"}:
                known[key] = place
                firsts.append(row)
            self.actions[place] = action
        return firsts

    def asked_first(self) -> frozenset[str]:
        """Return the keys of new rows that are asked for before they are sent."""
        new = {
            request.key
            for request, action in zip(self.requests, self.actions, strict=True)
            if action == "new"
        }
        return frozenset(key for key in self.open_work if key in new)

    def seconds_at_limit(self, settings: Settings) -> float:
        """Return the seconds that the limit alone takes for the new rows."""
        return seconds_at_limit(self.new_by_model(), self.models, settings)

    def new_by_model(self) -> Counter[str]:
        """Return how many rows are new, by model."""
        return Counter(
            self.model_of(request).name
            for request, action in zip(self.requests, self.actions, strict=True)
            if action == "new"
        )


def seconds_at_limit(new: Mapping[str, int], models: Sequence[Model], settings: Settings) -> float:
    """Return the seconds that the limits alone take for so many new rows of each model."""
    waits = [0.0]
    for model in models:
        requests, seconds = settings.limits.get(model.name, limit_for(model))
        waits.append((math.ceil(new.get(model.name, 0) / requests) - 1) * seconds)
    return max(waits)


def make_plan(
    model: Model,
    requests: Sequence[Request],
    settings: Settings,
    cache: CacheMode,
    *,
    download: bool = True,
) -> Plan:
    """Look up what is there and what is under way, and decide what becomes of each row.

    What the shared storage has is fetched, unless this is for an estimate (`download`).

    Raises
    ------
    CacheError
        If the cache folder cannot be used.
    StorageError
        If the shared storage cannot be used, and is needed.
    """
    try:
        return _make_plan(model, requests, settings, cache, download=download)
    except DamagedError:  # the database is set aside at its next use, and made again
        return _make_plan(model, requests, settings, cache, download=download)


def _make_plan(
    model: Model,
    requests: Sequence[Request],
    settings: Settings,
    cache: CacheMode,
    *,
    download: bool,
) -> Plan:
    keys = {
        request.key: (request.model or model).output
        for request in requests
        if request.key is not None
    }
    hits: dict[str, Hit] = {}
    fetched = 0
    if cache == "use":
        hits, fetched = find_outputs(settings, keys, download=download)
    elif cache == "refresh" and keys and download and (storage := SharedStorage.of(settings)):
        storage.check()  # what is generated goes there
    journal = Journal.of(settings)
    wanted = keys.keys() - hits

    def among_wanted(by_key: Mapping[str, T]) -> dict[str, T]:
        return {key: it for key, it in by_key.items() if key in wanted}

    open_work = among_wanted(journal.open_entries())
    if cache == "use":  # delivered once, and not here: its file was deleted, or is damaged
        open_work = journal.delivered(wanted.difference(open_work)) | open_work
    plan = decide(
        model,
        requests,
        hits=hits,
        open_work=open_work,
        lost=among_wanted(journal.lost()),
        expired=among_wanted(journal.expired()),
        elsewhere=among_wanted(journal.elsewhere()),
        stale=frozenset(key for key, entry in open_work.items() if entry.seems_old),
    )
    return replace(plan, fetched=fetched) if fetched else plan


def decide(
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
    """Decide what becomes of each row: a pure function of what the cache and the journal hold.

    `stale` has the keys of open work that the service has probably deleted.
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

    def sent_now(by_key: Mapping[str, T]) -> dict[str, T]:
        return {key: it for key, it in by_key.items() if key in seen and key not in open_work}

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


def announcements(plan: Plan) -> list[str]:
    """Return what a run resumes of earlier ones, and what it sends again at what cost, as lines."""
    asked_first = plan.asked_first()
    here = [key for key, entry in plan.open_work.items() if key not in asked_first]
    deleted = sum(plan.open_work[key].state == "delivered" for key in here)
    lost = [entry for entries in plan.lost.values() for entry in entries]
    expired = [entry for entries in plan.expired.values() for entry in entries]
    lines = []
    if plan.fetched:
        what = counted(plan.fetched, "output")
        lines.append(f"{what} fetched from the shared storage, at no cost.")
    if len(here) > deleted:
        what = counted(len(here) - deleted, "prediction")
        lines.append(f"Resuming {what} of an earlier run (not sent again).")
    if deleted:
        what = counted(deleted, "output")
        lines.append(f"{what} no longer on disk: fetched again by id, at no cost.")
    if asked_first:
        what = counted(len(asked_first), "prediction")
        cost = at_most_text([plan.open_work[key].cost_usd for key in asked_first])
        lines.append(
            f"{what} older than 24 hours: the service is asked first, and what it no longer "
            f"has is generated again (cost: {cost})."
        )
    if lost:
        cost = at_most_text([entry.cost_usd for entry in lost])
        lines.append(
            f"Resending {counted(len(lost), 'prediction')} whose answer was lost earlier (may have "
            f"cost: {cost})."
        )
    if expired:
        cost = at_most_text([entry.cost_usd for entry in expired])
        lines.append(
            f"Resending {counted(len(expired), 'prediction')} that expired before the output was "
            f"fetched: charged once more (cost: {cost})."
        )
    if plan.elsewhere:
        cost = at_most_text([entry.cost_usd for entry in plan.elsewhere.values()])
        lines.append(
            f"Resending {counted(len(plan.elsewhere), 'prediction')} with this API key (cost: "
            f"{cost}): sent with another key before and not fetched yet, which a run with that key "
            "does at no cost."
        )
    return lines
