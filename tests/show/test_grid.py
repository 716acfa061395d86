"""The grid in a notebook: true, safe, within its bytes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.errors import InputError
from pruna_nb.show import Cell, grid
from tests.show.looking import encoded, parsed, photo

FOX = "a red fox in the snow"


def notebook_bytes(html):
    """Count what the HTML takes in the notebook's file."""
    return len(json.dumps(html, ensure_ascii=False).encode())


def pictures(page):
    return parsed(page.html() if hasattr(page, "html") else page).all("img")


def folds_of(page):
    """Give what a click on each picture opens."""
    return [fold for fold in parsed(page.html()).all("details") if "name" in fold.attrs]


def small(page):
    """Give the pictures of the grid itself, without those that a click opens: they have a title."""
    return [image for image in pictures(page) if "title" in image.attrs]


def captions(page):
    return [caption.text for caption in parsed(page.html()).all("figcaption")]


# --- what is shown


def test_a_picture_is_shown_with_its_caption_and_its_alt_text(files):
    (figure,) = parsed(grid([Cell(files("a.jpg"), FOX, f"{FOX}, seed 3, 16:9")]).html()).all(
        "figure"
    )
    (image,) = figure.all("img")
    assert image.attrs["alt"] == f"{FOX}, seed 3, 16:9"
    assert image.attrs["src"].startswith("data:image/webp;base64,")
    assert figure.all("figcaption")[0].text == FOX


def test_without_an_alt_text_the_caption_is_read(files):
    (image,) = pictures(grid([Cell(files("a.jpg"), FOX)]))
    assert image.attrs["alt"] == FOX


def test_pictures_of_mixed_ratios_keep_their_own_shapes(files):
    sizes = [(1344, 768), (768, 1344), (512, 512), (100, 50)]
    made = [Cell(files(f"{w}x{h}.jpg", w, h)) for w, h in sizes]
    shapes = [(i.attrs["width"], i.attrs["height"]) for i in small(grid(made, size=256))]
    assert shapes == [("256", "146"), ("146", "256"), ("256", "256"), ("100", "50")]


def test_pixels_that_differ_from_the_ratio_asked_for_are_marked_with_both(files):
    cells = [
        Cell(files("a.png", 200, 200), ratio_asked="16:9"),
        Cell(files("b.png", 200, 200), ratio_asked="1:1"),
        Cell(files("c.png", 200, 200), ratio_asked="match_input_image"),
    ]
    assert captions(grid(cells)) == ["⚠ asked 16:9, got 1:1 (200 x 200)"]


def test_a_failed_cell_says_why_in_a_box_of_the_shape_asked_for():
    html = grid([Cell(None, FOX, status="failed", error="422: no", ratio_asked="2:1")]).html()
    (figure,) = parsed(html).all("figure")
    assert figure.all("img") == []
    assert figure.all("strong")[0].text == "failed"
    assert "422: no" in figure.text
    box, spacer = figure.all("div")[0], figure.all("span")[0]
    assert box.style()["max-width"] == "256px"
    assert spacer.style()["padding-bottom"] == "50%"  # height of a 2:1 box


@pytest.mark.parametrize("status", ["pending", "canceled", "skipped", "lost", "failed"])
def test_each_status_is_said_in_its_box(status):
    assert parsed(grid([Cell(status=status)]).html()).all("strong")[0].text == status


def test_a_deleted_and_a_damaged_file_say_so_in_their_boxes(tmp_path):
    (tmp_path / "b.png").write_text("no picture")
    html = grid([Cell(str(tmp_path / "a.png")), Cell(str(tmp_path / "b.png"))]).html()
    assert "the file is gone" in html
    assert "damaged, or no picture" in html


def test_no_folder_of_this_machine_is_named(tmp_path, files):
    (tmp_path / "c.zip").write_bytes(b"PK\x03\x04")
    names = ["gone.png", "c.zip", "gone.mp4", "gone.bin"]
    cells = [Cell(str(tmp_path / name)) for name in names]
    assert str(tmp_path) not in grid([*cells, Cell(files("a.png"))], live=True).html()


