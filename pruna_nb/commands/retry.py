"""``pruna-nb retry``: a finished table's rows without an output are run again.

A row's record is sent again, and where there is none, the call that the folder's manifest keeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.commands.columns import FittedTable, fit_to_call
from pruna_nb.commands.generate import Results, check_folder, read_finished, report, was_escaped
from pruna_nb.commands.out_folder import OutFolder, entries_of
from pruna_nb.console import say
from pruna_nb.errors import InputError
from pruna_nb.frames.retry import asked_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.arguments import Problems


def retry_table(
    table: str,
    out: str | None,
    options: Mapping[str, Any],
    problems: Problems,
    *,
    as_json: bool = False,
) -> int:
    """Run the rows of a finished table again that have no output.

    Parameters
    ----------
    table : str
        As `generate_table` wrote it.
    out : str or None
        The folder; None for the table's own.
    options : mapping
        What ``df.pruna.retry`` takes.
    problems : Problems
        What is wrong already.
    as_json : bool
        Whether the result is printed as JSON.

    Returns
    -------
    int
        0 if every row that was asked for has its output, else 1.

    Raises
    ------
    PrunaError
        If anything is wrong.
    """
    path, prefix = Path(table), options["prefix"]
    frame, fitted, folder = pd.DataFrame(), None, None
    with problems.noted():
        frame = read_finished(table, prefix=prefix)
        folder = _folder_for(path, out)
    if len(frame.columns):  # else it could not be read, which says all
        with problems.noted():
            fitted = _as_asked(frame, path, prefix)
    problems.check()
    assert folder is not None and fitted is not None  # noqa: S101, PT018 - else there was a problem
    work, options = fitted.frame, dict(options)
    if work.pruna.failed(prefix=prefix).empty:
        options["progress"] = False  # which tells it too, but neither with --quiet nor beside JSON
        if not as_json:
            say("Nothing to retry: each row has its output, or was skipped.")
    kept = options.get("cache") != "off"
    results = Results(frame, fitted, folder, was_escaped(path, frame), prefix, kept)
    made = results.of(lambda: work.pruna.retry(**options))
    return report(made, results, as_json=as_json)


def _folder_for(path: Path, out: str | None) -> OutFolder:
    """Return the folder of ``--out``, by default the table's own."""
    if out is not None:
        check_folder(out)
        return OutFolder(out, path)
    entry = entries_of(path.absolute().parent).get(path.name)
    if entry is None or not entry.source:
        raise InputError(
            f"{path} is not listed as written by `generate`: name a folder with --out."
        )
    check_folder(str(path.parent))
    return OutFolder(path.parent, path.parent / entry.source)


def _as_asked(frame: pd.DataFrame, path: Path, prefix: str) -> FittedTable:
    """Return a finished table with the call in its attrs that made it.

    Raises
    ------
    InputError
        If a row needs the call, and the folder's manifest does not have it.
    """
    entry = entries_of(path.absolute().parent).get(path.name)
    fitted = FittedTable(frame, {}, [], {})
    if entry is not None:
        source = path.parent / entry.source
        fitted = fit_to_call(frame, f"{prefix}output", entry.call, source)
    bad = fitted.frame.pruna.failed(prefix=prefix)
    try:
        asked_before(bad, prefix, [*range(len(bad))])
    except InputError as error:
        which = "; ".join(error.problems) or str(path)
        raise InputError(
            f"{which}: the request is not known here, neither from its prediction's id nor from "
            f"{path}'s folder. Nothing was sent. Run the `pruna-nb generate ...` again that wrote "
            "the table: it takes from the cache what is there, and makes the rest."
        ) from None
    return fitted
