"""Every mistake is told before anything is spent: what was given, what is allowed, which rows."""

from __future__ import annotations

import re
import warnings
from decimal import Decimal

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb.catalog import UnknownModelWarning, registry
from pruna_nb.errors import ColumnError, InputError, SettingsError, UnknownModelError


@pytest.fixture(autouse=True)
def nothing_is_charged(service):
    yield
    assert service.charged == 0


def test_a_missing_column_is_named_with_near_ones_and_all_that_there_are(generate):
    frame = pd.DataFrame({"promt": ["a"], "seed": [1]})
    with pytest.raises(ColumnError) as raised:
        generate(frame, "prompt")
    assert str(raised.value) == (
        "No column 'prompt' for prompt_col. Did you mean 'promt'? The columns are: 'promt', 'seed'."
    )
    assert isinstance(raised.value, LookupError)


def test_a_missing_column_of_a_field_names_the_argument(frame, generate):
    with pytest.raises(ColumnError, match=r"No column 'sede' for seed_col\."):
        generate(frame, "prompt", seed_col="sede")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("max_cost", "max_cost_usd"), ("num_images", "samples"), ("ratio", "aspect_ratio"),
     ("sample", "samples"), ("progres", "progress")],
)  # fmt: skip
def test_an_option_that_other_tools_call_otherwise_is_named(frame, generate, name, meant):
    with pytest.raises(InputError, match=rf"{name}: p-image has no such field\. .*{meant}"):
        generate(frame, "prompt", **{name: 3})


def test_two_columns_of_one_name_cannot_be_told_apart(generate):
    frame = pd.DataFrame([["a", "b"]], columns=["prompt", "prompt"])
    with pytest.raises(ColumnError, match=r"2 columns are called 'prompt'; prompt_col needs one"):
        generate(frame, "prompt")


def test_no_prompt_at_all_says_how_to_give_one(generate):
    with pytest.raises(InputError) as raised:
        generate(pd.DataFrame({"text": ["a"]}))
    assert str(raised.value) == (
        "p-image needs prompt. Give prompt_col= (a column) or prompt=. The columns are: 'text'. "
        "Did you mean prompt_col='text'?"
    )


def test_a_misspelt_model_is_refused_with_the_likely_one(frame, generate):
    with pytest.raises(UnknownModelError, match=r"no model 'p-imag'.*Did you mean p-image"):
        generate(frame, "prompt", model="p-imag")


def test_a_misspelt_field_is_refused_with_the_likely_ones(frame, generate):
    with pytest.raises(
        InputError, match=r"aspect_ration: p-image has no such field. Did you mean aspect_ratio"
    ):
        generate(frame, "prompt", aspect_ration="1:1")


def test_a_misspelt_option_is_told_as_a_field_that_there_is_not(frame, generate):
    with pytest.raises(InputError, match=r"max_cost: p-image has no such field"):
        generate(frame, "prompt", max_cost=3)


def test_all_mistakes_of_a_call_are_told_at_once(frame, generate):
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", foo=1, bar_col="x", seed=1, seed_col="y", samples=0)
    assert len(raised.value.problems) == 5


def test_a_constant_that_is_wrong_is_told_once_and_not_for_each_row(frame, generate):
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", aspect_ratio="16:10", seed="7")
    assert len(raised.value.problems) == 2
    assert "Allowed are '1:1', '16:9'" in str(raised.value)
    assert "'7' is text; give a whole number" in str(raised.value)


def test_ten_bad_rows_are_all_named_at_once(generate):
    frame = pd.DataFrame(
        {"prompt": ["a lion"] * 14, "seed": [1] * 2 + [0.5] * 10 + [2] * 2},
        index=[f"r{number}" for number in range(14)],
    )
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", seed_col="seed")
    named = [problem.split(":")[0] for problem in raised.value.problems]
    assert named == [f"row 'r{number}'" for number in range(2, 12)]
    assert all(name in str(raised.value) for name in named)
    assert "0.5 is a fraction; give a whole number" in raised.value.problems[0]


def test_a_thousand_bad_rows_are_shown_in_part_and_held_in_full(generate):
    frame = pd.DataFrame({"prompt": ["a"] * 1000, "shape": ["16:10"] * 1000})
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", aspect_ratio_col="shape")
    assert len(raised.value.problems) == 1000
    assert str(raised.value).endswith("and 980 more (all are in the error's .problems)")
    assert len(str(raised.value).splitlines()) == 22


