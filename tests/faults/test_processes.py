"""Whole processes killed, interrupted, two at once; disks that fill, folders that go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from pruna_nb import errors, settings
from pruna_nb.batch.plan import announcements
from tests.faults import processes
from tests.faults.cases import generate, prompts
from tests.helpers.runs import end_predictions, planned, work
from tests.helpers.runs import prompts as some

pytestmark = pytest.mark.faults
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")
ON_THE_WIRE = 32
"""POSTs that a run has on the wire at most: one a worker."""


# ----------------------------------------------------------------------------- kills


@POSIX
@pytest.mark.slow
def test_a_run_killed_thirty_times_has_every_picture_and_tells_every_double_charge():
    course = processes.killed_again_and_again(rows=200, kills=30)
    rows = sum(course.statuses.values())
    assert course.kills >= 30
    assert rows >= 200
    assert course.statuses == {"succeeded": rows}
    assert course.without_file == 0
    assert course.states["delivered"] == rows
    # Each prediction that was charged is either delivered or was on the wire at a kill...
    assert course.charged == rows + len(course.unknown)
    assert len(course.unknown) <= course.kills * ON_THE_WIRE
    # ... and of those that were on the wire, each was noted and announced as lost.
    assert len(course.unknown) <= course.states["resent"] + course.states["lost"]
    assert course.announced >= course.states["resent"]
    assert course.refused == 0


@POSIX
@pytest.mark.slow
def test_a_service_killed_again_and_again_loses_no_picture():
    course = processes.service_killed(rows=200, kills=8)
    assert course.statuses == {"succeeded": 200}
    assert course.without_file == 0
    assert course.charged == 200 + len(course.unknown)
    assert len(course.unknown) <= course.states["resent"] + course.states["lost"]
    assert course.raised == [None, None]


@POSIX
@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_two_processes_over_the_same_rows_keep_the_limit_and_pay_once(window):
    one, other = processes.two_at_once(rows=80, window=window)
    assert one.refused == 0
    assert one.charged == 80
    for course in (one, other):
        assert course.statuses == {"succeeded": 80}
        assert course.without_file == 0
    assert one.outputs == other.outputs
    # Each row is on the bill of one of them.
    assert one.cost_usd + other.cost_usd == pytest.approx(80 * 0.005)


@POSIX
def test_an_interrupted_run_ends_soon_and_keeps_what_is_done():
    course, waits = processes.interrupted(rows=80, times=3)
    # A second is what is aimed at; the machine may be busy.
    assert max(waits) < 5
    assert all("KeyboardInterrupt" in raised for raised in course.raised)
    assert all("run again to go on" in raised for raised in course.raised)
    assert course.statuses == {"succeeded": 80}
    assert course.charged == 80 + len(course.unknown)
    assert len(course.unknown) <= course.states["resent"] + course.states["lost"]


# --------------------------------------------------------------------- disks, folders


@POSIX
def test_a_disk_that_is_full_is_a_clear_error_and_loses_nothing():
    """No file may grow any more (RLIMIT_FSIZE): this needs no privileges."""
    found = processes.disk_full()
    assert (found.lost, found.paid_twice) == (0, found.told and found.paid_twice)
    assert "CacheError" in found.sees
    assert found.second == {"succeeded": 60}


@POSIX
def test_a_small_disk_that_fills_is_a_clear_error_and_loses_nothing():
    try:
        found = processes.small_disk()
    except NotImplementedError as problem:
        pytest.skip(str(problem))
    assert (found.lost, found.paid_twice) == (0, 0)
    assert "CacheError" in found.sees
    assert found.second == {"succeeded": 60}


def test_a_folder_that_is_removed_in_mid_run_is_a_clear_error_and_what_was_paid_is_fetched_again():
    found = processes.folder_removed()
    assert (found.lost, found.paid_twice) == (0, 0)
    assert "CacheError" in found.sees
    assert "was removed while the run was using it" in found.sees
    assert found.second == {"succeeded": 60}


def test_a_frame_names_no_file_that_went_with_the_folder(service):
    service.configure(latency=(0.1, 0.3))
    frame = prompts(40)
    cache = settings.current().cache_dir

    def remove():
        while service.charged < 25:
            time.sleep(0.01)
        shutil.rmtree(cache, ignore_errors=True)

    thread = threading.Thread(target=remove)
    with settings.configure(limits={"p-image": (10, 0.3)}):
        thread.start()
        first, error = generate(frame)
        thread.join()
    assert isinstance(error, errors.CacheError)
    assert all(Path(path).is_file() for path in first["output"].dropna())
    counts = Counter(first["status"])
    assert counts["succeeded"] + counts["pending"] == 40


@pytest.mark.parametrize(
    "name", ["a folder with spaces", "Bilder für später", "图片", "a'b;c#d%20"]
)
def test_a_folder_of_any_name_holds_the_cache(service, tmp_path, name):
    with settings.configure(
        cache_dir=tmp_path / name / "cache", state_dir=tmp_path / name / "state"
    ):
        first, _ = generate(prompts(4))
        second, _ = generate(prompts(4))
    assert all(str(tmp_path / name) in path for path in first["output"])
    assert second["cached"].all()
    assert service.charged == 4


def test_a_file_where_the_folder_should_be_stops_the_run_before_anything_is_sent(service, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with (
        settings.configure(cache_dir=tmp_path / "cache"),
        pytest.raises(errors.CacheError) as caught,
    ):
        prompts(4).pruna.generate("prompt", progress=False)
    assert "PRUNA_NB_CACHE_DIR" in str(caught.value)
    assert service.counts["predictions"] == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_may_not_be_written_stops_the_run_before_anything_is_sent(service, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        with settings.configure(cache_dir=folder), pytest.raises(errors.CacheError):
            prompts(4).pruna.generate("prompt", progress=False)
    finally:
        folder.chmod(0o700)
    assert service.counts["predictions"] == 0


def test_a_folder_on_a_read_only_disk_stops_the_run_before_anything_is_sent(service, tmp_path):
    """Which root may not write to either, where it may mount one."""
    work(some(2))  # something is there to read
    shutil.copytree(settings.current().cache_dir, tmp_path / "copy")
    mounted = subprocess.run(
        ["mount", "--bind", "-o", "ro", str(tmp_path / "copy"), str(tmp_path / "copy")],  # noqa: S607
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        subprocess.run(
            ["mount", "-o", "remount,bind,ro", str(tmp_path / "copy")],  # noqa: S607
            check=True,
        )
        with settings.configure(cache_dir=tmp_path / "copy"), pytest.raises(errors.CacheError):
            prompts(4).pruna.generate("prompt", progress=False)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path / "copy")], check=False)  # noqa: S607
    assert service.charged == 2


def test_media_that_cannot_be_kept_in_mid_run_leave_every_id_in_the_journal(service):
    """The media folder is replaced by a file: the journal beside it still takes ids."""
    service.configure(latency=600)
    run = planned(some(20))
    run.start()
    while run.in_flight < 20:
        time.sleep(0.005)
    media = settings.current().cache_dir / "media"
    shutil.rmtree(media, ignore_errors=True)
    media.write_text("in the way")
    service.configure(latency=0)
    end_predictions(service)
    assert run.join(60)
    assert isinstance(run.error, errors.CacheError)
    charged = service.charged
    media.unlink()
    again = planned(some(20))
    assert again.plan.count("resume") + again.plan.count("hit") == charged
    _, outcomes = work(some(20))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert service.charged == 20


LEAVING = """
import sys, time
import pandas as pd
import pruna_nb
from tests.helpers.runs import planned, prompts
settings = dict(zip(["api_key", "base_url", "cache_dir", "state_dir"], sys.argv[1:]))
pruna_nb.configure(**settings)
run = planned(prompts(50))
run.start()
while run.in_flight < 5:
    time.sleep(0.005)
"""


def test_a_python_that_ends_in_mid_run_waits_for_the_ids_that_are_on_the_wire(service, tmp_path):
    service.configure(latency=0.4)
    folders = [str(tmp_path / "cache"), str(tmp_path / "state")]
    subprocess.run(
        [sys.executable, "-c", LEAVING, "test-key", service.url, *folders],
        cwd=Path(__file__).parents[2],
        check=True,
        timeout=120,
    )
    with settings.configure(cache_dir=folders[0], state_dir=folders[1]):
        assert announcements(planned(some(50)).plan)
        run, outcomes = work(some(50))
    assert {outcome.status for outcome in outcomes} == {"succeeded"}
    assert run.plan.lost == {}
    assert service.charged == 50
