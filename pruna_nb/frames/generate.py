"""One call on a frame: estimated, or run to its end."""

from __future__ import annotations

import contextlib
import gc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pruna_nb.arguments import MISTAKES, Problems
from pruna_nb.batch import interrupts, progress
from pruna_nb.batch.budget import DayBudget
from pruna_nb.batch.first_seed import share_first_seed
from pruna_nb.batch.plan import make_plan
from pruna_nb.catalog import exact, total_usd, usd_text
from pruna_nb.console import LOG
from pruna_nb.errors import attach_frame, attached_frame
from pruna_nb.frames.call import Call
from pruna_nb.frames.chains import check_own_columns, is_output
from pruna_nb.frames.columns import with_columns
from pruna_nb.frames.facts import facts_of
from pruna_nb.frames.requests import make_requests
from pruna_nb.frames.results import with_results
from pruna_nb.frames.samples import with_samples
from pruna_nb.frames.sweeps import with_sweep
from pruna_nb.settings import current
from pruna_nb.tables.cells import unshared
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from pruna_nb.batch.budget import Budget
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.batch.plan import Plan, Request
    from pruna_nb.batch.progress import Watched
    from pruna_nb.batch.run import Run
    from pruna_nb.settings import Settings


@dataclass(frozen=True, slots=True, repr=False)
class Estimate:
    """What a call would run and cost, before anything is spent.

    Parameters
    ----------
    rows : int
        Rows in all, samples included.
    cached : int
        Rows whose output is in the cache; ``hits`` in earlier releases.
    new : int
        Predictions that would be sent and paid for.
    duplicates : int
        Rows that would share the output of an equal row.
    resumed : int
        Predictions that were sent before and would be resumed, not sent again.
    skipped : int
        Rows with nothing to request.
    cost_usd : float or None
        What the new predictions cost; None if the price is not published.
    minutes : float
        Minutes that the rate limit alone takes for them.
    cost_usd_by_model : mapping of str to float or None
        What `cost_usd` is made of, for a sweep over several models.
    spent_today_usd : float, optional
        What today (UTC) was spent before, or may have been, where a day's cost is limited.
    max_cost_usd_per_day : float, optional
        That limit; None if there is none.
    is_at_most : bool
        Whether `cost_usd` counts the upper end of a range of prices.
    """

    rows: int
    cached: int
    new: int
    duplicates: int
    resumed: int
    skipped: int
    cost_usd: float | None
    minutes: float
    cost_usd_by_model: Mapping[str, float | None] = field(default_factory=dict, hash=False)
    spent_today_usd: float | None = None
    max_cost_usd_per_day: float | None = None
    is_at_most: bool = False

    @property
    def exceeds_day(self) -> bool:
        """Whether it costs more than is left of the day's limit."""
        if self.max_cost_usd_per_day is None or not self.cost_usd:
            return False
        total = total_usd([self.spent_today_usd or 0.0, self.cost_usd])
        return total > exact(self.max_cost_usd_per_day)

    @property
    def hits(self) -> int:
        """The same as `cached`, by its earlier name."""
        return self.cached

    def __str__(self) -> str:
        """Return it in one line."""
        cost = _cost_text(self.cost_usd) + (" at most" if self.is_at_most else "")
        if len(self.cost_usd_by_model) > 1:
            each = self.cost_usd_by_model.items()
            cost += f" ({', '.join(f'{name}: {_cost_text(usd)}' for name, usd in each)})"
        parts = [
            f"{self.new:,} new",
            f"{self.cached:,} cached",
            counted(self.duplicates, "duplicate"),
        ]
        parts += [
            f"{count:,} {name}"
            for name, count in (("resumed", self.resumed), ("skipped", self.skipped))
            if count
        ]
        wait = progress.wait_text(self.minutes * 60)
        day = self.day_text()
        return f"{counted(self.rows, 'row')}: {', '.join(parts)}; {cost}; {wait}{day}"

    def day_text(self) -> str:
        """Return what of a day's limit is spent, as the end of a line; "" without a limit."""
        if self.max_cost_usd_per_day is None:
            return ""
        day = f"; today {usd_text(self.spent_today_usd or 0.0)} of "
        day += f"{usd_text(self.max_cost_usd_per_day)} spent"
        return day + (", which this would exceed" if self.exceeds_day else "")

    def __repr__(self) -> str:
        return f"<Estimate: {self}>"


def _cost_text(usd: float | None) -> str:
    return "price not published" if usd is None else usd_text(usd)


def estimate(
    frame: pd.DataFrame, call: Call, options: RunOptions, problems: Problems | None = None
) -> Estimate:
    """Return what a call would run and cost; sends nothing. It is checked as for `generate`."""
    settings = current()
    with gc_paused():
        problems = problems or Problems()
        _, plan = planned(frame, call, options, settings, problems, download=False)
        told = estimate_of(plan, settings)
        return sum_of([told], settings, rows=told.rows, minutes=told.minutes)


