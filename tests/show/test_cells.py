"""A cell knows what its file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pruna_nb.errors import InputError
from pruna_nb.show import Cell
from pruna_nb.show.cells import content_type, kind_of
from tests.show.looking import encoded, photo


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.JPG", "image"), ("b.webp", "image"), ("c.mp4", "video"), ("d.zip", "zip")],
)
def test_a_suffix_says_what_a_file_is(name, kind):
    assert kind_of(name) == kind


def test_bytes_say_what_a_file_without_a_suffix_is(tmp_path):
    path = tmp_path / "3fa9"
    path.write_bytes(encoded(photo(8, 8)))
    assert kind_of(str(path)) == "image"


@pytest.mark.parametrize("source", [None, b"", b"<html>", "no/such/file", "a\0b", "."])
def test_what_cannot_be_told_is_unknown(source):
    assert kind_of(source) == "unknown"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("JPEG", ("image/jpeg", ".jpg")),
        ("PNG", ("image/png", ".png")),
        ("WEBP", ("image/webp", ".webp")),
        ("GIF", ("image/gif", ".gif")),
        ("BMP", ("image/bmp", ".bmp")),
        ("TIFF", ("image/tiff", ".tif")),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(form, expected):
    assert content_type(encoded(photo(8, 8), form)) == expected


def test_a_video_and_an_archive_are_known_by_their_first_bytes():
    assert content_type(b"\0\0\0\x20ftypisom") == ("video/mp4", ".mp4")
    assert content_type(b"PK\x03\x04") == ("application/zip", ".zip")
    assert content_type(b"\0\0\0\x20ftypavif") == ("image/avif", ".avif")


def test_a_path_object_is_taken():
    assert Cell(path=Path("a") / "b.png").path == str(Path("a") / "b.png")


def test_a_status_that_is_none_is_refused_and_the_others_are_named():
    with pytest.raises(InputError, match="'done' is not a status; use one of succeeded, failed"):
        Cell(status="done")


def test_a_cell_does_not_change():
    with pytest.raises(AttributeError):
        Cell().caption = "a fox"


def test_a_repr_holds_no_bytes_of_a_file():
    assert "data" not in repr(Cell(data=b"secret"))


def test_a_poster_stands_for_a_video():
    assert Cell("a.mp4", poster="a.png").picture == "a.png"


def test_a_cell_that_failed_has_no_picture():
    assert Cell("a.png", status="failed").picture is None
