"""The schedule: short steps, a lane of its own for what is new, a few threads."""

from __future__ import annotations

import threading
import time

import pytest

from pruna_nb.batch.schedule import Load, Schedule


def make(items=(), *, workers=4, has_capacity=lambda: True):
    errors = []
    schedule = Schedule(items, workers=workers, has_capacity=has_capacity, on_crash=errors.append)
    schedule.errors = errors  # type: ignore[attr-defined]
    return schedule


def skip(item, let_next):
    """Submit nothing."""


def test_everything_in_the_lane_is_submitted_once_and_in_order():
    seen = []
    schedule = make(range(100), workers=1)
    schedule.start(lambda item, let_next: seen.append(item))
    assert schedule.join(60)
    assert seen == list(range(100))


def test_a_head_that_has_to_wait_comes_again_and_nobody_overtakes_it():
    seen, refused = [], set()

    def submit(item, let_next):
        if item % 10 == 5 and item not in refused:
            refused.add(item)
            return 0.01
        seen.append(item)
        return None

    schedule = make(range(30))
    schedule.start(submit)
    assert schedule.join(60)
    assert seen == list(range(30))


def test_the_lane_is_asked_by_one_thread_at_a_time_until_it_lets_the_next_one_go():
    inside, most, sending = [], [], []
    lock = threading.Lock()

    def submit(item, let_next):
        with lock:
            inside.append(item)
            most.append(len(inside))
        with lock:
            inside.remove(item)
        let_next()
        with lock:
            sending.append(item)
            together.append(len(sending))
        two.wait()
        with lock:
            sending.remove(item)

    two, together = threading.Barrier(2, timeout=60), []
    schedule = make(range(40), workers=8)
    schedule.start(submit)
    assert schedule.join(60)
    assert schedule.errors == []
    assert max(most) == 1
    assert max(together) > 1


def test_steps_run_at_their_moment_and_lead_to_others():
    ran = []

    def step(number):
        ran.append((number, time.monotonic()))
        if number < 5:
            schedule.at(time.monotonic() + 0.02, lambda: step(number + 1))

    schedule = make()
    began = time.monotonic()
    schedule.at(began + 0.05, lambda: step(0))
    schedule.start(skip)
    assert schedule.join(60)
    assert [number for number, _ in ran] == [0, 1, 2, 3, 4, 5]
    assert ran[0][1] >= began + 0.05


def test_steps_go_on_while_the_lane_waits_and_the_other_way_round():
    seen = []
    schedule = make(["new"])
    schedule.requeue("first", time.monotonic() + 1.5)  # a busy machine may start late
    schedule.at(0.0, lambda: seen.append("step"))
    schedule.start(lambda item, let_next: seen.append(item) or None)
    assert schedule.join(60)
    assert seen == ["step", "first", "new"]


def test_nothing_is_submitted_while_there_is_no_room():
    room, seen = [], []
    schedule = make([1, 2], has_capacity=lambda: bool(room))
    schedule.at(time.monotonic() + 0.1, lambda: (seen.append("poll"), room.append(1)))
    schedule.start(lambda item, let_next: seen.append(item))
    assert schedule.join(60)
    assert seen[0] == "poll"
    assert sorted(seen[1:]) == [1, 2]


def test_what_fails_is_told_and_the_rest_goes_on():
    def submit(item, let_next):
        if item == 3:
            raise KeyError(item)
        seen.append(item)

    seen = []
    schedule = make(range(6), workers=2)
    schedule.at(0.0, lambda: 1 / 0)
    schedule.start(submit)
    assert schedule.join(60)
    assert sorted(seen) == [0, 1, 2, 4, 5]
    assert {type(error) for error in schedule.errors} == {KeyError, ZeroDivisionError}


