"""Each kind of limit lets through what it says, and names the moment at which it would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.emulator.limits import make_window

KINDS = ["fixed", "sliding", "counter", "bucket", ("bucket", 3)]


def taken(window, moments):
    return [window.take(moment).accepted for moment in moments]


def test_a_fixed_window_opens_with_the_first_request_and_takes_twice_the_limit_at_its_turn():
    window = make_window("fixed", 2, 10.0)
    assert taken(window, [5.0, 14.8, 14.9, 15.0, 15.1, 15.2]) == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_sliding_window_counts_back_from_each_request():
    window = make_window("sliding", 2, 10.0)
    assert taken(window, [0.0, 9.0, 9.9, 10.0, 10.1, 19.0]) == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_counter_weighs_the_window_before_by_what_is_left_of_it():
    window = make_window("counter", 10, 10.0)
    assert all(taken(window, [0.0] * 10))
    # At half of the next window, 10 x 0.5 of the one before still count.
    assert taken(window, [15.0] * 6) == [True] * 5 + [False]


def test_a_bucket_refills_steadily():
    window = make_window("bucket", 10, 10.0)
    assert taken(window, [0.0] * 11) == [True] * 10 + [False]
    assert taken(window, [1.0, 1.0, 3.0, 3.0, 3.0]) == [True, False, True, True, False]


def test_a_small_bucket_holds_its_capacity_and_keeps_the_rate():
    window = make_window(("bucket", 3), 10, 10.0)
    assert taken(window, [0.0] * 4) == [True] * 3 + [False]
    assert taken(window, [100.0] * 4) == [True] * 3 + [False]


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_as_told_is_accepted(kind):
    window = make_window(kind, 5, 7.0)
    now = 3.0
    while (verdict := window.take(now)).accepted:
        now += 0.1
    assert verdict.remaining == 0
    assert 0 < verdict.reset <= 14.0
    assert not window.take(now + verdict.reset * 0.98).accepted
    assert window.take(now + verdict.reset * 0.98 + verdict.reset * 0.03).accepted


@pytest.mark.parametrize("kind", ["fixed", "sliding", "counter", "bucket"])
def test_remaining_counts_down_to_nothing(kind):
    window = make_window(kind, 3, 10.0)
    assert [window.take(0.0).remaining for _ in range(4)] == [2, 1, 0, 0]


@given(steps=st.lists(st.floats(0, 3), max_size=60), limit=st.integers(1, 6))
def test_no_stretch_of_a_sliding_window_holds_more_than_the_limit(steps, limit):
    window = make_window("sliding", limit, 5.0)
    now, accepted = 0.0, []
    for step in steps:
        now += step
        if window.take(now).accepted:
            accepted.append(now)
    for moment in accepted:
        assert sum(moment - 5.0 < each <= moment for each in accepted) <= limit


@given(steps=st.lists(st.floats(0, 3), max_size=60), limit=st.integers(1, 6))
def test_a_bucket_never_gives_more_than_it_held_and_was_refilled_with(steps, limit):
    window = make_window(("bucket", 2), limit, 5.0)
    now, accepted = 0.0, 0
    for step in steps:
        now += step
        accepted += window.take(now).accepted
        assert accepted <= 2 + now * limit / 5.0 + 1e-6


@pytest.mark.parametrize("kind", ["hourly", ("bucket", 0), ("sliding-ish", 3)])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(ValueError, match=r"no window|needs"):
        make_window(kind, 5, 1.0)


@pytest.mark.parametrize(("limit", "seconds"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_a_limit_needs_a_request_and_a_time(limit, seconds):
    with pytest.raises(ValueError, match="needs 1 request"):
        make_window("fixed", limit, seconds)
