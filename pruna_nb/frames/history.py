"""All that was ever made here, as a frame: found again by prompt, model, time, tag and rating."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import Problems, switch, tags, text, texts, whole
from pruna_nb.catalog import lookup_model
from pruna_nb.errors import InputError
from pruna_nb.files.owned import is_media_name
from pruna_nb.frames.call import Call
from pruna_nb.frames.call_attrs import ATTRS, attrs_of
from pruna_nb.frames.moments import read_span
from pruna_nb.frames.results import TEXT
from pruna_nb.redact import MASK
from pruna_nb.settings import current
from pruna_nb.statuses import STATUSES
from pruna_nb.store.bills import bills
from pruna_nb.store.favourites import Favourites
from pruna_nb.store.journal import Journal
from pruna_nb.store.ratings import Ratings
from pruna_nb.tables.cells import column_of_values
from pruna_nb.text import described, did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, timedelta
    from pathlib import Path

    from pruna_nb.arguments import Tags
    from pruna_nb.settings import Settings
    from pruna_nb.store.bills import Bill

# What a frame calls what became of a prediction. What was sent again is another line's by now.
_STATUS = {
    "delivered": "succeeded",
    "intent": "pending",
    "sent": "pending",
    "expired": "failed",
}
_STATUSES = tuple(sorted({*STATUSES - {"skipped"}, "resent"}))


def history(
    prompt: str | None = None,
    *,
    model: str | Sequence[str] | None = None,
    since: str | date | timedelta | None = None,
    until: str | date | timedelta | None = None,
    tag: Tags | None = None,
    status: str | Sequence[str] | None = None,
    kept: bool | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Return all that was ever made here, the newest first.

    Here is the cache folder, and the service that is in force; by whichever session, process or
    API key. ``history(prompt="fox", kept=True).pruna.grid()`` shows last month's foxes, and
    `retry()` and `edit()` take the frame as any other.

    Parameters
    ----------
    prompt : str, optional
        Text that the prompt contains, in whichever case.
    model : str or list of str, optional
        Of which models.
    since, until : str, date, datetime or timedelta, optional
        A duration back from now ("7d", "12h"), a date or a time ("2026-11-30", a datetime),
        "today" or "yesterday". What names no time zone is UTC. A date as `until` is the whole day.
    tag : str or list of str, optional
        Made with any of these tags, or given one of them since (``df.pruna.rate``).
    status : str or list of str, optional
        "succeeded", "failed", "canceled", "lost", "pending", or "resent": lost or expired, and
        sent again since.
    kept : bool, optional
        Only favourites, or only what is none.
    limit : int, optional
        The newest so many.

    Returns
    -------
    DataFrame
        A row for each prediction: ``sent_at`` (UTC), ``model``, ``prompt`` and a column for each
        other field of the requests (files as their path in the cache, or their SHA-256; no
        secrets), ``tag`` (several with commas between them), ``kept``, ``rating``, and the result
        columns of `generate`: ``output`` (None where the file was deleted since), ``status``,
        ``error``, ``seconds``, ``cost_usd`` (the price; NaN if not published, or if it is not known
        whether it was charged), ``cached`` (False) and ``prediction_id``.

    Raises
    ------
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> import pandas as pd
    >>> import pruna_nb
    >>> df = pd.DataFrame({"prompt": ["a heron at dusk", "a stork at dusk"]})
    >>> out = df.pruna.generate("prompt", seed=7, tag="birds", progress=False)
    >>> found = pruna_nb.history(prompt="heron", tag="birds")
    >>> found[["prompt", "seed", "status", "cost_usd"]].values.tolist()
    [['a heron at dusk', 7, 'succeeded', 0.005]]
    """
    problems = Problems()
    words = None if prompt is None else problems.read(text, "prompt", prompt, instead="").casefold()
    models = problems.read(texts, "model", model, instead=None)
    states = problems.read(_statuses, status, instead=None)
    wanted: tuple[str, ...] = problems.read(tags, "tag", tag, instead=())
    only = None if kept is None else problems.read(switch, "kept", kept, instead=False)
    most = None if limit is None else problems.read(whole, "limit", limit, instead=1)
    since_, until_ = read_span(problems, since, until)
    problems.check("The history cannot be searched")

    settings = current()
    if not settings.database_path.is_file():
        return _frame([], settings, _Marks(settings))
    Journal(settings.cache_dir, settings.base_url).open_entries()  # settles what was left behind
    marks = _Marks(settings)

    def is_wanted(bill: Bill) -> bool:
        asked = (bill.input or {}).get("prompt")
        return (
            (models is None or bill.model in models)
            and (states is None or _status_of(bill) in states)
            and (words is None or (isinstance(asked, str) and words in asked.casefold()))
            and (not wanted or any(each in wanted for each in marks.tags(bill)))
            and (only is None or marks.is_kept(bill) == only)
        )

    found = [b for b in bills(settings.cache_dir, settings.service, since_, until_) if is_wanted(b)]
    found.sort(key=lambda bill: bill.sent_at, reverse=True)
    return _frame(found[:most], settings, marks)


