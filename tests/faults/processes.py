"""What happens to whole processes: kills, full disks, folders that go, two at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pruna_nb
from pruna_nb import emulator
from pruna_nb.errors import CacheError
from pruna_nb.store.database import database_of
from pruna_nb.store.journal import Journal
from tests.faults.cases import Case, Result, generate, prompts, result, settings_for
from tests.faults.child import Runner
from tests.faults.proxy import SlowProxy
from tests.faults.servers import free_port

ROOT = Path(__file__).parents[2]
_NOT_HERE = 77
RATE = {"p-image": [10, 0.4]}
"""25 rows a second, so that a run of 200 lasts eight seconds and more."""


@dataclass
class Course:
    """How a row of runs went, by the service's ledger and by the journal.

    Attributes
    ----------
    charged, refused : int
        What the service counted.
    kills : int
        Runs that were killed.
    states : Counter
        The journal's entries by state.
    unknown : list of str
        Ids that the service charged and the journal does not know.
    statuses : Counter
        Rows by status after the last run.
    without_file : int
        Rows that succeeded, they say, and have no file.
    announced : int
        Predictions that the runs announced as lost, all together.
    outputs : list of str
        The rows' files.
    cost_usd : float
        What the last run says that it spent.
    """

    charged: int
    refused: int
    kills: int
    states: Counter
    unknown: list
    statuses: Counter
    without_file: int
    announced: int
    outputs: list
    cost_usd: float
    seconds: float = 0.0
    raised: list = field(default_factory=list)


@contextlib.contextmanager
def folders():
    """Make a cache and a state folder, and orders for a child that name them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield {
            "cache_dir": f"{folder}/cache",
            "state_dir": f"{folder}/state",
            "told": f"{folder}/told",
        }


def names(count):
    """Return prompts that are all different."""
    return [f"thing {number}" for number in range(count)]


def announced(orders):
    """Count the predictions that the runs announced as lost before them."""
    path = Path(orders["told"])
    said = path.read_text().splitlines() if path.exists() else []
    lines = [line for line in said if "whose answer was lost" in line]
    return sum(int(line.split()[1].replace(",", "")) for line in lines)


def course_of(service, orders, last, kills, **more):
    """Return a result from what service and journal say."""
    entries = Journal(Path(orders["cache_dir"]), orders["base_url"]).entries()
    known = {entry.prediction_id for entry in entries}
    charged = [row["id"] for row in service.accepted]
    return Course(
        charged=service.charged,
        refused=service.refused,
        kills=kills,
        states=Counter(entry.state for entry in entries),
        unknown=[each for each in charged if each not in known],
        statuses=Counter(last["status"]),
        without_file=sum(
            status == "succeeded" and not there
            for status, there in zip(last["status"], last["there"], strict=True)
        ),
        announced=announced(orders),
        outputs=last["output"],
        cost_usd=sum(last["cost_usd"]),
        **more,
    )


def killed_again_and_again(rows=200, kills=30, seed=1):
    """Kill a run with SIGKILL at random moments, start it again until it is finished."""
    rng, done = random.Random(seed), 0
    began = time.monotonic()
    with (
        folders() as orders,
        emulator.running(fast=True, process=True, latency=(0.1, 0.6), limits=RATE) as service,
        # Answers take their time, so that there are POSTs on the wire to be hit.
        SlowProxy(service.port, 0.1) as proxy,
        Runner() as runner,
    ):
        orders |= {"base_url": proxy.url, "prompts": names(rows), "limits": RATE}
        while done < kills:
            pid = runner.begin(**orders)
            time.sleep(rng.uniform(0.02, 0.5))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            said = runner.end()
            if said is None:
                done += 1
            elif done < kills:  # finished too soon: go on with other rows
                rows += 100
                orders["prompts"] = names(rows)
        runner.begin(**orders)
        last = runner.end()
        seconds = time.monotonic() - began
        return course_of(service, orders, last, done, seconds=seconds)


def service_killed(rows=200, kills=8, seed=2):
    """Kill the service at random moments, start it again with its ledger."""
    rng, began = random.Random(seed), time.monotonic()
    port = free_port()
    with folders() as orders, Runner() as runner, tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        options = {"fast": True, "process": True, "port": port, "ledger": ledger}
        orders |= {
            "base_url": f"http://127.0.0.1:{port}",
            "prompts": names(rows),
            "limits": RATE,
        }
        with contextlib.ExitStack() as stack:

            def start():
                return stack.enter_context(
                    emulator.running(latency=(0.1, 0.6), limits=RATE, **options)
                )

            service = start()
            runner.begin(**orders)
            for _ in range(kills):
                time.sleep(rng.uniform(0.2, 0.8))
                service.kill()
                time.sleep(rng.uniform(0.1, 0.5))
                service = start()
            first = runner.end()
            runner.begin(**orders)
            last = runner.end()
            seconds = time.monotonic() - began
            course = course_of(service, orders, last, kills, seconds=seconds)
            course.raised = [first["raised"], last["raised"]]
            return course


def two_at_once(rows=120, window="sliding"):
    """Run the same rows in two processes at the same time, with one cache; give both courses."""
    began = time.monotonic()
    limits = {"p-image": (20, 1.0)}
    with (
        folders() as orders,
        emulator.running(
            fast=True, process=True, latency=(0.1, 0.4), limits=limits, window=window
        ) as service,
        Runner() as one,
        Runner() as other,
    ):
        orders |= {
            "base_url": service.url,
            "prompts": names(rows),
            "limits": {"p-image": [20, 1.0]},
        }
        one.begin(**orders)
        other.begin(**orders)
        lasts = [one.end(), other.end()]
        seconds = time.monotonic() - began
        return [course_of(service, orders, last, 0, seconds=seconds) for last in lasts]


