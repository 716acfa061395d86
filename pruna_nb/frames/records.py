"""What was really asked for, by the predictions' ids: the cache's and the journal's record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.frames.columns import places_of
from pruna_nb.frames.results import beside
from pruna_nb.settings import current
from pruna_nb.store.journal import Journal
from pruna_nb.tables.cells import plain_cells

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd


@dataclass(frozen=True, slots=True)
class Record:
    """What a prediction was made of, as it was kept: secrets masked, files by their SHA-256."""

    model: str
    input: dict[str, Any]


def records_of(frame: pd.DataFrame, output: Any) -> list[Record | None]:
    """Return what each row's output was made of; None where no record knows its id.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    output : object
        The column of outputs. Beside it stands that of the ids, whatever pandas made of its name
        since: ``prediction_id``, ``step1_prediction_id``, ``prediction_id_x``, or an index level.
    """
    ids = _ids_of(frame, output)
    found = requests_by_id({each for each in ids if isinstance(each, str)})
    return [found.get(each) if isinstance(each, str) else None for each in ids]


def requests_by_id(ids: Iterable[str]) -> dict[str, Record]:
    """Return what predictions were made of, by their ids, as far as the cache folder tells.

    Whichever key was in force: what was asked for does not depend on who asks now.
    """
    settings = current()
    wanted = set(ids)
    if not wanted or not settings.database_path.is_file():
        return {}
    found = Journal(settings.cache_dir, settings.base_url).requests_by_id(wanted)
    return {name: Record(each.model, each.input) for name, each in found.items()}


def _ids_of(frame: pd.DataFrame, output: Any) -> list[Any]:
    name = beside(output, "prediction_id")
    found = places_of(frame, name)
    is_result = "output" in str(output) or not places_of(frame, "output")
    if len(found) == 1 and is_result:
        return plain_cells(frame.iloc[:, found[0]])
    if name in frame.index.names:
        return plain_cells(frame.index.get_level_values(name).to_series())
    return [None] * len(frame)
