"""A table's cells, made to fit the fields that are read from them."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import listed
from pruna_nb.commands.out_folder import entries_of
from pruna_nb.errors import InputError
from pruna_nb.frames.call_attrs import ATTRS, call_from_attrs
from pruna_nb.frames.columns import template_labels
from pruna_nb.tables.cells import cell_text, column_of_values, fit_text, plain_cells
from pruna_nb.tables.files import is_delimited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pruna_nb.catalog import Model
    from pruna_nb.commands.out_folder import ManifestEntry

_ADDRESS = re.compile(r"\s*(?:https?://|data:)", re.IGNORECASE)
_ROWS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A table and a call, as they are run."""

    frame: pd.DataFrame
    call: dict[str, Any]
    changed: list[str]  # columns whose cells are not as they were read
    added: dict[str, Any]  # columns that are there for a field alone, and what they are made of


def fit_columns(
    frame: pd.DataFrame, model: Model, call: Mapping[str, Any], table: Path
) -> FittedTable:
    """Return a table whose columns are as the fields take them that are read from them.

    A text field gets text, also from digits; a number or a switch is read from text; a file is
    looked for where the table is. A column that is not there is left to the call to tell.

    Parameters
    ----------
    frame : DataFrame
        As `read_table` gives it.
    model : Model
    call : mapping
        What ``df.pruna.generate`` takes: ``prompt_col``, ``seed_col`` and so on.
    table : Path
        Where the frame was read from.

    Raises
    ------
    InputError
        If a cell may mean two files, or names one that is another prediction's by now.
    """
    fitted = FittedTable(frame, dict(call), [], {})
    uses = Counter(label for argument, label in call.items() if argument.endswith("_col"))
    if call.get("prompt") is not None:
        templates = call["prompt"] if isinstance(call["prompt"], list) else [call["prompt"]]
        named = [label for each in templates for label in template_labels(each, frame)]
        uses.update(named)
        if is_delimited(table):
            frame = _as_written(frame, named, fitted.changed)
    out = frame
    problems: list[str] = []
    for argument, label in call.items():
        field = model.fields.get(argument.removesuffix("_col"))
        if not argument.endswith("_col") or field is None or label not in frame.columns:
            continue
        before = plain_cells(frame[label])
        if field.media:
            files = _Files(frame, label, table, problems)
            cells = [files.find(place, cell) for place, cell in enumerate(before)]
        else:
            cells = [fit_text(field, cell) for cell in before]
        if all(cell is old for cell, old in zip(cells, before, strict=True)):
            continue
        name = label
        if uses[label] > 1:  # the others read the cells as they stand
            names = (f"{label} as {field.name}{mark}" for mark in chain([""], count(2)))
            name = next(each for each in names if each not in out.columns)
            fitted.call[argument] = name
            fitted.added[name] = label
        else:
            fitted.changed.append(name)
        out = out.assign(**{name: column_of_values(cells).set_axis(out.index)})
    if problems:
        raise InputError("Nothing was sent:\n  " + "\n  ".join(problems[:_ROWS_SHOWN]), problems)
    return replace(fitted, frame=out)


def with_files_found(frame: pd.DataFrame, table: Path) -> pd.DataFrame:
    """Return a finished table whose outputs name the files in its folder, which may have moved.

    Raises
    ------
    InputError
        If a file is another prediction's by now.
    """
    problems: list[str] = []
    for label in [name for name in frame.columns if str(name).endswith("output")]:
        files = _Files(frame, label, table, problems)
        cells = [files.find(place, cell) for place, cell in enumerate(plain_cells(frame[label]))]
        frame = frame.assign(**{label: pd.Series(cells, frame.index, dtype=frame[label].dtype)})
    if problems:
        raise InputError(listed("This table cannot be used:", problems[:_ROWS_SHOWN]), problems)
    return frame


