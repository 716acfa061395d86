"""A file's own record of how it was made: added without touching pixels, and read back."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pruna_nb.errors import InputError
from pruna_nb.files.checks import problem_of
from pruna_nb.files.kinds import sniff
from pruna_nb.files.provenance import append_to_video, read_provenance, with_provenance

RECORD = {
    "model": "p-image",
    "input": {
        "prompt": "a <fox> & \u201cfriends\u201d \U0001f98a\nin snow",
        "seed": 7,
        "width": None,
    },
    "prediction_id": "abc",
    "created_at": "2026-01-01T00:00:00+00:00",
    "version": "0.2.0",
}
PIXELS = np.random.default_rng(1).integers(0, 255, (41, 67, 3), dtype=np.uint8)


def encoded(format_, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, format_, **options)
    return file.getvalue()


FILES = {
    "png": lambda: encoded("PNG"),
    "png-palette": lambda: encoded("PNG", "P"),
    "jpeg": lambda: encoded("JPEG"),
    "jpeg-exif": lambda: encoded("JPEG", exif=a_comment("hello"), icc_profile=b"x" * 5000),
    "jpeg-grey": lambda: encoded("JPEG", "L", progressive=True),
    "webp": lambda: encoded("WEBP"),
    "webp-lossless": lambda: encoded("WEBP", lossless=True),
    "webp-alpha": lambda: encoded("WEBP", "RGBA", lossless=True),
    "webp-exif": lambda: encoded("WEBP", exif=a_comment("hello")),
    "webp-animated": lambda: encoded(
        "WEBP", save_all=True, append_images=[Image.new("RGB", (67, 41), "red")]
    ),
}


def a_comment(text, order="utf-16-be"):
    """Return EXIF with a user comment; the lowest Pillow writes none itself."""
    value = b"UNICODE\0" + text.encode(order)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1)
    head += struct.pack("<HHII", 0x8769, 4, 1, 26) + struct.pack("<I", 0)
    inner = struct.pack("<H", 1) + struct.pack("<HHII", 0x9286, 7, len(value), 44)
    return b"Exif\0\0" + head + inner + struct.pack("<I", 0) + value


def written(tmp_path, data, name="file"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def pixels_of(data):
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGBA")))
        return np.stack(frames), image.info.get("icc_profile")


@pytest.mark.parametrize("name", FILES)
def test_a_picture_carries_its_record_and_keeps_every_pixel(name, tmp_path):
    data = FILES[name]()
    assert read_provenance(written(tmp_path, data)) is None
    marked = with_provenance(data, RECORD)
    assert read_provenance(written(tmp_path, marked)) == RECORD
    before, profile = pixels_of(data)
    after, kept = pixels_of(marked)
    assert np.array_equal(before, after)
    assert profile == kept
    assert sniff(marked[:4096]) == sniff(data[:4096])
    assert problem_of(io.BytesIO(marked), sniff(marked[:4096])) is None


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_record_of_any_length_is_carried(name, tmp_path):
    record = RECORD | {"input": {"prompt": "\u00e4" * 200_000}}
    marked = with_provenance(FILES[name](), record)
    assert read_provenance(written(tmp_path, marked)) == record
    assert np.array_equal(pixels_of(marked)[0], pixels_of(FILES[name]())[0])


TEXTS = st.text(st.characters(codec=None), max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.sampled_from(["png", "jpeg", "webp"]))
def test_any_prompt_comes_back_as_it_was(tmp_path_factory, text, name):
    record = {"model": "m", "input": {"prompt": text, text: [1, {"deep": text}]}}
    path = written(tmp_path_factory.mktemp("any"), with_provenance(FILES[name](), record))
    assert read_provenance(path) == record


def test_a_program_that_reads_xmp_finds_the_prompt():
    data = with_provenance(FILES["jpeg"](), RECORD)
    packet = data[data.index(b"<?xpacket") : data.index(b"<?xpacket end") + 19]
    found = ET.fromstring(packet.decode()).find(".//{*}description//{*}li")  # noqa: S314 - our own packet
    assert found.text == RECORD["input"]["prompt"]


def a_video():
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height = 64, 48
        for number in range(6):
            picture = np.full((48, 64, 3), number * 40, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def frames_of(data):
    import av

    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("is_open", [False, True], ids=["its length said", "until the end"])
def test_a_video_carries_its_record_and_keeps_every_frame(is_open, tmp_path):
    data = a_video()
    if is_open:  # the last box says that it goes on until the file ends
        last = data.rindex(b"moov") - 4
        data = data[:last] + b"\0\0\0\0" + data[last + 4 :]
    path = written(tmp_path, data, "clip.mp4")
    assert read_provenance(path) is None
    with path.open("r+b") as file:
        assert append_to_video(file, RECORD)
    marked = path.read_bytes()
    assert read_provenance(path) == RECORD
    for before, after in zip(frames_of(data), frames_of(marked), strict=True):
        assert np.array_equal(before, after)
    assert problem_of(io.BytesIO(marked), sniff(marked[:4096])) is None


def test_a_video_that_is_cut_short_is_left_alone(tmp_path):
    data = a_video()[:-10]
    path = written(tmp_path, data, "clip.mp4")
    with path.open("r+b") as file:
        assert not append_to_video(file, RECORD)
    assert path.read_bytes() == data


A1111 = (
    "a fox, <lora:ink:0.5>\nNegative prompt: blurry, text\n"
    'Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 42, Size: 512x768, Note: "a, b"'
)


def a1111_png():
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", A1111)
    return encoded("PNG", pnginfo=texts)


@pytest.mark.parametrize(
    "data",
    [
        a1111_png(),
        encoded("JPEG", exif=a_comment(A1111)),
        encoded("JPEG", exif=a_comment(A1111, "utf-16-le")),
        encoded("WEBP", exif=a_comment(A1111)),
    ],
    ids=["png", "jpeg", "jpeg-le", "webp"],
)
def test_the_text_of_the_web_ui_is_read(data, tmp_path):
    found = read_provenance(written(tmp_path, data))
    assert found["prompt"] == "a fox, <lora:ink:0.5>"
    assert found["negative_prompt"] == "blurry, text"
    assert found["settings"] == {
        "Steps": 20,
        "Sampler": "Euler a",
        "CFG scale": 7.5,
        "Seed": 42,
        "Size": "512x768",
        "Note": "a, b",
    }
    assert found["parameters"] == A1111


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"model": "m"}', '{"input": 3}', "{" * 5000])
def test_a_damaged_record_is_an_error_with_the_files_name(text, tmp_path):
    data = with_provenance(FILES["png"](), RECORD)
    good = json.dumps(RECORD).encode()
    length = len(b"pruna_nb_request\0\0\0\0\0") + len(text)
    at = data.index(b"iTXt") - 4
    chunk = (
        length.to_bytes(4, "big") + b"iTXtpruna_nb_request\0\0\0\0\0" + text.encode() + b"\0" * 4
    )
    broken = data[:at] + chunk + data[at + 12 + length - len(text) + len(good) :]
    with pytest.raises(InputError, match=r"picture\.png: its record is"):
        read_provenance(written(tmp_path, broken, "picture.png"))


def test_a_packet_that_defines_entities_is_not_read(tmp_path):
    packet = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>'
    body = b"http://ns.adobe.com/xap/1.0/\0" + packet
    data = FILES["jpeg"]()
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    assert read_provenance(written(tmp_path, data[:2] + segment + data[2:])) is None


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["png", "jpeg", "webp"]), st.integers(0, 3000), st.binary(max_size=20))
def test_no_damage_makes_it_raise_anything_else(tmp_path_factory, name, at, noise):
    data = with_provenance(FILES[name](), RECORD)
    path = written(tmp_path_factory.mktemp("hurt"), data[:at] + noise + data[at + len(noise) :])
    with contextlib.suppress(InputError):
        read_provenance(path)


def test_other_files_carry_none(tmp_path):
    assert read_provenance(written(tmp_path, b"")) is None
    assert read_provenance(written(tmp_path, b"PK\3\4 and so on")) is None
    assert read_provenance(written(tmp_path, encoded("GIF", "P"))) is None


@pytest.mark.parametrize("name", FILES)
def test_of_two_records_the_newer_counts(name, tmp_path):
    data = with_provenance(FILES[name](), RECORD | {"model": "old"})
    path = written(tmp_path, with_provenance(data, RECORD | {"model": "new"}))
    assert read_provenance(path)["model"] == "new"


def test_a_video_in_memory_whose_last_box_is_open_carries_its_record(tmp_path):
    head = (16).to_bytes(4, "big") + b"ftypisom\0\0\0\0"
    data = with_provenance(head + b"\0\0\0\0mdat" + b"x" * 100, RECORD)
    path = written(tmp_path, data, "a.mp4")
    assert read_provenance(path) == RECORD
    again = with_provenance(data, RECORD | {"model": "new"})
    assert read_provenance(written(tmp_path, again, "b.mp4"))["model"] == "new"
