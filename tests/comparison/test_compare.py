"""`pruna_nb.compare` against the emulator: what is sent, paid, refused and taken up again."""

import os
import signal
import subprocess
import sys
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import BudgetError, InputError
from pruna_nb.settings import current

TWO = {"plain": "a fox", "studio": "a fox, studio light"}
VOTER = """
import pruna_nb
comparison = pruna_nb.compare(
    {"plain": "a fox", "studio": "a fox, studio light"}, seeds=6, progress=False
)
clock = iter(range(10, 10_000, 2))
form = comparison.vote()
form._clock = lambda: next(clock)
form.start()
while form.current is not None:
    form.vote("left", side_by_side=True)
    print(form.current and form.current.key, flush=True)
    if len(form._judged) == 3:
        input()
"""


@pytest.fixture
def compare(service):
    def compare(variants=TWO, **more):
        return pruna_nb.compare(variants, progress=False, **more)

    return compare


def sent(service):
    return [(row["input"]["prompt"], row["input"].get("seed")) for row in service.accepted]


def test_both_sides_get_the_same_seeds_and_a_second_run_pays_nothing(compare, service):
    compare(seeds=2)
    assert sorted(sent(service)) == sorted((prompt, n) for prompt in TWO.values() for n in (1, 2))
    again = compare(seeds=2)
    assert len(service.accepted) == 4
    assert again.frame["cached"].all()
    assert again.frame["cost_usd"].sum() == 0


def test_a_variant_that_comes_later_is_all_that_is_paid_for(compare, service):
    compare(seeds=2)
    compare({**TWO, "night": "a fox at night"}, seeds=2)
    assert sorted(sent(service)[4:]) == [("a fox at night", 1), ("a fox at night", 2)]


def test_a_picture_that_failed_is_made_by_the_next_run_and_no_other(compare, service):
    service.configure(faults={"failed": {"first": 1}})
    first = compare(seeds=2)
    assert (first.frame["status"] == "failed").sum() == 1
    assert first.pairs == 1
    second = compare(seeds=2)
    assert (second.frame["status"] == "succeeded").all()
    assert second.pairs == 2
    assert len(service.accepted) == 5


def test_a_budget_is_for_all_models_together_and_tells_the_price_first(compare, service):
    # 0.005 USD each, for both models.
    with pytest.raises(BudgetError, match=r"4 new pictures would cost 0\.02 USD.*Nothing was sent"):
        compare(["p-image", "flux-dev"], prompt="a fox", seeds=2, max_cost_usd=0.015)
    assert service.accepted == []
    compare(["p-image", "flux-dev"], prompt="a fox", seeds=1, max_cost_usd=0.01)
    with pytest.raises(BudgetError, match=r"2 new pictures would cost 0\.01 USD"):
        compare(["p-image", "flux-dev"], prompt="a fox", seeds=2, max_cost_usd=0)


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        (
            ["p-image", "z-image-turbo"],
            {"aspect_ratio": ["16:9"], "prompt": "a fox"},
            "z-image-turbo takes no aspect_ratio: as p-image does, set it for those variants alone",
        ),
        (["a fox", "a cat"], {"aspect_ratoi": "1:1"}, "did you mean aspect_ratio"),
        (
            [{"image": "a.png"}, {"image": "b.png"}],
            {"model": "p-image-upscale"},
            "p-image-upscale takes no seed: without seeds in common, seeds=None",
        ),
    ],
)
def test_a_field_that_a_model_lacks_is_refused_with_what_to_do(
    compare, service, variants, more, words
):
    with pytest.raises(InputError, match=words) as error:
        compare(variants, **more)
    assert "_col" not in str(error.value)
    assert service.accepted == []


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [(["a {x}", "b {x}"], {}, r"must fill \{x\}"), (TWO, {"score": 3}, "score must be")],
)
def test_a_design_that_cannot_be_makes_nothing(compare, service, variants, more, words):
    with pytest.raises(InputError, match=words):
        compare(variants, **more)
    assert service.accepted == []


def test_models_with_different_fields_are_compared_by_variants_of_settings(compare, service):
    variants = {
        "p": {"model": "p-image", "aspect_ratio": "16:9"},
        "z": {"model": "z-image-turbo", "width": 1344, "height": 768},
    }
    comparison = compare(variants, prompt="a fox", seeds=2)
    assert comparison.pairs == 2
    assert (comparison.frame["status"] == "succeeded").all()


def test_an_input_that_is_refused_is_named_by_its_row_in_the_frame(compare, service):
    variants = ["p-image", {"model": "flux-dev", "guidance": "much"}]
    with pytest.raises(InputError, match="row 1: guidance"):
        compare(variants, prompt="a fox", seeds=1)
    assert service.accepted == []


def test_votes_without_a_vote_are_a_frame_with_columns(compare):
    votes = compare(seeds=1, aspect_ratio=["1:1"]).votes
    assert len(votes) == 0
    assert {"seed", "aspect_ratio", "winner", "names_seen"} <= set(votes)
    assert votes["winner"].value_counts().empty


