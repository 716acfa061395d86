"""Write the figures that the benchmarks left into docs/explanation/performance.md.

``make bench`` runs every script and then this; the text around the table is kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from common import RESULTS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def table() -> str:
    """Give the figures of all scripts as Markdown, with the machine and its load."""
    kept = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("bench_*.json"))]
    if not kept:
        sys.exit("No figures: run `make bench` first.")
    lines = [
        "| figure | ours | beside it | ratio | must be | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for run in kept:
        lines += [
            f"| {each['figure']} | {each['ours']} | {each['beside']} | {each['ratio']:.3g} | "
            f"{each['bound']} | {'ok' if each['met'] else '**not met**'} |"
            for each in run["figures"]
        ]
    days = " to ".join(
        dict.fromkeys([min(run["day"] for run in kept), max(run["day"] for run in kept)])
    )
    loads = [run["load"] for run in kept]
    machine = " / ".join(dict.fromkeys(run["machine"] for run in kept))
    busy = f"Load when the scripts began: {min(loads):g} to {max(loads):g}."
    return "\n".join([f"Measured {days} on: {machine}. {busy}", "", *lines])


def main() -> None:
    """Put the table between the page's marks."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        sys.exit(f"{PAGE.name} has no marks for the figures.")
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
