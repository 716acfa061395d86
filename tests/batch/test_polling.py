"""When to ask again: learnt from what was finished, and within the status limit."""

from __future__ import annotations

import heapq

import pytest

from pruna_nb.batch.polling import Polling


def asked_until(polling, done_at):
    """Give the moments at which a prediction is asked for, up to the one that finds it done."""
    moments = [polling.first_pause()]
    while moments[-1] < done_at:
        moments.append(moments[-1] + polling.next_pause(moments[-1]))
    return moments


@pytest.mark.parametrize(
    ("kind", "done_at", "most"), [("image", 1.0, 20), ("video", 60.0, 60), ("zip", 1800.0, 130)]
)
def test_a_prediction_is_found_done_within_a_tenth_of_its_time_and_asked_for_rarely(
    kind, done_at, most
):
    moments = asked_until(Polling(kind), done_at)
    assert done_at <= moments[-1] <= done_at * 1.1
    assert len(moments) <= most


def test_what_was_learnt_brings_the_asking_to_the_moment():
    polling = Polling("image")
    for _ in range(20):
        polling.learn(1.9, 2.1)
    moments = asked_until(polling, 2.0)
    assert 1.5 <= moments[0] <= 2.0
    assert moments[-1] - 2.0 <= 0.15
    assert len(moments) <= 3


def asked_by(count, usual, *, done_at=None, seconds=60.0):
    """Simulate predictions that are sent together; give when they are asked for, and found done."""
    polling = Polling("image")
    for sample in range(64):
        polling.learn(usual - 0.5 + sample / 64, usual - 0.5 + sample / 64)
    latency = usual if done_at is None else done_at
    due = [(polling.first_pause(), number, False) for number in range(count)]
    heapq.heapify(due)
    asked, found = [], []
    while due and due[0][0] < seconds:
        now, number, has_place = heapq.heappop(due)
        wait = 0 if has_place else polling.next_turn(now)
        if wait > 0:
            heapq.heappush(due, (now + wait, number, True))
            continue
        asked.append(now)
        if now >= latency:
            found.append(now)
        else:
            heapq.heappush(due, (now + polling.next_pause(now), number, False))
    return asked, found


@pytest.mark.parametrize("in_flight", [1, 33, 420, 1000])
def test_all_together_stay_far_below_the_status_limit(in_flight):
    asked, _ = asked_by(in_flight, 1.0, done_at=600.0)
    # 30,000 a minute for all processes of the key together.
    assert min(in_flight, 250) * 15 < len(asked) <= 60 * 250 + 301


def test_what_is_done_at_once_is_found_as_fast_as_may_be_asked():
    _, found = asked_by(250, 1.0)
    assert len(found) == 250
    # Each once, after a burst that found nothing: a second, and the pause of the first.
    assert max(found) <= 1.0 + 250 / 250 + 0.15


def test_few_in_flight_wait_for_no_turn():
    asked, found = asked_by(4, 8.0)
    assert max(found) <= 8.0 * 1.1
    assert len(asked) <= 40


@pytest.mark.parametrize(("in_flight", "pause"), [(4, 0.05), (200, 0.1)])
def test_few_in_flight_are_asked_for_twice_as_often(in_flight, pause):
    polling = Polling("image")
    for number in range(in_flight):
        polling.next_turn(number / 10_000)
    assert polling.next_pause(0.8) == pytest.approx(pause)


def test_a_prediction_that_somebody_waits_for_alone_is_asked_for_at_once():
    moments = asked_until(Polling("image", alone=True), 0.8)
    assert moments[0] == pytest.approx(0.05)
    assert moments[-1] <= 0.8 + 0.05
    assert len(moments) <= 20


def test_old_lessons_are_forgotten():
    polling = Polling("image")
    for _ in range(64):
        polling.learn(0.1, 0.2)
    for _ in range(64):
        polling.learn(9.0, 9.4)
    assert polling.first_pause() == pytest.approx(9.2 * 0.95)
    assert len(polling._sorted) == 64
