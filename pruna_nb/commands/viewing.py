"""Commands that show what is there: models, a table's outputs, the journal. They send nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pruna_nb.catalog import find_model
from pruna_nb.catalog.field_docs import fields_text
from pruna_nb.console import say
from pruna_nb.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.command()
@click.argument("name", required=False)
@_json_option
def models(name: str | None, *, as_json: bool) -> None:
    """List the models, or the fields of the model NAME."""
    if name is not None and not as_json:
        find_model(name)
        say(fields_text(name))
        return
    from pruna_nb.frames import tables

    frame = tables.models()
    if name is not None:
        find_model(name)
        frame = frame.loc[[name]]
    if as_json:
        _print_json(frame.reset_index())
        return
    columns = ["task", "output", "price_usd", "price_usd_max", "price_unit"]
    columns.append("requests_per_minute")
    say(frame[columns].to_string(na_rep="-"))


@click.command()
@click.argument("table")
@click.option(
    "--out",
    default="grid.html",
    show_default=True,
    metavar="FILE",
    help="A page (.html), or one picture (.png, .jpg, .webp).",
)
@click.option("--rows", multiple=True, metavar="COLUMN", help="Of the rows; may be repeated.")
@click.option("--cols", multiple=True, metavar="COLUMN", help="Of the columns; may be repeated.")
@click.option("--caption-col", metavar="COLUMN", help="What stands below each picture.")
@click.option("--size", type=int, default=256, show_default=True, help="Of a picture, in pixels.")
@click.option("--title", metavar="TEXT")
@click.option("--dark", is_flag=True, help="One picture light on dark; a page is as its reader's.")
@click.option("--output-col", default="output", show_default=True, metavar="COLUMN")
def grid(table: str, out: str, *, dark: bool, **how: Any) -> None:
    """Show the outputs of a TABLE that generate wrote as a page or one picture."""
    frame = _finished(table)
    how = {name: _listed(value) for name, value in how.items()}
    for path in frame.pruna.grid(**how).save(out, dark=dark):  # several where one is too large
        say(str(path))


@click.command(
    epilog="""\b
Examples:
  pruna-nb save out/products.csv pictures --name "{sku}-{aspect_ratio}-{seed}"
  pruna-nb save out/products.csv dataset --layout imagefolder
  pruna-nb save out/products.csv s3://bucket/pictures
"""
)
@click.argument("table")
@click.argument("folder")
@click.option("--name", metavar="TEMPLATE", help='Of each file, such as "{sku}-{seed}".')
@click.option("--format", metavar="SUFFIX", help="Convert pictures, such as to webp.")
@click.option(
    "--layout",
    default="plain",
    metavar="[plain|imagefolder]",
    help="imagefolder: a dataset folder that Hugging Face's datasets loads.",
)
@click.option(
    "--no-provenance",
    "provenance",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave out of the files which request made them.",
)
@click.option("--output-col", default="output", show_default=True, metavar="COLUMN")
def save(table: str, folder: str, **how: Any) -> int:
    """Save the outputs of a TABLE that generate wrote into FOLDER, under names of your own.

    FOLDER is on this machine, or at an address such as s3://bucket/folder, which needs the extra
    "storage" and s3fs.

    Exit codes: 0 each output has its file; 1 one could not be read, or something was wrong.
    """
    saved = _finished(table).pruna.save(folder, **how)
    return int((saved["file"].isna() & saved[how["output_col"]].notna()).any())


def _since_and_until(function: Any) -> Any:
    when = "Such as 7d, 12h, today or 2026-11-30 (UTC)."
    function = click.option("--until", metavar="WHEN", help=when)(function)
    return click.option("--since", metavar="WHEN", help=when)(function)


@click.command()
@click.option("--prompt", metavar="TEXT", help="That the prompt contains.")
@click.option("--model", multiple=True, metavar="NAME", help="May be repeated.")
@_since_and_until
@click.option("--tag", multiple=True, help="May be repeated; any of them.")
@click.option("--status", multiple=True, help="Such as failed; may be repeated.")
@click.option("--kept", is_flag=True, default=None, help="Favourites only.")
@click.option("--limit", type=int, default=20, show_default=True, help="The newest so many.")
@click.option("--out", metavar="FILE", help="Write all columns into a table (.csv, .jsonl, ...).")
@_json_option
def history(*, out: str | None, as_json: bool, **asked: Any) -> None:
    """List all that was ever made here, the newest first."""
    from pruna_nb.frames import history

    asked = {name: _listed(value) for name, value in asked.items()}
    path = None if out is None else Path(out)
    if path is not None and path.exists():
        raise InputError(f"--out {out} is there already, and is not written over.")
    frame = history.history(**asked)
    if path is not None:
        from pruna_nb.tables.files import kind_of, write_table

        kind_of(path)
        write_table(frame, path)
        say(out)
    elif as_json:
        _print_json(frame)
    elif len(frame):
        columns = ["sent_at", "model", "prompt", "status", "cost_usd", "output"]
        say(frame[columns].to_string(index=False, na_rep="-"))
    else:
        say("Nothing is there.")


@click.command()
@click.option(
    "--by",
    multiple=True,
    default=["day"],
    show_default=True,
    metavar="[day|month|model|tag]",
    help="May be repeated.",
)
@click.option("--model", multiple=True, metavar="NAME", help="Of these only; may be repeated.")
@click.option("--tag", multiple=True, help="May be repeated; any of them.")
@_since_and_until
@_json_option
def costs(*, as_json: bool, **asked: Any) -> None:
    """List what was spent at the service, by day, month, model or tag."""
    from pruna_nb.frames import costs

    frame = costs.costs(**{name: _listed(value) for name, value in asked.items()})
    if as_json:
        _print_json(frame.reset_index())
    else:
        say(frame.to_string() if len(frame) else "Nothing was spent.")


@click.command()
@click.option("--limit", type=int, default=20, show_default=True, help="The last so many.")
@_json_option
def journal(limit: int, *, as_json: bool) -> None:
    """List what was sent to the service, and its outcome, the newest last."""
    from pruna_nb.frames import tables

    frame = tables.journal().tail(max(limit, 0))
    if as_json:
        _print_json(frame)
        return
    columns = ["sent_at", "model", "state", "cost_usd", "prediction_id", "error"]
    say(frame[columns].to_string(index=False, na_rep="-") if len(frame) else "Nothing was sent.")


def _listed(value: Any) -> Any:
    """Return the values of an option that may be repeated as a list; None without any."""
    return (list(value) or None) if isinstance(value, tuple) else value


def _finished(table: str) -> pd.DataFrame:
    from pruna_nb.commands.generate import read_finished

    return read_finished(table)


def _print_json(frame: pd.DataFrame) -> None:
    text = frame.to_json(orient="records", date_format="iso", default_handler=str)
    say(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
