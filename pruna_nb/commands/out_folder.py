"""The folder of ``--out``: what a command made there is known, and nothing else is touched.

A small file beside the outputs lists them with their digests. A file that is not in it, or that
was changed since, is somebody else's: what has its name gets another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pruna_nb.errors import InputError
from pruna_nb.files.disk import replacing
from pruna_nb.tables.files import PACKED, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MANIFEST: Final = ".pruna_nb.json"
_FORMAT: Final = "pruna_nb files 1"


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A file that a command made."""

    sha256: str  # of its bytes, as they were written
    table: str  # the table that names it, or the table itself
    source: str = ""  # where an output was copied from; for a table, the table that was read
    prediction_id: str = ""
    escaped: bool = False  # for a table: whether cells that begin a formula were escaped
    call: dict[str, Any] | None = None  # for a table: what made its outputs, without secrets


class OutFolder:
    """What one command puts into a folder: the outputs of one table, and that table.

    Parameters
    ----------
    folder : path
    read : Path
        The table that is read. A command for the same table replaces what the one before made.

    Raises
    ------
    InputError
        If it is the table's own folder, or holds a file of the manifest's name that is not one.
    """

    def __init__(self, folder: str | Path, read: Path) -> None:
        if Path(folder).resolve() == read.absolute().parent.resolve():
            msg = (
                f"--out {folder} is the table's own folder, where results could be written over "
                "what they were made of: choose another folder."
            )
            raise InputError(msg)
        # A way through a folder that may go away, such as a/../out, leads nowhere then.
        path = Path(folder)
        self.folder = path.resolve() if ".." in path.parts else path.absolute()
        try:  # relative, so that it stays true where both are moved
            self._read = os.path.relpath(read.absolute(), self.folder)
        except ValueError:  # Windows: on another drive
            self._read = str(read.absolute())
        self._entries = entries_of(self.folder)
        self._made: dict[str, ManifestEntry] = {}
        suffix = suffixes_of(read)
        stem = read.name[: -len(suffix)]
        # A text file of prompts has no place for their results.
        suffix = suffix.lower() if kind_of(read)[0] != ".txt" else ".csv"
        for name in _numbered(stem, suffix):
            self.table = self.folder / name
            if not os.path.lexists(self.table):
                break
            # What an earlier command made of the same table, and nobody changed, is replaced.
            entry = self._entries.get(name)
            if (
                entry is not None
                and entry.source == self._read
                and entry.sha256 == self._digest_here(name)
            ):
                break

    def put(self, source: Path, stem: str, prediction_id: str | None) -> Path:
        """Copy an output into the folder, unless it is there, and return its path."""
        digest = _digest(source)
        entry = ManifestEntry(digest, self.table.name, str(source), prediction_id or "")
        free = (name for name in _numbered(stem, source.suffix) if name not in self._made)
        for name in free:
            here, known = self._digest_here(name), self._entries.get(name)
            if here == digest and known is None:
                break  # somebody else's file with these very bytes will do, and stays theirs
            is_ours = known is not None and known.table == self.table.name
            if here == digest and is_ours:  # also where a command ended before it noted it
                self._made[name] = entry
                break
            if not os.path.lexists(self.folder / name) or self._is_replaceable(name, here):
                with replacing(self.folder / name) as file:
                    _copy(source, file)
                self._made[name] = entry
                break
        return self.folder / name

    def put_table(
        self,
        write: Callable[[Path], None],
        *,
        escaped: bool,
        call: dict[str, Any] | None = None,
    ) -> None:
        """Write the table, note what was made, and remove what the one before left over.

        Parameters
        ----------
        write : callable
            Writes the table to a path.
        escaped : bool
            Whether it escapes the cells that begin a formula.
        call : dict, optional
            What made the outputs, as JSON.
        """
        name = self.table.name
        # Writers go by the suffix, and a table that is half written must not have the table's name.
        part = self.folder / f".{secrets.token_hex(8)}{suffixes_of(self.table)}"
        try:
            part.open("xb").close()
            write(part)
            self._made[name] = ManifestEntry(
                _digest(part), name, self._read, escaped=escaped, call=call
            )
            part.replace(self.table)
        finally:
            part.unlink(missing_ok=True)
        # Another command may have written here meanwhile.
        others = {
            key: entry
            for key, entry in entries_of(self.folder).items()
            if entry.table != name and key not in self._made
        }
        for key in self._entries.keys() - self._made.keys():
            if self._is_replaceable(key, self._digest_here(key)):
                (self.folder / key).unlink(missing_ok=True)
        content = json.dumps(
            {_FORMAT: {key: _as_json(each) for key, each in (others | self._made).items()}},
            indent=1,
        )
        with replacing(self.folder / MANIFEST) as file:
            file.write(content.encode())

    def _is_replaceable(self, name: str, here: str | None) -> bool:
        """Whether a file is this table's own, as it was made, and nothing would be lost by it."""
        entry = self._entries.get(name)
        return (
            entry is not None
            and entry.table == self.table.name != name
            and entry.sha256 == here
            and Path(entry.source).is_file()  # in the cache, from which it was copied
        )

    def _digest_here(self, name: str) -> str | None:
        """Return the digest of a plain file in the folder; None for anything else, links too."""
        path = self.folder / name
        try:
            return None if path.is_symlink() or not path.is_file() else _digest(path)
        except OSError:  # a file that we may not read is not ours
            return None


def entries_of(folder: Path) -> dict[str, ManifestEntry]:
    """Return what commands made in a folder, by name.

    Raises
    ------
    InputError
        If the file that should say so is another one.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
        found = {name: ManifestEntry(**entry) for name, entry in content[_FORMAT].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        msg = (
            f"{path} is not the list of outputs that this version writes ({error}): move it away, "
            "or choose another folder. Nothing was sent."
        )
        raise InputError(msg) from None
    # A name in the manifest must not lead out of the folder.
    return {name: each for name, each in found.items() if name == Path(name).name}


def _as_json(entry: ManifestEntry) -> dict[str, Any]:
    """Return an entry; one without a call as earlier releases read it."""
    return {name: value for name, value in asdict(entry).items() if value is not None}


def is_escaped(table: Path, outputs: Iterable[object]) -> bool:
    """Whether a command wrote a table's rows with formulas escaped.

    Parameters
    ----------
    table : Path
        It may have been edited since.
    outputs : iterable
        Cells of its outputs, which tell of rows that were copied into another table.
    """
    with contextlib.suppress(InputError):
        names = [table.absolute(), *(Path(each) for each in outputs if isinstance(each, str))]
        for path in dict.fromkeys(names):
            entries = entries_of(path.parent) if path.is_absolute() else {}
            entry = entries.get(path.name)
            if entry is not None:
                written = entries.get(entry.table)
                return written is not None and written.escaped
    return False


def suffixes_of(table: Path) -> str:
    """Return what a table's name ends with, as it is written, such as ".CSV.gz"."""
    suffix, packed = kind_of(table)
    return table.name[-len(suffix) - len(PACKED) * packed :]


def _numbered(stem: str, suffix: str) -> Iterator[str]:
    """Yield a name, then the same with -2, -3 and so on."""
    yield f"{stem}{suffix}"
    for number in count(2):
        yield f"{stem}-{number}{suffix}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, file: IO[bytes]) -> None:
    with source.open("rb") as opened:
        shutil.copyfileobj(opened, file, 1 << 20)
