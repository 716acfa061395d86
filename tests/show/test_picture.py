"""One output as a notebook shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pruna_nb.show import Cell, grid, picture_html
from tests.show.looking import parsed


def test_a_picture_is_shown_with_its_alt_text(files):
    html = picture_html(files("a.jpg", 1344, 768), alt="a fox", caption="p-image")
    (image,) = parsed(html).all("img")
    assert (image.attrs["alt"], image.attrs["width"], image.attrs["height"]) == (
        "a fox",
        "640",
        "366",
    )
    assert parsed(html).all("figcaption")[0].text == "p-image"


@pytest.mark.parametrize("max_bytes", [20_000, 60_000, 200_000])
def test_a_picture_stays_within_its_bytes(files, max_bytes):
    html = picture_html(files("a.jpg", 1344, 768), max_bytes=max_bytes)
    assert len(json.dumps(html)) <= max_bytes
    assert len(parsed(html).all("img")) == 1


def test_a_video_below_the_working_folder_plays_by_its_path(clip, monkeypatch):
    monkeypatch.chdir(Path(clip).parent)
    (video,) = parsed(picture_html(clip, alt="a fox")).all("video")
    assert video.attrs["src"] == "clip.mp4"


def test_a_video_elsewhere_plays_from_within_the_notebook(clip, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    (video,) = parsed(picture_html(clip)).all("video")
    assert video.attrs["src"].startswith("data:video/mp4;base64,")
    still = parsed(picture_html(clip, max_video_bytes=1000))
    assert (len(still.all("video")), len(still.all("img"))) == (0, 1)


def test_a_failure_is_said():
    html = picture_html(None, status="failed", error="<b>422</b>")
    assert parsed(html).all("strong")[0].text == "failed"
    assert "&lt;b&gt;422" in html


def test_a_video_that_is_gone_says_so(tmp_path):
    html = picture_html(tmp_path / "gone.mp4")
    assert parsed(html).all("video") == []
    assert "the file is gone" in html


def test_a_picture_in_memory_of_no_kind_says_its_size():
    assert "5 kB" in grid([Cell(data=b"\0" * 5_000, kind="zip")]).html()