def sum_of(parts: Sequence[Estimate], settings: Settings, *, rows: int, minutes: float) -> Estimate:
    """Return several estimates as one, with what of the day's limit is spent."""
    costs = [part.cost_usd for part in parts]
    by_model: dict[str, list[float | None]] = {}
    for part in parts:
        for name, cost in part.cost_usd_by_model.items():
            by_model.setdefault(name, []).append(cost)
    day = DayBudget(settings)
    return Estimate(
        rows=rows,
        cached=sum(part.cached for part in parts),
        new=sum(part.new for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        resumed=sum(part.resumed for part in parts),
        skipped=sum(part.skipped for part in parts),
        cost_usd=_sum_usd(costs),
        minutes=minutes,
        cost_usd_by_model={name: _sum_usd(each) for name, each in by_model.items()},
        spent_today_usd=None if day.most is None else float(day.spent()),
        max_cost_usd_per_day=None if day.most is None else float(day.most),
        is_at_most=any(part.is_at_most for part in parts),
    )


def _sum_usd(costs: Sequence[float | None]) -> float | None:
    return None if None in costs else float(total_usd(cost for cost in costs if cost))


def estimate_of(plan: Plan, settings: Settings) -> Estimate:
    """Return what a plan would run and cost, whatever the day's limit is."""
    costs, total = plan.costs_by_model(), plan.cost_usd()
    has_range = any(
        model.price is not None and model.price.usd_max is not None and costs[model.name]
        for model in plan.models
    )
    return Estimate(
        rows=len(plan.requests),
        cached=plan.count("hit"),
        new=plan.count("new"),
        duplicates=plan.count("duplicate"),
        resumed=plan.count("resume"),
        skipped=plan.count("skip"),
        cost_usd=total,
        minutes=plan.seconds_at_limit(settings) / 60.0,
        cost_usd_by_model=costs,
        is_at_most=has_range and total is not None,
    )


def prepare_run(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    problems: Problems | None = None,
    *,
    keep: Collection[str] = (),
    refill: bool = False,
    budget: Budget | None = None,
) -> tuple[pd.DataFrame, Run]:
    """Check everything, plan, and return the frame with its samples and the run, not started yet.

    Mistakes noted in `problems` before are raised together with those of the rows. `keep` names
    columns of an earlier step that stay, under other names; `refill` says that the result columns
    are a step's, which this call fills again; a `budget` may be shared by several calls.
    """
    # An import that Ctrl-C cuts short would block those of a run in the background for ever.
    with interrupts.deferred_interrupt():
        from pruna_nb.batch.run import Run

    settings = current()
    with gc_paused():
        now, problems = snapshot(frame), problems or Problems()
        # retry() fills the columns of the step that it repeats: these are not the user's.
        if not refill:
            check_own_columns(now, call, problems, keep)
        grown, plan = planned(now, call, options, settings, problems)
        run = Run(plan, settings, options, budget)
        run.budget.check(plan)
        return grown, run


def generate(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    problems: Problems | None = None,
    *,
    keep: Collection[str] = (),
    refill: bool = False,
    budget: Budget | None = None,
) -> pd.DataFrame:
    """Run a call on a frame and return the new frame; arguments as for `prepare_run`.

    Whatever ends the run early, of this package or not (`KeyboardInterrupt`, `SystemExit`,
    `MemoryError`), carries the finished rows in its ``frame``.
    """
    grown, run = prepare_run(
        frame, call, options, problems, keep=keep, refill=refill, budget=budget
    )
    # A step of a chain reads what an earlier one made, keeps it beside, or fills it again.
    reads = any(is_output(frame, label) for label in call.labels())
    continues = refill or bool(keep) or reads
    return FrameRun.of(grown, call, run, keep).wait(shown=options.progress, continues=continues)


@dataclass(frozen=True, slots=True)
class FrameRun:
    """A run or a pipeline, and how its outcomes become a frame.

    Parameters
    ----------
    run : Run or Pipeline
    frame : callable
        Returns the frame so far: rows without an output yet are "pending".
    results : callable
        Returns the result columns alone, for where the frame cannot be made.
    """

    run: Watched
    frame: Callable[[], pd.DataFrame]
    results: Callable[[], pd.DataFrame]

    @classmethod
    def of(cls, grown: pd.DataFrame, call: Call, run: Run, keep: Collection[str] = ()) -> FrameRun:
        """Return the run of a call, on the frame with its samples."""

        def frame() -> pd.DataFrame:
            with gc_paused():
                outcomes, facts = run.row_outcomes(), facts_of(run)
                return with_results(grown, outcomes, call, keep=keep, facts=facts)

        def results() -> pd.DataFrame:
            return with_results(grown[[]], run.row_outcomes(), Call(call.model))

        return cls(run, frame, results)

    def wait(self, *, shown: bool, continues: bool = False) -> pd.DataFrame:
        """Start the run, wait for its end, and return its frame; what ends it carries the frame."""
        try:
            progress.wait(self.run, progress=shown, continues=continues)
            return self.finish()
        except BaseException as error:
            # finish() has attached the frame of what the run itself raised; an interrupt has none.
            if attached_frame(error) is None:
                self.attach_frame(error)
            raise

    def finish(self) -> pd.DataFrame:
        """Return the frame of a finished run, or raise what ended it."""
        error = self.run.crash or self.run.error
        if error is not None:
            self.attach_frame(error)
            raise error
        return self.frame()

    def attach_frame(self, error: BaseException) -> None:
        """Let what ended a run carry the frame of what is done, and say how much that is."""
        try:
            frame = self.frame()
        except Exception as failure:  # noqa: BLE001 - what was paid for comes first
            LOG.error("The error's .frame has the results alone", exc_info=failure)
            frame = self.results()
        attach_frame(error, frame)
        told = (progress.kept_text(self.run), progress.undelivered_text(self.run))
        for note in filter(None, told):
            error.add_note(note)


def planned(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    settings: Settings,
    problems: Problems,
    *,
    download: bool = True,
) -> tuple[pd.DataFrame, Plan]:
    """Return the frame with all its rows and the plan; raise all mistakes at once."""
    frame, spread, told = grown_frame(frame, call, settings, problems)
    requests = make_requests(frame, spread, settings.service, problems, told)
    problems.check()
    plan = plan_of(spread, requests, settings, options, download=download)
    return with_sent_seeds(frame, spread, plan.requests), plan


def grown_frame(
    frame: pd.DataFrame, call: Call, settings: Settings, problems: Problems
) -> tuple[pd.DataFrame, Call, Collection[str]]:
    """Return the frame with all rows of a call, the call that reads it, and what was told."""
    told: Collection[str] = ()
    if call.axes:
        frame, call, told = with_sweep(frame, call, settings.service, problems)
    try:
        if call.needs_seeds():
            frame = with_samples(frame, call)
    except MISTAKES as error:  # the rows are checked all the same, with any seed
        problems.add(error)
        frame = with_columns(frame, {"seed": 1})
    return frame, call, told


def plan_of(
    call: Call,
    requests: Sequence[Request],
    settings: Settings,
    options: RunOptions,
    *,
    download: bool = True,
) -> Plan:
    """Return the plan of the requests that a call's rows make; see `make_plan`."""
    plan = make_plan(call.model, requests, settings, options.cache, download=download)
    chosen = range(0, len(requests), call.samples) if _chooses_first_seed(call) else ()
    return share_first_seed(plan, settings, options.cache, chosen, download=download)


def _chooses_first_seed(call: Call) -> bool:
    is_given = "seed" in {*call.constants, *call.columns}
    return call.samples > 1 and not is_given and not call.drafts()


def with_sent_seeds(frame: pd.DataFrame, call: Call, requests: Sequence[Request]) -> pd.DataFrame:
    """Return the rows with no seed where a picture serves that was made without one.

    It cannot be made again by one.
    """
    if not _chooses_first_seed(call):
        return frame
    is_unsent = [each.input is not None and "seed" not in each.input for each in requests]
    if not any(is_unsent):
        return frame
    seeds = [
        None if unsent else seed for unsent, seed in zip(is_unsent, frame["seed"], strict=True)
    ]
    return with_columns(frame, {"seed": pd.array(seeds, dtype="Int64")})


@contextlib.contextmanager
def gc_paused() -> Iterator[None]:
    """Pause Python's search for cycles while a plan or a result of many rows is made.

    It looks through all living objects the more often the more there are: a fifth of the time of
    100,000 rows. What is made here has no cycles, and is freed by its reference counts as ever.
    """
    if not gc.isenabled():  # by the user, or by another thread that is here too
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def snapshot(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that later changes to the frame do not reach.

    Lists and dicts in cells are copied too. Pictures and arrays are not: there may be gigabytes
    of them, and what is sent of them is read before a run starts.
    """
    now = frame.copy()
    for place, dtype in enumerate(now.dtypes):
        if not pd.api.types.is_object_dtype(dtype):
            continue
        cells = now.iloc[:, place].tolist()
        if any(type(cell) in {list, dict} for cell in cells):
            own = np.empty(len(cells), dtype=object)
            for row, cell in enumerate(cells):  # at once, numpy would make a table of equal lists
                own[row] = unshared(cell)
            now.isetitem(place, own)
    return now
