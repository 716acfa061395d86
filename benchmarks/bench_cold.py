"""10 pictures from a cold start: a fresh process, an empty cache, the limit not reached.

Counted from the start of Python to the frame with its ten files on disk, pandas' import (of which
there is no way round) included.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from common import KEY, Place, Report, place, prompts, seconds
from rivals import predict

ROWS = 10
LATENCY = (0.6, 1.4)
REPEATS = 5
SCRIPT = """
import time
import pandas as pd, pruna_nb
df = pd.read_json({table!r})
called = time.time()
out = df.pruna.generate("prompt")
assert (out["status"] == "succeeded").all()
print(called, time.time())
"""


def ours(where: Place) -> tuple[float, float]:
    """Give the seconds from a process's start to its frame, and of the call alone."""
    table = where.folder / "prompts.json"
    prompts(ROWS).to_json(table)
    settings = {
        "PRUNA_API_KEY": KEY,
        "PRUNA_API_URL": where.url,
        "PRUNA_NB_CACHE_DIR": str(where.folder / "cache"),
        "PRUNA_NB_STATE_DIR": str(where.folder / "state"),
    }
    code = SCRIPT.format(table=str(table))
    began = time.time()
    ran = subprocess.run(
        [sys.executable, "-c", code], env=settings, check=True, capture_output=True, text=True
    )
    called, done = map(float, ran.stdout.split()[-2:])
    return done - began, done - called


def bare_start() -> float:
    """Give the seconds that a process takes to start Python and to import pandas, and no more."""
    began = time.time()
    subprocess.run([sys.executable, "-c", "import pandas"], check=True)
    return time.time() - began


def slowest(where: Place) -> float:
    """Give the seconds of the slowest of ten bare predictions, each on a thread of its own."""

    def one(text: str) -> float:
        with requests.Session() as session:
            began = time.perf_counter()
            predict(session, where.url, text)
            return time.perf_counter() - began

    with ThreadPoolExecutor(ROWS) as pool:
        return max(pool.map(one, prompts(ROWS)["prompt"]))


def main() -> None:
    """Take each several times; the same seed gives both the same latencies."""
    with Report(__file__) as report:
        whole, call, single, start = [], [], [], []
        for seed in range(REPEATS):
            with place(latency=LATENCY, seed=seed) as (where, _):
                mine = ours(where)
            with place(latency=LATENCY, seed=seed) as (where, _):
                bare = slowest(where)
            whole.append(mine[0])
            call.append(mine[1])
            single.append(bare)
            start.append(bare_start())
        ratios = [one / other for one, other in zip(whole, single, strict=True)]
        middle = sorted(range(REPEATS), key=ratios.__getitem__)[REPEATS // 2]
        report.add(
            f"{ROWS} pictures from a cold start: wall / slowest single prediction",
            ours=f"{seconds(whole[middle])} from Python's start ({seconds(call[middle])} the call)",
            beside=f"slowest of ten bare predictions {seconds(single[middle])}; Python and pandas "
            f"alone {seconds(start[middle])}",
            ratio=ratios[middle],
            at_most=1.5,
        )


if __name__ == "__main__":
    main()
