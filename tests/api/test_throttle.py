"""One limit for all threads and processes, counted by a server that the test makes."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pruna_nb import errors, settings
from pruna_nb.api import shared_slots
from pruna_nb.api.throttle import Slot, Throttle, throttle_for
from tests.faults.servers import Hang, Server, reply

ROOT = Path(__file__).parents[2]
UNIX = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX system")


class Clock:
    """A clock that a test moves, and a sleep that moves it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def wall(self):
        return 1.7e9 + self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def make(clock, tmp_path, requests=3, seconds=10.0, **more):
    return Throttle(
        "p-image",
        requests,
        seconds,
        folder=tmp_path / "limits",
        clock=clock,
        wall=clock.wall,
        sleep=clock.sleep,
        **more,
    )


def most_in_a_window(moments, window):
    """Give the largest number of moments that any stretch of one window holds."""
    moments = sorted(moments)
    return max(
        sum(start <= moment < start + window for moment in moments[index:])
        for index, start in enumerate(moments)
    )


def test_as_many_go_as_the_limit_says_and_the_next_one_waits_a_window(clock, tmp_path):
    limit = make(clock, tmp_path)
    for _ in range(3):
        limit.answered(limit.wait())
    assert clock.now == 1000.0
    limit.wait()
    assert clock.now == pytest.approx(1010.0)


def test_a_request_that_was_never_sent_takes_nothing_of_the_limit(clock, tmp_path):
    limit = make(clock, tmp_path)
    for _ in range(50):
        limit.release(limit.wait())
    assert clock.now == 1000.0


def test_two_processes_share_one_limit_through_the_file(clock, tmp_path):
    one, other = make(clock, tmp_path), make(clock, tmp_path)
    taken = [limit.take() for limit in (one, other, one, other)]
    assert [isinstance(each, Slot) for each in taken] == [True, True, True, False]


def test_a_refusal_in_one_process_holds_the_other_and_paces_it(clock, tmp_path):
    one, other = make(clock, tmp_path, requests=10), make(clock, tmp_path, requests=10)
    one.refuse(one.wait(), 7.0)
    assert other.take() == pytest.approx(7.0)
    moments = []
    for _ in range(5):
        other.wait()
        moments.append(clock.now)
    assert moments[-1] - moments[-2] == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    ("error", "free_at"),
    [
        (None, 1010.0),  # answered: one window later
        (errors.ServerError("500"), 1010.0),
        (errors.ConnectionFailedError("no connection"), 1000.0),  # it never reached the service
        (errors.RateLimitError("429", retry_after=4.0), 1004.0),
        (KeyError("anything else"), 1010.0),
    ],
)
def test_a_slot_is_given_back_as_its_request_ended(clock, tmp_path, error, free_at):
    limit = make(clock, tmp_path, requests=1)
    limit.give_back(limit.wait(), error)
    limit.wait()
    assert clock.now == pytest.approx(free_at)


def test_a_learnt_pace_is_there_when_python_starts_again(clock, tmp_path):
    before = make(clock, tmp_path, requests=10)
    before.refuse(before.wait(), 0.5)
    clock.now += 100.0
    again = make(clock, tmp_path, requests=10)
    moments = []
    for _ in range(8):
        again.wait()
        moments.append(clock.now)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    # Ten requests in 10 s at 98 % are 1.02 s apart; a few may be caught up after a pause.
    assert max(gaps) == pytest.approx(10.0 / 10 / 0.98)
    assert sum(gap < 1.0 for gap in gaps) <= 2


@pytest.mark.parametrize("requests", [1, 7, 1000, 1001, 30_000])
def test_large_limits_are_kept_in_shares_and_never_overrun(clock, tmp_path, requests):
    limit = make(clock, tmp_path, requests=requests, seconds=60.0)
    sent = 0
    while isinstance(slot := limit.take(), Slot):
        limit.answered(slot)
        sent += 1
    # A share of several requests is the grain: what is left of one is left unused.
    assert requests * 0.9 <= sent <= requests


def test_a_folder_that_cannot_be_written_keeps_the_limit_here_and_says_so(clock, tmp_path):
    (tmp_path / "limits").write_text("a file where the folder should be")
    limit = make(clock, tmp_path)
    with pytest.warns(RuntimeWarning, match="PRUNA_NB_STATE_DIR"):
        first = limit.take()
    assert isinstance(first, Slot)
    assert [isinstance(limit.take(), Slot) for _ in range(3)] == [True, True, False]


