"""An error as a real kernel shows it: two lines, and all of them for ``%tb``."""

from __future__ import annotations

import os
import re
import signal

import pytest
from jupyter_client.manager import start_new_kernel

from pruna_nb import emulator
from tests.faults.cases_process import until

pytestmark = [
    # Of jupyter_client's own, while its sockets are closed.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]
SET_UP = "import pandas as pd, pruna_nb; frame = pd.DataFrame({'prompt': ['a fox']})"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    with emulator.running(fast=True, latency=3600) as service:
        env = os.environ | {
            "PRUNA_API_KEY": "sk-of-the-kernel",
            "PRUNA_API_URL": service.url,
            "PRUNA_NB_CACHE_DIR": str(folder / "cache"),
            "PRUNA_NB_STATE_DIR": str(folder / "state"),
        }
        manager, client = start_new_kernel(kernel_name="python3", env=env)
        client.service, client.process = service, manager.provisioner.process  # type: ignore[attr-defined]
        try:
            client.execute_interactive(SET_UP, timeout=60)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            manager.cleanup_resources()


def lines_of(kernel, code):
    """Return the lines of the error that a cell shows."""
    shown = []
    kernel.execute_interactive(
        code, timeout=60, output_hook=lambda message: shown.append(message["content"])
    )
    (error,) = (content for content in shown if "traceback" in content)
    return ANSI.sub("", "\n".join(error["traceback"])).splitlines()


def interrupted(kernel, code):
    """Interrupt a cell once it has sent something; return the lines of the error."""
    before = len(kernel.service.accepted)
    shown = []
    cell = kernel.execute(code)
    until(lambda: len(kernel.service.accepted) > before)
    kernel.process.send_signal(signal.SIGINT)
    while True:
        message = kernel.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != cell:
            continue
        shown.append(message["content"])
        if message["content"].get("execution_state") == "idle":
            break
    (error,) = (content for content in shown if "traceback" in content)
    return ANSI.sub("", "\n".join(error["traceback"])).splitlines()


def test_a_mistake_is_the_users_line_and_the_message(kernel):
    lines = lines_of(
        kernel,
        "first = 1\nsecond = 2\nthird = 3\nframe.pruna.generate('promt', progress=False)",
    )
    assert lines[0] == "----> 4 frame.pruna.generate('promt', progress=False)"
    assert lines[1].startswith("ColumnError: ")
    assert len(lines) == 2
    whole = lines_of(kernel, "%tb")
    assert any("pruna_nb/frames" in line for line in whole)
    assert whole[-1] == lines[1]


def test_several_mistakes_stand_line_by_line(kernel):
    call = "frame.pruna.generate('prompt', seed='x', aspect_ratio='7:1', progress=False)"
    lines = lines_of(kernel, f"first = 1\n{call}")
    assert lines[0].startswith("----> 2 frame.pruna.generate('prompt', seed=")
    assert lines[1].startswith("InputError: ")
    assert len(lines) == 4


def test_the_line_is_that_of_the_users_own_function(kernel):
    code = "def mine():\n    return pruna_nb.get_model('no-such-model')\n\nmine()"
    lines = lines_of(kernel, code)
    assert lines[0] == "----> 2 return pruna_nb.get_model('no-such-model')"
    assert lines[1].startswith("UnknownModelError: ")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("pruna_nb.generte('a fox')", "----> 1 pruna_nb.generte('a fox')"),
        ("frame.pruna.genrate('prompt')", "----> 1 frame.pruna.genrate('prompt')"),
        # Of these, IPython keeps no line; of a magic of ours, it is the cell.
        ("%%time\nframe.pruna.generate('promt')", "ColumnError: No column 'promt'"),
        ("%timeit -n1 -r1 frame.pruna.generate('promt')", "ColumnError: No column 'promt'"),
    ],
)
def test_a_misspelt_verb_and_a_timed_mistake_are_as_short(kernel, cell, shown):
    lines = lines_of(kernel, cell)
    assert lines[0].startswith(shown)
    assert len(lines) <= 2


def test_a_mistake_in_our_own_magic_is_its_message_alone(kernel):
    kernel.execute_interactive("%load_ext pruna_nb", timeout=60)
    shown = []
    kernel.execute_interactive(
        "%%pruna --sede 1\na fox",
        timeout=60,
        output_hook=lambda message: shown.append(message["content"]),
    )
    (text,) = [content["text"] for content in shown if content.get("name") == "stderr"]
    assert text.strip().splitlines() == [
        "UsageError: --sede: p-image has no such field. Did you mean --seed?"
    ]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_of_a_single_output_is_two_lines(kernel):
    lines = interrupted(kernel, "pruna_nb.generate('an owl')")
    assert lines == ["----> 1 pruna_nb.generate('an owl')", "KeyboardInterrupt"]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupt_is_as_short_and_says_what_is_kept(kernel):
    lines = interrupted(kernel, "frame.pruna.generate('prompt', progress=False)")
    assert lines[:2] == [
        "----> 1 frame.pruna.generate('prompt', progress=False)",
        "KeyboardInterrupt",
    ]
    assert any("0 of 1 rows" in line for line in lines)
    assert len(lines) <= 4
