"""400 rows at 250 a minute: the vendor's own client and ours."""

from __future__ import annotations

import time

from common import Place, Report, in_child, place, prompts, seconds
from rivals import Brought, vendor

ROWS, LIMIT, WINDOW = 400, 250, 60.0
LATENCY = (0.6, 1.4)


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
    """Run both on a service with p-image's published limit."""
    with Report(__file__) as report:
        options = {"limits": {"p-image": (LIMIT, WINDOW)}, "latency": LATENCY}
        with place(**options) as (where, service):
            theirs = vendor(prompts(ROWS), where.url, where.folder / "out")
            refusals = service.refused
        with place(**options) as (where, service):
            mine = in_child(ours, where)
            refused = service.refused
        report.add(
            f"{ROWS} rows at {LIMIT} a minute: rows that have their picture",
            ours=f"{mine.done}, {refused} refused, {seconds(mine.seconds)}",
            beside=(
                f"pruna-client generate_batch {theirs.done} ({theirs.lost} lost), "
                f"{refusals} refused, {seconds(theirs.seconds)}"
            ),
            ratio=mine.done,
            at_least=ROWS,
            unit=" rows",
            also={"refused 0": refused == 0},
        )


if __name__ == "__main__":
    main()