def test_a_rows_problems_are_all_told(generate):
    frame = pd.DataFrame({"prompt": ["a"], "w": [10], "h": [3000]})
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", aspect_ratio="custom", width_col="w", height_col="h")
    (problem,) = raised.value.problems
    assert "width: 10 is out of range; give 256 to 1440 pixels" in problem
    assert "height: 3000 is out of range" in problem


def test_rows_with_equal_labels_are_named_by_their_position_too(generate):
    frame = pd.DataFrame({"prompt": ["a", "b"], "seed": [1, 0.5]}, index=["x", "x"])
    with pytest.raises(InputError, match=r"row 'x' \(at position 1\): seed"):
        generate(frame, "prompt", seed_col="seed")


def test_a_row_of_a_multiindex_is_named_by_all_its_labels(generate):
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    frame = pd.DataFrame({"prompt": ["a", "b"], "seed": [1, 0.5]}, index=index)
    with pytest.raises(InputError, match=r"row \('b', 2\): seed"):
        generate(frame, "prompt", seed_col="seed")


def test_width_without_a_custom_ratio_says_what_it_goes_with(generate):
    frame = pd.DataFrame({"prompt": ["a"], "w": [512]})
    with pytest.raises(InputError, match=r"width: allowed only with aspect_ratio='custom'"):
        generate(frame, "prompt", width_col="w")


def test_a_rule_about_a_default_says_so_and_problems_of_a_row_are_one_sentence(generate):
    frame = pd.DataFrame({"prompt": ["a"], "w": [512]})
    with pytest.raises(InputError) as raised:
        generate(frame, "prompt", width_col="w", height=512)
    assert "aspect_ratio is '16:9' by default; height: allowed" in str(raised.value)
    with pytest.raises(InputError, match=r"and aspect_ratio is '1:1'\.$"):
        generate(frame, "prompt", width_col="w", aspect_ratio="1:1")


def test_errors_of_a_sweep_over_models_name_the_columns_of_the_user_alone():
    frame = pd.DataFrame({"product": ["a", "b"]})
    calls = [
        {"prompt_col": "product", "model": ["p-image", "p-image-edit"]},
        {"prompt_col": "product", "model": ["p-image", "p-image-pro"], "seed_col": "sed"},
        {"prompt": "{prduct}", "model": ["p-image", "p-image-pro"]},
    ]
    for call in calls:
        with pytest.raises((InputError, ColumnError), match=r"The columns are: 'product'\."):
            frame.pruna.estimate(**call)


@pytest.mark.parametrize("model", ["p-image", ["p-image-edit", "p-image"]])
def test_a_model_that_edit_does_not_suit_is_told_once_and_not_for_each_row(model, tmp_path):
    image = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(image)
    frame = pd.DataFrame({"prompt": ["a", "b"], "photo": [str(image)] * 2})
    with pytest.raises(InputError) as raised:
        frame.pruna.edit("prompt", "photo", model=model)
    assert "edit() does not suit p-image" in str(raised.value)
    assert "row" not in str(raised.value)


def test_models_that_take_their_images_in_different_fields_are_told_once(tmp_path):
    image = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(image)
    frame = pd.DataFrame({"prompt": ["a", "b"], "photo": [str(image)] * 2})
    with pytest.raises(InputError) as raised:
        frame.pruna.edit("prompt", "photo", model=["p-image-edit", "qwen-image-edit-plus"])
    assert str(raised.value) == (
        "These models take their images in different fields "
        "(p-image-edit: images, qwen-image-edit-plus: image)."
    )


def test_a_prompt_that_is_a_number_is_refused_by_row(generate):
    with pytest.raises(InputError, match=r"row 1: prompt: 12 is of type int; give text"):
        generate(pd.DataFrame({"prompt": ["a", 12]}), "prompt")


def test_a_prompt_for_a_model_that_takes_none_names_its_fields_for_words(frame, generate):
    with pytest.raises(InputError, match=r"p-video-avatar takes no prompt. .*voice_script"):
        generate(frame, "prompt", model="p-video-avatar", image="x.png")


def test_a_list_of_columns_is_for_fields_of_several_files_alone(frame, generate):
    with pytest.raises(InputError, match=r"seed_col= takes one column; a list of 2 was given"):
        generate(frame, "prompt", seed_col=["a", "b"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"cache": "yes"}, "cache must be one of 'use', 'refresh', 'off'; 'yes' was given"),
        ({"on_lost": "again"}, "on_lost must be one of 'report', 'resend'; 'again' was given"),
    ],
)
def test_an_option_that_is_none_of_its_choices_is_refused(option, words, frame, generate):
    with pytest.raises(SettingsError, match=words):
        generate(frame, "prompt", **option)


