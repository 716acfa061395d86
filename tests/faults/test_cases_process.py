"""Processes that are ended from outside, or forked: nothing that was paid for is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pruna_nb import emulator, errors
from pruna_nb.store import database
from pruna_nb.store.database import database_of
from tests.faults import cases_process
from tests.faults.cases_process import (
    BACKGROUND,
    FRAME,
    ONE_BY_ONE,
    finished,
    line_with,
    place,
    started,
    until,
)
from tests.faults.proxy import SlowProxy
from tests.helpers.runs import end_predictions

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.name != "posix", reason="needs fork and signals"),
]
ENDING = [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize(
    "code", [FRAME, BACKGROUND, ONE_BY_ONE], ids=["frame", "background", "single"]
)
def test_a_script_that_is_ended_from_outside_pays_for_no_row_twice(number, code):
    rows, at = (4, 2) if code is ONE_BY_ONE else (40, 8)
    found, exit_code = cases_process.ended_by(number, code, rows, at)
    assert exit_code == 128 + number
    assert (found.lost, found.paid_twice, found.told) == (0, 0, 0), found


def test_a_single_call_that_is_killed_while_it_waits_is_taken_up_by_the_next_one(tmp_path):
    with (
        emulator.running(fast=True, latency=1.5) as service,
        place(service.url) as (_, environment),
    ):
        child = started(ONE_BY_ONE, environment, 1)
        # Whoever asks for its status knows its id.
        until(lambda: service.counts["status"] >= 1)
        child.kill()
        finished(child)
        out, _ = finished(started(ONE_BY_ONE, environment, 1))
        assert out.split() == ["succeeded"]
        assert service.charged == 1


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_the_command_line_writes_its_table_before_a_signal_ends_it(number, tmp_path):
    table = tmp_path / "prompts.csv"
    table.write_text("prompt\n" + "".join(f"thing {number}\n" for number in range(40)))
    code = "import sys; from pruna_nb.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "generate", str(table), "--prompt-col", "prompt"]
    command += ["--out", str(tmp_path / "out"), "--quiet"]
    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        SlowProxy(service.port, 0.2) as proxy,
        place(proxy.url) as (_, environment),
    ):
        child = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        until(lambda: service.charged >= 8)
        child.send_signal(number)
        _, said = finished(child)
        assert child.returncode == 128 + number
        assert "rows are done and kept; run again to go on." in said
        assert re.search(r"\d+ predictions? sent and not delivered \(0\.\d+ USD of it\)", said)
        assert (tmp_path / "out" / "prompts.csv").is_file()
        again = subprocess.run(command, env=environment, check=True, capture_output=True)
        assert b"40 rows" in again.stdout
        assert service.charged == 40


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux, to see who has a lock")
def test_a_run_that_waits_for_a_stopped_process_says_so_and_goes_on_when_that_does(tmp_path):
    with (
        emulator.running(fast=True, latency=600) as service,
        place(service.url) as (_, environment),
    ):
        stopped = started(FRAME, environment, 6)
        until(lambda: service.charged >= 6)
        stopped.send_signal(signal.SIGSTOP)
        waiting = started(FRAME, environment, 6)
        told = line_with("is stopped", waiting.stderr)
        assert told.startswith(f"Process {stopped.pid} is sending rows that this run has too")
        end_predictions(service)
        stopped.send_signal(signal.SIGCONT)
        for child in (stopped, waiting):
            out, _ = finished(child)
            assert out == "{'succeeded': 6}\n"
        assert service.charged == 6


LOCKING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux, to see who has a lock")
def test_a_database_that_a_stopped_process_has_locked_names_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    ours = database_of(tmp_path / "cache")
    ours.execute("SELECT 1")
    with subprocess.Popen(
        [sys.executable, "-c", LOCKING, str(ours.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout.readline() == b"locked\n"
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        with pytest.raises(errors.CacheError, match=f"process {child.pid}, which is stopped"):
            ours.change("DELETE FROM prediction WHERE entry = ?", ["none"])
        child.kill()


OWN_WAY = """
import os, signal, sys
import pandas as pd
import pruna_nb
came = []
number = int(sys.argv[1])
signal.signal(number, {handler})
out = pd.DataFrame({{"prompt": ["a", "b", "c"]}}).pruna.generate("prompt", progress=False)
print(out["status"].tolist().count("succeeded"), came == [number] * {times})
"""


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
@pytest.mark.parametrize(
    ("handler", "times"),
    [("lambda number, frame: came.append(number)", 1), ("signal.SIG_IGN", 0)],
    ids=["handled", "ignored, as nohup does"],
)
def test_whoever_has_an_own_way_with_a_signal_keeps_it(number, handler, times):
    with (
        emulator.running(fast=True, latency=0.5) as service,
        place(service.url) as (_, environment),
    ):
        child = started(OWN_WAY.format(handler=handler, times=times), environment, int(number))
        until(lambda: service.charged >= 3)
        child.send_signal(number)
        out, _ = finished(child)
        assert out.split() == ["3", "True"]
        assert child.returncode == 0


RESTORED = """
import signal
import pandas as pd
import pruna_nb
before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
pd.DataFrame({"prompt": ["a"]}).pruna.generate("prompt", progress=False)
pruna_nb.generate("a")
print([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before)
"""


def test_after_a_run_signals_do_what_they_did_before():
    with emulator.running(fast=True) as service, place(service.url) as (_, environment):
        assert finished(started(RESTORED, environment)) == ("True\n", "")


DONE = """
import os, signal
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": ["a"]})
frame.pruna.generate("prompt", progress=False, background=True).result()
signal.raise_signal(signal.SIGTERM)
"""
IN_A_CHILD = """
import multiprocessing, time
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(10)]})
run = frame.pruna.generate("prompt", progress=False, background=True)
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
child.start()
child.terminate()
child.join()
assert run.result()["status"].eq("succeeded").all()
raise SystemExit(child.exitcode)
"""


IN_A_CHILD_OF_A_THREAD = """
import multiprocessing, threading, time
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(10)]})
codes = []
def fork():
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join()
    codes.append(child.exitcode)
