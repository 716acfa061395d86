"""The runs of a record, made again: what is in the cache costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb import arguments
from pruna_nb.arguments import Problems, choice, switch, tags, usd
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.options import CACHE_MODES, RunOptions
from pruna_nb.catalog import at_most_text, cost_usd
from pruna_nb.console import say
from pruna_nb.errors import InputError, attach_frame, attached_frame
from pruna_nb.files import strict_json
from pruna_nb.files.disk import open_regular
from pruna_nb.frames.call_attrs import ATTRS, attrs_of, call_from_attrs
from pruna_nb.frames.columns import column, places_of, with_names
from pruna_nb.frames.facts import FACTS
from pruna_nb.frames.generate import estimate, generate
from pruna_nb.frames.results import RESULT_COLUMNS, beside
from pruna_nb.frames.run_record import DATE, FORMAT
from pruna_nb.settings import current
from pruna_nb.tables.cells import column_of_records
from pruna_nb.text import counted, described, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pruna_nb.arguments import Amount, Tags
    from pruna_nb.frames.call import Call
    from pruna_nb.store.cache import CacheMode

_BYTES_AT_MOST = 1024**3
_BESIDE = "pruna_nb again "


@dataclass(frozen=True, slots=True)
class _Step:
    output: str
    call: Call
    tag: tuple[str, ...]


def rerun(
    record: str | Path | Mapping[str, Any],
    *,
    cache: CacheMode = "use",
    max_cost_usd: Amount | None = None,
    progress: bool = True,
    tag: Tags | None = None,
    files: bool = False,
) -> pd.DataFrame:
    """Make the runs of a record again: the same calls on the same cells, one step after another.

    What is in the cache costs nothing, so that the same record a second time is free. The price is
    told before the first step.

    Parameters
    ----------
    record : path or dict
        A file that ``df.pruna.record("run.json")`` wrote, or what ``df.pruna.record()`` returned.
    cache, max_cost_usd, progress, tag
        As for ``df.pruna.generate``; `max_cost_usd` is for all steps together, and the tag is by
        default that of the record.
    files : bool
        Upload the files of this machine that the record names. Without it only outputs in the
        cache are, and files that a call of this session named: a record may be a stranger's.

    Returns
    -------
    DataFrame
        As the last step returned it, with the steps' columns.

    Raises
    ------
    InputError
        If it is not a record, or cannot be run again; nothing was sent.
    BudgetError
        If it would cost more than a limit allows.

    Examples
    --------
    >>> import pandas as pd
    >>> import pruna_nb
    >>> df = pd.DataFrame({"animal": ["lynx", "otter"]})
    >>> out = df.pruna.generate(prompt="a {animal} in the rain", seed=5, progress=False)
    >>> record = out.pruna.record()
    >>> again = pruna_nb.rerun(record, progress=False)
    >>> again["output"].equals(out["output"]), again["cached"].tolist()
    (True, [True, True])
    """
    problems = Problems()
    options = RunOptions(
        cache=problems.read(choice, "cache", cache, CACHE_MODES, instead="use"),
        max_cost_usd=problems.read(usd, "max_cost_usd", max_cost_usd, instead=None),
        progress=problems.read(switch, "progress", progress, instead=True),
        tag=problems.read(tags, "tag", tag, instead=()),
    )
    trusted = problems.read(switch, "files", files, instead=False)
    steps: list[_Step] = []
    frame = pd.DataFrame()
    with problems.noted():
        steps, frame = _read(record, trusted=trusted)
    problems.check("The record cannot be run again; nothing was sent")
    budget = Budget.of(options, current())
    made, is_told = frame, False
    if options.progress:
        say(f"Rerunning {counted(len(steps), 'step')} on {counted(len(frame), 'row')}.")
    for place, step in enumerate(steps):
        is_told = is_told or _tell(made, steps[place:], options, budget)
        try:
            made = _run(made, step, replace(options, tag=options.tag or step.tag), budget)
        except BaseException as error:
            if attached_frame(error) is None:
                attach_frame(error, made)
            raise
    return made


def _tell(frame: pd.DataFrame, steps: Sequence[_Step], options: RunOptions, budget: Budget) -> bool:
    """Show what the steps that are left cost at most; return False if the first of them is free.

    Then it is run at once: what the next one costs is known when its inputs are there.
    """
    first, *later = steps
    cost = estimate(frame, first.call, options).cost_usd
    if cost == 0 and later:
        return False
    costs = [cost]
    for step in later:  # priced without the files that do not exist yet
        known = {
            name: column(frame, label, "rerun()")
            for name, label in step.call.columns.items()
            if not isinstance(label, list) and places_of(frame, label)
        }
        for row in range(len(frame)):
            given = step.call.constants | {name: cells[row] for name, cells in known.items()}
            present = {name: value for name, value in given.items() if value is not None}
            costs.append(_price(step.call, present))
    if options.progress and any(cost != 0 for cost in costs):
        say(f"It costs {at_most_text(costs)}; what is in the cache costs nothing.")
    budget.check_costs(costs, "This record", first.call.model.name)
    return True


def _price(call: Call, fields: dict[str, Any]) -> float | None:
    prices = [cost_usd(model, fields) for model in call.models or (call.model,)]
    known = [price for price in prices if price is not None]
    return None if len(known) < len(prices) else max(known)


def _run(frame: pd.DataFrame, step: _Step, options: RunOptions, budget: Budget) -> pd.DataFrame:
    """Run a step, and let its columns be called as they were."""
    run = partial(generate, options=options, refill=True, budget=budget)
    if step.output == f"{step.call.prefix}output":
        return run(frame, step.call)
    # A later step set its columns aside: step1_output and so on.
    made = run(frame, replace(step.call, prefix=_BESIDE))
    names = {_BESIDE + name: beside(step.output, name) for name in RESULT_COLUMNS}
    out = with_names(made, names)
    out.attrs = dict(made.attrs)
    for key in (ATTRS, FACTS):
        kept = dict(made.attrs.get(key, {}))
        mine = kept.pop(f"{_BESIDE}output", None)
        out.attrs[key] = {**kept, **({} if mine is None else {step.output: mine})}
    call = attrs_of(step.call)
    if call is not None:
        out.attrs[ATTRS][step.output] = call
    return out


def _read(record: object, *, trusted: bool) -> tuple[list[_Step], pd.DataFrame]:
    """Return the steps and the table of a record, which may be anybody's.

    Raises
    ------
    InputError
        If it is not a record, or a part of it is missing or damaged.
    """
    read: Any = record
    if not isinstance(record, dict):
        path = arguments.path("record", record)
        try:
            with open_regular(path) as file:
                read = strict_json.loads(file.read(_BYTES_AT_MOST))
        except OSError as error:
            raise InputError(
                f"The record {shown(str(path))} cannot be read: {error.strerror}."
            ) from None
        except ValueError as error:
            raise InputError(f"The record {shown(str(path))} is not valid JSON: {error}.") from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise InputError(
            "This is not a record of a run. df.pruna.record('run.json') writes one, of a frame "
            f"that a verb returned; {described(record)} was given."
        )
    if read.get("left_out"):
        raise InputError(
            f"The record does not hold the cells of {', '.join(map(str, read['left_out']))}: they "
            "were pictures in memory or secrets, and a record keeps files by their path. Call the "
            "verb again on your own frame; what is in the cache costs nothing."
        )
    try:
        steps = [_step(each, trusted=trusted) for each in read["steps"]]
        frame = _frame(read["table"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"The record is damaged: {type(error).__name__}: {error}.") from None
    if not steps:
        raise InputError("The record has no step to run.")
    return steps, frame


def _step(step: dict[str, Any], *, trusted: bool) -> _Step:
    call = call_from_attrs(step["call"])
    if call is None:
        raise InputError(
            f"The record does not hold the call that made {step['output']!r}: a secret or a file "
            "in memory was among its arguments. Call the verb again on your own frame."
        )
    known = replace(call.resolved(), recorded=frozenset() if trusted else call.recorded)
    tag = (step.get("settings") or {}).get("tag")
    return _Step(str(step["output"]), known, tags("tag", tag))


def _frame(table: dict[str, Any]) -> pd.DataFrame:
    """Return the table of a record, with its labels."""
    levels = [
        column_of_records([_label(_cell(value)) for value in level["values"]])
        for level in table["index"]
    ]
    names = [_label(level["name"]) for level in table["index"]]
    # A label may be a tuple.
    index: pd.Index[Any] = pd.Index(
        levels[0], dtype=levels[0].dtype, name=names[0], tupleize_cols=False
    )
    if len(levels) > 1:
        index = pd.MultiIndex.from_arrays(levels, names=names)
    frame = pd.DataFrame(index=index)
    for each in table["columns"]:
        cells = column_of_records([_cell(value) for value in each["values"]])
        frame[_label(each["name"])] = cells.set_axis(index)
    return frame


def _label(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


def _cell(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {DATE}:
        return pd.Timestamp(value[DATE])
    return value
