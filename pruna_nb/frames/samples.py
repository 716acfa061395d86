"""Samples and seeds: one row becomes several, and drafts get the seeds that their finals need."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.batch.first_seed import FIRST_SEED
from pruna_nb.catalog.check import not_whole
from pruna_nb.frames.chains import is_step, output_labels
from pruna_nb.frames.columns import column, places_of, plain_label, with_columns
from pruna_nb.frames.requests import input_error, row_name
from pruna_nb.frames.results import beside, set_aside
from pruna_nb.templates import plain_number
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pruna_nb.frames.call import Call


def with_samples(frame: pd.DataFrame, call: Call) -> pd.DataFrame:
    """Return a frame with a row for each output, and a column "seed" where seeds are chosen.

    - **Samples** repeat each row, with an index level "sample" (1, 2, ...) below the frame's
      own: every row stays distinct, ``out.loc[label]`` gives all samples of a row, and
      ``out.xs(1, level="sample")`` is the frame as it was. Samples of samples get the level
      "sample2", and so do those of a frame with a column "sample". Seeds are the same at each
      run: seed, seed + 1, ..., from 1 where no seed is given.
    - **Drafts** without a seed get seed 1, since their final pass makes the same video only
      with the same seed.

    A column "seed" that is not the call's own stays as ``step1_seed``. The call is one that
    `needs_seeds`.
    """
    seeds: list[int | None] = [None] * len(frame)
    if call.samples == 1:
        if "seed" in call.columns:
            seeds = _whole_seeds(frame, call)
        drafts: list[Any] = [True] * len(frame)
        if "draft" in call.columns:
            drafts = column(frame, call.columns["draft"], "draft_col")
        chosen = [
            FIRST_SEED if seed is None and draft is True else seed
            for seed, draft in zip(seeds, drafts, strict=True)
        ]
        return _with_seeds(frame, call, chosen)
    grown = repeated(frame, {"sample": range(1, call.samples + 1)})
    if "seed" in call.columns:
        seeds = _whole_seeds(frame, call)
    else:
        first = plain_number(call.constants.get("seed", FIRST_SEED))
        if why := not_whole("seed", first):
            raise input_error(call.model, [f"seed: {shown(first)} is {why}"])
        seeds = [first] * len(frame)
    seeds = [
        None if first is None else first + number
        for first in seeds
        for number in range(call.samples)
    ]
    return _with_seeds(grown, call, seeds)


def repeated(
    frame: pd.DataFrame, levels: Mapping[str, Sequence[Any]], columns: Collection[str] = ()
) -> pd.DataFrame:
    """Return a frame with each row repeated, and index levels below its own that tell them apart.

    What an earlier step cost stands in the first repetition of each row alone.

    Parameters
    ----------
    frame : DataFrame
    levels : mapping of str to sequence
        The values of each level, in step: one for each repetition of a row.
    columns : collection of str
        Columns that are called like their level; of any other, the level's name gets a number.
    """
    times = len(next(iter(levels.values())))
    # With the new levels, labels are unique again; until then they repeat.
    strict = not frame.flags.allows_duplicate_labels
    rows = frame.set_flags(allows_duplicate_labels=True)
    grown = rows.iloc[np.repeat(np.arange(len(frame)), times)].copy()
    arrays = [grown.index.get_level_values(level) for level in range(grown.index.nlevels)]
    names = list(grown.index.names)
    own = [label for label in map(plain_label, frame.columns) if label not in columns]
    for level, values in levels.items():
        free = (f"{level}{number}" if number > 1 else level for number in count(1))
        taken = {*map(plain_label, names), *own}
        names.append(next(name for name in free if name not in taken))
        arrays.append(pd.Index(values, tupleize_cols=False).take(_tiled(times, len(frame))))
    _spend_once(grown, times)
    grown.index = pd.MultiIndex.from_arrays(arrays, names=names)
    return grown.set_flags(allows_duplicate_labels=not strict)


def _spend_once(grown: pd.DataFrame, times: int) -> None:
    """Leave what earlier steps cost in the first of each row's repetitions: it was spent once.

    The others share it, at 0 USD, as rows of equal requests do.
    """
    again = np.arange(len(grown)) % times > 0
    for output in output_labels(grown):
        cost, cached = (places_of(grown, beside(output, name)) for name in ("cost_usd", "cached"))
        if not len(cost) == len(cached) == 1 or not is_step(grown, output):
            continue
        numbers = pd.to_numeric(grown.iloc[:, cost[0]], errors="coerce")
        shared = again & (numbers.to_numpy("float64", na_value=np.nan) > 0)
        for (place,), value in ((cost, 0.0), (cached, True)):
            cells: Any = grown.iloc[:, place].mask(shared, value)
            grown.isetitem(place, cells)


def _tiled(times: int, rows: int) -> Any:
    return np.tile(np.arange(times), rows)


def _with_seeds(frame: pd.DataFrame, call: Call, seeds: list[int | None]) -> pd.DataFrame:
    own = call.columns.get("seed") == "seed"
    out = frame if own else set_aside(frame, ["seed"])[0]
    # A plain column with a gap would become floats, which lose the digits of large seeds.
    values: Any = pd.array(seeds, dtype="Int64") if None in seeds else seeds
    if not seeds:  # a list without a value would become floats too
        values = np.array(seeds, dtype="int64")
    return with_columns(out, {"seed": values})


def _whole_seeds(frame: pd.DataFrame, call: Call) -> list[int | None]:
    """Return the seeds of a column, which samples count on from.

    Raises
    ------
    InputError
        If a seed is not a whole number: all of them, by row.
    """
    seeds = [plain_number(seed) for seed in column(frame, call.columns["seed"], "seed_col")]
    problems = [
        f"{row_name(frame.index, place)}: seed: {shown(seed)} is {why}"
        for place, seed in enumerate(seeds)
        if seed is not None and (why := not_whole("seed", seed))
    ]
    if problems:
        raise input_error(call.model, problems)
    return seeds
