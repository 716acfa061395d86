"""Break the network and the service on purpose, and print what was lost and paid for twice.

``make faults`` runs it; the table stands in docs/explanation/reliability.md. Names on the
command line choose faults by a part of their names; ``--quick`` leaves out those that take long.
"""

from __future__ import annotations

import importlib
import logging
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults import cases, processes

# Each area has a module of its own: cases_<area>.py, with a list CASES.
AREAS = [
    importlib.import_module(f"tests.faults.{path.stem}")
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
]
ALL_CASES = [
    *cases.CASES,
    *processes.PROCESS_CASES,
    *(case for area in AREAS for case in area.CASES),
]
"""Every fault, in the order of the table."""

HEAD = "| fault | rows | lost | paid twice | of these told | after the first run |"
RULE = "| --- | --- | --- | --- | --- | --- |"


def line(case, found):
    """Return one row of the table."""
    sees = found.sees.replace("|", "\\|")
    told = min(found.told, found.paid_twice)
    return f"| {case.name} | {found.rows} | {found.lost} | {found.paid_twice} | {told} | {sees} |"


def main(arguments):
    """Run the faults that are asked for; give the number that went wrong."""
    quick = "--quick" in arguments
    wanted = [argument for argument in arguments if not argument.startswith("-")]
    logging.getLogger("pruna_nb").setLevel(logging.CRITICAL)
    print(HEAD, RULE, sep="\n", flush=True)
    wrong, began = [], time.monotonic()
    for case in ALL_CASES:
        if wanted and not any(part in case.name for part in wanted):
            continue
        if quick and case.slow:
            continue
        found = case.run()
        print(line(case, found), flush=True)
        if found.lost > case.lost or found.paid_twice > min(found.told, case.at_most_twice):
            wrong.append(case.name)
    print(f"\n{time.monotonic() - began:.0f} s", end="")
    print(f"; NOT AS IT SHOULD BE: {', '.join(wrong)}" if wrong else "; all as it should be")
    return len(wrong)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        sys.exit(min(1, main(sys.argv[1:])))
