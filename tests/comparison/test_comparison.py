"""A comparison from its rows to its votes and its result, with pictures of the tests' own."""

import math

import pytest


def votes_of(comparison):
    return comparison.votes.to_dict("records")


class Clock:
    now = 0.0

    def __call__(self):
        self.now += 2
        return self.now


def judge(comparison, choose, rater=None, stop=1000):
    """Judge as `choose` says of the two rows; give the number judged."""
    form = comparison.vote(rater)
    form._clock = Clock()
    form.start()
    names = {row["output"]: row["variant"] for row in comparison.rows}
    count = 0
    while form.current is not None and count < stop:
        ballot = form.current
        assert form.vote(choose(names[ballot.left], names[ballot.right]), side_by_side=True)
        count += 1
    return count


def prefers(name):
    return lambda left, _right: "left" if left == name else "right"


def test_every_row_is_made_and_stands_with_its_outcome(compare, maker):
    comparison = compare(seeds=2, aspect_ratio=["1:1", "16:9"])
    assert len(maker.requests) == 8
    assert set(maker.requests[0]) == {"model", "prompt", "seed", "aspect_ratio"}
    first = comparison.rows[0]
    assert first["variant"] == "a fox"
    assert first["model"] == "p-image"
    assert first["status"] == "succeeded"
    assert first["output"].endswith(".png")
    assert comparison.variants == ("a fox", "a fox, studio light")
    assert comparison.pairs == 4


def test_a_known_models_name_is_a_model_and_its_list_fields_stay_lists(compare, maker):
    compare(["p-image", "flux-dev"], prompt="a fox", seeds=1)
    assert [request["model"] for request in maker.requests] == ["p-image", "flux-dev"]
    maker.requests.clear()
    images = ["a.png", "b.png"]
    compare(["make it night", "make it snow"], model="p-image-edit", images=images, seeds=1)
    assert [request["images"] for request in maker.requests] == [images, images]


def test_votes_become_a_result(compare):
    comparison = compare()
    assert comparison.result().sentence == "No votes yet."
    assert judge(comparison, prefers("a fox, studio light")) == 8
    result = comparison.result()
    assert result.winner == "a fox, studio light"
    # 2 x 0.5^8
    assert result.pairs[0].p_value == pytest.approx(0.0078125)


def test_votes_say_what_was_judged(compare):
    comparison = compare(seeds=1, aspect_ratio=["16:9"])
    judge(comparison, prefers("a fox"), rater="ann")
    (vote,) = votes_of(comparison)
    assert {vote["left"], vote["right"]} == {"a fox", "a fox, studio light"}
    assert (vote["winner"], vote["loser"]) == ("a fox", "a fox, studio light")
    assert (vote["rater"], vote["seed"], vote["aspect_ratio"]) == ("ann", 1, "16:9")
    assert vote["seconds"] == 2
    assert vote["names_seen"] is False


def test_several_seeds_of_a_prompt_are_one_cluster_and_those_of_the_only_prompt_are_not(compare):
    variants = {"plain": "a {prompt}", "studio": "a {prompt}, studio light"}
    two = compare(variants, prompts=["fox", "owl"], seeds=8, score={"light": light})
    judge(two, prefers("studio"))
    result = two.result()
    assert (result.decided, result.clusters, result.winner) == (16, 2, None)
    assert "exact sign-flip test over 2 prompts, p = 0.5" in result.sentence
    best = result.frame.iloc[0]
    assert (best["variant"], best["wins"], best["decided"]) == ("studio", 16, 16)
    assert best["light_low"] <= best["light"] <= best["light_high"]
    assert result.frame.columns.tolist()[-3:] == ["light", "light_low", "light_high"]
    one = compare(variants, prompts=["fox"], seeds=8)
    assert (one.result().winner, one.result().clusters) == ("studio", 0)
    assert "exact sign test" in one.result().sentence
    judge(one, prefers("studio"), rater="ann")
    again = one.result()
    assert (again.decided, again.clusters, again.unit) == (16, 8, "pair")
    assert again.pairs[0].p_value == pytest.approx(2 / 2**8)


def light(image, _row):
    return image.convert("L").getpixel((0, 0))


def test_pairs_are_frames_with_their_votes_and_with_their_tests(compare):
    comparison = compare({"a": "a fox", "b": "a cat", "c": "a dog"}, seeds=2)
    assert comparison.pairs_frame["votes"].tolist() == [0] * 6
    judge(comparison, prefers("a"), stop=5)
    pairs = comparison.pairs_frame
    assert len(pairs) == comparison.pairs == 6
    assert pairs["votes"].sum() == 5
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    }
    joined = comparison.votes.merge(pairs, on="pair")
    assert (joined["winner"].eq(joined["first"]) == joined["first_wins"].eq(1)).all()
    outputs = {row["output"]: row["variant"] for row in comparison.rows}
    assert pairs["first_output"].map(outputs).tolist() == pairs["first"].tolist()
    tested = comparison.result().pairs_frame
    assert tested[["first", "second"]].values.tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert tested["wins"].sum() + tested["losses"].sum() == 5
    assert ((tested["low"] <= tested["win_rate"]) & (tested["win_rate"] <= tested["high"])).all()
    assert tested["better"].isna().all()


