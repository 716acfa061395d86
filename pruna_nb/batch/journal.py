"""What was sent, before it is sent: the memory by which nothing is lost and nothing paid twice.

An entry is written before each POST (an intent), gets its id right after the answer (sent),
and ends as delivered, failed, canceled, expired or lost. While it is open, no other run sends
the same request: a run that is gone leaves ids that the next one takes up, and intents whose
fate nobody knows (lost).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.api.media import media_dir
from pruna_nb.batch.database import database_of
from pruna_nb.batch.entries import (
    COLUMNS,
    DURABLE,
    INSERT,
    INSERT_NEW,
    UPDATE,
    Entry,
    Recorded,
    State,
    adopt_other_spellings,
    values_of,
)
from pruna_nb.batch.owners import is_at_work
from pruna_nb.errors import CacheError
from pruna_nb.files.owned import is_media_name
from pruna_nb.origins import canonical_origin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pruna_nb.settings import Settings

_KEPT_SECONDS = 30 * 86400.0


class Journal:
    """The journal of one cache folder, for one service.

    Parameters
    ----------
    folder : Path
        The cache folder.
    origin : str
        The service's address, in any spelling: an id means something there alone.
    account : str or None
        Whose predictions they are (`Settings.key_hash`): the service gives them to that account
        alone. None reads those of all accounts.
    """

    def __init__(self, folder: Path, origin: str, account: str | None = None) -> None:
        origin = canonical_origin(origin)
        self.folder, self.origin, self.account = folder, origin, account
        self.database = database_of(folder)
        # Entries of releases that noted no account count as everybody's.
        self._ours = "origin = ?" if account is None else "origin = ? AND account IN (?, '')"
        self._our_values = (origin,) if account is None else (origin, account)

    @classmethod
    def of(cls, settings: Settings) -> Journal:
        """Return the journal of the settings' cache folder, service and account."""
        return cls(settings.cache_dir, settings.origin, settings.key_hash)

    def intend(
        self,
        key: str,
        model: str,
        request: dict[str, Any],
        run: str,
        cost_usd: float | None,
        *,
        unless_kept: bool = False,
        reusable: bool = True,
    ) -> Entry | None:
        """Note that a request is about to be sent.

        Returns
        -------
        Entry or None
            None if the same request is open already, by this run or another; or, with
            `unless_kept`, if the cache has an entry for it.
        """
        now = time.time()
        entry = Entry(
            uuid.uuid4().hex,
            key,
            self.origin,
            model,
            json.dumps(request),
            run,
            "intent",
            None,
            None,
            None,
            None,
            cost_usd,
            now,
            now,
            self.account or "",
            reusable=reusable,
        )
        values = values_of(entry)
        sql, given = (INSERT_NEW, (*values, key)) if unless_kept else (INSERT, values)
        return entry if self.database.change(sql, given, durable=True) else None

    def void(self, entry: Entry) -> None:
        """Take an intent back: the service did not accept it."""
        self.database.change("DELETE FROM prediction WHERE entry = ?", [entry.entry])

    def note(self, entry: Entry, state: State, **changes: Any) -> Entry:
        """Note what became of an entry.

        The whole entry is written, so that nothing is lost if the file was made anew; what
        the disk does not take now is kept in memory, and written before the next run.

        Raises
        ------
        CacheError
            If it cannot be written now.
        """
        changed = replace(entry, state=state, updated_at=time.time(), **changes)
        if changed.error is not None:  # half a character, as in a file's name, is no text to SQLite
            changed = replace(changed, error=changed.error.encode("utf-8", "replace").decode())
        # Without an id, the address alone leads to the output, should its file be deleted.
        if state not in DURABLE and changed.prediction_id is not None:
            changed = replace(changed, generation_url=None)
        try:
            self._write(changed)
        except CacheError:
            # What could not be noted as delivered stays sent: it is fetched again, at no cost.
            if state != "delivered":
                self._remember(changed, known=False)
            raise
        return changed

    def accept(
        self,
        entry: Entry,
        prediction_id: str | None,
        url: str | None,
        service_date: float | None = None,
    ) -> Entry | None:
        """Note the id that the service gave to a request, or the address of its output.

        Parameters
        ----------
        entry : Entry
            The intent.
        prediction_id, url : str or None
            As the service gave them.
        service_date : float or None
            When that was, by the service's clock.

        Returns
        -------
        Entry or None
            None, and nothing is noted, if the id is another request's: it was mixed up on the
            way, and its output would be another row's.

        Raises
        ------
        CacheError
            If it cannot be written now: it is kept in memory, as `note` does.
        """
        changed = replace(
            entry,
            state="sent",
            prediction_id=prediction_id,
            generation_url=url,
            service_date=service_date,
            updated_at=time.time(),
        )

        def write() -> bool:
            if prediction_id is not None and self.knows_other(prediction_id, entry.key):
                return False
            self._write(changed)
            return True

        try:
            return changed if self.database.together(write, durable=True) else None
        except CacheError:
            self._remember(changed, known=False)
            raise

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
        delivered, failed, canceled, expired and lost. What it has forgotten (after 30 days) the
        cache knows, as long as it keeps the output.

        Parameters
        ----------
        ids : iterable of str
            The service's names; 100,000 take about a second.
        """
        found: dict[str, Recorded] = {}
        wanted = sorted(set(ids))
        sql = (
            "SELECT prediction_id, model, request, state, key FROM prediction "  # noqa: S608 - ours
            f"WHERE {self._ours} AND request IS NOT NULL AND prediction_id IN ({{}})"
        )
        for rows in self.database.select_in(sql, wanted, self._our_values):
            for name, model, request, state, key in rows:
                found[name] = Recorded(model, json.loads(request), state, key)
        missing = [name for name in wanted if name not in found]
        sql = "SELECT prediction_id, key, value FROM item WHERE prediction_id IN ({})"
        for rows in self.database.select_in(sql, missing):
            for name, key, value in rows:
                kept = json.loads(value)
                if self._is_ours(kept):
                    found[name] = Recorded(kept["model"], kept["input"], "delivered", key)
        return found

    def _is_ours(self, kept: dict[str, Any]) -> bool:
        """Whether an output was made by our service and account, or does not say by which."""
        origin, account = kept.get("origin", self.origin), kept.get("account") or ""
        return canonical_origin(origin) == self.origin and (
            not self.account or account in {self.account, ""}
        )

    def hold(self, entry: Entry) -> None:
        """Keep an entry in memory that was written before, should its file be gone.

        It is written before the next run if it is missing then, and it is open again if what
        it was delivered as is missing: what was paid for can be fetched for a day.
        """
        self._remember(entry, known=True)

    def _remember(self, entry: Entry, *, known: bool) -> None:
        with _UNSAVED_LOCK:
            waiting = _UNSAVED.setdefault(self.folder, {})
            if not known or entry.entry not in waiting:
                waiting[entry.entry] = (entry, known)

    def _write(self, entry: Entry) -> None:
        values, durable = values_of(entry), entry.state in DURABLE
        if not self.database.change(UPDATE, (*values, entry.entry), durable=durable):
            self.database.change(INSERT, values, durable=durable)

    def catch_up(self) -> None:
        """Write what the disk did not take before.

        Raises
        ------
        CacheError
            If the disk does not take it now either: it stays in memory.
        """
        with _UNSAVED_LOCK:
            waiting = dict(_UNSAVED.get(self.folder, {}))
        for name, (entry, known) in waiting.items():
            if known:
                self._restore(entry)
            else:
                self._write(entry)
            with _UNSAVED_LOCK:
                if _UNSAVED[self.folder].get(name) == (entry, known):
                    del _UNSAVED[self.folder][name]

    def _restore(self, entry: Entry) -> None:
        if self.database.change(INSERT, values_of(entry), durable=True):
            return
        now = self.look(entry.entry)
        if now is None or now.state != "delivered" or now.media is None:
            return
        if not (is_media_name(now.media) and (media_dir(self.folder) / now.media).is_file()):
            self._write(entry)

    def open_work(self) -> dict[str, Entry]:
        """Give the requests that were sent and not delivered, by key.

        Intents of runs that are gone become lost here. An id stays open until the service says
        that its output is gone: our clock does not.
        """
        self.catch_up()
        adopt_other_spellings(self.database, self.origin)
        at_work: dict[str, bool] = {}
        found: dict[str, Entry] = {}
        for entry in self._select(
            f"state IN ('intent', 'sent') AND {self._ours}", *self._our_values
        ):
            if entry.run not in at_work:
                at_work[entry.run] = is_at_work(self.folder, entry.run)
            entry_now = self._settled(entry, at_work=at_work[entry.run])
            if entry_now is not None:
                found[entry.key] = entry_now
        return found

    def _settled(self, entry: Entry, *, at_work: bool) -> Entry | None:
        if at_work:
            return entry
        if entry.state == "intent":
            self._end(entry, "lost", "the run ended while it was on the wire")
            return None
        return entry

    def _end(self, entry: Entry, state: State, why: str) -> None:
        self.database.change(
            "UPDATE prediction SET state = ?, error = ?, updated_at = ? "
            "WHERE entry = ? AND run = ? AND state = ?",
            [state, why, time.time(), entry.entry, entry.run, entry.state],
        )

    def delivered(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return what was delivered last for requests, to be fetched again: its file may be gone.

        What was made with ``cache="off"`` is not among them: it was not to be kept.
        """
        found: dict[str, Entry] = {}
        sql = (
            f"SELECT {COLUMNS} FROM prediction "  # noqa: S608 - ours
            f"WHERE {self._ours} AND state = 'delivered' AND reusable AND key IN ({{}})"
        )
        for rows in self.database.select_in(sql, sorted(keys), self._our_values):
            for entry in (Entry(*row) for row in rows):
                last = found.get(entry.key)
                fetchable = entry.prediction_id or entry.generation_url
                if fetchable and (last is None or entry.sent_at > last.sent_at):
                    found[entry.key] = entry
        return found

    def elsewhere(self) -> dict[str, Entry]:
        """Return what is open of other accounts at this service, by key: theirs to fetch."""
        if not self.account:
            return {}
        found = self._select(
            "state IN ('intent', 'sent') AND origin = ? AND account NOT IN (?, '')",
            *self._our_values,
        )
        return {entry.key: entry for entry in found}

    def take_up(self, entry: Entry, run: str) -> Entry | None:
        """Make an id of a run that is gone this run's own; None if another was quicker."""
        changed = self.database.change(
            "UPDATE OR IGNORE prediction SET run = ?, state = 'sent' "
            "WHERE entry = ? AND run = ? AND state = ?",
            [run, entry.entry, entry.run, entry.state],
        )
        return replace(entry, run=run, state="sent") if changed else None

    def look(self, entry: str) -> Entry | None:
        """Give an entry as it stands now; None if it was taken back."""
        return next(iter(self._select("entry = ?", entry)), None)

    def open_of(self, key: str) -> Entry | None:
        """Give the open entry of a request, settled if its run is gone."""
        found = self._select(
            f"state IN ('intent', 'sent') AND key = ? AND {self._ours}", key, *self._our_values
        )
        if not found:
            return None
        return self._settled(found[0], at_work=is_at_work(self.folder, found[0].run))

    def lost(self) -> dict[str, list[Entry]]:
        """Return what was lost on the way and was not sent again since, by key."""
        return self._by_key("lost")

    def expired(self) -> dict[str, list[Entry]]:
        """Return what expired before it was fetched and was not sent again since, by key."""
        return self._by_key("expired")

    def _by_key(self, state: State) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self._select(f"state = '{state}' AND {self._ours}", *self._our_values):
            found.setdefault(entry.key, []).append(entry)
        return found

    def resent(self, key: str) -> None:
        """Note that what was lost or expired under a key is now sent again, as was announced."""
        self.database.change(
            "UPDATE prediction SET state = 'resent' "  # noqa: S608 - ours
            f"WHERE key = ? AND state IN ('lost', 'expired') AND {self._ours}",
            [key, *self._our_values],
        )

    def entries(self) -> list[Entry]:
        """Give all entries of all services, in the order in which they were sent."""
        self.open_work()
        return sorted(self._select("1"), key=lambda entry: entry.sent_at)

    def forget_old(self) -> None:
        """Drop what ended well over 30 days ago."""
        self.database.change(
            "DELETE FROM prediction "
            "WHERE updated_at < ? AND state NOT IN ('intent', 'sent', 'lost', 'expired')",
            [time.time() - _KEPT_SECONDS],
        )

    def _select(self, where: str, *values: Any) -> list[Entry]:
        sql = f"SELECT {COLUMNS} FROM prediction WHERE {where}"  # noqa: S608 - ours
        rows = self.database.execute(sql, values)
        return [Entry(*row) for row in rows]


_UNSAVED: dict[Path, dict[str, tuple[Entry, bool]]] = {}
"""By folder and entry: what has to be written, and whether it was written before."""
_UNSAVED_LOCK = threading.Lock()
