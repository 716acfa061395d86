"""Contact sheets: readable, of a size that opens, and with their requests."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from pruna_nb.errors import InputError
from pruna_nb.show import Cell, grid, read_sheet
from pruna_nb.show.draw import Style
from pruna_nb.show.fonts import face_for, fit_all, wrap
from pruna_nb.show.markup import caption_lines
from pruna_nb.show.requests_in_files import decode, encode, request_of, with_comments
from tests.show.looking import encoded

SUFFIXES = [".png", ".jpg", ".jpeg", ".webp", ".html"]
REQUEST = {"model": "p-image", "input": {"prompt": "a <b> </script> fox", "seed": 7}}
SECRETS = ("api", "token", "secret", "pass", "auth", "credential")
NAMES = st.text(max_size=12).filter(lambda name: not any(s in name.lower() for s in SECRETS))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(max_size=30)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)


def colours(*names):
    return [Cell(data=encoded(Image.new("RGB", (200, 100), name)), caption=name) for name in names]


def test_a_sheet_shows_its_pictures_in_their_places(tmp_path):
    (path,) = grid(colours("red", "lime", "blue", "black"), columns=2).save(
        tmp_path / "s.png", size=100
    )
    style = Style(100)
    with Image.open(path) as sheet:
        assert sheet.width == style.width(2, heads=False)
        left = style.margin + 50
        right = left + 100 + style.gap
        assert sheet.getpixel((left, style.margin + 25)) == (255, 0, 0)
        assert sheet.getpixel((right, style.margin + 25)) == (0, 255, 0)
        lower = sheet.height - style.margin - 25
        column = {sheet.getpixel((left, y)) for y in range(sheet.height // 2, lower)}
        assert (0, 0, 255) in column


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_requests_come_back_from_every_kind_of_file(tmp_path, suffix):
    image = encoded(Image.new("RGB", (64, 36), "red"))
    cells = [
        Cell(data=image, caption="a fox", request=REQUEST, row_value="fox", col_value="16:9"),
        Cell(status="failed", error="422: no", request={"model": "wan-t2v", "input": {}}),
    ]
    (path,) = grid(cells).save(tmp_path / f"sheet{suffix}", full=False)
    first, second = sorted(read_sheet(path), key=lambda found: found["status"], reverse=True)
    assert first == {
        "request": REQUEST,
        "caption": "a fox",
        "status": "succeeded",
        "error": None,
        "sha256": hashlib.sha256(image).hexdigest(),
        "file": None,
        "row": "fox",
        "col": "16:9",
    }
    assert (second["status"], second["error"], second["sha256"]) == ("failed", "422: no", None)
    assert second["request"] == {"model": "wan-t2v", "input": {}}


@settings(max_examples=40)
@given(st.lists(st.dictionaries(NAMES, JSON, max_size=3), min_size=1, max_size=3), st.data())
def test_any_request_comes_back_as_it_was(tmp_path_factory, requests, data):
    suffix = data.draw(st.sampled_from(SUFFIXES))
    folder = tmp_path_factory.mktemp("sheet")
    cells = [Cell(status="pending", request=request) for request in requests]
    (path,) = grid(cells).save(folder / f"s{suffix}", size=16)
    assert [found["request"] for found in read_sheet(path)] == [request_of(r) for r in requests]


@given(st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=3))
def test_plain_json_is_kept_as_it_is(requests):
    kept = [request_of(request) for request in requests]
    assert decode(encode([{"request": r} for r in kept]), "x") == [{"request": r} for r in kept]
    text = [r for r in requests if not any(":" in str(v) for v in r.values())]
    assert [request_of(r) for r in text] == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_nothing(number):
    assert request_of({"guidance": number}) == {"guidance": None}


def test_a_jpeg_carries_more_than_one_comment_holds(tmp_path):
    request = {"model": "p-image", "input": {"prompt": "fox " * 50_000}}
    (path,) = grid([Cell(status="pending", request=request)]).save(tmp_path / "s.jpg", size=64)
    assert read_sheet(path)[0]["request"] == request
    with Image.open(path) as sheet:
        sheet.load()


def test_no_secret_is_written(tmp_path):
    request = {
        "model": "p-image-lora",
        "input": {
            "hf_api_token": "hf_SECRET1",
            "apikey": "SECRET2",
            "nested": [{"Authorization": "SECRET3", "password": "SECRET4"}],
            "image": "https://user:SECRET5@host.example/a.png",
            "data": b"SECRET6",
            "uri": "data:image/png;base64,SECRET7",
            "path": Path("/home/SECRET8/fox.png"),
            "max_tokens": 5,
        },
    }
    for suffix in SUFFIXES:
        (path,) = grid([Cell(status="pending", request=request)]).save(tmp_path / f"s{suffix}")
        assert b"SECRET" not in path.read_bytes()
        (found,) = read_sheet(path)
        assert found["request"]["input"]["image"] == "https://host.example/a.png"
        assert found["request"]["input"]["path"] == "fox.png"
        assert found["request"]["input"]["max_tokens"] == 5
        digest = hashlib.sha256(b"SECRET6").hexdigest()
        assert found["request"]["input"]["data"] == f"sha256:{digest}"


def test_a_file_is_named_as_seen_from_the_sheet_and_elsewhere_by_its_name_alone(files, tmp_path):
    cells = [Cell(files("out/a.png")), Cell(files("b.png"))]
    (path,) = grid(cells).save(tmp_path / "s.png", size=64)
    assert [found["file"] for found in read_sheet(path)] == ["out/a.png", "b.png"]
    (path,) = grid(cells).save(tmp_path / "deep" / "er" / "s.png", size=64)
    assert [found["file"] for found in read_sheet(path)] == ["a.png", "b.png"]


def test_a_sheet_above_the_limit_of_pixels_becomes_several(tmp_path):
    cells = [Cell(status="pending", caption=str(i), request={"n": i}) for i in range(20)]
    written = grid(cells, columns=2).save(tmp_path / "s.png", size=100, max_pixels=100_000)
    assert [path.name for path in written] == [f"s-{i + 1}.png" for i in range(len(written))]
    assert len(written) > 1
    found = [cell["request"]["n"] for path in written for cell in read_sheet(path)]
    assert found == list(range(20))
    for path in written:
        with Image.open(path) as sheet:
            assert sheet.width * sheet.height <= 100_000
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_a_sheet_that_a_format_cannot_hold_is_refused_with_what_to_do(tmp_path):
    page = grid([Cell()] * 40, columns=40)
    with pytest.raises(InputError, match=r"40 columns of 512 px .* \.webp takes 16,383: give a"):
        page.save(tmp_path / "s.webp")


@pytest.mark.parametrize("name", ["s.gif", "s.pdf", "s"])
def test_a_suffix_that_is_not_written_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"\.png, \.jpg, \.webp or \.html"):
        grid([]).save(tmp_path / name)


def test_an_empty_grid_makes_an_empty_sheet(tmp_path):
    (path,) = grid([]).save(tmp_path / "s.png")
    assert read_sheet(path) == []


def test_axes_have_their_heads_on_every_sheet(tmp_path):
    cells = [
        Cell(status="pending", row_value=f"row {r}", col_value=c) for r in range(8) for c in "ab"
    ]
    written = grid(cells).save(tmp_path / "s.png", size=100, max_pixels=120_000)
    assert len(written) > 1
    style = Style(100)
    tops = []
    for path in written:
        with Image.open(path) as sheet:
            top = sheet.crop((0, 0, sheet.width, style.margin + style.type))
            tops.append(top)
    blank = Image.new("RGB", tops[0].size, "white")
    assert ImageChops.difference(tops[0], blank).getbbox()
    assert ImageChops.difference(tops[0], tops[1]).getbbox() is None


def test_sub_rows_and_grouped_heads_are_drawn_in_their_places():
    image = {name: encoded(Image.new("RGB", (100, 100), name)) for name in ("red", "blue")}
    cells = [
        Cell(data=image[colour], row_value=(prompt, seed), col_value=colour)
        for prompt in ("fox", "owl")
        for seed in ("1", "2")
        for colour in image
    ]
    picture = grid(cells, row_name=("prompt", "seed"), col_name="colour").image(size=100)
    style = Style(100)
    assert picture.width == style.width(2, heads=2)
    left = style.margin + style.side(2) + 50
    column = [picture.getpixel((left, y)) for y in range(picture.height)]
    assert sum(pixel == (255, 0, 0) for pixel in column) == 4 * 100
    right = [picture.getpixel((left + 100 + style.gap, y)) for y in range(picture.height)]
    rows = [pixel == (255, 0, 0) for pixel in column]
    assert rows == [pixel == (0, 0, 255) for pixel in right]  # they line up
    # the outer head is drawn in the first row of its group alone
    starts = [y for y in range(1, len(rows)) if rows[y] and not rows[y - 1]]
    inked = []
    for top in starts:
        head = picture.crop((style.margin, top, style.margin + style.head, top + 100))
        inked.append(len(head.getcolors()) > 1)
    assert inked == [True, False, True, False]


def test_a_value_below_a_picture_has_the_name_of_its_axis():
    cell = Cell(path="a.jpg", row_value=("a fox", "1"), col_value="1:1")
    names = (("prompt", "seed"), ("aspect_ratio",))
    assert caption_lines(cell, None, names)[1] == ["a fox", "seed 1", "aspect ratio 1:1"]
    assert caption_lines(cell, None, (None, ("",)))[1] == ["1:1"]


def test_what_all_share_is_drawn_below_the_title():
    plain = grid(colours("red"), title="Foxes").image(size=200)
    said = grid(colours("red"), title="Foxes", shared="p-image, seed 7").image(size=200)
    assert said.height > plain.height


def test_captions_are_as_large_beside_large_pictures_as_beside_small_ones():
    small, large = Style(256), Style(2048)
    assert large.type / 2048 == pytest.approx(small.type / 256, rel=0.05)
    assert Style(32).type >= 11


def test_a_caption_is_wrapped_to_the_width_and_ends_in_an_ellipsis():
    face = face_for("fox", 20)
    lines = wrap("a small red fox " * 40, face, 200, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(face.getlength(line) <= 200 for line in lines)


@pytest.mark.parametrize("width", [64, 96, 200])
def test_a_ratio_is_not_lost_behind_a_long_prompt(width):
    face = face_for("a", 11)
    said = fit_all(["a lighthouse on a cliff at dusk, calm sea", "16:9"], face, width, 2)
    assert said.startswith("a light")
    assert said.endswith(" · 16:9")
    assert len(wrap(said, face, width, 3)) <= 2


def test_notes_that_fit_are_whole():
    assert fit_all(["a fox", "16:9"], face_for("a", 11), 200, 2) == "a fox · 16:9"


def test_a_word_wider_than_the_line_is_broken():
    face = face_for("x", 20)
    lines = wrap("x" * 60, face, 100, 20)
    assert "".join(lines) == "x" * 60
    assert all(face.getlength(line) <= 100 for line in lines)


@given(st.text(max_size=80), st.integers(1, 300), st.integers(1, 4))
def test_any_text_is_wrapped_without_end_or_error(text, width, most):
    assert len(wrap(text, face_for("fox", 12), width, most)) <= most


def test_a_title_stands_on_the_first_sheet(tmp_path):
    plain = grid(colours("red")).save(tmp_path / "a.png", size=100)[0]
    titled = grid(colours("red"), title="Foxes").save(tmp_path / "b.png", size=100)[0]
    with Image.open(plain) as a, Image.open(titled) as b:
        assert b.height > a.height


def test_transparency_is_shown_on_a_checkerboard(tmp_path):
    clear = encoded(Image.new("RGBA", (100, 100), (0, 0, 0, 0)))
    (path,) = grid([Cell(data=clear)]).save(tmp_path / "a.png", size=100)
    style = Style(100)
    with Image.open(path) as sheet:
        square = (style.margin, style.margin, style.margin + 100, style.margin + 100)
        found = {colour for _, colour in sheet.crop(square).getcolors()}
    assert found == {(255, 255, 255), (226, 226, 226)}


def test_a_dark_sheet_is_dark(tmp_path):
    (path,) = grid(colours("red")).save(tmp_path / "a.png", size=64, dark=True)
    with Image.open(path) as sheet:
        assert max(sheet.getpixel((1, 1))) < 40


@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_a_hostile_caption_is_drawn(tmp_path, suffix):
    text = "<script>$5</script> \u202egnp\x00\ud800 " + "fox " * 30_000
    cells = [Cell(None, text, status="failed", error=text, row_value=text, col_value=text)]
    (path,) = grid(cells, title=text).save(tmp_path / f"s{suffix}", size=64)
    assert read_sheet(path)[0]["caption"] == text


def test_a_damaged_picture_and_a_deleted_one_do_not_stop_a_sheet(tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    cells = [Cell(str(tmp_path / "a.png")), Cell(str(tmp_path / "gone.png")), *colours("red")]
    for suffix in (".png", ".html"):
        (path,) = grid(cells).save(tmp_path / f"s{suffix}")
        assert len(read_sheet(path)) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "carries no requests"),
        (b"<html>", "carries no requests"),
        (b"\xff\xd8\xff", "cannot be read as a picture"),
        (b"\x89PNG\r\n\x1a\n", "cannot be read as a picture"),
        (encoded(Image.new("RGB", (4, 4))), "carries no requests"),
        (encoded(Image.new("RGB", (4, 4)), "JPEG"), "carries no requests"),
        (encoded(Image.new("RGB", (4, 4)), "WEBP"), "carries no requests"),
        (with_comments(encoded(Image.new("RGB", (4, 4)), "JPEG"), "{no json"), "damaged"),
        (with_comments(encoded(Image.new("RGB", (4, 4)), "JPEG"), "[" * 9_999), "damaged"),
        (with_comments(encoded(Image.new("RGB", (4, 4)), "JPEG"), "[1]"), "not of a form"),
        (with_comments(encoded(Image.new("RGB", (4, 4)), "JPEG"), '{"pruna_nb": 1}'), "not of a"),
    ],
)
def test_a_file_without_requests_gives_a_named_error(tmp_path, content, said):
    (tmp_path / "s.bin").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_sheet(tmp_path / "s.bin")


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "WEBP", ""]))
def test_reading_any_bytes_gives_requests_or_a_named_error(tmp_path_factory, noise, form):
    path = tmp_path_factory.mktemp("noise") / "s"
    start = encoded(Image.new("RGB", (4, 4)), form) if form else b""
    path.write_bytes(start[:40] + noise + start[40:])
    with pytest.raises(InputError):
        read_sheet(path)


def test_nothing_unfinished_is_left_beside_a_sheet(tmp_path):
    for suffix in SUFFIXES:
        grid(colours("red")).save(tmp_path / f"s{suffix}", full=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"s{s}" for s in SUFFIXES)


def test_a_sheet_that_is_one_leaves_a_file_with_a_number_alone(tmp_path):
    (tmp_path / "s-1.png").write_text("mine")
    assert grid(colours("red")).save(tmp_path / "s.png") == [tmp_path / "s.png"]
    assert (tmp_path / "s-1.png").read_text() == "mine"


def test_a_sheet_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "s.png").mkdir()
    with pytest.raises(OSError, match="directory"):
        grid(colours("red")).save(tmp_path / "s.png")
    assert list(tmp_path.iterdir()) == [tmp_path / "s.png"]


def test_a_video_is_drawn_with_the_sign_for_play(clip, files, tmp_path):
    (path,) = grid([Cell(clip, "a fox")]).save(tmp_path / "s.png", size=160)
    style = Style(160)
    with Image.open(path) as sheet:
        middle = sheet.getpixel((style.margin + 80, style.margin + 45))
    assert min(middle) > 225  # the triangle is nearly white


def test_a_video_without_the_extra_says_on_the_sheet_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    said = []
    monkeypatch.setattr(
        "pruna_nb.show.draw.wrap", lambda text, *rest: said.append(text) or wrap(text, *rest)
    )
    grid([Cell(str(tmp_path / "a.mp4"))]).save(tmp_path / "s.png")
    assert "to see it here: pip install 'pruna_nb[video]'" in said


def test_a_face_is_found_for_each_script():
    # whichever it is, it draws: on a machine without such a face, boxes
    draw = ImageDraw.Draw(Image.new("RGB", (200, 40)))
    for text in ("a fox", "žluťoučký", "лиса", "狐", "🦊"):
        assert draw.textlength(text, font=face_for(text, 20)) > 0


def test_a_grid_is_one_picture_for_other_libraries():
    whole = grid(colours("red", "lime", "blue", "black"), columns=2)
    picture = whole.image(size=100)
    style = Style(100)
    assert picture.mode == "RGB"
    assert picture.width == style.width(2, heads=False)
    assert picture.getpixel((style.margin + 50, style.margin + 25)) == (255, 0, 0)
    assert whole.image(size=100, dark=True).getpixel((1, 1)) != picture.getpixel((1, 1))


def test_a_grid_that_one_picture_cannot_hold_says_what_to_do():
    with pytest.raises(InputError, match=r"smaller size="):
        grid(colours("red") * 400, columns=1).image(size=2000)


def test_the_levels_of_a_nested_axis_come_back(tmp_path):
    picture = encoded(Image.new("RGB", (20, 20), "red"))
    cells = [
        Cell(data=picture, row_value=("a fox", str(seed)), col_value=("1:1",)) for seed in (1, 2)
    ]
    (path,) = grid(cells).save(tmp_path / "nested.png")
    assert [cell["row"] for cell in read_sheet(path)] == [["a fox", "1"], ["a fox", "2"]]
    assert [cell["col"] for cell in read_sheet(path)] == ["1:1", "1:1"]
