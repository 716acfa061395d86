"""Writes that wait share one transaction and one sync, and no other's failure."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from pruna_nb.store.group_commit import GroupCommit


class Disk:
    """Notes what was written as one, and when it was synced; can be held up, and can fail."""

    def __init__(self):
        self.written, self.events = [], []
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Event()
        self.trouble = None
        self.commits = GroupCommit(self.transaction, self.sync)

    @contextlib.contextmanager
    def transaction(self):
        before = len(self.written)
        try:
            yield
        except BaseException:
            del self.written[before:]
            raise
        self.events.append(("written", self.written[before:]))

    def sync(self):
        self.begun.set()
        assert self.open.wait(60)
        if self.trouble is not None:
            raise self.trouble
        self.events.append(("synced",))

    def write(self, name, *, durable=True):
        return self.commits.run(lambda: self.written.append(name) or name, durable=durable)


@pytest.fixture
def disk():
    return Disk()


@contextlib.contextmanager
def held_up(disk, count):
    """Have the disk busy with a first write until so many others wait, which the body starts."""
    disk.open.clear()
    first = threading.Thread(target=disk.write, args=["first"])
    first.start()
    assert disk.begun.wait(60)
    yield
    end = time.monotonic() + 60
    while len(disk.commits._waiting) < count and time.monotonic() < end:
        time.sleep(0.005)
    disk.open.set()
    first.join(60)


def start(work, results):
    """Run something in a thread; note its result or its error."""

    def run():
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001 - it is looked at by the test
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_one_alone_is_written_and_synced_at_once(disk):
    assert disk.write("a") == "a"
    assert disk.events == [("written", ["a"]), ("synced",)]


def test_what_need_not_be_durable_is_not_synced(disk):
    disk.write("a", durable=False)
    assert disk.events == [("written", ["a"])]


def test_what_comes_while_the_disk_is_busy_is_written_as_one(disk):
    results = []
    with held_up(disk, 5):
        threads = [start(lambda n=n: disk.write(n), results) for n in "bcdef"]
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list("bcdef")
    first, synced, rest, synced_again = disk.events
    assert (first, synced) == (("written", ["first"]), ("synced",))
    assert (sorted(rest[1]), synced_again) == (list("bcdef"), ("synced",))


def test_a_write_that_fails_takes_no_other_with_it(disk):
    def fail():
        disk.written.append("half")
        raise KeyError("mine")

    results, failed = [], []
    with held_up(disk, 4):
        threads = [start(lambda n=n: disk.write(n), results) for n in "bcd"]
        threads.append(start(lambda: disk.commits.run(fail, durable=True), failed))
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list("bcd")
    assert [repr(error) for error in failed] == ["KeyError('mine')"]
    assert sorted(disk.written) == ["b", "c", "d", "first"]


def test_a_sync_that_fails_is_told_to_all_that_need_it(disk):
    disk.trouble = OSError("full")
    with pytest.raises(OSError, match="full"):
        disk.write("a")
    assert disk.write("b", durable=False) == "b"
    disk.trouble = None
    assert disk.write("c") == "c"


def test_a_part_of_a_write_is_written_with_it(disk):
    def both():
        return disk.write("a"), disk.write("b")

    assert disk.commits.run(both, durable=True) == ("a", "b")
    assert disk.events == [("written", ["a", "b"]), ("synced",)]


def test_others_go_on_after_one_that_was_interrupted(disk):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disk.commits.run(interrupted, durable=True)
    assert disk.write("b") == "b"


def test_many_threads_write_everything_once(disk):
    results = []
    threads = [
        start(lambda n=n: [disk.write((n, i), durable=i % 3 > 0) for i in range(200)], results)
        for n in range(12)
    ]
    for thread in threads:
        thread.join(60)
    assert len(results) == 12
    assert sorted(disk.written) == [(n, i) for n in range(12) for i in range(200)]
