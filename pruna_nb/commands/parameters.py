"""Options that commands share, and an option for each field of the model that is named.

This imports no pandas: help is shown without it.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import json
import os
import re
import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from pruna_nb.arguments import Problems, whole
from pruna_nb.batch.options import OPTION_NAMES, read_options
from pruna_nb.catalog import all_models, find_model
from pruna_nb.errors import InputError, PrunaError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pruna_nb.batch.options import RunOptions
    from pruna_nb.catalog import Field

# What `df.pruna.generate` takes beside the model's fields.
GENERATE_ARGUMENTS = (
    "model",
    "prefix",
    "prompt",
    "prompt_col",
    "samples",
    "sweep",
    "unchecked",
    *OPTION_NAMES,
)
# Those whose option has another name here, or that have none.
_FLAGS = {"background": None, "max_cost_usd": "--max-cost", "progress": "--quiet"}
# Names of fields that are secrets, also where the catalogue does not know them.
SECRET = re.compile(r"(?:token|secret|password|passwd|api_?key)s?$", re.IGNORECASE)
_FIELD = "field__"


def flag_of(name: str) -> str | None:
    """Return the option that sets an argument of `df.pruna.generate`; None if there is none."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


class ModelCommand(click.Command):
    """A command with an option for each field of the model that ``--model`` names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments, after a look for the model among them."""
        model = "p-image"
        for place, text in enumerate(args):
            if text == "--model" and place + 1 < len(args):
                model = args[place + 1]
            elif text.startswith("--model="):
                model = text.partition("=")[2]
        ctx.meta[_FIELD] = model
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own options, and those of the model's fields."""
        own = super().get_params(ctx)
        taken = {option for param in own for option in param.opts}
        fields: list[click.Parameter] = []
        with contextlib.suppress(UnknownModelError):  # told with all else that is wrong
            for field in find_model(ctx.meta.get(_FIELD, "p-image")).fields.values():
                option = f"--{field.name.replace('_', '-')}"
                if option not in taken and field.name not in GENERATE_ARGUMENTS:
                    fields += _options_of(field, option)
        return [*own, *fields]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those of the model's fields."""
        own: list[tuple[str, str]] = []
        fields: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, click.Option):
                (fields if str(param.name).startswith(_FIELD) else own).append(record)
        with formatter.section("Options"):
            formatter.write_dl(own)
        with formatter.section(
            f"Fields of {ctx.meta.get(_FIELD, 'p-image')} (each also as --NAME-col COLUMN; "
            "--model NAME --help shows another model's)"
        ):
            formatter.write_dl(fields)


def _options_of(field: Field, option: str) -> list[click.Parameter]:
    """Return the option of a field, and the hidden one that takes it from a column."""
    words = [field.help]
    if field.choices:
        words.append(f"One of {', '.join(map(str, field.choices))}.")
    elif field.minimum is not None and field.maximum is not None:
        words.append(f"{field.minimum:g} to {field.maximum:g}.")
    if field.secret:
        words.append("env:VARIABLE, or - to be asked for it.")
    declared = f"{option}/--no-{option[2:]}" if field.type == "boolean" else option
    return [
        click.Option(
            [declared, f"{_FIELD}{field.name}"],
            default=None,
            multiple=field.type == "array",
            metavar=None if field.type == "boolean" else field.type.upper(),
            help=" ".join(filter(None, words)),
        ),
        click.Option([f"{option}-col", f"{_FIELD}{field.name}_col"], metavar="COLUMN", hidden=True),
    ]


