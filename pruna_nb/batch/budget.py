"""What may be spent: checked before the first POST, and kept to with each one."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING

from pruna_nb.catalog import exact, total_usd, usd_text
from pruna_nb.errors import BudgetError
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.batch.plan import Plan


class Budget:
    """A sum in USD that one call may spend, in all of its runs together; None is no limit.

    A prediction's price is reserved before its POST goes out, and released only where the
    service surely did not accept it. What was lost may have been charged: it stays reserved, so
    that sending it again counts a second time.
    """

    def __init__(self, most: Decimal | None) -> None:
        self.most = most
        self._reserved = Decimal(0)
        self._lock = threading.Lock()

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
