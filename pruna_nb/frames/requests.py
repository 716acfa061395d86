"""From a frame and a call to one request a row: every mistake is found here, before spending."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import MISTAKES, listed
from pruna_nb.batch.plan import Request
from pruna_nb.catalog import check_input
from pruna_nb.catalog.unicode import unsendable
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.frames.chains import is_output, missing_outputs
from pruna_nb.frames.columns import Filled, column, columns_told, fill_template, text_columns
from pruna_nb.frames.media import MediaReader
from pruna_nb.frames.order import misplaced
from pruna_nb.frames.results import models_of
from pruna_nb.store.keys import KeyMaker
from pruna_nb.tables.cells import fit_cell, plain
from pruna_nb.templates import plain_number
from pruna_nb.text import did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model
    from pruna_nb.files.inputs import Media
    from pruna_nb.frames.call import Call

_NO_TEMPLATE = Filled()
_NO_REQUEST = Request(None, None, "its model is not one of the call's")
# More than the number of a picture has, and fewer than Python refuses to read.
_DIGITS = 10


def make_requests(
    frame: pd.DataFrame,
    call: Call,
    service: str,
    problems: Problems,
    told: Collection[str] = (),
    *,
    made: Mapping[str, Media] = MappingProxyType({}),
) -> list[Request]:
    """Make one request of each row; mistakes of the call and of all rows are noted in `problems`.

    The frame is as `with_samples` returns it; `service` names who will answer, for the keys. The
    requests are of use only if nothing was noted. `told` names fields whose mistakes are noted
    already; `made` has what stands for files that earlier steps are still to make.
    """
    call = call.settled()
    if not call.models:
        return _make_requests(frame, call, service, problems, told, made=made)
    requests: list[Request] = [_NO_REQUEST] * len(frame)
    names = models_of(frame, call)
    for model in call.models:
        places = [place for place, name in enumerate(names) if name == model.name]
        own = replace(call, model=model, models=())
        asked = _make_requests(frame.iloc[places], own, service, problems, told, made=made)
        for place, request in zip(places, asked, strict=False):
            requests[place] = replace(request, model=model)
    return requests


def value_problems(call: Call, name: str, values: Sequence[Any], service: str) -> dict[int, str]:
    """Return what is wrong with single values of a field, by their place."""
    reader, wrong = _Reader(call.model, call, service, {}), {}
    read = reader.of(name)
    for place, value in enumerate(values):
        try:
            cell = value if read is None else read(value)
        except (InputError, TooLargeError) as error:
            wrong[place] = _text(error)
            continue
        for problem in check_input(call.model, {name: cell}):
            if problem.field == name and problem.kind not in {"missing", "only_when", "unknown"}:
                wrong[place] = problem.message
    return wrong


def _make_requests(
    frame: pd.DataFrame,
    call: Call,
    service: str,
    problems: Problems,
    told: Collection[str],
    *,
    made: Mapping[str, Media],
) -> list[Request]:
    model = call.model
    if problems and model.checked:  # what it does not take was told with the call, for all rows
        strange = {*call.columns, *call.constants, "prompt"} - model.fields.keys()
        told, call = {*told, *strange}, _without(call, strange)
    reader = _Reader(model, call, service, made)
    reader.leave_out(told)
    reader.read_constants(frame, problems)
    names: list[str] = []
    cells: list[list[Any]] = []
    readers: list[Callable[[Any], Any] | None] = []
    for name, label in call.columns.items():
        with reader.noting(name, problems):
            cells.append(_cells(frame, name, label, model))
            names.append(name)
            labels = label if isinstance(label, list) else [label]
            before = next((part for part in labels if is_output(frame, part)), "")
            readers.append(reader.of(name, before))
    error, wrong_fields = misplaced(model, call.columns, dict(zip(names, cells, strict=True)))
    if error is not None:
        problems.add(error)
        reader.leave_out(wrong_fields)
        right = [place for place, name in enumerate(names) if name not in wrong_fields]
        names, cells = [names[place] for place in right], [cells[place] for place in right]
        readers = [readers[place] for place in right]
    there = replace(call, columns={name: call.columns[name] for name in names})
    reasons = missing_outputs(frame, there)
    filled: list[Filled] = [_NO_TEMPLATE] * len(frame)
    if call.template is not None:
        with reader.noting("prompt", problems):
            filled = fill_template(call.template, frame)
            names.append("prompt")
            cells.append([row.prompt for row in filled])
            readers.append(None)
    wrong: list[str] = []
    requests: list[Request] = []
    rows = zip(*cells, strict=True) if cells else ([] for _ in range(len(frame)))
    for place, (row, reason) in enumerate(zip(rows, reasons, strict=True)):
        if skipped := reason or filled[place].empty:
            requests.append(Request(None, None, skipped))
            continue
        if problem := filled[place].problem:
            wrong.append(f"{row_name(frame.index, place)}: {problem}")
            continue
        try:
            requests.append(reader.request(names, readers, row))
        except (InputError, TooLargeError) as error:
            wrong.append(f"{row_name(frame.index, place)}: {_text(error)}")
    if wrong:
        problems.add(input_error(model, wrong))
    return requests


def _without(call: Call, names: Collection[str]) -> Call:
    """Return a call that gives some fields no value."""
    return replace(
        call,
        columns={name: label for name, label in call.columns.items() if name not in names},
        constants={name: value for name, value in call.constants.items() if name not in names},
        template=None if "prompt" in names else call.template,
    )


def row_name(index: pd.Index[Any], place: int) -> str:
    """Return a row's label in words, with its position where the labels are not unique."""
    label = index[place]
    label = tuple(map(plain, label)) if isinstance(label, tuple) else plain(label)
    return f"row {label!r}" if index.is_unique else f"row {label!r} (at position {place})"


