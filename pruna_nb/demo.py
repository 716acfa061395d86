"""Trying things without a key: the demo, and a session on the emulator."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruna_nb.console import say
from pruna_nb.settings import configure
from pruna_nb.settings.handover import EMULATOR_KEY
from pruna_nb.tables.files import read_table

if TYPE_CHECKING:
    from pruna_nb.emulator import Service

# Twelve in two seconds: slow enough to see the throttle at work.
_PICTURE_LIMIT = {"p-image": (12, 2.0)}


def demo(out: str) -> int:
    """Run the demo and write what it made into a folder.

    Parameters
    ----------
    out : str
        The folder; what an earlier demo wrote there is written again.

    Returns
    -------
    int
        0 if every picture is there.
    """
    from pruna_nb.emulator import running

    folder = Path(out).absolute()
    prompts = read_table(str(files("pruna_nb") / "prompts.csv"))
    say("An emulator of P-API runs on this machine: no key, no cost, no picture of a real model.\n")
    with (
        running(limits=_PICTURE_LIMIT, latency=(0.3, 0.9)) as service,
        configure(
            api_key=EMULATOR_KEY,
            base_url=service.url,
            cache_dir=folder / "cache",
            limits=_PICTURE_LIMIT,
        ),
    ):
        how = {"aspect_ratio_col": "aspect_ratio", "seed_col": "seed"}
        say(f"{len(prompts)} prompts, before anything is spent:")
        say(f"  {prompts.pruna.estimate('prompt', **how)}\n")
        pictures = prompts.pruna.generate("prompt", **how)
        before = service.charged  # the second run below must add nothing
        _show(pictures)
        grid = pictures.pruna.grid(rows="prompt", cols="aspect_ratio", title="pruna_nb demo")
        sheet = grid.save(folder / "sheet.png")
        page = grid.save(folder / "index.html")
        pictures.to_csv(folder / "pictures.csv", index=False)
        say("\nThe same again: everything is there already, so nothing is sent or paid.")
        prompts.pruna.generate("prompt", **how)
        say(f"Charged by the emulator: {before} predictions, then {service.charged - before}.\n")
    say(
        f"Look at:   {sheet[0]}\n"
        f"           {page[0]}   (in a browser: click a picture, arrows, Esc)\n"
        f"The table: {folder / 'pictures.csv'}\n\n"
        "Next, with your own prompts:\n"
        "  export PRUNA_API_KEY=...      the key of the real service\n"
        "  pruna-nb generate prompts.csv --prompt-col prompt --out out/ --dry-run\n"
        "or, without a key:\n"
        "  pruna-nb emulator             and set PRUNA_API_URL to the address that it prints"
    )
    return int((pictures["status"] != "succeeded").any())


def use_emulator(**options: Any) -> Service:
    """Make this session talk to an emulator on this machine: no key, no cost, no real model.

    Its outputs are kept in a temporary folder, and not among those of the real service. Leave
    the call out, and the same code uses the real service with your key.

    Parameters
    ----------
    **options
        As for `pruna_nb.emulator.running`, such as ``latency=0`` or ``limits=``; this session
        keeps to the limits that it is given.

    Returns
    -------
    Service
        With ``url``, and ``charged``: how many predictions were accepted. It ends with Python.

    Raises
    ------
    MissingExtraError
        If the extra ``emulator`` is not installed.

    Examples
    --------
    >>> import pruna_nb
    >>> service = pruna_nb.use_emulator(fast=True)
    >>> service.charged
    0
    """
    from pruna_nb.emulator import running

    session, owner = contextlib.ExitStack(), os.getpid()

    def close() -> None:
        if os.getpid() == owner:  # to a forked child it is its parent's, which goes on
            session.close()

    atexit.register(close)
    # Not a TemporaryDirectory: that removes the folder at the end of a forked child, too.
    folder = tempfile.mkdtemp(prefix="pruna_nb_")
    session.callback(shutil.rmtree, folder, ignore_errors=True)
    service = session.enter_context(running(**options))
    # Not undone at the end: the settings are the session's own.
    limits = {"limits": options["limits"]} if options.get("limits") else {}
    configure(api_key=EMULATOR_KEY, base_url=service.url, cache_dir=folder, **limits)
    # joblib keeps the workers of earlier calls, which would go on with the settings of before.
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor().shutdown(wait=True)
    return service


def _show(pictures: Any) -> None:
    columns = ["prompt", "aspect_ratio", "status", "seconds", "cost_usd", "cached"]
    say(pictures[columns].to_string(max_rows=8, max_colwidth=40, float_format="{:.3f}".format))
