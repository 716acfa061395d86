"""Thumbnails: true, kept, and never an exception."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from pruna_nb.show import Cell, Grid, Thumbs
from pruna_nb.show import thumbs as module
from pruna_nb.show.decode import load
from tests.helpers.media import clip, iso, picture
from tests.show.looking import encoded, photo


def opened(thumb):
    return Image.open(io.BytesIO(thumb.webp))


def one(source, size=64, **options):
    (thumb,) = Thumbs(**options).make([source], size)
    return thumb


def no_decoding(*_):
    raise AssertionError("a picture was decoded again")


def test_a_thumbnail_fits_into_its_box_and_knows_the_whole_size(files):
    thumb = one(files("a.jpg", 1344, 768), 256)
    assert opened(thumb).size == (256, 146)
    assert thumb.size == (1344, 768)
    assert thumb.error is None


def test_a_thumbnail_looks_like_its_picture(files):
    path = files("a.jpg", 640, 400, quality=95)
    small = opened(one(path, 80)).convert("RGB")
    exact = Image.open(path).resize((80, 50), Image.Resampling.LANCZOS)
    differences = [abs(a - b) for a, b in zip(small.tobytes(), exact.tobytes(), strict=True)]
    assert sum(differences) / len(differences) < 8  # of 255


@pytest.mark.parametrize("size", [96, 256, 512])
def test_a_picture_of_much_detail_takes_no_more_room_than_is_meant_for_it(size):
    thumb = one(encoded(photo(640, 640)), size)
    assert opened(thumb).size == (size, size)
    assert len(thumb.webp) <= module.most_bytes(size)


def test_a_picture_of_nothing_but_detail_takes_the_lowest_quality():
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    thumb = one(encoded(Image.fromarray(noise)), 256)
    expected = io.BytesIO()
    Image.fromarray(noise).save(expected, "WEBP", quality=20, method=1)
    assert thumb.webp == expected.getvalue()


def test_a_picture_of_usual_detail_keeps_its_quality(files):
    path = files("a.jpg", 640, 400)
    expected = io.BytesIO()
    load(path, 256).image.save(expected, "WEBP", quality=75, method=1)
    assert len(expected.getvalue()) < module.most_bytes(256)
    assert one(path, 256).webp == expected.getvalue()


def test_a_small_picture_is_not_enlarged(files):
    assert opened(one(files("a.png", 40, 20), 256)).size == (40, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_a_picture_stands_as_its_exif_orientation_says(tmp_path, orientation, name):
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste((200, 0, 0), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / name, exif=exif)
    thumb = one(str(tmp_path / name))
    with Image.open(tmp_path / name) as whole:
        expected = ImageOps.exif_transpose(whole).convert("RGB")
    assert thumb.size == expected.size
    small = opened(thumb).convert("RGB")
    corners = [(8, 8), (small.width - 8, 8), (8, small.height - 8)]
    for corner in corners:
        seen, wanted = small.getpixel(corner), expected.getpixel(corner)
        assert all(abs(a - b) < 40 for a, b in zip(seen, wanted, strict=True))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_colour_profile_is_applied_and_left_behind(form):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc in (profile, b"damaged" * 20_000):
        thumb = one(encoded(Image.new("RGB", (64, 64), (200, 30, 60)), form, icc_profile=icc))
        assert len(thumb.webp) < 300
        small = opened(thumb).convert("RGB").getpixel((30, 30))
        assert all(abs(a - b) < 12 for a, b in zip(small, (200, 30, 60), strict=True))


def test_transparency_is_kept():
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (16, 16, 48, 48))
    small = opened(one(encoded(picture)))
    assert small.mode == "RGBA"
    assert small.getpixel((2, 2))[3] == 0
    assert small.getpixel((32, 32))[3] == 255


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "I", "CMYK"])
def test_every_mode_of_pixels_is_shown(mode):
    grey = Image.linear_gradient("L")
    if mode.startswith("I"):
        picture = grey.convert("I").point(lambda value: value * 257).convert(mode)
    else:
        picture = grey.convert(mode)
    form = "TIFF" if mode in {"CMYK", "I"} else "PNG"
    small = opened(one(encoded(picture, form))).convert("L")
    assert small.getpixel((32, 4)) < 40
    assert small.getpixel((32, 60)) > 215


def test_a_moving_picture_is_shown_by_its_first_frame():
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert opened(one(moving)).convert("RGB").getpixel((9, 9))[0] > 200


def bomb(width, height):
    """Make a PNG that says it is very large, of fewer than a hundred bytes."""

    def chunk(name, body):
        checked = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checked)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [9_500, 12_000, 30_000])
def test_a_decompression_bomb_is_refused_unopened(side):
    # Pillow itself only warns of the first two
    assert "pixels" in one(bomb(side, side)).error
    assert one(bomb(side, side)).error.startswith("refused")


def test_a_picture_cut_short_says_so(files):
    path = Path(files("a.jpg"))
    path.write_bytes(path.read_bytes()[:3000])
    assert one(str(path)).error.startswith("damaged: ")


def test_a_file_that_is_no_picture_says_so(tmp_path):
    (tmp_path / "a.png").write_text("<html>502 Bad Gateway</html>")
    assert one(str(tmp_path / "a.png")).error == "damaged, or no picture"


@pytest.mark.parametrize("source", ["no/such/file.png", "a\0b.png"])
def test_a_file_that_is_gone_says_so(source):
    assert one(source).error == "the file is gone"


def test_a_folder_is_no_picture(tmp_path):
    assert one(str(tmp_path)).error == "unreadable: is a directory"


@given(st.binary(max_size=300), st.sampled_from(["", "PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]))
def test_any_bytes_give_a_thumbnail_or_a_reason(noise, form):
    start = encoded(photo(16, 16), form)[: 300 - len(noise)] if form else b""
    thumb = one(start + noise)
    assert bool(thumb.webp) != bool(thumb.error)


def test_thumbnails_come_in_the_order_of_their_pictures(files):
    paths = [files(f"{i}.png", 100 + i, 50) for i in range(12)]
    made = Thumbs(workers=4).make([*paths, "gone.png", *paths], 64)
    assert [thumb.size[0] for thumb in made] == [*range(100, 112), 0, *range(100, 112)]


def test_a_kept_thumbnail_is_not_made_again(files, tmp_path, monkeypatch):
    path = files("a.jpg")
    first = one(path, folder=tmp_path / "thumbs")
    monkeypatch.setattr(module, "load", no_decoding)
    assert one(path, folder=tmp_path / "thumbs") == first


def test_a_picture_that_was_replaced_gets_a_new_thumbnail(files, tmp_path):
    first = one(files("a.png", seed=1), folder=tmp_path / "thumbs")
    second = one(files("a.png", 300, seed=2), folder=tmp_path / "thumbs")
    assert first.webp != second.webp
    assert second.size == (300, 200)


def test_each_size_and_quality_is_kept_apart(files, tmp_path):
    path = files("a.png")
    made = [
        one(path, 64, folder=tmp_path / "t"),
        one(path, 96, folder=tmp_path / "t"),
        one(path, 64, folder=tmp_path / "t", quality=20),
    ]
    assert len({thumb.webp for thumb in made}) == 3
    assert len(list((tmp_path / "t").rglob("*.webp"))) == 3


@pytest.mark.parametrize(
    "damage", [lambda b: b[:100], lambda b: b[:-3], lambda _: b"", lambda b: b + b"x"]
)
def test_a_kept_thumbnail_that_was_damaged_is_made_again(files, tmp_path, damage):
    path = files("a.png")
    first = one(path, folder=tmp_path / "t")
    (kept,) = (tmp_path / "t").rglob("*.webp")
    kept.write_bytes(damage(kept.read_bytes()))
    assert one(path, folder=tmp_path / "t") == first


def test_a_kept_thumbnail_opens_as_an_ordinary_webp(files, tmp_path):
    one(files("a.png"), folder=tmp_path / "t")
    (kept,) = (tmp_path / "t").rglob("*.webp")
    with Image.open(kept) as image:
        assert (image.format, image.size) == ("WEBP", (64, 40))


def test_kept_thumbnails_are_for_the_user_alone(files, tmp_path):
    one(files("a.png"), folder=tmp_path / "t")
    (kept,) = (tmp_path / "t").rglob("*.webp")
    assert kept.stat().st_mode & 0o077 == 0
    assert kept.parent.stat().st_mode & 0o077 == 0


def test_a_folder_that_takes_no_files_is_told_of_and_the_thumbnails_are_shown(files, tmp_path):
    (tmp_path / "t").write_text("a file where a folder should be")
    with pytest.warns(RuntimeWarning, match="thumbnails are not kept in"):
        thumb = one(files("a.png"), folder=tmp_path / "t")
    assert opened(thumb).size == (64, 40)


def test_nothing_unfinished_is_left_in_the_folder(files, tmp_path):
    one(files("a.png"), folder=tmp_path / "t")
    names = {path.suffix for path in (tmp_path / "t").rglob("*") if path.is_file()}
    assert names == {".webp"}


def test_a_path_that_is_no_unicode_is_read(tmp_path):
    name = os.fsdecode(b"a\xff.png")
    photo(32, 20).save(tmp_path / name)
    assert opened(one(str(tmp_path / name))).size == (32, 20)


def test_a_video_is_shown_by_its_first_frame_and_its_length(clip):
    thumb = one(clip, 160)
    assert opened(thumb).size == (160, 90)
    assert thumb.size == (320, 180)
    assert thumb.seconds == pytest.approx(1.0)


def test_the_length_of_a_video_is_kept_with_its_thumbnail(clip, tmp_path, monkeypatch):
    first = one(clip, folder=tmp_path / "t")
    monkeypatch.setattr(module, "load", no_decoding)
    assert one(clip, folder=tmp_path / "t").seconds == pytest.approx(first.seconds)


def test_without_the_extra_a_video_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    error = one(str(tmp_path / "a.mp4")).error
    assert error == "to see it here: pip install 'pruna_nb[video]'"


def test_a_video_that_is_only_sound_says_so(tmp_path):
    av = pytest.importorskip("av")
    path = str(tmp_path / "a.mov")
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=1024)
        frame.rate = 8000
        container.mux(stream.encode(frame))
    assert one(path).error == "damaged: no video in the file"


def test_a_damaged_video_says_so(tmp_path):
    pytest.importorskip("av")
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 100)
    assert one(str(tmp_path / "a.mp4")).error.startswith(("damaged", "unreadable"))


ODD = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
    "nothing": lambda path: path.write_bytes(b""),
    "a text": lambda path: path.write_bytes(b"not a picture"),
    "half a picture": lambda path: path.write_bytes(picture("PNG")[:-40]),
    "a HEIC": lambda path: path.write_bytes(iso(b"heic", b"mif1")),
    "an archive": lambda path: path.write_bytes(b"PK\x03\x04"),
    "an empty video": lambda path: path.write_bytes(iso(b"isom")),
    "a link to itself": lambda path: path.symlink_to(path),
    "a picture of too many pixels": lambda path: path.write_bytes(bomb(50_000, 50_000)),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("suffix", [".png", ".mp4", ""])
def test_a_file_that_is_none_to_be_shown_fails_neither_a_grid_nor_a_page(suffix, tmp_path):
    good = tmp_path / f"good{suffix or '.png'}"
    good.write_bytes(clip() if suffix == ".mp4" else picture("PNG"))
    paths = [good]
    for number, make in enumerate(ODD.values()):
        paths.append(tmp_path / f"{number}{suffix}")
        make(paths[-1])
    thumbs = Thumbs(tmp_path / "thumbs").make([str(path) for path in paths], 64)
    assert thumbs[0].webp
    assert all(thumb.error for thumb in thumbs[1:])
    grid = Grid([Cell(path, "words") for path in paths])
    assert "words" in grid.html()
    for name, full in (("a.html", "folder"), ("b.html", "inline"), ("c.png", "none")):
        assert grid.save(tmp_path / name, full=full)


def test_a_heic_says_that_it_is_one(tmp_path):
    path = tmp_path / "photo.heic"
    path.write_bytes(iso(b"mif1", b"heic"))
    assert one(str(path)).error == "HEIC: cannot be shown"


def test_a_kept_thumbnail_that_became_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "a.png").write_bytes(picture("PNG"))
    Thumbs(tmp_path / "thumbs").make([str(tmp_path / "a.png")], 64)
    (kept,) = (tmp_path / "thumbs").rglob("*.webp")
    kept.unlink()
    os.mkfifo(kept)
    assert Thumbs(tmp_path / "thumbs").make([str(tmp_path / "a.png")], 64)[0].webp


@pytest.mark.parametrize("what", ["a video of noise", "an mp3 of nothing"])
def test_a_clip_that_does_not_decode_is_told_without_numbers_of_errors(what):
    video = clip(moov_size="4000")
    begin = video.index(b"mdat") + 4
    data = {
        "a video of noise": video[:begin] + bytes(len(video) - begin),
        "an mp3 of nothing": b"ID3\x03" + bytes(500),
    }[what]
    (thumb,) = Thumbs().make([data], 64)
    assert thumb.error.startswith("damaged: ")
    assert "Errno" not in thumb.error


def test_a_videos_still_has_a_play_mark_in_its_pixels(clip):
    from PIL import Image

    (thumb,) = Thumbs().make([clip], 160)
    with Image.open(io.BytesIO(thumb.webp)) as still:
        width, height = still.size
        middle = still.convert("RGB").getpixel((width // 2, height // 2))
    assert min(middle) > 200  # the triangle is nearly white
