"""What failed rows were asked for: by the record of their predictions, or by the frame's call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.errors import InputError
from pruna_nb.frames.chains import missing_outputs
from pruna_nb.frames.records import records_of
from pruna_nb.frames.replay import Replay, replays
from pruna_nb.frames.requests import row_name
from pruna_nb.frames.results import steps_of
from pruna_nb.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pruna_nb.frames.call import Call
    from pruna_nb.frames.records import Record

_NAMED = 10


def call_of(frame: pd.DataFrame, output: str = "output") -> Call:
    """Read from a frame's attrs how one of its columns of outputs was made.

    Raises
    ------
    InputError
        If they don't say, as after reading the frame from CSV.
    """
    call = steps_of(frame).get(output)
    if call is None:
        msg = (
            f"The frame does not say how {shown(output)} was made (CSV does not keep that, nor are "
            "files and secrets kept there). Give the arguments that made it, such as "
            'retry("prompt", model="p-image", seed_col="seed"), and for a step of a chain the '
            'columns as they are called now, such as images_col="step1_output".'
        )
        raise InputError(msg)
    return call


def asked_before(
    frame: pd.DataFrame, prefix: str, places: list[int]
) -> tuple[list[Replay], Call | None, list[int]]:
    """Part rows into those whose record can be sent again, and the rest, with its call.

    Raises
    ------
    InputError
        If nothing tells what the rest was asked for.
    """
    records = records_of(frame, prefix + "output")
    known = steps_of(frame).get(prefix + "output")
    again, rest = by_record(frame, records, known, places)
    call = _call_of_rest(frame, prefix, known, records, rest) if rest else None
    return again, call, rest


def by_record(
    frame: pd.DataFrame, records: Sequence[Record | None], known: Call | None, places: list[int]
) -> tuple[list[Replay], list[int]]:
    """Part rows into those whose record can be sent again, and the rest.

    A row whose input is not there now, as the known call reads it, is not made of what it was: an
    earlier step has to be made first, or the user took its output away.
    """
    missing = [None] * len(frame) if known is None else missing_outputs(frame, known.settled())
    asked = {place: records[place] for place in places if missing[place] is None}
    again = replays(frame.index, asked)
    found = {place for replay in again for place in replay.places}
    return again, [place for place in places if place not in found]


def _call_of_rest(
    frame: pd.DataFrame,
    prefix: str,
    known: Call | None,
    records: Sequence[Record | None],
    rest: list[int],
) -> Call:
    """Return the call of the rows whose own record does not do.

    Raises
    ------
    InputError
        If none is known, or the frame's rows are of several models, so that it may not be theirs.
    """
    models = sorted({record.model for record in records if record is not None})
    if known is not None and set(models) <= {known.model}:
        return known
    which = _named(frame, rest)
    if len({*models, *([known.model] if known is not None else [])}) > 1:
        msg = (
            f"{which}: nothing tells which request was made, and the frame's rows are of several "
            f"models ({', '.join(models)}). Nothing was sent. Retry them by themselves, with the "
            'arguments that made them: frame.iloc[[...]].pruna.retry("prompt", model=...).'
        )
        raise InputError(msg, [which])
    try:
        return call_of(frame, prefix + "output")
    except InputError as error:
        msg = f"{which}: no record tells what was asked for. {error} Nothing was sent."
        raise InputError(msg, [which]) from None


def check_models(frame: pd.DataFrame, call: Call, prefix: str, places: list[int]) -> None:
    """Refuse to retry a row with another model than the one that it was asked of."""
    records = records_of(frame, prefix + "output")
    others = {
        place: record.model
        for place in places
        if (record := records[place]) is not None and record.model != call.model
    }
    if others:
        models = ", ".join(sorted(set(others.values())))
        msg = (
            f"{_named(frame, list(others))}: asked of {models}, not of {call.model}. Nothing was "
            "sent. retry() without arguments asks each row's own model again; for another model, "
            "generate() those rows."
        )
        raise InputError(msg)


def _named(frame: pd.DataFrame, places: Sequence[int]) -> str:
    names = ", ".join(row_name(frame.index, place) for place in places[:_NAMED])
    more = len(places) - _NAMED
    return f"{names} and {more:,} more" if more > 0 else names
