"""The decisions about slots, with the clock in the test's hand, against every kind of server."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.api.slots import MAX_HOLD, MEMORY_SECONDS, PACE, Ledger
from pruna_nb.emulator.limits import make_window

ROWS, LIMIT, WINDOW, WORKERS = 1000, 250, 60.0, 32
ANSWER_WITHIN = 75.0
WALL = 1.7e9


@dataclass
class Course:
    """How a simulated batch went."""

    seconds: float
    refusals: int
    refused_at: list
    sent_at: list


def simulate(kind, *, rows=ROWS, tell_reset=True, seed=1, ledger=None, begin=1000.0):
    """Send rows through a ledger to a simulated server; no time passes but on paper."""
    rng = random.Random(seed)
    server = make_window(kind, LIMIT, WINDOW)
    ledger = ledger or Ledger(LIMIT, WINDOW)
    order = itertools.count()
    now, waiting, on_the_wire, done = begin, rows, 0, 0
    lane_at, events, arrived = begin, [], 0.0
    course = Course(0.0, 0, [], [])
    while done < rows:
        if waiting and on_the_wire < WORKERS and now >= lane_at:
            taken = ledger.take(now, WALL + now, 1, ANSWER_WITHIN)
            if isinstance(taken, int):
                waiting -= 1
                on_the_wire += 1
                course.sent_at.append(now)
                moment = now + rng.uniform(0.02, 0.3)
                heapq.heappush(events, (moment, next(order), "there", taken, now, None))
                continue
            assert taken > 0
            lane_at = now + taken
        next_event = events[0][0] if events else float("inf")
        next_lane = lane_at if waiting and on_the_wire < WORKERS else float("inf")
        if next_lane <= next_event:
            now = max(next_lane, now)
            continue
        now, _, what, slot, sent_at, verdict = heapq.heappop(events)
        if what == "there":
            arrived = max(arrived, now)
            verdict = server.take(arrived)
            moment = now + rng.uniform(0.02, 0.3)
            heapq.heappush(events, (moment, next(order), "back", slot, sent_at, verdict))
        elif verdict.accepted:
            on_the_wire -= 1
            done += 1
            ledger.answered(slot, now)
        else:
            on_the_wire -= 1
            waiting += 1
            course.refusals += 1
            course.refused_at.append(now)
            wait = verdict.reset if tell_reset else None
            ledger.refuse(slot, now, WALL + now, sent_at=sent_at, retry_after=wait)
    course.seconds = now - begin
    return course


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("seed", range(5))
def test_a_whole_window_goes_out_at_once_and_nothing_is_refused(kind, seed):
    course = simulate(kind, seed=seed)
    ideal = (ROWS / LIMIT - 1) * WINDOW + 0.3
    assert course.refusals == 0
    assert course.seconds <= ideal * 1.03


@pytest.mark.parametrize("tell_reset", [True, False])
@pytest.mark.parametrize("kind", ["counter", ("bucket", 10)])
def test_a_server_that_wants_it_even_refuses_once_what_was_on_the_wire(kind, tell_reset):
    course = simulate(kind, tell_reset=tell_reset)
    assert 0 < course.refusals <= WORKERS
    assert max(course.refused_at) - min(course.refused_at) < 1.0
    assert course.seconds / (ROWS * WINDOW / LIMIT) <= 1.12


@pytest.mark.parametrize("kind", ["fixed", "sliding", "counter", "bucket", ("bucket", 10)])
def test_paced_requests_are_refused_by_no_kind_of_server(kind):
    ledger = Ledger(LIMIT, WINDOW)
    taken = ledger.take(0.0, WALL, 1, ANSWER_WITHIN)
    ledger.refuse(taken, 0.1, WALL, sent_at=0.0, retry_after=2.0)
    course = simulate(kind, ledger=ledger, begin=10.0)
    assert course.refusals == 0
    assert course.seconds <= ROWS * WINDOW / LIMIT / PACE * 1.02


def test_the_hold_lasts_as_long_as_the_server_says_and_is_one_for_all():
    ledger = Ledger(4, 60.0)
    slots = [ledger.take(0.0, WALL, 1, ANSWER_WITHIN) for _ in range(3)]
    ledger.refuse(slots[0], 1.0, WALL, sent_at=0.0, retry_after=17.0)
    ledger.refuse(slots[1], 1.1, WALL, sent_at=0.0, retry_after=5.0)
    assert ledger.take(2.0, WALL, 2, ANSWER_WITHIN) == pytest.approx(16.0)
    assert isinstance(ledger.take(18.01, WALL, 2, ANSWER_WITHIN), int)


@pytest.mark.parametrize(
    ("more", "seconds"), [(0, 0), (1, 50.5), (4, 50.5), (5, 110.5), (9, 170.5)]
)
def test_the_time_until_so_many_more_have_left_is_known(more, seconds):
    ledger = Ledger(4, 60.0)
    for slot in [ledger.take(100.0, WALL, 1, ANSWER_WITHIN) for _ in range(4)]:
        ledger.answered(slot, 100.5)
    assert ledger.seconds_until(more, 110.0) == pytest.approx(seconds)


def test_slots_that_are_free_or_under_way_count_for_the_time_too():
    ledger = Ledger(4, 60.0)
    assert ledger.seconds_until(4, 100.0) == 0
    ledger.take(100.0, WALL, 1, ANSWER_WITHIN)
    assert ledger.seconds_until(3, 100.0) == 0
    # Its answer is near: the slot is not taken for its whole time-out.
    assert ledger.seconds_until(4, 100.0) == pytest.approx(60.0)


def test_at_an_even_pace_the_time_grows_with_each():
    ledger = Ledger(10, 10.0)
    taken = ledger.take(0.0, WALL, 1, ANSWER_WITHIN)
    ledger.refuse(taken, 0.1, WALL, sent_at=0.0, retry_after=5.0)
    assert ledger.seconds_until(1, 1.0) == pytest.approx(4.1)
    assert ledger.seconds_until(100, 1.0) == pytest.approx(4.1 + 99 / PACE)


def test_refusals_of_one_moment_slow_the_pace_once():
    ledger = Ledger(10, 10.0)
    slots = [ledger.take(0.0, WALL, 1, ANSWER_WITHIN) for _ in range(5)]
    for slot in slots:
        ledger.refuse(slot, 1.0, WALL, sent_at=0.0, retry_after=1.0)
    assert ledger.pace == PACE


def test_a_paced_request_that_is_refused_slows_the_pace():
    ledger = Ledger(10, 10.0)
    ledger.refuse(ledger.take(0.0, WALL, 1, ANSWER_WITHIN), 0.5, WALL, sent_at=0.0, retry_after=1.0)
    slot = ledger.take(3.0, WALL, 1, ANSWER_WITHIN)
    ledger.refuse(slot, 3.5, WALL, sent_at=3.0, retry_after=1.0)
    assert ledger.pace == pytest.approx(PACE * 0.9)


def test_a_pace_that_was_slowed_comes_back_when_nothing_is_refused_for_long():
    ledger = Ledger(10, 10.0)
    now = 0.0
    for _ in range(5):
        slot = ledger.take(now, WALL + now, 1, ANSWER_WITHIN)
        ledger.refuse(slot, now + 0.5, WALL + now, sent_at=now, retry_after=1.0)
        now += 5.0
    slowest = ledger.pace
    for _ in range(100):
        now += 10.0
        taken = ledger.take(now, WALL + now, 1, ANSWER_WITHIN)
        if isinstance(taken, int):
            ledger.answered(taken, now + 0.1)
    assert slowest < 0.7
    assert ledger.pace == pytest.approx(PACE)


def test_a_bare_refusal_waits_longer_each_time_until_something_is_accepted():
    ledger = Ledger(10, 60.0)
    now, waits = 0.0, []
    for _ in range(4):
        slot = ledger.take(now, WALL, 1, ANSWER_WITHIN)
        ledger.refuse(slot, now, WALL, sent_at=now, retry_after=None)
        waits.append(ledger.hold_until - now)
        now = max(ledger.hold_until, ledger.next_at) + 0.01
    assert waits == pytest.approx([2.0, 4.0, 8.0, 16.0])


def test_a_learnt_pace_is_remembered_for_a_day_and_then_forgotten():
    ledger = Ledger(10, 10.0)
    ledger.refuse(ledger.take(0.0, WALL, 1, ANSWER_WITHIN), 0.5, WALL, sent_at=0.0, retry_after=1.0)
    again = Ledger.unpack(ledger.pack(), 10, 10.0)
    again.take(100.0, WALL + 100.0, 1, ANSWER_WITHIN)
    assert again.pace == PACE
    again.take(200.0, WALL + MEMORY_SECONDS + 1, 1, ANSWER_WITHIN)
    assert again.pace == 0.0


def test_the_slots_of_a_process_that_is_gone_come_back_one_window_later():
    ledger = Ledger(2, 10.0)
    ledger.take(0.0, WALL, 77, ANSWER_WITHIN)
    ledger.take(0.0, WALL, 77, ANSWER_WITHIN)
    assert isinstance(ledger.take(5.0, WALL, 1, ANSWER_WITHIN), float)
    ledger.release_dead(77, 5.0)
    assert isinstance(ledger.take(14.9, WALL, 1, ANSWER_WITHIN), float)
    assert isinstance(ledger.take(15.1, WALL, 1, ANSWER_WITHIN), int)


def test_after_the_machine_was_started_again_no_slot_waits_for_the_old_clock():
    """A clock that counts from the start of the machine leaves moments far ahead behind it."""
    uptime = 7200.0
    ledger = Ledger(2, 10.0)
    for _ in range(2):
        slot = ledger.take(uptime, WALL, 1, ANSWER_WITHIN)
        ledger.answered(slot, uptime + 1.0)
    ledger.refuse(0, uptime + 2.0, WALL, sent_at=uptime, retry_after=300.0)
    again = Ledger.unpack(ledger.pack(), 2, 10.0)
    started = 20.0
    wait = again.take(started, WALL + 60.0, 1, ANSWER_WITHIN)
    taken = wait if isinstance(wait, int) else again.take(started + wait, WALL + 70, 1, 75.0)
    assert isinstance(taken, int)
    assert isinstance(wait, int) or wait <= 10.0


def test_an_answer_that_comes_after_its_slot_went_to_another_gives_back_nothing():
    ledger = Ledger(1, 1.0)
    slot = ledger.take(0.0, WALL, 1, 5.0)
    until = ledger.at[slot]
    other = ledger.take(7.0, WALL + 7, 2, 5.0)
    assert other == slot
    ledger.answered(slot, 7.5, until)
    # The other's request is still under way, so its slot must not be free at 8.5.
    assert isinstance(ledger.take(9.0, WALL + 9, 3, 5.0), float)
    ledger.answered(other, 9.0)
    assert isinstance(ledger.take(10.1, WALL + 10, 3, 5.0), int)


@given(st.binary(max_size=400))
def test_any_bytes_in_the_file_give_a_ledger_that_works(data):
    ledger = Ledger.unpack(data, 5, 1.0)
    assert isinstance(ledger.take(1.0, WALL, 1, 1.0), int)


@given(st.binary(min_size=300, max_size=300))
def test_a_file_of_the_right_length_with_nonsense_in_it_breaks_nothing(data):
    old = Ledger(5, 1.0)
    for _ in range(5):
        old.take(1000.0, WALL, 1, 1.0)
    packed = old.pack()
    ledger = Ledger.unpack((packed[:8] + data)[: len(packed)], 5, 1.0)
    taken = ledger.take(1000.0, WALL, 1, 1.0)
    assert isinstance(taken, int) or 0 < taken <= MAX_HOLD


@given(
    st.lists(
        st.tuples(
            st.floats(0.0, 0.5), st.floats(0.001, 3.0), st.sampled_from(["answered", "release"])
        ),
        min_size=1,
        max_size=60,
    )
)
def test_no_stretch_of_one_window_ever_holds_more_requests_than_the_limit(steps):
    """Counted wherever in its time on the wire the server may have counted a request."""
    limit, window, now = 3, 2.0, 100.0
    ledger = Ledger(limit, window)
    spans, under_way = [], []
    for pause, latency, end in steps:
        now += pause
        for back, slot, what in sorted(under_way):
            if back <= now:
                under_way.remove((back, slot, what))
                if what == "answered":
                    ledger.answered(slot, back)
                else:
                    ledger.release(slot)
        taken = ledger.take(now, WALL + now, 1, ANSWER_WITHIN)
        if isinstance(taken, int):
            under_way.append((now + latency, taken, end))
            if end == "answered":
                spans.append((now, now + latency))
    for start, _ in spans:
        # The latest possible of this one, the earliest possible of those sent after it.
        inside = [span for span in spans if start <= span[0] and span[1] <= start + window]
        assert len(inside) <= limit


@pytest.mark.parametrize(
    ("other", "left"), [((4, 10.0), 1), ((2, 10.0), 0), ((8, 10.0), 5), ((4, 20.0), 1)]
)
def test_another_limit_counts_the_requests_that_were_sent_under_the_first(other, left):
    ledger = Ledger(4, 10.0)
    for _ in range(3):
        ledger.answered(ledger.take(100.0, WALL, 1, ANSWER_WITHIN), 100.5)
    now = Ledger.unpack(ledger.pack(), *other)
    taken = [now.take(101.0, WALL + 1, 2, ANSWER_WITHIN) for _ in range(left + 1)]
    assert [isinstance(each, int) for each in taken] == [True] * left + [False]


def test_a_shorter_window_forgets_nothing_that_a_longer_one_counts():
    long = Ledger(4, 60.0)
    for _ in range(4):
        long.answered(long.take(100.0, WALL, 1, ANSWER_WITHIN), 100.5)
    short = Ledger.unpack(long.pack(), 4, 1.0)
    for _ in range(3):
        short.answered(short.take(110.0, WALL + 10, 1, ANSWER_WITHIN), 110.1)
    again = Ledger.unpack(short.pack(), 4, 60.0)
    assert again.take(150.0, WALL + 50, 1, ANSWER_WITHIN) > 10.0
    assert isinstance(again.take(160.6, WALL + 60, 1, ANSWER_WITHIN), int)
    assert isinstance(again.take(160.6, WALL + 60, 1, ANSWER_WITHIN), float)


def test_entries_of_several_requests_count_as_many():
    large = Ledger(100, 60.0, 20)
    for _ in range(3):
        large.answered(large.take(100.0, WALL, 1, ANSWER_WITHIN), 100.5)
    small = Ledger.unpack(large.pack(), 61, 60.0)
    assert isinstance(small.take(101.0, WALL + 1, 1, ANSWER_WITHIN), int)
    assert isinstance(small.take(101.0, WALL + 1, 1, ANSWER_WITHIN), float)


def test_the_state_does_not_grow_for_ever_where_windows_differ():
    ledger, now = Ledger(4, 60.0), 1000.0
    ledger.answered(ledger.take(now, WALL, 1, ANSWER_WITHIN), now)
    for _ in range(6000):
        ledger.slots, ledger.seconds = 1000, 0.01
        now += 0.001
        ledger.answered(ledger.take(now, WALL + now - 1000, 1, ANSWER_WITHIN), now)
    assert len(ledger.pack()) < 100_000


def test_what_a_process_kept_apart_goes_into_a_state_that_was_made_anew():
    kept = Ledger(3, 10.0)
    under_way = kept.take(100.0, WALL, 1, ANSWER_WITHIN)
    until = kept.at[under_way]
    kept.answered(kept.take(100.0, WALL, 2, ANSWER_WITHIN), 100.5)
    anew = Ledger(3, 10.0)
    anew.merge(kept, 1)
    assert isinstance(anew.take(101.0, WALL + 1, 3, ANSWER_WITHIN), int)
    assert isinstance(anew.take(101.0, WALL + 1, 3, ANSWER_WITHIN), float)
    # Its entry has another place now, and is found by the moment that it was given.
    anew.answered(7, 102.0, until)
    assert anew.owners() == {3}


def test_two_processes_that_were_cut_off_bring_each_its_own_entries():
    common = Ledger(10, 10.0)
    for pid in (1, 2):
        common.take(100.0, WALL, pid, ANSWER_WITHIN)
    one, two = (Ledger.unpack(common.pack(), 10, 10.0) for _ in range(2))
    one.take(101.0, WALL + 1, 1, ANSWER_WITHIN)
    two.take(101.0, WALL + 1, 2, ANSWER_WITHIN)
    anew = Ledger(10, 10.0)
    anew.merge(one, 1)
    anew.merge(two, 2)
    assert sorted(anew.owner) == [0, 1, 1, 2, 2]