def test_an_archive_is_shown_by_name_and_size(tmp_path):
    (tmp_path / "weights.zip").write_bytes(b"PK\x03\x04" + b"\0" * 1_999_996)
    assert "weights.zip, 2.0 MB" in grid([Cell(str(tmp_path / "weights.zip"))]).html()


def test_what_did_not_succeed_is_counted():
    cells = [Cell(status="failed"), Cell(status="pending"), Cell(status="failed")]
    assert "3 pictures: 2 failed, 1 pending." in grid(cells).html()


def test_an_empty_grid_says_so():
    assert "No pictures: there are no rows to show." in grid([]).html()


def test_plain_text_says_what_is_in_the_grid():
    bundle = grid([Cell(status="pending")], title="Foxes")._repr_mimebundle_()
    assert bundle["text/plain"] == "<Grid: Foxes: 1 picture: 1 pending>"
    assert set(bundle) == {"text/html", "text/plain"}


def test_a_grid_without_pictures_is_written_so():
    html = grid([Cell(None, FOX, status="pending", ratio_asked="1:1")], columns=2, size=100).html()
    assert html == (
        "<div class='mathjax_ignore tex2jax_ignore'><div style='display:grid;"
        "grid-template-columns:repeat(auto-fill,minmax(max(96px,(100% - 17px)/2),1fr));"
        "gap:16px;max-width:216px;align-items:start'><figure style='margin:0;min-width:0'>"
        "<div style='box-sizing:border-box;padding:10px 12px;border-radius:4px;text-align:left;"
        "overflow:hidden;overflow-wrap:anywhere;word-wrap:break-word;"
        "background:rgba(128,128,128,.12);font-size:.85em;line-height:1.4;"
        "width:100%;max-width:100px;min-width:min(100%,110px);"
        "border-left:3px solid rgba(64,120,220,.9)'>"
        "<span style='float:left;width:1px;margin-left:-1px;padding-bottom:100%'></span>"
        "<strong>pending</strong></div>"
        "<figcaption style='font-size:.85em;line-height:1.4;margin:6px 0 0;"
        "word-wrap:break-word;overflow-wrap:anywhere;text-align:left'>"
        f"<bdi>{FOX}</bdi></figcaption></figure></div>"
        "<p style='font-size:.85em;line-height:1.4;opacity:.7;margin:10px 0 0;text-align:left'>"
        "1 picture: 1 pending.</p></div>"
    )


def test_no_text_has_a_colour_of_its_own(files):
    cells = [Cell(files("a.png", 50, 50), FOX, ratio_asked="2:1"), Cell(status="failed")]
    root = parsed(grid(cells, title="Foxes").html())
    styled = [e.style() for tag in ("div", "p", "span", "figcaption") for e in root.all(tag)]
    assert styled
    assert not any("color" in style for style in styled)


def test_nothing_is_used_that_an_untrusted_notebook_loses(files, clip):
    cells = [Cell(files("a.png"), FOX, row_value="r", col_value="c"), Cell(clip, row_value="s")]
    for html in (grid(cells, live=True).html(), grid([Cell(files("a.png"))] * 70).html()):
        root = parsed(html)
        for tag in ("style", "script", "svg", "picture", "dialog", "a", "input", "link"):
            assert root.all(tag) == []
        kept = {"class", "style", "src", "alt", "width", "height", "scope", "title", "poster"}
        kept |= {"controls", "muted", "loop", "preload"}
        kept |= {"name", "onload"}  # without these a click still opens what it opens
        tags = {"div", "figure", "img", "figcaption", "table", "th", "td", "video", "details"}
        names = {name for tag in tags for element in root.all(tag) for name in element.attrs}
        assert names <= kept


# --- hostile text


HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "</figcaption></div></table><h1>",
    "$5 and $6, \\(x\\), $$y$$",
    "gnp.\u202eexe\u2066",
    "a\x00b\x1b[31m\ud800",
    "fox " * 25_000,
    "--><!--",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_prompt_is_shown_as_text_wherever_it_stands(text):
    cells = [
        Cell(None, text, text, "failed", error=text, row_value=text, col_value=text),
        Cell(data=encoded(photo(20, 20)), caption=text, alt=text, row_value=text, col_value="b"),
    ]
    page = grid(cells, title=text, row_name=text, col_name=text)
    root = parsed(page.html())
    assert root.all("script") == root.all("h1") == []
    assert len(root.all("img")) == 1
    assert "\u202e" not in page.html()
    assert "\x00" not in page.html()
    assert "mathjax_ignore" in root.children[0].attrs["class"]
    assert len(page.html()) < 20_000
    page.html().encode("utf-8")


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_caption_leaves_the_html_whole(text):
    cells = [Cell(None, text, text, "failed", error=text, row_value=text, col_value=text)]
    root = parsed(grid(cells, title=text).html())
    assert len(root.all("figure")) == 1


def test_a_long_prompt_is_cut_below_the_picture_and_longer_in_its_alt_text(files):
    (image,) = pictures(page := grid([Cell(files("a.png"), "fox " * 25_000)]))
    assert len(captions(page)[0]) <= 140
    assert 900 < len(image.attrs["alt"]) <= 1_000


def test_the_reading_direction_of_a_caption_is_its_own(files):
    html = grid([Cell(files("a.png"), "שועל")]).html()
    assert "<bdi>שועל</bdi>" in html


# --- axes


def crossed(rows=("fox", "owl"), cols=("1:1", "16:9")):
    return [Cell(status="pending", caption=r, row_value=r, col_value=c) for r in rows for c in cols]


def test_axes_are_a_table_whose_heads_have_a_scope():
    (table,) = parsed(grid(crossed(), row_name="prompt", col_name="aspect_ratio").html()).all(
        "table"
    )
    heads = [(th.attrs["scope"], th.text) for th in table.all("th")]
    assert heads == [("col", "1:1"), ("col", "16:9"), ("row", "fox"), ("row", "owl")]
    assert table.all("td")[0].text == "prompt / aspect_ratio"


def test_an_axis_value_is_not_repeated_below_a_picture_whose_heads_are_in_view():
    cells = [Cell(status="pending", caption="seed 1", row_value="fox", col_value="16:9")]
    assert captions(grid(cells)) == ["seed 1"]


def test_a_grid_taller_than_a_screen_repeats_the_columns_values():
    page = grid(crossed([f"fox {i}" for i in range(8)]))
    assert captions(page)[:2] == ["1:1", "16:9"]  # the rows' heads stand beside the pictures


def test_a_grid_wider_than_a_screen_repeats_the_rows_values():
    page = grid(crossed(("fox", "owl"), [f"style {i}" for i in range(12)]))
    assert captions(page)[0] == "fox"


def test_an_axis_value_that_is_the_caption_is_said_once():
    assert captions(grid(crossed(("fox",), ("1:1",)))) == []


def nested():
    return [
        Cell(status="pending", row_value=(prompt, seed), col_value=(model, ratio))
        for prompt in ("fox", "owl")
        for seed in ("1", "2")
        for model in ("p-image", "flux-dev")
        for ratio in ("1:1", "16:9")
        if (prompt, seed) != ("owl", "1")
    ]


def test_sub_rows_line_up_below_grouped_heads():
    page = grid(nested(), row_name=("prompt", "seed"), col_name=("model", "aspect_ratio"))
    (table,) = parsed(page.html()).all("table")
    first, second, *body = table.all("tr")
    assert [td.text for td in first.all("td")] == ["prompt", "seed / model · aspect_ratio"]
    assert {td.attrs["rowspan"] for td in first.all("td")} == {"2"}
    assert [(th.text, th.attrs["colspan"]) for th in first.all("th")] == [
        ("p-image", "2"),
        ("flux-dev", "2"),
    ]
    assert [th.text for th in second.all("th")] == ["1:1", "16:9"] * 2
    assert [[th.text for th in row.all("th")] for row in body] == [
        ["fox", "1"],
        ["2"],
        ["owl", "2"],
    ]
    assert body[0].all("th")[0].attrs["rowspan"] == "2"
    assert [len(row.all("figure")) for row in body] == [4, 4, 4]


