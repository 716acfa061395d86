"""What votes show: figures (`summary`), words (`sentences`), HTML and a plot (`result`)."""

import itertools
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.comparison.result import Result
from pruna_nb.comparison.sentences import p_text, percent
from pruna_nb.comparison.stats import Tally, sign_test_power
from pruna_nb.comparison.summary import NamedVote, tally_votes
from pruna_nb.errors import InputError, MissingExtraError


def votes(left, right, verdict, count):
    return [NamedVote(left, right, verdict)] * count


# 14 for studio and 6 for plain, each side chosen ten times.
FOURTEEN_OF_TWENTY = [
    *votes("studio", "plain", "left", 7),
    *votes("plain", "studio", "right", 7),
    *votes("plain", "studio", "left", 3),
    *votes("studio", "plain", "right", 3),
]


def test_fourteen_of_twenty_could_still_be_chance():
    result = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY)
    assert result.sentence == (
        "'studio' won 14 of 20 decided votes (70 %, 95 % interval 48 to 85 %); that could still "
        "be chance (exact sign test, p = 0.12). About 34 more votes would settle it, if the rate "
        "stays."
    )
    assert result.winner is None
    assert str(result) == result.sentence


def test_ties_and_both_bad_are_counted_apart_and_never_as_each_other():
    extra = [*votes("plain", "studio", "tie", 3), *votes("studio", "plain", "both_bad", 1)]
    result = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY + extra)
    assert (result.votes, result.decided, result.ties, result.both_bad) == (24, 20, 3, 1)
    assert [(v.name, v.rate.wins, v.rate.decided) for v in result.variants] == [
        ("studio", 14, 20),
        ("plain", 6, 20),
    ]
    assert result.sentence.endswith("3 ties and 1 with both bad are not among the decided votes.")


def test_a_clear_winner_is_named():
    judged = [
        *votes("a", "b", "left", 9),
        *votes("b", "a", "right", 9),
        *votes("a", "b", "right", 2),
    ]
    result = Result.from_votes(["a", "b"], judged)
    assert result.winner == "a"
    assert "better than 'b' (exact sign test, p < 0.001)" in result.sentence
    assert result.pairs[0].needed == 0


def test_an_even_score_shows_no_difference():
    judged = [*votes("a", "b", "left", 5), *votes("a", "b", "right", 5)]
    result = Result.from_votes(["a", "b"], judged)
    assert "won 5 of 10 decided votes each" in result.sentence
    assert "no difference is visible" in result.sentence


def test_a_tiny_difference_asks_for_no_number_of_votes():
    judged = [*votes("a", "b", "left", 52), *votes("a", "b", "right", 49)]
    assert "over 1,000 more votes would be needed" in Result.from_votes(["a", "b"], judged).sentence


def test_no_votes_and_no_decided_votes_are_said():
    assert Result.from_votes(["a", "b"], []).sentence == "No votes yet."
    tied = Result.from_votes(["a", "b"], votes("a", "b", "tie", 1))
    assert tied.sentence == (
        "No vote has decided for a variant yet. 1 tie is not among the decided votes."
    )


def test_a_side_that_is_chosen_too_often_is_mentioned():
    judged = [*votes("a", "b", "left", 9), *votes("b", "a", "left", 9)]
    result = Result.from_votes(["a", "b"], judged)
    assert (result.side.wins, result.side.decided) == (18, 18)
    assert result.side_p_value == pytest.approx(2 * 0.5**18)
    assert "the left one was chosen in 18 of 18 decided votes" in result.sentence


def test_votes_after_the_names_were_shown_are_mentioned():
    judged = [NamedVote("a", "b", "left", names_seen=True), NamedVote("b", "a", "tie")]
    assert (
        "1 vote came after the names had been shown."
        in Result.from_votes(["a", "b"], judged).sentence
    )


def test_lines_that_could_not_be_read_are_mentioned():
    result = Result.from_votes(["a", "b"], votes("a", "b", "left", 1), damaged_lines=2)
    assert "2 lines of the votes' file could not be read." in result.sentence


def test_several_raters_are_mentioned_and_counted():
    judged = [NamedVote("a", "b", "left", rater="ann"), NamedVote("a", "b", "left", rater="bob")]
    result = Result.from_votes(["a", "b"], judged)
    assert dict(result.raters) == {"ann": 1, "bob": 1}
    assert "The votes of 2 raters" in result.sentence


