"""The command line's folder and screen, which go away, or are somebody else's, in mid-run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from pruna_nb import emulator
from tests.faults.cases import ROWS, Case, Result
from tests.faults.cases_process import PATIENCE, place, until

COMMAND = "import sys; from pruna_nb.cli import main; sys.exit(main(sys.argv[1:]))"
THEIRS = b"of somebody else"


def commanded(*, before=None, meanwhile=None):
    """Run a table by the command line while something happens, and run it again.

    Parameters
    ----------
    before : callable, optional
        Gets the folder of ``--out`` before the first run.
    meanwhile : callable, optional
        Gets that folder and the command, when a third of the rows is sent.

    Returns
    -------
    Result, int
        And the first run's exit code. A row is lost if the table of the second run does not lead
        to a picture, or if what somebody else had there is not there any more.
    """
    with (
        emulator.running(fast=True, latency=(0.3, 0.6)) as service,
        place(service.url) as (folder, environment),
    ):
        table, out = folder / "rows.csv", folder / "out"
        prompts = [f"thing {number}" for number in range(ROWS)]
        pd.DataFrame({"prompt": prompts}).to_csv(table, index=False)
        out.mkdir()
        if before is not None:
            before(out)
        arguments = ["generate", table, "--prompt-col", "prompt", "--out", out, "--quiet"]
        command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
        child = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        try:
            until(lambda: service.charged >= ROWS // 3)
            if meanwhile is not None:
                meanwhile(out, child)
            said = child.stderr.read().strip()
            code = child.wait(PATIENCE)
        finally:
            child.kill()
            child.communicate()
        again = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert again.returncode == 0, again.stderr
        last = re.search(r"the table is (\S+)", again.stdout.decode())[1]
        made = pd.read_csv(out / last)
        found = sum(Path(path).read_bytes()[:3] == b"\xff\xd8\xff" for path in made["output"])
        theirs = list(folder.glob("theirs*"))
        kept = all(path.read_bytes() == THEIRS for path in theirs)
        sees = said.splitlines()[0].replace(str(folder), "…") if said else "all succeeded"
        lost = ROWS - found if kept else ROWS
        return Result(ROWS, lost, service.charged - ROWS, 0, f"exit code {code}; {sees}"), code


def gone(out, _):
    """Take the folder away."""
    shutil.rmtree(out)


def closed(_, child):
    """Close the screen that the command writes to."""
    child.stdout.close()


def taken(out):
    """Place links and files of somebody else under the names of outputs and table."""
    for name in ("00.jpg", "rows.csv"):
        theirs = out.parent / f"theirs-{name}"
        theirs.write_bytes(THEIRS)
        (out / name).symlink_to(theirs)
    (out / "01.jpg").symlink_to(out.parent / "nowhere")


CASES = [
    Case("the folder of --out goes away in mid-run", lambda: commanded(meanwhile=gone)[0]),
    Case("links lie in --out under the names of outputs", lambda: commanded(before=taken)[0]),
    Case("the command's screen is closed in mid-run", lambda: commanded(meanwhile=closed)[0]),
]
"""Every fault of the command line's folder and screen."""
