"""Commands around the work: the cache, the key, and what may be wrong."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pruna_nb.console import say
from pruna_nb.text import counted


@click.group()
def cache() -> None:
    """Look after the outputs that are kept."""


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def info(*, as_json: bool) -> None:
    """Show what the cache holds, and where it is."""
    from pruna_nb.store import maintenance

    held = maintenance.info()
    say(json.dumps(asdict(held), default=str, indent=2) if as_json else held)


@cache.command()
@click.option("--older-than", metavar="TIME", help='Not used for so long: "30d", "12h".')
@click.option("--keep-bytes", type=int, help="Drop the outputs unused longest above it.")
def prune(older_than: str | None, keep_bytes: int | None) -> None:
    """Drop old outputs, files that no entry names, and old thumbnails; favourites stay."""
    from pruna_nb.store import maintenance

    freed = maintenance.prune(older_than=older_than, keep_bytes=keep_bytes)
    say(f"Freed {freed / 1e6:,.1f} MB.")


@cache.command()
def verify() -> int:
    """Read every file, and drop the entries whose file is gone or damaged."""
    from pruna_nb.store import maintenance

    damaged = maintenance.verify()
    for path in damaged:
        say(path)
    say(f"{counted(len(damaged), 'file')} gone or damaged.")
    return int(bool(damaged))


@cache.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(*, yes: bool) -> int:
    """Drop every output and thumbnail; the journal and ratings stay."""
    from pruna_nb.store import maintenance

    if not yes and not click.confirm(f"Drop {maintenance.info()}?", err=True):
        say("Nothing was dropped.", error=True)
        return 1
    say(f"Freed {maintenance.clear() / 1e6:,.1f} MB.")
    return 0


@cache.command()
def rebuild() -> None:
    """Add outputs to the index that it lacks, from the records beside the files."""
    from pruna_nb.store import maintenance

    say(f"{counted(maintenance.rebuild(), 'output')} found again.")


@cache.command()
def upload() -> None:
    """Upload to the shared storage the outputs that it lacks (PRUNA_NB_STORAGE)."""
    from pruna_nb.store import maintenance

    say(f"{counted(maintenance.upload(), 'output')} put into the shared storage.")


@click.command()
@click.option(
    "--no-check",
    "check",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Do not ask the service about it.",
)
def login(*, check: bool) -> None:
    """Ask for the API key, have the service check it, and keep it in the system's keyring.

    It costs nothing. The keyring needs the extra "keyring"; without it, set PRUNA_API_KEY.
    """
    from pruna_nb.widgets.login import login as keep

    keep(store=True, check=check)


@click.command()
@click.option("--offline", is_flag=True, help="Do not ask the service.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def doctor(*, offline: bool, as_json: bool) -> int:
    """Check the key, the address, folders, limits, extras and versions; it costs nothing."""
    from pruna_nb.commands.doctor import examine

    findings = examine(offline=offline)
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            say(finding)
    return int(any(finding.is_wrong for finding in findings))
