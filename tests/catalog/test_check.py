"""An input is held against its model, and everything that is wrong is said at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.catalog import Problem, all_models, check_input, find_model, get_model, model_names

P_IMAGE = get_model("p-image")


def kinds(name, given_input, *, unchecked=False):
    model = find_model(name, unchecked=unchecked)
    return {problem.field: problem.kind for problem in check_input(model, given_input)}


def text(model, given_input):
    (problem,) = check_input(get_model(model), given_input)
    return str(problem)


def test_a_right_input_has_no_problems():
    given_input = {"prompt": "a lion", "aspect_ratio": "16:9", "seed": -7, "lora_scale": 1}
    assert check_input(P_IMAGE, given_input) == []


def test_all_problems_are_given_not_the_first_alone():
    wrong = {"promt": "a lion", "aspect_ratio": "16:10", "seed": "7", "lora_scale": 9}
    assert kinds("p-image", wrong) == {
        "promt": "unknown",
        "aspect_ratio": "choice",
        "seed": "type",
        "lora_scale": "range",
        "prompt": "missing",
    }


def test_an_unknown_field_names_near_ones():
    assert text("p-image", {"prompt": "x", "aspect_ration": "1:1"}) == (
        "aspect_ration: p-image has no such field. Did you mean aspect_ratio?"
    )


def test_a_field_of_another_model_names_those_that_there_are():
    said = text("p-image-upscale", {"image": "x", "zzz": 1})
    assert "It has image, target, output_format" in said


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("7", "'7' is text; give a whole number"),
        (True, "True is a boolean; give a whole number"),
        (7.0, "7.0 is a float; give a whole number"),
        (7.5, "7.5 is a fraction; give a whole number"),
        (Decimal(7), "of type Decimal"),
        ([7], "a list"),
    ],
)
def test_a_whole_number_is_a_whole_number(value, says):
    assert says in text("p-image", {"prompt": "x", "seed": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None])
def test_a_number_is_finite_and_no_boolean(value):
    assert "lora_scale" in kinds("p-image", {"prompt": "x", "lora_scale": value})


def test_a_whole_number_of_any_length_is_no_error_of_ours():
    for name in ("seed", "lora_scale"):
        (problem,) = check_input(P_IMAGE, {"prompt": "x", name: 10**5000})
        assert "more than 308 digits" in str(problem)
    assert check_input(P_IMAGE, {"prompt": "x", "seed": 10**300}) == []


def test_a_boolean_is_true_or_false_and_nothing_that_looks_like_it():
    assert kinds("p-image", {"prompt": "x", "prompt_upsampling": 1}) == {
        "prompt_upsampling": "type"
    }
    assert "give True or False" in text("p-image", {"prompt": "x", "prompt_upsampling": "true"})


def test_a_choice_shows_what_is_allowed():
    said = text("p-image", {"prompt": "x", "aspect_ratio": "square"})
    assert "Allowed are '1:1', '16:9', '9:16', '4:3', '3:4', '3:2', '2:3', 'custom'" in said
    near = text("qwen-image", {"prompt": "x", "image_size": "optimise_for_speed"})
    assert "Did you mean 'optimize_for_speed'?" in near


@pytest.mark.parametrize(("value", "is_right"), [(0, False), (1, True), (8, True), (9, False)])
def test_both_ends_of_a_range_are_in_it(value, is_right):
    assert (kinds("p-image-upscale", {"image": "x", "target": value}) == {}) is is_right


def test_a_range_names_its_ends_and_its_unit():
    said = text("p-image-upscale", {"image": "x", "target": 9})
    assert said == "target: 9 is out of range; give 1 to 8 megapixels."


def test_a_step_names_the_two_values_beside():
    size = {"prompt": "x", "aspect_ratio": "custom", "width": 1000, "height": 1024}
    assert text("p-image", size) == "width: 1000 is not a multiple of 16; use 992 or 1008."


def test_width_and_height_need_the_custom_ratio():
    sized = {"prompt": "x", "width": 512, "height": 512}
    assert kinds("p-image", sized) == {"width": "only_when", "height": "only_when"}
    assert "aspect_ratio is '16:9'" in str(check_input(P_IMAGE, sized)[0])
    assert check_input(P_IMAGE, {**sized, "aspect_ratio": "custom"}) == []


def test_the_custom_ratio_needs_width_and_height():
    custom = {"prompt": "x", "aspect_ratio": "custom", "width": 512}
    assert kinds("p-image", custom) == {"height": "missing"}


def test_a_model_without_ratios_takes_width_and_height_alone():
    assert kinds("z-image-turbo", {"prompt": "x", "width": 512, "height": 100}) == {}


@pytest.mark.parametrize(("count", "is_right"), [(0, False), (1, True), (5, True), (6, False)])
def test_p_image_edit_takes_one_to_five_images(count, is_right):
    given_input = {"prompt": "x", "images": [Path("a.png")] * count}
    assert (kinds("p-image-edit", given_input) == {}) is is_right


@pytest.mark.parametrize(("count", "is_right"), [(0, False), (1, True), (11, True), (12, False)])
def test_try_on_takes_one_to_eleven_garments(count, is_right):
    given_input = {"person_image": b"...", "garment_images": [b"..."] * count}
    assert (kinds("p-image-try-on", given_input) == {}) is is_right


@pytest.mark.parametrize("value", ["a.png", Path("a.png"), b"\xff\xd8", object()])
def test_a_media_field_takes_anything_that_may_be_a_file(value):
    assert kinds("p-image-upscale", {"image": value}) == {}
    assert kinds("p-image-edit", {"prompt": "x", "images": value}) == {}
    assert kinds("p-image-edit", {"prompt": "x", "images": (value, value)}) == {}


def test_a_field_of_one_file_takes_no_list():
    said = text("p-image-upscale", {"image": ["a.png", "b.png"]})
    assert said == "image: a list of 2 was given; give one image, not a list."


def test_nothing_among_the_files_of_a_list_is_found():
    assert text("p-image-edit", {"prompt": "x", "images": ["a.png", None]}) == (
        "images: item 2 is None; leave it out."
    )


def test_none_is_no_value():
    assert kinds("p-image", {"prompt": None, "seed": None}) == {"prompt": "null", "seed": "null"}


def test_the_items_of_a_plain_list_have_a_type():
    right = {"prompt": "x", "lora_weights": ["a", "b"], "lora_scales": [1, 0.5]}
    assert kinds("z-image-turbo-lora", right) == {}
    wrong = {"prompt": "x", "lora_weights": "a", "lora_scales": [1, "b"]}
    assert kinds("z-image-turbo-lora", wrong) == {"lora_weights": "type", "lora_scales": "type"}


@pytest.mark.parametrize("name", ["flux-dev-lora", "wan-image-small"])
def test_several_outputs_are_refused_with_a_pointer_at_samples(name):
    assert kinds(name, {"prompt": "x", "num_outputs": 1}) == {}
    (problem,) = check_input(get_model(name), {"prompt": "x", "num_outputs": 2})
    assert problem.kind == "outputs"
    assert "samples=" in problem.message
    (unchecked,) = check_input(find_model(name, unchecked=True), {"num_outputs": 4})
    assert unchecked.kind == "outputs"


def test_unchecked_lets_new_fields_choices_and_ranges_pass_but_not_wrong_types():
    new = {"aspect_ratio": "5:4", "lora_scale": 9, "style": "oil", "seed": "seven"}
    assert kinds("p-image", new, unchecked=True) == {"seed": "type"}


def test_a_secret_is_not_shown_in_a_problem():
    (problem,) = check_input(P_IMAGE, {"prompt": "x", "hf_api_token": ["hf_secret"]})
    assert "hf_secret" not in str(problem)


def test_a_long_value_is_shown_cut():
    (problem,) = check_input(P_IMAGE, {"prompt": "x", "aspect_ratio": "y" * 10_000})
    assert len(str(problem)) < 400


def plain_values():
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=True),
        st.text(max_size=20),
        st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=5)), max_size=3),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        st.binary(max_size=8),
    )


@given(data=st.data(), name=st.sampled_from(model_names()))
def test_any_input_is_answered_with_problems_and_never_an_error(data, name):
    model = get_model(name)
    names = st.one_of(st.sampled_from(sorted(model.fields)), st.text(max_size=12))
    given_input = data.draw(st.dictionaries(names, plain_values(), max_size=6))
    problems = check_input(model, given_input)
    assert all(isinstance(each, Problem) and str(each) for each in problems)
    missing = {each.field for each in problems if each.kind in ("missing", "null")}
    for required in model.required:
        if given_input.get(required) is None:
            assert required in missing


@given(
    seed=st.integers(),
    scale=st.floats(-1, 3),
    prompt=st.text().filter(str.strip),
    ratio=st.integers(0, 6),
)
def test_every_value_within_the_rules_is_right(seed, scale, prompt, ratio):
    ratios = P_IMAGE.fields["aspect_ratio"].choices
    given_input = {
        "prompt": prompt,
        "seed": seed,
        "lora_scale": scale,
        "aspect_ratio": ratios[ratio],
    }
    assert check_input(P_IMAGE, given_input) == []


@pytest.mark.parametrize("name", model_names())
def test_every_model_takes_its_own_defaults(name):
    model = get_model(name)
    filled = {
        each.name: list(each.default) if isinstance(each.default, tuple) else each.default
        for each in model.fields.values()
        if each.has_default and not (each.only_when or each.media)
    }
    for required in model.required:
        field = model.fields[required]
        filled[required] = ["x"] if field.type == "array" else "x"
    assert check_input(model, filled) == []


def test_the_models_of_the_table_are_all_known():
    assert all(model.known for model in all_models())