def test_without_a_key_everything_says_how_to_get_one(frame):
    pruna_nb.settings.reset()
    with pytest.raises(pruna_nb.errors.MissingKeyError, match="PRUNA_API_KEY"):
        frame.pruna.generate("prompt", progress=False)


class TestUnknownModels:
    @pytest.fixture(autouse=True)
    def nothing_is_charged(self):
        """Take the place of the other: these are charged."""

    @pytest.fixture(autouse=True)
    def taken(self, service, monkeypatch):
        monkeypatch.setattr(registry, "_warned", set())
        service.configure(extra_models=["sketch-9"])

    def test_an_unknown_model_warns_once_and_is_sent_as_it_is(self, frame, generate, asked):
        with pytest.warns(UnknownModelWarning, match="sketch-9"):
            out = generate(frame.head(1), "prompt", model="sketch-9", mood="dark", depth=3)
        assert asked() == [{"prompt": "a lion", "mood": "dark", "depth": 3}]
        assert out["cost_usd"].isna().all()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert generate(frame, "prompt", model="sketch-9")["status"].eq("succeeded").all()

    def test_unchecked_takes_an_unknown_model_without_a_word(self, frame, generate):
        out = generate(frame, "prompt", model="sketch-9", unchecked=True)
        assert out["status"].eq("succeeded").all()

    def test_a_file_for_a_field_of_an_unknown_model_is_uploaded(
        self, frame, generate, asked, tmp_path
    ):
        from PIL import Image

        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        generate(
            frame.head(1),
            "prompt",
            model="sketch-9",
            unchecked=True,
            start=tmp_path / "a.png",
            more=[b"\x89PNG\r\n\x1a\n" + (tmp_path / "a.png").read_bytes()[8:], "as it is"],
        )
        (given,) = asked()
        assert given["start"].startswith("http://127.0.0.1")
        assert given["more"][0].startswith("http://127.0.0.1")
        assert given["more"][1] == "as it is"

    def test_unchecked_sends_fields_and_values_that_the_catalogue_does_not_know(
        self, frame, generate, service
    ):
        service.configure(extra_models=["p-image"])
        out = generate(frame.head(1), "prompt", unchecked=True, aspect_ratio="16:10")
        assert out["status"].tolist() == ["failed"]
        assert "aspect_ratio" in out["error"].item()

    def test_a_field_of_the_wrong_type_is_refused_even_unchecked(self, frame, generate, service):
        with pytest.raises(InputError, match="seed"):
            generate(frame, "prompt", unchecked=True, seed="x")
        assert service.charged == 0


def test_an_unknown_field_and_a_wrong_value_are_told_together(service):
    with pytest.raises(InputError) as caught:
        pd.DataFrame({"prompt": ["a"]}).pruna.generate("prompt", aspect_ratio="5:9", sede=1)
    assert len(caught.value.problems) == 2
    assert "5:9" in str(caught.value)
    assert "Did you mean seed" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("a {color} fox", "If it is a template over columns, use prompt='a {color} fox'."),
        ("a fox in snow", "If it is the prompt of all rows, use prompt='a fox in snow'."),
        ("lighthouse", "If it is the prompt of all rows, use prompt='lighthouse'."),
        ("a fox " * 40, "If it is the prompt of all rows, give it as prompt=."),
    ],
)
def test_a_prompt_in_place_of_its_column_is_told_where_it_belongs(generate, given, hint):
    frame = pd.DataFrame({"text": ["a fox"], "color": ["red"]})
    with pytest.raises(ColumnError, match=re.escape(f"for prompt_col. {hint} The columns are")):
        generate(frame, given)
    with pytest.raises(ColumnError, match=re.escape(hint)):
        frame.pruna.estimate(given)


def test_a_misspelt_column_of_two_words_is_taken_for_no_prompt(generate):
    frame = pd.DataFrame({"my prompt": ["a fox"]})
    with pytest.raises(ColumnError, match="Did you mean 'my prompt'") as raised:
        generate(frame, "my promt")
    assert "prompt=" not in str(raised.value)


@pytest.fixture
def pictures(tmp_path):
    """Return a frame of a picture as a file and as itself, and of what is to be done with it."""
    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    return pd.DataFrame(
        {
            "photo": [str(tmp_path / "red.png"), None],
            "image": [Image.new("RGB", (64, 64), "blue")] * 2,
            "edit": ["make it night", "add snow"],
        }
    )


