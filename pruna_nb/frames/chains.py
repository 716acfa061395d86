"""Chains: what an earlier step left for the next, and why where it left nothing.

That a step failed is read from its status, never guessed from an empty output: an image that the
user removed from the table stays out, in all later steps.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import model_names
from pruna_nb.errors import InputError
from pruna_nb.frames.columns import (
    column,
    label_text,
    optional_column,
    places_of,
    plain_label,
    template_labels,
)
from pruna_nb.frames.records import records_of, requests_by_id
from pruna_nb.frames.results import RESULT_COLUMNS, beside, steps_of
from pruna_nb.settings import current
from pruna_nb.statuses import FAILED, STATUSES
from pruna_nb.tables.cells import plain_cells
from pruna_nb.templates import is_missing
from pruna_nb.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.frames.call import Call


STEP_FAILED = "an earlier step failed"
"""The error of a row that was not requested since an earlier step failed. It stands
in the text since that alone survives CSV, Parquet and SQL."""
_SKIPPED = "an earlier step skipped it"
_NOTHING = "an earlier step left no output"
TAKEN_OUT = "taken out of the table"
"""How rows are counted that succeeded, and whose output the user removed."""
REMOVED = f"its output was {TAKEN_OUT}"
"""The reason of such a row."""
_INNER = re.compile(rf"(?:{STEP_FAILED}|{_SKIPPED})(?: \((.*)\))?$", re.DOTALL)
_KEPT = re.compile(r"step\d+_(.*output)")
_SHOWN = 200


def failed_before(error: object) -> bool:
    """Whether a row's error says that an earlier step failed."""
    return isinstance(error, str) and STEP_FAILED in error


def is_failure(status: object, error: object) -> bool:
    """Whether a row was requested and has no output, as its status says.

    A row that was skipped since an earlier step failed is one too.
    """
    known = status if isinstance(status, str) else None
    return known in FAILED or (known == "skipped" and failed_before(error))


def is_removed(status: object, output: object) -> bool:
    """Whether a row succeeded, and its output is in the table no more."""
    return status == "succeeded" and is_missing(output)


def is_output(frame: pd.DataFrame, label: object) -> bool:
    """Whether a column holds the outputs of an earlier step."""
    if not isinstance(label, str):
        return False
    return label in steps_of(frame) or (
        label.endswith("output") and bool(places_of(frame, status_columns(frame, label)[0]))
    )


def output_labels(frame: pd.DataFrame) -> list[Any]:
    """Return the columns of outputs, whatever pandas made of their names, the last step last.

    Their status stands beside them: ``output_x`` and ``status_x`` after a merge of two results.
    """
    labels = dict.fromkeys(plain_label(label) for label in frame.columns)
    found = [
        label
        for label in labels
        if is_output(frame, label)
        or ("output" in str(label) and len(places_of(frame, beside(label, "status"))) == 1)
    ]
    return sorted(found, key=lambda label: not str(label).startswith("step"))


def missing_outputs(frame: pd.DataFrame, call: Call) -> list[str | None]:
    """Return why rows have no output of an earlier step that the call reads; None if they do."""
    found: list[str | None] = [None] * len(frame)
    for name, given in call.columns.items():
        for label in given if isinstance(given, list) else [given]:
            if not is_output(frame, label):
                continue
            cells = column(frame, label, f"{name}_col")
            statuses, errors = (
                optional_column(frame, each) for each in status_columns(frame, label)
            )
            # A word of the user's own in a step's status, such as "rejected", takes the row out.
            rejected = [status is not None and str(status) not in STATUSES for status in statuses]
            if any(rejected) and not is_step(frame, label):
                rejected = [False] * len(frame)
            rows = zip(cells, statuses, errors, rejected, strict=True)
            for place, (cell, status, error, is_rejected) in enumerate(rows):
                if found[place] is not None:
                    continue
                if cell is None:
                    found[place] = f"{name} is empty: {_why(status, error)}"
                elif is_rejected:
                    found[place] = f"{name} is not taken: the status of {label!r} is {status!r}"
    return found


