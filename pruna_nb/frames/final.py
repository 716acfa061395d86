"""From drafts to finals: the same requests with the same seeds, in full quality."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pruna_nb.errors import InputError
from pruna_nb.frames.again import call_of
from pruna_nb.frames.call import Call, read_call
from pruna_nb.frames.columns import column
from pruna_nb.frames.gather import row_name
from pruna_nb.frames.results import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from pruna_nb.arguments import Problems


def chosen(frame: pd.DataFrame, rows: Iterable[Any] | None, prefix: str) -> pd.DataFrame:
    """Give the rows that were chosen: by a mask, by labels, or all whose draft is there.

    Raises
    ------
    ColumnError
        If the frame has no drafts.
    InputError
        If a label is not in the index, or a mask has another length than the frame.
    """
    status = column(frame, prefix + "status", "finalize()")
    if rows is None:
        return frame.iloc[[place for place, value in enumerate(status) if value == "succeeded"]]
    picked = list(rows) if not isinstance(rows, (str, bytes)) else [rows]
    if picked and all(isinstance(each, (bool, np.bool_)) for each in picked):
        if len(picked) != len(frame):
            msg = f"rows is a mask of {len(picked)} values, and the frame has {len(frame)} rows."
            raise InputError(msg)
        return frame.iloc[[place for place, value in enumerate(picked) if value]]
    strange = [label for label in picked if label not in frame.index]
    if strange:
        msg = f"rows: no such label in the frame's index: {', '.join(map(repr, strange[:10]))}."
        raise InputError(msg)
    return frame.loc[picked]


def final_call(
    frame: pd.DataFrame, prefix: str, changes: dict[str, Any], problems: Problems
) -> Call:
    """Give the call of the final pass: that of the drafts, but in full.

    Parameters
    ----------
    frame : DataFrame
        The drafts that were chosen.
    prefix : str
        That of their columns.
    changes : dict
        What is to be another than for the drafts; all arguments that made them, if the
        frame does not say.
    problems : Problems
        Where it is noted what is wrong with the changes.

    Raises
    ------
    InputError
        If the frame does not say how its drafts were made and the changes don't either, if
        they were no drafts, or if rows have no seed: a final would be another video then.
    """
    call = _draft_call(frame, prefix, changes, problems)
    model = call.known_model()
    if not call.drafts() or (model.known and "draft" not in model.fields):
        msg = f"{prefix}output holds no drafts: they are made with draft=True, by p-video."
        raise InputError(msg)
    # A row that was no draft among drafts is the request that it was: its output is there.
    final = {"draft": False} if "draft" in call.columns else {}
    constants = {name: value for name, value in call.constants.items() if name != "draft"}
    columns = {name: label for name, label in call.columns.items() if name != "draft"}
    if "seed" not in constants:
        columns.setdefault("seed", "seed")
        _check_seeds(frame, columns["seed"])
    return replace(call, columns=columns, constants={**constants, **final})


def _draft_call(
    frame: pd.DataFrame, prefix: str, changes: dict[str, Any], problems: Problems
) -> Call:
    given = dict(changes)
    known = steps_of(frame).get(prefix + "output")
    if known is None and not given:
        return call_of(frame, prefix + "output")
    base = Call("p-video") if known is None else known
    model = given.pop("model", base.model)
    options = {name: given.pop(name) for name in ("prompt_col", "prompt") if name in given}
    unchecked = given.pop("unchecked", base.unchecked)
    new = read_call(model, problems, unchecked=unchecked, fields=given, **options)
    changed = {*new.constants, *new.columns, *(["prompt"] if new.template is not None else [])}
    return replace(
        base,
        model=new.model,
        prefix=prefix,
        unchecked=new.unchecked,
        template=new.template or (None if "prompt" in changed else base.template),
        constants={**_without(base.constants, changed), **new.constants},
        columns={**_without(base.columns, changed), **new.columns},
        recorded=base.recorded - changed,
    ).settled()


def _without(values: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _check_seeds(frame: pd.DataFrame, label: Any) -> None:
    seeds = column(frame, label, "finalize(), which needs the seeds of the drafts")
    missing = [row_name(frame.index, place) for place, seed in enumerate(seeds) if seed is None]
    if missing:
        msg = (
            f"{', '.join(missing[:10])}: no seed in column {label!r}, and without the seed of its "
            "draft a final is another video."
        )
        raise InputError(msg, [msg])
