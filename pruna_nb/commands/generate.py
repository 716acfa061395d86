"""``pruna-nb generate``: a table is read and run, and written beside its outputs."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pruna_nb.arguments import Problems
from pruna_nb.arguments import path as read_path
from pruna_nb.batch import interrupts
from pruna_nb.catalog import read_model, usd_text
from pruna_nb.commands.columns import FittedTable, call_as_read, fit_columns, with_files_found
from pruna_nb.commands.out_folder import OutFolder, is_escaped
from pruna_nb.commands.wording import in_shell_words
from pruna_nb.console import say
from pruna_nb.errors import InputError, PrunaError, attached_frame
from pruna_nb.files.buckets import is_storage_address
from pruna_nb.frames.call import read_call
from pruna_nb.frames.columns import labels_by_name
from pruna_nb.frames.requests import make_requests
from pruna_nb.frames.sweeps import with_sweep
from pruna_nb.settings import current
from pruna_nb.store import rescue
from pruna_nb.tables.cells import plain, plain_cells
from pruna_nb.tables.files import kind_of, read_table, write_table
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.commands.sources import Source

_FAILED_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Command:
    """A command that was checked, before anything is spent."""

    read: pd.DataFrame  # as it stands in the file
    fitted: FittedTable  # the same as it is run, and the call
    folder: OutFolder | None  # None to say what it would cost
    options: dict[str, Any]  # what `df.pruna.generate` takes beside the call


def prepare(
    source: Source,
    out: str | None,
    call: Mapping[str, Any],
    options: Mapping[str, Any],
    problems: Problems,
) -> Command:
    """Read a table, and find all that is wrong with a command at once.

    Parameters
    ----------
    source : Source
    out : str or None
        The folder; None if nothing is to be written.
    call, options : mapping
        What ``df.pruna.generate`` takes: ``prompt_col``, fields and so on; and how it is run.
    problems : Problems
        What is wrong already.

    Raises
    ------
    PrunaError
        If anything is wrong.
    """
    path = source.path
    frame, folder, fitted = pd.DataFrame(), None, None
    call = dict(call)
    model, *_ = call["model"] if isinstance(call["model"], list) else [call["model"]]
    model = read_model(model, Problems(), unchecked=call["unchecked"])
    with problems.noted():
        suffix, _ = kind_of(path)
        if suffix == ".txt" and call["prompt"] is call["prompt_col"] is None:
            call["prompt_col"] = "prompt"
        with problems.noted():
            frame = source.read()
            if was_escaped(path, frame):
                frame = source.read(escaped=True)
            fitted = fit_columns(frame, model, call, path)
        if out is not None:
            if is_storage_address(out):
                raise InputError(
                    f"--out must be a path on this machine, not {out.partition(':')[0]}://...: "
                    "`pruna-nb save` puts the outputs of the table there afterwards."
                )
            read_path("--out", out)
            check_folder(out)
            folder = OutFolder(out, path)
    if fitted is None or problems:  # the run, which finds the rest, is not reached
        _check_arguments(
            frame if fitted is None else fitted.frame, call, options["prefix"], problems
        )
    problems.check()
    assert fitted is not None  # noqa: S101 - else there was a problem
    return Command(frame, fitted, folder, dict(options))


def was_escaped(path: Path, frame: pd.DataFrame) -> bool:
    """Whether a command wrote a table with its formulas escaped."""
    outputs = [  # an output of each column of outputs tells which command wrote it
        cell
        for name in map(str, frame.columns)
        if name.endswith("output")
        for cell in plain_cells(frame[name].dropna().head(1))
    ]
    return is_escaped(path, outputs)


def _check_arguments(
    frame: pd.DataFrame, call: Mapping[str, Any], prefix: str, problems: Problems
) -> None:
    """Note what is wrong with the arguments, and with the rows where there are some."""
    asked = ("prompt_col", "prompt", "samples", "sweep", "unchecked")
    fields = {name: call[name] for name in call if name not in {*asked, "model", "cache"}}
    read = read_call(
        call["model"],
        problems,
        **{name: call[name] for name in asked},
        prefix=prefix,
        names=labels_by_name(frame),
        fields=fields,
    )
    if len(frame.columns) and read.samples == 1 and not read.drafts():  # else seeds are added
        service = current().service
        frame, read, told = with_sweep(frame, read, service, problems)
        make_requests(frame, read, service, problems, told)


def check_folder(out: str) -> None:
    """Make the folder and a file in it, before anything is spent on what is to go there.

    Raises
    ------
    InputError
        If that is not possible.
    """
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        msg = f"--out {out} is not a writable folder: {error.strerror}. Nothing was sent; "
        raise InputError(msg + "choose another folder.") from None


def generate_table(command: Command, *, escape_formulas: bool = True, as_json: bool = False) -> int:
    """Make an output of each row of a table.

    Parameters
    ----------
    command : Command
    escape_formulas : bool
        As for `write_table`.
    as_json : bool
        Whether the result is printed as JSON.

    Returns
    -------
    int
        0 if every row that was asked for has its output, else 1.
    """
    frame, call = command.fitted.frame, command.fitted.call
    if command.folder is None:
        price = frame.pruna.estimate(**call)
        say(json.dumps(asdict(price), indent=2, default=str) if as_json else price)
        return 0
    prefix, kept = command.options["prefix"], call.get("cache") != "off"
    results = Results(command.read, command.fitted, command.folder, escape_formulas, prefix, kept)
    made = results.of(lambda: frame.pruna.generate(**call, **command.options))
    return report(made, results, as_json=as_json)


def read_finished(table: str, *, prefix: str = "") -> pd.DataFrame:
    """Return a table that `generate_table` wrote, with its own cells as they were.

    Raises
    ------
    InputError
        If it cannot be read, or has no outputs.
    """
    path = Path(table)
    frame = read_table(path)
    if was_escaped(path, frame):
        frame = read_table(path, escaped=True)
    if f"{prefix}output" not in frame.columns:
        raise InputError(
            f"{path} has no column '{prefix}output': name the table that `pruna-nb generate` wrote "
            "into its folder of --out."
        )
    return with_files_found(frame, path)


def report(made: pd.DataFrame, results: Results, *, as_json: bool) -> int:
    """Print what became of the rows; return the exit code."""
    prefix, folder = results.prefix, results.folder
    # Numbered as in the table that is written: a run of samples or a sweep has an index of its own.
    failed = made.reset_index(drop=True).pruna.failed(prefix=prefix)
    if as_json:
        names = ("output", "status", "error", "cost_usd", "cached", "prediction_id")
        rows = results.written[[prefix + name for name in names]].set_axis(names, axis=1)
        counts = rows["status"].value_counts().to_dict()
        document = {
            "rows": len(rows),
            **{str(status): int(count) for status, count in counts.items()},
            "cost_usd": float(rows["cost_usd"].sum()),
            "folder": str(folder.folder),
            "table": str(folder.table),
            "results": json.loads(rows.to_json(orient="records")),
        }
        say(json.dumps(document, indent=2, ensure_ascii=False))
        return int(len(failed) > 0)
    states = made[f"{prefix}status"].value_counts()
    said = ", ".join(f"{number:,} {state}" for state, number in states.items())
    say(
        f"{counted(len(made), 'row')} ({said or 'none'}; "
        f"{usd_text(float(made[f'{prefix}cost_usd'].sum()))}): files and table in "
        f"{folder.folder}, the table is {folder.table.name}"
    )
    for place, row in failed.head(_FAILED_SHOWN).iterrows():
        why = in_shell_words(f"{row[f'{prefix}status']}: {row[f'{prefix}error']}")
        say(f"  row {place}{_label(made.index, place)}: {why}")
    if len(failed) > _FAILED_SHOWN:
        say(f"  and {len(failed) - _FAILED_SHOWN:,} more; see the table's column '{prefix}error'")
    return int(len(failed) > 0)


def _label(index: pd.Index[Any], place: Any) -> str:
    """Return which sample or point of a sweep a row is; "" for a row of the table that was read."""
    if not isinstance(index, pd.MultiIndex):
        return ""
    names = ["row" if name is None else name for name in index.names]
    levels = zip(names, index[place], strict=True)
    return f" ({', '.join(f'{name} {plain(value)}' for name, value in levels)})"


@dataclass(slots=True)
class Results:
    """Puts outputs and their table into the folder."""

    read: pd.DataFrame  # as it stands in the file; `fitted` is as it was run
    fitted: FittedTable
    folder: OutFolder
    escape_formulas: bool
    prefix: str
    kept: bool
    written: pd.DataFrame = field(default_factory=pd.DataFrame)  # as it stands in the new table

    def of(self, run: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Run, and write all that was made, also of a run that was stopped."""
        try:
            with rescue.also_in(self.folder.folder.absolute()):
                made = run()
        except (PrunaError, KeyboardInterrupt) as error:
            part = attached_frame(error)
            if part is not None:
                try:
                    self.hand_over(part)
                except InputError as failure:  # both are reported
                    error.add_note(str(failure))
            raise
        self.hand_over(made)
        return made

    def hand_over(self, made: pd.DataFrame) -> None:
        """Write all, whole, also where Ctrl-C is pressed.

        Raises
        ------
        InputError
            If the folder takes it no more; what was to be kept is in the cache.
        """
        escape = self.escape_formulas
        with interrupts.deferred_interrupt():
            try:
                out = self.written = self._with_files(self._as_it_stood(made))
                self.folder.put_table(
                    lambda path: write_table(out, path, escape_formulas=escape),
                    escaped=escape,
                    call=call_as_read(made, f"{self.prefix}output", self.fitted.added),
                )
            except Exception as error:
                # A disk that filled up, a folder that went away, a cell that a format cannot hold.
                msg = f"--out {self.folder.folder} cannot be written any more: {error}"
                failure = InputError(msg)
                failure.add_note(
                    "What was delivered is in the cache: run again, and it is not paid for again."
                    if self.kept
                    else "It was not to be kept (--cache off): another run pays for it again."
                )
                raise failure from error

    def _as_it_stood(self, made: pd.DataFrame) -> pd.DataFrame:
        """Return the table with the cells as they were read, where they were made to fit."""
        out = made.drop(columns=list(self.fitted.added), errors="ignore")
        rows = np.repeat(np.arange(len(self.read)), len(made) // max(len(self.read), 1))
        for label in self.fitted.changed:
            # A column of this name may be another one by now, such as the seeds of samples.
            if label in out.columns:
                sent = plain_cells(self.fitted.frame[label].iloc[rows])
                if plain_cells(out[label]) == sent:
                    out[label] = self.read[label].iloc[rows].set_axis(out.index)
        return out

    def _with_files(self, made: pd.DataFrame) -> pd.DataFrame:
        """Copy the outputs into the folder, named by row, and let the table name them there."""
        names: list[str | None] = []
        width = len(str(max(len(made) - 1, 0)))
        column = f"{self.prefix}output"
        ids = made[f"{self.prefix}prediction_id"].tolist()
        for place, (output, number) in enumerate(zip(made[column].tolist(), ids, strict=True)):
            if not isinstance(output, str):
                names.append(None)
                continue
            stem = f"{place:0{width}d}"
            names.append(str(self.folder.put(Path(output), stem, plain(number))))
        out = made.copy()
        if isinstance(made.index, pd.MultiIndex):  # of samples: a file has no place for an index
            # A sweep's levels are columns too.
            swept = [label for label in made.index.names if label in made.columns]
            made = made.set_axis(made.index.droplevel(swept))
            labels: list[str] = []
            for label in made.index.names:
                wanted = "row" if label is None else str(label)
                taken = {*map(str, made.columns), *labels}
                free = (wanted if number == 1 else f"{wanted}{number}" for number in count(1))
                labels.append(next(each for each in free if each not in taken))
            out = made.reset_index(names=labels)
        out[column] = pd.Series(names, index=out.index, dtype=made[column].dtype)
        return out
