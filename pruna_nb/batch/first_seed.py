"""One output for a request without a seed and for the first of its samples.

``samples=1`` sends no seed, so that another picture comes when it is made anew; ``samples=4`` sends
the seeds 1 to 4. Who asked for one picture and then wants four has the first already, and who has
four and asks for one too: whichever is there serves as the other. Neither key changes, so nothing
that earlier releases kept is bought again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.plan import make_plan
from pruna_nb.store.database import DamagedError
from pruna_nb.store.journal import Journal
from pruna_nb.store.keys import KeyMaker
from pruna_nb.store.shared import find_outputs

if TYPE_CHECKING:
    from collections.abc import Collection

    from pruna_nb.batch.plan import Plan, Request
    from pruna_nb.settings import Settings
    from pruna_nb.store.cache import CacheMode

FIRST_SEED = 1


def share_first_seed(
    plan: Plan,
    settings: Settings,
    cache: CacheMode,
    chosen: Collection[int] = (),
    *,
    download: bool = True,
) -> Plan:
    """Return a plan whose new rows take what was made with, or without, the first seed.

    Parameters
    ----------
    plan : Plan
    settings : Settings
    cache : {"use", "refresh", "off"}
        As the plan was made with; only "use" takes what is there.
    chosen : collection of int
        The rows whose seed the user did not give: the first samples.
    download : bool
        As the plan was made with.
    """
    models = [model for model in plan.models if "seed" in model.fields]
    if cache != "use" or not models or not plan.count("new"):
        return plan
    makers = {model.name: KeyMaker(settings.service, model) for model in models}
    asked = {request.key for request in plan.requests}
    others: dict[str, tuple[Request, dict[str, Any]]] = {}
    kinds = {model.name: model.output for model in models}
    for row, (request, action) in enumerate(zip(plan.requests, plan.actions, strict=True)):
        maker = makers.get(plan.model_of(request).name) if action == "new" else None
        given, other = request.input or {}, None
        if "seed" not in given:
            other = {**given, "seed": FIRST_SEED}
        elif row in chosen:
            other = {name: value for name, value in given.items() if name != "seed"}
        if maker is not None and other is not None:
            others[maker.key(other)] = request, other
    # What another row asks for itself is that row's: equal pictures were not asked for.
    wanted = others.keys() - asked
    made = {key: kinds[plan.model_of(others[key][0]).name] for key in wanted}
    try:
        there = set(find_outputs(settings, made, download=False)[0])
        open_work = Journal.of(settings).open_entries()
    except DamagedError:  # since the plan was made, which then costs a picture more
        return plan
    there |= {key for key in wanted if key in open_work and not open_work[key].seems_old}
    if not there:
        return plan
    # By key: the duplicates of a row share what it becomes.
    found: dict[str | None, Request] = {}
    for key in there:
        request, other = others[key]
        found[request.key] = replace(request, key=key, input=other)
    requests = [found.get(request.key, request) for request in plan.requests]
    again = make_plan(plan.model, requests, settings, cache, download=download)
    return replace(again, fetched=plan.fetched + again.fetched)
