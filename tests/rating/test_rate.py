"""Ratings and tags by the call: what is stored, in which frames it is, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import ColumnError, InputError

READ = """
import sys, pandas as pd, pruna_nb
frame = pd.DataFrame({"output": sys.argv[1:]}).pruna.ratings()
print(frame["rating"].tolist(), frame["tags"].tolist())
"""


def told(frame):
    """Return ratings and tags, None for none."""
    cells = zip(frame["rating"], frame["tags"], strict=True)
    return [(None if pd.isna(stars) else stars, tags) for stars, tags in cells]


def test_one_rating_for_all_that_have_an_output(out):
    before = out.copy(deep=True)
    rated = out.pruna.rate(4, tags="sharp, for the shop")
    assert told(rated) == [(4, "sharp, for the shop")] * 3 + [(None, "")]
    pd.testing.assert_frame_equal(out, before)
    pd.testing.assert_frame_equal(rated[out.columns], out)
    assert rated.query("rating >= 4").index.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("rows", ["b", ["b"], [False, True, False, False], pd.Index(["b"])])
def test_the_chosen_rows_alone_are_rated(out, rows):
    assert told(out.pruna.rate(2, rows=rows)) == [(None, ""), (2, ""), (None, ""), (None, "")]


def test_each_row_has_its_own_rating_by_order_or_by_label(out):
    assert told(out.pruna.rate([5, None, 1, None]))[:3] == [(5, ""), (None, ""), (1, "")]
    assert told(out.pruna.rate({"b": 3}, tags={"c": "dark"}))[:3] == [(5, ""), (3, ""), (1, "dark")]
    scores = pd.Series([1.0, 2.0], index=["c", "a"])
    assert told(out.pruna.rate(scores))[:3] == [(2, ""), (3, ""), (1, "dark")]


def test_tags_add_up_and_what_is_taken_back_is_gone(out):
    out.pruna.rate(4, tags=["sharp", "dark"], rows=["a", "b"])
    rated = out.pruna.rate(0, tags="dark, new", untag="sharp", rows="a")
    assert told(rated)[:2] == [(None, "dark, new"), (4, "sharp, dark")]


def test_a_new_kernel_and_another_frame_have_them(out):
    out.pruna.rate({"a": 5, "b": 1}, tags={"b": "blurred"})
    other = pd.DataFrame({"picture": out["output"].tolist()[::-1]})
    assert told(other.pruna.ratings("picture"))[2:] == [(1, "blurred"), (5, "")]
    again = out[["prompt"]].pruna.generate("prompt", progress=False)
    assert told(again.pruna.ratings())[:2] == [(5, ""), (1, "blurred")]
    command = [sys.executable, "-c", READ, *out["output"][:2]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[5, 1] ['', 'blurred']"


def test_rows_of_one_picture_share_its_rating_and_deleting_outputs_leaves_it(out):
    twice = pd.concat([out, out.rename(index=str.upper)])
    assert told(twice.pruna.rate({"A": 5}, tags={"a": "x"}))[0] == (5, "x")
    pruna_nb.cache.clear()
    assert told(out.pruna.ratings())[0] == (5, "x")
    assert told(out.drop(columns="output").assign(output=None).pruna.ratings())[0] == (5, "x")


def test_a_column_of_ones_own_is_not_touched_and_a_copy_of_what_is_stored_is_that(out, tmp_path):
    own = out.assign(rating=[4.7, 4.1, 3.9, None])
    rated = own.pruna.rate(2, rows="a")
    assert rated["rating"].tolist()[:3] == [4.7, 4.1, 3.9]
    assert rated["output_rating"].tolist()[:2] == [2, pd.NA]
    # what was read back once is refreshed, and so is what came back from a file
    first = out.pruna.ratings()
    out.pruna.rate(3, rows="b")
    assert first.pruna.ratings()["rating"].tolist()[:2] == [2, 3]
    first.pruna.ratings().to_csv(tmp_path / "rated.csv")
    read = pd.read_csv(tmp_path / "rated.csv", index_col=0)
    assert list(read.pruna.ratings().columns) == list(read.columns)


def test_a_step_of_a_chain_has_columns_of_its_own(service, out):
    larger = out.pruna.upscale(progress=False)
    larger.pruna.rate(5, rows="a")
    larger.pruna.rate(1, rows="a", output_col="step1_output")
    both = larger.pruna.ratings().pruna.ratings("step1_output")
    assert (both.loc["a", "rating"], both.loc["a", "step1_rating"]) == (5, 1)


def test_every_mistake_is_named_at_once_and_nothing_is_stored(out):
    with pytest.raises(InputError) as error:
        out.pruna.rate(6, tags="x" * 61, untag=7)
    assert "rating must be a whole number of 0 to 5; 6 was given" in str(error.value)
    assert "A tag has up to 60 characters" in str(error.value)
    assert "untag must be a text; 7 was given" in str(error.value)
    for wrong, said in (
        ({"rating": [1, 2]}, "rating holds 2 for 4 rows"),
        ({"rating": 1, "rows": "z"}, "there is no row 'z'"),
        ({"rating": 1, "rows": "d"}, "no output to rate: 'd'"),
        ({"rating": {"z": 1}}, "There is no row 'z'"),
        ({"rating": {"a": 1, "d": 1}}, "no output to rate: 'd'"),
        ({"rating": 1, "rows": [True]}, "1 of True and False for 4 rows"),
    ):
        with pytest.raises(InputError, match=said):
            out.pruna.rate(**wrong)
    with pytest.raises(ColumnError, match="No column 'picture' for output_col"):
        out.pruna.rate(4, output_col="picture")
    assert told(out.pruna.ratings()) == [(None, "")] * 4
