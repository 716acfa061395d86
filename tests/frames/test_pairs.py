"""Outputs against the pictures that they were made of: edits, upscales, own photos, videos."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb.errors import InputError


@pytest.fixture
def drawn(service):
    """Give a frame of two pictures that were generated."""
    df = pd.DataFrame(
        {"prompt": ["a fox", "an owl"], "edit": ["at night", "in snow"]}, index=["x", "y"]
    )
    return df.pruna.generate("prompt", progress=False)


def sources(pairs):
    return [(pair.before.path, pair.after.path) for pair in pairs.pairs]


def test_an_output_stands_against_what_was_sent_even_if_cells_were_edited_since(drawn):
    edited = drawn.pruna.edit("edit", "output", progress=False)
    pairs = edited.pruna.before_after()
    assert sources(pairs) == list(zip(edited["step1_output"], edited["output"], strict=True))
    assert [pair.caption for pair in pairs.pairs] == ["at night", "in snow"]
    # The record tells it, where neither the column nor the frame's attrs do any more.
    bare = pd.DataFrame(edited.drop(columns=["step1_output"]).to_dict("list"))
    assert sources(bare.pruna.before_after()) == sources(pairs)
    large = edited.pruna.upscale("output", target=2, progress=False)
    (first, _) = large.pruna.before_after(labels=["small", "large"]).pairs
    assert (first.before.caption, first.after.caption) == ("small", "large")
    assert first.before.path == edited["output"].iloc[0]


def test_own_photos_and_pictures_in_memory_are_shown_as_they_were_given(drawn, tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 200), "teal").save(path)
    buffer = io.BytesIO()
    Image.new("RGB", (320, 200), "red").save(buffer, "PNG")
    frame = pd.DataFrame({"photo": [str(path), buffer.getvalue()], "edit": ["at night", "in snow"]})
    before = frame.copy()
    edited = frame.pruna.edit("edit", "photo", progress=False)
    one, two = edited.pruna.before_after().pairs
    assert one.before.path == str(path)
    assert two.before.data == buffer.getvalue()
    pd.testing.assert_frame_equal(frame, before)


def test_another_column_can_be_chosen_and_rows_without_a_pair_are_told(drawn):
    two = drawn.assign(draft=drawn["output"].iloc[::-1].to_numpy())
    two.loc["y", "draft"] = None
    pairs = two.pruna.before_after(before_col="draft")
    assert sources(pairs) == [(drawn["output"].iloc[1], drawn["output"].iloc[0])]
    assert "1 row left out: before_col has no picture there." in pairs.html()


def test_what_cannot_be_compared_says_so_at_once(drawn):
    with pytest.raises(InputError, match=r"2 rows left out: no input picture was sent.*before_col"):
        drawn.pruna.before_after()
    with pytest.raises(InputError) as caught:
        drawn.pruna.before_after(before_col="draft", labels="ab", size=3)
    assert all(word in str(caught.value) for word in ("'draft'", "labels", "size"))


def test_a_table_of_a_stranger_opens_no_file_of_this_machine(drawn, tmp_path):
    path = tmp_path / "private.png"
    Image.new("RGB", (32, 32)).save(path)
    edited = drawn.pruna.edit("edit", "output", progress=False)
    forged = edited.assign(step1_output=str(path), prediction_id=None)
    with pytest.raises(InputError, match="not in the cache, and was not read in this session"):
        forged.pruna.before_after()


def test_a_still_and_its_video_are_set_side_by_side(drawn):
    video = drawn.iloc[:1].pruna.animate(
        image_col="output", prompt="{edit}", duration=1, progress=False
    )
    html = video.pruna.before_after(labels=["still", "video"]).html()
    assert html.count("<video ") == 1
    assert " controls " in html
    assert pruna_nb.show.Pairs is type(video.pruna.before_after())
