"""Forms of frames, and the code that makes a grid again."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import ColumnError, InputError
from tests.form.parts import part, parts

RESULT = ["output", "status", "prediction_id"]


def run(code, **names):
    """Run a form's code in a namespace of its own, as a notebook's cell would."""
    space = dict(names)
    exec(compile(code, "<form.code()>", "exec"), space)  # noqa: S102 - that it runs is the test
    return space["out"]


def made(form):
    form.generate()
    assert form.wait(60)
    return form


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "a fox"},
        {"prompt": ["a fox", 'an "owl"', "it's\na poem"]},
        {"prompt": ["a fox", "an owl"], "aspect_ratio": ["1:1", "16:9"], "seed": [1, 2]},
        {"prompt": "a fox", "seed": 7, "prompt_upsampling": True, "lora_scale": 1.5},
        {"prompt": "a fox", "aspect_ratio": ["1:1", "custom"], "width": 512, "height": 768},
        {"prompt": ["a", "b"], "aspect_ratio": "custom", "width": 512, "height": 768},
        {"prompt": ["a very long prompt, " * 6, "another"], "seed": list(range(1, 60, 2))[:5]},
        {"prompt": ["a very long prompt, " * 6, "another"]},
    ],
)
def test_the_code_of_a_form_makes_its_frame_again_at_no_cost(service, fields):
    form = made(pruna_nb.explore(**fields))
    charged = service.charged
    again = run(form.code())
    assert service.charged == charged
    assert list(again.columns) == list(form.frame.columns)
    pd.testing.assert_frame_equal(again[RESULT], form.frame[RESULT])
    assert again["cached"].all()


def test_the_code_of_a_model_without_a_prompt_runs(service, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    form = made(pruna_nb.explore("p-image-upscale", image=tmp_path / "a.png", target=2))
    pd.testing.assert_frame_equal(run(form.code())[RESULT], form.frame[RESULT])


def test_a_secret_is_asked_for_and_does_not_stand_in_the_code(service, monkeypatch):
    form = made(pruna_nb.explore(prompt="a fox", hf_api_token="hf_sesame"))
    assert "hf_sesame" not in form.code()
    monkeypatch.setattr("getpass.getpass", lambda prompt: "hf_sesame")
    pd.testing.assert_frame_equal(run(form.code())[RESULT], form.frame[RESULT])
    assert "hf_sesame" not in repr(form.frame.attrs)


FRAME = pd.DataFrame(
    {"text": ["a fox", "an owl", None, "a hen"], "colour": ["red", "blue", "grey", "teal"]},
    index=["f", "o", "n", "h"],
)


def test_a_frame_s_rows_are_explored_under_their_own_labels(service):
    form = made(FRAME.pruna.explore("text", aspect_ratio=["1:1", "3:2"]))
    assert form.frame.index.tolist() == ["f", "f", "o", "o", "n", "n", "h", "h"]
    colours = form.frame["colour"].tolist()
    assert colours == ["red", "red", "blue", "blue", "grey", "grey", "teal", "teal"]
    assert form.frame["status"].tolist() == ["succeeded"] * 4 + ["skipped"] * 2 + ["succeeded"] * 2
    assert service.charged == 6


def test_selected_pictures_lead_back_to_the_frame_s_rows(service):
    form = made(FRAME.pruna.explore("text"))
    parts(form, "select")[-1].value = True
    assert FRAME.loc[form.selected.index, "colour"].tolist() == ["teal"]


def test_rows_are_chosen_in_the_form(service):
    form = FRAME.pruna.explore("text")
    form.fields["rows"].value = (1,)
    made(form)
    assert form.frame.index.tolist() == ["o"]
    part(form, "rows").value = ()
    part(form, "go").click()
    assert "at least one row" in part(form, "status").value
    with pytest.raises(InputError, match="at least one row"):
        form.generate()


def test_a_template_is_filled_from_each_row(service):
    made(FRAME.pruna.explore(prompt="a {colour} {text}"))
    prompts = {row["input"]["prompt"] for row in service.accepted}
    assert prompts == {"a red a fox", "a blue an owl", "a teal a hen"}


def test_prompts_written_in_the_form_go_to_each_row_of_pictures(service, tmp_path):
    from PIL import Image

    paths = []
    for color in ("teal", "red"):
        paths.append(tmp_path / f"{color}.png")
        Image.new("RGB", (64, 64), color).save(paths[-1])
    photos = pd.DataFrame({"photo": paths})
    form = photos.pruna.explore(model="p-image-edit", images_col="photo", prompt=None)
    form.fields["prompt"].value = ["at night", "in snow"]
    made(form)
    assert form.frame["status"].tolist() == ["succeeded"] * 4
    assert form.frame.index.tolist() == [0, 0, 1, 1]


def test_the_code_of_a_frame_s_form_names_the_frame(service, monkeypatch):
    monkeypatch.setattr("__main__.animals", FRAME, raising=False)
    form = made(FRAME.pruna.explore("text", seed=[1, 2]))
    assert "animals.iloc[" in form.code()
    again = run(form.code(), animals=FRAME)
    pd.testing.assert_frame_equal(again[RESULT], form.frame[RESULT])


@pytest.mark.parametrize(
    "explored",
    [
        lambda: FRAME[FRAME["colour"] != "red"].pruna.explore("text", seed=[1, 2]),
        lambda: FRAME.iloc[1:2].reset_index(drop=True).pruna.explore(prompt="{colour} {text}"),
        lambda: FRAME["text"].rename(None).dropna().pruna.explore(aspect_ratio=["1:1", "3:2"]),
    ],
)
def test_the_code_of_a_frame_without_a_name_holds_the_rows_themselves(
    service, monkeypatch, explored
):
    # Another frame of the usual name must not be taken for it.
    monkeypatch.setattr("__main__.df", FRAME.iloc[:1], raising=False)
    form = made(explored())
    charged = service.charged
    again = run(form.code(), df=FRAME.iloc[:1])
    pd.testing.assert_frame_equal(again[RESULT], form.frame[RESULT])
    assert service.charged == charged


def test_the_code_of_a_frame_that_cannot_be_written_says_so(service):
    from PIL import Image

    photos = pd.DataFrame({"photo": [Image.new("RGB", (64, 64), "teal")]})
    form = made(photos.pruna.explore(model="p-image-edit", images_col="photo", prompt="at night"))
    assert form.frame["status"].tolist() == ["succeeded"]
    assert "# df: the frame's rows [0], which cannot be written out" in form.code()


def test_the_frame_itself_is_not_changed(service):
    before = FRAME.copy()
    made(FRAME.pruna.explore("text", seed=[1]))
    pd.testing.assert_frame_equal(FRAME, before)


def test_lists_in_step_are_refused_with_what_takes_them(service):
    frame = pd.DataFrame({"prompt": ["a fox"]})
    for explore in (pruna_nb.explore, frame.pruna.explore, frame["prompt"].pruna.explore):
        with pytest.raises(InputError, match=r"takes no sweep=.* %%pruna --zip take lists in step"):
            explore(seed="1-2", aspect_ratio=["1:1", "16:9"], sweep="zip")


def test_a_column_that_is_missing_raises_where_it_was_written(service):
    with pytest.raises(ColumnError, match="'text'"):
        FRAME.pruna.explore("texts")


def test_a_series_of_prompts_is_explored_too(service):
    form = made(FRAME["text"].pruna.explore())
    assert form.frame["status"].tolist().count("succeeded") == 3


def test_a_row_without_a_prompt_is_skipped_and_never_pending(service):
    frame = pd.DataFrame({"text": ["a fox", None]})
    assert made(frame.pruna.explore("text")).frame["status"].tolist() == ["succeeded", "skipped"]
    again = frame.pruna.explore("text")  # what the cache has is shown at once
    assert again.frame["status"].tolist() == ["succeeded", "skipped"]
    assert "pending" not in again._saved.html
