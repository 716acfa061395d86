"""New models can be used at once; slips of the pen are caught."""

from __future__ import annotations

import warnings

import pytest

from pruna_nb.catalog import (
    UnknownModelWarning,
    all_models,
    check_input,
    cost_usd,
    find_model,
    get_model,
    limit_for,
    model_names,
    register_model,
    registry,
)
from pruna_nb.errors import SettingsError, UnknownModelError


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_warned", set())


def test_an_unknown_name_fails_naming_near_ones_and_what_to_do():
    with pytest.raises(UnknownModelError) as caught:
        get_model("p-imag")
    text = str(caught.value)
    assert "Did you mean p-image" in text
    assert "register_model('p-imag'" in text
    assert "unchecked=True" in text


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("p-imag", "p-image"),
        ("P-Image", "p-image"),
        ("p_image", "p-image"),
        ("pimage", "p-image"),
        ("p-iamge", "p-image"),
        ("flux-dv", "flux-dev"),
        ("qwen-imagee", "qwen-image"),
        ("z-image-trubo", "z-image-turbo"),
        ("p-image-edti", "p-image-edit"),
    ],
)
def test_a_slip_of_the_pen_is_refused_and_names_what_is_meant_first(slip, meant):
    with pytest.raises(UnknownModelError, match=rf"Did you mean {meant}\b"):
        find_model(slip)


@pytest.mark.parametrize(
    ("family", "some"), [("flux", "flux-dev"), ("Qwen", "qwen-image"), ("wan", "wan-image-small")]
)
def test_the_first_word_of_several_models_names_none(family, some):
    with pytest.raises(UnknownModelError, match=rf"Did you mean {some}\b.* or "):
        find_model(family)
    assert find_model(family, unchecked=True).name == family


@pytest.mark.parametrize(
    "name", ["p-image-2", "flux-2-klein-9b", "brand-new", "wan-s2v", "p-image-max", "p-video-2"]
)
def test_a_new_model_is_used_as_it_is_after_one_warning(name):
    with pytest.warns(UnknownModelWarning, match="does not know"):
        model = find_model(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_model(name)
    assert not model.known
    assert model.output == "unknown"
    assert cost_usd(model, {"prompt": "a lion"}) is None
    assert limit_for(model) == (150, 60.0)
    assert check_input(model, {"anything": object()}) == []


def test_unchecked_takes_any_name_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_model("p-imag", unchecked=True).name == "p-imag"


@pytest.mark.parametrize("name", ["", "a b", "p-image\r\nX: y", "é", "-x", "x" * 200, "../x"])
def test_a_text_that_cannot_stand_in_a_header_is_no_name(name):
    for unchecked in (False, True):
        with pytest.raises(UnknownModelError, match="not a valid model name"):
            find_model(name, unchecked=unchecked)
    with pytest.raises(SettingsError, match="not a valid model name"):
        register_model(name)


@pytest.mark.parametrize("name", model_names())
def test_a_known_model_is_found_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_model(name) is get_model(name)


@pytest.mark.parametrize("name", model_names())
def test_no_known_name_is_taken_for_another_misspelt(name):
    assert registry._likely(name) == [name]


def test_a_registered_model_is_checked_priced_and_limited():
    model = register_model(
        "p-sketch",
        price_usd=0.002,
        requests_per_minute=60,
        fields={
            "prompt": {"type": "string"},
            "style": {"type": "string", "choices": ["ink", "chalk"]},
            "photo": {"type": "string", "media": "image"},
        },
        required=["prompt"],
    )
    assert get_model("p-sketch") is model
    assert model in all_models()
    assert model_names()[-1] == "p-sketch"
    assert cost_usd(model, {}) == 0.002
    assert limit_for(model) == (60, 60.0)
    assert [each.name for each in model.media_fields] == ["photo"]
    assert [each.kind for each in check_input(model, {"style": "oil"})] == ["choice", "missing"]


def test_a_model_registered_without_fields_is_sent_unchecked_and_without_a_warning():
    register_model("p-sketch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_input(find_model("p-sketch"), {"anything": 1}) == []


def test_registering_a_known_name_replaces_it():
    register_model("p-image", price_usd=1.0, fields={"prompt": {"type": "string"}})
    assert cost_usd(get_model("p-image"), {}) == 1.0
    assert model_names().count("p-image") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"output": "song"},
        {"requests_per_minute": 0},
        {"price_usd": -1},
        {"requests_per_minute": "60"},
        {"price_usd": float("nan")},
        {"price_usd": "0.01"},
        {"price_usd": True},
        {"fields": ["prompt"]},
        {"fields": {"prompt": "string"}},
        {"required": ["prompt"]},
        {"fields": {"prompt": {"type": "str"}}},
    ],
)
def test_a_wrong_registration_is_refused(wrong):
    with pytest.raises(SettingsError):
        register_model("p-sketch", **wrong)
    assert "p-sketch" not in model_names()
