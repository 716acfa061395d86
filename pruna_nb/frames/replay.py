"""Requests sent again from their record: as they were asked, whatever the cells say by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.catalog import lookup_model
from pruna_nb.errors import UnknownModelError
from pruna_nb.files.inputs import Media, is_address
from pruna_nb.frames.call import Call
from pruna_nb.redact import MASK
from pruna_nb.settings import current

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.frames.records import Record


@dataclass(frozen=True, slots=True)
class Replay:
    """Rows of one model whose requests are sent again.

    Parameters
    ----------
    places : tuple of int
        Which rows.
    table : DataFrame
        Their requests: a column for each field, with the rows' own labels.
    call : Call
        The call that reads them.
    """

    places: tuple[int, ...]
    table: pd.DataFrame
    call: Call


def replays(index: pd.Index[Any], records: Mapping[int, Record | None]) -> list[Replay]:
    """Return what can be sent again, a table for each model.

    A request is left out if its record does not hold all of it: a secret, a file that is not in
    the cache folder, or an address that was masked.
    """
    by_model: dict[str, dict[int, dict[str, Any]]] = {}
    for place, record in records.items():
        given = None if record is None else _whole(record)
        if record is not None and given is not None:
            by_model.setdefault(record.model, {})[place] = given
    return [_replay(model, index, asked) for model, asked in by_model.items()]


def _replay(model: str, index: pd.Index[Any], asked: dict[int, dict[str, Any]]) -> Replay:
    places = tuple(asked)
    labels = index[list(places)]
    names = list(dict.fromkeys(name for given in asked.values() for name in given))
    table = pd.DataFrame(
        {name: _objects([given.get(name) for given in asked.values()], labels) for name in names},
        index=labels,
    )
    fields = lookup_model(model).fields
    call = Call(
        model,
        columns={name: name for name in names},
        unchecked=not all(name in fields for name in names),
    )
    return Replay(places, table, call)


def _objects(values: Sequence[Any], labels: pd.Index[Any]) -> pd.Series[Any]:
    cells = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):  # at once, numpy would make a table of equal lists
        cells[row] = value
    return pd.Series(cells, index=labels, dtype=object)


def _whole(record: Record) -> dict[str, Any] | None:
    """Return a request's input with its files; None where the record does not hold all of it."""
    try:
        fields = lookup_model(record.model).fields
    except UnknownModelError:
        return None
    given: dict[str, Any] = {}
    for name, value in record.input.items():
        field = fields.get(name)
        if value == MASK and (field is None or field.secret or field.media):
            return None
        if is_address(value) and MASK in value:
            return None
        found = _with_files(value) if field is None or field.media else value
        if found is None:
            return None
        if field is not None and field.media and not _is_file(found):
            return None
        given[name] = found
    return given


def _with_files(value: Any) -> Any:
    """Return a kept value with the cache's files in place of their hashes; None if one is gone."""
    if isinstance(value, list):
        items = [_with_files(item) for item in value]
        return None if any(item is None for item in items) else items
    if isinstance(value, dict) and set(value) == {"sha256"}:
        return _from_cache(str(value["sha256"]))
    return value


def _from_cache(sha256: str) -> Media | None:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):  # noqa: PLR2004 - in hex
        return None
    folder = current().media_dir / sha256[:2]
    for path in sorted(folder.glob(f"{sha256}.*")):
        if path.is_file() and not path.is_symlink():
            media = Media(path.absolute())
            if media.sha256 == sha256:
                return media
    return None


def _is_file(value: Any) -> bool:
    """Whether a field of files holds nothing that would be read from this machine by its name."""
    if isinstance(value, list):
        return all(_is_file(item) for item in value)
    return isinstance(value, Media) or is_address(value)