def test_a_tie_has_neither_winner_nor_loser(compare):
    comparison = compare(seeds=1)
    judge(comparison, lambda _left, _right: "tie")
    (vote,) = votes_of(comparison)
    assert (vote["verdict"], vote["winner"], vote["loser"]) == ("tie", None, None)


def test_votes_and_pictures_are_frames_of_the_same_columns_before_and_after_a_vote(compare):
    comparison = compare(seeds=1)
    columns = list(comparison.votes)
    assert len(comparison.votes) == 0
    judge(comparison, prefers("a fox"))
    assert len(comparison.votes) == 1
    assert list(comparison.votes) == columns
    assert set(columns) >= {"seed", "winner", "names_seen"}
    assert len(comparison.frame) == 2
    assert isinstance(comparison.rows, list)


def test_voting_goes_on_after_a_restart(compare):
    assert judge(compare(), prefers("a fox"), stop=3) == 3
    again = compare()
    assert repr(again.vote()) == "<VoteForm: 3 of 8 pairs judged>"
    assert judge(again, prefers("a fox")) == 5
    assert len(again.votes) == 8


def test_more_seeds_keep_the_votes_that_were_cast(compare):
    judge(compare(seeds=2), prefers("a fox"))
    more = compare(seeds=4)
    assert len(more.votes) == 2
    assert judge(more, prefers("a fox")) == 2


def test_fewer_seeds_count_the_votes_on_their_own_pairs_alone(compare):
    judge(compare(seeds=4), prefers("a fox"))
    assert compare(seeds=2).result().votes == 2


def test_another_variant_keeps_the_votes_between_the_others(compare):
    judge(compare({"a": "a fox", "b": "a cat"}, seeds=2), prefers("a"))
    three = compare({"a": "a fox", "b": "a cat", "c": "a dog"}, seeds=2)
    assert [vote["winner"] for vote in votes_of(three)] == ["a", "a"]
    assert three.pairs == 6
    assert judge(three, prefers("c")) == 4
    assert len(three.votes) == 6
    assert len(compare({"a": "a fox", "c": "a dog"}, seeds=2).votes) == 2


def test_a_changed_prompt_starts_anew_and_takes_no_votes_from_the_others(compare):
    judge(compare({"a": "a fox", "b": "a cat", "c": "a dog"}, seeds=1), prefers("a"))
    changed = compare({"a": "a fox", "b": "a cat", "c": "an owl"}, seeds=1)
    assert [{vote["left"], vote["right"]} for vote in votes_of(changed)] == [{"a", "b"}]
    assert len(compare({"a": "a fox", "b": "a cat", "c": "a dog"}, seeds=1).votes) == 3


def test_undo_goes_back_in_time_across_the_files_of_three_variants(compare):
    three = {"a": "a fox", "b": "a cat", "c": "a dog"}
    judge(compare(three, seeds=2), prefers("a"))
    cast = [(vote["pair"], vote["at"]) for vote in votes_of(compare(three, seeds=2))]
    form = compare(three, seeds=2).vote()
    for pair, _ in reversed(cast):
        assert form.undo()
        assert form.current.key == pair
    assert not form.undo()


def test_two_forms_on_the_same_comparison_share_its_pairs(compare):
    one, two = compare(seeds=3), compare(seeds=3)
    forms = [one.vote(), two.vote()]
    for form in forms:
        form._clock = Clock()
        form.start()
    assert forms[0].vote("left", side_by_side=True)
    assert forms[0].vote("left", side_by_side=True)
    # The second one was at the first pair still; its next one is the third.
    assert forms[1].vote("right", side_by_side=True)
    assert forms[1].current.key == forms[0].current.key
    assert forms[1].vote("right", side_by_side=True)
    assert forms[1].current is None
    assert len(one.votes) == 3
    # Each takes back its own first.
    assert forms[0].undo()
    assert [vote["verdict"] for vote in votes_of(one)].count("left") == 0
    assert forms[1].undo()
    assert len(one.votes) == 1


def test_another_name_keeps_the_votes(compare):
    judge(compare({"old": "a fox", "b": "a cat"}, seeds=2), prefers("old"))
    assert compare({"new": "a fox", "b": "a cat"}, seeds=2).result().winner is None
    assert votes_of(compare({"new": "a fox", "b": "a cat"}, seeds=2))[0]["winner"] == "new"


def test_undo_counts_after_a_restart_too(compare):
    judge(compare(seeds=2), prefers("a fox"))
    comparison = compare(seeds=2)
    form = comparison.vote()
    assert form.undo()
    assert len(comparison.votes) == 1
    assert form.current is not None


def test_each_rater_judges_all_pairs_and_undoes_their_own_alone(compare):
    comparison = compare(seeds=2)
    judge(comparison, prefers("a fox"), rater="ann")
    judge(comparison, prefers("a fox, studio light"), rater="bob")
    assert comparison.result().votes == 4
    assert comparison.result("ann").variants[0].name == "a fox"
    assert comparison.result("bob").variants[0].name == "a fox, studio light"
    comparison.vote("ann").undo()
    assert (comparison.result("ann").votes, comparison.result("bob").votes) == (1, 2)


