"""What failed, and doing it again: in a chain from the step that failed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems
from pruna_nb.errors import InputError, PrunaError
from pruna_nb.frames.call import Call
from pruna_nb.frames.columns import column
from pruna_nb.frames.earlier import failed_before
from pruna_nb.frames.gather import gather
from pruna_nb.frames.generate import generate
from pruna_nb.frames.results import GOOD, RESULT_COLUMNS, TEXT, steps_of
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pruna_nb.batch.options import RunOptions


def failed(frame: pd.DataFrame, prefix: str = "") -> pd.DataFrame:
    """Give the rows that have no output though they were asked for."""
    return frame.iloc[_bad_places(frame, prefix, "failed()")]


def call_of(frame: pd.DataFrame, output: str = "output") -> Call:
    """Read from a frame's attrs how one of its columns of outputs was made.

    Raises
    ------
    InputError
        If they don't say, as after reading the frame from CSV.
    """
    spec = steps_of(frame).get(output)
    if spec is None:
        msg = (
            f"The frame does not say how {output!r} was made (CSV does not keep that, nor are "
            "files and secrets kept there). Give the arguments that made it, such as "
            'retry("prompt", model="p-image", seed_col="seed"), and for a step of a chain the '
            'columns as they are called now, such as images_col="step1_output".'
        )
        raise InputError(msg)
    return Call.from_attrs(spec)


def retry(
    frame: pd.DataFrame, call: Call, options: RunOptions, problems: Problems | None = None
) -> pd.DataFrame:
    """Run the rows again that failed, and put their results into a new frame.

    Where a row lacks the output of an earlier step, that step is run again first.

    Raises
    ------
    InputError
        If the frame has no results, or the call reads a column that its results replace.
    PrunaError
        Of the account or the disk; the error's ``frame`` holds what is done.
    """
    problems = problems or Problems()
    places: list[int] = []
    with problems.noted():
        places = _bad_places(frame, call.prefix, "retry()")
    # Samples have their own rows and seeds already.
    call = call.settled()
    with problems.noted():
        _check_inputs_are_there(call)
    # Before any earlier step is paid for: a row that lacks its output is skipped here.
    gather(frame.iloc[places], call, current().service, problems)
    problems.check()
    if not places:
        return frame.copy()
    return _Again(options).run(frame, call, places)


class _Again:
    """Makes the outputs of some rows, the earlier ones that they lack first, in one budget."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._spent_usd = 0.0

    def run(self, frame: pd.DataFrame, call: Call, places: list[int]) -> pd.DataFrame:
        steps = steps_of(frame)
        work = frame.copy()
        for label in call.labels():
            if isinstance(label, str) and label in steps:
                work = self._mended(work, label, call.prefix, places)
        with _frame_of_error(lambda part: _put_back(work, places, part, call.prefix)):
            done = generate(work.iloc[places], call, self._options_now())
        self._spent_usd += float(done[call.prefix + "cost_usd"].sum())
        return _put_back(work, places, done, call.prefix)

    def _options_now(self) -> RunOptions:
        most = self._options.max_cost_usd
        left = None if most is None else max(Decimal(0), most - Decimal(str(self._spent_usd)))
        return replace(self._options, max_cost_usd=left)

    def _mended(
        self, frame: pd.DataFrame, label: str, prefix: str, places: list[int]
    ) -> pd.DataFrame:
        """Give the frame with the outputs of an earlier step that some rows lack."""
        cells = column(frame, label, "retry()")
        missing = [place for place in places if cells[place] is None]
        if not missing:
            return frame
        steps = steps_of(frame)
        step = replace(Call.from_attrs(steps[label]), prefix=_BESIDE)
        # A step's results go into columns of their own, and from there to where they belong.
        blank = frame.assign(**dict.fromkeys(map(_BESIDE.__add__, RESULT_COLUMNS)))
        blank.attrs = dict(frame.attrs)

        def with_made(made: pd.DataFrame) -> pd.DataFrame:
            out = frame.copy()
            # The steps before it may have been made anew too.
            before = [name for name in steps if name not in {label, prefix + "output"}]
            sources = {name: name for name in before if name in made.columns}
            sources |= {label: _BESIDE + "output", prefix + "status": _BESIDE + "status"}
            sources |= {prefix + "error": _BESIDE + "error"}
            for name, source in sources.items():
                values = made[source].tolist()
                _set(out, name, {place: values[place] for place in missing}, TEXT)
            return out

        with _frame_of_error(with_made):
            made = self.run(blank, step, missing)
        return with_made(made)


_BESIDE = "pruna_nb again "


@contextlib.contextmanager
def _frame_of_error(whole: Callable[[pd.DataFrame], pd.DataFrame]) -> Iterator[None]:
    """Let an error, or an interrupt, carry all rows in place of those that were worked on."""
    try:
        yield
    except (PrunaError, KeyboardInterrupt) as error:
        part = getattr(error, "frame", None)
        if part is not None:
            error.frame = whole(part)  # type: ignore[union-attr]
        raise


def _put_back(
    frame: pd.DataFrame, places: list[int], done: pd.DataFrame, prefix: str
) -> pd.DataFrame:
    out = frame.copy()
    for name in (prefix + each for each in RESULT_COLUMNS):
        values = done[name].tolist()
        if name not in out.columns:
            out[name] = pd.Series([None] * len(out), index=out.index, dtype=object)
        _set(out, name, dict(zip(places, values, strict=True)), done[name].dtype)
    out.attrs = dict(done.attrs)
    return out


def _set(frame: pd.DataFrame, name: str, values: dict[int, Any], dtype: Any) -> None:
    """Put values into some places of a column, whose index may have equal labels."""
    cells: list[Any] = column(frame, name, "retry()")
    for place, value in values.items():
        cells[place] = value
    if str(dtype) == "bool" and None in cells:  # rows that were never asked for
        dtype = "boolean"
    frame[name] = pd.Series(cells, index=frame.index, dtype=dtype)


def _bad_places(frame: pd.DataFrame, prefix: str, what_for: str) -> list[int]:
    statuses = column(frame, prefix + "status", what_for)
    error = prefix + "error"
    errors = column(frame, error, what_for) if error in frame.columns else [None] * len(frame)
    return [
        place
        for place, (status, why) in enumerate(zip(statuses, errors, strict=True))
        if (status is not None and status not in GOOD)
        or (status == "skipped" and failed_before(why))
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
