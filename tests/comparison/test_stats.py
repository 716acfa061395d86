"""Rates, tests and votes still needed, held against published figures."""

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruna_nb.comparison.stats import (
    SEARCHED_VOTES,
    Tally,
    holm,
    sign_test,
    sign_test_power,
    votes_for_power,
    votes_needed,
    win_rate,
)
from pruna_nb.errors import MissingExtraError


# Newcombe (1998), table I, method 3 (score interval, Wilson 1927).
@pytest.mark.parametrize(
    ("wins", "decided", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_newcombes_table(wins, decided, low, high):
    rate = win_rate(wins, decided)
    assert round(rate.low, 4) == low
    assert round(rate.high, 4) == high
    assert rate.rate == wins / decided


def test_no_votes_say_nothing():
    rate = win_rate(0, 0)
    assert (rate.low, rate.high) == (0, 1)
    assert math.isnan(rate.rate)


# Critical values of the two-sided sign test at 0.05 (Triola, Elementary Statistics, table A-7):
# the less frequent sign may come up that often, and no more.
@pytest.mark.parametrize(
    ("n", "critical"),
    [(6, 0), (8, 0), (9, 1), (11, 1), (12, 2), (15, 3), (17, 4), (20, 5), (23, 6), (25, 7)],
)
def test_the_sign_test_agrees_with_the_printed_table(n, critical):
    assert sign_test(critical, n - critical) <= 0.05
    assert sign_test(n - critical, critical) <= 0.05
    assert sign_test(critical + 1, n - critical - 1) > 0.05


def test_the_sign_test_of_seven_in_eight_is_the_textbooks():
    # Lane, HyperStat: P(7 or more of 8) = 0.03125 + 0.00391, twice that for two tails.
    assert sign_test(7, 1) == pytest.approx(2 * 9 / 256)


def test_no_decided_vote_proves_nothing():
    assert sign_test(0, 0) == 1


def test_power_is_read_off_the_binomial_table():
    # n = 20: the test rejects at 5 or fewer and at 15 or more. Binomial table, p = 0.7:
    # P(X >= 15) = 0.4164, and P(X <= 5) = 0.0000 to four places.
    assert sign_test_power(20, 0.7)[0] == pytest.approx(0.4164, abs=1e-4)
    # p = 0.5: the true level, twice P(X <= 5) = 0.0207.
    assert sign_test_power(20, 0.5)[0] == pytest.approx(0.0414, abs=1e-4)
    # Fewer than 6 votes can never be told from chance.
    assert sign_test_power([1, 5], 1.0).tolist() == [0, 0]


@pytest.mark.parametrize("rate", [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9])
def test_votes_for_power_are_a_little_above_noethers_formula(rate):
    # Noether (1987): (z_a + z_b)^2 / (4 (p - 1/2)^2), a normal approximation; exact needs more.
    noether = (1.959964 + 0.841621) ** 2 / (4 * (rate - 0.5) ** 2)
    assert noether - 1 <= votes_for_power(rate) <= noether + 40


@settings(max_examples=20)
@given(st.floats(0.55, 1.0))
def test_the_number_is_the_first_after_which_power_never_falls_short(rate):
    number = votes_for_power(rate)
    assert (sign_test_power(range(number, number + 200), rate) >= 0.8).all()
    assert number == 1 or sign_test_power(number - 1, rate)[0] < 0.8
    assert votes_for_power(1 - rate) == pytest.approx(number, abs=1)


@pytest.mark.parametrize("alpha", [0.2, 0.05, 0.05 / 28])
@pytest.mark.parametrize("power", [0.1, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("rate", [0.53, 0.6, 0.75, 0.95, 1.0, 0.2])
def test_nothing_is_missed_by_not_searching_to_the_end(rate, power, alpha):
    number = votes_for_power(rate, alpha=alpha, power=power)
    found = sign_test_power(range(1, SEARCHED_VOTES + 1), rate, alpha=alpha)
    assert (found[number - 1 :] >= power).all()
    assert number == 1 or found[number - 2] < power


def test_a_difference_that_is_almost_none_asks_for_no_number():
    assert votes_for_power(0.505) is None
    assert votes_for_power(0.5) is None


def test_votes_needed_count_those_that_will_decide_nothing():
    # 54 decided votes are needed at 70 %; 34 more, and half of all votes here decide nothing.
    assert votes_needed(Tally("a", "b", 14, 6)) == 34
    assert votes_needed(Tally("a", "b", 14, 6, ties=15, both_bad=5)) == 68
    assert votes_needed(Tally("a", "b", 6, 14)) == 34


def test_nothing_more_is_needed_once_it_is_settled():
    assert votes_needed(Tally("a", "b", 18, 2)) == 0
    # At a level of 0.0001 it is not: 2 P(X <= 2 of 20) = 0.0004.
    assert votes_needed(Tally("a", "b", 18, 2), alpha=0.0001) > 0


def test_an_even_score_asks_for_no_number():
    assert votes_needed(Tally("a", "b", 10, 10)) is None
    assert votes_needed(Tally("a", "b")) is None


def test_five_of_five_ask_for_one_more():
    # 2 x 0.5^5 = 0.0625; 2 x 0.5^6 = 0.03125.
    assert votes_needed(Tally("a", "b", 5, 0)) == 1


def test_holms_method_steps_down():
    # 3 x 0.01, 2 x 0.03, then never less than before; R: p.adjust(c(.01, .04, .03), "holm").
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusting_makes_no_p_value_smaller_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    ranked = sorted(zip(p_values, adjusted, strict=True))
    assert [a for _, a in ranked] == sorted(adjusted)


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"pruna_nb\[compare\]"):
        win_rate(1, 2)