@UNIX
def test_a_full_disk_keeps_the_limit_here_and_says_so(clock, tmp_path, monkeypatch):
    limit = make(clock, tmp_path)
    monkeypatch.setattr(shared_slots.os, "write", lambda _file, data: len(data) - 1)
    with pytest.warns(RuntimeWarning, match="No space left"):
        assert isinstance(limit.take(), Slot)
    # The slot of the failed try may count too, which is the safe side.
    assert sum(isinstance(limit.take(), Slot) for _ in range(5)) in {1, 2}


@UNIX
def test_the_file_of_a_limit_is_the_users_alone(clock, tmp_path):
    limit = make(clock, tmp_path)
    limit.wait()
    (file,) = (tmp_path / "limits").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_the_files_name_tells_neither_key_nor_path(tmp_path):
    with settings.configure(api_key="sk-very-secret", state_dir=tmp_path):
        throttle_for(settings.current(), "../../evil/model", (10, 1.0)).wait()
    names = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert any(name.endswith(".slots") for name in names)
    assert not any("secret" in name or ".." in Path(name).parts for name in names)


def test_limits_of_different_keys_are_different_limits(tmp_path):
    one = settings.current(api_key="one", state_dir=tmp_path)
    other = settings.current(api_key="other", state_dir=tmp_path)
    first = throttle_for(one, "p-image", (1, 60.0))
    assert isinstance(first.take(), Slot)
    assert isinstance(throttle_for(other, "p-image", (1, 60.0)).take(), Slot)
    assert not isinstance(throttle_for(one, "p-image", (1, 60.0)).take(), Slot)


def test_a_process_keeps_only_so_many_files_open(tmp_path, own_limits):
    one = settings.current(api_key="one", state_dir=tmp_path)
    first = throttle_for(one, "model-0", (1, 60.0))
    assert isinstance(first.take(), Slot)
    for number in range(1, 200):
        throttle_for(one, f"model-{number}", (1, 60.0)).take()
    assert len(own_limits) <= 64
    # One that was put away still keeps its limit.
    assert not isinstance(first.take(), Slot)
    first.close_file()


def test_an_answer_that_comes_when_its_slot_has_run_out_leaves_the_others_alone(clock, tmp_path):
    limit = make(clock, tmp_path, requests=1, seconds=1.0, answer_within=5.0)
    late = limit.wait()
    clock.now += 7.0
    other = limit.wait()
    limit.answered(late)
    clock.now += 1.5
    assert isinstance(limit.take(), float)
    limit.answered(other)
    clock.now += 1.1
    assert isinstance(limit.take(), Slot)


def test_many_threads_together_stay_within_the_limit():
    sent = []
    limit = Throttle("p-image", 20, 0.5)

    def work():
        for _ in range(10):
            slot = limit.wait()
            sent.append(time.monotonic())
            limit.answered(slot)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 80
    # Each moment is noted after leave was given, and its slot comes back a window later.
    assert most_in_a_window(sent, 0.45) <= 20


WORKER = """
import sys, urllib.request
from pathlib import Path
from pruna_nb.api.throttle import Throttle
limit = Throttle("p-image", int(sys.argv[4]), 0.5, folder=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    slot = limit.wait()
    urllib.request.urlopen(sys.argv[2], timeout=30).read()
    limit.answered(slot)
"""


@contextlib.contextmanager
def workers(count, *arguments):
    """Start processes that send requests through a common limit once they are told to."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    try:
        for child in children:
            assert child.stdout.readline() == b"ready\n"
        for child in children:
            child.stdin.write(b"\n")
            child.stdin.flush()
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()


def test_several_processes_together_stay_within_the_limit_as_a_server_counts_it(tmp_path):
    moments = []

    def count(_):
        moments.append(time.monotonic())
        return reply(200, {})

    with Server(count) as server, workers(2, tmp_path, server.url, 30, 20) as children:
        for child in children:
            assert child.wait(60) == 0
    assert len(moments) == 60
    assert most_in_a_window(moments, 0.5) <= 20


@UNIX
def test_the_slots_of_a_killed_process_do_not_stay_away_for_its_whole_time_out(tmp_path):
    with Server(lambda _: Hang()) as server, workers(2, tmp_path, server.url, 1, 2) as children:
        limit = Throttle("p-image", 2, 0.5, folder=tmp_path, answer_within=3600.0)
        end = time.monotonic() + 60
        while len(server.asked) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        assert isinstance(limit.take(), float)
        for child in children:
            child.kill()
            child.wait()
        killed = time.monotonic()
        slot = limit.wait()
        assert isinstance(slot, Slot)
        assert time.monotonic() - killed < 30
        limit.close_file()


@UNIX
def test_a_forked_child_has_a_file_of_its_own(tmp_path):
    code = f"""
