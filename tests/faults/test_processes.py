"""Several processes at once, an interrupted one, and one without a disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator

CHILD = """
import json, resource, sys, time
import pandas as pd
import pruna_nb
url, cache, state, rows, limit, file_bytes = sys.argv[1:]
if file_bytes != "0":
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_bytes), int(file_bytes)))
pruna_nb.configure(
    api_key="k", base_url=url, cache_dir=cache, state_dir=state,
    limits={"p-image": (int(limit), 2.0)},
)
frame = pd.DataFrame({"prompt": [f"row {n}" for n in range(int(rows))]})
print("ready", flush=True)
sys.stdin.readline()
try:
    out = frame.pruna.generate("prompt", progress=False)
except KeyboardInterrupt:
    print(json.dumps({"interrupted": True}))
    sys.exit(3)
except pruna_nb.PrunaError as error:
    frame = getattr(error, "frame", None)
    known = [] if frame is None else frame["prediction_id"].dropna().tolist()
    print(json.dumps({"error": type(error).__name__, "said": str(error), "known": known}))
    sys.exit(4)
print(json.dumps(out[["status", "output", "cost_usd", "cached"]].to_dict("list")))
"""


def start(service, tmp_path, rows=100, limit=40, file_bytes=0):
    """Begin a run in a process of its own; it waits for a line before it sends anything."""
    places = [service.url, tmp_path / "ein Ordner mit Ümläuten", tmp_path / "state"]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, places), str(rows), str(limit), str(file_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n"
    return child


def go(*children):
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()


def end(child):
    said, errors = child.communicate(timeout=120)
    return child.returncode, json.loads(said.splitlines()[-1]) if said.strip() else None, errors


@pytest.mark.faults
@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_two_processes_keep_one_limit_and_charge_each_row_once(tmp_path, window):
    limits = {"p-image": (40, 2.0)}
    with emulator.running(
        fast=True, process=True, latency=(0.1, 0.5), limits=limits, window=window
    ) as service:
        children = [start(service, tmp_path) for _ in range(2)]
        go(*children)
        ends = [end(child) for child in children]
        assert [code for code, _, _ in ends] == [0, 0], [errors for *_, errors in ends]
        outs = [said for _, said, _ in ends]
        assert [set(out["status"]) for out in outs] == [{"succeeded"}] * 2
        assert outs[0]["output"] == outs[1]["output"]
        assert service.charged == 100
        assert service.refused == 0
        # Each row is on the bill of one of them.
        assert sum(outs[0]["cost_usd"]) + sum(outs[1]["cost_usd"]) == pytest.approx(0.5)


@pytest.mark.faults
def test_an_interrupted_run_ends_soon_and_the_next_goes_on_where_it_was(tmp_path):
    with emulator.running(fast=True, process=True, latency=(0.3, 3.0)) as service:
        child = start(service, tmp_path, limit=60)
        go(child)
        while service.charged < 50:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        at = time.monotonic()
        code, said, errors = end(child)
        assert (code, said) == (3, {"interrupted": True}), errors
        assert time.monotonic() - at < 10  # it takes about one; the machine may be busy
        child = start(service, tmp_path)
        go(child)
        code, out, errors = end(child)
        assert code == 0, errors
        assert out["status"] == ["succeeded"] * 100
        assert service.charged == 100


@pytest.mark.faults
@pytest.mark.skipif(os.name == "nt", reason="file sizes are limited by POSIX's own means")
def test_a_full_disk_stops_the_run_with_one_error_and_nothing_is_paid_for_twice(tmp_path):
    with emulator.running(process=True, latency=0.1) as service:
        first = start(service, tmp_path, rows=40, file_bytes=200_000)
        go(first)
        code, said, errors = end(first)
        assert code == 4, errors
        assert said["error"] == "CacheError"
        assert "cannot be written" in said["said"]
        charged = service.charged
        assert 0 < charged <= 40
        second = start(service, tmp_path, rows=40)
        go(second)
        code, out, errors = end(second)
        assert code == 0, errors
        assert out["status"] == ["succeeded"] * 40
        with pruna_nb.configure(
            base_url=service.url, cache_dir=tmp_path / "ein Ordner mit Ümläuten"
        ):
            book = pruna_nb.journal()
        lost = book["state"].isin(["lost", "resent"]).sum()
        assert service.charged - 40 <= lost


@pytest.mark.faults
def test_a_cache_folder_that_is_a_file_is_told_before_anything_is_sent(service, tmp_path):
    place = tmp_path / "file"
    place.write_text("no folder")
    frame = pd.DataFrame({"prompt": ["a lion"]})
    with (
        pruna_nb.configure(cache_dir=place),
        pytest.raises(pruna_nb.errors.CacheError, match="PRUNA_NB_CACHE_DIR"),
    ):
        frame.pruna.generate("prompt", progress=False)
    assert service.charged == 0
