"""A sweep as a table: its estimate, its run, its frame, and the code that makes it again."""

from __future__ import annotations

import hashlib
import os
import sys
import weakref
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.batch.budget import Budget
from pruna_nb.batch.job import Outcome
from pruna_nb.batch.options import RunOptions
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.form.code import code_of
from pruna_nb.frames import generate
from pruna_nb.frames.call import Call
from pruna_nb.frames.columns import (
    MODEL_COLUMN,
    column,
    fill_template,
    places_of,
    plain_label,
    template_labels,
    with_columns,
)
from pruna_nb.frames.results import with_results
from pruna_nb.frames.samples import with_samples
from pruna_nb.settings import current
from pruna_nb.settings.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from pruna_nb.batch.run import Run
    from pruna_nb.form.sweep import Sweep


class SweepTables:
    """Makes estimates, runs, frames and code of the sweeps of a form or a magic.

    Parameters
    ----------
    frame : DataFrame, optional
        Whose rows a sweep names, as they are now; without one the sweep's axes are the table.
    base : Call, optional
        The columns and the template that the rows' fields are read from.
    options : RunOptions, optional
        The options of the runs; none shows a progress bar.
    unchecked : bool
        Whether a model is allowed that the catalogue does not know.
    templates : sequence of str
        Templates over the frame's columns that the sweeps have for prompts.
    """

    def __init__(
        self,
        frame: pd.DataFrame | None = None,
        base: Call | None = None,
        *,
        options: RunOptions | None = None,
        unchecked: bool = False,
        templates: Sequence[str] = (),
    ) -> None:
        self.templates = tuple(templates)
        self._filled: dict[tuple[int, str], str] = {}
        self._frame = None if frame is None else generate.snapshot(frame)
        # only to find its name: a form must not keep a large frame alive
        self._original = None if frame is None else weakref.ref(frame)
        self._base = base
        self._options = replace(options or RunOptions(), progress=False)
        self._unchecked = unchecked
        self.scope = Scope()

    @property
    def fill(self) -> Callable[[int, str], str] | None:
        """What makes a row's prompt of a template; None where prompts are no templates."""
        return self._fill if self.templates else None

    def _fill(self, row: int, template: str) -> str:
        if self._frame is not None and (row, template) not in self._filled:
            filled = fill_template(template, self._frame.iloc[[row]])[0]
            if filled.problem:
                raise InputError(filled.problem)
            self._filled[row, template] = filled.prompt or ""  # of an empty cell, which is skipped
        return self._filled[row, template]

    def fingerprint(self, sweep: Sweep) -> str:
        """Return what the frame's rows of a sweep are made of; another frame has another one.

        A cell that is no text and no number, such as a picture in memory, counts by its type.
        """
        if self._frame is None or sweep.rows is None:
            return ""
        rows = self._frame.iloc[[place for place, _ in sweep.rows]]
        read, templates = [], list(self.templates)
        if self._base is not None:
            read = list(self._base.labels())
            templates += [] if self._base.template is None else [self._base.template]
        for template in templates:
            read += template_labels(template, self._frame)
        cells = [list(rows.index), *(column(rows, label, "the form") for label in read)]
        plain = [[_told(cell) for cell in one] for one in cells]
        return hashlib.sha256(repr(plain).encode("utf-8", "surrogateescape")).hexdigest()

    def estimate(self, sweep: Sweep) -> generate.Estimate:
        """Return what a sweep would run and cost; sends nothing."""
        with self.scope.entered():
            return generate.estimate(self.table(sweep), self.call(sweep), self._options)

    def require_key(self) -> None:
        """Raise `MissingKeyError` if there is no key to send anything with."""
        with self.scope.entered():
            current().require_key()

    @property
    def most_usd(self) -> Decimal | None:
        """What one click may cost; None: no limit."""
        return self._options.max_cost_usd

    def cached(self, sweep: Sweep) -> list[Outcome]:
        """Return what the cache has of each point; others are pending or skipped. Sends nothing."""
        with self.scope.entered():
            table, call = self.table(sweep), self.call(sweep)
            # Nothing is spent, so nothing is too much.
            _, run = generate.prepare_run(table, call, self._options, budget=Budget(None))
            return [
                outcome if outcome.status in {"succeeded", "skipped"} else Outcome("pending")
                for outcome in run.row_outcomes()
            ]

    def begin(self, sweep: Sweep, numbers: Sequence[int]) -> Run:
        """Return the run of some points of a sweep, not started yet."""
        with self.scope.entered():
            table = self.table(sweep).iloc[list(numbers)]
            _, run = generate.prepare_run(table, self.call(sweep), self._options)
        return run

    def frame(self, sweep: Sweep, outcomes: Sequence[Outcome]) -> pd.DataFrame:
        """Return the frame of what was made."""
        call = self.call(sweep)
        table = self.table(sweep)
        if call.needs_seeds():
            table = with_samples(table, call)
        return with_results(table, outcomes, call)

    def code(self, sweep: Sweep) -> str:
        """Return the Python that makes it again."""
        call = self.call(sweep)
        return code_of(sweep, call, frame=self._frame, name=self._name(call))

    def _name(self, call: Call) -> str:
        """Return what the notebook calls the frame; empty without a name, or if it was changed."""
        original = None if self._original is None else self._original()
        if original is None or self._frame is None:
            return ""
        read = [label for label in call.labels() if places_of(self._frame, label)]
        if call.template is not None:
            read += template_labels(call.template, self._frame)
        if not _is_unchanged(original, self._frame, read):
            return ""
        variables = list(vars(sys.modules.get("__main__")).items())
        names = (
            name for name, value in variables if value is original and not name.startswith("_")
        )
        return next(names, "")

    def table(self, sweep: Sweep) -> pd.DataFrame:
        """Return the table of a sweep: a row for each point."""
        points = sweep.points()
        names = list(points[0].fields) if points else list(sweep.axes)
        columns: dict[str, list[Any]]
        columns = {name: [point.fields[name] for point in points] for name in names}
        models = {MODEL_COLUMN: [point.model for point in points]} if sweep.others else {}
        if self._frame is None:
            return pd.DataFrame({**columns, **models}, index=pd.RangeIndex(len(points)))
        rows = self._frame.iloc[[point.row for point in points if point.row is not None]]
        rows = rows.set_flags(allows_duplicate_labels=True)  # a row may be there for each seed
        labels = {self._label(name): cells for name, cells in columns.items()}
        return with_columns(rows, {**labels, **models})

    def _label(self, name: str) -> str:
        """Return the column of an axis; a column of the user's by that name is not overwritten."""
        taken = () if self._frame is None else set(map(plain_label, self._frame.columns))
        free = (f"form{number}_{name}" if number > 1 else f"form_{name}" for number in count(1))
        return name if name not in taken else next(label for label in free if label not in taken)

    def call(self, sweep: Sweep) -> Call:
        """Return the call that makes a sweep's table."""
        varying = (
            dict.fromkeys(sweep.points()[0].fields) if len(sweep) else dict.fromkeys(sweep.axes)
        )
        base = self._base or Call(sweep.model)
        unchecked = self._unchecked or base.model.unchecked
        model, *others = (replace(each, unchecked=unchecked) for each in sweep.models)
        return replace(
            base,
            model=model,
            models=(model, *others) if others else (),
            constants=sweep.constants(),
            columns={**base.columns, **{name: self._label(name) for name in varying}},
        )


def _told(cell: Any) -> Any:
    if isinstance(cell, (list, tuple)):
        return [_told(item) for item in cell]
    is_plain = cell is None or isinstance(cell, (str, int, float, os.PathLike))
    return str(cell) if is_plain else type(cell).__name__


def _is_unchanged(frame: pd.DataFrame, before: pd.DataFrame, labels: Sequence[Any]) -> bool:
    """Whether some columns of a frame, and its rows, are what they were."""
    try:
        return frame.index.equals(before.index) and all(
            column(frame, label, "the code") == column(before, label, "the code")
            for label in labels
        )
    except (
        ColumnError,
        ValueError,
    ):  # a column is gone; a comparison of arrays has no single answer
        return False
