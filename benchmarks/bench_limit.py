"""500 rows at 250 per 20 s, on every kind of limit that a service may keep.

Ideal for windows: the windows that must pass, and one prediction. Ideal for a steady refill, and
for a counter that a steady client never fills: the rows at the limit's own pace.
"""

from __future__ import annotations

import math
import time

from common import PLENTY, Place, Report, in_child, place, prompts, seconds
from rivals import Brought, apply_loop, thread_pool, vendor

ROWS, LIMIT, WINDOW = 500, 250, 20.0
LATENCY = (0.6, 1.4)
MEAN = sum(LATENCY) / 2
WORKERS = 32
LOOP_ROWS = 25
WINDOWS = {
    "fixed window": "fixed",
    "sliding window": "sliding",
    "sliding counter": "counter",
    "bucket of 10": ("bucket", 10),
}


def ours(where: Place) -> Brought:
    """Make the frame's pictures with `df.pruna.generate`."""
    with where.configure():
        frame = prompts(ROWS)
        began = time.perf_counter()
        out = frame.pruna.generate("prompt", progress=False)
        taken = time.perf_counter() - began
    done = int((out["status"] == "succeeded").sum())
    return Brought(taken, done, ROWS - done)


def main() -> None:
    """Measure each kind of limit, and what others make of it."""
    limits = {"p-image": (LIMIT, WINDOW)}
    with Report(__file__) as report:
        with place(limits={"p-image": PLENTY}, latency=LATENCY) as (where, _):
            few = apply_loop(prompts(LOOP_ROWS), where.url, where.folder / "loop")
        loop = few.seconds / LOOP_ROWS * ROWS
        for name, window in WINDOWS.items():
            options = {"limits": limits, "window": window, "latency": LATENCY}
            with place(**options) as (where, service):
                mine = in_child(ours, where)
                refused, charged = service.refused, service.charged
            others = [f"df.apply {seconds(loop)} (from {LOOP_ROWS} rows)"]
            for title, rival in (("64 threads with retry", thread_pool), ("vendor", vendor)):
                with place(**options) as (where, service):
                    got = rival(prompts(ROWS), where.url, where.folder / "out")
                    said = f"{got.lost} lost, {service.refused} refused"
                    others.append(f"{title} {seconds(got.seconds)}, {said}")
            steady = window not in {"fixed", "sliding"}
            ideal = (
                ROWS * WINDOW / LIMIT if steady else ((math.ceil(ROWS / LIMIT) - 1) * WINDOW + MEAN)
            )
            allowed = WORKERS if steady else 0
            report.add(
                f"{ROWS} rows at {LIMIT} per {WINDOW:g} s, {name}: wall / ideal",
                ours=f"{seconds(mine.seconds)}, {mine.lost} lost, {refused} refused",
                beside=", ".join([f"ideal {seconds(ideal)}", *others]),
                ratio=mine.seconds / ideal,
                at_most=1.12 if steady else 1.08,
                also={
                    f"refused {'at most ' if allowed else ''}{allowed}": refused <= allowed,
                    "none lost": mine.done == charged == ROWS,
                },
            )


if __name__ == "__main__":
    main()
