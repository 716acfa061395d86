"""Signals, kills and forks: whole processes that end, or are doubled, while they have paid work."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pruna_nb import emulator
from pruna_nb.store.journal import Journal
from tests.faults.cases import Case, Result
from tests.faults.proxy import SlowProxy
from tests.helpers.runs import end_predictions

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
BACKGROUND = """
import sys, time
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(int(sys.argv[1]))]})
run = frame.pruna.generate("prompt", progress=False, background=True)
while not run.done:
    time.sleep(0.01)
print(run.result()["status"].value_counts().to_dict())
"""
CHAIN = """
import sys
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(int(sys.argv[1]))]})
chain = frame.pruna.plan().generate("prompt").edit(prompt="by night").upscale(target=1)
out = chain.run(progress=False)
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
    """Make folders of its own, and an environment for children that names them."""
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


def line_with(text, stream):
    """Read until a line that holds a text, and give that."""
    return next((line.strip() for line in stream if text in line), "")


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
        assert (
            not problem or "whose answer was lost" in problem or "of an earlier run" in problem
        ), problem
        found = Result(rows, rows - done, max(0, service.charged - rows), told, last[0])
        return found, child.returncode


def chain_ended(number, rows=20, at=(5, 25)):
    """End a chain that runs as one by a signal, each time further on, and run it to its end.

    What counts as paid twice is of all three steps.
    """
    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        SlowProxy(service.port, 0.1) as proxy,
        place(proxy.url) as (folder, environment),
    ):
        for moment in at:
            child = started(CHAIN, environment, rows)
            until(lambda moment=moment: service.charged >= moment)
            child.send_signal(number)
            finished(child)
        out, _ = finished(started(CHAIN, environment, rows))
        done, told = _statuses(out)["succeeded"], told_lost(folder, proxy.url)
        twice = max(0, service.charged - 3 * rows)
        sees = f"after {len(at)} ends: {told} announced as lost on the wire"
        return Result(rows, rows - done, twice, min(twice, told), sees)


def _statuses(out):
    return Counter(json.loads(out.strip().splitlines()[-1].replace("'", '"')))


def stopped_process(rows=12):
    """Stop a process with rows under way; another one with the same rows waits, and says so."""
    with (
        emulator.running(fast=True, latency=600) as service,
        place(service.url) as (folder, environment),
    ):
        stopped = started(FRAME, environment, rows)
        until(lambda: service.charged >= rows)
        stopped.send_signal(signal.SIGSTOP)
        waiting = started(FRAME, environment, rows)
        told = line_with("is stopped", waiting.stderr).partition(":")[0]
        end_predictions(service)
        stopped.send_signal(signal.SIGCONT)
        done = [_statuses(finished(child)[0])["succeeded"] for child in (stopped, waiting)]
        sees = re.sub(r"Process \d+", "Process …", told)
        twice = max(0, service.charged - rows)
        return Result(rows, rows - min(done), twice, told_lost(folder, service.url), sees)


SPELLINGS = ("http://127.0.0.1:{}", "http://localhost:{}/v1/", "HTTP://LOCALHOST.:{}")


def spelt_in_three_ways(rows=24):
    """Run the same rows under three spellings of one address, within one limit."""
    with emulator.running(fast=True, limits={"p-image": (rows, 60.0)}) as service:
        done = []
        with place(service.url) as (folder, environment):
            for spelling in SPELLINGS:
                environment["PRUNA_API_URL"] = spelling.format(service.port)
                out, _ = finished(started(FRAME, environment, rows))
                done.append(_statuses(out)["succeeded"])
            told = told_lost(folder, service.url)
        sees = f"{' and '.join(map(str, done))} succeeded; {service.refused} refused"
        twice = max(0, service.charged - rows)
        return Result(rows, rows - min(done), twice, told, sees, refused=service.refused)


POOL_UNDER_A_RUN = """
import multiprocessing, sys, time
import pandas as pd
import pruna_nb
rows = int(sys.argv[1])
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(rows)]})
run = frame.pruna.generate("prompt", progress=False, background=True)
while run.frame["status"].eq("succeeded").sum() < 2:
    time.sleep(0.01)
with multiprocessing.get_context("fork").Pool(2) as pool:
    made = pool.map(pruna_nb.generate, [f"of the pool {number}" for number in range(4)])
assert all(output.path.exists() for output in made)
print(run.result()["status"].value_counts().to_dict())
"""


def forked_pool(rows=40):
    """Fork a pool whose workers make pictures under a run in the background."""
    with (
        emulator.running(fast=True, latency=(0.2, 0.6)) as service,
        place(service.url) as (folder, environment),
    ):
        out, problem = finished(started(POOL_UNDER_A_RUN, environment, rows))
        done = _statuses(out)["succeeded"] if out else 0
        sees = f"{done} of the run and 4 of the pool succeeded" if out else problem[-200:]
        twice = max(0, service.charged - rows - 4)
        told = told_lost(folder, service.url)
        return Result(rows + 4, rows - done, twice, told, sees)


CROWDED = """
import resource, sys, threading, time
import pandas as pd
import pruna_nb
rows = int(sys.argv[1])
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(rows)]})
pruna_nb.configure(limits={"p-image": (10, 0.5)})
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
def crowd():
    time.sleep(0.6)
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, hard))
    time.sleep(0.6)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
pruna_nb.generate("first")
threading.Thread(target=crowd).start()
try:
    frame.pruna.generate("prompt", progress=False)
except pruna_nb.PrunaError as error:
    print(f"raises {type(error).__name__}")
time.sleep(1.3)
print(frame.pruna.generate("prompt", progress=False)["status"].value_counts().to_dict())
"""


def crowded(rows=40):
    """Let a process open no more files for a while in mid-run (EMFILE); run again after it."""
    with (
        emulator.running(fast=True, latency=(0.1, 0.3), limits={"p-image": (10, 0.5)}) as service,
        place(service.url) as (folder, environment),
    ):
        out, _ = finished(started(CROWDED, environment, rows))
        done = _statuses(out)["succeeded"]
        sees = out.splitlines()[0] if len(out.splitlines()) > 1 else "all succeeded at once"
        twice = max(0, service.charged - rows - 1)
        told = told_lost(folder, service.url)
        return Result(rows, rows - done, twice, told, sees, refused=service.refused)


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
    Case("a chain as one run ended twice (SIGTERM)", lambda: chain_ended(signal.SIGTERM)),
    Case(
        "a chain as one run killed twice (SIGKILL)",
        lambda: chain_ended(signal.SIGKILL),
        at_most_twice=2 * 3 * 32,
    ),
    Case("a process that was stopped (SIGSTOP) with the same rows", stopped_process),
    Case("one service under three spellings", spelt_in_three_ways),
    Case("a pool forked under a run", forked_pool),
    Case("too many open files in mid-run", crowded, at_most_twice=32),
]
"""Every fault of a whole process that is ended or forked."""
