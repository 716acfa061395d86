"""Pictures from anywhere."""

from __future__ import annotations

import io
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pruna_nb.errors import InputError
from pruna_nb.files.inputs import to_media
from pruna_nb.show import Cell, grid, show_images
from tests.show.looking import encoded, parsed, photo


def test_pictures_of_every_kind_are_shown(files):
    image = photo(64, 40)
    given = [
        files("a.png", 64, 40),
        Path(files("b.png", 64, 40)),
        encoded(image),
        image,
        np.asarray(image),
        SimpleNamespace(path=files("c.png", 64, 40)),
        Cell(files("d.png", 64, 40)),
    ]
    shown = parsed(show_images(given).html()).all("img")
    assert [(i.attrs["width"], i.attrs["height"]) for i in shown] == [("64", "40")] * 7


def test_a_picture_in_memory_is_shown_as_it_is_sent():
    turned = Image.Exif()
    turned[0x0112] = 6  # EXIF: a quarter turn
    photo(64, 40).save(file := io.BytesIO(), "JPEG", exif=turned)
    given = [
        Image.open(file),
        photo(40, 64).convert("CMYK"),
        np.full((64, 40), 0.5),
        np.full((64, 40), 40_000, "uint16"),
        {"bytes": encoded(photo(40, 64)), "path": None},
        io.BytesIO(encoded(photo(40, 64))),
        bytearray(encoded(photo(40, 64))),
    ]
    grid = show_images(given)
    shown = parsed(grid.html()).all("img")
    assert [(i.attrs["width"], i.attrs["height"]) for i in shown] == [("40", "64")] * 7
    for cell, value in zip(grid.cells, given, strict=True):
        assert cell.data == to_media(value).open().read()


def test_one_picture_need_not_be_a_list(files):
    assert len(show_images(files("a.png"))) == 1
    assert len(show_images(photo(8, 8))) == 1
    assert len(show_images(np.asarray(photo(8, 8)))) == 1


def test_an_array_of_pictures_is_several():
    assert len(show_images(np.stack([np.asarray(photo(8, 8))] * 3))) == 3


def test_a_file_is_captioned_with_its_name_unless_told_otherwise(files):
    paths = [files("a.png"), files("b.png")]
    assert [cell.caption for cell in show_images(paths).cells] == ["a.png", "b.png"]
    assert [cell.caption for cell in show_images(paths, captions=["x", 2]).cells] == ["x", "2"]


def test_nothing_leaves_an_empty_place(files):
    assert [c.status for c in show_images([None, files("a.png")]).cells] == ["skipped", "succeeded"]


def test_a_caption_that_is_missing_is_empty(files):
    shown = show_images([files("a.png")] * 2, captions=[math.nan, None])
    assert [cell.caption for cell in shown.cells] == ["", ""]


def test_captions_of_another_number_are_refused(files):
    with pytest.raises(InputError, match="1 captions for 2 images"):
        show_images([files("a.png")] * 2, captions=["a"])


@pytest.mark.parametrize("wrong", [3.5, {"a": 1}, object(), np.zeros((2, 2, 9))])
def test_what_is_no_picture_is_named(wrong):
    with pytest.raises(InputError, match=f"image 1 is a {type(wrong).__name__}, which cannot"):
        show_images([photo(8, 8), wrong])


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a.mp4", "b.mp4", None], "3 videos"),
        (["a.png", "b.mp4"], "2 outputs"),
        ([None, None], "2 pictures"),
    ],
)
def test_a_summary_counts_videos_as_videos(names, text):
    cells = [Cell(name, status="succeeded" if name else "pending") for name in names]
    assert grid(cells).summary().split(":")[0] == text


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA])
def test_a_place_of_a_column_without_a_file_is_empty(files, missing):
    shown = show_images([files("a.png"), missing], captions=["a fox", "an owl"])
    assert repr(shown) == "<Grid: 2 pictures: 1 succeeded, 1 skipped>"
