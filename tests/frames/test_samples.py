"""``samples=``: several outputs a row, with seeds that are the same at each run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import InputError
from tests.helpers.runs import end_predictions, states


def test_each_row_becomes_a_row_for_each_sample(frame, generate, service):
    out = generate(frame, "prompt", samples=4)
    assert len(out) == 12
    assert service.charged == 12
    assert out.index.names == [None, "sample"]
    assert out.loc[1]["prompt"].tolist() == ["a fox"] * 4
    assert out.loc[1]["seed"].tolist() == [1, 2, 3, 4]
    assert out["output"].nunique() == 12


def test_one_sample_of_each_is_the_frame_as_it_was(frame, generate):
    out = generate(frame, "prompt", samples=2)
    first = out.xs(1, level="sample")
    pd.testing.assert_index_equal(first.index, frame.index, exact=False)
    assert first["prompt"].tolist() == frame["prompt"].tolist()


def test_samples_are_the_same_at_each_run(frame, generate, service):
    first = generate(frame, "prompt", samples=3)
    again = generate(frame, "prompt", samples=3)
    assert service.charged == 9
    assert again["output"].tolist() == first["output"].tolist()


def test_more_samples_pay_for_the_new_ones_alone(frame, generate, service):
    generate(frame, "prompt", samples=2)
    generate(frame, "prompt", samples=5)
    assert service.charged == 15


def test_one_picture_is_the_first_of_four_and_the_other_way_round(frame, generate, service):
    one = generate(frame.head(1), "prompt")
    assert "seed" not in service.accepted[0]["input"]
    table = pd.concat([frame, frame.head(1)], ignore_index=True)  # the first row twice
    plan = table.pruna.estimate("prompt", samples=4)
    assert (plan.cached, plan.new, plan.duplicates) == (2, 11, 3)
    four = generate(table, "prompt", samples=4)
    assert service.charged == 12
    assert four.loc[0]["output"].iloc[0] == four.loc[3]["output"].iloc[0] == one["output"].item()
    # It was made without a seed, and says so.
    assert four["seed"].tolist() == [pd.NA, 2, 3, 4, *[1, 2, 3, 4] * 2, pd.NA, 2, 3, 4]
    assert four.loc[0]["cached"].tolist() == [True, False, False, False]
    # The other way round: the first samples of rows 1 and 2 serve as their only picture.
    assert frame.pruna.estimate("prompt").new == 0
    again = generate(frame, "prompt")
    assert again["output"].tolist() == four.xs(1, level="sample")["output"].tolist()[:3]
    assert pruna_nb.generate("a fox").path == Path(again["output"][1])
    assert pruna_nb.generate("a fox").prediction.input["seed"] == 1
    assert service.charged == 12
    # A seed that was asked for is never another's, and who wants new pictures gets them.
    assert generate(frame.head(1), "prompt", seed=1)["cached"].tolist() == [False]
    assert generate(frame.head(1), "prompt", samples=2, seed=1)["seed"].tolist() == [1, 2]
    for cache in ("refresh", "off"):
        assert frame.pruna.estimate("prompt", cache=cache).new == 3
        assert generate(frame.tail(1), "prompt", cache=cache)["cached"].tolist() == [False]
    models = {"model": ["p-image", "flux-dev"]}
    plan = frame.pruna.estimate("prompt", samples=2, **models)
    assert (plan.cached, plan.new) == (6, 6)  # the swept rows of p-image are there
    both = pd.DataFrame({"prompt": ["a newt"] * 2, "seed": [1, None]})
    assert generate(both, "prompt", seed_col="seed")["output"].nunique() == 2


def test_one_picture_that_is_under_way_is_the_first_of_four_too(frame, generate, service):
    service.configure(latency=600)
    run = frame.head(1).pruna.generate("prompt", background=True, progress=False)
    while "sent" not in states():
        run._run.join(0.01)
    run.cancel()
    assert run.result()["status"].tolist() == ["pending"]
    service.configure(latency=0)
    end_predictions(service)
    assert frame.head(1).pruna.estimate("prompt", samples=4).resumed == 1
    four = generate(frame.head(1), "prompt", samples=4)
    assert service.charged == 4
    assert four["status"].tolist() == ["succeeded"] * 4
    assert four["seed"].tolist() == [pd.NA, 2, 3, 4]


def test_a_seed_says_where_the_samples_seeds_begin(frame, generate, asked):
    generate(frame.head(1), "prompt", samples=3, seed=100)
    assert sorted(asked("seed")) == [100, 101, 102]


def test_a_column_of_seeds_says_where_each_rows_samples_begin(generate):
    frame = pd.DataFrame({"prompt": ["a", "b", "c"], "first": [10, 20.0, None]})
    out = generate(frame, "prompt", samples=2, seed_col="first")
    assert out["seed"].tolist() == [10, 11, 20, 21, pd.NA, pd.NA]
    assert out["first"].dtype == "float64"


def test_seeds_that_an_earlier_step_was_given_stay_beside_those_of_samples(generate):
    frame = pd.DataFrame({"prompt": ["a"], "seed": [77]})
    out = generate(generate(frame, "prompt", seed_col="seed"), "prompt", samples=2)
    assert out["seed"].tolist() == [1, 2]
    assert out["step1_seed"].tolist() == [77, 77]


def test_samples_of_rows_with_equal_labels_are_told_apart(generate):
    frame = pd.DataFrame({"prompt": ["a", "b"]}, index=["x", "x"])
    out = generate(frame, "prompt", samples=2)
    assert out["prompt"].tolist() == ["a", "a", "b", "b"]
    assert out["output"].nunique() == 4


def test_samples_of_a_multiindex_get_a_level_below_its_own(generate):
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["letter", "number"])
    out = generate(pd.DataFrame({"prompt": ["x", "y"]}, index=index), "prompt", samples=2)
    assert out.index.names == ["letter", "number", "sample"]
    assert out.loc[("b", 2)]["prompt"].tolist() == ["y", "y"]


def test_an_empty_prompt_is_skipped_in_each_of_its_samples(generate):
    out = generate(pd.DataFrame({"prompt": ["a", None]}), "prompt", samples=2)
    assert out["status"].tolist() == ["succeeded", "succeeded", "skipped", "skipped"]


def test_samples_of_a_model_without_a_seed_are_refused(generate, service, tmp_path):
    with pytest.raises(InputError, match=r"samples: p-image-upscale takes no seed"):
        generate(
            pd.DataFrame({"image": ["x.png"]}),
            model="p-image-upscale",
            image_col="image",
            samples=2,
        )
    assert service.charged == 0


@pytest.mark.parametrize("samples", [0, -1, 1.5, "2", True, None])
def test_a_number_of_samples_that_is_none_is_refused(samples, frame, generate, service):
    with pytest.raises(InputError, match=r"samples must be a whole number of 1 to 100,000"):
        generate(frame, "prompt", samples=samples)
    assert service.charged == 0


def test_a_seed_that_is_no_whole_number_cannot_begin_samples(generate):
    frame = pd.DataFrame({"prompt": ["a"], "seed": ["first"]})
    with pytest.raises(InputError, match=r"row 0: seed: 'first' is text; give a whole"):
        generate(frame, "prompt", samples=2, seed_col="seed")


def test_num_outputs_is_refused_before_spending_and_points_at_samples(frame, generate, service):
    with pytest.raises(InputError, match=r"use samples= for several pictures per prompt"):
        generate(frame, "prompt", model="flux-dev-lora", num_outputs=4)
    counts = frame.assign(count=[1, 2, 4])
    with pytest.raises(InputError) as raised:
        generate(counts, "prompt", model="wan-image-small", num_outputs_col="count")
    assert [text[:6] for text in raised.value.problems] == ["row 1:", "row 2:"]
    assert service.charged == 0
    assert (
        generate(frame, "prompt", model="wan-image-small", num_outputs=1)["status"]
        .eq("succeeded")
        .all()
    )
