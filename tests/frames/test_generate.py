"""``df.pruna.generate``: whatever frame comes in, each row gets the output that it asked for."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb.frames import facts
from pruna_nb.frames.results import RESULT_COLUMNS


def bytes_of(paths):
    return [Path(path).read_bytes() for path in paths]


def test_each_row_gets_a_picture_of_its_own_prompt(frame, generate, asked):
    out = generate(frame, "prompt")
    assert out["status"].tolist() == ["succeeded"] * 3
    assert sorted(asked("prompt")) == sorted(frame["prompt"])
    alone = [generate(frame.iloc[[place]], "prompt")["output"].item() for place in range(3)]
    assert out["output"].tolist() == alone
    assert len(set(bytes_of(alone))) == 3


def test_the_new_frame_has_the_frames_columns_and_then_the_results(frame, generate):
    out = generate(frame, "prompt")
    assert list(out.columns) == ["prompt", *RESULT_COLUMNS]
    assert out["cost_usd"].tolist() == [0.005] * 3
    assert out["cached"].tolist() == [False] * 3
    assert out["prediction_id"].nunique() == 3
    assert out["error"].isna().all()
    assert (out["seconds"] > 0).all()


def test_the_frame_that_was_given_is_not_changed(frame, generate):
    before = frame.copy()
    generate(frame, "prompt", samples=2)
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == {}


def test_the_output_is_a_path_to_a_picture_of_the_shape_asked_for(frame, generate, service):
    service.configure(fast=False)
    out = generate(frame, "prompt", aspect_ratio="9:16")
    with Image.open(out["output"].iloc[0]) as image:
        assert image.size == (768, 1344)


def test_rows_with_equal_index_labels_each_get_their_own(generate):
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"]}, index=["x", "x", "y"])
    out = generate(frame, "prompt")
    alone = [generate(frame.iloc[[place]], "prompt")["output"].item() for place in range(3)]
    assert out.index.tolist() == ["x", "x", "y"]
    assert out["output"].tolist() == alone


def test_a_multiindex_stays_as_it_is(generate):
    index = pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["letter", "number"])
    frame = pd.DataFrame({"prompt": list("wxyz")}, index=index)
    out = generate(frame, "prompt")
    pd.testing.assert_index_equal(out.index, index)
    assert (out["status"] == "succeeded").all()


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([3, 1, 2]),
        pd.date_range("2026-01-01", periods=3),
        pd.Index([0.5, 1.5, 2.5], name="half"),
        pd.CategoricalIndex(["a", "b", "a"]),
    ],
    ids=["integers", "dates", "floats", "categories"],
)
def test_any_index_stays_as_it_is(index, generate):
    out = generate(pd.DataFrame({"prompt": list("abc")}, index=index), "prompt")
    pd.testing.assert_index_equal(out.index, index)


def test_an_empty_frame_gives_an_empty_frame_with_the_results_columns(generate, service):
    out = generate(pd.DataFrame({"prompt": []}), "prompt")
    assert len(out) == 0
    assert list(out.columns) == ["prompt", *RESULT_COLUMNS]
    assert service.charged == 0


def test_an_empty_frame_grows_an_empty_level_of_samples(generate):
    out = generate(pd.DataFrame({"prompt": []}), "prompt", samples=3)
    assert out.index.names == [None, "sample"]
    assert len(out) == 0


@pytest.mark.parametrize(
    "dtype", ["object", "string", "string[python]", "string[pyarrow]", "category", "large_string"]
)
def test_every_kind_of_text_column_is_read_alike(dtype, generate, asked):
    texts = ["a lion", "a fox", None]
    if dtype == "large_string":
        import pyarrow as pa

        dtype = pd.ArrowDtype(pa.large_string())
    frame = pd.DataFrame({"prompt": pd.Series(texts, dtype=dtype)})
    out = generate(frame, "prompt")
    assert out["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    assert sorted(asked("prompt")) == ["a fox", "a lion"]
    assert out["prompt"].dtype == frame["prompt"].dtype


@pytest.mark.parametrize(
    "missing",
    [None, np.nan, pd.NA, pd.NaT, "", "  \t\n"],
    ids=["None", "nan", "NA", "NaT", "", "blank"],
)
def test_a_prompt_that_is_missing_is_skipped_and_says_so(missing, generate, service):
    frame = pd.DataFrame({"prompt": pd.Series(["a lion", missing], dtype="object")})
    out = generate(frame, "prompt")
    assert out["status"].tolist() == ["succeeded", "skipped"]
    assert out["error"].iloc[1] == "prompt is empty"
    assert out["cost_usd"].tolist() == [0.005, 0.0]
    assert service.charged == 1


def test_a_frame_of_nothing_but_empty_prompts_needs_no_key_and_no_service():
    out = pd.DataFrame({"prompt": [None, ""]}).pruna.generate("prompt", progress=False)
    assert out["status"].tolist() == ["skipped", "skipped"]


def test_equal_rows_share_one_prediction_which_one_of_them_pays(generate, service):
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a lion", "a lion"]})
    out = generate(frame, "prompt")
    assert service.charged == 2
    assert out["output"].iloc[0] == out["output"].iloc[2] == out["output"].iloc[3]
    assert out["cost_usd"].tolist() == [0.005, 0.005, 0.0, 0.0]
    assert out["cached"].tolist() == [False, False, True, True]
    assert out["prediction_id"].nunique() == 2


def test_a_constant_goes_to_every_row_and_a_column_to_each(generate, asked):
    frame = pd.DataFrame({"prompt": ["a", "b"], "shape": ["1:1", "9:16"]})
    generate(frame, "prompt", seed=42, aspect_ratio_col="shape")
    by_prompt = {each["prompt"]: each for each in asked()}
    assert by_prompt == {
        "a": {"prompt": "a", "seed": 42, "aspect_ratio": "1:1"},
        "b": {"prompt": "b", "seed": 42, "aspect_ratio": "9:16"},
    }


def test_a_field_that_is_missing_in_a_row_is_not_sent_for_it(generate, asked):
    frame = pd.DataFrame({"prompt": ["a", "b"], "seed": [7, None], "shape": [None, "1:1"]})
    generate(frame, "prompt", seed_col="seed", aspect_ratio_col="shape")
    assert sorted(asked(), key=lambda each: each["prompt"]) == [
        {"prompt": "a", "seed": 7},
        {"prompt": "b", "aspect_ratio": "1:1"},
    ]


def test_a_constant_of_none_is_not_sent(generate, asked):
    generate(pd.DataFrame({"prompt": ["a"]}), "prompt", seed=None)
    assert asked() == [{"prompt": "a"}]


@pytest.mark.parametrize(
    "seeds",
    [
        [np.int64(3), np.int64(4)],
        np.array([3, 4], dtype="uint8"),
        [3.0, 4.0],
        pd.array([3, 4], dtype="Int64"),
        pd.array([3, 4], dtype="int64[pyarrow]"),
        pd.Series([np.int32(3), 4], dtype="object"),
    ],
    ids=["int64", "uint8", "floats", "Int64", "pyarrow", "object"],
)
def test_numbers_of_every_kind_make_the_same_request(seeds, generate, service):
    plain = generate(
        pd.DataFrame({"prompt": ["a", "b"], "seed": [3, 4]}), "prompt", seed_col="seed"
    )
    frame = pd.DataFrame({"prompt": ["a", "b"], "seed": seeds})
    out = generate(frame, "prompt", seed_col="seed")
    assert service.charged == 2
    assert out["output"].tolist() == plain["output"].tolist()


@pytest.mark.parametrize("seed", [np.int64(5), np.float64(5.0), 5.0, np.array(5)])
def test_a_numpy_scalar_as_a_constant_is_the_number_itself(seed, generate, asked):
    out = generate(pd.DataFrame({"prompt": ["a"]}), "prompt", seed=seed)
    assert asked("seed") == [5]
    assert type(asked("seed")[0]) is int
    assert generate(out, "prompt", seed=5)["cached"].tolist() == [True]


def test_a_column_of_booleans_with_gaps_is_read(generate, asked):
    frame = pd.DataFrame({"prompt": list("abc"), "up": pd.array([True, False, None], "boolean")})
    generate(frame, "prompt", prompt_upsampling_col="up")
    by_prompt = {each["prompt"]: each.get("prompt_upsampling", "not sent") for each in asked()}
    assert by_prompt == {"a": True, "b": False, "c": "not sent"}


def test_a_list_in_a_cell_is_sent_as_a_list(generate, asked):
    frame = pd.DataFrame(
        {"prompt": ["a", "b"], "w": [["x", "y"], ("z",)], "s": [np.array([0.5, 1.0]), [1]]}
    )
    generate(frame, "prompt", model="z-image-turbo-lora", lora_weights_col="w", lora_scales_col="s")
    by_prompt = {each["prompt"]: (each["lora_weights"], each["lora_scales"]) for each in asked()}
    assert by_prompt == {"a": (["x", "y"], [0.5, 1.0]), "b": (["z"], [1])}


def test_columns_of_an_earlier_run_are_replaced(generate, frame):
    out = generate(generate(frame, "prompt"), "prompt", aspect_ratio="1:1")
    assert out["status"].tolist() == ["succeeded"] * 3
    assert list(out.columns).count("status") == 1


def test_a_prefix_keeps_two_models_results_side_by_side(generate, frame):
    both = generate(
        generate(frame, "prompt", prefix="one_"), "prompt", model="flux-dev", prefix="two_"
    )
    assert {"one_output", "one_status", "two_output", "two_status"} <= set(both.columns)
    assert "output" not in both.columns
    assert (both["one_output"] != both["two_output"]).all()


def test_a_prompt_that_is_read_from_the_users_column_output_stays_there(generate, asked):
    frame = pd.DataFrame({"output": ["a lion"]})
    out = generate(frame, "output", prefix="x_")
    assert asked("prompt") == ["a lion"]
    assert out["output"].tolist() == ["a lion"]
    assert Path(out["x_output"].item()).is_file()


def test_columns_may_have_names_that_are_no_text(generate, asked):
    out = generate(pd.DataFrame({0: ["a"], 1: [9]}), 0, seed_col=1)
    assert asked() == [{"prompt": "a", "seed": 9}]
    assert out[0].tolist() == ["a"]


def test_a_series_of_prompts_generates_too(service, asked):
    series = pd.Series(["a lion", None], index=["x", "y"], name="what")
    out = series.pruna.generate(seed=1, progress=False)
    assert out.columns[0] == "what"
    assert out["status"].tolist() == ["succeeded", "skipped"]
    assert asked() == [{"prompt": "a lion", "seed": 1}]
    assert out.index.tolist() == ["x", "y"]
    assert str(series.pruna.estimate(seed=1)).startswith("2 rows: 0 new, 1 cached")


def test_a_series_without_a_name_makes_a_column_of_prompts(service):
    out = pd.Series(["a lion"]).pruna.generate(progress=False)  # type: ignore[attr-defined]
    assert out.columns[0] == "prompt"


def test_a_prompt_of_any_characters_arrives_as_it_is(generate, asked):
    texts = ["<script>$5</script>", "אריה \u202e 🦁", "a\nb\x07", "x" * 100_000, "{braces}"]
    out = generate(pd.DataFrame({"prompt": texts}), "prompt")
    assert (out["status"] == "succeeded").all()
    assert sorted(asked("prompt")) == sorted(texts)


def test_a_package_that_is_used_from_a_folder_and_not_installed_makes_and_saves(
    service, monkeypatch, tmp_path
):
    def not_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    facts._versions.cache_clear()
    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", not_installed)
    out = pd.DataFrame({"prompt": ["a lion"]}).pruna.generate("prompt", progress=False)
    assert out["status"].tolist() == ["succeeded"]
    saved = out.pruna.save(tmp_path / "mine")["file"].item()
    assert pruna_nb.provenance(saved)["version"] == pruna_nb.__version__
