"""``samples=``: several outputs a row, with seeds that are the same at each run."""

from __future__ import annotations

import pandas as pd
import pytest

from pruna_nb.errors import InputError


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