def test_a_pair_without_both_pictures_is_left_out_and_said(compare, maker):
    maker.broken = lambda request: request["seed"] == 2 and "studio" in request["prompt"]
    comparison = compare(seeds=3)
    assert comparison.pairs == 2
    intro = comparison.vote()._intro.value
    assert "1 pair is left out" in intro
    assert "a picture is missing: failed" in intro
    assert judge(comparison, prefers("a fox")) == 2


def test_two_sides_with_the_same_file_are_not_judged(compare, maker):
    same = maker.one({"prompt": "x", "seed": 1})
    maker.make = lambda _row: same
    comparison = compare(["a", "b"], seeds=1)
    assert comparison.pairs == 0
    assert "one and the same file" in comparison.vote()._outro.value


def test_nothing_is_cautioned_of_where_no_name_was_shown(compare):
    assert "names before" not in compare(seeds=1).vote()._intro.value
    comparison = compare(seeds=1)
    comparison.grid()
    assert "All of them were shown" in comparison.vote()._intro.value


def ballot_of(comparison):
    form = comparison.vote()
    form.start()
    return form.current


def test_a_prompt_that_is_one_sides_own_is_not_shown(compare):
    ballot = ballot_of(compare(seeds=1))
    assert "studio" not in ballot.prompt
    variants = {"photo": "a photo of {subject}", "studio": "{subject}, studio light"}
    ballot = ballot_of(compare(variants, prompts=[{"subject": "a cat"}], seeds=1))
    assert ballot.prompt == "subject: a cat"


def test_a_prompt_that_both_have_is_shown_with_seed_and_setting(compare):
    variants = [{"guidance": 3}, {"guidance": 7}]
    ballot = ballot_of(compare(variants, prompt="a fox", seeds=[5], aspect_ratio=["16:9"]))
    assert ballot.prompt == "a fox"
    assert ballot.note == "seed 5 · aspect_ratio 16:9"


def test_votes_after_the_names_were_seen_are_marked(compare):
    comparison = compare(seeds=2)
    judge(comparison, prefers("a fox"), stop=1)
    comparison.grid()
    judge(comparison, prefers("a fox"))
    assert [vote["names_seen"] for vote in votes_of(comparison)] == [False, True]
    assert "1 vote came after the names had been shown" in comparison.result().sentence


def test_names_that_were_shown_are_known_in_another_kernel_for_those_pictures_alone(compare):
    compare(seeds=2).grid()
    more = compare(seeds=3)
    assert "2 of them were shown with their names before" in more.vote()._intro.value
    judge(more, prefers("a fox"))
    assert {vote["seed"]: vote["names_seen"] for vote in votes_of(more)} == {
        1: True,
        2: True,
        3: False,
    }


def test_votes_after_the_result_was_revealed_are_marked(compare):
    comparison = compare(seeds=2)
    form = comparison.vote()
    form._clock = Clock()
    form.start()
    form.vote("left", side_by_side=True)
    form.finish()
    form.start()
    form.vote("left", side_by_side=True)
    assert [vote["names_seen"] for vote in votes_of(comparison)] == [False, True]


def test_secrets_are_sent_and_never_shown(compare, maker, tmp_path):
    variants = [{"lora_scale": 0.5}, {"lora_scale": 1.0}]
    more = {"prompt": "a fox", "seeds": 1, "hf_api_token": "hf_very_secret"}
    comparison = compare(variants, model="p-image-lora", **more)
    assert maker.requests[0]["hf_api_token"] == "hf_very_secret"
    judge(comparison, prefers("lora_scale=1.0"))
    shown = [repr(comparison.rows), repr(votes_of(comparison)), comparison.grid().html()]
    shown += [comparison._repr_html_(), comparison.result()._repr_html_()]
    shown += [repr(cell) for cell in comparison.grid().cells]
    shown += [path.read_text() for path in (tmp_path / "cache" / "votes").glob("*.jsonl")]
    assert not any("hf_very_secret" in text for text in shown)
    assert comparison.rows[0]["hf_api_token"] == "***"


def test_its_summary_shows_counts_and_cost_but_no_picture(compare, maker):
    maker.broken = lambda request: request["seed"] == 1
    comparison = compare(seeds=2)
    assert repr(comparison) == (
        "<Comparison: 2 variants, 4 pictures (2 failed, 0.02 USD). 1 pair to judge, 0 votes so "
        "far.>"
    )
    assert "<img" not in comparison._repr_html_()
    assert ".vote()" in comparison._repr_html_()


def test_a_cost_that_nobody_knows_is_not_added_up(compare, maker, monkeypatch):
    monkeypatch.setattr(maker, "one", lambda _request: {"output": None, "cost_usd": math.nan})
    assert "USD" not in repr(compare(seeds=1))


def test_names_are_text_in_the_summary(compare):
    html = compare({"<b>one</b>": "a fox", "two": "a cat"}, seeds=1)._repr_html_()
    assert "<b>one" not in html
