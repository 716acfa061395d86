"""A backend for joblib's Memory in SQLite: one row for each entry, not a folder with two files.

The cache keeps joblib's interface, so what a key and a cached function are is joblib's. Its own
backend is not used for three reasons: 100,000 entries would be 200,000 files; they could not be
looked up by the thousand in one query; and it unpickles, so reading a cache that somebody else
wrote could run their code. Rows of JSON run none.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import register_store_backend

# joblib documents `register_store_backend`, which takes subclasses of `StoreBackendBase` alone, but
# it has no public name for that class. The mixin has the rest that `Memory` asks of a backend.
from joblib._store_backends import CacheItemInfo, StoreBackendBase, StoreBackendMixin
from joblib.func_inspect import get_func_code
from joblib.memory import FIRST_LINE_TEXT

from pruna_nb.store.cached_call import prediction
from pruna_nb.store.database import Database, database_of
from pruna_nb.store.sidecars import INSERT_ITEM, item_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "pruna_nb"


class SqliteStore(StoreBackendMixin, StoreBackendBase):
    """joblib's entries as rows of the cache folder's database.

    An entry's value is a plain dict with at least ``key``; what is looked up often stands in
    columns of its own beside the JSON.
    """

    location: str
    database: Database

    def configure(
        self, location: str, verbose: int = 0, backend_options: Mapping[str, Any] | None = None
    ) -> None:
        """Set the store up in a cache folder."""
        del backend_options
        self.location, self.verbose, self.compress = str(location), verbose, False
        self.mmap_mode = None
        self.database = database_of(Path(location))

    def contains_item(self, call_id: Sequence[str]) -> bool:
        """Whether an entry is there."""
        return bool(self.database.execute("SELECT 1 FROM item WHERE args_id = ?", [call_id[-1]]))

    def load_item(
        self,
        call_id: Sequence[str],
        verbose: int = 1,
        timestamp: float | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return an entry's value."""
        del verbose, timestamp, metadata
        rows = self.database.execute("SELECT value FROM item WHERE args_id = ?", [call_id[-1]])
        if not rows:
            msg = f"no entry {call_id[-1]}"
            raise KeyError(msg)
        return json.loads(rows[0][0])

    def dump_item(self, call_id: Sequence[str], item: Any, verbose: int = 1) -> None:
        """Keep an entry's value, in place of what it was before."""
        del verbose
        self.database.change(_INSERT, item_values(call_id[-1], item, time.time()))

    def clear_item(self, call_id: Sequence[str]) -> None:
        """Forget an entry."""
        self.database.change("DELETE FROM item WHERE args_id = ?", [call_id[-1]])

    def get_item_info(self, call_id: Sequence[str]) -> Any:
        """Return where an entry is."""
        return {"location": f"{self.location}/{call_id[-1]}"}

    def get_metadata(self, call_id: Sequence[str]) -> dict[str, Any]:
        """Return what joblib noted of the call."""
        rows = self.database.execute("SELECT metadata FROM item WHERE args_id = ?", [call_id[-1]])
        return json.loads(rows[0][0]) if rows and rows[0][0] else {}

    def store_metadata(self, call_id: Sequence[str], metadata: Mapping[str, Any]) -> None:
        """Leave what joblib notes of the call, its duration and its key: the value holds both."""

    def contains_path(self, call_id: Sequence[str]) -> bool:
        """Whether the function has been cached here."""
        del call_id
        return bool(self.database.execute("SELECT 1 FROM item LIMIT 1"))

    def clear_path(self, call_id: Sequence[str]) -> None:
        """Forget the function and all its entries."""
        del call_id
        self.database.change("DELETE FROM item")

    def store_cached_func_code(self, call_id: Sequence[str], func_code: str | None = None) -> None:
        """Leave the function's source: it is frozen, and stands in the package."""

    def get_cached_func_code(self, call_id: Sequence[str]) -> str:
        """Return the source of the one function that is cached here, as it is now.

        joblib drops every result of a function whose source it finds changed, which other line
        ends or a missing source file suffice for. What was paid for is not dropped for that.
        """
        del call_id
        code, _, line = get_func_code(prediction)  # type: ignore[arg-type]
        return f"{FIRST_LINE_TEXT} {line}\n{code}"

    def clear(self) -> None:
        """Forget everything."""
        self.database.change("DELETE FROM item")

    def get_items(self) -> list[Any]:
        """List all entries, with the bytes of their media and when they were last used."""
        rows = self.database.execute("SELECT args_id, size, used_at FROM item")
        return [CacheItemInfo(name, size or 0, used) for name, size, used in rows]

    def create_location(self, location: str) -> None:
        """Do nothing: the database creates itself."""

    def clear_location(self, location: str) -> None:
        """Forget the entry of a location."""
        self.clear_item([location])

    def _open_item(self, f: str, mode: str) -> Any:
        msg = f"{f!r} ({mode}): entries are rows, not files"
        raise OSError(msg)

    def _item_exists(self, location: str) -> bool:
        return self.contains_item([location])

    def _move_item(self, src: str, dst: str) -> None:
        msg = f"{src!r} -> {dst!r}: entries are rows, not files"
        raise OSError(msg)


_INSERT = f"INSERT OR REPLACE {INSERT_ITEM}"

register_store_backend(NAME, SqliteStore)
