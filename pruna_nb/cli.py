"""The command line: ``pruna-nb`` (or ``python -m pruna_nb``) and its commands."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import io
import json
import os
import re
import sys
from decimal import Decimal, InvalidOperation
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems, whole
from pruna_nb.batch.options import OPTION_NAMES, read_options
from pruna_nb.catalog import find_model
from pruna_nb.console import say
from pruna_nb.errors import InputError, PrunaError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What `df.pruna.generate` takes beside the model's fields.
GENERATE_ARGUMENTS = (
    "model",
    "prefix",
    "prompt",
    "prompt_col",
    "samples",
    "unchecked",
    *OPTION_NAMES,
)
# Those whose option has another name here, or that have none.
_FLAGS = {"background": None, "max_cost_usd": "--max-cost", "progress": "--quiet"}
# The exit code by Ctrl-C: 128 and the signal's number, as shells have it.
_INTERRUPTED = 130
# Names that are words too ("the model", "a prompt") are meant only where something is set.
_NAMED = re.compile(
    rf"\b({'|'.join(name if '_' in name else f'{name}(?==)' for name in GENERATE_ARGUMENTS)})"
    r"(?!\w)(=?)([^\s,.;)]*(?:\.\d+)?)"
)

# Names of fields that are secrets, also where the catalogue does not know them.
_SECRET = re.compile(r"(?:token|secret|password|passwd|api_?key)s?$", re.IGNORECASE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if it went well, 1 if rows failed or something was wrong, 2 if the command itself was,
        130 if it was interrupted, 143 or 129 if SIGTERM or SIGHUP stopped it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        _parser().print_help(sys.stderr)
        return 2
    # The emulator has a parser of its own, which `python -m pruna_nb.emulator` uses too.
    asked = None if given[0] == "emulator" else _parser().parse_args(given)
    try:
        if asked is None:
            from pruna_nb.emulator.__main__ import main as serve

            return serve(given[1:], name="pruna-nb emulator")
        if asked.command == "generate":
            return _generate(asked)
        if asked.command == "demo":
            from pruna_nb.commands.generate import check_folder
            from pruna_nb.demo import demo

            check_folder(asked.out)
            return demo(asked.out)
        import pruna_nb

        columns = ["task", "output", "price_usd", "price_unit", "requests_per_minute"]
        say(pruna_nb.models()[columns].to_string(na_rep="-"))
        code = 0
    except PrunaError as error:
        for said in (str(error), *getattr(error, "__notes__", [])):
            say(f"pruna-nb: {_with_options(said)}", error=True)
        code = 1
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ["interrupted; what is done is kept."]):
            say(f"pruna-nb: {note}", error=True)
        code = int(getattr(interrupt, "code", _INTERRUPTED))
    return code


def _with_options(text: str) -> str:
    """Rename options as the command line does: ``max_cost_usd=5`` is ``--max-cost 5`` here."""

    def option(found: re.Match[str]) -> str:
        name, is_set, value = found.groups()
        flag = _flag(name) or name
        return f"{flag} {value}" if is_set and value not in ("", "True") else flag

    return _NAMED.sub(option, text)


def _flag(name: str) -> str | None:
    """Return the option that sets an argument of `df.pruna.generate`; None if there is none."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pruna-nb",
        description="Images and videos from P-API: throttled, cached, never paid for twice.",
    )
    parser.add_argument("--version", action="version", version=f"pruna-nb {version('pruna_nb')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    demo = commands.add_parser("demo", help="see everything work; needs no key")
    demo.add_argument("--out", default="pruna_nb_demo", help="folder (default: %(default)s)")
    _add_generate(commands)
    commands.add_parser("models", help="list the models")
    # Its options are the emulator's own: see `pruna-nb emulator --help`.
    commands.add_parser("emulator", help="serve a P-API on this machine", add_help=False)
    return parser


def _add_generate(commands: Any) -> None:
    make = commands.add_parser(
        "generate",
        help="make an output of each row of a table",
        description="Make an output of each row of a table: CSV, TSV, JSON Lines, JSON, a text "
        "file with a prompt a line, Excel or Parquet. What is there already costs nothing; a run "
        "that was stopped goes on where it was.",
        epilog="The files are named by their row's place (0.jpg, 1.jpg, ...), and the table "
        "beside them by the one that was read, with the columns output (the file's whole path), "
        "status, error, seconds, cost_usd, cached and prediction_id. A file that another command "
        "or somebody else put there stays: the new one is called 0-2.jpg then. Exit codes: 0 all "
        "is there; 1 a row failed, or something was wrong; 2 the command was; 130 interrupted "
        "(143 by SIGTERM, 129 by SIGHUP): what is done is there, and the same command goes on.",
    )
    make.add_argument(
        "table",
        help="a .csv, .tsv, .jsonl, .ndjson, .json or .txt file (each also .gz), or "
        ".xlsx or .parquet",
    )
    make.add_argument("--prompt-col", metavar="COLUMN", help="the column of prompts")
    make.add_argument("--prompt", metavar="TEMPLATE", help='such as "a {color} {thing}"')
    make.add_argument("--model", default="p-image", help="default: %(default)s")
    make.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="fields",
        help="a field for all rows; seed_col=NAME takes it from a column; a secret such as "
        "hf_api_token is read from the environment (hf_api_token=env:HF_TOKEN) or asked for "
        "(hf_api_token=-); may be repeated",
    )
    make.add_argument(
        "--samples", type=_number, default=1, metavar="N", help="outputs for each row (default: 1)"
    )
    make.add_argument(
        "--out", default="out", metavar="FOLDER", help="for files and table (default: out)"
    )
    make.add_argument(
        "--max-cost",
        "--max-cost-usd",
        dest="max_cost_usd",
        type=_number,
        metavar="USD",
        help="refuse to start above it",
    )
    make.add_argument(
        "--cache",
        metavar="{use,refresh,off}",
        default="use",
        help="take outputs that are there (the default), or pay for new ones and keep them for "
        "later runs, or not",
    )
    make.add_argument(
        "--on-lost",
        metavar="{report,resend}",
        default="report",
        help="what to do when an answer was lost, which may have been charged: say so in its row "
        "(the default), or send it again at once",
    )
    make.add_argument(
        "--timeout",
        type=_number,
        metavar="SECONDS",
        help="a prediction may take (default: 10 minutes for pictures, an hour for videos)",
    )
    make.add_argument(
        "--tag",
        action="append",
        metavar="TAG",
        help="what the outputs are for, by which their costs are found; may be repeated",
    )
    make.add_argument(
        "--prefix", default="", help="what the names of the results' columns begin with"
    )
    make.add_argument(
        "--no-escape-formulas",
        action="store_false",
        dest="escape_formulas",
        help="write cells that begin with =, +, - or @ to CSV and TSV as they are; by default an "
        "apostrophe goes before them, so that a spreadsheet does not compute them, and is taken "
        "off when this command reads the table again",
    )
    make.add_argument("--dry-run", action="store_true", help="say what it would do and cost")
    make.add_argument("--unchecked", action="store_true", help="send fields not in the catalogue")
    make.add_argument("--quiet", action="store_false", dest="progress", help="no progress bar")


