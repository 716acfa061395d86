"""A saved page: whole, offline, and closed to all that is not its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from pruna_nb.show import Cell, grid, read_sheet
from tests.show.looking import encoded, parsed

RED = encoded(Image.new("RGB", (640, 360), "red"))


def read(path):
    return Path(path).read_text(encoding="utf-8")


def links(path):
    return [link for link in parsed(read(path)).all("a") if link.attrs["class"].startswith("zoom")]


def test_the_whole_files_are_copied_into_a_folder_beside_the_page(tmp_path):
    (path,) = grid([Cell(data=RED, caption="a fox")]).save(tmp_path / "grid.html")
    name = f"grid_files/{hashlib.sha256(RED).hexdigest()[:20]}.png"
    assert [link.attrs["href"] for link in links(path)] == [name]
    assert (tmp_path / name).read_bytes() == RED
    assert read_sheet(path)[0]["file"] == name


def test_equal_files_are_copied_once(tmp_path):
    grid([Cell(data=RED)] * 3).save(tmp_path / "grid.html")
    assert len(list((tmp_path / "grid_files").iterdir())) == 1


def test_a_name_from_elsewhere_is_no_path_of_a_copy(files, tmp_path):
    path = files("a b'<script>.png")
    grid([Cell(path)]).save(tmp_path / "out" / "grid.html")
    (copy,) = (tmp_path / "out" / "grid_files").iterdir()
    assert re.fullmatch(r"[0-9a-f]{20}\.png", copy.name)


def test_a_page_whose_name_needs_quoting_finds_its_folder(tmp_path):
    (path,) = grid([Cell(data=RED)]).save(tmp_path / "my grid #1.html")
    assert links(path)[0].attrs["href"].startswith("my%20grid%20%231_files/")


def test_one_file_holds_the_whole_pictures_if_asked(tmp_path):
    (path,) = grid([Cell(data=RED)]).save(tmp_path / "grid.html", full=True)
    assert list(tmp_path.iterdir()) == [path]
    full = links(path)[0].attrs["data-full"]
    assert full == f"data:image/png;base64,{base64.b64encode(RED).decode()}"


def test_a_page_may_hold_the_thumbnails_alone(tmp_path):
    (path,) = grid([Cell(data=RED)]).save(tmp_path / "grid.html", full=False)
    assert list(tmp_path.iterdir()) == [path]
    assert links(path)[0].attrs["data-full"].startswith("data:image/webp")


def test_an_html_file_called_png_is_not_copied(tmp_path):
    (tmp_path / "a.png").write_text("<script>alert(1)</script>")
    grid([Cell(str(tmp_path / "a.png"))]).save(tmp_path / "out" / "grid.html")
    assert not (tmp_path / "out" / "grid_files").exists()


def test_only_the_pages_own_script_and_style_may_run(tmp_path):
    (path,) = grid([Cell(data=RED, caption="fox")]).save(tmp_path / "grid.html")
    root = parsed(read(path))
    policy = next(
        meta.attrs["content"]
        for meta in root.all("meta")
        if meta.attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy.replace("https:", "http:")
    (script,) = [s for s in root.all("script") if "type" not in s.attrs]
    for name, element in (("script-src", script), ("style-src", root.all("style")[0])):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    styled = [e for tag in ("div", "a", "img", "figure", "td") for e in root.all(tag)]
    assert not any("style" in element.attrs for element in styled)


def test_a_page_names_no_other_host(tmp_path):
    (path,) = grid([Cell(data=RED, caption="fox")]).save(tmp_path / "grid.html")
    assert "//" not in re.sub(r"data:[^\"']+|^\s*//.*$", "", read(path), flags=re.MULTILINE)


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--", "'\"><h2>", "]]>"])
def test_a_hostile_prompt_stays_text(tmp_path, text):
    cells = [
        Cell(data=RED, caption=text, alt=text, request={"input": {"prompt": text}}, col_value=text),
        Cell(None, text, status="failed", error=text, row_value=text),
    ]
    (path,) = grid(cells, title=text).save(tmp_path / "grid.html")
    root = parsed(read(path))
    assert len(root.all("script")) == 2
    assert root.all("h2") == []
    assert root.all("title")[0].text == text
    assert read_sheet(path)[0]["request"] == {"input": {"prompt": text}}


def test_a_video_is_copied_and_opened_as_a_video(clip, tmp_path):
    (path,) = grid([Cell(clip, "a fox")]).save(tmp_path / "grid.html")
    (link,) = links(path)
    assert link.attrs["data-kind"] == "video"
    assert (tmp_path / link.attrs["href"]).read_bytes() == Path(clip).read_bytes()


def test_axes_are_a_table_with_heads(tmp_path):
    cells = [Cell(data=RED, row_value=r, col_value=c) for r in "ab" for c in "xyz"]
    (path,) = grid(cells).save(tmp_path / "grid.html")
    root = parsed(read(path))
    assert [th.text for th in root.all("th")] == ["x", "y", "z", "a", "b"]
    assert [link.attrs["data-at"] for link in links(path)] == list("012345")


def test_each_picture_has_an_alt_text_and_its_shape(tmp_path):
    (path,) = grid([Cell(data=RED, caption="a fox", alt="a red fox")]).save(tmp_path / "grid.html")
    (image,) = parsed(read(path)).all("img")
    assert (image.attrs["alt"], image.attrs["width"], image.attrs["height"]) == (
        "a red fox",
        "400",
        "225",
    )


def test_the_page_says_what_failed(tmp_path):
    cells = [Cell(data=RED), Cell(status="failed", error="422: no", ratio_asked="16:9")]
    (path,) = grid(cells, title="Foxes").save(tmp_path / "grid.html")
    root = parsed(read(path))
    assert root.all("h1")[0].text == "Foxes"
    assert root.all("header")[0].all("p")[0].text == "2 pictures: 1 succeeded, 1 failed"
    (box,) = [div for div in root.all("div") if "failed" in div.attrs.get("class", "")]
    assert box.text == "failed422: no"


def test_a_page_that_is_written_again_is_replaced_whole(tmp_path):
    grid([Cell(data=RED)] * 5).save(tmp_path / "grid.html")
    (path,) = grid([Cell(data=RED)]).save(tmp_path / "grid.html")
    assert len(links(path)) == 1


def test_fields_in_which_pictures_differ_are_offered_as_axes(tmp_path):
    cells = [
        Cell(
            data=RED,
            row_value=("a fox", seed),
            col_value=model,
            request={"model": model, "input": {"prompt": "a fox", "seed": int(seed), "steps": 4}},
            fields={"rating": seed + model},
        )
        for seed in "12"
        for model in ("p-image", "flux-dev")
    ]
    page = grid(cells, row_name=("prompt", "seed"), col_name="model")
    (path,) = page.save(tmp_path / "grid.html")
    (main,) = parsed(read(path)).all("main")
    axes = json.loads(main.attrs["data-axes"])
    assert [field["name"] for field in axes["fields"]] == ["prompt", "seed", "model", "rating"]
    assert (axes["rows"], axes["cols"]) == ([0, 1], [2])
    assert axes["fields"][1] == {"name": "seed", "values": ["1", "2"], "at": [0, 0, 1, 1]}
    # what is on an axis is in the caption all the same, for when it is on none
    hidden = [span for span in main.all("span") if "hidden" in span.attrs]
    assert {span.text for span in hidden} == {"seed 1", "seed 2", "p-image", "flux-dev"}


def test_a_zoom_says_the_model_once_and_fields_in_words(tmp_path):
    cells = [
        Cell(
            data=RED,
            row_value=model,
            col_value="1:1",
            request={"model": model, "input": {"aspect_ratio": "1:1"}},
        )
        for model in ("p-image", "flux-dev")
    ]
    (path,) = grid(cells, row_name="model", col_name="aspect_ratio").save(tmp_path / "grid.html")
    assert [link.attrs.get("data-notes", "") for link in links(path)] == ["", ""]
    assert 'name.replaceAll("_", " ")' in read(path)  # of the request, below the picture


def test_no_secret_is_a_field_of_a_page(tmp_path):
    cells = [Cell(data=RED, request={"input": {"hf_api_token": t}}) for t in ("hf_1", "hf_2")]
    (path,) = grid(cells).save(tmp_path / "grid.html")
    assert "hf_" not in read(path)


def test_what_all_share_stands_in_the_head(tmp_path):
    (path,) = grid([Cell(data=RED)], title="Foxes", shared="<b> seed 7").save(tmp_path / "g.html")
    said = [p.text for p in parsed(read(path)).all("header")[0].all("p")]
    assert said == ["1 picture", "<b> seed 7"]
