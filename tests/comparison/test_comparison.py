"""A comparison from its rows to its result, with pictures of the tests' own."""

import json
import math

import pytest
from PIL import Image

from pruna_nb.comparison.comparison import Comparison
from pruna_nb.comparison.pairs import make_rows
from pruna_nb.comparison.scores import mean_scores, read_score, score_rows
from pruna_nb.comparison.variants import read_variants


class Maker:
    """Makes the picture of a row, and remembers what it was asked for."""

    def __init__(self, folder, broken=lambda _request: False):
        self.folder, self.broken = folder, broken
        self.requests = []

    def make(self, row):
        self.requests.append(row.request)
        return self.one(row.request)

    def one(self, request):
        if self.broken(request):
            return {"output": None, "status": "failed", "error": "refused", "cost_usd": 0.005}
        key = json.dumps(request, sort_keys=True, default=str)
        path = self.folder / f"{abs(hash(key)):x}.png"
        shade = 200 if "studio" in str(request.get("prompt")) else 40
        color = (shade, abs(hash(key)) % 256, request.get("seed", 0))
        Image.new("RGB", (80, 60), color).save(path)
        return {"output": str(path), "status": "succeeded", "error": None, "cost_usd": 0.005}


@pytest.fixture
def maker(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    return Maker(folder)


@pytest.fixture
def compare(maker):
    def compare(
        variants=("a fox", "a fox, studio light"),
        seeds=8,
        *,
        prompts=None,
        model="p-image",
        score=None,
        **fields,
    ):
        read = read_variants(variants)
        rows = make_rows(read, seeds=seeds, prompts=prompts, model=model, fields=fields)
        outcomes, means = [maker.make(row) for row in rows], None
        if score is not None:
            made = [{**row.as_dict(), **each} for row, each in zip(rows, outcomes, strict=True)]
            scores = score_rows(made, read_score(score))
            means = mean_scores([row.variant for row in rows], scores)
            outcomes = [{**each, **more} for each, more in zip(outcomes, scores, strict=True)]
        return Comparison(read, rows, outcomes, model=model, score_means=means)

    return compare


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


def test_a_grid_is_shown_where_nothing_can_be_written(compare, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "votes").write_text("a file where a folder belongs")
    assert compare(seeds=1).grid().html().count("<img ") == 2


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


def test_the_grid_has_a_column_for_each_variant_and_a_row_for_each_cell(compare):
    grid = compare(seeds=2, aspect_ratio=["1:1", "16:9"]).grid()
    assert grid.cols == ("a fox", "a fox, studio light")
    assert grid.rows == (
        "seed 1 · aspect_ratio 1:1",
        "seed 2 · aspect_ratio 1:1",
        "seed 1 · aspect_ratio 16:9",
        "seed 2 · aspect_ratio 16:9",
    )
    assert len(grid.cells) == 8
    assert grid.html().count("<img ") == 8


def test_rows_of_the_grid_that_read_alike_stay_apart(compare):
    variants = ["make it night", "make it snow"]
    prompts = [{"images": [b"one"]}, {"images": [b"two"]}]
    grid = compare(variants, model="p-image-edit", prompts=prompts, seeds=None).grid()
    assert len(grid.rows) == 2


def test_a_failed_picture_says_why_in_the_grid(compare, maker):
    maker.broken = lambda request: request["seed"] == 1
    assert "refused" in compare(seeds=1).grid().html()


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


def test_scores_are_joined_to_rows_and_averaged(compare):
    def brightness(image, row):
        assert row["variant"] in {"a fox", "a fox, studio light"}
        return image.getpixel((0, 0))[0]

    comparison = compare(seeds=2, score=brightness)
    assert [row["brightness"] for row in comparison.rows] == [40, 200, 40, 200]
    assert {row["score_error"] for row in comparison.rows} == {None}
    means = {variant.name: variant.scores for variant in comparison.result().variants}
    assert means == {"a fox": {"brightness": 40}, "a fox, studio light": {"brightness": 200}}


def test_a_score_may_give_several_numbers(compare):
    comparison = compare(
        seeds=1, score=lambda image, _row: dict(zip("wh", image.size, strict=True))
    )
    assert [(row["w"], row["h"]) for row in comparison.rows] == [(80, 60)] * 2


def test_several_scores_are_named_and_a_taken_name_gets_another(compare):
    scores = {"wide": lambda image, _row: image.width, "status": lambda _image, _row: 1.5}
    row = compare(seeds=1, score=scores).rows[0]
    assert (row["wide"], row["score_status"], row["status"]) == (80, 1.5, "succeeded")


def test_two_scores_that_name_their_numbers_alike_are_both_kept(compare):
    scores = {
        "light": lambda image, _row: {"mean": image.getpixel((0, 0))[0], "pixels": 4800},
        "size": lambda image, _row: {"mean": sum(image.size) / 2},
    }
    comparison = compare(seeds=1, score=scores)
    first = comparison.rows[0]
    assert (first["light_mean"], first["size_mean"], first["pixels"]) == (40, 70, 4800)
    assert set(comparison.result().variants[0].scores) == {"light_mean", "size_mean", "pixels"}


def test_a_score_that_is_not_a_number_for_a_row_is_left_out_of_the_mean(compare):
    def odd(_image, row):
        return math.nan if row["seed"] == 2 else 3.0

    comparison = compare(seeds=2, score=odd)
    assert math.isnan(comparison.rows[2]["odd"])
    assert comparison.rows[2]["score_error"] is None
    assert comparison.result().variants[0].scores == {"odd": 3.0}


def test_a_score_that_fails_belongs_to_its_row(compare, maker):
    maker.broken = lambda request: request["seed"] == 3

    def odd(_image, row):
        if row["seed"] == 2:
            raise ValueError("no face")
        return 1

    with pytest.warns(RuntimeWarning, match="A score failed for 2 of 6 pictures: odd: ValueError"):
        rows = compare(seeds=3, score=odd).rows
    assert [row["odd"] for row in rows[:2]] == [1, 1]
    assert all(math.isnan(row["odd"]) for row in rows[2:])
    assert [row["score_error"] for row in rows] == [
        *[None] * 2,
        *["odd: ValueError: no face"] * 2,
        *[None] * 2,
    ]


@pytest.mark.parametrize("value", ["high", None, [1], object()])
def test_a_score_that_is_no_number_is_an_error_of_its_row(compare, value):
    with pytest.warns(RuntimeWarning, match="A score failed for 2 of 2 pictures"):
        row = compare(seeds=1, score=lambda _image, _row: value).rows[0]
    assert "TypeError: a score must be a number" in row["score_error"]


def test_numpys_numbers_are_numbers(compare):
    import numpy as np

    row = compare(seeds=1, score=lambda _image, _row: np.float32(0.5)).rows[0]
    assert row["score"] == 0.5
    assert type(row["score"]) is float
