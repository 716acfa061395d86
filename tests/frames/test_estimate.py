"""``df.pruna.estimate``, and ``max_cost_usd=``: the price before the spend."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import settings
from pruna_nb.errors import BudgetError, InputError, UnknownModelError


@pytest.fixture
def mixed(generate):
    """Return a frame with a cached row, two new ones, one of them twice, and an empty one."""
    frame = pd.DataFrame({"prompt": ["there", "new", "new", None, "also new"]})
    generate(frame.head(1), "prompt")
    return frame


def test_an_estimate_counts_hits_new_ones_duplicates_and_skipped_rows(mixed):
    plan = mixed.pruna.estimate("prompt")
    assert (plan.rows, plan.cached, plan.new, plan.duplicates, plan.skipped, plan.resumed) == (
        5, 1, 2, 1, 1, 0,
    )  # fmt: skip
    assert plan.hits == plan.cached  # its name in earlier releases
    assert plan.cost_usd == pytest.approx(0.01)


def test_an_estimate_sends_nothing(mixed, service):
    before = dict(service.counts)
    mixed.pruna.estimate("prompt")
    assert service.counts == before


def test_an_estimate_needs_no_key():
    plan = pd.DataFrame({"prompt": ["a"]}).pruna.estimate("prompt")
    assert (plan.new, plan.cost_usd) == (1, 0.005)


def test_the_run_costs_what_the_estimate_said(mixed, generate):
    plan = mixed.pruna.estimate("prompt")
    out = generate(mixed, "prompt")
    assert out["cost_usd"].sum() == pytest.approx(plan.cost_usd)


def test_the_minutes_are_what_the_limit_alone_takes(service):
    frame = pd.DataFrame({"prompt": [f"p{number}" for number in range(501)]})
    assert frame.pruna.estimate("prompt").minutes == 2.0
    assert repr(frame.pruna.estimate("prompt")) == (
        "<Estimate: 501 rows: 501 new, 0 cached, 0 duplicates; 2.51 USD; "
        "at least 2 min 0 s at the limit>"
    )
    assert str(frame[:250].pruna.estimate("prompt")).endswith("; no wait at the limit")
    with settings.configure(limits={"p-image": (100, 30.0)}):
        assert frame.pruna.estimate("prompt").minutes == 2.5


def test_an_estimate_without_the_cache_counts_all_rows_as_new(mixed):
    assert mixed.pruna.estimate("prompt", cache="off").cached == 0
    assert mixed.pruna.estimate("prompt", cache="refresh").new == 3


def test_an_estimate_counts_samples(frame):
    plan = frame.pruna.estimate("prompt", samples=4, model="flux-dev")
    assert (plan.rows, plan.new) == (12, 12)


def test_an_estimate_says_at_most_where_the_upper_end_of_a_price_range_counts(frame):
    pictures = frame.assign(image="https://example.com/a.png")
    plan = pictures.pruna.estimate(model="p-image-upscale", image_col="image")
    assert plan.cost_usd == 0.01
    assert "; 0.01 USD at most; " in str(plan)
    assert "at most" not in str(frame.pruna.estimate("prompt"))


def test_the_catalogue_tells_both_ends_of_a_price_range():
    table = pruna_nb.models()
    assert table.loc["p-image-upscale", ["price_usd", "price_usd_max"]].tolist() == [0.005, 0.01]
    assert table["price_usd_max"].drop("p-image-upscale").isna().all()
    assert table.columns.get_loc("price_usd_max") == table.columns.get_loc("price_usd") + 1


def test_the_fields_of_a_model_are_a_table_too():
    fields = pruna_nb.models("p-image-edit")
    assert fields.loc["images", "type"] == "array"
    assert fields.loc[["images", "prompt", "seed"], "required"].tolist() == [True, True, False]
    with pytest.raises(UnknownModelError, match="p-image-edit"):
        pruna_nb.models("p-image-edti")
    with pytest.raises(InputError, match="name"):
        pruna_nb.models(["p-image"])


def test_an_estimate_says_where_a_price_is_not_published(frame):
    plan = frame.pruna.estimate("prompt", model="wan-t2v")
    assert plan.cost_usd is None
    assert "price not published" in str(plan)


@pytest.mark.parametrize(
    ("fields", "usd"),
    [
        ({}, 5 * 0.02),
        ({"duration": 10}, 10 * 0.02),
        ({"duration": 10, "resolution": "1080p"}, 10 * 0.04),
        ({"duration": 10, "draft": True}, 10 * 0.005),
        ({"duration": 3, "draft": True, "resolution": "1080p"}, 3 * 0.01),
    ],
)
def test_a_video_costs_its_seconds_by_resolution_and_draft(fields, usd):
    plan = pd.DataFrame({"prompt": ["a"]}).pruna.estimate("prompt", model="p-video", **fields)
    assert plan.cost_usd == pytest.approx(usd)


def test_seconds_from_a_column_are_added_up():
    frame = pd.DataFrame({"prompt": list("abc"), "seconds": [1, 2, 20]})
    plan = frame.pruna.estimate("prompt", model="p-video", duration_col="seconds")
    assert plan.cost_usd == pytest.approx(23 * 0.02)


def test_each_garment_after_the_first_costs_more(tmp_path):
    from PIL import Image

    for name in "pabc":
        Image.new("RGB", (8, 8), (ord(name), 0, 0)).save(tmp_path / f"{name}.png")
    frame = pd.DataFrame(
        {"person": [tmp_path / "p.png"], "clothes": [[tmp_path / f"{name}.png" for name in "abc"]]}
    )
    plan = frame.pruna.estimate(
        model="p-image-try-on", person_image_col="person", garment_images_col="clothes"
    )
    assert plan.cost_usd == pytest.approx(0.015 + 2 * 0.008)


def test_a_run_above_the_budget_is_not_begun(mixed, generate, service):
    before = service.charged
    with pytest.raises(BudgetError, match=r"2 new predictions would cost 0.01 USD, more than"):
        generate(mixed, "prompt", max_cost_usd=0.009)
    assert service.charged == before


def test_a_run_within_the_budget_goes_on(mixed, generate):
    assert generate(mixed, "prompt", max_cost_usd=0.01)["status"].tolist()[0] == "succeeded"


def test_what_is_cached_costs_nothing_of_the_budget(mixed, generate):
    generate(mixed, "prompt")
    assert generate(mixed, "prompt", max_cost_usd=0.0)["cached"].sum() == 4


def test_a_budget_cannot_be_kept_where_the_price_is_not_published(frame, generate, service):
    with pytest.raises(BudgetError, match="price of wan-t2v is not published"):
        generate(frame, "prompt", model="wan-t2v", max_cost_usd=100)
    assert service.charged == 0


@pytest.mark.parametrize(
    ("model", "rows", "budget"),
    [("p-image-pro", 256, 2.56), ("flux-2-klein-4b", 3, 0.0003), ("qwen-image", 121, 3.025)],
)
def test_a_budget_of_just_what_it_costs_is_enough(model, rows, budget, service):
    many = pd.DataFrame({"prompt": [f"view {number}" for number in range(rows)]})
    assert many.pruna.estimate("prompt", model=model).cost_usd == budget
    out = many.pruna.generate("prompt", model=model, max_cost_usd=budget, progress=False)
    assert set(out["status"]) == {"succeeded"}
