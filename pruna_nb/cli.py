"""The command line: ``pruna-nb demo``, ``pruna-nb generate``, ``pruna-nb emulator``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import PrunaError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if it went well, 1 if rows failed or something was wrong, 130 if it was interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["emulator"]:
        return _emulator(given[1:])
    asked = _parser().parse_args(given)
    try:
        return int(asked.run(asked))
    except PrunaError as error:
        print(f"pruna-nb: {error}", file=sys.stderr)
        for note in getattr(error, "__notes__", []):
            print(f"pruna-nb: {note}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ["interrupted; what is done is kept."]):
            print(f"pruna-nb: {note}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pruna-nb",
        description="Images and videos from P-API: throttled, cached, never paid for twice.",
    )
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
    )
    make.add_argument("table", help="a .csv, .tsv, .jsonl or .parquet file")
    make.add_argument("--prompt-col", metavar="COLUMN", help="the column of prompts")
    make.add_argument("--prompt", metavar="TEMPLATE", help='such as "a {color} {thing}"')
    make.add_argument("--model", default="p-image", help="default: %(default)s")
    make.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="fields",
        help="a field for all rows; seed_col=NAME takes it from a column; may be repeated",
    )  # fmt: skip
    make.add_argument("--samples", type=int, default=1, help="outputs for each row")
    make.add_argument("--out", default="out", help="folder for files and table (default: out)")
    make.add_argument("--max-cost", type=float, metavar="USD", help="refuse to start above it")
    make.add_argument("--dry-run", action="store_true", help="say what it would do and cost")
    make.add_argument("--unchecked", action="store_true", help="send fields not in the catalogue")
    make.add_argument("--quiet", action="store_true", help="no bar")
    make.set_defaults(run=_generate)


def _demo(asked: argparse.Namespace) -> int:
    from pruna_nb.demo import demo

    return demo(asked.out)


def _generate(asked: argparse.Namespace) -> int:
    from pruna_nb.frames.tables_on_disk import generate_table

    fields = dict(_field(text) for text in asked.fields)
    call = {
        "model": asked.model,
        "prompt": asked.prompt,
        "samples": asked.samples,
        "unchecked": asked.unchecked,
        **fields,
    }
    return generate_table(
        asked.table,
        asked.prompt_col,
        asked.out,
        call,
        max_cost_usd=asked.max_cost,
        dry_run=asked.dry_run,
        progress=not asked.quiet,
    )


def _field(text: str) -> tuple[str, Any]:
    """Read ``field=value``; a value that is JSON (7, true, ["a"]) is what it says, else text."""
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        print(f"pruna-nb: --set takes FIELD=VALUE, such as seed=7; not {text!r}", file=sys.stderr)
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
        return int(serve(given) or 0)
    except PrunaError as error:
        print(f"pruna-nb: {error}", file=sys.stderr)
        return 1
