"""Ids that the database did not take: in memory and in a file elsewhere, until it takes them.

A full disk, a database that another process holds locked, or a folder that was removed must not
cost an id that was paid for. So each entry that could not be written is kept in memory, appended
at once to a file in the state folder (or the command's ``--out``), tried again until the process
ends, and printed then if no disk took it. The next run reads such files (`Journal.catch_up`).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import at_most_text
from pruna_nb.errors import CacheError
from pruna_nb.files.disk import make_private
from pruna_nb.store.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_PREFIX = "pruna_nb-unsaved-"
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 15.0
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Held:
    """An entry that the database lacks, as far as is known; or that may be gone with its file."""

    entry: Entry  # as it should stand there
    known: bool  # whether it was written there before


@dataclass(eq=False)
class _Folder:
    """What one cache folder did not take in this process."""

    folder: Path
    places: Sequence[Path]
    save: Callable[[], None]
    held: dict[str, Held]
    file: Path | None = None
    in_file: frozenset[str] = frozenset()

    def write_file(self) -> bool:
        """Append what no file has yet to one; whether all are in one now."""
        new = [held for name, held in self.held.items() if name not in self.in_file]
        if not new:
            return True
        lines = "".join(
            json.dumps({"folder": str(self.folder), "known": held.known, **asdict(held.entry)})
            + "\n"
            for held in new
        )
        name = f"{_PREFIX}{os.getpid()}-{uuid.uuid4().hex}.jsonl"
        files = [self.file] if self.file else [place / name for place in self.places]
        for file in files:
            if _append(file, lines):
                self.file = file
                self.in_file |= {held.entry.entry for held in new}
                return True
        return False


_FOLDERS: dict[Path, _Folder] = {}
_MORE_PLACES: list[Path] = []
_LOCK = threading.RLock()
_TRYING: threading.Thread | None = None


@contextlib.contextmanager
def also_in(folder: Path) -> Iterator[None]:
    """Use another folder for such files, where the state folder takes none; it is read too."""
    _MORE_PLACES.append(folder)
    try:
        yield
    finally:
        _MORE_PLACES.remove(folder)


def places(unsaved_dir: Path) -> list[Path]:
    """Return the folders of such files, the first choice first."""
    return [unsaved_dir, *_MORE_PLACES]


def hold(
    folder: Path,
    entries: Iterable[Entry],
    *,
    known: bool,
    places: Sequence[Path],
    save: Callable[[], None],
) -> None:
    """Keep entries that the database of a cache folder did not take, or may have lost.

    If they were written before (`known`), what is kept already is left as it is. `places` are the
    folders for a file of them; `save` writes them to the database, and calls `saved` for each, or
    raises CacheError.
    """
    global _TRYING  # noqa: PLW0603 - one thread for all folders
    with _LOCK:
        kept = _FOLDERS.setdefault(folder, _Folder(folder, places, save, {}))
        kept.places, kept.save = places, save
        for entry in entries:
            if not known or entry.entry not in kept.held:
                kept.held[entry.entry] = Held(entry, known)
                kept.in_file -= {entry.entry}
        kept.write_file()
        if not known and (_TRYING is None or not _TRYING.is_alive()):
            _TRYING = threading.Thread(target=_keep_trying, name="pruna_nb-unsaved", daemon=True)
            with contextlib.suppress(RuntimeError):  # the end of the process tries as well
                _TRYING.start()


def held(folder: Path) -> list[Held]:
    """Return what a cache folder did not take in this process."""
    with _LOCK:
        kept = _FOLDERS.get(folder)
        return list(kept.held.values()) if kept else []


def held_for_others(folder: Path) -> list[Held]:
    """Return what other cache folders did not take in this process."""
    with _LOCK:
        others = [kept for name, kept in _FOLDERS.items() if name != folder]
        return [held for kept in others for held in kept.held.values()]


def saved(folder: Path, saved: Held) -> None:
    """Forget an entry that the database has taken; with the last one, its file is removed."""
    with _LOCK:
        kept = _FOLDERS.get(folder)
        if kept is None or kept.held.get(saved.entry.entry) != saved:
            return
        del kept.held[saved.entry.entry]
        if not kept.held:
            del _FOLDERS[folder]
            if kept.file is not None:
                with contextlib.suppress(OSError):
                    kept.file.unlink(missing_ok=True)


def files(places: Iterable[Path]) -> Iterator[tuple[Path, Path, list[Held]]]:
    """Yield each file that is there: its path, the cache folder it is for, and its entries."""
    for place in places:
        for path in sorted(place.glob(f"{_PREFIX}*.jsonl")):
            folder, entries = _read(path)
            if folder is not None:
                yield path, folder, entries


def told(folder: Path) -> str:
    """Return what a cache folder did not take: how many may be charged, where their ids are."""
    with _LOCK:
        kept = _FOLDERS.get(folder)
        sent = [] if kept is None else [h.entry for h in kept.held.values() if h.entry.is_open]
        if kept is None or not sent:
            return ""
        one = len(sent) == 1
        cost = at_most_text([entry.cost_usd for entry in sent])
        what = (
            f"{len(sent):,} prediction{' was' if one else 's were'} sent and may be charged "
            f"({cost}), and the folder does not hold {'its id' if one else 'their ids'}. "
        )
        if kept.file is not None and all(entry.entry in kept.in_file for entry in sent):
            return (
                f"{what}{'It is' if one else 'They are'} in {str(kept.file)!r}, from which the "
                "next run takes them up at no cost."
            )
    return (
        f"{what}No other folder took them: they are in this process's memory alone. Run again "
        "before it ends, and they are taken up at no cost; at its end they are printed, if no "
        "folder takes them until then."
    )


# ------------------------------------------------------------------------- files


def _append(file: Path, lines: str) -> bool:
    """Append to a file of the user's own and sync it; all or nothing. Whether it was done."""
    try:
        make_private(file.parent)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINKS, 0o600)
    except OSError:
        return False
    try:
        size = os.fstat(descriptor).st_size
        content = lines.encode()
        try:
            if os.write(descriptor, content) == len(content):
                os.fsync(descriptor)
                return True
        except OSError:
            pass
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
    with contextlib.suppress(OSError):
        if not size:
            file.unlink()
    return False