def status_columns(frame: pd.DataFrame, label: str) -> tuple[str, str]:
    """Return the names of the status and the error columns that belong to a column of outputs."""
    kept = _KEPT.fullmatch(label)
    if kept and not places_of(frame, beside(label, "status")):
        # A frame of an earlier release: of a step that was replaced it has no status, but the
        # last step's tells what it found.
        label = kept[1]
    return beside(label, "status"), beside(label, "error")


def _why(status: object, error: object) -> str:
    if str(status) not in STATUSES - {"succeeded"}:
        return _NOTHING if status is None else REMOVED
    text = "" if error is None else " ".join(str(error).split())
    word = STEP_FAILED if is_failure(status, error) else _SKIPPED
    inner = _INNER.search(text)
    if inner:
        text = inner[1] or ""
    # At a word: half of a price would be another price.
    return f"{word} ({cut(text, _SHOWN)})" if text else word


# One that the record knows proves a step; there may be a hundred thousand.
_IDS_ASKED = 500


def own_columns(frame: pd.DataFrame, call: Call, keep: Collection[str] = ()) -> list[str]:
    """Return the names of the user's own columns that a call's results would replace.

    Columns of a result's name are an earlier step's if the cache or the journal knows one of their
    predictions' ids, if their outputs are the cache's files, or if the frame's attrs tell of the
    step and all its columns are there; and if they hold what a step leaves. All others are the
    user's, unless they are empty. Those in `keep` stay, under other names.
    """
    read = {*keep, *(label for label in call.labels() if isinstance(label, str))}
    if call.template is not None:
        with contextlib.suppress(InputError):  # reported when the template is filled
            read.update(template_labels(call.template, frame))
    own: list[str] = []
    cells = _cells(frame, call.prefix.__add__)
    filled = [name for name, values in cells.items() if any(cell is not None for cell in values)]
    if filled:
        left = _left_by_a_step(frame, call.prefix + "output", cells)
        statuses = cells.get("status", [None] * len(frame))
        # Where the step's columns stay under other names, what the user wrote into their cells is
        # kept. Where they are replaced, each cell has to be what a step leaves.
        stay = not read.isdisjoint(call.prefix + name for name in RESULT_COLUMNS)
        enough: Callable[[Any], bool] = any if stay else all
        own = [
            call.prefix + name
            for name in filled
            if name != "model"
            and (
                name not in left
                or not enough(
                    _LEAVES[name](cell, status)
                    for cell, status in zip(cells[name], statuses, strict=True)
                    if cell is not None
                )
            )
        ]
    if "model" in filled and _is_own_model(frame, call, cells):
        own = [*own, call.prefix + "model"]
    added = [name for name in call.new_columns() if name not in RESULT_COLUMNS]
    return [*own, *(name for name in added if _is_own(frame, name))]


def _is_own_model(frame: pd.DataFrame, call: Call, cells: dict[str, list[Any]]) -> bool:
    """Whether a column "model" is the user's: of cars, say. One that names models is a step's."""
    steps = (name for step in steps_of(frame).values() for name in step.model_names())
    known = {*call.model_names(), *model_names(), *steps}
    strange = [cell for cell in cells["model"] if cell is not None]
    strange = [cell for cell in strange if not (isinstance(cell, str) and cell in known)]
    if strange:  # or of a model that was sent with unchecked=True
        ids = {cell for cell in cells.get("prediction_id", ()) if isinstance(cell, str)}
        sent = [record.model for record in requests_by_id(ids).values()]
        return not all(cell in sent for cell in strange)
    # Beside no results it is the user's, unless it says what it would say afterwards.
    is_alone = not any(cell is not None for name in _WITH_MODEL for cell in cells.get(name, ()))
    return is_alone and any(cell not in {None, *call.model_names()} for cell in cells["model"])


_WITH_MODEL = ("output", "status", "prediction_id")


