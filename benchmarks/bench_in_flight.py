"""1,000 predictions of 10 s each at 250 per 6 s: hundreds in flight, few threads."""

from __future__ import annotations

import math
import threading
import time

from common import Place, Report, in_child, place, prompts, seconds

ROWS, LIMIT, WINDOW, LATENCY = 1000, 250, 6.0, 10.0
THREADS = 40


def ours(where: Place) -> tuple[float, int, int, int]:
    """Give seconds, rows done, the most threads, and the most in flight."""
    from pruna_nb.batch import interrupts

    most = {"threads": 0, "in flight": 0}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most["threads"] = max(most["threads"], threading.active_count() - 1)
            flying = max((run.in_flight for run in list(interrupts.ACTIVE_RUNS)), default=0)
            most["in flight"] = max(most["in flight"], flying)

    watcher = threading.Thread(target=watch)
    with where.configure():
        frame = prompts(ROWS)
        watcher.start()
        began = time.perf_counter()
        out = frame.pruna.generate("prompt", progress=False)
        taken = time.perf_counter() - began
        over.set()
        watcher.join()
    done = int((out["status"] == "succeeded").sum())
    return taken, done, most["threads"], most["in flight"]


def main() -> None:
    """Measure ours; a pool of 64 is told by arithmetic: it holds 64 in flight."""
    ideal = (math.ceil(ROWS / LIMIT) - 1) * WINDOW + LATENCY
    pool = math.ceil(ROWS / 64) * LATENCY
    with (
        Report(__file__) as report,
        place(limits={"p-image": (LIMIT, WINDOW)}, latency=LATENCY) as (where, service),
    ):
        taken, done, threads, flying = in_child(ours, where)
        report.add(
            f"{ROWS:,} predictions of {LATENCY:g} s at {LIMIT} per {WINDOW:g} s: wall / ideal",
            ours=(
                f"{seconds(taken)}, {flying} in flight on {threads} threads, "
                f"{service.refused} refused"
            ),
            beside=f"ideal {seconds(ideal)}, 64 threads at best {seconds(pool)} (16 rounds)",
            ratio=taken / ideal,
            at_most=1.10,
            also={
                f"at most {THREADS} threads": threads <= THREADS,
                "refused 0": service.refused == 0,
                "none lost": done == ROWS,
            },
        )


if __name__ == "__main__":
    main()
