"""Tables in files: read as they stand, and written so that they are read back the same."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from pruna_nb.errors import InputError, MissingExtraError
from pruna_nb.tables.excel import read_workbook, write_workbook
from pruna_nb.tables.text_tables import (
    decoded,
    lines_of,
    read_delimited,
    read_json,
    read_json_lines,
    write_delimited,
    write_json,
    write_json_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Reader = Callable[[str, str], pd.DataFrame]
    _Writer = Callable[[pd.DataFrame], str]

PACKED: Final = ".gz"
_SEPARATORS: Final = {".csv": ",", ".tsv": "\t"}
_JSON: Final[Mapping[str, tuple[_Reader, _Writer]]] = {
    ".jsonl": (read_json_lines, write_json_lines),
    ".ndjson": (read_json_lines, write_json_lines),
    ".json": (read_json, write_json),
}
_TEXT: Final = (*_SEPARATORS, *_JSON, ".txt")
SUFFIXES: Final = (*_TEXT, ".xlsx", ".parquet")


def read_table(path: str | Path, *, escaped: bool = False) -> pd.DataFrame:
    """Read a CSV, TSV, JSON Lines, JSON, text, Excel or Parquet file.

    A column of CSV and TSV is one of numbers only if each of its cells is written exactly as
    the number is (007, 1.10, 1E5 and +49 stay text); an empty cell is missing. JSON keeps its
    own types. A text file has a prompt a line, in the column "prompt". Text files may be
    packed (``.csv.gz``).

    Parameters
    ----------
    path : path
    escaped : bool
        Whether `write_table` escaped the cells that begin a formula.

    Raises
    ------
    InputError
        If there is no such file, or its suffix is not one of these, or it can be read in two
        ways; with the lines.
    MissingExtraError
        If the library for Parquet or Excel is not installed.
    """
    file = Path(path)
    suffix, packed = kind_of(file)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    try:
        if suffix == ".parquet":
            return pd.read_parquet(file)
        content = file.read_bytes()
        content = gzip.decompress(content) if packed else content
    except ImportError:
        raise MissingExtraError("Reading Parquet", "parquet") from None
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file.name} cannot be read: {str(error)[:200].strip()}") from None
    if suffix == ".xlsx":
        return read_workbook(content, file.name)
    text = decoded(content, file.name)
    if suffix in _SEPARATORS:
        return read_delimited(text, file.name, _SEPARATORS[suffix], escaped=escaped)
    if suffix in _JSON:
        return _JSON[suffix][0](text, file.name)
    prompts = [line for line in lines_of(text) if line.strip()]
    return pd.DataFrame({"prompt": pd.Series(prompts, dtype="object")})


def write_table(frame: pd.DataFrame, path: Path, *, escape_formulas: bool = True) -> None:
    """Write a frame in the format that the suffix says; a text file cannot hold one.

    Parameters
    ----------
    frame : DataFrame
    path : Path
    escape_formulas : bool
        Whether CSV and TSV get an apostrophe before cells that a spreadsheet would compute.
    """
    suffix, packed = kind_of(path)
    if suffix == ".parquet":
        frame.to_parquet(path)
        return
    if suffix == ".xlsx":
        content = write_workbook(frame)
    elif suffix in _SEPARATORS:
        content = _bytes(
            write_delimited(frame, _SEPARATORS[suffix], escape_formulas=escape_formulas)
        )
    else:
        content = _bytes(_JSON[suffix][1](frame))
    # Without the time, equal tables are equal files.
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)


def kind_of(path: Path) -> tuple[str, bool]:
    """Return a table's suffix in small letters, without .gz, and whether that was there.

    Raises
    ------
    InputError
        If no such file can be read.

    Examples
    --------
    >>> kind_of(Path("Prompts.CSV.gz"))
    ('.csv', True)
    """
    packed = path.suffix.lower() == PACKED
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    if suffix not in (_TEXT if packed else SUFFIXES):
        msg = (
            f"{path.name} is not one of {', '.join(SUFFIXES)} (text also as {'.csv' + PACKED}): "
            "save it as CSV (UTF-8), or read it with pandas and use df.pruna.generate in Python."
        )
        raise InputError(msg)
    return suffix, packed


def is_delimited(path: Path) -> bool:
    """Whether a table's cells are text that something parts, as in CSV and TSV."""
    return kind_of(path)[0] in _SEPARATORS


def _bytes(text: str) -> bytes:
    # What cannot be UTF-8 (half a surrogate pair) is written as JSON writes it.
    return text.encode("utf-8", "backslashreplace")