def _generate(asked: argparse.Namespace) -> int:
    from pruna_nb.commands.generate import generate_table, prepare

    problems = Problems()
    fields = _fields(asked, problems)
    samples = problems.read(whole, "samples", asked.samples, instead=1)
    given = {name: value for name, value in vars(asked).items() if name in OPTION_NAMES}
    how = read_options(problems, **given)
    # What is wrong so far is the command's own: shells expect 2 for that, whatever is found later.
    is_misused = bool(problems)
    call = {
        "model": asked.model,
        "prompt_col": asked.prompt_col,
        "prompt": asked.prompt,
        "samples": samples,
        "unchecked": asked.unchecked,
        "cache": how.cache,
        **fields,
    }
    options = {name: getattr(how, name) for name in given if name != "cache"}
    try:
        out = None if asked.dry_run else asked.out
        command = prepare(asked.table, out, call, {"prefix": asked.prefix, **options}, problems)
    except PrunaError as error:
        if not is_misused:
            raise
        say(f"pruna-nb: {_with_options(str(error))}", error=True)
        raise SystemExit(2) from None
    return generate_table(command, escape_formulas=asked.escape_formulas)


def _number(text: str) -> Decimal | str:
    """Read a number; other text is reported later, with all else that is wrong."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _fields(asked: argparse.Namespace, problems: Problems) -> dict[str, Any]:
    """Read all of ``--set``; what is wrong with them is noted."""
    fields: dict[str, Any] = {}
    for text in asked.fields:
        with problems.noted():
            name, value = read_field(text, asked.model)
            if name in fields:
                raise InputError(f"--set {name}= is given twice; give it once.")
            fields[name] = value
    return fields


def read_field(text: str, model: str = "p-image") -> tuple[str, Any]:
    """Read ``field=value``; a value that is JSON (7, true, ["a"]) is what it says, else text.

    Raises
    ------
    InputError
        If it is something else, or a secret that stands there in the open.
    """
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        shown = re.split(r"\W", text)[0]  # what follows may be a secret
        raise InputError(f"--set takes FIELD=VALUE, such as seed=7; not {shown!r}...")
    if name in GENERATE_ARGUMENTS:
        instead = f"; use {_flag(name)}" if _flag(name) else ""
        raise InputError(f"{name} is not a model field{instead}")
    if name.endswith("_col"):
        return name, value
    field = None
    with contextlib.suppress(UnknownModelError):
        field = find_model(model).fields.get(name)
    if _SECRET.search(name) or (field is not None and field.secret):
        return name, _secret(name, value)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _secret(name: str, value: str) -> str:
    """Read a secret from the environment, the terminal or stdin: all see a process's arguments."""
    variable = value.removeprefix("env:")
    if value == "-":
        asks = sys.stdin is not None and sys.stdin.isatty()
        found = getpass.getpass(f"{name}: ") if asks else (sys.stdin or io.StringIO()).readline()
        where = "what was typed" if asks else "stdin"
    elif value.startswith("env:"):
        found, where = os.environ.get(variable, ""), f"the environment's {variable}"
    else:
        msg = (
            f"{name} is a secret, and every user of this machine can read a command's arguments: "
            f"use --set {name}=env:VARIABLE to read it from the environment, or --set {name}=- to "
            "be asked for it (or to read a line of stdin)."
        )
        raise InputError(msg)
    # A line of stdin ends with a newline, and what was pasted may have spaces around it.
    if not found.strip():
        raise InputError(f"{name}: {where} is empty, so there is no secret to send.")
    return found.strip()
