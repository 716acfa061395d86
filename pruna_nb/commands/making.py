"""``pruna-nb generate``, ``estimate`` and ``retry``: the options; the others have what they do."""

from __future__ import annotations

from typing import Any

import click

from pruna_nb.arguments import Problems, whole
from pruna_nb.batch.options import OPTION_NAMES
from pruna_nb.commands.parameters import (
    ModelCommand,
    call_options,
    misuse_is_told,
    read_call,
    read_run,
    run_options,
    with_options,
)
from pruna_nb.commands.sweeps import read_sweeps

_TABLES = """\b
TABLE is a .csv, .tsv, .jsonl, .ndjson, .json or .txt file (each also .gz), .xlsx or .parquet;
also at an address (s3://bucket/prompts.csv, with the extra "storage" and s3fs); with - it is read
from standard input (--format tells its kind).
"""
_EXIT_CODES = """\b
Exit codes: 0 all is there, or was skipped (an empty prompt); 1 a row failed, or something was
wrong; 2 the command was; 130 interrupted (143 by SIGTERM, 129 by SIGHUP): what is
done is there, and the same command goes on.
"""
_table_options = [
    click.argument("table", required=False),
    click.option(
        "--format",
        "kind",
        default="txt",
        metavar="KIND",
        help="What standard input holds: csv, tsv, jsonl, json, or txt (a prompt a line; the "
        "default).",
    ),
    click.option("--limit", metavar="ROWS", help="Take the first rows only."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
]


def _with_table(function: Any) -> Any:
    return with_options(function, _table_options)


def _prepared(given: dict[str, Any], out: str | None) -> Any:
    """Return the command, checked as a whole; see `pruna_nb.commands.generate.prepare`."""
    problems = Problems()
    call, how = read_call(given, problems), read_run(given, problems)
    limit = given["limit"]
    if limit is not None:
        limit = problems.read(
            whole, "--limit", int(limit) if limit.isdecimal() else limit, instead=1
        )
    if given["table"] is None:
        if given["prompt"] is None:
            raise click.UsageError("name a TABLE, or a prompt with --prompt.")
        if given["prompt_col"] is not None:
            raise click.UsageError(
                "--prompt-col is a column of a TABLE: name that, or leave it out."
            )
        call["prompt_col"], call["prompt"] = "prompt", None
    call |= read_sweeps(given, call, problems)
    with misuse_is_told(problems):
        # Reading tables needs pandas, which the help does not.
        from pruna_nb.commands.generate import prepare
        from pruna_nb.commands.sources import source_of

        source = source_of(given["table"], kind=given["kind"], prompt=given["prompt"], limit=limit)
        names = OPTION_NAMES if "on_lost" in given else ("tag",)
        options = {name: getattr(how, name) for name in given if name in names and name != "cache"}
        call["cache"] = how.cache
        return prepare(source, out, call, {"prefix": given.get("prefix", ""), **options}, problems)


@click.command(
    cls=ModelCommand,
    epilog=f"""{_TABLES}
The files are named by their row's place (0.jpg, 1.jpg, ...), and the table beside them by the one
that was read, with the columns output (the file's whole path), status, error, seconds, cost_usd,
cached and prediction_id. A file that another command or somebody else put there stays: the new one
is called 0-2.jpg then.

{_EXIT_CODES}
\b
Examples:
  pruna-nb generate prompts.csv --prompt-col prompt --out out --max-cost 5
  pruna-nb generate products.csv --prompt "a {{color}} {{thing}}" --aspect-ratio 16:9 --limit 3
  pruna-nb generate --prompt "a fox in the snow" --seed 7
  pruna-nb generate prompts.csv --prompt-col prompt --sweep aspect_ratio=1:1,16:9 --sweep seed=1-3
  cut -f2 list.tsv | pruna-nb generate - --out out
""",
)
@_with_table
@call_options
@click.option(
    "-o", "--out", default="out", show_default=True, metavar="FOLDER", help="For files and table."
)
@run_options
@click.option(
    "--no-escape-formulas",
    "escape_formulas",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Write cells that begin with =, +, - or @ to CSV and TSV as they are; by default an "
    "apostrophe goes before them, so that a spreadsheet does not compute them, and is taken off "
    "when this command reads the table again.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would do and cost, as estimate does.")
def generate(**given: Any) -> int:
    """Make an output of each row of a table, or of one prompt.

    What is there already costs nothing; a run that was stopped goes on where it was.
    """
    command = _prepared(given, None if given["dry_run"] else given["out"])
    from pruna_nb.commands.generate import generate_table

    return generate_table(
        command, escape_formulas=given["escape_formulas"], as_json=given["as_json"]
    )


@click.command(
    cls=ModelCommand,
    epilog=f"""{_TABLES}
\b
Examples:
  pruna-nb estimate prompts.csv --prompt-col prompt --samples 4
  pruna-nb estimate prompts.csv --prompt-col prompt --json
""",
)
@_with_table
@call_options
@run_options
def estimate(**given: Any) -> int:
    """Show what generate would make and cost with the same options; nothing is sent."""
    command = _prepared(given, None)
    from pruna_nb.commands.generate import generate_table

    return generate_table(command, as_json=given["as_json"])


@click.command(
    epilog=f"""{_EXIT_CODES}
\b
Example:
  pruna-nb retry out/prompts.csv
""",
)
@click.argument("table")
@click.option(
    "--out", metavar="FOLDER", help="For files and table [the table's own, where generate made it]."
)
@run_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def retry(**given: Any) -> int:
    """Run the rows of a finished TABLE again that failed, were lost or are pending.

    TABLE is one that generate wrote. A row's original request is sent again; a row that was never
    sent, or whose answer was lost, is requested as generate was told to.
    """
    problems = Problems()
    how = read_run(given, problems)
    with misuse_is_told(problems):
        from pruna_nb.commands.retry import retry_table

        options = {name: getattr(how, name) for name in given if name in OPTION_NAMES}
        return retry_table(
            given["table"],
            given["out"],
            {"prefix": given["prefix"], **options},
            problems,
            as_json=given["as_json"],
        )
