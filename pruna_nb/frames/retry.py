"""What failed, and doing it again: each row by the record of its request, or by the call.

What a row was asked for is told by its prediction's id first: cells may have been edited since,
and pandas drops a frame's attrs at a merge, in CSV and elsewhere. A row without an id, and one
whose request held files that are no longer there, is made by the call that the attrs tell, or that
the arguments give; in a chain, from the step that failed.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems
from pruna_nb.batch.budget import Budget
from pruna_nb.catalog import cost_usd
from pruna_nb.errors import InputError
from pruna_nb.frames.asked import asked_before, by_record, check_models
from pruna_nb.frames.chains import is_failure, told_by
from pruna_nb.frames.columns import column, optional_column, places_of, with_columns
from pruna_nb.frames.generate import estimate, generate, snapshot
from pruna_nb.frames.records import records_of
from pruna_nb.frames.requests import make_requests
from pruna_nb.frames.results import RESULT_COLUMNS, beside, steps_of
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.frames.call import Call
    from pruna_nb.frames.replay import Replay


def failed(frame: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """Return the rows that were asked for and have no output, as their status says."""
    return frame.iloc[_bad_places(frame, prefix, "failed()")]


def retry(
    frame: pd.DataFrame,
    call: Call | None,
    options: RunOptions,
    problems: Problems | None = None,
    *,
    prefix: str = "",
) -> pd.DataFrame:
    """Run the rows again that failed, and put their results into a new frame.

    Where an earlier step of a row failed, that step is run again first.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    call : Call or None
        What made them; None asks the record of their predictions' ids, and then the attrs.
    options : RunOptions
        How to go about it.
    problems : Problems, optional
        What was found wrong with the arguments before.
    prefix : str
        That of the results' columns.

    Raises
    ------
    InputError
        If the frame has no results, if nothing tells what a row was asked for, or if the call
        reads a column that its results replace. Nothing was sent.
    PrunaError
        Of the account or the disk; the error's ``frame`` holds what is done.
    """
    frame, problems = snapshot(frame), problems or Problems()
    places: list[int] = []
    with problems.noted():
        places = _bad_places(frame, prefix, "retry()")
    again: list[Replay] = []
    rest = places
    if call is None:
        with problems.noted():
            again, call, rest = asked_before(frame, prefix, places)
    elif not problems:
        with problems.noted():
            check_models(frame, call, prefix, places)
    service = current().service
    if call is not None:
        # Samples have their own rows and seeds already.
        call = call.settled()
        with problems.noted():
            _check_inputs_are_there(call)
        # Before any earlier step is paid for: a row that lacks its output is skipped here.
        make_requests(frame.iloc[rest], call, service, problems)
    for replay in again:
        make_requests(replay.table, replay.call, service, problems)
    problems.check()
    return _Again(options).run_all(frame, prefix, again, call, rest) if places else frame


class _Again:
    """Makes the outputs of some rows, the earlier ones that they lack first, in one budget."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._budget = Budget(options.max_cost_usd)

    def run_all(
        self,
        frame: pd.DataFrame,
        prefix: str,
        again: list[Replay],
        call: Call | None,
        rest: list[int],
    ) -> pd.DataFrame:
        """Send records again, and run a call on the rest; all is checked before any is sent."""
        parts = [(replay.table, replay.call) for replay in again]
        if call is not None:
            parts.append((frame.iloc[rest], call))
        if self._budget.most is not None:
            costs = [estimate(*part, self._options).cost_usd for part in parts]
            if call is not None:
                costs += self._costs_of_steps(frame, call, rest)
            self._budget.check_costs(costs, "retry()")
        # First those that earlier steps have to be made for.
        work = frame if call is None else self.run(frame, call, rest)
        for replay in again:
            back = partial(_put_back, work, replay.places, prefix=prefix, source="", attrs=False)
            with _frame_of_error(work, back):
                done = self._generate(replay.table, replay.call)
            work = back(done)
        return work

    def run(self, frame: pd.DataFrame, call: Call, places: list[int]) -> pd.DataFrame:
        steps = steps_of(frame)
        work = frame.copy()
        for label in call.labels():
            if isinstance(label, str) and label in steps:
                work = self._mended(work, label, call.prefix, places)
        back = partial(_put_back, work, places, prefix=call.prefix, source=call.prefix)
        with _frame_of_error(work, back):
            done = self._generate(work.iloc[places], call)
        return back(done)

    def _generate(self, frame: pd.DataFrame, call: Call) -> pd.DataFrame:
        return generate(frame, call, self._options, refill=True, budget=self._budget)

    def _costs_of_steps(
        self, frame: pd.DataFrame, call: Call, places: list[int]
    ) -> list[float | None]:
        """Return what the earlier steps cost that are made anew, and the call on what they give.

        An estimate leaves out the rows whose input is not there yet.
        """
        costs: list[float | None] = []
        waiting: set[int] = set()
        steps = steps_of(frame)
        for label in call.labels():
            if isinstance(label, str) and label in steps:
                missing = _failed_inputs(frame, label, places)
                waiting.update(missing)
                if missing:
                    step = steps[label].settled()
                    costs.append(estimate(frame.iloc[missing], step, self._options).cost_usd)
                    costs += self._costs_of_steps(frame, step, missing)
        return costs + [_price_of(frame, call, place) for place in sorted(waiting)]

    def _mended(
        self, frame: pd.DataFrame, label: str, prefix: str, places: list[int]
    ) -> pd.DataFrame:
        """Return the frame with the outputs of an earlier step that failed in some rows."""
        missing = _failed_inputs(frame, label, places)
        if not missing:
            return frame
        steps = steps_of(frame)
        step = replace(steps[label], prefix=_BESIDE)
        # A step's results go into columns of their own, and from there to where they belong.
        empty = pd.Series([None] * len(frame), index=frame.index, dtype=object)
        blank = with_columns(frame, dict.fromkeys(map(_BESIDE.__add__, RESULT_COLUMNS), empty))

        def with_made(made: pd.DataFrame) -> pd.DataFrame:
            out = frame.copy()
            # The steps before it may have been made anew too.
            before = [name for name in steps if name not in {label, prefix + "output"}]
            names = [beside(step, name) for step in before for name in RESULT_COLUMNS]
            sources = {name: name for name in names if places_of(made, name)}
            sources |= {beside(label, name): _BESIDE + name for name in RESULT_COLUMNS}
            sources |= {prefix + name: _BESIDE + name for name in ("status", "error")}
            for name, source in sources.items():
                if places_of(out, name):
                    cells = _cells(made, source)
                    values = cells.tolist()
                    some = {place: values[place] for place in missing}
                    out = _with_cells(out, name, some, cells.dtype)
            return out

        with _frame_of_error(frame, with_made):
            again, rest = by_record(blank, records_of(frame, label), step, missing)
            made = self.run_all(blank, _BESIDE, again, step if rest else None, rest)
        return with_made(made)


