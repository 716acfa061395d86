"""Where a command's rows come from: a file, standard input, or one prompt."""

from __future__ import annotations

import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.files.buckets import Bucket, is_storage_address
from pruna_nb.tables.files import kind_of, read_table
from pruna_nb.text import cut, shown

_BYTES_AT_MOST = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, before they are read.

    Attributes
    ----------
    path : Path
        The file; for rows from elsewhere, the name that their table of results gets.
    content : bytes or None
        What came from elsewhere, in the format of the path's suffix.
    prompt : str or None
        The one prompt.
    limit : int or None
        How many rows are taken.
    """

    path: Path
    content: bytes | None = None
    prompt: str | None = None
    limit: int | None = None

    def read(self, *, escaped: bool = False) -> pd.DataFrame:
        """Return the rows; see `read_table`."""
        if self.prompt is not None:
            frame = pd.DataFrame({"prompt": [self.prompt]})
        elif self.content is None:
            frame = read_table(self.path, escaped=escaped)
        else:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / self.path.name
                file.write_bytes(self.content)
                frame = read_table(file, escaped=escaped)
        return frame if self.limit is None else frame.head(self.limit)


def source_of(
    table: str | None, *, kind: str = "txt", prompt: str | None = None, limit: int | None = None
) -> Source:
    """Return the source that a command names.

    Parameters
    ----------
    table : str or None
        A file, also at an address such as ``s3://bucket/prompts.csv``, or "-" for standard input;
        None for one prompt.
    kind : str
        What standard input holds: a suffix of `pruna_nb.tables.files.SUFFIXES`, without the dot.
    prompt : str or None
        The prompt, where there is no table.
    limit : int or None
        How many rows are taken.

    Raises
    ------
    InputError
        If standard input or an address cannot be read, the suffix is not known, or a prompt stands
        in the table's place.
    StorageError
        If the storage of an address cannot be read.
    """
    if table is None:
        return Source(Path("prompt.csv"), prompt=prompt, limit=limit)
    if is_storage_address(table):
        folder, _, name = table.rpartition("/")
        path = Path(name)
        kind_of(path)
        try:
            content = Bucket("TABLE", folder).read(name, _BYTES_AT_MOST)
        except FileNotFoundError:
            raise InputError(f"There is no file {table!r}.") from None
        if len(content) > _BYTES_AT_MOST:
            raise InputError(f"{table} is larger than {_BYTES_AT_MOST / 1e9:g} GB.")
        return Source(path, content=content, limit=limit)
    if table != "-":
        if " " in table and not Path(table).suffix and not Path(table).exists():
            raise InputError(
                f"There is no file {shown(table)}. If it is a prompt, say so: "
                f"--prompt {shlex.quote(cut(table, 60))}"
            )
        return Source(Path(table), limit=limit)
    path = Path(f"stdin.{kind.lstrip('.')}")
    kind_of(path)
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("TABLE is -, and nothing is written to standard input: name a file.")
    return Source(path, content=sys.stdin.buffer.read(), limit=limit)
