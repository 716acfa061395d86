"""From requests to outcomes: look up, decide, run; for frames and for single calls alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pruna_nb.batch.job import Outcome
from pruna_nb.batch.plan import make_plan
from pruna_nb.catalog import at_most_text
from pruna_nb.store.cache import Cache
from pruna_nb.store.database import DamagedError
from pruna_nb.store.journal import Journal
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.batch.plan import Plan, Request
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Model
    from pruna_nb.settings import Settings
    from pruna_nb.store.cache import CacheMode

T = TypeVar("T")


def prepare(
    model: Model, requests: Sequence[Request], settings: Settings, cache: CacheMode
) -> Plan:
    """Look up what is there and what is under way, and decide what becomes of each row.

    Raises
    ------
    CacheError
        If the cache folder cannot be used.
    """
    try:
        return _prepare(model, requests, settings, cache)
    except DamagedError:  # it is moved aside at the next use, and made anew
        return _prepare(model, requests, settings, cache)


def _prepare(
    model: Model, requests: Sequence[Request], settings: Settings, cache: CacheMode
) -> Plan:
    keys = list(dict.fromkeys(request.key for request in requests if request.key is not None))
    hits = Cache(settings.cache_dir).find(keys) if cache == "use" else {}
    journal = Journal.of(settings)
    wanted = set(keys).difference(hits)

    def among_wanted(found: Mapping[str, T]) -> dict[str, T]:
        return {key: entry for key, entry in found.items() if key in wanted}

    open_work = among_wanted(journal.open_entries())
    if cache == "use":  # delivered once, and not here: its file was deleted, or is damaged
        open_work = journal.delivered(wanted.difference(open_work)) | open_work
    return make_plan(
        model,
        requests,
        hits=hits,
        open_work=open_work,
        lost=among_wanted(journal.lost()),
        expired=among_wanted(journal.expired()),
        elsewhere=among_wanted(journal.elsewhere()),
        stale=frozenset(key for key, entry in open_work.items() if entry.seems_old),
    )


def announcements(plan: Plan) -> list[str]:
    """Say what of earlier runs this one goes on with, and what it sends again, at what cost."""
    asked_first = plan.asked_first()
    here = [key for key, entry in plan.open_work.items() if key not in asked_first]
    deleted = sum(plan.open_work[key].state == "delivered" for key in here)
    lost = [entry for entries in plan.lost.values() for entry in entries]
    expired = [entry for entries in plan.expired.values() for entry in entries]
    lines = []
    if len(here) > deleted:
        what = counted(len(here) - deleted, "prediction")
        lines.append(f"{what} of an earlier run taken up: not sent again.")
    if deleted:
        what = counted(deleted, "output")
        lines.append(f"{what} no longer on the disk: fetched again by id, at no cost.")
    if asked_first:
        what = counted(len(asked_first), "prediction")
        cost = at_most_text([plan.open_work[key].cost_usd for key in asked_first])
        lines.append(
            f"{what} of more than 24 hours ago: the service is asked first, and what it no longer "
            f"has is made anew (cost: {cost})."
        )
    if lost:
        cost = at_most_text([entry.cost_usd for entry in lost])
        lines.append(
            f"{counted(len(lost), 'prediction')} lost on the way before (possible cost: {cost}), "
            "sent again now."
        )
    if expired:
        cost = at_most_text([entry.cost_usd for entry in expired])
        lines.append(
            f"{counted(len(expired), 'prediction')} expired before the output was fetched, sent "
            f"again now: charged once more (cost: {cost})."
        )
    if plan.elsewhere:
        cost = at_most_text([entry.cost_usd for entry in plan.elsewhere.values()])
        lines.append(
            f"{counted(len(plan.elsewhere), 'prediction')} of these rows sent with another API "
            "key and not fetched yet, which a run with that key does at no cost: sent again now "
            f"with this key (cost: {cost})."
        )
    return lines


def outcomes(plan: Plan, run: Run | None) -> list[Outcome]:
    """Give what became of each row so far, in the rows' order."""
    found: list[Outcome] = []
    for request, action in zip(plan.requests, plan.actions, strict=True):
        if request.key is None:
            found.append(Outcome("skipped", error=request.skipped))
        elif action == "hit":
            hit = plan.hits[request.key]
            found.append(
                Outcome("succeeded", hit.path, cached=True, prediction_id=hit.prediction_id)
            )
        elif run is None:
            found.append(Outcome("pending", error="not sent"))
        else:
            found.append(_shared(run.outcome(request.key), first=action != "duplicate"))
    return found


def _shared(outcome: Outcome, *, first: bool) -> Outcome:
    """Give a row its outcome; one that shares another's did not cost anything itself."""
    if first:
        return outcome
    cached = outcome.status == "succeeded"
    return Outcome(
        outcome.status, outcome.output, outcome.error, 0.0, 0.0, cached, outcome.prediction_id
    )