def test_a_stopped_schedule_ends_its_steps_and_begins_none():
    began, go_on, seen = threading.Event(), threading.Event(), []

    def first():
        began.set()
        go_on.wait(60)
        seen.append("first")

    schedule = make()
    schedule.at(0.0, first)
    schedule.at(time.monotonic() + 30, lambda: seen.append("later"))
    schedule.start(skip)
    began.wait(60)
    schedule.stop()
    go_on.set()
    assert schedule.join(60)
    assert seen == ["first"]


def test_what_is_taken_out_of_the_lane_is_given_back():
    schedule = make([1, 2, 3])
    assert schedule.clear_queue() == [1, 2, 3]
    schedule.start(skip)
    assert schedule.join(60)


def test_what_comes_during_the_run_is_done_too():
    seen = []

    def submit(item, let_next):
        seen.append(item)
        if item < 20:
            schedule.queue(item + 1)

    schedule = make([0], workers=3)
    schedule.start(submit)
    assert schedule.join(60)
    assert seen == list(range(21))


def test_four_hundred_waiting_predictions_need_no_more_threads_than_workers():
    done = []
    schedule = make(workers=4)
    for _ in range(400):
        schedule.at(time.monotonic() + 0.2, lambda: done.append(1))
    before = threading.active_count()
    schedule.start(skip)
    assert threading.active_count() - before <= 4
    assert schedule.join(60)
    assert len(done) == 400


def test_a_system_without_more_threads_is_worked_with_those_that_it_gives(monkeypatch):
    started = []
    start = threading.Thread.start

    def few(thread):
        if len(started) >= 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    seen = []
    schedule = make(range(10), workers=8)
    monkeypatch.setattr(threading.Thread, "start", few)
    schedule.start(lambda item, let_next: seen.append(item))
    monkeypatch.undo()
    assert schedule.join(60)
    assert len(started) == 2
    assert sorted(seen) == list(range(10))


class SteadyLoad:
    """A load that is always the same."""

    def __init__(self, share):
        self.share = share

    def renew(self):
        return True


def threads_at_work(share, task, count=40):
    """Give the threads by which so many tasks are done at a load of the process."""
    seen = []

    def submit(item, let_next):
        let_next()
        task()
        seen.append(threading.get_ident())

    schedule = make(range(count), workers=8)
    schedule._load = SteadyLoad(share)
    schedule.start(submit)
    assert schedule.join(60)
    assert schedule.errors == []
    assert len(seen) == count
    return set(seen)


def test_threads_that_wait_are_joined_by_others():
    all_at_once = threading.Barrier(8, timeout=60)
    assert len(threads_at_work(0.1, all_at_once.wait)) == 8


def test_threads_that_fill_the_processor_are_not(monkeypatch):
    monkeypatch.setattr("pruna_nb.batch.schedule._BUSY_PATIENCE_SECONDS", 20.0)
    assert len(threads_at_work(0.8, lambda: None)) == 1


def test_threads_that_seem_to_fill_it_are_still_joined_where_each_step_takes_long():
    # What is due is left for 20 ms at most, so that at least four come together.
    four_at_once = threading.Barrier(4, timeout=60)
    assert len(threads_at_work(1.0, four_at_once.wait)) > 3


# ------------------------------------------------------------------------ the load


def test_a_window_tells_how_much_of_it_the_process_ran():
    now, ran = [100.0], [7.0]
    load = Load(lambda: now[0], lambda: ran[0])
    assert load.share == 0
    now[0], ran[0] = 100.01, 7.01
    assert not load.renew()  # half a window tells nothing yet
    assert load.share == 0
    now[0], ran[0] = 100.04, 7.03
    assert load.renew()
    assert load.share == pytest.approx(0.75)
    now[0] = 100.08
    assert load.renew()
    assert load.share == 0


def test_a_process_that_waits_is_told_from_one_that_works():
    load = Load()
    time.sleep(0.3)
    assert load.renew()
    assert load.share < 0.5
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert load.renew()
    assert load.share > 0
