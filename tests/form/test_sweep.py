"""A sweep is the product of its axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.catalog import get_model
from pruna_nb.errors import InputError
from pruna_nb.form.sweep import Sweep, parse_prompts, parse_seeds, prompts_text, seeds_text


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("", ()),
        ("7", (7,)),
        ("1, 2, 5-8", (1, 2, 5, 6, 7, 8)),
        ("1 2 3", (1, 2, 3)),
        ("3-3", (3,)),
        ("1;2\n3", (1, 2, 3)),
        ("-1, 4", (-1, 4)),
        ("2, 2, 1-3", (2, 1, 3)),
        (" 5 - 6 ,", (5, 6)),
    ],
)
def test_seeds_are_read_as_people_write_them(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["one", "1.5", "1-2-3", "5-"])
def test_what_is_not_a_seed_is_named(text):
    with pytest.raises(InputError, match="give numbers and ranges"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("5-1", r"the range '5-1' is reversed; write 1-5\."),
        ("1, 8 - 7", r"the range '8 - 7' is reversed; write 7-8\."),
        ("1-100000", r"the range '1-100000' has 100,000 numbers, which is too many; .* 2,000"),
    ],
)
def test_a_range_that_is_reversed_or_too_long_says_which(text, error):
    with pytest.raises(InputError, match=error):
        parse_seeds(text)


@given(st.lists(st.integers(-5, 40), unique=True))
def test_seeds_that_were_written_are_read_again(seeds):
    assert parse_seeds(seeds_text(seeds)) == tuple(seeds)


def test_a_line_is_a_prompt_and_a_comma_splits_nothing():
    assert parse_prompts("a fox, a hen\n\n  an owl \na fox, a hen") == ("a fox, a hen", "an owl")


def test_a_prompt_of_several_lines_survives_the_text_field():
    prompts = ("a poem:\nroses are red", "$5 <b>", "of a slide:\x0bone \u2028prompt\x85\x0cstill")
    assert parse_prompts(prompts_text(prompts)) == prompts


def test_the_places_are_the_product_of_the_axes():
    axes = {"prompt": ["a", "b"], "aspect_ratio": ["1:1", "16:9"], "seed": [1, 2, 3]}
    sweep = Sweep(get_model("p-image"), axes)
    points = sweep.points()
    assert len(sweep) == len(points) == 2 * 2 * 3
    assert [point.heading for point in points] == ["a"] * 6 + ["b"] * 6
    assert points[1].fields == {"prompt": "a", "aspect_ratio": "1:1", "seed": 2}
    assert points[1].label == "1:1 · seed 2"


def test_without_axes_there_is_one_place():
    assert [point.fields for point in Sweep(get_model("p-image-upscale")).points()] == [{}]


def test_rows_of_a_frame_stand_in_for_the_prompts():
    sweep = Sweep(get_model("p-image"), {"seed": [1, 2]}, rows=[(4, "a fox"), (9, "an owl")])
    assert [(point.row, point.heading, point.label) for point in sweep.points()] == [
        (4, "a fox", "seed 1"),
        (4, "a fox", "seed 2"),
        (9, "an owl", "seed 1"),
        (9, "an owl", "seed 2"),
    ]


def test_a_width_counts_beside_the_custom_ratio_alone():
    axes = {"prompt": ["a"], "aspect_ratio": ["1:1", "custom"]}
    sweep = Sweep(get_model("p-image"), axes, {"width": 512, "prompt_upsampling": True})
    assert [point.fields["width"] for point in sweep.points()] == [None, 512]
    assert sweep.constants() == {"prompt_upsampling": True}


def test_a_width_is_the_same_everywhere_if_all_is_custom():
    sweep = Sweep(
        get_model("p-image"), {"prompt": ["a"], "aspect_ratio": ["custom"]}, {"width": 512}
    )
    assert sweep.constants() == {"width": 512}
    assert "width" not in sweep.points()[0].fields


def test_more_pictures_than_a_form_shows_are_refused():
    sweep = Sweep(get_model("p-image"), {"prompt": [str(i) for i in range(50)], "seed": range(50)})
    with pytest.raises(InputError, match="2,500 pictures are more"):
        sweep.points()


def test_a_sweep_does_not_show_what_it_holds():
    assert "hf_sesame" not in repr(Sweep(get_model("p-image"), {}, {"hf_api_token": "hf_sesame"}))