def test_a_group_that_goes_on_behind_a_fold_has_its_head_again():
    cells = [Cell(status="pending", row_value=("fox", str(i)), col_value="a") for i in range(5)]
    first, second = parsed(grid(cells, page_size=3).html()).all("table")
    spans = [table.all("tr")[1].all("th")[0] for table in (first, second)]
    assert [(th.text, th.attrs["rowspan"]) for th in spans] == [("fox", "3"), ("fox", "2")]


def test_a_page_of_sub_rows_is_a_grid_of_its_own():
    page = grid(nested(), page_size=8).page(2)
    assert [cell.row_value for cell in page.cells] == [("owl", "2")] * 4


def test_what_all_share_stands_once_above_the_pictures():
    html = grid([Cell(status="pending")], title="Foxes", shared="p-image · seed <7>").html()
    assert [p.text for p in parsed(html).all("p")][:2] == ["Foxes", "p-image · seed <7>"]


def test_a_pointer_on_a_picture_shows_the_whole_prompt(files):
    prompt = 'a "fox" <b> ' + "in the snow " * 200
    cell = Cell(files("a.png"), prompt[:50], request={"input": {"prompt": prompt}})
    (image,) = pictures(grid([cell]))
    assert image.attrs["title"] == prompt.strip()


def test_axes_stand_in_the_order_given():
    page = grid(crossed(), rows=["owl", "fox"], cols=["16:9", "1:1"])
    heads = [th.text for th in parsed(page.html()).all("th")]
    assert heads == ["16:9", "1:1", "owl", "fox"]


def test_a_value_that_an_axis_lacks_is_named_at_once():
    with pytest.raises(InputError, match=r"rows= lacks 1 value of the cells: \['owl'\]"):
        grid(crossed(), rows=["fox"])


def test_a_combination_that_is_missing_leaves_its_place_empty():
    root = parsed(grid(crossed()[:3]).html())
    assert [len(td.all("figure")) for td in root.all("td")] == [0, 1, 1, 1, 0]


def test_several_cells_of_one_combination_stand_in_one_place():
    root = parsed(grid(crossed(("fox",), ("1:1",)) * 3).html())
    assert [len(td.all("figure")) for td in root.all("td")] == [0, 3]


def test_one_axis_is_enough():
    cells = [Cell(status="pending", col_value=c) for c in ("a", "b")]
    assert [th.text for th in parsed(grid(cells).html()).all("th")] == ["a", "b", ""]


# --- bytes


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Give 16 photo-like JPEGs of 1344 x 768, as a model returns them."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [str(folder / f"{i}.jpg") for i in range(16)]
    for i, path in enumerate(paths):
        photo(1344, 768, i).save(path, quality=90)
    return paths


def test_a_photo_takes_at_most_15_kilobytes_of_the_notebook(photos):
    page = grid([Cell(path, FOX, FOX, ratio_asked="16:9") for path in photos], size=256)
    assert {image.attrs["width"] for image in small(page)} == {"256"}
    closed = re.sub(
        "</summary>.*?</details>", "", page.html().partition("<img src='data:image/gif")[0]
    )
    assert closed.count("<img ") == 16
    assert notebook_bytes(closed) / 16 <= 15_000


def test_a_click_on_a_picture_opens_it_large_within_half_of_the_bytes(photos):
    request = {"model": "p-image", "input": {"prompt": HOSTILE[1], "seed": 3}}
    page = grid([Cell(path, FOX, request=request) for path in photos])
    folds = folds_of(page)
    assert len(folds) == 16
    for fold in folds:
        assert "open" not in fold.attrs
        (closed,) = fold.all("summary")[0].all("img")
        assert closed.attrs["title"] == HOSTILE[1]
        (large,) = fold.all("div")[0].all("img")
        assert int(large.attrs["width"]) >= 1.4 * 256
        assert f"{HOSTILE[1]}p-image · seed 3" in fold.text
    assert notebook_bytes(page.html()) <= 700_000


@pytest.mark.parametrize(("number", "max_bytes"), [(16, 300_000), (61, None)])
def test_pictures_are_not_enlarged_where_they_take_too_much(photos, number, max_bytes):
    cells = [Cell(photos[i % 16]) for i in range(number)]
    assert folds_of(grid(cells, max_bytes=max_bytes)) == []


