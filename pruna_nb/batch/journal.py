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
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb.api.media import media_dir
from pruna_nb.batch.database import database_of
from pruna_nb.batch.owners import is_at_work
from pruna_nb.errors import CacheError

if TYPE_CHECKING:
    from pathlib import Path

State = Literal["intent", "sent", "delivered", "failed", "canceled", "expired", "lost", "resent"]
OUTPUT_LIFE_SECONDS = 86400.0
"""How long the service keeps an output; an older id is not taken up."""
_KEPT_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One prediction's line in the journal; its fields are the table's columns, in order."""

    entry: str
    key: str
    origin: str
    model: str
    request: str | None
    run: str
    state: str
    prediction_id: str | None
    generation_url: str | None
    media: str | None
    error: str | None
    cost_usd: float | None
    sent_at: float
    updated_at: float


_NAMES = [field.name for field in fields(Entry)]
# Not dataclasses.astuple, which copies each value deeply: a quarter of a millisecond a row.
_values_of = attrgetter(*_NAMES)
_COLUMNS = ", ".join(_NAMES)
# A second open entry of one request is what the index forbids: it is ignored, not replaced.
_INSERT = f"INSERT OR IGNORE INTO prediction ({_COLUMNS}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - names of ours
# The same, but for a request whose output is there: what another run delivered meanwhile.
_INSERT_NEW = (
    f"INSERT OR IGNORE INTO prediction ({_COLUMNS}) SELECT {', '.join('?' * len(_NAMES))} "  # noqa: S608 - the same
    "WHERE NOT EXISTS (SELECT 1 FROM item WHERE item.key = ?)"
)
_UPDATE = (
    f"UPDATE OR IGNORE prediction SET {', '.join(f'{name} = ?' for name in _NAMES)} WHERE entry = ?"  # noqa: S608 - the same
)
_SURE = frozenset({"intent", "sent", "lost"})
"""States whose loss costs money: they reach the disk before the work goes on."""


class Journal:
    """The journal of one cache folder, for one service.

    Parameters
    ----------
    folder : Path
        The cache folder.
    origin : str
        The service's address: an id means something there alone.
    """

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder, self.origin = folder, origin
        self.database = database_of(folder)

    def intend(
        self,
        key: str,
        model: str,
        request: dict[str, Any],
        run: str,
        cost_usd: float | None,
        *,
        unless_kept: bool = False,
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
        )
        values = _values_of(entry)
        sql, given = (_INSERT_NEW, (*values, key)) if unless_kept else (_INSERT, values)
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
        if state not in _SURE:
            changed = replace(changed, request=None, generation_url=None)
        try:
            self._write(changed)
        except CacheError:
            # What could not be noted as delivered stays sent: it is fetched again, at no cost.
            if state != "delivered":
                self._remember(changed, known=False)
            raise
        return changed

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
        values, durable = _values_of(entry), entry.state in _SURE
        if not self.database.change(_UPDATE, (*values, entry.entry), durable=durable):
            self.database.change(_INSERT, values, durable=durable)

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
        if self.database.change(_INSERT, _values_of(entry), durable=True):
            return
        now = self.look(entry.entry)
        if now is None or now.state != "delivered" or now.media is None:
            return
        if not (media_dir(self.folder) / now.media).is_file():
            self._write(entry)

    def open_work(self) -> dict[str, Entry]:
        """Give the requests that were sent and not delivered, by key.

        Intents of runs that are gone become lost here, and so do ids older than 24 hours.
        """
        self.catch_up()
        at_work: dict[str, bool] = {}
        found: dict[str, Entry] = {}
        for entry in self._select("state IN ('intent', 'sent') AND origin = ?", self.origin):
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
        if time.time() - entry.sent_at > OUTPUT_LIFE_SECONDS:
            self._end(entry, "expired", "it was not fetched within 24 hours")
            return None
        return entry

    def _end(self, entry: Entry, state: State, why: str) -> None:
        self.database.change(
            "UPDATE prediction SET state = ?, error = ?, updated_at = ? "
            "WHERE entry = ? AND run = ? AND state = ?",
            [state, why, time.time(), entry.entry, entry.run, entry.state],
        )

    def take_up(self, entry: Entry, run: str) -> Entry | None:
        """Make an open id of a run that is gone this run's own; None if another was quicker."""
        changed = self.database.change(
            "UPDATE prediction SET run = ? WHERE entry = ? AND run = ? AND state = 'sent'",
            [run, entry.entry, entry.run],
        )
        return replace(entry, run=run) if changed else None

    def look(self, entry: str) -> Entry | None:
        """Give an entry as it stands now; None if it was taken back."""
        return next(iter(self._select("entry = ?", entry)), None)

    def open_of(self, key: str) -> Entry | None:
        """Give the open entry of a request, settled if its run is gone."""
        found = self._select(
            "state IN ('intent', 'sent') AND origin = ? AND key = ?", self.origin, key
        )
        if not found:
            return None
        return self._settled(found[0], at_work=is_at_work(self.folder, found[0].run))

    def lost(self) -> dict[str, list[Entry]]:
        """Give what was lost on the way and was not sent again since, by key."""
        found: dict[str, list[Entry]] = {}
        for entry in self._select("state = 'lost' AND origin = ?", self.origin):
            found.setdefault(entry.key, []).append(entry)
        return found

    def resent(self, key: str) -> None:
        """Note that what was lost under a key is now sent again, at the user's word."""
        self.database.change(
            "UPDATE prediction SET state = 'resent' "
            "WHERE origin = ? AND key = ? AND state = 'lost'",
            [self.origin, key],
        )

    def entries(self) -> list[Entry]:
        """Give all entries of all services, in the order in which they were sent."""
        self.open_work()
        return sorted(self._select("1"), key=lambda entry: entry.sent_at)

    def forget_old(self) -> None:
        """Drop what ended well over 30 days ago."""
        self.database.change(
            "DELETE FROM prediction "
            "WHERE updated_at < ? AND state NOT IN ('intent', 'sent', 'lost')",
            [time.time() - _KEPT_SECONDS],
        )

    def _select(self, where: str, *values: Any) -> list[Entry]:
        sql = f"SELECT {_COLUMNS} FROM prediction WHERE {where}"  # noqa: S608 - ours
        rows = self.database.execute(sql, values)
        return [Entry(*row) for row in rows]


_UNSAVED: dict[Path, dict[str, tuple[Entry, bool]]] = {}
"""By folder and entry: what has to be written, and whether it was written before."""
_UNSAVED_LOCK = threading.Lock()
