"""A list for a field that takes one value makes a row for each of its values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import BudgetError, ColumnError, InputError, PrunaError, UnknownModelError
from pruna_nb.frames.records import requests_by_id
from pruna_nb.single import Output

QUIET = {"progress": False}
RATIOS, SEEDS = ["1:1", "16:9"], [1, 2, 3]


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"prompt": ["a fox", "an owl"], "kind": pd.Categorical(["x", "y"]), "n": [1, 2]},
        index=pd.Index(["A", "A"], name="sku"),
    )


@pytest.mark.usefixtures("service")
def test_lists_are_crossed_as_index_levels_and_columns_in_the_order_of_the_frame(frame, service):
    before = frame.copy()
    out = frame.pruna.generate("prompt", aspect_ratio=RATIOS, seed=SEEDS, **QUIET)
    pd.testing.assert_frame_equal(frame, before)
    assert service.charged == len(out) == 2 * 2 * 3
    assert out.index.names == ["sku", "aspect_ratio", "seed"]
    cells = [(p, r, s) for p in frame["prompt"] for r in RATIOS for s in SEEDS]
    assert list(zip(out["prompt"], out["aspect_ratio"], out["seed"], strict=True)) == cells
    assert out.index.tolist() == [("A", ratio, seed) for _, ratio, seed in cells]
    assert out[["kind", "n", "seed"]].dtypes.astype(str).tolist() == ["category", "int64", "int64"]
    assert str(out.index.dtypes["seed"]) == "int64"
    records = requests_by_id(out["prediction_id"])
    asked = [records[one].input for one in out["prediction_id"]]
    assert [(one["prompt"], one["aspect_ratio"], one["seed"]) for one in asked] == cells
    again = frame.pruna.generate("prompt", seed=SEEDS, aspect_ratio="16:9", **QUIET)
    assert again["cached"].all()
    assert again.index.names == ["sku", "seed"]
    assert service.charged == 12


def test_a_range_as_text_is_a_list_wherever_a_field_takes_whole_numbers(frame, service):
    out = frame.pruna.generate("prompt", seed="1-3, 7", **QUIET)
    assert out.index.names == ["sku", "seed"]
    assert out["seed"].tolist() == [1, 2, 3, 7] * 2
    again = frame["prompt"].pruna.generate(seed=[1, 2, 3, 7], **QUIET)
    assert again["cached"].all()
    assert len(pruna_nb.generate("a fox", seed="1-3", **QUIET)) == 3
    assert frame.pruna.estimate("prompt", seed="1-4").new == 2
    compared = pruna_nb.compare(["a fox", "an owl"], seeds="1-3", **QUIET)
    assert sorted(row["seed"] for row in compared.rows) == [1, 1, 2, 2, 3, 3]
    assert service.charged == 8


@pytest.mark.parametrize(
    ("seed", "told"),
    [
        ("4-1", "seed: the range '4-1' is reversed; write 1-4."),
        ("1-900000", "seed: the range '1-900000' has 900,000 numbers, which is too many"),
        ("4", "seed: '4' is text; give a whole number."),
        ("one-4", "seed: 'one-4' is text; give a whole number."),
        ("1, 1-2", "seed= has 1 twice; give each value once."),
    ],
)
def test_a_range_that_is_wrong_is_told_once_and_before_anything_is_sent(frame, service, seed, told):
    with pytest.raises(InputError) as refused:
        frame.pruna.generate("prompt", seed=seed, **QUIET)
    assert told in str(refused.value)
    assert str(refused.value).count("seed") == 1
    assert service.charged == 0


def test_samples_come_below_the_sweep_and_equal_requests_are_bought_once(service):
    frame = pd.DataFrame({"prompt": ["a fox"]})
    out = frame.pruna.generate("prompt", seed=[1, 2], samples=2, **QUIET)
    assert out.index.tolist() == [(0, 1, 1), (0, 1, 2), (0, 2, 1), (0, 2, 2)]
    assert out.index.names == [None, "seed", "sample"]
    assert out["seed"].tolist() == [1, 2, 2, 3]
    assert service.charged == 3


def test_a_sweep_over_models_is_one_run_with_the_price_of_each(service, capsys):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl", None]})
    models = ["p-image", "flux-dev"]
    estimate = frame.pruna.estimate("prompt", model=models, seed=[1, 2])
    assert estimate.cost_usd_by_model == {"p-image": 0.02, "flux-dev": 0.02}
    assert "(p-image: 0.02 USD, flux-dev: 0.02 USD)" in str(estimate)
    with pytest.raises(BudgetError, match=r"8 new predictions would cost 0\.04 USD"):
        frame.pruna.generate("prompt", model=models, seed=[1, 2], max_cost_usd=0.03, **QUIET)
    out = frame.pruna.generate("prompt", model=models, seed=[1, 2])
    assert capsys.readouterr().out.count("12 rows: 8 new") == 1
    assert out.index.names == [None, "model", "seed"]
    assert out["model"].tolist() == ["p-image", "p-image", "flux-dev", "flux-dev"] * 3
    assert out["status"].tolist() == ["succeeded"] * 8 + ["skipped"] * 4
    made = requests_by_id(out["prediction_id"].dropna())
    assert [made[one].model for one in out["prediction_id"][:8]] == out["model"].tolist()[:8]
    assert service.charged == 8


@pytest.mark.usefixtures("service")
def test_a_zip_takes_the_lists_in_step(frame):
    out = frame.pruna.generate(
        "prompt", aspect_ratio=["1:1", "1:1", "16:9"], seed=SEEDS, sweep="zip", **QUIET
    )
    assert out["seed"].tolist() == [1, 2, 3] * 2
    assert out["aspect_ratio"].tolist() == ["1:1", "1:1", "16:9"] * 2
    run = frame.pruna.generate("prompt", seed=SEEDS, background=True, **QUIET)
    assert run.result().index.names == ["sku", "seed"]


@pytest.mark.usefixtures("service")
def test_templates_are_swept_and_may_name_a_swept_field():
    frame = pd.DataFrame({"animal": ["fox", "owl"]})
    out = frame.pruna.generate(
        prompt=["a {animal}", "a {animal}, {aspect_ratio}"], aspect_ratio=RATIOS, **QUIET
    )
    assert out["prompt"].tolist()[:4] == ["a fox", "a fox", "a fox, 1:1", "a fox, 16:9"]
    assert out.index.names == [None, "prompt", "aspect_ratio"]
    edited = out.pruna.edit(prompt="at night", seed=[1, 2], **QUIET)
    assert len(edited) == 16
    assert edited["step1_output"].tolist() == np.repeat(out["output"].tolist(), 2).tolist()
    larger = out.iloc[:1].pruna.upscale(target=[1, 2], **QUIET)
    assert larger["target"].tolist() == [1, 2]


@pytest.mark.usefixtures("service")
def test_a_list_of_lists_is_swept_where_a_field_takes_a_list(picture_files):
    one, two = picture_files
    frame = pd.DataFrame({"prompt": ["mix them"]})
    kept = frame.pruna.estimate("prompt", model="p-image-edit", images=[one, two])
    assert kept.rows == 1
    out = frame.pruna.edit("prompt", images=[[one], [one, two]], **QUIET)
    assert out["images"].tolist() == [[one], [one, two]]
    assert out.index.tolist() == [(0, str(one)), (0, f"{one}, {two}")]
    videos = frame.pruna.estimate("prompt", model="p-video", image=[one, two], duration=[1, 2])
    assert videos.rows == 4


@pytest.fixture
def picture_files(tmp_path):
    from PIL import Image

    paths = [tmp_path / "one.png", tmp_path / "two.png"]
    for number, path in enumerate(paths):
        Image.new("RGB", (64, 64), (number * 99, 10, 10)).save(path)
    return [str(path) for path in paths]


WRONG = [
    ({"seed": []}, "seed= is an empty list"),
    ({"seed": [1, "x"]}, r"seed, value 2 of 2: 'x' is text"),
    ({"seed": [1, None]}, r"seed=: value 2 is empty"),
    ({"seed": [1, 2, 1.0]}, r"seed= has 1 twice"),
    ({"seed": {1, 2}}, r"seed= is a set, which has no order; give a list"),
    ({"model": ["p-image", "p-imag"]}, "Did you mean"),
    ({"model": ["p-image", "p-image"]}, "model= has 'p-image' twice"),
    ({"model": ["p-image", "wan-t2v"], "width": 512}, "width: wan-t2v has no such field"),
    ({"model": ["p-image", "p-video"], "aspect_ratio": ["1:1", "5:9"]}, "p-image: aspect_ratio, v"),
    ({"seed": [1, 2], "seed_col": "n"}, "seed= and seed_col= are both given"),
    ({"seed": [1, 2], "aspect_ratio": ["1:1"], "sweep": "zip"},
     r"seed= has 2 values, aspect_ratio= has 1 value"),
    ({"seed": [1, 1], "aspect_ratio": ["1:1", "1:1"], "sweep": "zip"},
     "place 2 at place 1 already"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), WRONG, ids=str)
def test_what_is_wrong_with_a_sweep_is_told_before_anything_is_sent(frame, service, given, told):
    with pytest.raises((InputError, UnknownModelError), match=told):
        frame.pruna.generate("prompt", **given, **QUIET)
    with pytest.raises(InputError, match="timeout must be"):
        frame.pruna.generate("prompt", **given, timeout="x", **QUIET)
    assert service.charged == 0


def test_all_that_is_wrong_is_told_at_once_and_each_value_once(frame, service):
    with pytest.raises(InputError) as raised:
        frame.pruna.generate("prompt", seed=[1, "x", 1], aspect_ratio=["9:1", "1:1"], **QUIET)
    assert len(raised.value.problems) == 3
    with pytest.raises((InputError, ColumnError), match="No column 'b'"):
        frame[["n"]].pruna.generate(prompt=["a", "{b}"], **QUIET)
    assert service.charged == 0


def test_a_column_of_the_users_own_is_never_replaced_by_a_sweep(service):
    frame = pd.DataFrame({"prompt": ["a fox"], "seed": [7]})
    with pytest.raises(InputError, match="'seed' is a column of your own"):
        frame.pruna.generate("prompt", seed=[1, 2], **QUIET)
    assert service.charged == 0


def test_retry_makes_what_failed_in_a_sweep_over_models(service):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"]})
    out = frame.pruna.generate("prompt", model=["p-image", "flux-dev"], seed=[1, 2], **QUIET)
    gone = out.assign(status=["failed", "succeeded"] * 4)
    gone["prediction_id"] = None
    again = gone.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 8
    assert again["output"].tolist() == out["output"].tolist()
    with_arguments = gone.pruna.retry("prompt", model=["p-image", "flux-dev"], seed=[1, 2], **QUIET)
    assert with_arguments["output"].tolist() == out["output"].tolist()
    assert service.charged == 8


def test_one_prompt_with_a_list_gives_a_frame_and_a_grid_whose_axes_are_the_sweep(service):
    out = pruna_nb.generate("a fox", aspect_ratio=RATIOS, seed=range(2), **QUIET)
    assert out.index.names == [None, "aspect_ratio", "seed"]
    grid = out.pruna.grid()
    assert (grid.row_name, grid.col_name) == (("aspect_ratio",), ("seed",))
    run = pruna_nb.generate("a fox", model=["p-image", "flux-dev"], background=True, **QUIET)
    assert run.result()["model"].tolist() == ["p-image", "flux-dev"]
    listed = pruna_nb.generate(["a fox", "an owl"], seed=[0, 1], aspect_ratio=RATIOS, sweep="zip")
    zipped = listed.pruna.grid()
    assert (zipped.row_name, zipped.col_name) == (("prompt",), ("seed", "aspect_ratio"))
    assert isinstance(pruna_nb.generate("a fox", seed=0), Output)
    with pytest.raises(PrunaError, match="sweep must be one of"):
        pruna_nb.generate("a fox", sweep="all")
    assert service.charged == 4 + 2 + 2 + 1


def test_prompts_of_a_template_are_a_frame_with_the_one_dialect_of_templates():
    out = pruna_nb.prompts("a {color} {animal}", color=["red", "blue"], animal=["fox", "owl"])
    assert out.columns.tolist() == ["color", "animal", "prompt"]
    assert out["prompt"].tolist() == ["a red fox", "a red owl", "a blue fox", "a blue owl"]
    assert out.index.equals(pd.RangeIndex(4))
    zipped = pruna_nb.prompts("{a:.1f} {b} {{c}} {x|y}", a=[1, 2], b="z", sweep="zip")
    assert zipped["prompt"].tolist() == ["1.0 z {c} x", "2.0 z {c} x", "1.0 z {c} y", "2.0 z {c} y"]
    assert zipped["a"].dtype == "int64"


@pytest.mark.parametrize(
    ("template", "values", "told"),
    [
        ("a {color}", {"colour": ["red"]}, r"\{color\} has no values.*\n.*Did you mean color=\?"),
        ("a {c}", {"c": []}, "c= is an empty list"),
        ("a {c}", {"c": {"red", "blue"}}, "has no order"),
        ("a {c} {d}", {"c": [1, 2], "d": [1], "sweep": "zip"}, "c= has 2 values, d= has 1 value"),
        ("a {c:.1f}", {"c": [1, "x"]}, "does not fit 'x'"),
        ("a {c", {"c": [1]}, "is not closed"),
        ("a {c}", {"c": ["x", None, "x"]}, r"value 2 is empty.*\n.*c= has 'x' twice"),
    ],
)
def test_what_is_wrong_with_prompts_is_told_by_name(template, values, told):
    with pytest.raises(InputError, match=told):
        pruna_nb.prompts(template, **values)


def test_choices_in_a_template_are_prompts_of_their_own_with_the_same_seeds(service):
    frame = pd.DataFrame({"product": ["mug", "pen"], "a|b": ["x", "y"]}, index=["m", "p"])
    template = "a {red|blue} {product} {{1|2}} {a|b}"
    told = frame.pruna.estimate(prompt=template, samples=2)
    assert (told.rows, told.cost_usd) == (8, 0.04)
    made = frame.pruna.generate(prompt=template, samples=2, progress=False)
    assert service.charged == 8
    assert made["prompt"].tolist()[::2] == [
        *("a red mug {1|2} x", "a blue mug {1|2} x", "a red pen {1|2} y", "a blue pen {1|2} y"),
    ]
    assert made["seed"].tolist() == [1, 2] * 4
    assert made.index.names == [None, "prompt", "sample"]
    assert made.loc["m"].shape[0] == 4
    listed = frame.pruna.estimate(prompt=["a {red|blue} {product}", "one {product}"])
    assert listed.rows == 6
    with pytest.raises(InputError, match="leaves nothing"):
        frame.pruna.estimate(prompt="{fox|}")


@pytest.mark.usefixtures("service")
def test_finals_are_swept_with_the_seeds_of_their_drafts_and_drafts_too():
    frame = pd.DataFrame({"prompt": ["a fox"]})
    video = {"model": "p-video", "duration": 1, "progress": False}
    drafts = frame.pruna.generate("prompt", draft=[True, False], **video)
    assert drafts["draft"].tolist() == [True, False]
    assert drafts["seed"].tolist()[0] == 1
    finals = drafts.iloc[:1].pruna.finalize(resolution=["720p", "1080p"], **QUIET)
    assert finals[["resolution", "seed"]].to_numpy().tolist() == [["720p", 1], ["1080p", 1]]
    assert finals["output"].nunique() == 2