def test_a_picture_no_larger_than_shown_is_not_enlarged(files):
    assert folds_of(grid([Cell(files("a.png", 300, 200))])) == []


@pytest.mark.parametrize("max_bytes", [5_000, 20_000, 60_000, 120_000, 1_000_000])
def test_a_grid_stays_within_its_bytes(photos, max_bytes):
    page = grid([Cell(path, FOX * 3) for path in photos] * 5, max_bytes=max_bytes)
    assert notebook_bytes(page.html()) <= max_bytes


@pytest.mark.parametrize("max_bytes", [10_000, 60_000])
def test_axes_stay_within_their_bytes(photos, max_bytes):
    cells = [
        Cell(path, row_value=f"row {i}", col_value=f"column {j}")
        for i, path in enumerate(photos)
        for j in range(4)
    ]
    assert notebook_bytes(grid(cells, max_bytes=max_bytes).html()) <= max_bytes


def test_pictures_get_smaller_to_fit_and_a_line_says_so(photos):
    page = grid([Cell(path) for path in photos], max_bytes=100_000)
    (width,) = {int(image.attrs["width"]) for image in pictures(page)}
    assert 96 <= width < 256
    assert len(pictures(page)) == 16
    note = parsed(page.html()).all("p")[-1].text
    assert (
        note == f"Shown at {width} px to stay below 100 kB; .save('grid.html') keeps the full size."
    )


def test_what_does_not_fit_at_96_pixels_is_left_out_and_a_line_says_so(photos):
    page = grid([Cell(path) for path in photos] * 5, max_bytes=60_000)
    shown = pictures(page)
    assert {image.attrs["width"] for image in shown} == {"96"}
    assert 10 < len(shown) < 80
    note = parsed(page.html()).all("p")[-1].text
    assert note == (
        f"{len(shown)} of 80 pictures shown at 96 px to stay below 60 kB: .page(2) shows one "
        "page large, .save('grid.html') holds them all."
    )


def test_pictures_that_fit_are_not_made_smaller_and_nothing_is_said(photos):
    page = grid([Cell(path) for path in photos])
    assert {image.attrs["width"] for image in small(page)} == {"256"}
    assert parsed(page.html()).all("p") == []


def test_without_a_limit_all_are_shown_at_their_size(photos):
    page = grid([Cell(path) for path in photos] * 10, max_bytes=None)
    assert [image.attrs["width"] for image in pictures(page)] == ["256"] * 160


def test_the_same_grid_is_the_same_html_with_and_without_kept_thumbnails(photos, tmp_path):
    cells = [Cell(path) for path in photos] * 3
    bare = grid(cells, max_bytes=200_000).html()
    kept = grid(cells, max_bytes=200_000, thumbs_dir=tmp_path / "t")
    assert kept.html() == kept.html() == bare


# --- pages


def test_a_thousand_pictures_are_folded_sixty_at_a_time():
    root = parsed(grid([Cell(status="pending")] * 1000, max_bytes=None).html())
    folds = root.all("details")
    assert len(folds) == 16
    assert not any("open" in fold.attrs for fold in folds)
    assert folds[0].all("summary")[0].text == "Pictures 61 to 120 of 1,000"
    assert [len(fold.all("figure")) for fold in folds] == [60] * 15 + [40]
    assert len(root.all("figure")) == 1000


def test_rows_of_axes_are_folded_whole():
    rows = [f"prompt {i}" for i in range(50)]
    root = parsed(grid(crossed(rows, ["a", "b", "c"]), max_bytes=None).html())
    folds = root.all("details")
    assert [fold.all("summary")[0].text for fold in folds] == [
        "Rows 21 to 40 of 50",
        "Rows 41 to 50 of 50",
    ]
    assert [len(fold.all("th")) for fold in folds] == [23, 13]  # with the columns' heads again


def test_a_page_is_a_grid_of_its_own():
    page = grid([Cell(caption=str(i), status="pending") for i in range(130)]).page(3)
    assert [cell.caption for cell in page.cells] == [str(i) for i in range(120, 130)]
    assert "Pictures 121 to 130 of 130: 10 pending." in page.html()


