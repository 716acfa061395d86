"""Ratios that were asked for, and those that came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.show.ratios import drawable_ratio, fit, mismatch, ratio_name


@pytest.mark.parametrize(
    ("asked", "ratio"), [("16:9", 16 / 9), ("1:1", 1.0), (" 3 : 2 ", 1.5), ("2.35:1", 2.35)]
)
def test_a_ratio_is_width_over_height(asked, ratio):
    assert drawable_ratio(asked) == pytest.approx(ratio)


@pytest.mark.parametrize(
    "asked", [None, "", "custom", "match_input_image", "16x9", "0:1", "1:0", "1:999", "-1:2"]
)
def test_what_names_no_ratio_asks_for_none(asked):
    assert drawable_ratio(asked) is None


def test_a_square_for_a_wide_picture_is_told_with_both():
    assert mismatch(1024, 1024, "16:9") == "asked 16:9, got 1:1 (1024 x 1024)"


@pytest.mark.parametrize(
    ("width", "height", "asked"),
    [(1344, 768, "16:9"), (768, 1344, "9:16"), (1024, 1024, "1:1"), (1000, 971, "1:1")],
)
def test_rounding_by_less_than_three_percent_is_not_told(width, height, asked):
    assert mismatch(width, height, asked) is None


def test_a_difference_above_three_percent_is_told():
    assert mismatch(1000, 969, "1:1") == "asked 1:1, got 1.03:1 (1000 x 969)"


def test_without_a_ratio_asked_for_nothing_can_differ():
    assert mismatch(1024, 300, "match_input_image") is None


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [(1344, 768, "16:9"), (768, 1344, "9:16"), (500, 500, "1:1"), (710, 1000, "1:1.41")],
)
def test_a_ratio_is_called_by_its_common_name(width, height, name):
    assert ratio_name(width, height) == name


def test_a_shape_fits_into_its_box():
    assert fit(1344, 768, 256) == (256, 146)  # 768 * 256 / 1344 = 146.3
    assert fit(768, 1344, 256) == (146, 256)


def test_a_small_picture_is_not_enlarged_unless_asked():
    assert fit(40, 20, 256) == (40, 20)
    assert fit(40, 20, 256, enlarge=True) == (256, 128)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(16, 4096))
def test_every_shape_stays_in_its_box_and_has_pixels(width, height, size):
    small = fit(width, height, size)
    assert 1 <= min(small) <= max(small) <= size