def test_prompts_and_pictures_that_are_swapped_are_told_before_anything_is_sent(pictures):
    for photo in ("photo", "image"):
        with pytest.raises(InputError) as raised:
            pictures.pruna.edit(photo, "edit", progress=False)
        assert str(raised.value) == (
            f"prompt_col='{photo}' holds files and images_col='edit' holds text: they are swapped. "
            f"In every verb prompts come first, then pictures: prompt_col='edit', "
            f"images_col='{photo}'."
        )
    with pytest.raises(InputError, match="they are swapped") as raised:
        pictures.pruna.generate(
            "photo", model="p-video", image_col="edit", seed="one", timeout=0, background=True
        )
    assert "seed" in str(raised.value)
    assert "timeout" in str(raised.value)
    for call, words in {
        lambda df: df.pruna.edit("photo"): r"holds files, no prompts. Files go to images_col='pho",
        lambda df: df.pruna.generate("photo"): r"p-image takes no files; df.pruna.edit\(prompt=",
        lambda df: df.pruna.estimate("photo"): "holds files, no prompts",
        lambda df: df.pruna.edit(prompt="x", images_col="edit"): (
            "holds text, no files: 'make it night'. Prompts go to prompt_col='edit'"
        ),
        lambda df: df.pruna.upscale("edit"): "p-image-upscale takes no prompt",
    }.items():
        with pytest.raises(InputError, match=words):
            call(pictures)


@pytest.mark.parametrize("cell", [["a", "b"], {"a": 1}, pd.Timestamp("2026-01-01"), Decimal(3)])
def test_a_prompt_that_is_neither_a_text_nor_a_file_is_told_by_its_row(cell, generate):
    with pytest.raises(InputError, match="row 0: prompt") as raised:
        generate(pd.DataFrame({"prompt": [cell]}), "prompt")
    assert "files" not in str(raised.value)


def test_a_prompt_that_names_a_file_which_is_nowhere_is_a_prompt(generate):
    names = ["logo.png", "https://example.org/fox.png", "a poster with the words index.html"]
    frame = pd.DataFrame({"prompt": names})
    assert frame.pruna.estimate("prompt").new == 3


def test_animate_takes_its_earlier_order_with_a_word_about_it(pictures, monkeypatch):
    sent = {}

    def run(frame, call, options, problems):
        sent.update(call.columns)

    monkeypatch.setattr("pruna_nb.accessor.to_videos.run", run)
    for earlier, now, columns in (
        (("photo", "edit"), r"animate\('edit', 'photo'\)", {"prompt": "edit", "image": "photo"}),
        (("image",), r"animate\(image_col='image'\)", {"image": "image"}),
    ):
        with pytest.warns(FutureWarning, match=now) as warned:
            pictures.pruna.animate(*earlier)
        assert warned[0].filename == __file__
        assert sent == columns
        sent.clear()
    pictures.pruna.animate("edit", "photo")
    pictures.pruna.animate("nowhere", "photo")  # which the run tells
    assert sent == {"prompt": "nowhere", "image": "photo"}


def test_a_list_of_prompts_in_place_of_their_column_is_told_how_to_become_rows(frame, generate):
    with pytest.raises(InputError, match=r"prompt_col= takes one column; .* pruna_nb\.generate"):
        generate(frame, ["a fox", "a hare"])


def test_the_one_column_of_text_is_named_and_not_taken(generate):
    frame = pd.DataFrame({"n": [1, 2], "words": ["a fox", None]})
    with pytest.raises(InputError, match=r"Did you mean prompt_col='words'\?$"):
        generate(frame)
    with pytest.raises(InputError) as raised:
        generate(frame.assign(others="a hare"))
    assert "Did you mean" not in str(raised.value)


@pytest.mark.parametrize("verb", ["grid", "retry", "failed", "finalize", "upscale"])
def test_what_needs_outputs_says_to_generate_first(frame, verb):
    with pytest.raises((ColumnError, InputError), match="generate first") as raised:
        getattr(frame.pruna, verb)(*(["output"] if verb == "upscale" else []))
    assert "out = df.pruna.generate(...), out.pruna.grid()" in str(raised.value)


def test_outputs_of_another_name_are_there_already(frame):
    with pytest.raises(ColumnError, match="Did you mean 'x_output'") as raised:
        frame.assign(x_output="a.png").pruna.grid()
    assert "generate first" not in str(raised.value)
