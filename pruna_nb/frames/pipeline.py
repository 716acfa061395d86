"""A whole chain as one run: checked and priced before its first step, then row by row.

`plan_chain` does what step-by-step calls would do, with what earlier steps are still to make
replaced by stand-ins: so each step's mistakes and price are known before anything is sent.
`chain_run` then makes each row's requests again from what was made, as soon as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from pruna_nb.arguments import MISTAKES, Problems, lines_of, listed
from pruna_nb.batch import interrupts, progress
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.job import Outcome
from pruna_nb.batch.options import read_options
from pruna_nb.batch.plan import Plan, Request
from pruna_nb.catalog import usd_text
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.files.inputs import FutureMedia
from pruna_nb.frames.call import Call
from pruna_nb.frames.chains import check_own_columns
from pruna_nb.frames.columns import PLACE_COLUMN, column, with_columns, without_columns
from pruna_nb.frames.facts import facts_of
from pruna_nb.frames.generate import (
    Estimate,
    FrameRun,
    estimate_of,
    gc_paused,
    grown_frame,
    plan_of,
    snapshot,
    sum_of,
    with_sent_seeds,
)
from pruna_nb.frames.requests import make_requests
from pruna_nb.frames.results import RESULT_COLUMNS, with_results
from pruna_nb.settings import current
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.pipeline import Fed
    from pruna_nb.errors import PrunaError
    from pruna_nb.settings import Settings


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What was asked of a step: how its call and its options are read when the chain is planned.

    Parameters
    ----------
    verb : str
        The verb of ``df.pruna``.
    read_call : callable
        Returns the call on a frame with the results of the steps before it; takes the frame, the
        problems, and the column of the outputs of the step before.
    options : mapping
        Those of the step's own; the others are the chain's.
    """

    verb: str
    read_call: Callable[[pd.DataFrame, Problems, str], Call] = field(repr=False)
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a chain that has no mistakes.

    Parameters
    ----------
    verb : str
    call : Call
    options : RunOptions
    plan : Plan
        What becomes of its rows, as far as that is known before the first step.
    parents : list of int or None
        The row of the step before that each row comes from; None if that has the same rows.
    not_made : int
        Rows whose inputs are not made yet, so that the cache could not be asked for them.
    """

    verb: str
    call: Call
    options: RunOptions
    plan: Plan
    parents: list[int] | None
    not_made: int

    def __str__(self) -> str:
        """Return the verb and the model."""
        return f"{self.verb} ({self.call.model.name})"


class PlannedChain(NamedTuple):
    """A chain that has no mistakes: its first step's rows, and its steps."""

    rows: pd.DataFrame
    steps: list[PlannedStep]
    settings: Settings


@dataclass(frozen=True, slots=True, repr=False)
class ChainEstimate:
    """What a chain would run and cost, before its first step.

    Parameters
    ----------
    steps : tuple of Estimate
        What each step would run and cost. A row whose input is not made yet counts as new.
    names : tuple of str
        The verb and the model of each step.
    not_made : tuple of int
        Of each step, how many rows read what an earlier step is still to make: these cannot be
        looked up in the cache yet, and cost nothing if they are there.
    total : Estimate
        All steps together: their sums, the rows of the last one, the minutes of the slowest one.
    """

    steps: tuple[Estimate, ...]
    names: tuple[str, ...]
    not_made: tuple[int, ...]
    total: Estimate

    @property
    def rows(self) -> int:
        """Rows of the result: those of the last step."""
        return self.total.rows

    @property
    def new(self) -> int:
        """Predictions that would be sent and paid for, at most."""
        return self.total.new

    @property
    def cached(self) -> int:
        """Outputs that are in the cache."""
        return self.total.cached

    @property
    def cost_usd(self) -> float | None:
        """What the new predictions of all steps cost at most; None if a price is not published."""
        return self.total.cost_usd

    @property
    def minutes(self) -> float:
        """Minutes that the slowest step's rate limit takes: all steps are under way at once."""
        return self.total.minutes

    def lines(self) -> list[str]:
        """Return a line for each step, and one for all of them."""
        lines = []
        for number, (step, name) in enumerate(zip(self.steps, self.names, strict=True), 1):
            ahead = self.not_made[number - 1]
            what = f"{counted(ahead, 'input')} not made yet: not looked up in the cache"
            lines.append(f"{number}. {name}: {step}{f'; {what}' if ahead else ''}")
        cost = "price not published" if self.cost_usd is None else usd_text(self.cost_usd)
        is_at_most = any(self.not_made) or self.total.is_at_most
        most = " at most" if is_at_most and self.cost_usd else ""
        wait = progress.wait_text(self.minutes * 60)
        counts = f"{self.new:,} new, {self.cached:,} cached"
        lines.append(f"total: {counts}; {cost}{most}; {wait}{self.total.day_text()}")
        return lines

    def __str__(self) -> str:
        """Return a line for each step, and one for all of them."""
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return "\n  ".join(["<ChainEstimate", *self.lines()]) + ">"


