"""Any field of a form has several values, models too, and what differs lies on rows and columns."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from pruna_nb.errors import ColumnError, InputError, UnknownModelError
from tests.form.parts import made, part, parts, quote, tiles


def heads(form):
    """Return the texts above and among the pictures of the board."""
    head, *grids = part(form, "board").children
    widgets = [head, *(each for grid in grids for each in grid.children)]
    texts = [re.sub("<[^>]*>", "", each.value) for each in widgets if hasattr(each, "value")]
    return [html.unescape(text) for text in texts]


def test_several_models_make_the_same_and_each_is_priced_before_the_click(explore, service):
    form = explore(["p-image", "p-image-pro"], prompt="a fox", seed=[1, 2], max_cost_usd=0.05)
    # 2 x 0.005 and 2 x 0.01 USD
    assert "4 new · 0.03 USD (p-image 0.01 USD, p-image-pro 0.02 USD)" in quote(form)
    assert form.fields["model"].value == ("p-image", "p-image-pro")
    assert "lora_scale" not in form.fields  # which one of them has not
    made(form)
    sent = sorted((each["model"], each["input"]["seed"]) for each in service.accepted)
    assert sent == [("p-image", 1), ("p-image", 2), ("p-image-pro", 1), ("p-image-pro", 2)]
    assert form.history["model"].tolist() == ["p-image"] * 2 + ["p-image-pro"] * 2
    assert form.frame["cost_usd"].tolist() == [0.005, 0.005, 0.01, 0.01]
    assert heads(form) == ["a fox", "p-image", "seed 1", "seed 2", "p-image-pro"]
    form.keep([3])
    assert form.kept[["model", "cost_usd"]].to_numpy().tolist() == [["p-image-pro", 0.01]]
    tiles(form)[3].large.click()
    part(form, "large-vary").click()
    assert form.fields["model"].value == "p-image-pro"
    namespace = {}
    exec(form.code(), namespace)  # noqa: S102 - the form's own code
    assert namespace["out"]["cached"].tolist() == [True] * 4
    assert service.charged == 4


def test_other_models_are_switched_on_beside_the_chosen_one(explore, service):
    form = explore("p-image", prompt="a fox", max_cost_usd=0.01)
    buttons = {each.description: each for each in part(form, "models").children}
    assert "p-image-edit" not in buttons  # it needs images
    buttons["p-image-pro"].value = True
    assert form.fields["model"].value == ("p-image", "p-image-pro")
    assert "more than max_cost_usd=0.01" in quote(form)
    assert part(form, "go").disabled
    part(form, "model").value = "p-video"
    assert form.fields["model"].value == "p-video"


@pytest.mark.parametrize(
    ("models", "error", "text"),
    [
        (["p-image", "p-image-edit"], InputError, "needs images, which p-image does not take"),
        (["p-image", "p-video"], InputError, "makes images and p-video videos"),
        (["p-image", "p-imag"], UnknownModelError, "Did you mean"),
    ],
)
def test_models_that_cannot_make_the_same_are_refused(explore, models, error, text):
    with pytest.raises(error, match=text):
        explore(models, prompt="a fox")
    form = explore(prompt="a fox")
    with pytest.raises(error, match=text):
        form.fields["model"].value = models
    assert form.fields["model"].value == "p-image"


def test_a_field_with_several_values_is_an_axis(explore, service):
    form = explore(prompt="a fox", lora_scale=[0.5, 1], prompt_upsampling=[True, False])
    assert quote(form).startswith("4 pictures: 4 new · 0.02 USD")
    made(form)
    sent = [
        (row["input"]["lora_scale"], row["input"]["prompt_upsampling"]) for row in service.accepted
    ]
    assert sorted(sent) == [(0.5, False), (0.5, True), (1, False), (1, True)]
    form.fields["lora_scale"].value = 2
    assert form.fields["lora_scale"].value == 2
    assert quote(form).startswith("2 pictures")
    with pytest.raises(InputError, match="9 is out of range"):
        form.fields["lora_scale"].value = [1, 9]


def test_a_plus_beside_a_field_takes_several_values_and_gives_them_back(explore):
    form = explore("flux-dev", prompt="a fox")
    row = next(
        line for line in parts(form, "line") if part(form, "guidance") in line.children[0].children
    )
    plus = row.children[0].children[1]
    plus.value = True
    box = row.children[0].children[0].children[1]
    assert box.value == "3.5"  # the default; alone it is not sent
    assert form.fields["guidance"].value is None
    box.value = "2, 3.5 5"
    assert form.fields["guidance"].value == (2, 3.5, 5)
    assert quote(form).startswith("3 pictures")
    box.value = "2, much"
    assert "guidance" in quote(form)
    assert part(form, "go").disabled
    plus.value = False
    assert form.fields["guidance"].value is None


def test_rows_and_columns_are_chosen_and_nested(explore):
    given = {"prompt": ["a fox", "an owl"], "aspect_ratio": ["1:1", "16:9"], "seed": [1, 2]}
    form = made(explore(**given, rows=["prompt", "seed"]))
    below = ["aspect ratio 1:1", "aspect ratio 16:9"]
    assert heads(form) == [
        *("p-image", "a fox · seed 1", *below),
        *("seed 2", "an owl · seed 1", "seed 2"),
    ]
    form.arrange(rows="seed", cols="prompt")
    assert heads(form)[:6] == ["p-image", "seed 1", "a fox", "an owl", *below]
    rows = part(form, "axes").children
    first = next(each for each in rows if "pruna-axis-rows" in each._dom_classes)
    first.value = "aspect_ratio"
    assert heads(form)[1] == "aspect ratio 1:1"
    saved = form._saved.html
    assert "aspect_ratio / prompt" in saved  # its corner
    tiles(form)[-1].choose.value = True
    assert form.selected[["aspect_ratio", "prompt", "seed"]].to_numpy().tolist() == [
        ["16:9", "an owl", 2]
    ]
    with pytest.raises(InputError, match="Did you mean 'seed'"):
        form.arrange(rows="sede")
    with pytest.raises(InputError, match="twice"):
        form.arrange(rows="seed", cols=["prompt", "seed"])


def test_search_and_replace_makes_variants_that_are_shown_before_the_click(explore, service):
    form = explore(prompt="a fox in the snow", replace="fox -> cat, <b>dog</b>", seed=7)
    assert quote(form).startswith("3 pictures")
    assert "3 prompts: a fox in the snow; a cat in the snow" in part(form, "preview").value
    assert "<b>dog" not in part(form, "preview").value
    made(form)
    assert form.frame["seed"].tolist() == [7, 7, 7]
    assert form.frame["prompt"].tolist()[1] == "a cat in the snow"
    part(form, "replace").value = "bear -> cat"
    assert "no prompt holds 'bear'" in quote(form)
    assert part(form, "go").disabled
    with pytest.raises(InputError, match="fox -> cat, dog"):
        explore(prompt="a fox", replace="fox")


def test_what_all_pictures_share_stands_once_in_the_saved_copy(explore):
    form = made(explore(prompt="a <b>fox</b>", aspect_ratio="1:1", seed=[1, 2]))
    words = re.sub("<[^>]*>", " ", form._saved.html)
    assert words.count("a &lt;b&gt;fox&lt;/b&gt; · p-image · aspect ratio 1:1") == 1
    assert "seed 1" in words


def test_choices_in_a_template_over_rows_are_an_axis(explore, service):
    frame = pd.DataFrame({"product": ["mug", "pen"]}, index=["m", "p"])
    form = frame.pruna.explore(prompt="a {red|blue} {product}", seed=3)
    assert quote(form).startswith("4 pictures: 4 new · 0.02 USD")
    made(form)
    assert sorted(each["input"]["prompt"] for each in service.accepted) == [
        *("a blue mug", "a blue pen", "a red mug", "a red pen"),
    ]
    assert form.frame.index.tolist() == ["m", "m", "p", "p"]
    assert set(form.frame["seed"]) == {3}
    with pytest.raises(ColumnError, match="prodct"):
        frame.pruna.explore(prompt="a {red|blue} {prodct}")


def test_the_dropdowns_are_there_before_the_pictures_that_they_lay_out(explore):
    form = made(explore(prompt=["a fox", "an owl"], seed=[1, 2]))
    before, seen = parts(form, "axis-rows")[0], []
    part(form, "board").observe(
        lambda _: seen.append(parts(form, "axis-rows")[0] is before), "children"
    )
    before.value = "seed"
    # whoever chooses again as soon as pictures stand in another order chooses in what stays
    assert set(seen) == {False}
    assert parts(form, "axis-rows")[0].value == "seed"