class _Marks:
    """What people say of outputs: favourites, ratings and tags."""

    def __init__(self, settings: Settings) -> None:
        kept = Favourites(settings.cache_dir)
        self._kept = {each.id for each in kept.all()} | kept.media_names()
        rated = Ratings(settings.cache_dir).all()
        self._rated = {each.prediction_id: each for each in rated if each.prediction_id}
        self._rated |= {each.digest: each for each in rated if each.digest}

    def is_kept(self, bill: Bill) -> bool:
        return bill.prediction_id in self._kept or bill.media in self._kept

    def _rating(self, bill: Bill) -> Any:
        if not self._rated:
            return None
        digest = os.path.splitext(os.path.basename(bill.media or ""))[0]  # noqa: PTH119, PTH122 - a Path a row would take longer than the rest
        return self._rated.get(digest) or self._rated.get(bill.prediction_id or "")

    def rating(self, bill: Bill) -> int | None:
        rated = self._rating(bill)
        return None if rated is None else rated.rating

    def tags(self, bill: Bill) -> tuple[str, ...]:
        rated = self._rating(bill)
        return bill.tags if rated is None else tuple(dict.fromkeys((*bill.tags, *rated.tags)))


def _frame(found: Sequence[Bill], settings: Settings, marks: _Marks) -> pd.DataFrame:
    media = MediaFolder(settings.media_dir)
    inputs = [_shown_input(bill, media) for bill in found]
    names = dict.fromkeys(name for given in inputs for name in given)
    own = {
        "sent_at": pd.to_datetime(
            np.array([b.sent_at for b in found], float), unit="s", utc=True
        ).round("ms"),
        "model": _texts_of(bill.model for bill in found),
        "prompt": column_of_values([given.get("prompt") for given in inputs]),
    }
    result = {
        "tag": _texts_of(", ".join(marks.tags(bill)) or None for bill in found),
        "kept": np.array([marks.is_kept(bill) for bill in found], bool),
        "rating": pd.array([marks.rating(bill) for bill in found], dtype="Int64"),
        "output": _texts_of(media.output(bill.media) for bill in found),
        "status": _texts_of(_status_of(bill) for bill in found),
        "error": _texts_of(bill.error for bill in found),
        "seconds": np.array([bill.seconds for bill in found], float),
        "cost_usd": np.array([_cost_of(bill) for bill in found], float),
        "cached": np.zeros(len(found), bool),
        "prediction_id": _texts_of(bill.prediction_id for bill in found),
    }
    # A field of a model that nobody knows here may be called like one of these columns.
    taken = {*own, *result} - {"prompt"}
    labels = {name: f"input_{name}" if name in taken else name for name in names}
    fields = {
        label: column_of_values([given.get(name) for given in inputs])
        for name, label in labels.items()
        if name != "prompt"
    }
    frame = pd.DataFrame({**own, **fields, **result})
    if len(models := {bill.model for bill in found}) == 1:  # `retry` needs it of what has no id
        call = Call(lookup_model(*models), columns=labels)
        frame.attrs[ATTRS] = {"output": attrs_of(call)}
    return frame


def _shown_input(bill: Bill, media: MediaFolder) -> dict[str, Any]:
    """Return a request's fields as cells: files as paths, and no secrets."""
    if not bill.input:
        return {}
    return {
        name: with_paths(value, media) if isinstance(value, (dict, list)) else value
        for name, value in bill.input.items()
        if value != MASK
    }


def with_paths(value: Any, media: MediaFolder) -> Any:
    """Return a recorded value with the paths of the files that it names by their content."""
    if isinstance(value, list):
        return [with_paths(item, media) for item in value]
    if isinstance(value, dict) and value.keys() == {"sha256"}:
        return media.source(str(value["sha256"]))
    return value


class MediaFolder:
    """The files of the media folder; a hundred thousand lie in 256 folders, each listed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, dict[str, str]] = {}

    def output(self, media: str | None) -> str | None:
        """Return the path of an output, by its name in the journal; None if it is not there."""
        if media is None or not is_media_name(media):
            return None
        folder, _, name = media.partition("/")
        is_there = self._listed(folder).get(name.partition(".")[0]) == name
        return self._path(folder, name) if is_there else None

    def source(self, digest: str) -> str:
        """Return the path of a file that was sent, by its SHA-256; that itself if it is gone."""
        name = self._listed(digest[:2]).get(digest)
        return f"sha256:{digest}" if name is None else self._path(digest[:2], name)

    def _path(self, folder: str, name: str) -> str:
        return f"{self._folder}{os.sep}{folder}{os.sep}{name}"

    def _listed(self, folder: str) -> dict[str, str]:
        if folder not in self._names:
            names: list[str] = []
            with contextlib.suppress(OSError):
                names = os.listdir(self._folder / folder)  # noqa: PTH208 - names alone
            self._names[folder] = {
                name.partition(".")[0]: name for name in names if is_media_name(f"{folder}/{name}")
            }
        return self._names[folder]


def _status_of(bill: Bill) -> str:
    return _STATUS.get(bill.state, bill.state)


def _cost_of(bill: Bill) -> float:
    if bill.cost_usd is None or (not bill.is_charged and bill.cost_usd):
        return float("nan")
    return bill.cost_usd


def _statuses(value: object) -> tuple[str, ...] | None:
    given = texts("status", value)
    for each in given or ():
        if each not in _STATUSES:
            meant = did_you_mean(map(repr, near_names(each, _STATUSES)))
            raise InputError(
                f"status must be one of {', '.join(_STATUSES)}; {described(each)} was given.{meant}"
            )
    return given


def _texts_of(values: Iterable[str | None]) -> Any:
    texts = list(values)
    try:
        return pd.array(texts, dtype=TEXT)
    except UnicodeEncodeError:  # a path below a folder whose name is not valid UTF-8
        return pd.array(texts, dtype="object")
