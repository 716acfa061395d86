"""From a frame and a call to one request a row: every mistake is found here, before spending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.api.files import to_media
from pruna_nb.batch.keys import request_key
from pruna_nb.batch.plan import Request
from pruna_nb.catalog import check_input
from pruna_nb.errors import InputError, TooLargeError
from pruna_nb.frames.cells import fit, plain
from pruna_nb.frames.columns import column
from pruna_nb.frames.template import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.catalog import Field, Model
    from pruna_nb.frames.call import Call

_ROWS_SHOWN = 20
_FIRST_SEED = 1


def expand(frame: pd.DataFrame, call: Call) -> pd.DataFrame:
    """Repeat each row for its samples, with an index level "sample" and a column "seed".

    The level (1, 2, ...) goes below the frame's own index: every row is still told apart,
    ``out.loc[label]`` gives all samples of a row, and ``out.xs(1, level="sample")`` is the
    frame as it was. Seeds are the same at each run: seed, seed + 1, ..., from 1 where no seed
    is given.
    """
    if call.samples == 1:
        return frame
    numbers = np.tile(np.arange(1, call.samples + 1), len(frame))
    grown = frame.iloc[np.repeat(np.arange(len(frame)), call.samples)].copy()
    if "seed" in call.columns:
        firsts = column(grown, call.columns["seed"], "seed_col")
    else:
        firsts = [call.constants.get("seed", _FIRST_SEED)] * len(grown)
    seeds = [
        None if first is None else first + int(number) - 1
        for first, number in zip(firsts, numbers, strict=True)
    ]
    levels = [grown.index.get_level_values(level) for level in range(grown.index.nlevels)]
    names = [*grown.index.names, "sample"]
    grown.index = pd.MultiIndex.from_arrays([*levels, numbers], names=names)
    grown["seed"] = pd.array(seeds, dtype="Int64") if None in seeds else seeds
    return grown


def gather(frame: pd.DataFrame, call: Call, service: str) -> list[Request]:
    """Make one request of each row.

    Parameters
    ----------
    frame : DataFrame
        As `expand` gives it.
    call : Call
        What is asked for.
    service : str
        Who will answer (`Settings.service`).

    Raises
    ------
    ColumnError
        If a column is missing.
    InputError
        If rows hold what the model does not take: all of them, by label.
    """
    model = call.known_model()
    columns = dict(call.columns)
    if call.samples > 1:
        columns["seed"] = "seed"
    _check_prompt_is_given(frame, model, call)
    problems: list[str] = []
    constants = _constants(model, call, problems)
    names = list(columns)
    cells = [column(frame, columns[name], f"{name}_col") for name in names]
    reasons: Sequence[str | None] = [None] * len(frame)
    if call.template is not None:
        prompts, reasons = fill(call.template, frame)
        names.append("prompt")
        cells.append(prompts)
    reader = _Reader(model, call, constants, service)
    readers = [reader.of(name) for name in names]
    requests: list[Request] = []
    rows = zip(*cells, strict=True) if cells else ([] for _ in range(len(frame)))
    for place, (row, reason) in enumerate(zip(rows, reasons, strict=True)):
        if reason is not None:
            requests.append(Request(None, None, reason))
            continue
        try:
            requests.append(reader.request(names, readers, row))
        except (InputError, TooLargeError) as error:
            problems.append(f"row {frame.index[place]!r}: {error}")
    if problems:
        raise _input_error(model, problems)
    return _with_earlier_errors(frame, requests)


class _Reader:
    """Makes requests of one call's rows."""

    def __init__(self, model: Model, call: Call, constants: dict[str, Any], service: str) -> None:
        self.model, self.call, self.constants, self.service = model, call, constants, service
        self._media: dict[Any, Any] = {}

    def of(self, name: str) -> Callable[[Any], Any] | None:
        """Give what makes a cell fit its field; None where it fits as it is."""
        field = self.model.fields.get(name)
        if field is None or (field.type in {"string", "boolean"} and not field.media):
            return None
        if field.media:
            return lambda value: self.media(field, value)
        return lambda value: fit(field, value)

    def request(
        self,
        names: Sequence[str],
        readers: Sequence[Callable[[Any], Any] | None],
        row: Sequence[Any],
    ) -> Request:
        given = dict(self.constants)
        for name, reader, value in zip(names, readers, row, strict=True):
            if value is None or value == "" or _is_blank(value):
                if name in self.model.required or name == "prompt":
                    return Request(None, None, f"{name} is empty")
                if value is None:
                    continue
            given[name] = value if reader is None else reader(value)
            if given[name] == [] and name in self.model.required:
                return Request(None, None, f"{name} is empty")
        problems = check_input(self.model, given, unchecked=self.call.unchecked)
        if problems:
            raise InputError("; ".join(map(str, problems)), problems)
        return Request(request_key(self.service, self.model, given), given)

    def media(self, field: Field, value: Any) -> Any:
        """Turn a cell of a field that takes files into what can be uploaded."""
        if field.type != "array":
            return self._one(value)
        if getattr(getattr(value, "dtype", None), "kind", None) == "O":
            value = value.tolist()
        items = value if isinstance(value, (list, tuple)) else [value]
        return [self._one(item) for item in items if plain(item) is not None]

    def _one(self, value: Any) -> Any:
        # A file that many rows share is opened and hashed once.
        key = value if isinstance(value, str) else id(value)
        if key not in self._media:
            self._media[key] = (to_media(value), value)
        return self._media[key][0]


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _constants(model: Model, call: Call, problems: list[str]) -> dict[str, Any]:
    """Make the constants plain, and check those that can be checked alone."""
    reader = _Reader(model, call, {}, "")
    given: dict[str, Any] = {}
    for name, value in call.constants.items():
        read = reader.of(name)
        try:
            given[name] = plain(value) if read is None else read(plain(value))
        except (InputError, TooLargeError) as error:
            problems.append(f"{name}: {error}")
    alone = [
        problem
        for problem in check_input(model, given, unchecked=call.unchecked)
        if problem.kind not in {"missing", "only_when"}
    ]
    if problems or alone:
        raise _input_error(model, [*problems, *map(str, alone)])
    return given


