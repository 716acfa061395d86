"""Tables in files: read, run, and written beside their pictures."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.batch import interrupts
from pruna_nb.batch.words import counted
from pruna_nb.errors import InputError, MissingExtraError, PrunaError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV, TSV, JSONL or Parquet file.

    Raises
    ------
    InputError
        If there is no such file, or its suffix is none of these, or it cannot be read.
    MissingExtraError
        If Parquet's library is not installed.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    suffix = file.suffix.lower()
    try:
        if suffix in {".csv", ".tsv"}:
            # "null", "NA" and "None" are words that a prompt may be; only an empty cell is none
            comma = "\t" if suffix == ".tsv" else ","
            return pd.read_csv(file, sep=comma, keep_default_na=False, na_values=[""])
        if suffix == ".jsonl":
            return pd.read_json(file, lines=True)
        if suffix == ".parquet":
            return pd.read_parquet(file)
    except ImportError:
        raise MissingExtraError("Reading Parquet", "parquet") from None
    except UnicodeDecodeError as error:
        msg = f"{file.name} is no UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8."
        raise InputError(msg) from None
    except pd.errors.ParserError as error:
        msg = f"{file.name} cannot be read: {str(error)[:200].strip()}. Is it separated by "
        raise InputError(msg + ("tabs?" if suffix == ".tsv" else "commas?")) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{file.name} cannot be read: {str(error)[:200].strip()}") from None
    msg = f"{file.name} is none of {', '.join(_SUFFIXES)}."
    raise InputError(msg)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame in the format that the suffix says."""
    if path.suffix in {".csv", ".tsv"}:
        frame.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",", index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)


def generate_table(
    table: str,
    prompt_col: str | None,
    out: str,
    call: Mapping[str, Any],
    *,
    max_cost_usd: float | None,
    dry_run: bool,
    progress: bool,
) -> int:
    """Make an output of each row of a file.

    Returns
    -------
    int
        0 if every row that was asked for has its output, else 1.
    """
    frame = read_table(table)
    if dry_run:
        print(frame.pruna.estimate(prompt_col, **call))
        return 0
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / Path(table).with_suffix(Path(table).suffix.lower()).name
    if target.exists() and target.samefile(table):
        msg = f"--out {out} is the table's own folder: its file would be written over."
        raise InputError(msg)
    try:
        made = frame.pruna.generate(
            prompt_col, max_cost_usd=max_cost_usd, progress=progress, **call
        )
    except (PrunaError, KeyboardInterrupt) as error:
        part = getattr(error, "frame", None)
        if part is not None:
            _hand_over(part, folder, target)
        raise
    made = _hand_over(made, folder, target)
    _say(made, target)
    bad = made.pruna.failed()
    return int(len(bad) > 0)


def _hand_over(made: pd.DataFrame, folder: Path, target: Path) -> pd.DataFrame:
    """Put the outputs and the table into the folder, whole, also where Ctrl-C is pressed."""
    with interrupts.noted():
        out = _with_files(made, folder)
        part = target.with_name(f".{target.stem}.part{target.suffix}")
        try:
            write_table(out, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return out


def _with_files(made: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Put the outputs into the folder, named by row, and let the table name them there."""
    names: list[str | None] = []
    width = len(str(max(len(made) - 1, 0)))
    for place, output in enumerate(made["output"].tolist()):
        if not isinstance(output, str):
            names.append(None)
            continue
        name = f"{place:0{width}d}{Path(output).suffix}"
        shutil.copyfile(output, folder / name)
        names.append(name)
    out = _flat(made) if isinstance(made.index, pd.MultiIndex) else made.copy()
    out["output"] = pd.Series(names, index=out.index, dtype=made["output"].dtype)
    return out


def _flat(made: pd.DataFrame) -> pd.DataFrame:
    """Make columns of the index: the row's label, called "row", and the sample's number."""
    names: list[str] = []
    for name in made.index.names:
        wanted = "row" if name is None else str(name)
        taken = {*map(str, made.columns), *names}
        free = (wanted if number == 1 else f"{wanted}{number}" for number in count(1))
        names.append(next(each for each in free if each not in taken))
    return made.reset_index(names=names)


def _say(made: pd.DataFrame, target: Path) -> None:
    bad = made.pruna.failed()
    rows = counted(len(made), "row")
    print(f"{rows}: files and table in {target.parent}, the table is {target.name}")
    for _, row in bad.head(5).iterrows():
        print(f"  {row['status']}: {row['error']}")
    if len(bad) > 5:  # noqa: PLR2004 - as shown above
        print(f"  and {len(bad) - 5:,} more; see the table's column 'error'")