def interrupted(rows=100, times=3):
    """Interrupt a run (SIGINT) in its middle; give the course and how long the ends took."""
    rng, waits = random.Random(3), []
    with (
        folders() as orders,
        emulator.running(fast=True, process=True, latency=(0.5, 1.5), limits=RATE) as service,
        Runner() as runner,
    ):
        orders |= {"base_url": service.url, "prompts": names(rows), "limits": RATE}
        raised = []
        for _ in range(times):
            before = service.charged
            pid = runner.begin(**orders)
            while service.charged < before + 5:
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, 0.4))
            at = time.monotonic()
            os.kill(pid, signal.SIGINT)
            said = runner.end()
            waits.append(time.monotonic() - at)
            raised.append(said["raised"])
        runner.begin(**orders)
        last = runner.end()
        course = course_of(service, orders, last, times)
        course.raised = raised
        return course, waits


def disk_full():
    """Let no file grow from some row on (RLIMIT_FSIZE), in a child; then let them again."""
    return _in_a_process("_disk_full")


def _disk_full(rows=60):
    import resource

    frame = prompts(rows)
    with (
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        settings_for(service.url, limits={"p-image": (10, 0.4)}),
    ):
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        def fill():
            while service.charged < 20:
                time.sleep(0.01)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))

        thread = threading.Thread(target=fill)
        thread.start()
        first, error = generate(frame)
        thread.join()
        # While the disk is full, another try is an error too, and loses nothing.
        _still_full(frame)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def _still_full(frame):
    try:
        frame.pruna.generate("prompt", progress=False)
    except CacheError:
        return
    raise AssertionError("no error while the disk is full")


def small_disk():
    """Fill a small file system (tmpfs) in mid-run; then make it larger."""
    return _in_a_process("_small_disk")


def _small_disk(rows=60):
    frame = prompts(rows)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tmpfs(folder, "400k"),
        emulator.running(fast=True, latency=(0.1, 0.4)) as service,
        settings_for(service.url, limits={"p-image": (10, 0.4)}),
        pruna_nb.configure(cache_dir=Path(folder) / "cache"),
    ):
        first, error = generate(frame)
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)  # noqa: S607
        second, _ = generate(frame)
        found = result(first, second, service.charged, error)
        database_of(Path(folder) / "cache").close()
        return found


@contextlib.contextmanager
def tmpfs(folder, size):
    """Mount a small file system, where the system lets us."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotImplementedError(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False)  # noqa: S607


def _in_a_process(name):
    """Run one of these functions in a process of its own, whose limits are its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.processes", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == _NOT_HERE:
        raise NotImplementedError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise AssertionError(done.stderr)
    said = json.loads(done.stdout.splitlines()[-1])
    return Result(**{**said, "first": Counter(said["first"]), "second": Counter(said["second"])})


def folder_removed(rows=60):
    """Remove the cache folder in mid-run; run again in the same session."""
    frame = prompts(rows)
    with (
        emulator.running(fast=True, latency=(0.2, 0.6)) as service,
        settings_for(service.url, limits={"p-image": (10, 0.4)}) as folder,
    ):

        def remove():
            while service.charged < 30:
                time.sleep(0.01)
            shutil.rmtree(folder / "cache", ignore_errors=True)

        thread = threading.Thread(target=remove)
        thread.start()
        first, error = generate(frame)
        thread.join()
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def _as_result(course, rows, sees):
    lost = rows - course.statuses["succeeded"] + course.without_file
    twice = max(0, course.charged - rows)
    return Result(rows, lost, twice, course.announced, sees, refused=course.refused)


def _killed():
    course = killed_again_and_again()
    rows = sum(course.statuses.values())
    sees = f"after {course.kills} kills: {course.announced} announced as lost on the wire"
    return _as_result(course, rows, sees)


def _service_killed():
    course = service_killed()
    sees = f"the service killed {course.kills} times: {course.announced} announced as lost"
    return _as_result(course, sum(course.statuses.values()), sees)


def _two_at_once():
    one, other = two_at_once()
    sees = (
        f"{one.statuses['succeeded']} and {other.statuses['succeeded']} succeeded in the two; "
        f"{one.refused} refused; {one.cost_usd + other.cost_usd:.2f} USD between them"
    )
    return _as_result(one, sum(one.statuses.values()), sees)


def _interrupted():
    course, waits = interrupted()
    said = course.raised[0].removeprefix("KeyboardInterrupt: ")
    sees = f"KeyboardInterrupt, {1000 * max(waits):.0f} ms after it at most; “{said}”"
    return _as_result(course, sum(course.statuses.values()), sees)


PROCESS_CASES = [
    Case("process killed 30 times (SIGKILL)", _killed, at_most_twice=30 * 32, slow=True),
    Case("service killed 8 times", _service_killed, at_most_twice=8 * 32, slow=True),
    Case("two processes over the same rows", _two_at_once),
    Case("interrupted 3 times (Ctrl-C)", _interrupted, at_most_twice=3 * 32),
    Case("disk full in mid-run", disk_full, at_most_twice=32),
    Case("cache folder removed in mid-run", folder_removed),
]
"""Every fault of the machine, in the order of the table."""


if __name__ == "__main__":
    try:
        print(json.dumps(vars(globals()[sys.argv[1]]())))
    except NotImplementedError as problem:
        print(problem, file=sys.stderr)
        sys.exit(_NOT_HERE)
