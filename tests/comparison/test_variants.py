"""How variants are read, named and filled."""

import pytest

from pruna_nb.comparison.variants import read_variants
from pruna_nb.errors import InputError


def names(variants):
    return [variant.name for variant in read_variants(variants)]


def test_a_dict_names_its_variants():
    read = read_variants({"plain": "a fox", "studio": {"prompt": "a fox", "guidance": 3}})
    assert [variant.name for variant in read] == ["plain", "studio"]
    assert read[1].settings == {"prompt": "a fox", "guidance": 3}


def test_a_text_that_is_a_models_name_is_a_model():
    read = read_variants(["p-image", "flux-dev"])
    assert [variant.settings for variant in read] == [{"model": "p-image"}, {"model": "flux-dev"}]
    assert [variant.name for variant in read] == ["p-image", "flux-dev"]


@pytest.mark.parametrize("text", ["p-imagee", "P_Image", "fluxdev-"])
def test_a_misspelt_model_is_not_taken_for_a_prompt(text):
    with pytest.raises(InputError, match="is not a model"):
        read_variants([text, "flux-dev"])
    asked, _ = read_variants([{"prompt": text}, "flux-dev"])
    assert asked.settings == {"prompt": text}


@pytest.mark.parametrize("text", ["image", "a p-image", "semi-transparent", "lighthouse"])
def test_a_word_that_only_resembles_a_model_is_a_prompt(text):
    read, _ = read_variants([text, "flux-dev"])
    assert read.settings == {"prompt": text}


def test_short_texts_name_themselves_and_long_ones_get_letters():
    assert names(["a fox", "a cat"]) == ["a fox", "a cat"]
    assert names(["a fox " * 20, "a cat"]) == ["A", "B"]


def test_settings_name_themselves():
    assert names([{"guidance": 3}, {"guidance": 7}]) == ["guidance=3", "guidance=7"]


def test_equal_descriptions_get_letters():
    assert names([{"lora_weights": "x", "token": 1}, {"lora_weights": "x", "token": 2}]) != ["A"]
    same = [{"hf_api_token": "one"}, {"hf_api_token": "two"}]
    assert names(same) == ["A", "B"]


def test_a_secret_does_not_get_into_a_name():
    variants = [{"guidance": 3, "hf_api_token": "hf_secret"}, {"guidance": 7}]
    assert names(variants) == [
        "guidance=3, hf_api_token=***",
        "guidance=7",
    ]


def test_letters_go_on_after_z():
    long = [f"{number} {'x' * 60}" for number in range(28)]
    assert names(long)[-3:] == ["Z", "AA", "AB"]


@pytest.mark.parametrize(
    "variants",
    [
        ["a fox"],
        [],
        {"only": "a fox"},
        "a fox",
        3,
        ["a fox", 4],
        ["a fox", ""],
        {"a": "x", "": "y"},
    ],
)
def test_what_is_no_comparison_is_refused(variants):
    with pytest.raises(InputError):
        read_variants(variants)


def test_two_names_that_differ_by_spaces_alone_are_refused():
    with pytest.raises(InputError, match="same name: 'x'"):
        read_variants({"x": "a fox", "x ": "a cat"})
