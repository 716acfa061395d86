"""The table says what the service's own pages say."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pruna_nb.catalog import (
    ENDPOINT_LIMITS,
    all_models,
    get_model,
    limit_for,
    model_names,
    parse_ratio,
)
from pruna_nb.catalog.model import field_from_spec, model_from_spec
from pruna_nb.errors import SettingsError

NAMES = (
    "p-image",
    "p-image-lora",
    "p-image-pro",
    "p-image-ideogram",
    "p-image-edit",
    "p-image-edit-lora",
    "p-image-upscale",
    "p-image-try-on",
    "flux-dev",
    "flux-dev-lora",
    "flux-2-klein-4b",
    "wan-image-small",
    "qwen-image",
    "qwen-image-fast",
    "qwen-image-edit-plus",
    "z-image-turbo",
    "z-image-turbo-lora",
    "wan-t2v",
    "wan-i2v",
    "vace",
    "p-video",
    "p-video-animate",
    "p-video-replace",
    "p-video-avatar",
    "p-image-trainer",
    "p-image-edit-trainer",
)
RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")


def test_the_table_has_the_26_models_of_the_service():
    assert model_names() == NAMES
    assert len(all_models()) == 26


@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("p-image", 250),
        ("p-image-edit", 250),
        ("p-image-lora", 500),
        ("p-image-upscale", 500),
        ("flux-dev", 150),
        ("qwen-image", 150),
        ("wan-t2v", 30),
        ("wan-i2v", 30),
        ("vace", 30),
        ("p-video", 250),
        ("p-video-animate", 50),
        ("p-video-replace", 50),
        ("p-video-avatar", 50),
        ("p-image-trainer", 5),
        ("p-image-edit-trainer", 5),
    ],
)
def test_the_limit_is_the_quickstart_s_where_it_gives_one(name, requests):
    assert limit_for(get_model(name)) == (requests, 60.0)


def test_a_model_whose_limit_is_not_published_gets_the_lowest_image_limit():
    model = get_model("p-image-ideogram")
    assert model.requests_per_minute is None
    assert limit_for(model) == (150, 60.0)


def test_the_endpoints_have_limits_of_their_own():
    assert ENDPOINT_LIMITS["status"] == (30_000, 60.0)
    assert ENDPOINT_LIMITS["delivery"] == (10_000, 60.0)
    assert ENDPOINT_LIMITS["files"] == (10_000, 60.0)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("p-image", "image"),
        ("p-image-upscale", "image"),
        ("p-video", "video"),
        ("vace", "video"),
        ("p-image-trainer", "zip"),
    ],
)
def test_the_kind_of_output_is_known(name, output):
    assert get_model(name).output == output


def test_only_image_models_suit_a_synchronous_request():
    assert {model.output for model in all_models() if model.try_sync} == {"image"}
    assert not any(model.try_sync for model in all_models() if model.output != "image")


def test_p_image_has_the_fields_of_its_page():
    fields = get_model("p-image").fields
    assert tuple(fields) == (
        "prompt",
        "aspect_ratio",
        "width",
        "height",
        "seed",
        "prompt_upsampling",
        "lora_weights",
        "lora_scale",
        "hf_api_token",
        "disable_safety_checker",
    )
    assert fields["aspect_ratio"].choices == (*RATIOS, "custom")
    assert fields["aspect_ratio"].default == "16:9"
    width = fields["width"]
    assert (width.minimum, width.maximum, width.multiple_of) == (256, 1440, 16)
    assert width.only_when == {"aspect_ratio": "custom"}
    assert (fields["lora_scale"].minimum, fields["lora_scale"].maximum) == (-1, 3)
    assert fields["hf_api_token"].secret
    assert fields["prompt"].required
    assert not fields["seed"].required


@pytest.mark.parametrize(
    ("model", "field", "low", "high"),
    [
        ("p-image-edit", "images", 1, 5),
        ("p-video-replace", "images", 1, 3),
        ("p-image-try-on", "garment_images", 1, 11),
        ("flux-2-klein-4b", "images", None, 5),
        ("vace", "src_ref_images", None, 3),
        ("qwen-image-edit-plus", "image", 1, None),
    ],
)
def test_lists_of_files_have_their_counts(model, field, low, high):
    found = get_model(model).fields[field]
    assert (found.min_items, found.max_items) == (low, high)
    assert found.media == ("image",)
    assert found.type == "array"


@pytest.mark.parametrize(
    ("model", "field", "media"),
    [
        ("p-video", "audio", ("audio",)),
        ("p-video-animate", "video", ("video",)),
        ("vace", "src_mask", ("image", "video")),
        ("p-image-trainer", "image_data", ("zip",)),
        ("p-image-upscale", "image", ("image",)),
        ("p-image", "prompt", ()),
    ],
)
def test_a_field_knows_the_kinds_of_file_it_takes(model, field, media):
    assert get_model(model).fields[field].media == media


def test_a_default_that_is_published_can_be_told_from_none_at_all():
    seed = get_model("flux-dev").fields["seed"]
    assert (seed.has_default, seed.default) == (True, -1)
    assert not get_model("p-image").fields["seed"].has_default
    assert get_model("p-image-edit-lora").fields["images"].default == ()


def test_every_field_has_a_sentence_of_help():
    for model in all_models():
        for field in model.fields.values():
            assert field.help.endswith("."), (model.name, field.name)


def test_every_default_is_among_its_own_choices_and_in_its_own_range():
    for model in all_models():
        for field in model.fields.values():
            if field.has_default and field.choices:
                assert field.default in field.choices
            if field.has_default and field.minimum is not None:
                assert field.default >= field.minimum
            if field.has_default and field.maximum is not None:
                assert field.default <= field.maximum


def test_models_and_fields_cannot_be_changed():
    model = get_model("p-image")
    with pytest.raises(AttributeError):
        model.task = "other"
    with pytest.raises(TypeError):
        model.fields["prompt"] = None


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("16:9", Fraction(16, 9)),
        ("9:16", Fraction(9, 16)),
        ("1:1", Fraction(1)),
        ("832*480", Fraction(26, 15)),
        ("1344x768", Fraction(7, 4)),
        ("custom", None),
        ("match_input_image", None),
        ("0:9", None),
        ("16:", None),
        ("-1:2", None),
        ("1" * 5000 + ":2", None),
        (None, None),
        (1.5, None),
    ],
)
def test_a_ratio_is_read_as_width_over_height(text, ratio):
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"type": "text"}, "type 'text'"),
        ({"type": "string", "media": "film"}, "film"),
        ({"type": "string", "enum": ["a"]}, "unknown enum"),
        ({}, "type None"),
    ],
)
def test_a_wrong_specification_of_a_field_says_what_is_wrong(spec, says):
    with pytest.raises(SettingsError, match=says):
        field_from_spec("colour", spec, required=False)


def test_a_required_field_must_be_among_the_fields():
    spec = {
        "task": "text-to-image",
        "output": "image",
        "requests_per_minute": 1,
        "try_sync": False,
        "required": ["prompt"],
        "fields": {"seed": {"type": "integer"}},
    }
    with pytest.raises(SettingsError, match="prompt"):
        model_from_spec("new", spec)