def _read(path: Path) -> tuple[Path | None, list[Held]]:
    """Return the cache folder and the entries of a file; what is not the user's is not read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINKS)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            if hasattr(os, "getuid") and os.fstat(file.fileno()).st_uid != os.getuid():
                return None, []
            lines = file.read().splitlines()
    except (OSError, ValueError):
        return None, []
    folder, entries = None, []
    for line in lines:
        try:
            record = json.loads(line)
            entry, known = _entry(record), bool(record["known"])
            folder = folder or Path(record["folder"])
        except (ValueError, TypeError, KeyError, AttributeError):  # cut short when the disk filled
            continue
        entries.append(Held(entry, known))
    return folder, entries


def _entry(record: dict[str, Any]) -> Entry:
    """Return the entry of a line; fields that a later release has are left out."""
    entry = Entry(**{name: record[name] for name in Entry.__dataclass_fields__ if name in record})
    for name in ("entry", "key", "origin", "model", "run", "state"):
        if not isinstance(getattr(entry, name), str):
            raise TypeError(name)
    return entry


# ---------------------------------------------------------------- until the end


def _keep_trying() -> None:
    """Try the database, and then a file, again and again, until nothing is unsaved."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        with _LOCK:
            waiting = [
                kept
                for kept in _FOLDERS.values()
                if not all(held.known for held in kept.held.values())
            ]
        if not waiting:
            return
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        for kept in waiting:
            _try(kept)


def _try(kept: _Folder) -> bool:
    try:
        kept.save()
    except CacheError:
        with _LOCK:
            return kept.write_file()
    return True


@atexit.register
def _at_exit() -> None:
    """Write what is in memory alone, and print what no disk takes."""
    with _LOCK:
        waiting = [kept for kept in _FOLDERS.values() if not set(kept.held) <= kept.in_file]
    for kept in waiting:
        if kept.write_file() or _try(kept):
            continue
        sent = [
            held.entry
            for held in kept.held.values()
            if held.entry.is_open and held.entry.entry not in kept.in_file
        ]
        if not sent or sys.stderr is None:
            continue
        cost = at_most_text([entry.cost_usd for entry in sent])
        head = (
            f"pruna_nb: no disk took the ids of {len(sent):,} predictions that were sent and may "
            f"be charged ({cost}). Within 24 hours, with the same API key, fetch each with "
            "`client = pruna_nb.Client(); client.deliver(client.wait(ID))`:"
        )
        lines = [
            f"  id {entry.prediction_id or entry.generation_url}  model {entry.model}  service "
            f"{entry.origin}  request {entry.key}"
            for entry in sent
        ]
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write("\n".join([head, *lines, ""]))
            sys.stderr.flush()


def _after_fork() -> None:
    """Leave what the parent holds to the parent."""
    global _LOCK, _TRYING
    _LOCK, _TRYING = threading.RLock(), None
    _FOLDERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