class _Reader:
    """Makes requests of one call's rows."""

    def __init__(self, model: Model, call: Call, service: str, made: Mapping[str, Media]) -> None:
        self.model, self.call, self._made = model, call, made
        self._key_maker = KeyMaker(service, model)
        self.constants: dict[str, Any] = {}
        self._needed = frozenset({"prompt", *model.required, *call.needs})
        self._media_names = frozenset(field.name for field in model.media_fields)
        # By whether the field was recorded: made only for a call with files.
        self._media: dict[bool, MediaReader] = {}
        self._reported: set[str] = set()

    @contextlib.contextmanager
    def noting(self, name: str, problems: Problems) -> Iterator[None]:
        """Note a mistake in a field of all rows, so that the rows do not repeat it."""
        try:
            yield
        except MISTAKES as error:
            problems.add(error)
            self._reported.add(name)

    def leave_out(self, names: Iterable[str]) -> None:
        """Note that some fields were told already, so that the rows do not tell them again."""
        self._reported.update(names)

    def read_constants(self, frame: pd.DataFrame, problems: Problems) -> None:
        """Make the constants plain, and check those that can be checked alone.

        What is wrong with one would be wrong in each row: it is noted once, and left out.
        """
        call, model = self.call, self.model
        needed = call.needs if model.unchecked else (*model.required, *call.needs)
        prompt = [] if call.template is None else ["prompt"]
        present = {*call.constants, *call.columns, *prompt}
        present |= self._reported
        lacking = [name for name in dict.fromkeys(needed) if name not in present]
        if lacking:
            ways = " ".join(f"Give {name}_col= (a column) or {name}=." for name in lacking)
            msg = f"{model.name} needs {' and '.join(lacking)}. {ways} {columns_told(frame)}"
            texts = text_columns(frame) if "prompt" in lacking else []
            if len(texts) == 1:  # not taken by itself: what it makes is paid for
                msg += did_you_mean([f"prompt_col={texts[0]!r}"])
            problems.add(InputError(msg, [msg]))
            self._reported.update(lacking)
        given: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, value in self.call.constants.items():
            read = self.of(name)
            try:
                given[name] = value if read is None else read(value)
            except (InputError, TooLargeError) as error:
                wrong[name] = f"{name}: {_text(error)}"
        for problem in check_input(self.model, given):
            if problem.kind not in {"missing", "only_when"}:
                wrong[problem.field] = str(problem)
        if wrong:
            problems.add(input_error(self.model, list(wrong.values())))
        self._reported.update(wrong)
        self.constants = {name: value for name, value in given.items() if name not in wrong}

    def of(self, name: str, made_before: str = "") -> Callable[[Any], Any] | None:
        """Return a function that converts a cell for its field; None where it is sent as it is.

        `made_before` is the column of an earlier step's outputs that it is read from, if it is.
        """
        field = self.model.fields.get(name)
        if field is None or field.media:
            recorded = name in self.call.recorded
            if recorded not in self._media:
                self._media[recorded] = MediaReader(
                    unchecked=self.model.unchecked, recorded=recorded, made=self._made
                )
            media = self._media[recorded]
            return media.of_unknown if field is None else media.of(field, made_before)
        if field.type in {"string", "boolean"}:
            return _number_as_text if name == "reference_image" else None
        return lambda value: fit_cell(field, value)

    def request(
        self,
        names: Sequence[str],
        readers: Sequence[Callable[[Any], Any] | None],
        row: Sequence[Any],
    ) -> Request:
        given = dict(self.constants)
        for name, reader, value in zip(names, readers, row, strict=True):
            if value is None or (isinstance(value, str) and not value.strip()):
                if name in self._needed:
                    return Request(None, None, f"{name} is empty")
                if value is None or name in self._media_names:
                    continue
            given[name] = value if reader is None else reader(value)
            if name in self._needed and given[name] == []:
                return Request(None, None, f"{name} is empty")
        found = check_input(self.model, given)
        if self._reported:  # what it goes with, or lacks, is not known then
            found = [
                problem
                for problem in found
                if problem.field in names and problem.kind not in {"missing", "only_when"}
            ]
        problems: list[object] = list(found)
        if "reference_image" in given:
            problems += _no_such_image(given)
        if problems:
            *texts, last = map(str, problems)
            raise InputError("; ".join([*(text.rstrip(".") for text in texts), last]), problems)
        try:
            return Request(self._key_maker.key(given), given)
        except TypeError as error:  # of a field that the catalogue does not know
            msg = f"it cannot be written as JSON: {error}"
            raise InputError(msg) from None