def check_own_columns(
    frame: pd.DataFrame,
    call: Call,
    problems: Problems,
    keep: Collection[str] = (),
    *,
    takes_prefix: bool = True,
) -> None:
    """Note if a call's results would replace the user's own columns, with what to do instead."""
    names: list[str] = []
    with problems.noted():
        names = own_columns(frame, call, keep)
    if not names:
        return
    listed = ", ".join(map(repr, names))
    renamed = ", ".join(f"{name!r}: {f'my_{name}'!r}" for name in names)
    ways = f"Rename them: df.rename(columns={{{renamed}}})"
    if takes_prefix and not set(names) & set(call.new_columns()):  # these have no prefix
        ways += ', or give prefix="x_", with which the results are called x_output and so on'
    what = "are columns" if len(names) > 1 else "is a column"
    problem = f"{listed} {what} of your own, which the results would replace. {ways}."
    problems.add(InputError(f"{problem} Nothing was sent.", [problem]))


def is_step(frame: pd.DataFrame, output: str) -> bool:
    """Whether a column of outputs, and what stands beside it, is what a step left."""
    return bool(_left_by_a_step(frame, output, _cells(frame, lambda name: beside(output, name))))


def _cells(frame: pd.DataFrame, label_of: Callable[[str], Any]) -> dict[str, list[Any]]:
    """Return the cells of the columns that are called like a step's, by the result's name."""
    places = {name: places_of(frame, label_of(name)) for name in RESULT_COLUMNS}
    return {
        name: plain_cells(frame.iloc[:, found[0]])
        for name, found in places.items()
        if len(found) == 1
    }


def _left_by_a_step(
    frame: pd.DataFrame, output: str, cells: dict[str, list[Any]]
) -> frozenset[str]:
    """Return the results whose columns are known to be a step's; cells may be edited."""
    ids = [cell for cell in cells.get("prediction_id", ()) if isinstance(cell, str)]
    if requests_by_id(ids[:_IDS_ASKED]):
        return frozenset(RESULT_COLUMNS)
    outputs = [cell for cell in cells.get("output", ()) if cell is not None]
    # Rows that all failed, or were skipped, may have no ids: nothing of value is replaced.
    told = output in steps_of(frame) or not (ids or outputs)
    if told and cells.keys() >= {*RESULT_COLUMNS} - {"model"}:  # earlier releases had none
        return frozenset(RESULT_COLUMNS)
    media = f"{current().media_dir}{os.sep}"
    if any(isinstance(path, str) and path.startswith(media) for path in outputs):
        return _KNOWN_BY_FILES
    return frozenset()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


_FILE = re.compile(r".*\.[A-Za-z0-9]{2,4}", re.DOTALL)
# What may stand without the ids: numbers beside outputs alone may be anything of the user's.
_KNOWN_BY_FILES = frozenset({"output", "status", "error"})
# By column: whether a step may have left a cell, given its row's status.
_LEAVES: dict[str, Callable[[Any, Any], bool]] = {
    "output": lambda cell, _: isinstance(cell, str) and bool(_FILE.fullmatch(cell)),
    "status": lambda cell, _: isinstance(cell, str) and cell in STATUSES,
    "error": lambda cell, status: isinstance(cell, str) and status != "succeeded",
    "seconds": lambda cell, _: _is_number(cell),
    "cost_usd": lambda cell, _: _is_number(cell),
    "cached": lambda cell, _: str(cell) in {"True", "False", "0", "1", "0.0", "1.0"},
    "prediction_id": lambda cell, _: isinstance(cell, str),
}


def _is_own(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column of a field's name is the user's, and none that an earlier step made."""
    if not places_of(frame, name):
        return False
    steps = steps_of(frame)
    if any(call.columns.get(name) == name for call in steps.values()):
        return False
    cells = column(frame, name, "samples, drafts or a sweep")
    outputs = [label for label in frame.columns if label_text(label).endswith("output")]
    for label in {*steps, *outputs}:
        sent = [
            (record.input.get(name), cell)
            for record, cell in zip(records_of(frame, label), cells, strict=True)
            if record is not None
        ]
        if sent and all(asked == cell for asked, cell in sent):
            return False
    return any(cell is not None for cell in cells)
