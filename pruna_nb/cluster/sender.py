"""The runs of a table's partitions, in the one process that has the key.

Each partition is a run of its own (`batch.run.Run`), as a call on a pandas frame is: with its plan,
its journal entries and the cache. The limit is the process's for all of them, equal rows meet in
the journal as those of two runs do, and a table's budget is shared.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pruna_nb.arguments import Problems
from pruna_nb.batch import interrupts, progress
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.plan import seconds_at_limit
from pruna_nb.catalog import exact, total_usd
from pruna_nb.cluster.gate import Gate, GivenUpError
from pruna_nb.cluster.shape import marked, results_alone
from pruna_nb.cluster.shown import TableProgress
from pruna_nb.errors import ApiError, PrunaError
from pruna_nb.frames.chains import check_own_columns
from pruna_nb.frames.generate import (
    Estimate,
    FrameRun,
    estimate_of,
    gc_paused,
    planned,
    sum_of,
)
from pruna_nb.store.cache import Hit
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal

    import pandas as pd

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Action, Plan
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Model
    from pruna_nb.cluster.shape import Shape
    from pruna_nb.frames.call import Call
    from pruna_nb.settings import Settings

_LOOK_SECONDS = 0.5
# Threads that talk to the service, of a partition beside others.
_WORKERS_AT_LEAST = 8
GATE = Gate()
TABLES: dict[str, Table] = {}
"""What this process was asked to send, by name: a graph has the name alone."""


class Table:
    """A call on a table, whose partitions come one by one and in any order.

    Parameters
    ----------
    call : Call
    options : RunOptions
    settings : Settings
        Those that were in force when the verb was called.
    shape : Shape
    partitions : int
        How many there are.
    """

    def __init__(
        self, call: Call, options: RunOptions, settings: Settings, shape: Shape, partitions: int
    ) -> None:
        self.name = uuid.uuid4().hex
        self.call, self.options, self.settings, self.shape = call, options, settings, shape
        self.budget = Budget.of(options, settings)
        names = ", ".join(call.model_names())
        self.progress = TableProgress(names, partitions, shown=options.progress)
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._under_way: dict[Run, Decimal] = {}  # what each was planned to cost
        self._made: dict[str, Hit] = {}
        self._estimates: dict[int, tuple[Estimate, Counter[str]]] = {}
        self._owners: dict[str, int] = {}
        self._models: dict[str, Model] = {}
        TABLES[self.name] = self

    # ------------------------------------------------------------------------- generate

    def generate(
        self, number: int, part: pd.DataFrame, is_wanted: Callable[[], bool]
    ) -> pd.DataFrame:
        """Return the results of a partition's rows, sent as the limit allows.

        Parameters
        ----------
        number : int
            Which partition it is, for errors.
        part : DataFrame
            What `Shape.handed_over` took of it.
        is_wanted : callable
            Whether somebody still waits for it; if not, its run is stopped.

        Raises
        ------
        PrunaError
            What is wrong with its rows, before any of them is sent, or what ended its run.
        GivenUpError
            If it is not wanted any more.
        """
        with _of_partition(number), GATE.entered(len(part), is_wanted) as turn:
            grown, run = self._prepared(part)
            turn.waiting = run.waiting
            out = None
            self.progress.begin(run)
            try:
                self._announce(run)
                run.start()
                while not run.join(_LOOK_SECONDS):
                    if not is_wanted():
                        run.cancel()
                if run.canceled:
                    raise GivenUpError("The computation was given up; what was sent is kept.")
                out = FrameRun.of(grown, self.call, run).finish()
            finally:
                self._ended(run)
                self.progress.end(run, failed=out is None)
            return results_alone(out, self.shape)

    def _prepared(self, part: pd.DataFrame) -> tuple[pd.DataFrame, Run]:
        """Check a partition's rows, plan them, and return them with the run, not started yet."""
        with interrupts.deferred_interrupt():
            from pruna_nb.batch.run import Run

        settings = self.settings
        workers = max(min(_WORKERS_AT_LEAST, settings.workers), settings.workers // GATE.inside)
        grown, plan = self._planned(part, download=True)
        with self._lock:
            plan = self._with_made(plan)
            self._check_budget(plan)
            run = Run(plan, replace(settings, workers=workers), self.options, self.budget)
            self._under_way[run] = exact(plan.cost_usd() or 0.0)
        return grown, run

    def _planned(self, part: pd.DataFrame, *, download: bool) -> tuple[pd.DataFrame, Plan]:
        """Return a partition's rows and their plan; raise what is wrong with them."""
        with gc_paused():
            problems, rows = Problems(), marked(part)
            check_own_columns(rows, self.call, problems)
            return planned(
                rows, self.call, self.options, self.settings, problems, download=download
            )

    def _announce(self, run: Run) -> None:
        """Print what a partition resumes of earlier runs; its neighbours' equal rows are not."""
        with self._lock:
            ours = {each.lock_name for each in self._under_way}
        plan = run.plan
        open_work = {key: it for key, it in plan.open_work.items() if it.run not in ours}
        progress.announce_plans([replace(plan, open_work=open_work)], shown=self.options.progress)

    def _with_made(self, plan: Plan) -> Plan:
        """Return a plan that takes what this table's other partitions made, whatever `cache` says.

        A lost worker's partition runs again, and equal rows are in many: neither asked for more.
        """
        keys = {request.key for request in plan.requests if request.key is not None}
        made = {key: self._made[key] for key in keys & self._made.keys()}
        if not made:
            return plan
        actions: list[Action] = [
            "hit" if request.key in made else action
            for request, action in zip(plan.requests, plan.actions, strict=True)
        ]
        return replace(plan, actions=actions, hits={**plan.hits, **made})

    def _check_budget(self, plan: Plan) -> None:
        """Refuse a partition that costs more than the others leave; the rest stays unsent."""
        if not self.budget.is_limited or not plan.count("new"):
            return
        open_usd = total_usd(
            max(exact(0.0), cost - exact(run.cost_usd) - run.possible_extra_usd())
            for run, cost in self._under_way.items()
        )
        costs = plan.costs_by_model()
        what = f"A partition with {counted(plan.count('new'), 'new prediction')}"
        what += " and what is under way" if open_usd else ""
        unknown = ", ".join(name for name, cost in costs.items() if cost is None)
        self.budget.check_costs([*costs.values(), float(open_usd)], what, unknown)

    def _ended(self, run: Run) -> None:
        with self._lock:
            del self._under_way[run]
            if self.options.cache != "use":  # with it, the cache itself knows
                for key, outcome in run.outcomes.items():
                    if outcome.output is not None:
                        self._made[key] = Hit(outcome.output, outcome.prediction_id, None)

    # ------------------------------------------------------------------------- estimate

    def estimate(self, number: int, part: pd.DataFrame) -> pd.DataFrame:
        """Note what a partition would run and cost, and return nothing of it; sends nothing."""
        with _of_partition(number):
            _, plan = self._planned(part, download=False)
        with self._lock:
            for row, action in enumerate(plan.actions):
                key = plan.requests[row].key
                # A partition that comes twice, since its worker was lost, is counted once.
                if (
                    key is not None
                    and action in {"new", "resume"}
                    and self._owners.setdefault(key, number) != number
                ):
                    plan.actions[row] = "duplicate"
            self._models.update((model.name, model) for model in plan.models)
            told = estimate_of(plan, self.settings)
            self._estimates[number] = told, plan.new_by_model()
        return part.iloc[:0]

    def estimate_so_far(self) -> Estimate:
        """Return what all partitions together would run and cost, as far as they came."""
        parts = [told for told, _ in self._estimates.values()]
        new = sum((each for _, each in self._estimates.values()), Counter[str]())
        seconds = seconds_at_limit(new, list(self._models.values()), self.settings)
        rows = sum(part.rows for part in parts)
        return sum_of(parts, self.settings, rows=rows, minutes=seconds / 60.0)


def table_here(name: str) -> Table | None:
    """Return a table of this process; None if it is another's, a parent's that was forked too."""
    table = TABLES.get(name)
    return table if table is not None and table._process == os.getpid() else None  # noqa: SLF001


@contextlib.contextmanager
def _of_partition(number: int) -> Iterator[None]:
    """Let an error of the package say which partition it is about; it carries no rows."""
    try:
        yield
    except PrunaError as error:
        vars(error).pop("frame", None)
        head = f"partition {number}: "
        if isinstance(error, ApiError):
            error.message = head + error.message
        error.args = tuple(
            head + each if at == 0 and isinstance(each, str) else each
            for at, each in enumerate(error.args)
        )
        raise