def test_a_kernel_that_is_killed_while_it_votes_keeps_what_was_voted(compare, service):
    environment = {
        **os.environ,
        "PRUNA_API_URL": service.url,
        "PRUNA_API_KEY": "test-key",
        "PRUNA_NB_CACHE_DIR": str(current().cache_dir),
        "PRUNA_NB_STATE_DIR": str(current().state_dir),
    }
    with subprocess.Popen(
        [sys.executable, "-c", VOTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as voter:
        following = [voter.stdout.readline().strip() for _ in range(3)][-1]
        voter.send_signal(signal.SIGKILL)
    comparison = compare(seeds=6)
    assert len(service.accepted) == 12
    form = comparison.vote()
    form.start()
    # The pair that was on the screen when it died, on the sides that it had.
    assert form.current.key == following
    assert (comparison.votes["verdict"] == "left").sum() == 3
    assert form.undo()
    assert len(comparison.votes) == 2


class TestItemsOfATable:
    """``prompts=df.to_dict("records")``: a gap is no word, and changes no other item."""

    GAPS = (None, float("nan"), pd.NA, pd.NaT, np.float32("nan"), Decimal("NaN"))

    @pytest.mark.parametrize("missing", GAPS, ids=repr)
    def test_an_item_with_an_empty_cell_is_refused_and_named(self, compare, service, missing):
        items = [{"n": 3, "thing": "pots"}, {"n": missing, "thing": missing}]
        with pytest.raises(InputError, match=r"item 1 of prompts is empty where \{n\}, \{thing\}"):
            compare({"a": "{n} {thing}", "b": "{n} {thing}, studio"}, seeds=1, prompts=items)
        assert service.charged == 0

    @pytest.mark.parametrize("missing", GAPS, ids=repr)
    def test_an_empty_prompt_is_refused_and_named(self, compare, service, missing):
        with pytest.raises(InputError, match=r"item 1 of prompts is empty; leave it out"):
            compare({"a": "{prompt}", "b": "{prompt}!"}, prompts=["a fox", missing])
        assert service.charged == 0

    @pytest.mark.parametrize("missing", GAPS, ids=repr)
    def test_an_empty_cell_of_a_field_sends_nothing_and_is_shown_nowhere(
        self, compare, service, missing
    ):
        items = [{"thing": "a fox", "aspect_ratio": missing}]
        made = compare({"a": "{thing}", "b": "{thing}!"}, seeds=[1], prompts=items)
        assert sorted(row["input"]["prompt"] for row in service.accepted) == ["a fox", "a fox!"]
        assert all(set(row["input"]) == {"prompt", "seed"} for row in service.accepted)
        assert [row.item for row in made._rows] == ["thing: a fox"] * 2

    @pytest.mark.parametrize("dtype", ["float64", "Int64", "object", "int64[pyarrow]"])
    def test_a_gap_among_whole_numbers_sends_no_other_items_anew(self, compare, service, dtype):
        variants = {"a": "{year} pots", "b": "{year} pots, {year:,}"}
        years = pd.DataFrame({"year": [1920, 1930]})
        first = compare(variants, seeds=1, prompts=years.to_dict("records"))
        gap = pd.DataFrame({"year": pd.Series([1920, None, 1930], dtype=dtype)}).dropna()
        again = compare(variants, seeds=1, prompts=gap.to_dict("records"))
        assert service.charged == 4
        assert again.frame["prompt"].tolist() == first.frame["prompt"].tolist()
        assert "1920 pots, 1,920" in first.frame["prompt"].tolist()

    def test_keys_may_be_numbers_and_hold_dots_and_spaces(self, compare, service):
        items = [{2: "a fox", "item.name": "red", "first name": "Ada"}]
        template = "{2}, {item.name}, {first name}"
        made = compare({"a": template, "b": template + "!"}, seeds=1, prompts=items)
        assert made.frame["prompt"].tolist() == ["a fox, red, Ada", "a fox, red, Ada!"]

    def test_a_format_that_does_not_suit_is_told_before_anything_is_sent(self, compare, service):
        with pytest.raises(InputError, match=r"item 1 of prompts: {n:d} in the template"):
            compare({"a": "{n:d}", "b": "{n:d}!"}, prompts=[{"n": 1}, {"n": "x"}])
        assert service.charged == 0


@pytest.mark.parametrize(
    ("variants", "faults", "cost"),
    [
        (["a fox", "a hen"], {"failed": {"first": 1}}, "0.005 USD and 1 of a cost that is not"),
        (["p-image", "wan-t2v"], {}, "0.005 USD and 1 of a cost that is not known"),
        (["wan-t2v", {"model": "sketch-9"}], {}, "cost not known"),
    ],
)
def test_a_comparison_shows_itself_also_where_a_cost_is_not_known(
    service, variants, faults, cost, tmp_path
):
    service.configure(faults=faults, extra_models=["sketch-9"])
    prompt = {} if "a fox" in variants else {"prompt": "a fox"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        made = pruna_nb.compare(variants, 1, progress=False, **prompt)
    assert cost in repr(made)
    assert cost in made._repr_html_()
    assert made.grid()._repr_html_()
    assert made.grid().save(tmp_path / "sheet.png")
    assert made.result().sentence


@pytest.mark.usefixtures("service")
def test_lists_of_a_comparison_are_crossed_or_go_in_step_as_in_a_frame():
    lists = {"aspect_ratio": ["1:1", "16:9"], "output_quality": [50, 90]}
    given = {"seeds": [1], "model": "flux-dev", "progress": False, **lists}
    assert len(pruna_nb.compare(["a fox", "an owl"], **given).rows) == 2 * 4
    zipped = pruna_nb.compare(["a fox", "an owl"], sweep="zip", **given)
    pairs = {(row["aspect_ratio"], row["output_quality"]) for row in zipped.rows}
    assert pairs == {("1:1", 50), ("16:9", 90)}
    with pytest.raises(InputError, match="aspect_ratio= has 2 values, output_quality= has 1 value"):
        pruna_nb.compare(["a fox", "an owl"], sweep="zip", **{**given, "output_quality": [50]})