_BESIDE = "pruna_nb again "


def _failed_inputs(frame: pd.DataFrame, label: str, places: list[int]) -> list[int]:
    """Return the places whose output of an earlier step is missing since that step failed."""
    cells = column(frame, label, "retry()")
    told = zip(*(optional_column(frame, name) for name in told_by(frame, label)), strict=True)
    is_bad = [is_failure(status, error) for status, error in told]
    return [place for place in places if cells[place] is None and is_bad[place]]


def _price_of(frame: pd.DataFrame, call: Call, place: int) -> float | None:
    """Return the price of a row's request, some of whose files are not there yet."""
    given = dict(call.constants)
    for name, label in call.columns.items():
        labels = label if isinstance(label, list) else [label]
        cells = [column(frame, each, "retry()")[place] for each in labels]
        given[name] = cells if isinstance(label, list) else cells[0]
    return cost_usd(call.known_model(), {k: v for k, v in given.items() if v is not None})


@contextlib.contextmanager
def _frame_of_error(
    before: pd.DataFrame, whole: Callable[[pd.DataFrame], pd.DataFrame]
) -> Iterator[None]:
    """Let what ends a run carry all rows in place of those that were worked on."""
    try:
        yield
    except BaseException as error:
        part = getattr(error, "frame", None)
        # None where nothing was sent; what earlier steps made is there all the same.
        error.frame = before if part is None else whole(part)  # type: ignore[attr-defined]
        raise


def _put_back(
    frame: pd.DataFrame,
    places: Sequence[int],
    done: pd.DataFrame,
    *,
    prefix: str,
    source: str,
    attrs: bool = True,
) -> pd.DataFrame:
    """Return a frame with the results that some rows have now.

    Parameters
    ----------
    frame : DataFrame
        All rows.
    places : sequence of int
        Which rows were done.
    done : DataFrame
        They, with their results.
    prefix, source : str
        What the results' columns begin with, in `frame` and in `done`.
    attrs : bool
        Whether `done` tells better than `frame` how the outputs were made.
    """
    out = frame.copy()
    for each in RESULT_COLUMNS:
        made = _cells(done, source + each)
        some = dict(zip(places, made.tolist(), strict=True))
        out = _with_cells(out, prefix + each, some, made.dtype)
    if attrs:
        out.attrs = dict(done.attrs)
    return out


def _cells(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    return frame.iloc[:, places_of(frame, name)[0]]


def _with_cells(frame: pd.DataFrame, name: str, values: dict[int, Any], dtype: Any) -> pd.DataFrame:
    """Return a frame with values in some places of a column, which is empty if it is new."""
    cells = optional_column(frame, name)
    for place, value in values.items():
        cells[place] = value
    if str(dtype) == "bool" and None in cells:  # rows that were never asked for
        dtype = "boolean"
    return with_columns(frame, {name: pd.Series(cells, index=frame.index, dtype=dtype)})


def _bad_places(frame: pd.DataFrame, prefix: str, what_for: str) -> list[int]:
    statuses = column(frame, prefix + "status", what_for)
    errors = optional_column(frame, prefix + "error")
    return [
        place
        for place, (status, error) in enumerate(zip(statuses, errors, strict=True))
        if is_failure(status, error)
    ]


def _check_inputs_are_there(call: Call) -> None:
    replaced = {call.prefix + name for name in RESULT_COLUMNS}
    for name, given in call.columns.items():
        for label in given if isinstance(given, list) else [given]:
            if isinstance(label, str) and label in replaced:
                msg = (
                    f"{name}_col={label!r} is what retry() fills. What went in is kept in a column "
                    f'such as "step1_{label}": give that.'
                )
                raise InputError(msg)