def test_a_page_of_axes_ends_with_a_row():
    page = grid(crossed([f"p{i}" for i in range(50)], ["a", "b", "c"]))
    assert page.pages == 3
    assert [len(page.page(i)) for i in (1, 2, 3)] == [60, 60, 30]
    assert page.page(3).cells[0].row_value == "p40"


def test_a_page_of_axes_keeps_their_order():
    page = grid(crossed(), rows=["owl", "fox"], page_size=2)
    assert page.pages == 1  # a page has at least two rows
    rows = [f"p{i}" for i in range(10)]
    page = grid(crossed(rows), rows=rows[::-1], page_size=4).page(2)
    assert [th.text for th in parsed(page.html()).all("th")][2:] == ["p7", "p6"]


def test_a_page_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="there is no page 3; the grid has 2 pages"):
        grid([Cell()] * 61).page(3)


def test_columns_are_as_many_as_asked_for():
    style = parsed(grid([Cell()] * 6, columns=3, size=200).html()).all("div")[1].style()
    assert style["max-width"] == "632px"  # three times 200 and two gaps of 16
    assert style["grid-template-columns"] == (
        "repeat(auto-fill,minmax(max(96px,(100% - 33px)/3),1fr))"
    )


@pytest.mark.parametrize(
    "wrong", [{"columns": 0}, {"size": 4}, {"max_bytes": 10}, {"page_size": 0}]
)
def test_a_number_out_of_its_range_is_refused(wrong):
    with pytest.raises(InputError, match="whole number of"):
        grid([], **wrong)


@pytest.mark.parametrize("wrong", [{"columns": 4.5}, {"size": "256"}, {"size": None}])
def test_a_number_that_is_not_whole_is_refused(wrong):
    with pytest.raises(InputError, match="must be a whole number"):
        grid([], **wrong)


# --- videos


def test_a_saved_video_is_its_poster_with_its_length(clip):
    root = parsed(page := grid([Cell(clip, FOX)]).html())
    assert root.all("video") == []
    assert len(root.all("img")) == 1
    assert "▶ 1.0 s" in page


def test_a_live_video_below_the_working_folder_plays_by_its_relative_path(clip, monkeypatch):
    monkeypatch.chdir(Path(clip).parent)
    (fold,) = folds_of(grid([Cell(clip, FOX)], live=True))
    (video,) = fold.all("div")[0].all("video")
    assert video.attrs["src"] == "clip.mp4"
    assert "controls" in video.attrs
    # where it is small it is a still, which plays below the pointer
    (still,) = fold.all("summary")[0].all("img")
    assert still.attrs["title"] == FOX
    assert fold.all("summary")[0].all("video") == []


def test_a_live_video_elsewhere_plays_from_within_the_notebook(clip, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    (video,) = parsed(grid([Cell(clip)], live=True).html()).all("video")
    assert video.attrs["src"].startswith("data:video/mp4;base64,")


def test_a_live_video_that_breaks_the_budget_stays_a_still_and_a_line_says_so(
    clip, tmp_path, monkeypatch
):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    page = grid([Cell(clip)], live=True, max_bytes=Path(clip).stat().st_size).html()
    assert notebook_bytes(page) <= Path(clip).stat().st_size
    assert parsed(page).all("video") == []
    assert "1 video shown as a still" in page


def test_a_file_that_is_no_video_is_not_put_into_a_player(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_text("<html>")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    html = grid([Cell(str(tmp_path / "a.mp4"))], live=True).html()
    assert parsed(html).all("video") == []


def test_a_poster_that_is_given_stands_for_the_video(files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    (image,) = pictures(grid([Cell(str(tmp_path / "a.mp4"), poster=files("p.png", 64, 64))]))
    assert image.attrs["width"] == "64"


def test_importing_the_room_loads_no_library_for_pictures():
    # pandas, which the package stands on, loads what it likes
    code = (
        "import sys, pandas; before = set(sys.modules); import pruna_nb.show; "
        "print(sorted({'PIL', 'av', 'IPython'} & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
