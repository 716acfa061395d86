"""When to ask again: learnt from what was finished, and within the status limit."""

from __future__ import annotations

import pytest

from pruna_nb.batch.polling import Polling


def asked_until(polling, done_at, in_flight=1):
    """Give the moments at which a prediction is asked for, up to the one that finds it done."""
    moments = [polling.first(in_flight)]
    while moments[-1] < done_at:
        moments.append(moments[-1] + polling.again(moments[-1], in_flight))
    return moments


@pytest.mark.parametrize(("kind", "done_at"), [("image", 1.0), ("video", 60.0), ("zip", 1800.0)])
def test_a_prediction_is_found_done_within_a_tenth_of_its_time_and_asked_for_rarely(kind, done_at):
    moments = asked_until(Polling(kind), done_at)
    assert done_at <= moments[-1] <= done_at * 1.1
    assert len(moments) <= 80


def test_what_was_learnt_brings_the_asking_to_the_moment():
    polling = Polling("image")
    for _ in range(20):
        polling.learn(1.9, 2.1)
    moments = asked_until(polling, 2.0)
    assert 1.5 <= moments[0] <= 2.0
    assert moments[-1] - 2.0 <= 0.15
    assert len(moments) <= 3


@pytest.mark.parametrize("in_flight", [1, 33, 420, 1000])
def test_all_together_stay_far_below_the_status_limit(in_flight):
    polling = Polling("image")
    for _ in range(64):
        polling.learn(7.0, 9.0)
    pauses = [polling.again(age / 10, in_flight) for age in range(1, 200)]
    # 30,000 a minute are 500 a second, for all processes of the key together.
    assert max(in_flight / pause for pause in pauses) <= 350


def test_old_lessons_are_forgotten():
    polling = Polling("image")
    for _ in range(64):
        polling.learn(0.1, 0.2)
    for _ in range(64):
        polling.learn(9.0, 9.4)
    assert polling.first(1) == pytest.approx(9.2 * 0.95)
    assert len(polling._sorted) == 64
