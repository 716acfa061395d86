"""Write-ahead journal of paid requests: nothing is lost and nothing is paid for twice.

An entry is written before each POST ("intent"), gets its id right after the answer ("sent"), and
ends as delivered, failed, canceled, expired or lost. While it is open, no other run sends the same
request. A run that died leaves ids, which the next run resumes, and intents of which nobody knows
whether they were charged ("lost").
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import CacheError
from pruna_nb.files.owned import is_media_name
from pruna_nb.settings import CacheFolder
from pruna_nb.settings.origins import canonical_origin
from pruna_nb.store import rescue
from pruna_nb.store.entries import (
    DURABLE,
    INSERT,
    INSERT_NEW,
    UPDATE,
    UPDATE_LATE,
    Entry,
    State,
    values_of,
)
from pruna_nb.store.lookups import Lookups
from pruna_nb.store.run_locks import is_at_work
from pruna_nb.store.schema import LARGE_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pruna_nb.errors import PrunaError
    from pruna_nb.settings import Settings
    from pruna_nb.store.rescue import Held

_KEPT_SECONDS = 30 * 86400.0


class Journal(Lookups):
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
    unsaved_dir : Path or None
        Where ids go that the cache folder does not take; see `rescue`.
    """

    def __init__(
        self,
        folder: Path,
        origin: str,
        account: str | None = None,
        unsaved_dir: Path | None = None,
    ) -> None:
        super().__init__(folder, origin, account)
        self._places = rescue.places(unsaved_dir) if unsaved_dir else []

    @classmethod
    def of(cls, settings: Settings) -> Journal:
        """Return the journal of the settings' cache folder, service and account."""
        return cls(settings.cache_dir, settings.origin, settings.key_hash, settings.unsaved_dir)

    def begin(
        self,
        key: str,
        model: str,
        request: dict[str, Any],
        run: str,
        cost_usd: float | None,
        *,
        unless_kept: bool = False,
        reusable: bool = True,
        tags: Iterable[str] = (),
        allow: Callable[[], PrunaError | None] = lambda: None,
    ) -> Entry | None:
        """Note that a request is about to be sent.

        `allow` is asked in the same transaction, so that no other process spends in between; the
        error that it returns is raised, and nothing is noted then.

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
            tags=", ".join(tags),
        )
        values = values_of(entry)
        sql, values = (INSERT_NEW, (*values, key)) if unless_kept else (INSERT, values)

        # Returned and not raised: an error would end the transaction, with others' writes in it.
        def write() -> int | PrunaError:
            return allow() or self.database.change(sql, values, durable=True)

        # On the disk before the POST: after a crash it is known that it may have been sent.
        written = self.database.together(write, durable=True)
        if isinstance(written, Exception):
            raise written
        return entry if written else None

    def discard(self, entry: Entry) -> None:
        """Take an intent back: the service did not accept it."""
        self.database.change("DELETE FROM prediction WHERE entry = ?", [entry.entry])

    def update(self, entry: Entry, state: State, **changes: Any) -> Entry:
        """Note what became of an entry.

        The whole entry is written, so that nothing is lost if the file was made anew; what
        the disk does not take now is kept elsewhere, and written before the next run.

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
                self._hold([changed], known=False)
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

        None is returned, and nothing is noted, if the id is another request's: it was mixed up on
        the way, and its output would be another row's.

        Raises
        ------
        CacheError
            If it cannot be written now: it is kept in memory, as `update` does.
        """
        changed = replace(
            entry,
            state="sent",
            prediction_id=prediction_id,
            generation_url=url,
            service_date=service_date,
            updated_at=time.time(),
        )

        # One transaction for both: two answers with one id would each find that it is new.
        def write() -> bool:
            if prediction_id is not None and self.knows_other(prediction_id, entry.key):
                return False
            self._write(changed)
            return True

        try:
            return changed if self.database.together(write, durable=True) else None
        except CacheError:
            self._hold([changed], known=False)
            raise

    def hold(self, entries: Iterable[Entry]) -> None:
        """Keep entries that were written before, should their file be gone.

        They are written before the next run if they are missing then, and are open again if what
        they were delivered as is missing: what was paid for can be fetched for a day.
        """
        self._hold(entries, known=True)

    def _hold(self, entries: Iterable[Entry], *, known: bool) -> None:
        rescue.hold(self.folder, entries, known=known, places=self._places, save=self.catch_up)

    def _write(self, entry: Entry) -> None:
        values, durable = values_of(entry), entry.state in DURABLE
        if not self.database.change(UPDATE, (*values, entry.entry), durable=durable):
            self.database.change(INSERT, values, durable=durable)

    def catch_up(self) -> None:
        """Write what the disk did not take before, in this process or in one that is gone.

        What another cache folder did not take is written here too, and kept for that folder: who
        was told to choose another one takes up in it what was paid for.

        Raises
        ------
        CacheError
            If the disk does not take it now either: it stays where it was.
        """
        for held in rescue.held(self.folder):
            self._write_late(held)
            rescue.saved(self.folder, held)
        for held in rescue.held_for_others(self.folder):
            self._write_once(held.entry)
        for path, folder, entries in rescue.files(self._places):
            if folder != self.folder:
                for held in entries:
                    self._write_once(held.entry)
                continue
            for held in entries:
                self._write_late(held)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _write_late(self, held: Held) -> None:
        """Write an entry that this folder should hold, unless it has gone on meanwhile."""
        entry, values = held.entry, values_of(held.entry)
        if held.known:
            self._restore(entry)
        elif not self.database.change(
            UPDATE_LATE, (*values, entry.entry, entry.state), durable=True
        ):
            self._write_once(entry)
            self.database.change(
                "UPDATE prediction SET prediction_id = ? WHERE entry = ? AND prediction_id IS NULL",
                [entry.prediction_id, entry.entry],
            )

    def _write_once(self, entry: Entry) -> bool:
        return bool(self.database.change(INSERT, values_of(entry), durable=True))

    def _restore(self, entry: Entry) -> None:
        if self._write_once(entry):
            return
        now = self.get(entry.entry)
        if now is None or now.state != "delivered" or now.media is None:
            return
        media_dir = CacheFolder(self.folder).media_dir
        if not (is_media_name(now.media) and (media_dir / now.media).is_file()):
            self._write(entry)

    def open_entries(self) -> dict[str, Entry]:
        """Return the requests that were sent and not delivered, by key.

        Intents of runs that are gone become lost here. An id stays open until the service says
        that its output is gone: our clock does not.
        """
        self.catch_up()
        # Earlier releases noted a service under its address as it was spelt.
        for states in ("state IN ('intent', 'sent')", "state = 'lost'"):  # each has its index
            sql = f"SELECT DISTINCT origin FROM prediction WHERE {states}"  # noqa: S608 - ours
            for (spelt,) in self.database.execute(sql):
                if spelt != self.origin and canonical_origin(spelt) == self.origin:
                    sql = "UPDATE OR IGNORE prediction SET origin = ? WHERE origin = ?"
                    self.database.change(sql, [self.origin, spelt])
        at_work: dict[str, bool] = {}
        open_now: dict[str, Entry] = {}
        for entry in self._select(
            f"state IN ('intent', 'sent') AND {self._ours}", *self._our_values
        ):
            if entry.run not in at_work:
                at_work[entry.run] = is_at_work(self.folder, entry.run)
            entry_now = self._settled(entry, at_work=at_work[entry.run])
            if entry_now is not None:
                open_now[entry.key] = entry_now
        return open_now

    def _settled(self, entry: Entry, *, at_work: bool) -> Entry | None:
        """Return an open entry; None for an intent whose run is gone, which becomes lost."""
        if at_work or entry.state != "intent":
            return entry
        # Only if it is as it was read: another process may have settled or resumed it since.
        self.database.change(
            "UPDATE prediction SET state = 'lost', error = ?, updated_at = ? "
            "WHERE entry = ? AND run = ? AND state = 'intent'",
            ["the run ended while it was on the wire", time.time(), entry.entry, entry.run],
        )
        return None

    def claim(self, entry: Entry, run: str) -> Entry | None:
        """Make an id of a run that is gone this run's own; None if another was quicker."""
        changed = self.database.change(
            "UPDATE OR IGNORE prediction SET run = ?, state = 'sent' "
            "WHERE entry = ? AND run = ? AND state = ?",
            [run, entry.entry, entry.run, entry.state],
        )
        return replace(entry, run=run, state="sent") if changed else None

    def open_entry(self, key: str) -> Entry | None:
        """Return the open entry of a request, settled if its run is gone."""
        entries = self._select(
            f"state IN ('intent', 'sent') AND key = ? AND {self._ours}", key, *self._our_values
        )
        if not entries:
            return None
        entry = entries[0]
        return self._settled(entry, at_work=is_at_work(self.folder, entry.run))

    def resent(self, key: str) -> None:
        """Note that what was lost or expired under a key is now sent again, as was announced."""
        self.database.change(
            "UPDATE prediction SET state = 'resent' "  # noqa: S608 - ours
            f"WHERE key = ? AND state IN ('lost', 'expired') AND {self._ours}",
            [key, *self._our_values],
        )

    def entries(self) -> list[Entry]:
        """Return all entries of all services, in the order in which they were sent."""
        self.open_entries()
        return sorted(self._select("1"), key=lambda entry: entry.sent_at)

    def drop_large(self) -> None:
        """Drop the large requests of what ended well over 30 days ago.

        The lines stay: they are the bill, and a billing month is longer than 30 days. The index of
        outputs has a large request for as long as it keeps its output.
        """
        self.database.change(
            f"UPDATE prediction SET request = NULL WHERE length(request) > {LARGE_REQUEST} "  # noqa: S608 - ours
            "AND updated_at < ? AND state NOT IN ('intent', 'sent', 'lost', 'expired')",
            [time.time() - _KEPT_SECONDS],
        )