def _number_as_text(value: Any) -> Any:
    """Return a number as the text that the service expects."""
    number = plain(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        return number
    return number if unsendable(number) else str(number)


def _no_such_image(given: dict[str, Any]) -> list[str]:
    number, images = given["reference_image"], given.get("images")
    count = len(images) if isinstance(images, list) else 1
    if not isinstance(number, str) or (
        number.isdecimal() and len(number) < _DIGITS and 1 <= int(number) <= count
    ):
        return []
    text = (
        f"reference_image: {shown(number)} is not the number of one of the {count} images; use '1'"
    )
    return [f"{text} to '{count}'." if count > 1 else f"{text}."]


def _cells(frame: pd.DataFrame, name: str, given: Any, model: Model) -> list[Any]:
    """Return a field's cells; of a list of columns, each row's cells as one list."""
    if not isinstance(given, list):
        cells = column(frame, given, f"{name}_col")
        # Known fields are made to fit by their type.
        return cells if name in model.fields else [plain_number(cell) for cell in cells]
    rows: list[list[Any]] = [[] for _ in range(len(frame))]
    for label in given:
        for row, cell in zip(rows, column(frame, label, f"{name}_col"), strict=True):
            if isinstance(cell, (list, tuple)):
                row.extend(cell)
            elif cell is not None:
                row.append(cell)
    return rows


def input_error(model: Model, problems: list[str]) -> InputError:
    """Return the error that names every problem of a call's rows."""
    head = f"{model.name} does not take this input; nothing was sent:"
    return InputError(listed(head, problems), problems)


def _text(error: InputError | TooLargeError) -> str:
    # What an API error adds to its message (whether it was charged) holds for the whole call.
    return error.message if isinstance(error, TooLargeError) else str(error)
