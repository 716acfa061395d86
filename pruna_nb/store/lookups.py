"""Queries to the journal: what a prediction was asked for, and what is open, lost or expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.settings.origins import canonical_origin
from pruna_nb.store.database import database_of
from pruna_nb.store.entries import COLUMNS, Entry, Recorded, State, object_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Lookups:
    """The questions to the journal of a cache folder, for one service and account.

    An id means something at its service alone, and the service gives a prediction only to the
    account (`Settings.key_hash`) that sent it. Without an account, those of all are read.
    """

    def __init__(self, folder: Path, origin: str, account: str | None = None) -> None:
        origin = canonical_origin(origin)
        self.folder, self.origin, self.account = folder, origin, account
        self.database = database_of(folder)
        # Entries of releases that noted no account count as everybody's.
        self._ours = "origin = ?" if account is None else "origin = ? AND account IN (?, '')"
        self._our_values = (origin,) if account is None else (origin, account)

    def knows_other(self, prediction_id: str, key: str) -> bool:
        """Whether an id is known here for another request, of the same service and account."""
        return bool(
            self.database.execute(
                f"SELECT 1 FROM prediction WHERE prediction_id = ? AND key <> ? "  # noqa: S608 - ours
                f"AND {self._ours} LIMIT 1",
                (prediction_id, key, *self._our_values),
            )
        )

    def requests_by_id(self, ids: Iterable[str]) -> dict[str, Recorded]:
        """Return what predictions were asked for, by their ids, as far as that is known.

        The journal is asked first, for it knows service and account: those that are open,
        delivered, failed, canceled, expired and lost. A large request that it has dropped
        (after 30 days) the cache knows, as long as it keeps the output.
        100,000 ids take about a second.
        """
        recorded: dict[str, Recorded] = {}
        wanted = sorted(set(ids))
        sql = (
            "SELECT prediction_id, model, request, state, key, tags FROM prediction "  # noqa: S608 - ours
            f"WHERE {self._ours} AND request IS NOT NULL AND prediction_id IN ({{}})"
        )
        for rows in self.database.select_in(sql, wanted, self._our_values):
            for name, model, request, state, key, tags in rows:
                if sent := object_of(request):
                    recorded[name] = Recorded(model, sent, state, key, tags)
        missing = [name for name in wanted if name not in recorded]
        sql = "SELECT prediction_id, key, value FROM item WHERE prediction_id IN ({})"
        for rows in self.database.select_in(sql, missing):
            for name, key, value in rows:
                item = object_of(value)
                model, fields = item.get("model"), item.get("input")
                if isinstance(model, str) and isinstance(fields, dict) and self._is_ours(item):
                    tags = str(item.get("tags") or "")
                    recorded[name] = Recorded(model, fields, "delivered", key, tags)
        return recorded

    def ids_by_media(self, names: Iterable[str]) -> dict[str, str]:
        """Return the id of a prediction that made each media file, as far as the cache knows it."""
        ids: dict[str, str] = {}
        sql = "SELECT media, prediction_id FROM item WHERE prediction_id > '' AND media IN ({})"
        for rows in self.database.select_in(sql, sorted(set(names))):
            ids.update(rows)
        return ids

    def _is_ours(self, kept: dict[str, Any]) -> bool:
        """Whether an output was made by our service and account, or does not say by which."""
        origin, account = kept.get("origin", self.origin), kept.get("account") or ""
        return canonical_origin(origin) == self.origin and (
            not self.account or account in {self.account, ""}
        )

    def delivered(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return what was delivered last for requests, to be fetched again: its file may be gone.

        What was made with ``cache="off"`` is not among them: it was not to be kept.
        """
        latest: dict[str, Entry] = {}
        sql = (
            f"SELECT {COLUMNS} FROM prediction "  # noqa: S608 - ours
            f"WHERE {self._ours} AND state = 'delivered' AND reusable AND key IN ({{}})"
        )
        for rows in self.database.select_in(sql, sorted(keys), self._our_values):
            for entry in (Entry(*row) for row in rows):
                last = latest.get(entry.key)
                fetchable = entry.prediction_id or entry.generation_url
                if fetchable and (last is None or entry.sent_at > last.sent_at):
                    latest[entry.key] = entry
        return latest

    def elsewhere(self) -> dict[str, Entry]:
        """Return what is open of other accounts at this service, by key: theirs to fetch."""
        if not self.account:
            return {}
        entries = self._select(
            "state IN ('intent', 'sent') AND origin = ? AND account NOT IN (?, '')",
            *self._our_values,
        )
        return {entry.key: entry for entry in entries}

    def get(self, entry: str) -> Entry | None:
        """Return an entry as it stands now; None if it was discarded."""
        return next(iter(self._select("entry = ?", entry)), None)

    def lost(self) -> dict[str, list[Entry]]:
        """Return what was lost on the way and was not sent again since, by key."""
        return self._by_key("lost")

    def expired(self) -> dict[str, list[Entry]]:
        """Return what expired before it was fetched and was not sent again since, by key."""
        return self._by_key("expired")

    def _by_key(self, state: State) -> dict[str, list[Entry]]:
        by_key: dict[str, list[Entry]] = {}
        for entry in self._select(f"state = '{state}' AND {self._ours}", *self._our_values):
            by_key.setdefault(entry.key, []).append(entry)
        return by_key

    def _select(self, where: str, *values: Any) -> list[Entry]:
        sql = f"SELECT {COLUMNS} FROM prediction WHERE {where}"  # noqa: S608 - ours
        rows = self.database.execute(sql, values)
        return [Entry(*row) for row in rows]
