"""Files as cameras, editors and servers write them: none is refused, and no cut one is taken."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from pruna_nb.errors import InputError
from pruna_nb.files import checks
from pruna_nb.files.checks import problem_of, type_of
from pruna_nb.files.decode import opened
from tests.faults.cases import settings_for
from tests.faults.cases_pictures import Outputs
from tests.faults.servers import Server, reply
from tests.helpers.media import box, clip, picture, zip_of


def problem(data):
    file = io.BytesIO(data)
    return problem_of(file, type_of(file))


def saved(image, format_="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def with_chunk(name, content, before=b"IDAT"):
    data = picture("PNG")
    at = data.index(before) - 4
    return data[:at] + chunk(name, content) + data[at:]


RED = Image.new("RGB", (64, 48), "red")
TEXT = zlib.compress(b"a workflow of many nodes " * 200_000)
PICTURES = {
    "a JPEG of one pixel": saved(RED.resize((1, 1)), "JPEG"),
    "a JPEG of seven pixels' height": saved(RED.resize((640, 7)), "JPEG"),
    "a progressive JPEG": saved(RED, "JPEG", progressive=True),
    "a JPEG in CMYK": saved(RED.convert("CMYK"), "JPEG"),
    "a JPEG with a line's end behind it": picture("JPEG") + b"\r\n",
    "a PNG with a chunk of somebody's own": with_chunk(b"prVt", b"abc" * 100),
    "a PNG with signed credentials": with_chunk(b"caBX", bytes(20_000)),
    "a PNG with a packed text of 5 MB": with_chunk(b"zTXt", b"workflow\0\0" + TEXT),
    "a PNG with such a text at its end": with_chunk(b"zTXt", b"workflow\0\0" + TEXT, b"IEND"),
    "a PNG with such a text in UTF-8": with_chunk(b"iTXt", b"workflow\0\1\0\0\0" + TEXT),
    "a PNG with bytes behind it": picture("PNG") + b"\n",
    "an animated WebP": saved(RED, "WEBP", save_all=True, append_images=[RED.rotate(90)]),
    "an animated PNG": saved(RED, "PNG", save_all=True, append_images=[RED.rotate(90)]),
}
FAST = {"moov_size": "4000"}
"""Room for the index in front of the data."""


def endless(data):
    """Let an mp4's last box, its data, go on to the end of the file, as streamed writers do."""
    at = data.index(b"mdat") - 4
    return data[:at] + bytes(4) + data[at + 4 :]


VIDEOS = {
    "mp4 with its index at the end": clip(),
    "mp4 with its index in front": clip(**FAST),
    "mp4 whose data have no length": endless(clip(**FAST)),
    "mp4 in fragments": clip(movflags="frag_every_frame+empty_moov"),
    "mp4 with a line's end behind it": clip() + b"\r\n",
    "mp4 with words behind it": clip(**FAST) + b"-- sent by a proxy that adds this --",
    "mp4 with zeros behind it": clip() + bytes(64),
    "mp4 with a box of somebody's own": clip() + box(b"uuid", bytes(300)),
    "webm": clip("webm", "libvpx"),
    "webm without lengths": clip("webm", "libvpx", live="1"),
    "webm with a line's end behind it": clip("webm", "libvpx") + b"\r\n",
}


@pytest.mark.parametrize("what", [*PICTURES, *VIDEOS])
def test_an_ordinary_file_has_no_problem(what):
    assert problem((PICTURES | VIDEOS)[what]) is None


@pytest.mark.parametrize("what", ["mp4 with its index in front", "mp4 whose data have no length"])
@pytest.mark.parametrize("part", [0.3, 0.8, 0.99])
def test_a_video_that_lost_its_last_samples_is_damaged_without_pyav_too(what, part, monkeypatch):
    def none(*_):
        raise ImportError

    monkeypatch.setattr(checks, "first_frame", none)
    data = VIDEOS[what]
    begin = data.index(b"mdat") + 4
    assert problem(data) is None
    assert problem(data[: begin + int((len(data) - begin) * part)]) is not None


def test_a_box_of_data_that_is_shorter_than_the_samples_is_damage():
    data = clip(**FAST)
    begin = data.index(b"mdat") + 4
    cut = data[begin : begin + (len(data) - begin) * 2 // 3]
    assert "not in the file" in problem(data[: begin - 8] + box(b"mdat", cut))


@pytest.mark.parametrize("members", [{}, {"weights/": b""}, {"weights.safetensors": b""}])
def test_an_archive_without_content_is_damaged(members):
    assert problem(zip_of(members)) == "it holds no files with content"


def test_a_zip64_archive_is_whole():
    buffer = io.BytesIO()
    member = zipfile.ZipInfo("weights")
    with (
        zipfile.ZipFile(buffer, "w") as archive,
        archive.open(member, "w", force_zip64=True) as file,
    ):
        file.write(b"x" * 1000)
    assert problem(buffer.getvalue()) is None


def test_a_packed_text_is_left_out_and_the_tags_that_turn_a_picture_are_kept():
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "node " * 500_000, zip=True)
    tags = '<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    info.add_itxt("XML:com.adobe.xmp", tags + " " * 5000)
    with opened(io.BytesIO(saved(RED, "PNG", pnginfo=info))) as image:
        image.load()
        assert image.getexif()[0x0112] == 6
        assert "workflow" not in image.info


@pytest.mark.parametrize(
    "content_type", ["text/html", "application/json", "text/plain", "application/octet-stream", ""]
)
def test_an_output_under_a_wrong_content_type_is_taken_for_what_its_bytes_are(content_type):
    outputs = Outputs([picture("JPEG")], b"", None)

    def answer(asked):
        if "/delivery/" in asked.path:
            return reply(200, picture("JPEG"), {"Content-Type": content_type})
        return outputs(asked)

    with Server(answer) as server, settings_for(server.url):
        made = pd.DataFrame({"prompt": ["a fox"]}).pruna.generate("prompt", progress=False)
        assert made["status"].tolist() == ["succeeded"]
        assert made["output"].iloc[0].endswith(".jpg")


def tiff(*tags):
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    "data", [tiff((254, 1), (256, 160), (330, 900)), tiff((254, 0), (256, 9), (50706, 0x0401))]
)
def test_a_raw_file_that_begins_as_a_tiff_is_refused_by_what_it_is(data):
    """Its first picture is a thumbnail, which Pillow would open."""
    assert type_of(io.BytesIO(data)).name == "RAW"
    frame = pd.DataFrame({"picture": [data]})
    with pytest.raises(InputError, match="Develop the raw file"):
        frame.pruna.edit(prompt="x", images_col="picture", progress=False)


def test_an_iso_file_of_an_unknown_brand_that_holds_a_picture_is_no_video():
    data = box(b"ftyp", b"1pic" + bytes(4) + b"1pic") + box(b"meta", bytes(40))
    assert type_of(io.BytesIO(data)).content_type == "image/heif"


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("where", ["column", "constant"])
def test_an_opened_picture_whose_file_is_cut_short_is_refused_in_its_row(format_, where):
    data = picture(format_)
    cut = Image.open(io.BytesIO(data[:-300]))
    frame = pd.DataFrame({"prompt": ["a", "b"]})
    pictures = pd.Series([None, None], dtype=object)  # pandas 2 decodes what it is given in a list
    pictures[0], pictures[1] = Image.open(io.BytesIO(data)), cut
    given = {"images": cut} if where == "constant" else {"images_col": "picture"}
    with pytest.raises(InputError, match=r"(row 1|images): The image of mode RGB cannot be read"):
        frame.assign(picture=pictures).pruna.edit("prompt", progress=False, **given)
