"""``import pruna_nb`` beside ``import pandas, requests``; and what it must not load."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from common import Report, seconds

REPEATS = 15
NOT_LOADED = (
    "IPython",
    "PIL",
    "_sqlite3",
    "av",
    "ipywidgets",
    "joblib",
    "matplotlib",
    "scipy",
    "sqlite3",
    "tqdm",
    "uvicorn",
)
CODE = """
import time
began, cpu = time.perf_counter(), time.process_time()
import {modules}
taken = time.process_time() - cpu, time.perf_counter() - began
import sys
print(*taken, *[name for name in {names!r} if name in sys.modules])
"""


def measured(modules: str) -> tuple[float, float, list[str]]:
    """Import in a fresh process; give processor time, wall time and unwanted modules."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE.format(modules=modules, names=NOT_LOADED)],
        check=True,
        capture_output=True,
        text=True,
    )
    cpu, wall, *loaded = ran.stdout.split()
    return float(cpu), float(wall), loaded


def main() -> None:
    """Take both in turn, many times; the medians of processor time."""
    measured("pandas, requests, pruna_nb")  # so that all is in the system's page cache
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(measured("pruna_nb"))
        theirs.append(measured("pandas, requests"))
    loaded = sorted({name for _, _, names in ours for name in names})
    mine, other = median(row[0] for row in ours), median(row[0] for row in theirs)
    with Report(__file__) as report:
        report.add(
            "import pruna_nb / import pandas, requests (processor time)",
            ours=f"{seconds(mine)} (wall {seconds(median(row[1] for row in ours))})",
            beside=f"{seconds(other)} (wall {seconds(median(row[1] for row in theirs))})",
            ratio=mine / other,
            at_most=1.10,
            also={
                f"loads none of {', '.join(NOT_LOADED)}"
                + (f" (loaded: {', '.join(loaded)})" if loaded else ""): not loaded
            },
        )


if __name__ == "__main__":
    main()
