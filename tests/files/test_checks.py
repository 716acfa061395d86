"""Whether files are whole, and what containers hold."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib

import pytest
from PIL import Image, ImageFile

from pruna_nb.files import checks, decode, kinds
from pruna_nb.files.checks import problem_of, type_of
from pruna_nb.files.disk import open_regular
from tests.helpers.media import box, clip, picture, sound

PICTURES = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
CLIPS = [("mp4", "mpeg4"), ("mov", "mpeg4"), ("webm", "libvpx")]
SOUNDS = [("wav", "pcm_s16le"), ("mp3", "mp3"), ("flac", "flac"), ("ogg", "libopus")]


def problem(data):
    file = io.BytesIO(data)
    return problem_of(file, type_of(file))


@pytest.mark.parametrize("format_", PICTURES)
def test_a_whole_picture_has_no_problem(format_):
    assert problem(picture(format_)) is None


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_picture_that_is_cut_short_has_one(format_, part, lenient, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = picture(format_)
    assert problem(data[: int(len(data) * part)]) is not None


def test_a_progressive_jpeg_is_walked_through_all_its_scans():
    buffer = io.BytesIO()
    Image.effect_mandelbrot((64, 64), (-3, -2.5, 2, 2.5), 50).convert("RGB").save(
        buffer, "JPEG", progressive=True
    )
    assert problem(buffer.getvalue()) is None
    assert problem(buffer.getvalue()[:-2]) == "cut short"


def test_a_photo_with_a_film_behind_its_end_is_whole():
    """Phones put a short film behind a picture, as much larger than it as they like."""
    assert problem(picture("JPEG") + os.urandom(200_000)) is None


def test_a_png_with_a_wrong_checksum_alone_is_damaged():
    """Pillow passes over the checksum of the pixels."""
    data = bytearray(picture("PNG"))
    at = data.index(b"IEND") - 8  # the checksum of the chunk before it
    data[at] ^= 1
    assert "checksum" in problem(bytes(data))


def test_an_animated_gif_that_lost_its_later_frames_is_cut_short():
    frames = [Image.new("P", (32, 32), number) for number in range(5)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert problem(buffer.getvalue()) is None
    assert problem(buffer.getvalue()[:-20]) == "cut short"


@pytest.mark.parametrize(("format_", "codec"), CLIPS)
def test_a_whole_video_has_no_problem_and_a_cut_one_has(format_, codec):
    data = clip(format_, codec)
    assert type_of(io.BytesIO(data)).kind == "video"
    assert problem(data) is None
    for size in (4, 40, len(data) // 2, len(data) - 1):
        assert problem(data[:size]) is not None, size


@pytest.mark.parametrize(("format_", "codec"), CLIPS)
def test_a_videos_structure_is_told_also_without_pyav(format_, codec, monkeypatch):
    def none(*_):
        raise ImportError

    monkeypatch.setattr(checks, "first_frame", none)
    data = clip(format_, codec)
    assert problem(data) is None
    for size in (40, len(data) // 2, len(data) - 1):
        assert problem(data[:size]) is not None, size


def test_a_streamed_mp4_is_whole():
    data = clip(movflags="frag_keyframe+empty_moov")
    assert b"moof" in data
    assert problem(data) is None
    assert problem(data[: data.index(b"moof") - 4]) is not None


def head():
    return box(b"ftyp", b"isom\0\0\x02\0isomiso2mp41")


NO_VIDEOS = {
    "an empty moov": head() + box(b"moov", b"") + box(b"mdat", b"x" * 200),
    "a moov of zeros": head() + box(b"moov", bytes(100)) + box(b"mdat", bytes(200)),
    "no mdat": head() + box(b"moov", b""),
    "a track without samples": head()
    + box(b"moov", box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"vide" + bytes(12)))))
    + box(b"mdat", bytes(40)),
    "four bytes of webm": b"\x1aE\xdf\xa3",
    "the head of a webm": clip("webm", "libvpx")[:60],
}


@pytest.mark.parametrize("what", NO_VIDEOS)
def test_a_video_without_pictures_is_damaged_with_pyav_and_without(what, monkeypatch):
    assert problem(NO_VIDEOS[what]) is not None
    monkeypatch.setattr(decode, "opened_clip", lambda *_: pytest.fail("its structure comes first"))
    assert problem(NO_VIDEOS[what]) is not None


def test_an_index_that_leads_outside_of_the_file_is_damage():
    data = bytearray(clip())
    at = data.index(b"stco") + 12
    data[at : at + 4] = struct.pack(">I", 1 << 30)
    assert "not in the file" in problem(bytes(data))


@pytest.mark.parametrize(("format_", "codec"), [*SOUNDS, ("adts", "aac")])
def test_a_whole_sound_has_no_problem(format_, codec):
    assert problem(sound(format_, codec)) is None


def test_a_sound_without_sound_is_damaged():
    assert problem(sound()[:-100]) == "cut short"
    assert problem(b"ID3\x04" + bytes(60)) is not None


@pytest.mark.parametrize(
    ("format_", "codec", "content_type"),
    [("mp4", "aac", "audio/mp4"), ("webm", "libopus", "audio/webm")],
)
def test_a_sound_in_a_videos_container_is_a_sound(format_, codec, content_type):
    assert type_of(io.BytesIO(sound(format_, codec))).content_type == content_type


def bomb(side):
    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content
            + struct.pack(">I", zlib.crc32(name + content))
        )  # fmt: skip

    rows = zlib.compressobj(9)
    line = bytes(side * 3 + 1)
    pixels = b"".join(rows.compress(line) for _ in range(side)) + rows.flush()
    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_a_picture_of_more_pixels_than_is_safe_is_refused_before_it_is_decoded(monkeypatch):
    data = bomb(300)
    for limit, words in ((300 * 299, "300 x 300 is more than"), (1000, "more than 1,000 pixels")):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert words in problem(data) or "pixels" in problem(data)


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch):
    """Each is larger than what is decoded at once; together they would take four times as much."""
    monkeypatch.setattr(decode, "_PIXELS_AT_ONCE", 10_000)
    data, under_way, most = bomb(200), [], []
    load = ImageFile.ImageFile.load
    gate = threading.Lock()

    def counted(image):
        with gate:
            under_way.append(image)
            most.append(len(under_way))
        try:
            return load(image)
        finally:
            with gate:
                under_way.remove(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counted)
    threads = [threading.Thread(target=problem, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) >= 8
    assert max(most) == 1


def test_small_pictures_are_decoded_side_by_side():
    guard = decode._Decoding()
    with guard.of(1000), guard.of(1000):
        assert guard._pixels == 2000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_the_kinds_that_nothing_decodes_are_damaged_where_a_picture_is_expected():
    assert problem_of(io.BytesIO(b""), kinds.HEIC) == "nothing here decodes it"


MEMORY = """
import resource, sys, threading
from pruna_nb.files.media_store import check_delivered
from PIL import Image
Image.init()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = [open(sys.argv[1], "rb") for _ in range(8)]
threads = [threading.Thread(target=check_delivered, args=(file, "image")) for file in files]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in kilobytes")
def test_eight_large_pictures_at_once_take_the_memory_of_one(tmp_path):
    """Of 16 million pixels each: 64 MB in memory, 512 MB for all of them."""
    (tmp_path / "large.png").write_bytes(bomb(4000))
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "large.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200_000, done.stdout
