"""Run many rows, and see that memory, threads, open files and the journal stay small.

``python tests/faults/long_run.py 20000`` prints the figures that stand in
docs/explanation/reliability.md; the suite runs the same with fewer rows.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import pandas as pd

import pruna_nb
from pruna_nb import emulator
from pruna_nb.settings.cache_folder import DATABASE_NAME

MIB = 1 << 20


@dataclass
class Figures:
    """What a long run came to.

    Attributes
    ----------
    rows, charged, refused, succeeded : int
        Rows, and what the service counted of them.
    seconds : float
        From the call to the frame.
    rss : list of (int, float)
        Rows done, and our process's memory in MiB, as the run went.
    threads, files : (int, int)
        Before the run, and after it.
    threads_most, files_most : int
        The most while it went.
    database_bytes : int
        The journal and the cache's entries, on disk.
    """

    rows: int
    charged: int = 0
    refused: int = 0
    succeeded: int = 0
    seconds: float = 0.0
    rss: list = field(default_factory=list)
    threads: tuple = (0, 0)
    files: tuple = (0, 0)
    threads_most: int = 0
    files_most: int = 0
    database_bytes: int = 0

    def at(self, part):
        """Return the memory in MiB when a part of the rows was done."""
        return next((rss for done, rss in self.rss if done >= part * self.rows), self.rss[-1][1])


def run(rows, folder):
    """Run rows against an emulator in a process of its own."""
    found = Figures(rows)
    frame = pd.DataFrame({"prompt": [f"a thing of number {number}" for number in range(rows)]})
    limits = dict.fromkeys(("p-image", "status", "delivery"), (1000000, 1.0))
    us = psutil.Process()
    with (
        emulator.running(fast=True, process=True, latency=(0.05, 0.3), limits=limits) as service,
        pruna_nb.configure(
            api_key="k",
            base_url=service.url,
            cache_dir=Path(folder) / "cache",
            state_dir=Path(folder) / "state",
            limits=limits,
        ),
    ):
        _warm_up(frame)
        before = us.num_threads(), us.num_fds()
        handle = frame.pruna.generate("prompt", progress=False, background=True)
        began = time.monotonic()
        while not handle.done:
            done = len(handle._run.outcomes)
            found.rss.append((done, us.memory_info().rss / MIB))
            found.threads_most = max(found.threads_most, us.num_threads())
            found.files_most = max(found.files_most, us.num_fds())
            time.sleep(0.25)
        out = handle.result()
        found.seconds = time.monotonic() - began
        found.rss.append((rows, us.memory_info().rss / MIB))
        del handle
        gc.collect()
        # threads close up behind the run's end, and connections: later on a busy machine
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found.threads = before[0], us.num_threads()
            found.files = before[1], us.num_fds()
            if found.threads[1] <= before[0] and found.files[1] <= before[1] + 2:
                break
            time.sleep(0.02)
        found.charged, found.refused = service.charged - 1, service.refused
    found.succeeded = int((out["status"] == "succeeded").sum())
    found.database_bytes = sum(
        path.stat().st_size for path in (Path(folder) / "cache").glob(f"{DATABASE_NAME}*")
    )
    return found


def _warm_up(frame):
    """Import and open all that a first run opens."""
    frame.head(1).assign(prompt="warm up").pruna.generate("prompt", progress=False)
    threading.active_count()


def main(rows):
    """Run, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(rows, folder)
    print(
        f"{found.rows:,} rows in {found.seconds:.0f} s, {found.rows / found.seconds:.0f} a second"
    )
    print(f"charged {found.charged:,}, refused {found.refused}, succeeded {found.succeeded:,}")
    parts = ", ".join(f"{part:.0%} {found.at(part):.0f}" for part in (0.05, 0.25, 0.5, 0.75, 1.0))
    print(f"memory in MiB by rows done: {parts}")
    print(
        f"threads before, most, after: {found.threads[0]}, {found.threads_most}, {found.threads[1]}"
    )
    print(f"open files before, most, after: {found.files[0]}, {found.files_most}, {found.files[1]}")
    print(f"database: {found.database_bytes:,} bytes, {found.database_bytes / rows:.0f} a row")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
