"""Bradley-Terry strengths, held against published figures."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.comparison.bradley_terry import bradley_terry
from pruna_nb.comparison.stats import Tally
from pruna_nb.errors import InputError

# Stigler (1994), Agresti (2002) p. 448: citations among four journals, the cited one winning.
CITATIONS = [
    Tally("Biometrika", "Comm Statist", 730, 33),
    Tally("Biometrika", "JASA", 498, 320),
    Tally("Biometrika", "JRSS-B", 221, 284),
    Tally("Comm Statist", "JASA", 68, 813),
    Tally("Comm Statist", "JRSS-B", 17, 276),
    Tally("JASA", "JRSS-B", 142, 325),
]
# Turner and Firth (2012), package BradleyTerry2, BTabilities() with contr.sum.
CITATION_STRENGTHS = {
    "Biometrika": (0.7899221, 0.04333047),
    "Comm Statist": (-2.1591504, 0.07257974),
    "JASA": (0.3103523, 0.04164102),
    "JRSS-B": (1.0588761, 0.05304699),
}
# Agresti (2002) table 10.10: American League, 1987; home wins and away wins.
BASEBALL = """
Milwaukee Detroit 4 3, Milwaukee Toronto 4 2, Milwaukee NewYork 4 3, Milwaukee Boston 6 1,
Milwaukee Cleveland 4 2, Milwaukee Baltimore 6 0, Detroit Milwaukee 3 3, Detroit Toronto 4 2,
Detroit NewYork 4 3, Detroit Boston 6 0, Detroit Cleveland 6 1, Detroit Baltimore 4 3,
Toronto Milwaukee 2 5, Toronto Detroit 4 3, Toronto NewYork 2 4, Toronto Boston 4 3,
Toronto Cleveland 4 2, Toronto Baltimore 6 0, NewYork Milwaukee 3 3, NewYork Detroit 5 1,
NewYork Toronto 2 5, NewYork Boston 4 3, NewYork Cleveland 4 2, NewYork Baltimore 6 1,
Boston Milwaukee 5 1, Boston Detroit 2 5, Boston Toronto 3 3, Boston NewYork 4 2,
Boston Cleveland 5 2, Boston Baltimore 6 0, Cleveland Milwaukee 2 5, Cleveland Detroit 3 3,
Cleveland Toronto 3 4, Cleveland NewYork 4 3, Cleveland Boston 4 2, Cleveland Baltimore 2 4,
Baltimore Milwaukee 2 5, Baltimore Detroit 1 5, Baltimore Toronto 1 6, Baltimore NewYork 2 4,
Baltimore Boston 1 6, Baltimore Cleveland 3 4
"""


LOG_LINEAR = [
    Tally("a", "b", 16, 3, 5),
    Tally("a", "c", 6, 5, 16),
    Tally("a", "d", 17, 12, 2),
    Tally("b", "c", 3, 7, 9),
    Tally("b", "d", 13, 10, 6),
    Tally("c", "d", 4, 14, 15),
]


def values(fitted):
    return {name: strength.value for name, strength in fitted.by_name.items()}


def test_the_citations_of_four_journals_come_out_as_published():
    fitted = bradley_terry(list(CITATION_STRENGTHS), CITATIONS)
    for name, (value, error) in CITATION_STRENGTHS.items():
        assert fitted.by_name[name].value == pytest.approx(value, abs=2e-6)
        assert fitted.by_name[name].error == pytest.approx(error, abs=2e-6)
    assert fitted.method == "maximum likelihood"
    assert fitted.ties == 0


def test_the_baseball_season_of_1987_comes_out_as_in_agresti():
    games = [game.split() for game in BASEBALL.split(",")]
    tallies = [Tally(home, away, int(won), int(lost)) for home, away, won, lost in games]
    teams = sorted({tally.first for tally in tallies})
    fitted = values(bradley_terry(teams, tallies))
    # Agresti (2002), table 10.11, third column: each against Baltimore.
    assert {team: round(fitted[team] - fitted["Baltimore"], 2) for team in teams} == {
        "Milwaukee": 1.58,
        "Detroit": 1.44,
        "Toronto": 1.29,
        "NewYork": 1.25,
        "Boston": 1.11,
        "Cleveland": 0.68,
        "Baltimore": 0,
    }


def test_the_order_of_variants_and_the_direction_of_tallies_do_not_matter():
    names = list(CITATION_STRENGTHS)
    turned = [Tally(t.second, t.first, t.losses, t.wins) for t in CITATIONS]
    expected = values(bradley_terry(names, CITATIONS))
    assert values(bradley_terry(names[::-1], turned)) == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_with_two_variants_davidsons_model_fits_the_shares_exactly(wins, losses, ties):
    fitted = bradley_terry(["a", "b"], [Tally("a", "b", wins, losses, ties)])
    difference = fitted.by_name["a"].value - fitted.by_name["b"].value
    # Two parameters and two free shares: s1 - s2 = log(w / l), nu = t / sqrt(w l).
    assert difference == pytest.approx(math.log(wins / losses), abs=1e-5)
    assert fitted.ties == pytest.approx(ties / math.sqrt(wins * losses), rel=1e-5)


@given(st.integers(1, 60), st.integers(1, 60))
def test_with_two_variants_and_no_ties_strength_and_error_are_the_log_odds(wins, losses):
    fitted = bradley_terry(["a", "b"], [Tally("a", "b", wins, losses)])
    assert fitted.by_name["a"].value == pytest.approx(math.log(wins / losses) / 2, abs=1e-5)
    error = math.sqrt(1 / wins + 1 / losses) / 2
    assert fitted.by_name["a"].error == pytest.approx(error, rel=1e-4)
    assert fitted.by_name["a"].high == pytest.approx(
        fitted.by_name["a"].value + 1.959964 * error, abs=1e-4
    )


def test_strengths_with_ties_are_those_of_the_log_linear_model():
    # Fienberg and Larntz (1976): Davidson's model as a Poisson regression on pair, strength and
    # tie. The figures are statsmodels' GLM(family=Poisson()) on that design.
    fitted = bradley_terry(list("abcd"), LOG_LINEAR)
    against_a = [fitted.by_name[n].value - fitted.by_name["a"].value for n in "bcd"]
    assert against_a == pytest.approx([-0.98899279, -0.71727626, -0.49833927], abs=1e-6)
    errors = [fitted.by_name[n].error for n in "abcd"]
    assert errors == pytest.approx([0.21267283, 0.22447163, 0.21098937, 0.19284267], abs=1e-6)
    assert fitted.ties == pytest.approx(1.0038996786, abs=1e-6)


@given(st.integers(1, 40))
def test_who_won_all_gets_firths_finite_strength(wins):
    fitted = bradley_terry(["a", "b"], [Tally("a", "b", wins, 0)])
    # Firth's penalty is Jeffreys' prior: half a vote more for each side.
    difference = fitted.by_name["a"].value - fitted.by_name["b"].value
    assert difference == pytest.approx(math.log((wins + 0.5) / 0.5), abs=1e-4)
    assert fitted.method == "Firth"


@pytest.mark.parametrize("ties", [0, 3])
def test_three_in_a_row_that_never_lose_to_a_weaker_one_have_finite_strengths(ties):
    tallies = [Tally("a", "b", 9, 0, ties), Tally("b", "c", 9, 0, ties), Tally("a", "c", 9, 0)]
    fitted = bradley_terry(["a", "b", "c"], tallies)
    assert fitted.method == "Firth"
    strengths = values(fitted)
    assert strengths["a"] > strengths["b"] > strengths["c"]
    assert all(math.isfinite(each.error) for each in fitted.by_name.values())


def test_a_variant_without_any_vote_leaves_nothing_to_say():
    assert bradley_terry(["a", "b", "c"], [Tally("a", "b", 3, 2)]) is None
    assert bradley_terry(["a", "b"], []) is None


def test_ties_alone_leave_nothing_to_say():
    assert bradley_terry(["a", "b"], [Tally("a", "b", ties=4)]) is None


def test_both_bad_changes_nothing():
    one = bradley_terry(["a", "b"], [Tally("a", "b", 5, 3, 2)])
    two = bradley_terry(["a", "b"], [Tally("a", "b", 5, 3, 2, both_bad=9)])
    assert one == two


def test_more_ties_pull_strengths_together():
    few = bradley_terry(["a", "b", "c"], _round_robin(ties=0))
    many = bradley_terry(["a", "b", "c"], _round_robin(ties=40))
    assert few.by_name["a"].value > many.by_name["a"].value > 0
    assert many.ties > 1


def _round_robin(ties):
    tallies = [Tally("a", "b", 8, 4, 0), Tally("b", "c", 8, 4, 0), Tally("a", "c", 10, 2)]
    return [*tallies, Tally("a", "b", ties=ties), Tally("a", "c", ties=ties)]


def test_the_test_of_equality_is_mcnemars_for_two_variants():
    from scipy.stats import chi2

    fitted = bradley_terry(["a", "b"], [Tally("a", "b", 14, 6)])
    assert fitted.p_value == pytest.approx(chi2.sf((14 - 6) ** 2 / 20, 1))


def test_equal_votes_give_equal_strengths():
    tallies = [Tally(a, b, 5, 5, 2) for a, b in itertools.combinations("abcd", 2)]
    fitted = bradley_terry(list("abcd"), tallies)
    assert all(each.value == pytest.approx(0, abs=1e-9) for each in fitted.by_name.values())
    assert fitted.p_value == pytest.approx(1)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 5)), min_size=6))
def test_whatever_the_votes_strengths_are_finite_or_none_and_sum_to_zero(votes):
    tallies = [
        Tally(one, two, *counts)
        for (one, two), counts in zip(itertools.combinations("abcd", 2), votes, strict=False)
    ]
    fitted = bradley_terry(list("abcd"), tallies)
    if fitted is None:
        return
    assert sum(values(fitted).values()) == pytest.approx(0, abs=1e-9)
    assert all(math.isfinite(each.error) and each.error > 0 for each in fitted.by_name.values())
    assert 0 <= fitted.p_value <= 1


def test_votes_for_a_stranger_are_refused():
    with pytest.raises(InputError, match="z"):
        bradley_terry(["a", "b"], [Tally("a", "z", 1, 1)])
