"""Votes on one prompt are one cluster: by simulation, and against what needs no clusters."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from pruna_nb.comparison.bradley_terry import bradley_terry
from pruna_nb.comparison.clusters import (
    clustered_rate,
    design_effect,
    mean_interval,
    sign_flip_test,
)
from pruna_nb.comparison.result import Result
from pruna_nb.comparison.stats import Tally, sign_test, win_rate
from pruna_nb.comparison.summary import NamedVote

PROMPTS, SEEDS = 10, 8


def judged(rng, prompts=PROMPTS, seeds=SEEDS):
    """Return the votes between two variants that are equally good, each prompt with a taste."""
    tastes = rng.beta(1.5, 1.5, prompts)
    return [(int(wins), int(seeds - wins)) for wins in rng.binomial(seeds, tastes)]


def test_one_of_twenty_comparisons_of_equals_is_a_false_alarm_and_not_one_of_five():
    rng = np.random.default_rng(8)
    runs, alone, together, covered = 400, 0, 0, 0
    for _ in range(runs):
        clusters = judged(rng)
        wins = sum(won for won, _ in clusters)
        alone += sign_test(wins, PROMPTS * SEEDS - wins) <= 0.05
        together += sign_flip_test(clusters) <= 0.05
        rate = clustered_rate([(won, SEEDS) for won, _ in clusters])
        covered += rate.low <= 0.5 <= rate.high
    assert alone / runs > 0.15
    assert together / runs <= 0.05
    assert 0.93 <= covered / runs <= 0.98


def test_strengths_of_equals_are_not_told_apart_by_seeds_of_few_prompts():
    rng = np.random.default_rng(3)
    runs, alone, together, alarms = 80, 0, 0, 0
    names = ["a", "b", "c"]
    for _ in range(runs):
        clusters = []
        for tastes in rng.normal(0, 1.0, (PROMPTS, 3)):
            wins = {
                (i, j): int(rng.binomial(SEEDS, 1 / (1 + math.exp(tastes[j] - tastes[i]))))
                for i, j in itertools.combinations(range(3), 2)
            }
            clusters.append(
                [Tally(names[i], names[j], won, SEEDS - won) for (i, j), won in wins.items()]
            )
        tallies = [
            Tally(
                each[0].first,
                each[0].second,
                sum(t.wins for t in each),
                sum(t.losses for t in each),
            )
            for each in zip(*clusters, strict=True)
        ]
        clustered = bradley_terry(names, tallies, clusters=clusters)
        bare = bradley_terry(names, tallies)
        together += sum(each.low <= 0 <= each.high for each in clustered.by_name.values())
        alone += sum(each.low <= 0 <= each.high for each in bare.by_name.values())
        alarms += clustered.p_value <= 0.05
        assert clustered.by_name["a"].value == bare.by_name["a"].value
    assert alone / (3 * runs) < 0.8
    assert 0.9 <= together / (3 * runs) <= 0.99
    assert alarms / runs <= 0.07


def test_clusters_of_one_vote_are_what_there_is_without_clusters():
    votes = [(1, 0)] * 14 + [(0, 1)] * 6
    assert sign_flip_test(votes) == sign_test(14, 6)
    assert clustered_rate([(won, 1) for won, _ in votes]) == win_rate(14, 20)
    cast = [
        NamedVote("a", "b", "left" if won else "right", cluster=n)
        for n, (won, _) in enumerate(votes)
    ]
    bare = [NamedVote(vote.left, vote.right, vote.verdict) for vote in cast]
    assert Result.from_votes(["a", "b"], cast) == Result.from_votes(["a", "b"], bare)


def test_the_sign_flip_test_counts_all_turns_of_the_clusters():
    for clusters in ([(5, 1), (2, 2), (3, 0)], [(4, 0), (0, 3), (2, 1), (1, 0)], [(7, 0)]):
        surplus = [won - lost for won, lost in clusters]
        turns = list(itertools.product([1, -1], repeat=len(surplus)))
        sums = [abs(sum(s * t for s, t in zip(surplus, turn, strict=True))) for turn in turns]
        share = sum(each >= abs(sum(surplus)) for each in sums) / len(turns)
        assert sign_flip_test(clusters) == pytest.approx(share)
    assert sign_flip_test([]) == sign_flip_test([(2, 2)]) == 1.0
    # Of many prompts with many seeds it takes no time worth a mention.
    assert 0 < sign_flip_test([(9, 1)] * 500 + [(1, 9)] * 480) < 1


def test_what_votes_are_worth_is_between_one_each_and_one_a_cluster():
    assert design_effect([4, 4, 0, 0], [4] * 4) == pytest.approx(16 / 3)
    assert design_effect([2, 2, 2, 2], [4] * 4) == 1.0
    assert design_effect([4, 4, 4], [4] * 3) == 4.0  # all alike: each cluster as one vote
    assert design_effect([], []) == design_effect([1, 0], [1, 1]) == 1.0
    alike = clustered_rate([(4, 4)] * 3)
    assert alike.low < win_rate(3, 3).low
    assert clustered_rate([(4, 4)]).low < 0.05
    assert clustered_rate([(0, 0)]) == win_rate(0, 0) or math.isnan(clustered_rate([]).rate)


def test_a_mean_of_scores_has_the_interval_of_its_prompts():
    # By hand: means 1, 2, 3 of equal clusters have the standard error 1 / sqrt(3); t of 2 is 4.303.
    low, high = mean_interval([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert (low, high) == pytest.approx(
        (2 - 4.3027 / math.sqrt(3), 2 + 4.3027 / math.sqrt(3)), abs=1e-3
    )
    assert all(map(math.isnan, mean_interval([[1.0, 2.0], []])))


def test_a_result_says_over_how_many_prompts_it_was_tested():
    votes = [NamedVote("a", "b", "left", cluster=prompt) for prompt in "xy"] * 8
    result = Result.from_votes(["a", "b"], votes)
    assert result.winner is None
    assert result.sentence.startswith(
        "'a' won 16 of 16 decided votes (100 %, 95 % interval 1 to 100 %); that could still be "
        "chance (exact sign-flip test over 2 prompts, p = 0.5). About 32 more votes on other "
        "prompts would settle it"
    )
    assert "the votes on one prompt as a cluster (2 prompts)" in result._repr_html_()
    clear = Result.from_votes(
        ["a", "b"], [*votes, *(NamedVote("a", "b", "left", cluster=n) for n in range(5))]
    )
    assert clear.winner == "a"
    strengths = bradley_terry(["a", "b"], [clear.pairs[0].tally], clusters=[[clear.pairs[0].tally]])
    assert strengths.by_name["a"].low < 0  # one cluster tells nothing


def test_raters_of_one_pair_are_one_cluster_too():
    votes = [
        NamedVote("a", "b", "left", rater=rater, cluster=("pair", pair))
        for pair in range(5)
        for rater in ("ann", "bob")
    ]
    result = Result.from_votes(["a", "b"], votes, unit="pair")
    assert result.pairs[0].p_value == sign_test(5, 0)
    assert "over 5 pairs" in result.sentence
    assert "as if each were" not in result.sentence
