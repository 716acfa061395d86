"""A process that runs rows when it is told to, and may be killed or interrupted at any moment.

It imports everything once and forks for each run, so that a run begins at once. Each line of its
standard input is one run's orders in JSON; it says "pid N" when the run begins and "end N" when
it is over, with the status that the system gives.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Runner:
    """The parent's view of such a process."""

    def __init__(self):
        self._child = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def __enter__(self):
        assert self._child.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self._child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(30)
        self._child.kill()
        self._child.wait()
        self._child.stdout.close()

    def begin(self, **orders):
        """Begin a run; give the process's number."""
        self._child.stdin.write(json.dumps(orders) + "\n")
        return int(self._said("pid"))

    def end(self):
        """Wait for the run's end; give None if it was killed, else what it came to."""
        said = self._said("end")
        return None if said == "killed" else json.loads(said)

    def _said(self, word):
        line = self._child.stdout.readline()
        assert line.startswith(f"{word} "), f"{word} was expected, not {line!r}"
        return line.removeprefix(f"{word} ").strip()


def serve():
    """Be the process: import, then fork for each line."""
    import pandas as pd

    import pruna_nb
    from pruna_nb.batch import run

    del pd, pruna_nb, run
    print("ready", flush=True)
    for line in sys.stdin:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            os.write(write, json.dumps(work(json.loads(line))).encode())
            os._exit(0)
        os.close(write)
        print(f"pid {pid}", flush=True)
        with os.fdopen(read) as file:
            said = file.read()
        _, status = os.waitpid(pid, 0)
        print(f"end {'killed' if os.WIFSIGNALED(status) else said or 'null'}", flush=True)


def work(orders):
    """Run rows as they are ordered; give their statuses, and what was raised."""
    import logging

    import pandas as pd

    import pruna_nb

    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A file, so that what was said before a kill is not lost with it.
    logging.getLogger("pruna_nb").addHandler(logging.FileHandler(orders["told"]))
    frame = pd.DataFrame({"prompt": orders["prompts"]})
    raised, out = None, None
    settings = {name: orders[name] for name in ("base_url", "cache_dir", "state_dir")}
    limits = {name: tuple(limit) for name, limit in orders.get("limits", {}).items()}
    with pruna_nb.configure(api_key="sk-of-the-child", limits=limits, **settings):
        try:
            out = frame.pruna.generate("prompt", progress=False)
        except pruna_nb.PrunaError as error:
            raised, out = f"{type(error).__name__}: {error}", getattr(error, "frame", None)
        except KeyboardInterrupt as error:
            raised = f"KeyboardInterrupt: {' '.join(error.__notes__)}"
    there = None
    if out is not None:
        there = [bool(path) and Path(path).is_file() for path in out["output"].fillna("")]
    return {
        "status": None if out is None else out["status"].tolist(),
        "error": None if out is None else out["error"].fillna("").tolist(),
        "output": None if out is None else out["output"].fillna("").tolist(),
        "cost_usd": None if out is None else out["cost_usd"].tolist(),
        "there": there,
        "raised": raised,
    }


if __name__ == "__main__":
    serve()