def three(best_wins, second_wins):
    """a beats c in each of 20; a against b, and b against c, as asked for."""
    return [
        *votes("a", "b", "left", best_wins),
        *votes("b", "a", "left", 20 - best_wins),
        *votes("b", "c", "left", second_wins),
        *votes("c", "b", "left", 20 - second_wins),
        *votes("c", "a", "right", 20),
    ]


def test_the_best_of_three_is_named_when_it_beats_each_other():
    result = Result.from_votes(["c", "b", "a"], three(18, 15))
    assert [variant.name for variant in result.variants] == ["a", "b", "c"]
    assert result.winner == "a"
    assert "better than 'b' and 'c' (exact sign tests" in result.sentence
    assert result.strengths is not None


def test_the_leader_of_three_may_be_ahead_of_one_alone():
    result = Result.from_votes(["c", "b", "a"], three(12, 15))
    assert result.winner is None
    assert "It is better than 'c', but not yet clearly better than 'b'" in result.sentence
    assert "more votes between 'a' and 'b' would settle it" in result.sentence


def test_a_leader_of_many_that_has_beaten_none_is_said_without_a_list():
    judged = [*votes("b", "a", "left", 3), *votes("a", "c", "left", 2), *votes("d", "e", "left", 1)]
    said = Result.from_votes(list("abcde"), judged).sentence
    assert "not yet clearly better than any of the other 4 (exact" in said


def test_p_values_of_three_pairs_are_adjusted():
    result = Result.from_votes(["a", "b", "c"], three(15, 15))
    raw = sorted(pair.p_value for pair in result.pairs)
    adjusted = sorted(pair.p_adjusted for pair in result.pairs)
    # Holm: the smallest is tripled, the two equal ones are doubled.
    assert adjusted == pytest.approx([3 * raw[0], 2 * raw[1], 2 * raw[1]])


def test_votes_needed_among_many_pairs_are_those_of_their_stricter_test():
    names = [f"v{number}" for number in range(8)]
    result = Result.from_votes(
        names, [*votes("v0", "v1", "left", 9), *votes("v0", "v1", "right", 1)]
    )
    pair = next(each for each in result.pairs if each.names == ("v0", "v1"))
    # Alone, nine of ten would do: 2 x 11 / 1024 = 0.02. Among 28 pairs Holm asks for 0.05 / 28.
    assert pair.p_value < 0.05 < pair.p_adjusted
    total = 10 + pair.needed
    assert sign_test_power(total, 0.9, alpha=0.05 / 28)[0] >= 0.8
    assert sign_test_power(total - 1, 0.9, alpha=0.05 / 28)[0] < 0.8


def test_the_number_of_votes_needed_is_no_promise_where_there_are_few():
    judged = [*votes("a", "b", "left", 2), *votes("b", "a", "left", 1)]
    said = Result.from_votes(["a", "b"], judged).sentence
    assert "could still be chance (exact sign test, p = 1)" in said
    assert "if the rate stays, which so few votes cannot tell." in said


def test_a_result_in_a_console_is_its_sentence():
    result = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY)
    assert repr(result) == f"<Result: {result.sentence}>"


def test_two_variants_need_no_model():
    result = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY)
    assert result.strengths is None


def test_rows_are_plain_and_the_best_comes_first():
    result = Result.from_votes(
        ["plain", "studio"], FOURTEEN_OF_TWENTY, scores={"studio": {"sharp": 2.0}}
    )
    best, other = result.rows()
    assert (best["variant"], best["wins"], best["decided"], best["sharp"]) == ("studio", 14, 20, 2)
    assert (round(best["low"], 4), round(best["high"], 4)) == (0.4810, 0.8545)
    assert other["variant"] == "plain"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ab", "ba", "bc", "cb", "ac", "ca"]),
            st.sampled_from(["left", "right", "tie", "both_bad"]),
        ),
        max_size=40,
    )
)
def test_every_vote_is_tallied_once_for_the_right_variant(cast):
    judged = [NamedVote(pair[0], pair[1], verdict) for pair, verdict in cast]
    tallies = tally_votes(["a", "b", "c"], judged)
    assert sum(t.decided + t.ties + t.both_bad for t in tallies) == len(judged)
    won = dict.fromkeys("abc", 0)
    for vote in judged:
        winner = {"left": vote.left, "right": vote.right}.get(vote.verdict)
        if winner:
            won[winner] += 1
    for name, count in won.items():
        assert count == sum(
            t.wins if t.first == name else t.losses for t in tallies if name in {t.first, t.second}
        )
    assert Tally("a", "c") in tallies or any(set(pair) == {"a", "c"} for pair, _ in cast)


