"""The facts of a run in a frame's attrs: when, with which versions and settings; no key."""

from __future__ import annotations

import platform
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from pruna_nb.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

    from pruna_nb.batch.run import Run

FACTS = "pruna_nb_runs"
"""The key of a frame's attrs with the facts of the run that made each of its output columns."""


class Facts(dict[str, Any]):
    """The facts of one run, as JSON has them.

    All are equal to each other: pandas keeps the attrs of a concat only if they are, and with them
    the calls that `retry` sends again.
    """

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts)

    def __ne__(self, other: object) -> bool:
        return not self == other


def facts_of(run: Run) -> Facts:
    """Return the facts of a run, which may be under way."""
    settings, options = run.settings, run.options
    seconds = (run.ended_at or time.monotonic()) - run.started_at
    began = time.time() - (time.monotonic() - run.started_at)
    most_a_day = settings.max_cost_usd_per_day
    return Facts(
        rows=len(run.plan.requests),
        started_at=_iso(began),
        ended_at=_iso(began + seconds),
        versions=versions(),
        settings={
            "service": settings.origin,
            "cache": options.cache,
            "on_lost": options.on_lost,
            "max_cost_usd": None if options.max_cost_usd is None else float(options.max_cost_usd),
            "max_cost_usd_per_day": float(most_a_day) if most_a_day.is_finite() else None,
            "timeout": options.timeout,
            "tag": list(options.tag),
            "workers": settings.workers,
            "limits": {name: list(limit) for name, limit in settings.limits.items()},
        },
    )


def all_facts(frame: pd.DataFrame) -> dict[str, Facts]:
    """Return the facts by output column, as far as the frame's attrs have them undamaged."""
    kept = frame.attrs.get(FACTS)
    if not isinstance(kept, dict):
        return {}
    return {
        name: Facts(facts)
        for name, facts in kept.items()
        if isinstance(name, str) and isinstance(facts, dict)
    }


def versions() -> dict[str, str]:
    """Return the versions of what is at work."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    import pandas as pd

    return {
        "pruna_nb": VERSION,
        "python": platform.python_version(),
        "pandas": pd.__version__,
        "platform": platform.platform(),
    }


def tag_of(frame: pd.DataFrame, output: str) -> tuple[str, ...]:
    """Return the tag of the run that made a column of outputs; attrs may be a stranger's."""
    facts = all_facts(frame).get(output)
    settings = None if facts is None else facts.get("settings")
    kept = settings.get("tag") if isinstance(settings, dict) else None
    if not isinstance(kept, list) or not all(isinstance(each, str) for each in kept):
        return ()
    return tuple(kept)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
