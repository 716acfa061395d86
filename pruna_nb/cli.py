"""The command line: ``pruna-nb`` (or ``python -m pruna_nb``) and its commands.

A command's module is imported when the command is run: help and the version need no pandas.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from pruna_nb.commands.parameters import GENERATE_ARGUMENTS, read_field
from pruna_nb.commands.wording import in_shell_words
from pruna_nb.console import say
from pruna_nb.errors import PrunaError
from pruna_nb.text import did_you_mean, near_names
from pruna_nb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GENERATE_ARGUMENTS", "main", "read_field"]

# The exit code by Ctrl-C: 128 and the signal's number, as shells have it.
_INTERRUPTED = 130
# Each command's module below `commands`, and what the list of commands says about it.
_COMMANDS = {
    "generate": ("making", "Make an output of each row of a table, or of one prompt."),
    "estimate": ("making", "Show what generate would make and cost; nothing is sent."),
    "retry": ("making", "Run the rows of a finished table again that failed or were lost."),
    "grid": ("viewing", "Show a table's outputs as a page or one picture."),
    "save": ("viewing", "Save a table's outputs under names of your own."),
    "models": ("viewing", "List the models, or one model's fields."),
    "history": ("viewing", "List all that was ever made here."),
    "costs": ("viewing", "List what was spent, by day, month, model or tag."),
    "journal": ("viewing", "List what was sent, and its outcome."),
    "cache": ("tending", "Look after the outputs that are kept."),
    "login": ("tending", "Check a key with the service and keep it in the keyring."),
    "doctor": ("tending", "Check the key, the address, folders and versions."),
    "demo": ("", "See everything work; needs no key."),
    "emulator": ("", "Serve a P-API on this machine."),
}


class _Commands(click.Group):
    """The commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which they are shown."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command; None if there is none of the name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        if not module:
            return {"demo": _demo, "emulator": _emulator}[cmd_name]
        found: click.Command = getattr(import_module(f"pruna_nb.commands.{module}"), cmd_name)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command that is meant, or say which one may be."""
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            meant = did_you_mean(near_names(args[0], _COMMANDS))
            ctx.fail(f"There is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`pruna-nb COMMAND --help` shows a command's options and examples. For completion at "
    'the tab key: eval "$(_PRUNA_NB_COMPLETE=bash_source pruna-nb)", or zsh_source, fish_source.',
)
@click.version_option(VERSION, prog_name="pruna-nb", message="%(prog)s %(version)s")
def _group() -> None:
    """Images and videos from P-API: rate-limited, cached, never paid for twice."""


@click.command("demo")
@click.option("--out", default="pruna_nb_demo", show_default=True, metavar="FOLDER")
def _demo(out: str) -> int:
    """See everything work on an emulator; needs no key and costs nothing."""
    from pruna_nb.commands.generate import check_folder
    from pruna_nb.demo import demo as run_demo

    check_folder(out)
    return run_demo(out)


@click.command(
    "emulator",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _emulator(arguments: tuple[str, ...]) -> int:
    """Serve a P-API on this machine."""
    # It has a parser of its own, which `python -m pruna_nb.emulator` uses too.
    from pruna_nb.emulator.__main__ import main as serve

    return serve(arguments, name="pruna-nb emulator")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if it went well, 1 if rows failed or something was wrong, 130 if it was interrupted, 143
        or 129 if SIGTERM or SIGHUP stopped it.

    Raises
    ------
    SystemExit
        With 2 if the command itself was wrong, with 0 after the help or the version.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given and "_PRUNA_NB_COMPLETE" not in os.environ:  # the shell's own question
            with click.Context(_group, info_name="pruna-nb", max_content_width=100) as context:
                say(_group.get_help(context), error=True)
            return 2
        code = _group.main(given, prog_name="pruna-nb", standalone_mode=False)
    except click.exceptions.Exit as end:
        raise SystemExit(end.exit_code) from None
    except click.ClickException as error:
        where: click.Context | None = getattr(error, "ctx", None)
        name = where.command_path if where else "pruna-nb"
        say(f"{name}: error: {in_shell_words(error.format_message())}", error=True)
        say(f"`{name} --help` shows how it is used.", error=True)
        raise SystemExit(2) from None
    except PrunaError as error:
        for words in (str(error), *getattr(error, "__notes__", [])):
            say(f"pruna-nb: {in_shell_words(words)}", error=True)
        return 1
    except (KeyboardInterrupt, click.Abort) as interrupt:
        cause = interrupt if isinstance(interrupt, KeyboardInterrupt) else interrupt.__cause__
        for note in getattr(cause, "__notes__", ["interrupted; what is done is kept."]):
            say(f"pruna-nb: {note}", error=True)
        return int(getattr(cause, "code", _INTERRUPTED))
    if given[-1] in {"-h", "--help", "--version"}:
        raise SystemExit(0)
    return code if isinstance(code, int) else 0
