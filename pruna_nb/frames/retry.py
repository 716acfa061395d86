"""Failed rows, and their retry: each row by the record of its request, or by the call.

A row's request is found by its prediction's id first: cells may have been edited since, and pandas
drops a frame's attrs at a merge, in CSV and elsewhere. A row without an id, or whose request held
files that are gone, is requested by the call in the attrs or in the arguments; in a chain, from
the step that failed.
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
from pruna_nb.console import say
from pruna_nb.errors import InputError, attach_frame, attached_frame
from pruna_nb.frames.chains import is_failure, missing_outputs, status_columns
from pruna_nb.frames.columns import column, optional_column, places_of, with_columns, with_names
from pruna_nb.frames.facts import tag_of
from pruna_nb.frames.generate import estimate, generate, snapshot
from pruna_nb.frames.records import Replay, records_of, replays_of
from pruna_nb.frames.requests import make_requests, row_name
from pruna_nb.frames.results import RESULT_COLUMNS, beside, call_of, steps_of
from pruna_nb.frames.sides import by_prefix
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.frames.call import Call
    from pruna_nb.frames.records import Record, Replay


def failed(frame: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """Return the rows that were requested and have no output, as their status says."""
    work, prefixes, _ = by_prefix(frame, prefix)
    places = {place for each in prefixes for place in _bad_places(work, each, "failed()")}
    return frame.iloc[sorted(places)]


def retry(
    frame: pd.DataFrame,
    call: Call | None,
    options: RunOptions,
    problems: Problems | None = None,
    *,
    prefix: str = "",
) -> pd.DataFrame:
    """Run the failed rows again, and return a new frame with their results.

    Where an earlier step of a row failed, that step is run again first. Without a call, each row's
    own record is sent again, and the attrs' call where there is none. All mistakes raise before
    anything is sent; what ends the run later carries the finished rows in its ``frame``.
    """
    frame, problems = snapshot(frame), problems or Problems()
    work, prefixes, own = by_prefix(frame, prefix) if call is None else (frame, [prefix], {})
    todo = [(each, *_worklist(work, call, each, problems)) for each in prefixes]
    problems.check()
    todo = [part for part in todo if part[1] or part[3]]
    if not todo and options.progress:
        say("Nothing to retry: each row has its output, or was skipped.")
    run = _Retry(options)
    if len(todo) > 1:
        run.check([(work, *part[1:]) for part in todo])
    if not own:
        return run.run_all(work, *todo[0]) if todo else frame
    named = partial(with_names, names=own)
    for part in todo:
        with _frame_of_error(named(work), named):
            work = run.run_all(work, *part)
    out = named(work)
    out.attrs = dict(frame.attrs)
    return out


def _worklist(
    frame: pd.DataFrame, call: Call | None, prefix: str, problems: Problems
) -> tuple[list[Replay], Call | None, list[int]]:
    """Return what is sent again: records, a call, and the rows for it; note all mistakes."""
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
            replaced = {call.prefix + name for name in RESULT_COLUMNS if name != "model"}
            for name, given in call.columns.items():
                for label in given if isinstance(given, list) else [given]:
                    if isinstance(label, str) and label in replaced:
                        msg = (
                            f"{name}_col={label!r} is an output column that retry() overwrites. "
                            f'Use the copy of its input, such as "step1_{label}".'
                        )
                        raise InputError(msg)
        # Before any earlier step is paid for: a row that lacks its output is skipped here.
        make_requests(frame.iloc[rest], call, service, problems)
    for replay in again:
        make_requests(replay.table, replay.call, service, problems)
    return again, call, rest


class _Retry:
    """Retries some rows, first the earlier steps that they lack, within one budget."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._budget = Budget.of(options, current())

    def check(
        self, todo: Sequence[tuple[pd.DataFrame, list[Replay], Call | None, list[int]]]
    ) -> None:
        """Refuse what costs more than the budget."""
        # Estimating each part plans it a second time, which only a limit on the cost is worth.
        if not self._budget.is_limited:
            return
        costs: list[float | None] = []
        for frame, again, call, rest in todo:
            parts = [(replay.table, replay.call) for replay in again]
            if call is not None:
                parts.append((frame.iloc[rest], call))
            costs += [estimate(*part, self._options).cost_usd for part in parts]
            if call is not None:
                costs += self._costs_of_steps(frame, call, rest)
        self._budget.check_costs(costs, "retry()")

    def run_all(
        self,
        frame: pd.DataFrame,
        prefix: str,
        again: list[Replay],
        call: Call | None,
        rest: list[int],
    ) -> pd.DataFrame:
        """Send the records again, and run a call on the rest; all costs are checked first."""
        self.check([(frame, again, call, rest)])
        # First those that earlier steps have to be made for.
        work = frame if call is None else self.run(frame, call, rest)
        for replay in again:
            back = partial(_put_back, work, replay.places, prefix=prefix, source="", attrs=False)
            with _frame_of_error(work, back):
                done = self._generate(replay.table, replay.call, replay.tag)
            work = back(done)
        return work

    def run(self, frame: pd.DataFrame, call: Call, places: list[int]) -> pd.DataFrame:
        steps = steps_of(frame)
        work = frame.copy()
        for label in call.labels():
            if isinstance(label, str) and label in steps:
                work = self._with_step_retried(work, label, call.prefix, places)
        back = partial(_put_back, work, places, prefix=call.prefix, source=call.prefix)
        with _frame_of_error(work, back):
            tag = tag_of(frame, f"{call.prefix}output")
            done = self._generate(work.iloc[places], call, tag)
        return back(done)

    def _generate(self, frame: pd.DataFrame, call: Call, tag: tuple[str, ...] = ()) -> pd.DataFrame:
        options = replace(self._options, tag=self._options.tag or tag)
        return generate(frame, call, options, refill=True, budget=self._budget)

    def _costs_of_steps(
        self, frame: pd.DataFrame, call: Call, places: list[int]
    ) -> list[float | None]:
        """Return the costs of the earlier steps to run again, and of the call on their outputs.

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
                    step = steps[label].resolved().settled()
                    costs.append(estimate(frame.iloc[missing], step, self._options).cost_usd)
                    costs += self._costs_of_steps(frame, step, missing)
        for place in sorted(waiting):  # priced without the files that do not exist yet
            fields = dict(call.constants)
            for name, label in call.columns.items():
                labels = label if isinstance(label, list) else [label]
                cells = [column(frame, part, "retry()")[place] for part in labels]
                fields[name] = cells if isinstance(label, list) else cells[0]
            present = {name: value for name, value in fields.items() if value is not None}
            costs.append(cost_usd(call.model, present))
        return costs

    def _with_step_retried(
        self, frame: pd.DataFrame, label: str, prefix: str, places: list[int]
    ) -> pd.DataFrame:
        """Return the frame with the outputs of an earlier step that failed in some rows."""
        missing = _failed_inputs(frame, label, places)
        if not missing:
            return frame
        steps = steps_of(frame)
        step = replace(steps[label].resolved(), prefix=_BESIDE)
        # A step's results go into columns of their own, and from there to where they belong.
        empty = pd.Series([None] * len(frame), index=frame.index, dtype=object)
        blank = with_columns(frame, dict.fromkeys(map(_BESIDE.__add__, RESULT_COLUMNS), empty))

        def with_made(made: pd.DataFrame) -> pd.DataFrame:
            out = frame.copy()
            # The steps before it may have been run again too.
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
    told = zip(
        *(optional_column(frame, name) for name in status_columns(frame, label)), strict=True
    )
    is_bad = [is_failure(status, error) for status, error in told]
    return [place for place in places if cells[place] is None and is_bad[place]]


@contextlib.contextmanager
def _frame_of_error(
    before: pd.DataFrame, whole: Callable[[pd.DataFrame], pd.DataFrame]
) -> Iterator[None]:
    """Attach all rows to what ends a run, not only those that it worked on."""
    try:
        yield
    except BaseException as error:
        part = attached_frame(error)
        # None where nothing was sent; what earlier steps made is there all the same.
        attach_frame(error, before if part is None else whole(part))
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
    """Return a frame with the results that some rows have now in `done`.

    The result columns begin with `prefix` in the frame and with `source` in `done`, whose attrs
    replace the frame's if `attrs`.
    """
    out = frame.copy()
    for name in RESULT_COLUMNS:
        cells = _cells(done, source + name)
        values = dict(zip(places, cells.tolist(), strict=True))
        if name == "model":
            # A row is sent to its own model again, so what stands there is right; or the user's,
            # since frames of earlier releases have no such column.
            if not places_of(out, prefix + name):
                continue
            there = optional_column(out, prefix + name)
            values = {place: model for place, model in values.items() if there[place] is None}
        out = _with_cells(out, prefix + name, values, cells.dtype)
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
    if str(dtype) == "bool" and None in cells:  # rows that were never requested
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


def asked_before(
    frame: pd.DataFrame, prefix: str, places: list[int]
) -> tuple[list[Replay], Call | None, list[int]]:
    """Split rows into those whose record can be sent again, and the rest, with its call.

    The rest raises `InputError` if its call is not known.
    """
    records = records_of(frame, prefix + "output")
    known = steps_of(frame).get(prefix + "output")
    again, rest = by_record(frame, records, known, places)
    if not rest:
        return again, None, rest
    models = sorted({record.model for record in records if record is not None})
    if known is not None and set(models) <= set(known.model_names()):
        return again, known.resolved(), rest
    which = _named(frame, rest)
    # With rows of several models, the call that is known may not be that of these rows.
    if len({*models, *([known.model.name] if known is not None else [])}) > 1:
        msg = (
            f"{which}: the request is not known, and the frame's rows are of several "
            f"models ({', '.join(models)}). Nothing was sent. Retry them separately, with the "
            'arguments that made them: frame.iloc[[...]].pruna.retry("prompt", model=...).'
        )
        raise InputError(msg, [which])
    try:
        return again, call_of(frame, prefix + "output"), rest
    except InputError as error:
        msg = f"{which}: no record of the request was found. {error} Nothing was sent."
        raise InputError(msg, [which]) from None


def by_record(
    frame: pd.DataFrame, records: Sequence[Record | None], known: Call | None, places: list[int]
) -> tuple[list[Replay], list[int]]:
    """Split rows into those whose record can be sent again, and the rest.

    A row whose input is gone, as the known call reads it, cannot be sent as it was: an earlier step
    has to run first, or the user removed its output.
    """
    missing = [None] * len(frame) if known is None else missing_outputs(frame, known.settled())
    asked = {place: records[place] for place in places if missing[place] is None}
    again = replays_of(frame.index, asked)
    found = {place for replay in again for place in replay.places}
    return again, [place for place in places if place not in found]


def check_models(frame: pd.DataFrame, call: Call, prefix: str, places: list[int]) -> None:
    """Refuse to retry a row with another model than its own."""
    records = records_of(frame, prefix + "output")
    others = {
        place: record.model
        for place in places
        if (record := records[place]) is not None and record.model != call.model.name
    }
    if others:
        models = ", ".join(sorted(set(others.values())))
        msg = (
            f"{_named(frame, list(others))}: requested from {models}, not from "
            f"{call.model.name}. Nothing was sent. retry() without arguments uses each row's own "
            "model again; for another model, generate() those rows."
        )
        raise InputError(msg)


_NAMED = 10


def _named(frame: pd.DataFrame, places: Sequence[int]) -> str:
    names = ", ".join(row_name(frame.index, place) for place in places[:_NAMED])
    more = len(places) - _NAMED
    return f"{names} and {more:,} more" if more > 0 else names
