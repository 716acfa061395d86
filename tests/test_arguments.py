"""Numbers, times, sums of money, switches and choices: what is taken, and what is refused."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from pruna_nb.arguments import Problems, choice, described, seconds, switch, text, usd, whole
from pruna_nb.errors import ColumnError, InputError, SettingsError, UnknownModelError

NO_NUMBERS = ["60", [60], (60,), {60}, {}, b"60", object, True, False, np.True_, pd.NA, pd.NaT,
              float("nan"), np.nan, Decimal("nan"), np.array([60]), pd.Series([60])]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "taken"),
    [(60, 60.0), (0.5, 0.5), (np.int64(60), 60.0), (np.float32(0.5), 0.5), (Decimal("2.5"), 2.5),
     (Fraction(1, 2), 0.5), (np.array(60), 60.0), (timedelta(minutes=1), 60.0),
     (pd.Timedelta("1min"), 60.0), (np.timedelta64(60, "s"), 60.0),
     (np.timedelta64(60_000_000_000, "ns"), 60.0), (None, None)],
)  # fmt: skip
def test_a_length_of_time_is_taken_as_a_number_or_a_timedelta(given, taken):
    assert seconds("timeout", given) == taken
    assert type(seconds("timeout", given)) in (float, type(None))


@pytest.mark.parametrize(
    "given",
    [*NO_NUMBERS, 0, -1, math.inf, -math.inf, 10**400, timedelta(0), timedelta(-1),
     np.timedelta64("NaT", "ns"), Decimal("Infinity")],
    ids=repr,
)  # fmt: skip
def test_what_is_no_length_of_time_is_refused(given):
    with pytest.raises(SettingsError, match="timeout must be a number of seconds above 0"):
        seconds("timeout", given)


def test_no_time_at_all_is_taken_where_it_says_so():
    assert seconds("timeout", 0, zero=True) == 0.0
    with pytest.raises(SettingsError, match="of 0 or more"):
        seconds("timeout", -0.1, zero=True)


@pytest.mark.parametrize(
    ("given", "taken"),
    [(2.56, "2.56"), (np.float32(2.56), "2.56"), (np.float64(2.56), "2.56"), (5, "5"), (0, "0"),
     (np.int64(5), "5"), (Decimal("0.10"), "0.10"), (Fraction(1, 4), "0.25"), (1e-7, "1E-7")],
)  # fmt: skip
def test_a_sum_of_money_is_taken_exactly_as_it_was_written(given, taken):
    assert usd("max_cost_usd", given) == Decimal(taken)


@pytest.mark.parametrize("given", [*NO_NUMBERS, -0.01, math.inf, timedelta(1)], ids=repr)
def test_what_is_no_sum_of_money_is_refused(given):
    with pytest.raises(SettingsError, match="max_cost_usd must be 0 USD or more, or None"):
        usd("max_cost_usd", given)


@pytest.mark.parametrize("given", [2, 2.0, np.int64(2), np.float64(2), Decimal(2), np.array(2)])
def test_a_whole_number_is_taken_whatever_holds_it(given):
    assert whole("samples", given) == 2
    assert type(whole("samples", given)) is int


@pytest.mark.parametrize("given", [*NO_NUMBERS, None, 0, -1, 2.5, math.inf, 1 + 0j], ids=repr)
def test_what_is_no_whole_number_is_refused(given):
    with pytest.raises(InputError, match="samples must be a whole number of 1 or more"):
        whole("samples", given)


@pytest.mark.parametrize("given", [True, False, np.True_, np.False_, 1, 0, np.int8(1)], ids=repr)
def test_a_switch_is_on_or_off(given):
    assert switch("progress", given) is bool(given)


@pytest.mark.parametrize("given", ["no", "False", "", None, 2, 1.0, [], math.nan], ids=repr)
def test_what_is_neither_on_nor_off_is_refused(given):
    with pytest.raises(SettingsError, match="progress must be True or False"):
        switch("progress", given)


@pytest.mark.parametrize(
    "given", [None, 1, True, ["use"], np.array(["use"]), np.nan, "Use", "", object], ids=repr
)
def test_a_choice_is_one_of_those_that_are_named(given):
    with pytest.raises(SettingsError, match="cache must be one of 'use', 'off'"):
        choice("cache", given, ("use", "off"))


def test_a_choice_that_is_nearly_right_names_the_right_one():
    with pytest.raises(SettingsError, match=r"'resent' was given\. Did you mean 'resend'\?"):
        choice("on_lost", "resent", ("report", "resend"))
    assert type(choice("on_lost", np.str_("resend"), ("report", "resend"))) is str


def test_a_value_is_named_by_its_kind_where_it_is_long_or_strange():
    frame = pd.DataFrame({"a": [1, 2]})
    assert described(frame) == "a DataFrame of 2"
    assert described(frame["a"]) == "a Series of 2"
    assert described(np.arange(3)) == "a ndarray of 3"
    assert len(described("x" * 1000)) < 70
    assert described(10**5000) == "a number too long to show"
    assert described(pd.NaT) == "NaT"


def test_all_mistakes_are_told_in_one_error_of_a_line_each():
    problems = Problems()
    assert problems.read(seconds, "timeout", "60", instead=None) is None
    assert problems.read(text, "prefix", 1, instead="") == ""
    with problems.noted():
        raise ColumnError("No column 'a'.")
    with pytest.raises(InputError) as raised:
        problems.check()
    assert len(raised.value.problems) == 3
    head, *lines = str(raised.value).splitlines()
    assert head == "This call cannot be made; nothing was sent:"
    assert [line.strip() for line in lines] == raised.value.problems


def test_one_mistake_alone_is_the_error_that_it_is():
    problems = Problems()
    problems.add(UnknownModelError("no model"))
    with pytest.raises(UnknownModelError, match=r"^no model$"):
        problems.check()


def test_mistakes_of_one_class_stay_of_that_class():
    problems = Problems()
    problems.read(seconds, "timeout", "60", instead=None)
    problems.read(usd, "max_cost_usd", "1", instead=None)
    with pytest.raises(SettingsError, match=r"timeout (.|\n)*max_cost_usd"):
        problems.check()


def test_what_is_no_mistake_in_a_call_is_raised_at_once():
    with pytest.raises(ZeroDivisionError), Problems().noted():
        raise ZeroDivisionError
