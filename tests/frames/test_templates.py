"""``prompt=``: a prompt made of each row's columns."""

from __future__ import annotations

import pandas as pd
import pytest

from pruna_nb.errors import ColumnError, InputError


@pytest.fixture
def products():
    return pd.DataFrame(
        {"color": ["red", "blue"], "product": ["mug", "lamp"], "price": [3.5, 20.0]},
        index=["m", "l"],
    )


def test_a_template_is_filled_from_each_row(products, generate, asked):
    generate(products, prompt="a {color} {product} for {price:.2f} on white")
    assert sorted(asked("prompt")) == [
        "a blue lamp for 20.00 on white",
        "a red mug for 3.50 on white",
    ]


def test_a_prompt_without_braces_is_every_rows(products, generate, asked, service):
    out = generate(products, prompt="a lion")
    assert asked("prompt") == ["a lion"]
    assert len(out) == 2


def test_doubled_braces_are_braces(products, generate, asked):
    generate(products.head(1), prompt="{{{color}}}")
    assert asked("prompt") == ["{red}"]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, " "])
def test_a_row_whose_cell_is_missing_is_skipped_and_names_the_column(missing, products, generate):
    frame = products.astype({"product": "object"})
    frame.loc["l", "product"] = missing
    out = generate(frame, prompt="a {color} {product}")
    assert out["status"].tolist() == ["succeeded", "skipped"]
    assert out["error"].iloc[1] == "column 'product' of the template is empty"


def test_zero_is_a_value_and_not_a_missing_one(generate, asked):
    generate(pd.DataFrame({"count": [0]}), prompt="{count} lions")
    assert asked("prompt") == ["0 lions"]


def test_a_column_that_is_missing_is_named_with_near_ones(products, generate, service):
    with pytest.raises(
        ColumnError, match=r"No column 'colour' for the template. Did you mean 'color'"
    ):
        generate(products, prompt="a {colour} {product}")
    assert service.charged == 0


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a {color", "cannot be read"),
        ("a {}", "cannot be read"),
        ("a {color.upper}", "No column 'color.upper' for the template"),
        ("a {color[0]}", r"No column 'color\[0\]' for the template"),
        ("a {color!r}", "No column 'color!r' for the template"),
        ("a {color:{price}}", "cannot be read"),
        ("a {color:d}", "row 'm': prompt: {color:d} in the template does not fit 'red'"),
    ],
)
def test_a_template_that_asks_for_more_than_columns_is_refused(
    template, words, products, generate, service
):
    with pytest.raises((ColumnError, InputError), match=words):
        generate(products, prompt=template)
    assert service.charged == 0


def test_a_template_and_a_column_of_prompts_together_are_refused(frame, generate):
    with pytest.raises(InputError, match=r"prompt= and prompt_col= are both given"):
        generate(frame, "prompt", prompt="a {prompt}")


def test_what_a_cell_holds_is_no_template_itself(generate, asked):
    generate(pd.DataFrame({"word": ["{secret}"]}), prompt="a {word}")
    assert asked("prompt") == ["a {secret}"]


def test_a_templates_row_can_be_tried_again(products, generate, service):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(products, prompt="a {color} {product}")
    assert sorted(out["status"]) == ["failed", "succeeded"]
    assert out.pruna.retry(progress=False)["status"].tolist() == ["succeeded"] * 2