def plan_chain(
    frame: pd.DataFrame, steps: Sequence[StepRequest], options: RunOptions, problems: Problems
) -> PlannedChain:
    """Check every step of a chain, and look up what is there; send nothing.

    Raises
    ------
    PrunaError
        All mistakes of all steps at once, and those noted in `problems` before.
    """
    settings = current()
    if not steps:
        msg = 'This chain has no step yet; add one, such as df.pruna.plan().generate("prompt").'
        problems.add(InputError(msg, [msg]))
    with gc_paused():
        planner = _Planner(snapshot(frame), settings, options, problems)
        for number, step in enumerate(steps, 1):
            planner.add(number, step)
        problems.check("This chain cannot be run; nothing was sent")
        return PlannedChain(planner.rows, planner.steps, settings)


class _Planner:
    """Plans one step after the other, on a frame with stand-ins for what is not made yet."""

    def __init__(
        self, frame: pd.DataFrame, settings: Settings, options: RunOptions, problems: Problems
    ) -> None:
        self.steps: list[PlannedStep] = []
        self.rows = frame  # of the first step
        self._frame, self._settings, self._problems = frame, settings, problems
        self._options = options
        self._made: dict[str, FutureMedia] = {}
        self._ours: set[str] = set()  # the columns that earlier steps fill
        self._output = "output"

    def add(self, number: int, step: StepRequest) -> None:
        """Plan a step; its mistakes are noted, and the next ones are checked all the same."""
        mine = Problems()
        call = step.read_call(self._frame, mine, self._output)
        read = read_options(mine, **step.options)
        options = replace(self._options, **{name: getattr(read, name) for name in step.options})
        check_own_columns(without_columns(self._frame, self._ours), call, mine)
        grown, spread, told, parents = _grown(self._frame, call, self._settings, mine)
        if number == 1:
            self.rows = grown
        requests = make_requests(grown, spread, self._settings.service, mine, told, made=self._made)
        for mistake in mine.errors:
            self._problems.add(_of_step(number, step.verb, mistake))
        if mine and "model" in call.axes:  # a column of them may hold anything
            grown, call = self._frame, Call(call.model, prefix=call.prefix)
        if mine:  # the later steps are checked as if this one had made something of each row
            requests = [Request(f"{number}-{row}", {}) for row in range(len(grown))]
        plan = plan_of(spread, requests, self._settings, options)
        grown = with_sent_seeds(grown, spread, plan.requests)
        ahead = sum(_is_ahead(request) for request in requests)
        self.steps.append(PlannedStep(step.verb, call, options, plan, parents, ahead))
        self._frame = self._after(number, call, plan, grown)
        self._ours |= {call.prefix + name for name in RESULT_COLUMNS}
        self._ours |= set(call.new_columns())
        self._output = call.prefix + "output"

    def _after(self, number: int, call: Call, plan: Plan, grown: pd.DataFrame) -> pd.DataFrame:
        """Return the frame after a step, with a stand-in for each output that is not there yet.

        Equal requests have one output, so that what is made of it is one request too.
        """
        outcomes = []
        for request in plan.requests:
            hit = None if request.key is None else plan.hits.get(request.key)
            if request.key is None:
                outcomes.append(Outcome("skipped", error=request.skipped))
            elif hit is not None:
                outcomes.append(Outcome("succeeded", hit.path, prediction_id=hit.prediction_id))
            else:
                name = f"step{number}/{request.key}.png"  # as an output looks, without a blank
                if name not in self._made:
                    self._made[name] = FutureMedia(name, plan.model_of(request).output)
                outcomes.append(Outcome("succeeded", name))
        try:
            return with_results(grown, outcomes, call)
        except MISTAKES:  # of a template, which is noted
            return with_results(grown, outcomes, Call(call.model, prefix=call.prefix))


def _of_step(number: int, verb: str, error: PrunaError) -> PrunaError:
    """Return a mistake that says which step's it is."""
    head = f"step {number}, {verb}: "
    lines = [head + line for line in lines_of(error)]
    kind: type[PrunaError] = InputError if isinstance(error, TooLargeError) else type(error)
    message = listed(f"step {number}, {verb}:", lines_of(error)) if len(lines) > 1 else lines[0]
    told = kind(message)
    told.problems = lines
    return told


def _is_ahead(request: Request) -> bool:
    """Whether a request holds what an earlier step is still to make."""
    return any(
        isinstance(item, FutureMedia)
        for value in (request.input or {}).values()
        for item in (value if isinstance(value, list) else [value])
    )


def _grown(
    frame: pd.DataFrame, call: Call, settings: Settings, problems: Problems
) -> tuple[pd.DataFrame, Call, Collection[str], list[int] | None]:
    """Return a step's rows, as `grown_frame`, and the row of the step before that each is from."""
    if not call.axes and not call.needs_seeds():
        return frame, call, (), None
    marked = with_columns(frame, {PLACE_COLUMN: np.arange(len(frame))})
    grown, spread, told = grown_frame(marked, call, settings, problems)
    parents = column(grown, PLACE_COLUMN, "a step")
    return without_columns(grown, [PLACE_COLUMN]), spread, told, parents


