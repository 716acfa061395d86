"""Choices in braces are prompts of their own, in every combination."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.errors import InputError
from pruna_nb.form.choices import as_text, expand
from tests.form.parts import everything, made, part, quote, tiles


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("a fox", ["a fox"]),
        ("a {red|blue} fox", ["a red fox", "a blue fox"]),
        ("{a|an old} {fox|owl}", ["a fox", "a owl", "an old fox", "an old owl"]),
        ("a {very |}dark fox", ["a very dark fox", "a dark fox"]),
        ("a fox{|, at night}", ["a fox", "a fox, at night"]),
        ("a {{red|blue}} fox", ["a {red|blue} fox"]),
        ("{name} and {} and {red", ["{name} and {} and {red"]),
        ('{"subject": "fox|owl"}', ['{"subject": "fox|owl"}']),
        ("a {red|red} fox", ["a red fox"]),
    ],
)
def test_a_choice_is_a_prompt_for_each_of_its_words(prompt, prompts):
    assert list(expand([prompt])) == prompts


@given(st.text(alphabet="ab {|}", max_size=30).filter(lambda text: "{{" not in text))
def test_a_prompt_that_was_made_is_written_so_that_it_is_read_as_itself(prompt):
    if prompt.strip() and "}}" not in prompt:
        assert expand([as_text(prompt)]) == (prompt,)


def test_more_combinations_than_a_form_shows_are_named_before_they_are_made():
    with pytest.raises(InputError, match="1,048,576 combinations, which are too many"):
        expand(["{a|b}" * 20])


def test_each_choice_is_made_with_the_same_seeds_and_priced_before_the_click(explore, service):
    form = explore(prompt="a {red|blue} fox", seed="7, 8")
    assert quote(form).startswith("4 pictures: 4 new · 0.02 USD")
    shown = [each.value for each in everything(form.box) if type(each).__name__ == "HTML"]
    assert any("2 prompts" in text and "a blue fox" in text for text in shown)
    made(form)
    rows = form.frame[["prompt", "seed"]].to_numpy().tolist()
    assert rows == [["a red fox", 7], ["a red fox", 8], ["a blue fox", 7], ["a blue fox", 8]]
    assert service.charged == 4
    form.fields["prompt"].value = "a plain fox"
    shown = [each.value for each in everything(form.box) if type(each).__name__ == "HTML"]
    assert not any("2 prompts" in text for text in shown)


def test_a_literal_choice_is_taken_from_a_picture_as_it_is(explore):
    form = made(explore(prompt="a {{red|blue}} fox", seed=1))
    assert form.frame["prompt"].tolist() == ["a {red|blue} fox"]
    tiles(form)[0].large.click()
    part(form, "large-reuse").click()
    assert form.fields["prompt"].value == ("a {red|blue} fox",)


def test_a_hostile_choice_is_text_in_the_preview(explore):
    form = explore(prompt="{<b>red|<script>alert(1)</script>} fox")
    shown = [each.value for each in everything(form.box) if type(each).__name__ == "HTML"]
    assert not any("<script" in text or "<b>red" in text for text in shown)
