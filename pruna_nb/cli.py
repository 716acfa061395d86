"""The command line: ``pruna-nb demo``, ``pruna-nb generate``, ``pruna-nb emulator``."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError, PrunaError

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTIONS = {
    "background": None,
    "cache": "--cache",
    "max_cost_usd": "--max-cost",
    "model": "--model",
    "on_lost": "--on-lost",
    "prefix": None,
    "progress": "--quiet",
    "prompt": "--prompt",
    "prompt_col": "--prompt-col",
    "samples": "--samples",
    "timeout": "--timeout",
    "unchecked": "--unchecked",
}
"""What `df.pruna.generate` takes beside the model's fields, and the option for it, if any."""
_INTERRUPTED = 130
"""The exit code by Ctrl-C: 128 and the signal's number, as shells have it."""
# Names that are words too ("the model", "a prompt") are meant only where something is set.
_NAMED = re.compile(
    r"\b(max_cost_usd|prompt_col|on_lost|(?:cache|model|prompt|samples|timeout|unchecked)(?==))"
    r"(=?)([^\s,.;)]*(?:\.\d+)?)"
)


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
    if given[:1] == ["emulator"]:
        return _emulator(given[1:])
    asked = _parser().parse_args(given)
    try:
        return int(asked.run(asked))
    except PrunaError as error:
        for said in (str(error), *getattr(error, "__notes__", [])):
            print(f"pruna-nb: {_with_options(said)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ["interrupted; what is done is kept."]):
            print(f"pruna-nb: {note}", file=sys.stderr)
        return int(getattr(interrupt, "code", _INTERRUPTED))


def _with_options(text: str) -> str:
    """Name options as the command line does: ``max_cost_usd=5`` is ``--max-cost 5`` here."""

    def option(found: re.Match[str]) -> str:
        name, is_set, value = found.groups()
        given = str(_OPTIONS[name])
        return f"{given} {value}" if is_set and value not in ("", "True") else given

    return _NAMED.sub(option, text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pruna-nb",
        description="Images and videos from P-API: throttled, cached, never paid for twice.",
    )
    parser.add_argument("--version", action="version", version=f"pruna-nb {version('pruna_nb')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="see everything work; needs no key")
    demo.add_argument("--out", default="pruna_nb_demo", help="folder (default: %(default)s)")
    demo.set_defaults(run=_demo)
    _add_generate(commands)
    models = commands.add_parser("models", help="list the models")
    models.set_defaults(run=_models)
    # Its options are the emulator's own: see `pruna-nb emulator --help`.
    commands.add_parser("emulator", help="serve a P-API on this machine", add_help=False)
    return parser


def _add_generate(commands: Any) -> None:
    make = commands.add_parser(
        "generate",
        help="make an output of each row of a table",
        description="Make an output of each row of a CSV, TSV, JSONL or Parquet file. What is "
        "there already costs nothing; a run that was stopped goes on where it was.",
        epilog="The files are named by their row's place (0.jpg, 1.jpg, ...), and the table "
        "beside them by the one that was read, with the columns output, status, error, seconds, "
        "cost_usd, cached and prediction_id. Exit codes: 0 all is there; 1 a row failed, or "
        "something was wrong; 2 the command was; 130 interrupted (143 by SIGTERM, 129 by SIGHUP): "
        "what is done is there, and the same command goes on.",
    )
    make.add_argument("table", help="a .csv, .tsv, .jsonl or .parquet file")
    make.add_argument("--prompt-col", metavar="COLUMN", help="the column of prompts")
    make.add_argument("--prompt", metavar="TEMPLATE", help='such as "a {color} {thing}"')
    make.add_argument("--model", default="p-image", help="default: %(default)s")
    make.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="fields",
        help="a field for all rows; seed_col=NAME takes it from a column; may be repeated",
    )  # fmt: skip
    make.add_argument(
        "--samples", type=int, default=1, metavar="N", help="outputs for each row (default: 1)"
    )
    make.add_argument(
        "--out", default="out", metavar="FOLDER", help="for files and table (default: out)"
    )
    make.add_argument(
        "--max-cost", "--max-cost-usd", type=_usd, metavar="USD", help="refuse to start above it"
    )
    make.add_argument(
        "--cache", choices=("use", "refresh", "off"), default="use",
        help="take outputs that are there (the default), or pay for new ones and keep them for "
        "later runs, or not",
    )  # fmt: skip
    make.add_argument(
        "--on-lost", choices=("report", "resend"), default="report",
        help="what to do when an answer was lost, which may have been charged: say so in its row "
        "(the default), or send it again at once",
    )  # fmt: skip
    make.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="a prediction may take (default: 10 "
        "minutes for pictures, an hour for videos)",
    )  # fmt: skip
    make.add_argument("--dry-run", action="store_true", help="say what it would do and cost")
    make.add_argument("--unchecked", action="store_true", help="send fields not in the catalogue")
    make.add_argument("--quiet", action="store_true", help="no bar")
    make.set_defaults(run=_generate)


