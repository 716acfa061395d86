"""40 rows through generate, edit and upscale: as one chain, and step by step.

Seconds are a tenth of what they stand for: predictions of 4 s, one in twenty of which waits 40 s
for a free machine; and a key that may send 60 a minute. Where all predictions take about as long
and no limit is met, no order of the work is much faster than another: that is the last figure.
"""

from __future__ import annotations

import time

from common import PLENTY, Place, Report, in_child, place, prompts, seconds

ROWS = 40
MODELS = ("p-image", "p-image-edit", "p-image-upscale")
STRAGGLERS = (0.4,) * 19 + (4.0,)
LIMIT = (10, 1.0)
FREE = dict.fromkeys(MODELS, PLENTY)
LIMITED = dict.fromkeys(MODELS, LIMIT)


def run(where: Place, how: str) -> tuple[float, int]:
    """Make the rows in one of the two ways; give its seconds, and how many were made."""
    with where.configure():
        frame = prompts(ROWS)
        quiet = {"progress": False}
        frame.head(1).pruna.generate("prompt", seed=9, **quiet)  # what is imported late
        began = time.perf_counter()
        if how == "chain":
            plan = frame.pruna.plan().generate("prompt").edit(prompt="by night: {prompt}")
            out = plan.upscale(target=1).run(**quiet)
        else:
            made = frame.pruna.generate("prompt", **quiet)
            edited = made.pruna.edit(prompt="by night: {prompt}", **quiet)
            out = edited.pruna.upscale(target=1, **quiet)
        return time.perf_counter() - began, int((out["status"] == "succeeded").sum())


def main() -> None:
    """Measure both ways on each kind of service."""
    with Report(__file__) as report:
        for title, latency, limits, bound in (
            ("one prediction in twenty takes ten times as long", STRAGGLERS, FREE, 1.5),
            ("10 a second for each model, 0.3 to 1 s each", (0.3, 1.0), LIMITED, 1.5),
            ("no limit met, 0.3 to 1 s each", (0.3, 1.0), FREE, 0.9),
        ):
            taken, done = {}, []
            for how in ("chain", "steps"):
                with place(latency=latency, limits=limits) as (where, service):
                    taken[how], made = in_child(run, where, how)
                    done += [made == ROWS, service.charged == 3 * ROWS + 1, not service.refused]
            report.add(
                f"{ROWS} rows, generate + edit + upscale, {title}: step by step / as one",
                ours=seconds(taken["chain"]),
                beside=f"step by step {seconds(taken['steps'])}",
                ratio=taken["steps"] / taken["chain"],
                at_least=bound,
                also={"none lost, none paid twice, none refused": all(done)},
            )


if __name__ == "__main__":
    main()
