"""A process that runs rows while its journal cannot be written; its orders come as JSON.

It prints, as JSON, the rows' statuses and what was raised. How it ends is the test's business.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path

import pandas as pd

import pruna_nb
from pruna_nb.store import database
from tests.faults.cases import generate


def let_no_file_grow():
    """Make every disk seem full to this process alone."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))


def work(orders):
    """Run the rows as ordered."""
    database._BUSY_SECONDS = 0.5
    settings = {name: orders[name] for name in ("base_url", "cache_dir", "state_dir")}
    limits = {"p-image": tuple(orders["limit"])}
    if orders.get("full"):
        threading.Thread(target=_fill_when, args=(Path(orders["full"]),), daemon=True).start()
    with pruna_nb.configure(api_key="key-one", limits=limits, **settings):
        out, error = generate(pd.DataFrame({"prompt": orders["prompts"]}))
    return {
        "prompt": orders["prompts"],
        "status": out["status"].tolist(),
        "error": out["error"].fillna("").tolist(),
        "raised": None if error is None else f"{type(error).__name__}: {error}",
    }


def _fill_when(sign):
    while not sign.exists():
        time.sleep(0.005)
    let_no_file_grow()
    sign.unlink()


if __name__ == "__main__":
    said = work(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(said))
    sys.stdout.flush()