def _complete_model(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [model.name for model in all_models() if model.name.startswith(incomplete)]


def _number(_ctx: click.Context, _param: click.Parameter, text: str | None) -> Decimal | str | None:
    """Read a number; other text is reported later, with all else that is wrong."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return text


_CALL_OPTIONS = [
    click.option("--prompt-col", metavar="COLUMN", help="The column of prompts."),
    click.option(
        "--prompt",
        metavar="TEMPLATE",
        help='A template over the columns, such as "a {color} {thing}"; without a table, the one '
        "prompt.",
    ),
    click.option(
        "--model",
        default="p-image",
        show_default=True,
        shell_complete=_complete_model,
        help="See `pruna-nb models`.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="FIELD=VALUE",
        help="A field for all rows, also one that has no option; seed_col=NAME takes it from a "
        "column; hf_api_token=env:HF_TOKEN a secret from the environment, hf_api_token=- asks "
        "for it. May be repeated.",
    ),
    click.option(
        "--sweep",
        "sweeps",
        multiple=True,
        metavar="FIELD=VALUE,VALUE",
        help="Several values of a field, or of model or prompt: each row is made with each of "
        "them, and the table has a row and a column for it. Whole numbers also as 1-8, a value "
        "with a comma in quotes. May be repeated; then all values meet each other.",
    ),
    click.option("--zip", is_flag=True, help="Take the lists of several --sweep in step instead."),
    click.option(
        "--samples", callback=_number, default="1", metavar="N", help="Outputs for each row [1]."
    ),
    click.option("--unchecked", is_flag=True, help="Send fields that are not in the catalogue."),
]
_RUN_OPTIONS = [
    click.option(
        "--max-cost",
        "--max-cost-usd",
        "max_cost_usd",
        callback=_number,
        metavar="USD",
        help="Refuse to start above it.",
    ),
    click.option(
        "--cache",
        metavar="[use|refresh|off]",
        default="use",
        help="Take outputs that are there (use, the default), or pay for new ones and keep them "
        "for later runs (refresh), or not (off).",
    ),
    click.option(
        "--on-lost",
        metavar="[report|resend]",
        default="report",
        help="What to do when an answer was lost, which may have been charged: report it in its "
        "row (the default), or send it again at once.",
    ),
    click.option(
        "--timeout",
        callback=_number,
        metavar="SECONDS",
        help="A prediction may take [10 minutes for pictures, an hour for videos].",
    ),
    click.option(
        "--tag",
        multiple=True,
        metavar="TAG",
        help="What the outputs are for, by which their costs are found. May be repeated.",
    ),
    click.option("--prefix", default="", help="What the names of the results' columns begin with."),
    click.option(
        "--quiet",
        "progress",
        is_flag=True,
        flag_value=False,
        default=True,
        help="No progress bar; the last lines say what was made and its cost.",
    ),
]


def call_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is made."""
    return with_options(function, _CALL_OPTIONS)


def run_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how it is run."""
    return with_options(function, _RUN_OPTIONS)


def with_options(function: Callable[..., Any], options: Sequence[Any]) -> Callable[..., Any]:
    """Return a function with the options of several decorators, shown in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def read_call(given: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the arguments of ``df.pruna.generate`` that say what is made; wrong ones are noted."""
    fields: dict[str, Any] = {}
    pairs = [(f"--set {text.partition('=')[0]}=", text) for text in given["settings"]]
    for name, value in given.items():
        if name.startswith(_FIELD) and value not in (None, ()):
            field = name.removeprefix(_FIELD)
            pairs.append((f"--{field.replace('_', '-')}", (field, value)))
    for option, pair in pairs:
        with problems.noted():
            if isinstance(pair, str):
                name, value = read_field(pair, given["model"])
            else:
                name, value = pair[0], _field_value(*pair, model=given["model"])
            if name in fields:
                raise InputError(f"{option} is given twice; give it once.")
            fields[name] = value
    return {
        "model": given["model"],
        "prompt_col": given["prompt_col"],
        "prompt": given["prompt"],
        "samples": problems.read(whole, "samples", given["samples"], instead=1),
        "unchecked": given["unchecked"],
        **fields,
    }


def read_run(given: Mapping[str, Any], problems: Problems) -> RunOptions:
    """Return how it is run; what is wrong is noted."""
    some = {name: value for name, value in given.items() if name in OPTION_NAMES}
    return read_options(problems, **some)


@contextlib.contextmanager
def misuse_is_told(problems: Problems) -> Any:
    """Turn what is wrong with a command itself into a usage error: shells expect 2 for that.

    Parameters
    ----------
    problems : Problems
        What is wrong so far; whatever is found later is told with it.
    """
    is_misused = bool(problems)
    try:
        yield
    except PrunaError as error:
        if not is_misused:
            raise
        raise click.UsageError(str(error)) from None


def _field_value(name: str, value: Any, *, model: str) -> Any:
    """Return the value that the option of a field has been given."""
    field = find_model(model).fields.get(name)
    if field is None:  # a column
        return value
    if field.secret:
        return _secret(name, value)
    if field.type == "array":
        parts = [read_json(text) for text in value]
        return parts[0] if len(parts) == 1 and isinstance(parts[0], list) else parts
    if field.type in {"string", "boolean"}:
        return value
    with contextlib.suppress(ValueError):  # 007 and 1.50 are numbers; what is none is told later
        return int(value) if field.type == "integer" else float(value)
    return value


def read_json(text: str) -> Any:
    """Return what a text says as JSON (7, true, ["a"]), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


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
        instead = f"; use {flag_of(name)}" if flag_of(name) else ""
        raise InputError(f"{name} is not a model field{instead}")
    if name.endswith("_col"):
        return name, value
    field = None
    with contextlib.suppress(UnknownModelError):
        field = find_model(model).fields.get(name)
    if SECRET.search(name) or (field is not None and field.secret):
        return name, _secret(name, value)
    return name, read_json(value)


def _secret(name: str, value: str) -> str:
    """Read a secret from the environment, the terminal or stdin: all see a process's arguments."""
    variable = value.removeprefix("env:")
    if value == "-":
        asks = sys.stdin is not None and sys.stdin.isatty()
        secret = getpass.getpass(f"{name}: ") if asks else (sys.stdin or io.StringIO()).readline()
        where = "what was typed" if asks else "stdin"
    elif value.startswith("env:"):
        secret, where = os.environ.get(variable, ""), f"the environment's {variable}"
    else:
        msg = (
            f"{name} is a secret, and every user of this machine can read a command's arguments: "
            f"use --set {name}=env:VARIABLE to read it from the environment, or --set {name}=- to "
            "be asked for it (or to read a line of stdin)."
        )
        raise InputError(msg)
    # A line of stdin ends with a newline, and what was pasted may have spaces around it.
    if not secret.strip():
        raise InputError(f"{name}: {where} is empty, so there is no secret to send.")
    return secret.strip()
