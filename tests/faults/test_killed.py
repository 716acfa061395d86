"""Killed at any moment: every picture arrives, and nothing is charged twice in silence."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator
from tests.faults.proxy import SlowProxy

ROWS = 200
WORKERS = 8
KILLS = 30
CHILD = """
import json, sys
import pandas as pd
import pruna_nb
url, cache, state, rows, workers = sys.argv[1:]
limits = {"p-image": (12, 1.0)}
pruna_nb.configure(
    api_key="k", base_url=url, cache_dir=cache, state_dir=state, workers=int(workers), limits=limits
)
frame = pd.DataFrame({"prompt": [f"row {n}" for n in range(int(rows))]})
out = frame.pruna.generate("prompt", progress=False)
print(json.dumps({"status": out["status"].tolist(), "output": out["output"].tolist()}))
"""


def start(url, tmp_path):
    """Begin a run of the same rows in a process of its own."""
    arguments = [url, tmp_path / "cache", tmp_path / "state", ROWS, WORKERS]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def journal_of(url, tmp_path):
    with pruna_nb.configure(base_url=url, cache_dir=tmp_path / "cache"):
        return pruna_nb.journal()


def kill_until_done(url, tmp_path, kill):
    """Kill at random moments, at least KILLS times, then let it finish; give its last word."""
    moments = random.Random(7)
    kills = 0
    while kills < KILLS:
        child = start(url, tmp_path)
        # The first half of a second goes into imports; the rest is what is to be hit.
        time.sleep(0.6 + moments.random() * 0.9)
        if child.poll() is not None:
            child.communicate()
            break
        kill(child)
        child.communicate()
        kills += 1
    child = start(url, tmp_path)
    said, errors = child.communicate(timeout=180)
    assert child.returncode == 0, errors
    return kills, json.loads(said)


def check(service, url, tmp_path, done, kills):
    assert done["status"] == ["succeeded"] * ROWS
    assert len(set(done["output"])) == ROWS
    assert all(Path(path).is_file() for path in done["output"])
    book = journal_of(url, tmp_path)
    lost = book["state"].isin(["lost", "resent"]).sum()
    # What was charged beyond the rows was on the wire at a kill, and is told, every one.
    assert service.charged - ROWS <= lost
    assert lost <= kills * WORKERS
    assert not book["state"].isin(["intent", "sent"]).any()
    sent = pd.Series([entry["input"]["prompt"] for entry in service.accepted]).value_counts()
    assert set(sent.index) == {f"row {n}" for n in range(ROWS)}
    return lost


@pytest.mark.slow
@pytest.mark.faults
def test_a_run_that_is_killed_thirty_times_has_every_picture_and_tells_what_was_lost(tmp_path):
    # Answers are 0.15 s on their way, so that there are POSTs on the wire to be hit.
    with (
        emulator.running(fast=True, process=True, latency=(0.2, 0.6)) as service,
        SlowProxy(service.port, 0.15) as proxy,
    ):
        kills, done = kill_until_done(
            proxy.url, tmp_path, lambda child: child.send_signal(signal.SIGKILL)
        )
        lost = check(service, proxy.url, tmp_path, done, kills)
        print(f"{kills} kills: {service.charged} charged for {ROWS} rows, {lost} told as lost")
        assert kills >= KILLS


@pytest.mark.slow
@pytest.mark.faults
def test_a_service_that_is_killed_and_started_again_loses_no_row(tmp_path):
    options = {"fast": True, "process": True, "latency": (0.2, 0.6), "ledger": tmp_path / "ledger"}
    frame = pd.DataFrame({"prompt": [f"row {n}" for n in range(ROWS)]})
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(emulator.running(**options))
        port = service.port
        stack.enter_context(
            pruna_nb.configure(api_key="k", base_url=service.url, limits={"p-image": (40, 1.0)})
        )
        run = frame.pruna.generate("prompt", progress=False, background=True)
        kills = 0
        while not run.done and kills < 6:
            time.sleep(0.5)
            service.kill()
            kills += 1
            service = stack.enter_context(emulator.running(port=port, **options))
        out = run.result()
        lost = int((out["status"] == "lost").sum())
        while len(out.pruna.failed()):
            assert set(out.pruna.failed()["status"]) == {"lost"}
            out = out.pruna.retry(progress=False)
        assert out["status"].tolist() == ["succeeded"] * ROWS
        assert out["output"].nunique() == ROWS
        assert kills >= 3
        assert service.charged - ROWS <= lost
        print(f"{kills} kills of the service: {service.charged} charged, {lost} told as lost")