thread = threading.Timer(0.05, fork)
thread.start()
assert frame.pruna.generate("prompt", progress=False)["status"].eq("succeeded").all()
thread.join()
raise SystemExit(codes[0])
"""


@pytest.mark.parametrize(
    "code",
    [DONE, IN_A_CHILD, IN_A_CHILD_OF_A_THREAD],
    ids=["when it is done", "in a forked child", "in a child that a thread forked"],
)
def test_a_signal_does_what_it_did_before_where_no_run_is_at_work(code):
    with emulator.running(fast=True) as service, place(service.url) as (_, environment):
        child = started(code, environment)
        _, said = finished(child)
        assert child.returncode == (-signal.SIGTERM if code is DONE else 256 - signal.SIGTERM), said


FORKED_WHILE_LOADING = """
import importlib.machinery, os, signal, sys, threading, time
import pandas as pd
import pruna_nb

loading = threading.Event()

class Slowly(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "PIL.ImageFile":
            loading.set()
            time.sleep(0.3)
        return None

sys.meta_path.insert(0, Slowly)
frame = pd.DataFrame({"prompt": ["a", "b"]})
run = frame.pruna.generate("prompt", progress=False, background=True)
assert loading.wait(30)
child = os.fork()
if child == 0:
    signal.alarm(20)  # ends a child that waits for ever
    from PIL import Image
    Image.init()
    os._exit(0)
_, status = os.waitpid(child, 0)
print(run.result()["status"].tolist().count("succeeded"), status)
"""


def test_a_child_that_is_forked_while_a_run_loads_its_modules_can_import_them():
    with emulator.running(fast=True) as service, place(service.url) as (_, environment):
        out, said = finished(started(FORKED_WHILE_LOADING, environment))
        assert out == "2 0\n", said  # from 3.12 on, Python warns of forks beside threads


CAUGHT = """
import sys
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(40)]})
try:
    frame.pruna.generate("prompt", progress=False)
except KeyboardInterrupt as stop:
    print(len(stop.frame), stop)
    raise
finally:
    print("cleaned up")
"""


def test_a_script_can_keep_what_is_done_and_clean_up_when_it_is_ended():
    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        SlowProxy(service.port, 0.1) as proxy,
        place(proxy.url) as (_, environment),
    ):
        child = started(CAUGHT, environment)
        until(lambda: service.charged >= 4)
        child.send_signal(signal.SIGTERM)
        out, said = finished(child)
        assert out.splitlines() == ["40 stopped by SIGTERM", "cleaned up"]
        assert "Traceback" not in said
        assert child.returncode == 143


@pytest.mark.parametrize("case", cases_process.CASES[4:], ids=lambda case: case.name)
def test_no_row_is_lost_and_none_is_paid_for_twice_in_silence(case):
    found = case.run()
    assert found.lost <= case.lost, found
    assert found.paid_twice <= case.at_most_twice, found
    assert found.paid_twice <= found.told, found
    assert found.refused == 0, found


CELL = """
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(40)]})
frame.pruna.generate("prompt", progress=False)
"""


def test_a_kernel_that_is_told_to_end_ends_by_itself_and_loses_nothing():
    from jupyter_client.manager import start_new_kernel

    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        SlowProxy(service.port, 0.2) as proxy,
        place(proxy.url) as (_, environment),
    ):
        manager, client = start_new_kernel(env=environment)
        try:
            kernel = manager.provisioner.process
            client.execute(CELL)
            until(lambda: service.charged >= 8)
            kernel.send_signal(signal.SIGTERM)
            until(lambda: kernel.poll() is not None)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        out, _ = finished(started(FRAME, environment, 40))
        assert out == "{'succeeded': 40}\n"
        assert service.charged == 40
