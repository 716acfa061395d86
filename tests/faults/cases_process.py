"""Signals, kills and forks: whole processes that end, or are doubled, while they have paid work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pruna_nb import emulator
from pruna_nb.batch.journal import Journal
from tests.faults.cases import Case, Result
from tests.faults.proxy import SlowProxy

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

FRAME = """
import sys
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(int(sys.argv[1]))]})
out = frame.pruna.generate("prompt", progress=False)
print(out["status"].value_counts().to_dict())
"""
ONE_BY_ONE = """
import sys
import pruna_nb
for number in range(int(sys.argv[1])):
    print(pruna_nb.generate(f"thing {number}").prediction.status, flush=True)
"""


@contextlib.contextmanager
def place(url, **more):
    """Have folders of its own, and an environment for children that names them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield (
            Path(folder),
            {
                **{
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith("PRUNA")
                },
                "PRUNA_API_KEY": "sk-of-the-process-cases",
                "PRUNA_API_URL": url,
                "PRUNA_NB_CACHE_DIR": f"{folder}/cache",
                "PRUNA_NB_STATE_DIR": f"{folder}/state",
                "PYTHONPATH": str(ROOT),
                **more,
            },
        )


def started(code, environment, *arguments):
    """Start a script."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(child):
    """Wait for a script's end; give what it printed, on both ways."""
    try:
        return child.communicate(timeout=PATIENCE)
    finally:
        child.kill()


def until(condition):
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def told_lost(folder, url):
    """Count the predictions that the journal says were lost on the way."""
    states = Counter(entry.state for entry in Journal(folder / "cache", url).entries())
    return states["lost"] + states["resent"]


def ended_by(number, code=FRAME, rows=40, at=8):
    """End a script by a signal with POSTs on the wire, and run it again to its end.

    Returns
    -------
    Result, int
        And the script's exit code.
    """
    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        SlowProxy(service.port, 0.2) as proxy,
        place(proxy.url) as (folder, environment),
    ):
        child = started(code, environment, rows)
        until(lambda: service.charged >= at)
        child.send_signal(number)
        _, said = finished(child)
        out, problem = finished(started(code, environment, rows))
        done = out.count("succeeded") if code is ONE_BY_ONE else _statuses(out)["succeeded"]
        told = told_lost(folder, proxy.url)
        last = said.strip().splitlines()[-1:] or [f"exit code {child.returncode}, nothing lost"]
        assert not problem or "lost on the way" in problem or "taken up" in problem, problem
        found = Result(rows, rows - done, max(0, service.charged - rows), told, last[0])
        return found, child.returncode


def _statuses(out):
    return Counter(json.loads(out.strip().splitlines()[-1].replace("'", '"')))


def _by(number, **more):
    return lambda: ended_by(number, **more)[0]


CASES = [
    Case("SIGTERM in mid-run", _by(signal.SIGTERM)),
    Case("SIGHUP in mid-run", _by(signal.SIGHUP)),
    Case("single calls ended by SIGTERM", _by(signal.SIGTERM, code=ONE_BY_ONE, rows=4, at=2)),
    Case(
        "single calls killed (SIGKILL)",
        _by(signal.SIGKILL, code=ONE_BY_ONE, rows=4, at=2),
        at_most_twice=1,
    ),
]
"""Every fault of a whole process that is ended or forked."""