def call_as_read(
    made: pd.DataFrame, output: str, added: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the call that made an output column, by the columns of the table that is written.

    Parameters
    ----------
    made : DataFrame
        As it was run; its attrs hold no call with secrets.
    output : str
        The column.
    added : mapping
        As `FittedTable` has them: the table is written without them.
    """
    steps = made.attrs.get(ATTRS)
    spec = steps.get(output) if isinstance(steps, dict) else None
    call = call_from_attrs(spec)
    if call is None or not isinstance(spec, dict):
        return None
    columns = {
        name: added.get(label, label) if isinstance(label, str) else label
        for name, label in spec.get("columns", {}).items()
    }
    constants = dict(call.constants)
    # The next command may be run in another folder.
    for name in constants.keys() & {field.name for field in call.model.media_fields}:
        value = constants[name]
        constants[name] = [*map(_absolute, value)] if isinstance(value, list) else _absolute(value)
    return {**spec, "columns": columns, "constants": constants}


def fit_to_call(frame: pd.DataFrame, output: str, spec: object, table: Path) -> FittedTable:
    """Return a finished table as the call takes it that made it, with the call in its attrs.

    Parameters
    ----------
    frame : DataFrame
        As it was written.
    output : str
        Its column of outputs.
    spec : dict or None
        As `call_as_read` gave it.
    table : Path
        What the finished one was made of: files are looked for beside it.

    Raises
    ------
    InputError
        As of `fit_columns`.
    """
    call = call_from_attrs(spec)
    if call is None or not isinstance(spec, dict):
        return FittedTable(frame, {}, [], {})
    asked = {f"{name}_col": label for name, label in call.columns.items()}
    labels = {name: label for name, label in asked.items() if isinstance(label, str)}
    fitted = fit_columns(frame, call.model, {**labels, "prompt": call.template}, table)
    columns = {name: fitted.call.get(f"{name}_col", spec["columns"][name]) for name in call.columns}
    out = fitted.frame.copy(deep=False)
    steps = out.attrs.get(ATTRS)
    others = steps if isinstance(steps, dict) else {}
    out.attrs = {**out.attrs, ATTRS: {**others, output: {**spec, "columns": columns}}}
    return replace(fitted, frame=out)


def _absolute(value: Any) -> Any:
    """Return the whole path of what names a file; an address as it stands."""
    return (
        str(Path(value).absolute()) if isinstance(value, str) and _is_there(Path(value)) else value
    )


def _as_written(frame: pd.DataFrame, labels: Iterable[Any], changed: list[str]) -> pd.DataFrame:
    """Return a table with text where a template would write 1.0, as a cell stands, as 1.

    Whole numbers beside a gap are left alone: there pandas writes .0 that nobody else wrote.
    """
    for label in labels:
        if label not in frame.columns or frame[label].dtype != "float64":
            continue
        cells = plain_cells(frame[label])
        whole = [cell.is_integer() for cell in cells if cell is not None]
        if any(whole) and not (all(whole) and None in cells):
            texts = [cell_text(cell) for cell in cells]
            frame = frame.assign(**{label: column_of_values(texts).set_axis(frame.index)})
            changed.append(label)
    return frame


class _Files:
    """Finds the files that a column names: beside the table, before the working folder."""

    def __init__(self, frame: pd.DataFrame, label: str, table: Path, problems: list[str]) -> None:
        self._folder = table.absolute().parent
        self._problems = problems
        self._label = label
        self._entries: dict[Path, dict[str, ManifestEntry]] = {}
        beside = label.removesuffix("output") + "prediction_id"
        self._is_output = label.endswith("output") and beside in frame.columns
        self._ids = plain_cells(frame[beside]) if self._is_output else [None] * len(frame)

    def find(self, place: int, cell: Any) -> Any:
        """Return a cell with the paths that are meant; what is not a path stays as it is."""
        if isinstance(cell, str) and cell.lstrip().startswith("["):
            with contextlib.suppress(ValueError):  # a list of files, as JSON and so as CSV has it
                cell = json.loads(cell)
        if isinstance(cell, list):
            return [self.find(place, item) for item in cell]
        if not isinstance(cell, str) or not cell.strip() or _ADDRESS.match(cell):
            return cell
        path = Path(cell)
        if path.is_absolute():
            return self._known(place, path, cell)
        beside = self._folder / path
        if self._is_output:
            return str(beside)  # never another file of that name in the working folder
        if not _is_there(beside):
            return cell
        if _is_there(path) and not path.samefile(beside):
            self._problems.append(
                f"{self._label}, row {place}: {cell!r} is a file beside the table and another one "
                "in the working folder; write the whole path of the one that is meant."
            )
        return str(beside)

    def _known(self, place: int, path: Path, cell: str) -> str:
        """Return an output's path; where its folder was moved with the table, the new one."""
        number = self._ids[place]
        moved = self._folder / path.name
        if self._is_output and not _is_there(path) and _is_there(moved):
            path, cell = moved, str(moved)
        if number is None:
            return cell
        if path.parent not in self._entries:
            self._entries[path.parent] = entries_of(path.parent)
        entry = self._entries[path.parent].get(path.name)
        if entry is not None and entry.prediction_id not in {"", number}:
            self._problems.append(
                f"{self._label}, row {place}: {cell} is the output of another prediction by now "
                f"({entry.prediction_id}, not {number}): run again what made this table."
            )
        return cell


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a text that is too long for a name
        return False
