"""What may be spent, by a call and in a day: checked before the first POST, and kept to with each.

A call's limit is the call's own. A day's holds in all runs and processes that use a cache folder:
what the journal says of the day counts, and is asked in the transaction that notes the next POST.
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

from pruna_nb.catalog import exact, total_usd, usd_text
from pruna_nb.errors import BudgetError
from pruna_nb.store.bills import DAY_SECONDS, day_start, spent_usd
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Plan
    from pruna_nb.settings import Settings


class Budget:
    """A sum in USD that one call may spend, in all of its runs together; None is no limit.

    A prediction's price is reserved before its POST goes out, and released only where the
    service surely did not accept it. What was lost may have been charged: it stays reserved, so
    that sending it again counts a second time.
    """

    def __init__(self, most: Decimal | None, day: DayBudget | None = None) -> None:
        self.most = most
        self.day = day or DayBudget()
        self._reserved = Decimal(0)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, options: RunOptions, settings: Settings) -> Budget:
        """Return the budget of a call, with that of the day."""
        return cls(options.max_cost_usd, DayBudget(settings))

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self.most is not None or self.day.most is not None

    def check(self, plan: Plan) -> None:
        """Refuse a plan that costs more than is left, or whose cost nobody knows.

        Raises
        ------
        BudgetError
            Nothing of the plan was sent.
        """
        if plan.count("new"):
            costs = plan.costs_by_model()
            unknown = ", ".join(name for name, cost in costs.items() if cost is None)
            what = counted(plan.count("new"), "new prediction")
            self.check_costs(list(costs.values()), what, unknown)

    def check_costs(self, costs: Sequence[float | None], what: str, model: str = "a model") -> None:
        """Refuse what costs more than is left, or of which one part's cost is not known (None).

        The error says `what` costs that, and which `model` has no price.

        Raises
        ------
        BudgetError
            Nothing of it was sent.
        """
        self.day.check(costs, what, model)
        if self.most is None:
            return
        before = self._reserved
        sent = "Nothing was sent"
        if before:
            sent = f"Of it, {usd_text(before)} is spent or may be; nothing more was sent"
        if None in costs:
            msg = (
                f"The price of {model} is not published for this input, so max_cost_usd="
                f"{self.most} cannot be kept. {sent}; leave max_cost_usd out to go on."
            )
            raise BudgetError(msg)
        total = total_usd(cost for cost in costs if cost is not None)
        if before + total > self.most:
            msg = (
                f"{what} would cost {usd_text(total)}, more than max_cost_usd={self.most}. "
                f"{sent}; raise it, or run fewer rows."
            )
            raise BudgetError(msg)

    def reserve(self, cost_usd: float | None) -> bool:
        """Reserve a price before its POST goes out; False if that is more than is left."""
        cost = exact(cost_usd or 0.0)
        with self._lock:
            if self.most is not None and self._reserved + cost > self.most:
                return False
            self._reserved += cost
        return True

    def release(self, cost_usd: float | None) -> None:
        """Release what was reserved for a POST that was not accepted, or never went out."""
        with self._lock:
            self._reserved -= exact(cost_usd or 0.0)


class DayBudget:
    """A sum in USD that a day of UTC may cost, whoever spends it; without settings, no limit."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        most = None if settings is None else settings.max_cost_usd_per_day
        self.most = most if most is not None and most.is_finite() else None

    def spent(self) -> Decimal:
        """Return what was spent today, or may have been, at the service from the cache folder."""
        if self._settings is None or not self._settings.database_path.is_file():
            return Decimal(0)
        since = day_start(time.time())
        return spent_usd(self._settings.cache_dir, self._settings.service, since)

    def check(self, costs: Sequence[float | None], what: str, model: str) -> None:
        """Refuse what costs more than is left of the day; see `Budget.check_costs`."""
        if self.most is None:
            return
        if None in costs:
            msg = (
                f"The price of {model} is not published for this input, so max_cost_usd_per_day="
                f"{self.most} cannot be kept. Nothing was sent; to go on without it: "
                '`with pruna_nb.configure(max_cost_usd_per_day=float("inf")):`.'
            )
            raise BudgetError(msg)
        spent, total = self.spent(), total_usd(cost for cost in costs if cost is not None)
        if total and spent + total > self.most:
            msg = (
                f"{what} would cost {usd_text(total)}. {self._told(spent)}. Nothing was sent. Run "
                f"fewer rows, {_later()}"
            )
            raise BudgetError(msg)

    def refusal(self, cost_usd: float | None) -> BudgetError | None:
        """Return the error for one more prediction of a price, or None if it may be sent."""
        cost = exact(cost_usd or 0.0)
        if self.most is None or not cost or (spent := self.spent()) + cost <= self.most:
            return None
        msg = (
            f"The day's budget is used up: one more prediction would cost {usd_text(cost)}. "
            f"{self._told(spent)}, by this run and others. What was sent is fetched; the rest was "
            f"not sent and not charged. To go on, {_later()}"
        )
        return BudgetError(msg)

    def _told(self, spent: Decimal) -> str:
        return (
            f"Today (UTC) {usd_text(spent)} was spent or may have been, of max_cost_usd_per_day="
            f"{self.most}"
        )


def _later() -> str:
    minutes = int((DAY_SECONDS - time.time() % DAY_SECONDS) // 60) + 1
    return (
        f"wait for 00:00 UTC (in {minutes // 60} h {minutes % 60:02d} min), or raise it: "
        "pruna_nb.configure(max_cost_usd_per_day=...)."
    )
