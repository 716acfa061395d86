"""A real Jupyter kernel, interrupted, killed and shown an error in the middle of a run."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from pruna_nb import emulator
from tests.faults.processes import names
from tests.helpers.runs import end_predictions

ROOT = Path(__file__).parents[2]
KEY = "sk-a-very-secret-key-of-the-kernel"
pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs signals"),
    # Of jupyter_client's own, while its sockets are closed.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]

SET_UP = """
import pandas as pd
import pruna_nb
frame = pd.DataFrame({{"prompt": {prompts!r}}})
"""


class Kernel:
    """A kernel, and everything that its cells put into the notebook."""

    def __init__(self, env):
        self.manager, self.client = start_new_kernel(kernel_name="python3", env=env, cwd=str(ROOT))
        self.outputs = []

    def close(self):
        self.client.stop_channels()
        with contextlib.suppress(RuntimeError):
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def begin(self, code):
        """Begin a cell, and do not wait for it."""
        return self.client.execute(code)

    def end(self, cell, seconds=60):
        """Wait for a cell's end; give its answer."""
        end = time.monotonic() + seconds
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if message["parent_header"].get("msg_id") != cell:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            self.outputs.append(message["content"])
        while True:
            reply = self.client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == cell:
                return reply["content"]

    def run(self, code):
        """Run a cell that must not fail."""
        reply = self.end(self.begin(code))
        assert reply["status"] == "ok", reply
        return reply

    @property
    def text(self):
        """Everything that came into the notebook, as JSON."""
        return json.dumps(self.outputs, default=str)


@contextlib.contextmanager
def kernel(service, tmp_path):
    """Start a kernel with settings of its own, as a person has them in the environment."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PRUNA_API_KEY": KEY,
        "PRUNA_API_URL": service.url,
        "PRUNA_NB_CACHE_DIR": str(tmp_path / "cache"),
        "PRUNA_NB_STATE_DIR": str(tmp_path / "state"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    made = Kernel(env)
    try:
        yield made
    finally:
        made.close()


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


SOON = 60
"""Seconds that a busy machine may take for the end of a run whose predictions take 600."""
LOST = "print(pruna_nb.journal()['state'].isin(['lost', 'resent']).sum())"
COUNT = "assert (out['status'] == 'succeeded').all(), out['status'].value_counts()"


@pytest.mark.slow
def test_an_interrupted_cell_ends_soon_and_the_next_one_goes_on_at_no_double_cost(tmp_path):
    with (
        emulator.running(fast=True, latency=600) as service,
        kernel(service, tmp_path) as notebook,
    ):
        notebook.run(SET_UP.format(prompts=names(60)))
        notebook.run("pruna_nb.configure(limits={'p-image': (10, 0.4)})")
        for _ in range(2):
            before = service.charged
            cell = notebook.begin("out = frame.pruna.generate('prompt')")
            wait_for(lambda before=before: service.charged >= before + 8)
            notebook.manager.interrupt_kernel()
            began = time.monotonic()
            reply = notebook.end(cell)
            assert reply["ename"] == "KeyboardInterrupt"
            assert time.monotonic() - began < SOON
        service.configure(latency=0)
        end_predictions(service)
        notebook.run("out = frame.pruna.generate('prompt')")
        notebook.run(COUNT)
        notebook.run("assert len(out) == 60 and not out['output'].isna().any()")
        notebook.run(
            "lost = (pruna_nb.journal()['state'].isin(['lost', 'resent'])).sum(); print(lost)"
        )
        lost = int(notebook.outputs[-1]["text"])
        assert service.charged <= 60 + lost
        assert "of an earlier run (not sent again)" in notebook.text
        assert KEY not in notebook.text


@pytest.mark.slow
def test_a_killed_kernel_loses_nothing_and_a_new_one_goes_on_at_no_double_cost(tmp_path):
    with emulator.running(fast=True, latency=(0.5, 1.5)) as service:
        for attempt in range(2):
            with kernel(service, tmp_path) as notebook:
                notebook.run(SET_UP.format(prompts=names(60)))
                notebook.run("pruna_nb.configure(limits={'p-image': (10, 0.4)})")
                if attempt == 0:
                    notebook.begin("out = frame.pruna.generate('prompt')")
                    wait_for(lambda: service.charged >= 15)
                    notebook.manager.shutdown_kernel(now=True)
                    continue
                notebook.run("out = frame.pruna.generate('prompt')")
                notebook.run(COUNT)
                notebook.run(LOST)
                lost = int(notebook.outputs[-1]["text"])
        assert service.charged <= 60 + lost


def test_no_output_of_a_notebook_shows_the_key_not_even_a_verbose_traceback(tmp_path):
    with (
        emulator.running(fast=True, latency=0, keys=["another"]) as service,
        kernel(service, tmp_path) as notebook,
    ):
        notebook.run(SET_UP.format(prompts=names(3)))
        notebook.run("%xmode Verbose")
        shown = [
            "frame.pruna.generate('prompt')",
            "pruna_nb.generate('a lion')",
            "pruna_nb.Client().create('p-image', {'prompt': 'a'})",
            "pruna_nb.Client().wait('nothing')",
            "pruna_nb.Client(base_url='http://127.0.0.1:9').create('p-image', {'prompt': 'a'})",
        ]
        for code in shown:
            assert notebook.end(notebook.begin(code))["status"] == "error", code
        for code in (
            "pruna_nb.settings.current()",
            "pruna_nb.Client()",
            "pruna_nb.Client().endpoints, pruna_nb.Client().endpoints.transport",
            "pruna_nb.configure(workers=4)",
            "pruna_nb.journal()",
        ):
            notebook.run(code)
    assert KEY not in notebook.text
    assert "AuthenticationError" in notebook.text


def test_ctrl_c_is_heard_in_cells_with_a_top_level_await(tmp_path):
    with (
        emulator.running(fast=True, latency=600) as service,
        kernel(service, tmp_path) as notebook,
    ):
        notebook.run(SET_UP.format(prompts=names(40)) + "import asyncio\n")
        notebook.run("pruna_nb.configure(limits={'p-image': (5, 0.5)})")
        for code, ename in (
            # Its handler only tells the loop, which a verb that is not awaited keeps from hearing.
            ("await asyncio.sleep(0)\nout = frame.pruna.generate('prompt')", "KeyboardInterrupt"),
            ("out = await frame.pruna.agenerate('prompt')", "CancelledError"),
            (
                "out = await frame.pruna.generate('prompt', cache='refresh', background=True)",
                "CancelledError",
            ),
        ):
            before = service.charged
            cell = notebook.begin(code)
            wait_for(lambda before=before: service.charged >= before + 6)
            notebook.manager.interrupt_kernel()
            began = time.monotonic()
            reply = notebook.end(cell)
            assert reply["ename"] == ename
            assert time.monotonic() - began < SOON
            assert "rows are done and kept; run again to go on" in "".join(reply["traceback"])
            assert len(reply["traceback"]) < 10
            notebook.run("assert not pruna_nb.batch.interrupts.ACTIVE_RUNS")
            charged = service.charged
            assert charged < before + 40
            notebook.run("await asyncio.sleep(0.6)")
            assert service.charged == charged
        # The kernel goes on, and so does the run: nothing is lost, nothing paid for twice.
        service.configure(latency=0)
        end_predictions(service)
        notebook.run("pruna_nb.configure(limits={'p-image': (100, 0.5)})")
        notebook.run("out = await frame.pruna.agenerate('prompt')\n" + COUNT)
        notebook.run(LOST)
        lost = int(notebook.outputs[-1]["text"])
        assert service.charged <= 2 * 40 + lost
