"""The rounds of a form and what was typed into it, on disk: a new kernel has them again.

Neither a secret nor a file that lies in memory alone is written. A round of rows of a frame comes
back where the frame still has those rows.
"""

from __future__ import annotations

import contextlib
import json
import math
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.batch.job import Outcome
from pruna_nb.catalog import lookup_model
from pruna_nb.console import LOG
from pruna_nb.errors import CacheError, PrunaError
from pruna_nb.form.rounds import Round
from pruna_nb.form.sweep import Sweep
from pruna_nb.statuses import STATUSES
from pruna_nb.store.form_records import FormRecords

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pruna_nb.form.tables import SweepTables

_TYPED = "typed"
_GONE = "its file is no longer in the cache folder"


class Remembering:
    """The records of one form.

    Parameters
    ----------
    cache_dir : Path
        The cache folder.
    home : str
        The form's place; empty for one that never comes again, which is not remembered.
    """

    def __init__(self, cache_dir: Path, home: str) -> None:
        self._store = FormRecords(cache_dir, home) if home else None
        self._typed_before = ""

    # ----------------------------------------------------------------- writing

    def save(self, made: Round) -> None:
        """Write a round as it is now; what cannot be written is logged, and the form goes on."""
        sweep = made.sweep
        shared = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in sweep.shared.items()
            if name not in sweep.secret_names
        }
        made.name = made.name or f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        record = {
            "models": [model.name for model in sweep.models],
            "axes": {name: list(values) for name, values in sweep.axes.items()},
            "shared": shared,
            "rows": None if sweep.rows is None else [list(row) for row in sweep.rows],
            "cells": made.tables.fingerprint(sweep),
            "selected": sorted(made.selected),
            "outcomes": [self._outcome_record(outcome) for outcome in made.outcomes],
        }
        self._write(made.name, record)

    def save_typed(
        self, given: Mapping[str, Any], typed: Mapping[str, Any], secret: Collection[str]
    ) -> None:
        """Write what the code gave and what was typed, but nothing of the fields in `secret`."""
        record = {
            word: {
                name: value
                for name, value in each.items()
                if name not in secret and _is_plain(value)
            }
            for word, each in (("given", given), ("typed", typed))
        }
        text = json.dumps(record)
        if typed and text != self._typed_before:
            self._typed_before = text
            self._write(_TYPED, record)

    def _write(self, name: str, record: dict[str, Any]) -> None:
        if self._store is None or not _is_plain(record):
            return
        try:
            self._store.write(name, record)
        except CacheError as error:
            LOG.warning("%s", error)

    def _outcome_record(self, outcome: Outcome) -> dict[str, Any]:
        cost = None if math.isnan(outcome.cost_usd) else outcome.cost_usd
        output = outcome.output
        if output is not None and self._store is not None:
            output = self._store.relative(output)
        return {
            "status": outcome.status,
            "output": output,
            "error": outcome.error,
            "seconds": outcome.seconds,
            "cost_usd": cost,
            "cached": outcome.cached,
            "prediction_id": outcome.prediction_id,
        }

    # ----------------------------------------------------------------- reading

    def typed(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the code gave, and what was typed, when the form was last used."""
        record = {} if self._store is None else self._store.all().get(_TYPED, {})
        parts = [record.get(name) for name in ("given", "typed")]
        given, typed = ({} if not isinstance(part, dict) else part for part in parts)
        return _tuples(given), _tuples(typed)

    def rounds(self, tables: SweepTables, rows: Sequence[tuple[int, str]] | None) -> list[Round]:
        """Return the rounds, numbered from 1; those of rows that the frame has no more are left."""
        found: list[Round] = []
        for name, record in ({} if self._store is None else self._store.all()).items():
            if name == _TYPED:
                continue
            # a file that another version wrote, or that somebody changed
            with contextlib.suppress(
                KeyError, TypeError, ValueError, AttributeError, IndexError, PrunaError
            ):
                found.append(self._round(name, record, tables, rows))
                found[-1].number = len(found)
        return found

    def _round(
        self,
        name: str,
        record: dict[str, Any],
        tables: SweepTables,
        rows: Sequence[tuple[int, str]] | None,
    ) -> Round:
        first, *others = [lookup_model(str(each)) for each in record["models"]]
        now = dict(rows or [])
        chosen = record["rows"]
        if (chosen is None) != (rows is None):
            raise ValueError("rows")
        if chosen is not None:
            chosen = [(int(place), str(text)) for place, text in chosen]
            if any(now.get(place) != text for place, text in chosen):
                raise ValueError("rows")
        axes = {str(axis): tuple(values) for axis, values in record["axes"].items()}
        sweep = Sweep(first, axes, dict(record["shared"]), chosen, others, tables.fill)
        if record["cells"] != tables.fingerprint(sweep):  # the rows are others now
            raise ValueError("rows")
        points = sweep.points()
        outcomes = [self._outcome(each) for each in record["outcomes"]]
        if len(points) != len(outcomes):
            raise ValueError("outcomes")
        selected = {number for number in record["selected"] if number in range(len(points))}
        return Round(tables, sweep, points, outcomes, selected=selected, name=name)

    def _outcome(self, record: dict[str, Any]) -> Outcome:
        if record["status"] not in STATUSES:
            raise ValueError("status")
        output, prediction_id, error = record["output"], record["prediction_id"], record["error"]
        if record["status"] == "pending":  # it was under way when the kernel ended
            error = None
        texts = [each for each in (output, prediction_id, error) if each is not None]
        if not all(isinstance(each, str) for each in texts):
            raise TypeError("outcome")
        if output is not None and self._store is not None:
            output = str(self._store.media_dir / output)  # an absolute path stays what it is
            if not Path(output).is_file():
                return Outcome("pending", error=_GONE)
        cost = record["cost_usd"]
        return Outcome(
            record["status"],
            output,
            error,
            float(record["seconds"]),
            math.nan if cost is None else float(cost),
            bool(record["cached"]),
            prediction_id,
        )


def _is_plain(value: Any) -> bool:
    """Whether a value can be written as JSON."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _tuples(states: dict[str, Any]) -> dict[str, Any]:
    """Return states of controls as they were: JSON has lists alone."""
    several = ("model", "rows", "aspect_ratio")
    return {
        name: tuple(value) if name in several and isinstance(value, list) else value
        for name, value in states.items()
    }