def _check_prompt_is_given(frame: pd.DataFrame, model: Model, call: Call) -> None:
    given = {*call.constants, *call.columns, *(["prompt"] if call.template is not None else [])}
    missing = [name for name in model.required if name not in given]
    if not missing or call.unchecked:
        return
    ways = " ".join(f"Give {name}_col= (a column) or {name}=." for name in missing)
    columns = ", ".join(map(repr, map(str, frame.columns[:20]))) or "none"
    msg = f"{model.name} needs {' and '.join(missing)}. {ways} The columns are: {columns}."
    raise InputError(msg, missing)


def _input_error(model: Model, problems: list[str]) -> InputError:
    shown = "\n  ".join(problems[:_ROWS_SHOWN])
    more = len(problems) - _ROWS_SHOWN
    rest = f"\n  and {more:,} more (all are in the error's .problems)" if more > 0 else ""
    msg = f"{model.name} does not take this input; nothing was sent:\n  {shown}{rest}"
    return InputError(msg, problems)


def _with_earlier_errors(frame: pd.DataFrame, requests: list[Request]) -> list[Request]:
    """Say of a row without an input that an earlier step failed, where the frame knows it."""
    if not any(request.skipped for request in requests):
        return requests
    if "error" not in frame.columns or "status" not in frame.columns:
        return requests
    earlier = column(frame, "error", "error")
    return [
        Request(None, None, f"{request.skipped}: an earlier step failed ({str(why)[:200]})")
        if request.skipped and why is not None
        else request
        for request, why in zip(requests, earlier, strict=True)
    ]
