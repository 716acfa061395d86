"""Automatic scores: joined to rows, averaged, and never in the way of the pictures."""

import math

import pytest


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
