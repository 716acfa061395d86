"""What was requested, by prediction ids, as the cache and the journal recorded it; sent again."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import tags
from pruna_nb.catalog import lookup_model
from pruna_nb.errors import UnknownModelError
from pruna_nb.files.inputs import Media, is_address
from pruna_nb.frames.call import Call
from pruna_nb.frames.columns import places_of
from pruna_nb.frames.results import beside
from pruna_nb.redact import MASK, is_masked
from pruna_nb.settings import current
from pruna_nb.store.journal import Journal
from pruna_nb.tables.cells import plain_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Record:
    """A prediction's recorded request: secrets masked, files by their SHA-256."""

    model: str
    input: dict[str, Any]
    tags: str = ""


def records_of(frame: pd.DataFrame, output: Any) -> list[Record | None]:
    """Return the recorded request of each row's output; None where no record has its id.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    output : object
        The column of outputs. Beside it stands that of the ids, whatever pandas made of its name
        since: ``prediction_id``, ``step1_prediction_id``, ``prediction_id_x``, or an index level.
    """
    name = beside(output, "prediction_id")
    places = places_of(frame, name)
    is_result = "output" in str(output) or not places_of(frame, "output")
    ids: list[Any] = [None] * len(frame)
    if len(places) == 1 and is_result:
        ids = plain_cells(frame.iloc[:, places[0]])
    elif name in frame.index.names:
        ids = plain_cells(frame.index.get_level_values(name).to_series())
    # A cell of any type may stand in a column of this name: of a frame that the user built.
    records = requests_by_id({cell for cell in ids if isinstance(cell, str)})
    return [records.get(cell) if isinstance(cell, str) else None for cell in ids]


def requests_by_id(ids: Iterable[str]) -> dict[str, Record]:
    """Return the recorded requests by prediction id, as far as the cache folder has them.

    Of every API key: what was requested does not depend on the current one.
    """
    settings = current()
    wanted = set(ids)
    if not wanted or not settings.database_path.is_file():
        return {}
    entries = Journal(settings.cache_dir, settings.base_url).requests_by_id(wanted)
    return {name: Record(entry.model, entry.input, entry.tags) for name, entry in entries.items()}


def ids_of_outputs(paths: Iterable[Any]) -> list[str | None]:
    """Return the id of a prediction that made each output, by its file in the cache folder."""
    settings = current()
    folder = f"{settings.media_dir}{os.sep}"
    names = [
        path.removeprefix(folder).replace(os.sep, "/")
        if isinstance(path, str) and path.startswith(folder)
        else None
        for path in paths
    ]
    wanted = {name for name in names if name}
    if not wanted or not settings.database_path.is_file():
        return [None] * len(names)
    known = Journal(settings.cache_dir, settings.base_url).ids_by_media(wanted)
    return [known.get(name) if name else None for name in names]


@dataclass(frozen=True, slots=True)
class Replay:
    """Rows of one model, and of the same tags, whose requests are sent again.

    Parameters
    ----------
    places : tuple of int
        Which rows.
    table : DataFrame
        Their requests: a column for each field, with the rows' own labels.
    call : Call
        The call that reads them.
    tag : tuple of str
        What they were made for.
    """

    places: tuple[int, ...]
    table: pd.DataFrame
    call: Call
    tag: tuple[str, ...] = ()


def replays_of(index: pd.Index[Any], records: Mapping[int, Record | None]) -> list[Replay]:
    """Return the requests that can be sent again, a table for each model and tags.

    A request is left out if its record does not hold all of it: a secret, a file that is not in
    the cache folder, or an address that was masked.
    """
    by_model: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for place, record in records.items():
        given = None if record is None else _whole(record)
        if record is not None and given is not None:
            by_model.setdefault((record.model, record.tags), {})[place] = given
    replays = []
    for (model_name, tag), inputs in by_model.items():
        labels = index[list(inputs)]
        names = list(dict.fromkeys(name for given in inputs.values() for name in given))
        table = pd.DataFrame(index=labels)
        for name in names:
            cells = np.empty(len(inputs), dtype=object)
            for row, given in enumerate(inputs.values()):  # at once, equal lists become a table
                cells[row] = given.get(name)
            table[name] = pd.Series(cells, index=labels, dtype=object)
        model = lookup_model(model_name)
        # A field that the catalogue does not know was sent with unchecked=True, and is so again.
        model = replace(model, unchecked=not all(name in model.fields for name in names))
        call = Call(model, columns={name: name for name in names})
        replays.append(Replay(tuple(inputs), table, call, tags("tag", tag)))
    return replays


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
        # Its signature or token was masked in the record, so the service could not fetch it.
        if is_masked(value):
            return None
        found = files_of(value) if field is None or field.media else value
        if found is None:
            return None
        if field is not None and field.media and not _is_file(found):
            return None
        given[name] = found
    return given


def files_of(value: Any) -> Any:
    """Return a kept value with the cache's files in place of their hashes; None if one is gone."""
    if isinstance(value, list):
        items = [files_of(item) for item in value]
        return None if any(item is None for item in items) else items
    if isinstance(value, dict) and set(value) == {"sha256"}:
        sha256 = str(value["sha256"])
        # The record is a file that others may have written: only a digest may become a path.
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):  # noqa: PLR2004 - in hex
            return None
        for path in sorted((current().media_dir / sha256[:2]).glob(f"{sha256}.*")):
            if path.is_file() and not path.is_symlink():
                media = Media(path.absolute())
                # Its name claims the content; only the bytes prove it.
                if media.sha256 == sha256:
                    return media
        return None
    return value


def _is_file(value: Any) -> bool:
    """Whether a field of files holds nothing that would be read from this machine by its name."""
    if isinstance(value, list):
        return all(_is_file(item) for item in value)
    return isinstance(value, Media) or is_address(value)