def _demo(asked: argparse.Namespace) -> int:
    from pruna_nb.demo import demo

    _see_that_it_takes_files(asked.out)
    return demo(asked.out)


def _generate(asked: argparse.Namespace) -> int:
    from pruna_nb.frames.tables_on_disk import generate_table

    fields = dict(_field(text) for text in asked.fields)
    call = {
        "model": asked.model,
        "prompt": asked.prompt,
        "samples": asked.samples,
        "unchecked": asked.unchecked,
        "cache": asked.cache,
        **fields,
    }
    if not asked.dry_run:
        call |= {"on_lost": asked.on_lost, "timeout": asked.timeout}
        _see_that_it_takes_files(asked.out)
    try:
        return generate_table(
            asked.table,
            asked.prompt_col,
            asked.out,
            call,
            max_cost_usd=asked.max_cost,
            dry_run=asked.dry_run,
            progress=not asked.quiet,
        )
    except OSError as error:  # a disk that filled up, a folder that went away
        msg = f"--out {asked.out} cannot be written any more: {error}"
        failure = InputError(msg)
        failure.add_note("What was made is in the cache: run again, and it costs nothing more.")
        raise failure from None


def _see_that_it_takes_files(out: str) -> None:
    """Make the folder and a file in it, before anything is spent on what is to go there."""
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out):
            pass
    except OSError as error:
        msg = f"--out {out} is no folder that can be written: {error.strerror}. Nothing was sent; "
        raise InputError(msg + "choose another folder.") from None


def _usd(text: str) -> float:
    """Read a budget; "nan" would be one that nothing exceeds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        msg = f"{text!r} is no amount of USD; give a number of 0 or more, such as 20 or 0.50"
        raise argparse.ArgumentTypeError(msg)
    return value


def _field(text: str) -> tuple[str, Any]:
    """Read ``field=value``; a value that is JSON (7, true, ["a"]) is what it says, else text."""
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        print(f"pruna-nb: --set takes FIELD=VALUE, such as seed=7; not {text!r}", file=sys.stderr)
        raise SystemExit(2)
    if name in _OPTIONS:
        instead = _OPTIONS[name]
        say = f"; use {instead}" if instead else ""
        print(f"pruna-nb: {name} is no field of a model{say}", file=sys.stderr)
        raise SystemExit(2)
    if name.endswith("_col"):
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _models(asked: argparse.Namespace) -> int:
    del asked
    import pruna_nb

    columns = ["task", "output", "price_usd", "price_unit", "requests_per_minute"]
    print(pruna_nb.models()[columns].to_string(na_rep="-"))
    return 0


def _emulator(given: list[str]) -> int:
    from pruna_nb.emulator.__main__ import main as serve

    try:
        return int(serve(given, name="pruna-nb emulator") or 0)
    except PrunaError as error:
        print(f"pruna-nb: {error}", file=sys.stderr)
        return 1
