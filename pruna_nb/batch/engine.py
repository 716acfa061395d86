"""From requests to outcomes: look up, decide, run; for frames and for single calls alike."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.cache import Cache
from pruna_nb.batch.job import Outcome
from pruna_nb.batch.journal import Journal
from pruna_nb.batch.plan import make_plan
from pruna_nb.batch.words import counted
from pruna_nb.catalog import usd_text
from pruna_nb.errors import BudgetError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.cache import CacheMode
    from pruna_nb.batch.plan import Plan, Request
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Model
    from pruna_nb.settings import Settings

LOG = logging.getLogger("pruna_nb")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `SettingsError` if a value is none of the choices."""
    if value not in choices:
        msg = f"{name} must be one of {', '.join(map(repr, choices))}; {value!r} was given."
        raise SettingsError(msg)


def prepare(
    model: Model, requests: Sequence[Request], settings: Settings, cache: CacheMode
) -> Plan:
    """Look up what is there and what is under way, and decide what becomes of each row.

    Raises
    ------
    CacheError
        If the cache folder cannot be used.
    """
    check_choice("cache", cache, ("use", "refresh", "off"))
    keys = list(dict.fromkeys(request.key for request in requests if request.key is not None))
    hits = Cache(settings.cache_dir).find(keys) if cache == "use" else {}
    journal = Journal.of(settings)
    open_work = journal.open_work()
    wanted = set(keys)
    return make_plan(
        model,
        requests,
        hits=hits,
        open_work={key: entry for key, entry in open_work.items() if key in wanted},
        lost={key: entries for key, entries in journal.lost().items() if key in wanted},
    )


def check_budget(plan: Plan, max_cost_usd: float | None) -> None:
    """Refuse a plan that costs more than was allowed, or whose cost nobody knows.

    Raises
    ------
    SettingsError
        If the limit is no number: nothing would be more than it.
    BudgetError
        Nothing was sent.
    """
    if max_cost_usd is None:
        return
    if not _is_amount(max_cost_usd):
        msg = f"max_cost_usd must be 0 USD or more, or None for no limit; it is {max_cost_usd!r}."
        raise SettingsError(msg)
    if not plan.count("new"):
        return
    cost = plan.cost_usd()
    if cost is None:
        msg = (
            f"The price of {plan.model.name} is not published for this input, so max_cost_usd="
            f"{max_cost_usd:g} cannot be kept. Nothing was sent; leave max_cost_usd out to go on."
        )
        raise BudgetError(msg)
    if cost > max_cost_usd + 1e-9:
        new = counted(plan.count("new"), "new prediction")
        msg = (
            f"{new} would cost {usd_text(cost)}, more than "
            f"max_cost_usd={max_cost_usd:g}. Nothing was sent; raise it, or run fewer rows."
        )
        raise BudgetError(msg)


def _is_amount(value: Any) -> bool:
    try:
        return not isinstance(value, (bool, str)) and float(value) >= 0
    except (TypeError, ValueError):
        return False


def announcements(plan: Plan) -> list[str]:
    """Say what of earlier runs this one goes on with, and what it sends again."""
    lines = []
    resumed = plan.count("resume")
    if resumed:
        lines.append(
            f"{counted(resumed, 'prediction')} of an earlier run taken up: not sent again."
        )
    lost = [entry for entries in plan.lost.values() for entry in entries]
    if lost:
        prices = [entry.cost_usd for entry in lost]
        known = sum(price for price in prices if price is not None)
        cost = "price not published" if None in prices else f"{usd_text(known)} at most"
        lines.append(
            f"{counted(len(lost), 'prediction')} lost on the way before (possible cost: {cost}), "
            "sent again now."
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