import os, sys, warnings
from pathlib import Path
from pruna_nb import errors, settings
from pruna_nb.api.throttle import Slot, throttle_for
ours = settings.current(api_key="k", state_dir=Path({str(tmp_path)!r}))
limit = throttle_for(ours, "p-image", (2, 600.0))
assert isinstance(limit.take(), Slot)
limit._lock.acquire()  # as if another thread had it at the moment of the fork
pid = os.fork()
if pid == 0:
    got = [isinstance(throttle_for(ours, "p-image", (2, 600.0)).take(), Slot) for _ in range(2)]
    os._exit(0 if got == [True, False] else 1)
limit._lock.release()
assert os.waitpid(pid, 0)[1] == 0
assert isinstance(limit.take(), float)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_what_settings_say_of_limits_is_what_is_kept(tmp_path):
    with settings.configure(api_key="k", state_dir=tmp_path, limits={"p-image": (2, 5.0)}):
        limit = throttle_for(settings.current(), "p-image", (250, 60.0))
    assert (limit.requests, limit.seconds) == (2, 5.0)


def test_another_limit_for_the_same_key_and_model_begins_no_ledger_anew(tmp_path):
    ours = settings.current(api_key="k", state_dir=tmp_path)
    for _ in range(3):
        limit = throttle_for(ours, "p-image", (3, 600.0))
        limit.answered(limit.take())
    for requests, seconds, left in [(3, 500.0, 0), (4, 600.0, 1), (2, 600.0, 0)]:
        other = throttle_for(ours, "p-image", (requests, seconds))
        taken = [isinstance(other.take(), Slot) for _ in range(left + 1)]
        assert taken == [True] * left + [False]


TAKING = """
import sys
from pathlib import Path
from pruna_nb.api.throttle import Slot, Throttle
limit = Throttle("p-image", 4, 600.0, folder=Path(sys.argv[1]))
for _ in sys.stdin:
    print(isinstance(limit.take(), Slot), flush=True)
"""


@UNIX
def test_the_file_is_made_again_when_its_folder_goes_away_and_is_shared_as_before(tmp_path):
    folder = tmp_path / "limits"
    with subprocess.Popen(
        [sys.executable, "-c", TAKING, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:

        def takes():
            child.stdin.write("\n")
            child.stdin.flush()
            return child.stdout.readline() == "True\n"

        limit = Throttle("p-image", 4, 600.0, folder=folder)
        under_way = limit.take()
        assert takes()
        shutil.rmtree(folder)
        assert takes()
        assert isinstance(limit.take(), Slot)
        limit.answered(under_way)
        assert (folder / "p-image.slots").stat().st_mode & 0o777 == 0o600
        # Four are taken, whoever asks.
        assert not takes()
        assert isinstance(limit.take(), float)
        assert isinstance(Throttle("p-image", 4, 600.0, folder=folder).take(), float)
        child.stdin.close()


CROWDED = """
import os, resource, sys, warnings
from pathlib import Path
from pruna_nb.api import shared_slots
from pruna_nb.api.throttle import Slot, Throttle
shared_slots.APART_SECONDS = 0.0
warnings.simplefilter("error")
limit = Throttle("p-image", 3, 600.0, folder=Path(sys.argv[1]))
limit.answered(limit.take())
limit.close_file()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
try:
    limit.take()
except RuntimeWarning as told:
    print(told)
warnings.simplefilter("ignore")
assert isinstance(limit.take(), Slot)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
other = Throttle("p-image", 3, 600.0, folder=Path(sys.argv[1]))
print(isinstance(limit.take(), Slot), isinstance(other.take(), Slot))
"""


@UNIX
def test_after_too_many_open_files_the_limit_is_shared_again(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CROWDED, str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    told, shared = done.stdout.splitlines()
    assert "Too many open files" in told
    assert shared == "True False"


HOLDING = """
import os, sys
import portalocker
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
portalocker.lock(file, portalocker.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs Linux, to see who holds a lock")
def test_a_stopped_process_that_holds_the_lock_is_told_and_not_waited_for_for_ever(
    clock, tmp_path, monkeypatch
):
    monkeypatch.setattr(shared_slots, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(shared_slots, "APART_SECONDS", 0.0)
    (tmp_path / "limits").mkdir()
    path = tmp_path / "limits" / "p-image.slots"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout.readline() == b"held\n"
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        limit = make(clock, tmp_path)
        with pytest.warns(RuntimeWarning, match=f"process {child.pid}, which is stopped"):
            assert isinstance(limit.take(), Slot)
        child.kill()
    other = make(clock, tmp_path)
    assert [isinstance(each.take(), Slot) for each in (limit, other, other)] == [True, True, False]