def estimate_chain(chain: PlannedChain) -> ChainEstimate:
    """Return what a chain would run and cost, by step and in all."""
    parts = tuple(estimate_of(step.plan, chain.settings) for step in chain.steps)
    minutes = max(part.minutes for part in parts)
    total = replace(
        sum_of(parts, chain.settings, rows=parts[-1].rows, minutes=minutes), cost_usd_by_model={}
    )
    names, ahead = tuple(map(str, chain.steps)), tuple(step.not_made for step in chain.steps)
    return ChainEstimate(parts, names, ahead, total)


def chain_run(chain: PlannedChain, options: RunOptions) -> FrameRun:
    """Return the run of a chain, not started yet.

    Raises
    ------
    BudgetError
        If it may cost more than `max_cost_usd`: nothing was sent.
    """
    # An import that Ctrl-C cuts short would block those of a run in the background for ever.
    with interrupts.deferred_interrupt():
        from pruna_nb.batch.pipeline import Pipeline
        from pruna_nb.batch.run import Run

    plans = [step.plan for step in chain.steps]
    costs = [plan.cost_usd() for plan in plans]
    unknown = [plan.model.name for plan, cost in zip(plans, costs, strict=True) if cost is None]
    budget, new = Budget.of(options, chain.settings), sum(plan.count("new") for plan in plans)
    if new:
        what = f"{counted(new, 'new prediction')} in {counted(len(plans), 'step')}"
        budget.check_costs(costs, what, *unknown[:1])
    runs = [
        Run(
            step.plan if number == 0 else Plan.waiting(step.plan),
            chain.settings,
            step.options,
            budget,
            stays_open=number > 0,
        )
        for number, step in enumerate(chain.steps)
    ]
    rows = _ChainRows(chain, runs)
    pipeline = Pipeline(runs, rows.feed, plans)
    last = len(runs) - 1

    def frame() -> pd.DataFrame:
        with gc_paused():
            return rows.after(last, list(range(len(plans[last].requests))))

    def results() -> pd.DataFrame:
        outcomes = runs[last].row_outcomes()
        bare = pd.DataFrame(index=range(len(outcomes)))
        return with_results(bare, outcomes, Call(chain.steps[last].call.model))

    return FrameRun(pipeline, frame, results)


class _ChainRows:
    """The rows of each step of a chain, as they are made while it runs."""

    def __init__(self, chain: PlannedChain, runs: Sequence[Any]) -> None:
        self._chain, self._runs = chain, runs
        self._children: list[dict[int, list[int]]] = []
        for step in chain.steps:
            children: dict[int, list[int]] = {}
            for place, parent in enumerate(step.parents or []):
                children.setdefault(parent, []).append(place)
            self._children.append(children)

    def feed(self, number: int, done: list[int]) -> Fed:
        """Return the rows of a step that are made of what is done in the step before."""
        from pruna_nb.batch.pipeline import Fed

        step, settings = self._chain.steps[number], self._chain.settings
        places = self._rows_of(number, sorted(done))
        rows, spread = self._grown_rows(number, places)
        problems, refused = Problems(), {}
        requests = make_requests(rows, spread, settings.service, problems)
        if problems:  # what was made is no input: those rows fail, and the others go on
            requests = []
            for row in range(len(rows)):
                wrong = Problems()
                one = make_requests(rows.iloc[[row]], spread, settings.service, wrong)
                if wrong:
                    key = f"refused {places[row]}"
                    refused[key] = wrong.errors[0]
                    one = [Request(key, {})]
                requests += one
        return Fed(places, plan_of(spread, requests, settings, step.options), refused)

    def _grown_rows(self, number: int, places: list[int]) -> tuple[pd.DataFrame, Call]:
        """Return some rows of a later step as its requests are made of them, and their call."""
        step = self._chain.steps[number]
        if step.parents is None:
            return self.after(number - 1, places), step.call
        parents = sorted({step.parents[place] for place in places})
        before = self.after(number - 1, parents)
        grown, spread, _, _ = _grown(before, step.call, self._chain.settings, Problems())
        order = {place: row for row, place in enumerate(self._rows_of(number, parents))}
        return grown.iloc[[order[place] for place in places]], spread

    def after(self, number: int, places: list[int]) -> pd.DataFrame:
        """Return some rows of a step with its results so far."""
        run, call = self._runs[number], self._chain.steps[number].call
        rows = self._chain.rows.iloc[places] if number == 0 else self._grown_rows(number, places)[0]
        requests = [run.plan.requests[place] for place in places]
        rows = with_sent_seeds(rows, call.spread(), requests)
        outcomes = [run.row_outcome(place) for place in places]
        return with_results(rows, outcomes, call, facts=facts_of(run))

    def _rows_of(self, number: int, parents: list[int]) -> list[int]:
        """Return the rows of a step that come from some rows of the step before."""
        if self._chain.steps[number].parents is None:
            return parents
        return [place for parent in parents for place in self._children[number].get(parent, [])]