def test_swapping_all_sides_changes_the_side_rate_alone():
    rng = random.Random(5)
    judged = [
        NamedVote(*rng.sample(["a", "b", "c"], 2), rng.choice(["left", "right", "tie", "both_bad"]))  # type: ignore[call-arg]
        for _ in range(60)
    ]
    turn = {"left": "right", "right": "left"}
    turned = [NamedVote(v.right, v.left, turn.get(v.verdict, v.verdict)) for v in judged]
    one, two = (
        Result.from_votes(["a", "b", "c"], judged),
        Result.from_votes(["a", "b", "c"], turned),
    )
    assert (one.variants, one.pairs) == (two.variants, two.pairs)
    assert one.side.wins + two.side.wins == one.decided


def test_html_shows_names_as_text():
    judged = votes("<script>alert(1)</script>", "costs $5 or $6", "left", 3)
    markup = Result.from_votes(
        ["<script>alert(1)</script>", "costs $5 or $6"], judged
    )._repr_html_()
    assert "<script" not in markup
    assert "&lt;script&gt;" in markup
    assert "mathjax_ignore" in markup
    assert "3 of 3" in markup
    assert "0 of 3" in markup


def test_html_of_no_votes_has_no_table():
    assert "<table" not in Result.from_votes(["a", "b"], [])._repr_html_()


def test_html_of_three_has_strengths_and_scores():
    scores = {name: {"sharp": 1.25} for name in "abc"}
    markup = Result.from_votes(["a", "b", "c"], three(12, 15), scores=scores)._repr_html_()
    assert "strength" in markup
    assert "sharp" in markup
    assert markup.count("1.25") == 3


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.996, ">99 %"), (1, "100 %")],
)
def test_percentages_claim_no_certainty_that_rounding_made(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0009, "p < 0.001"), (0.1153, "p = 0.12"), (0.0503, "p = 0.0503"), (0.0496, "p = 0.0496")],
)
def test_p_values_near_the_level_stay_on_their_side(p, text):
    assert p_text(p) == text


def test_a_plot_says_how_many_votes_stand_behind_it(tmp_path):
    figure = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY).plot()
    assert figure.axes[0].get_title(loc="left") == "n = 20 decided votes (0 ties, 0 both bad)"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["plain", "studio"]
    figure.savefig(tmp_path / "result.png")
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_shows_itself_in_a_notebook_without_pyplot():
    figure = Result.from_votes(["plain", "studio"], FOURTEEN_OF_TWENTY).plot()
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_a_plot_of_three_draws_strengths_and_can_draw_rates():
    result = Result.from_votes(["a", "b", "c"], three(12, 15))
    assert "Bradley-Terry" in result.plot().axes[0].get_xlabel()
    assert "Wilson" in result.plot("rate").axes[0].get_xlabel()


def test_a_plot_of_names_with_dollars_is_drawn_as_text(tmp_path):
    result = Result.from_votes(["$a$", "$\\frac"], votes("$a$", "$\\frac", "left", 3))
    result.plot().savefig(tmp_path / "result.svg")


def test_a_name_without_a_font_on_this_machine_does_not_fill_the_notebook_with_warnings():
    judged = votes("日本語", "🦊", "left", 3)
    plot = Result.from_votes(["日本語", "🦊"], judged).plot()
    # A warning is an error here.
    assert plot._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_a_plot_has_room_for_eight_variants_with_long_names():
    names = [f"{number} studio light, 85 mm, softbox from the left" for number in range(8)]
    judged = [NamedVote(a, b, "left") for a, b in itertools.permutations(names, 2)]
    plot = Result.from_votes(names, judged).plot()
    plot.draw_without_rendering()
    (axes,) = plot.axes
    labels = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert len(labels) == 8
    assert all(box.x0 >= 0 for box in labels)
    assert all(low.y1 < high.y0 for low, high in itertools.pairwise(labels))


def test_strengths_that_are_not_there_cannot_be_drawn():
    with pytest.raises(InputError, match="more than two variants"):
        Result.from_votes(["a", "b"], votes("a", "b", "left", 3)).plot("strength")
    with pytest.raises(InputError, match="rate, strength"):
        Result.from_votes(["a", "b"], []).plot("pie")


def test_a_plot_without_votes_says_so():
    figure = Result.from_votes(["a", "b"], []).plot()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no decided votes"] * 2


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pruna_nb\[compare\]"):
        Result.from_votes(["a", "b"], []).plot()
