"""A table with pictures among its columns."""

from __future__ import annotations

import json
import math

import pytest

from pruna_nb.errors import InputError
from pruna_nb.show import Cell, table_html
from tests.show.looking import encoded, parsed, photo


def notebook_bytes(html):
    return len(json.dumps(html, ensure_ascii=False).encode())


def rows_of(html):
    return [[td.text for td in row.all("td")] for row in parsed(html).all("tbody")[0].all("tr")]


def test_values_stand_below_their_headings():
    html = table_html(["prompt", "seed", "cost"], [["a fox", 1200, 0.005], [None, 3, math.nan]])
    heads = [(th.attrs["scope"], th.text) for th in parsed(html).all("th")]
    assert heads == [("col", "prompt"), ("col", "seed"), ("col", "cost")]
    assert rows_of(html) == [["a fox", "1200", "0.005"], ["", "3", ""]]


def test_numbers_stand_to_the_right_and_words_to_the_left():
    html = table_html(["a", "b", "c"], [["fox", 1, True]])
    aligned = [td.style()["text-align"] for td in parsed(html).all("td")]
    assert aligned == ["left", "right", "left"]


def test_a_picture_is_shown_in_its_column_and_its_path_elsewhere(files):
    path = files("a.png", 320, 200)
    html = table_html(["output", "path"], [[path, "x.png"]], image_columns=["output"], size=64)
    image, larger = parsed(html).all("img")
    assert int(larger.attrs["width"]) > 2 * 64
    # no height: it would lose its shape where styles are stripped and words squeeze the column
    assert (image.attrs["width"], image.attrs.get("height")) == ("64", None)
    assert rows_of(html) == [["", "x.png"]]


def test_a_cell_that_failed_says_why():
    cell = Cell(status="failed", error="422: no")
    assert rows_of(table_html(["output"], [[cell], [None]], image_columns=["output"])) == [
        ["failed422: no"],
        [""],
    ]


def test_a_file_that_is_gone_says_so():
    html = table_html(["output"], [["no/such.png"]], image_columns=["output"])
    assert rows_of(html) == [["no picturethe file is gone"]]


@pytest.mark.parametrize(
    "text", ["<script>", "'><h1>", "$5 and $6", "\u202egnp\x00", "fox " * 25_000]
)
def test_hostile_text_stays_text(text):
    html = table_html([text], [[text]], title=text)
    root = parsed(html)
    assert root.all("script") == root.all("h1") == []
    assert "mathjax_ignore" in root.children[0].attrs["class"]
    assert "\u202e" not in html
    assert len(html) < 5_000


def test_an_unknown_image_column_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"\['out'\]; there are \['output'\]"):
        table_html(["output"], [], image_columns=["out"])


def test_a_row_of_another_length_is_named():
    with pytest.raises(InputError, match="row 1 has 1 values for 2 columns"):
        table_html(["a", "b"], [[1, 2], [3]])


def test_rows_are_folded_fifty_at_a_time():
    html = table_html(["n"], [[i] for i in range(120)])
    folds = parsed(html).all("details")
    assert [fold.all("summary")[0].text for fold in folds] == [
        "Rows 51 to 100 of 120",
        "Rows 101 to 120 of 120",
    ]


@pytest.mark.parametrize("max_bytes", [10_000, 50_000, 200_000])
def test_a_table_stays_within_its_bytes_and_says_what_it_did(max_bytes):
    picture = Cell(data=encoded(photo(320, 200)))
    rows = [[i, picture, "fox " * 20] for i in range(150)]
    html = table_html(
        ["n", "output", "prompt"], rows, image_columns=["output"], max_bytes=max_bytes
    )
    assert notebook_bytes(html) <= max_bytes
    assert "to stay below" in parsed(html).all("p")[-1].text


def test_pictures_get_smaller_before_rows_are_left_out():
    rows = [[Cell(data=encoded(photo(320, 200, i)))] for i in range(20)]
    html = table_html(["output"], rows, image_columns=["output"], size=256, max_bytes=100_000)
    widths = {int(image.attrs["width"]) for image in parsed(html).all("img")}
    assert len(parsed(html).all("img")) == 20
    assert widths < {64, 96, 128, 160, 192}


def test_an_empty_table_has_its_headings():
    assert [th.text for th in parsed(table_html(["a", "b"], [])).all("th")] == ["a", "b"]


def test_short_words_and_headings_are_not_broken():
    html = table_html(["aspect_ratio"], [["succeeded"], ["a prompt of more words than a few"]])
    head = parsed(html).all("th")[0].style()
    short, long = (td.style() for td in parsed(html).all("td"))
    assert head["white-space"] == short["white-space"] == "nowrap"
    assert "white-space" not in long


def test_the_numbers_of_a_column_have_equally_many_decimals():
    costs = [0.005, 0.01, 1.0, math.nan, 1234.5]
    html = table_html(["cost"], [[cost] for cost in costs])
    assert [row[0] for row in rows_of(html)] == ["0.005", "0.010", "1.000", "", "1,234.500"]


def test_very_small_numbers_stay_as_they_are():
    html = table_html(["p"], [[1e-9], [0.25], [math.inf]])
    assert [row[0] for row in rows_of(html)] == ["1e-09", "0.25", "inf"]
