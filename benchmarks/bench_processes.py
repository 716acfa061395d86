"""Two processes, one key: together at one limit."""

from __future__ import annotations

import math
import time

from common import Place, Report, fresh_processes, place, prompts, seconds

ROWS, LIMIT, WINDOW = 500, 250, 20.0
LATENCY = (0.6, 1.4)
START_SECONDS = 5.0


def ours(where: Place, what: str, at: float) -> tuple[float, int]:
    """Make half of the rows from a moment on; give the moment of the end, and the rows done."""
    with where.configure():
        frame = prompts(ROWS // 2, what)
        time.sleep(max(0.0, at - time.time()))
        out = frame.pruna.generate("prompt", progress=False)
        return time.time(), int((out["status"] == "succeeded").sum())


def main() -> None:
    """Start two fresh processes at one moment."""
    ideal = (math.ceil(ROWS / LIMIT) - 1) * WINDOW + sum(LATENCY) / 2
    with (
        Report(__file__) as report,
        place(limits={"p-image": (LIMIT, WINDOW)}, latency=LATENCY) as (where, service),
        fresh_processes(2) as pool,
    ):
        at = time.time() + START_SECONDS
        halves = [pool.submit(ours, where, what, at) for what in ("a mill", "a harbour")]
        ends, done = zip(*(half.result() for half in halves), strict=True)
        taken = max(ends) - at
        report.add(
            f"two processes, {ROWS // 2} rows each, at {LIMIT} per {WINDOW:g} s: wall / ideal",
            ours=f"{seconds(taken)}, {service.refused} refused",
            beside=f"ideal {seconds(ideal)}",
            ratio=taken / ideal,
            at_most=1.10,
            also={"refused 0": service.refused == 0, "none lost": sum(done) == ROWS},
        )


if __name__ == "__main__":
    main()
