"""An estimate is what the service charges, or not below it, or not given at all."""

from __future__ import annotations

import pytest

from pruna_nb.catalog import all_models, cost_usd, get_model, total_usd, usd_text


@pytest.mark.parametrize(
    ("name", "usd"),
    [
        ("p-image", 0.005),
        ("p-image-lora", 0.005),
        ("p-image-pro", 0.01),
        ("p-image-edit", 0.01),
        ("flux-dev", 0.005),
        ("flux-dev-lora", 0.01),
        ("flux-2-klein-4b", 0.0001),
        ("qwen-image", 0.025),
        ("qwen-image-edit-plus", 0.03),
        ("z-image-turbo-lora", 0.008),
    ],
)
def test_an_image_costs_its_price(name, usd):
    assert cost_usd(get_model(name), {"prompt": "a lion"}) == usd


@pytest.mark.parametrize(
    "name",
    [
        "p-image-ideogram",
        "wan-t2v",
        "wan-i2v",
        "vace",
        "p-video-avatar",
        "p-image-trainer",
        "p-image-edit-trainer",
    ],
)
def test_a_price_that_is_not_published_is_none(name):
    assert cost_usd(get_model(name), {"prompt": "a lion"}) is None


def test_several_outputs_cost_several_prices():
    assert cost_usd(get_model("flux-dev-lora"), {"prompt": "a lion", "num_outputs": 3}) == 0.03


@pytest.mark.parametrize("target", [None, 1, 4, 8])
def test_upscaling_counts_as_the_upper_end_of_its_range(target):
    given = {"image": "x"} if target is None else {"image": "x", "target": target}
    assert cost_usd(get_model("p-image-upscale"), given) == 0.01


@pytest.mark.parametrize(("garments", "usd"), [(1, 0.015), (2, 0.023), (11, 0.095)])
def test_each_garment_after_the_first_costs_extra(garments, usd):
    given = {"person_image": "x", "garment_images": ["y"] * garments}
    assert cost_usd(get_model("p-image-try-on"), given) == usd


def test_a_single_garment_need_not_stand_in_a_list():
    given = {"person_image": "x", "garment_images": "y"}
    assert cost_usd(get_model("p-image-try-on"), given) == 0.015


@pytest.mark.parametrize(
    ("given", "usd"),
    [
        ({}, 0.10),
        ({"duration": 15}, 0.30),
        ({"duration": 10, "resolution": "1080p"}, 0.40),
        ({"duration": 10, "draft": True}, 0.05),
        ({"duration": 20, "draft": True, "resolution": "1080p"}, 0.20),
        ({"duration": 10, "draft": False}, 0.20),
        ({"image": "x", "duration": 3}, 0.06),
    ],
)
def test_a_video_costs_its_seconds_by_resolution_and_draft(given, usd):
    assert cost_usd(get_model("p-video"), {"prompt": "a lion", **given}) == usd


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("p-video", {"prompt": "a lion", "audio": "x"}),
        ("p-video", {"prompt": "a lion", "audio": "x", "duration": 5}),
        ("p-video-animate", {"video": "x", "image": "y"}),
        ("p-video-replace", {"video": "x", "images": ["y"]}),
        ("p-video", {"prompt": "a lion", "resolution": "8K"}),
        ("p-video", {"prompt": "a lion", "duration": "long"}),
    ],
)
def test_a_video_whose_length_or_rate_is_not_known_has_no_estimate(name, given):
    assert cost_usd(get_model(name), given) is None


def test_no_published_price_is_below_a_hundredth_of_a_cent():
    prices = [model.price.usd for model in all_models() if model.price and model.price.usd]
    assert min(prices) == 0.0001


@pytest.mark.parametrize(
    ("usd", "count", "total"), [(0.025, 60_000, 1500), (0.01, 256, 2.56), (0.0001, 10_001, 1.0001)]
)
def test_prices_add_up_as_decimals_do(usd, count, total):
    assert float(total_usd([usd] * count)) == total


def test_a_sum_is_said_rounded_up_and_never_down():
    said = [usd_text(usd) for usd in (2.5601, 0.00001, 0.99999, 1234.5, 0.0235, 2.56)]
    assert said == [
        "2.57 USD",
        "0.0001 USD",
        "1.00 USD",
        "1,234.50 USD",
        "0.0235 USD",
        "2.56 USD",
    ]
