"""Cells of fields that take files: all the kinds that people have pictures in."""

from __future__ import annotations

import base64
import io
import os
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb.errors import InputError
from pruna_nb.files.decode import formats
from tests.helpers.media import clip as video
from tests.helpers.media import iso, picture, sound

QUIET = {"progress": False}


def png(color, size=(32, 24), mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    for name in ("red", "green", "blue", "white", "black", "gray"):
        (tmp_path / f"{name}.png").write_bytes(png(name))
    return tmp_path


def edit(frame, column="images", **arguments):
    return frame.pruna.edit(images_col=column, prompt="make it night", **QUIET, **arguments)


KINDS = {
    "text path": str,
    "path": lambda path: path,
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "file object": lambda path: io.BytesIO(path.read_bytes()),
    "data URI": lambda path: (
        "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    ),
    "list": lambda path: [path],
    "tuple": lambda path: (str(path),),
    "array of paths": lambda path: np.array([str(path)], dtype=object),
    "array of text": lambda path: np.array([str(path)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_bytes_are_one_file_whatever_cell_holds_them(kind, folder, service):
    plain = edit(pd.DataFrame({"images": [str(folder / "red.png")]}))
    cells = pd.Series([KINDS[kind](folder / "red.png")], dtype=object)
    again = edit(pd.DataFrame({"images": cells}))
    assert again["status"].tolist() == ["succeeded"]
    assert again["output"].tolist() == plain["output"].tolist()
    assert (service.charged, service.counts["files"]) == (1, 1)


PICTURES = {
    "PIL image": Image.new("RGB", (32, 24), "teal"),
    "PIL palette": Image.new("P", (32, 24)),
    "PIL CMYK": Image.new("CMYK", (32, 24)),
    "PIL float": Image.new("F", (32, 24)),
    "RGB array": np.full((24, 32, 3), 200, dtype="uint8"),
    "RGBA array": np.full((24, 32, 4), 200, dtype="uint8"),
    "gray array": np.full((24, 32), 200, dtype="uint8"),
    "gray array with an axis": np.full((24, 32, 1), 200, dtype="uint8"),
    "int array": np.full((24, 32, 3), 200),
    "float array": np.full((24, 32, 3), 0.5),
    "float array that overshoots": np.full((24, 32, 3), 1.01),
    "boolean array": np.eye(24, 32) > 0,
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_in_memory_is_uploaded_as_it_is(kind, service):
    frame = pd.DataFrame({"images": pd.Series([PICTURES[kind]], dtype=object)})
    assert edit(frame)["status"].tolist() == ["succeeded"]
    assert service.counts["files"] == 1


@pytest.mark.parametrize(
    ("array", "same"),
    [
        (np.full((2, 2, 3), 0.5), np.full((2, 2, 3), 128, dtype="uint8")),
        (np.array([[True, False]]), np.array([[255, 0]], dtype="uint8")),
        (np.full((2, 2), 255), np.full((2, 2), 255, dtype="uint8")),
    ],
)
def test_an_array_of_another_type_is_the_picture_that_it_means(array, same):
    from pruna_nb.files.inputs import to_media

    assert to_media(array).sha256 == to_media(same).sha256


@pytest.mark.parametrize(
    "array",
    [
        np.full((2, 2, 3), 200.0),
        np.full((2, 2, 3), -1.0),
        np.full((2, 2, 3), np.nan),
        np.full((2, 2), 256),
        np.full((2, 2), -1),
        np.zeros((2, 2, 7), dtype="uint8"),
        np.zeros(5, dtype="uint8"),
        np.zeros((0, 4, 3)),
        np.zeros((2, 2), dtype=complex),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_that_is_no_picture_is_refused_and_not_bent(array, service):
    frame = pd.DataFrame({"images": pd.Series([array], dtype=object)})
    with pytest.raises(InputError, match=r"row 0: .* not a picture"):
        edit(frame)
    assert service.counts["files"] == 0


def test_four_dimensions_are_a_list_of_pictures(service):
    batch = np.arange(2 * 8 * 8 * 3, dtype="uint8").reshape(2, 8, 8, 3)
    edit(pd.DataFrame({"images": pd.Series([batch], dtype=object)}))
    assert len(service.accepted[0]["input"]["images"]) == 2


def test_an_address_is_passed_on_as_it_is(service, asked):
    address = "https://example.com/cat.jpg?size=1"
    edit(pd.DataFrame({"images": [address, [address, " http://example.com/dog.png "]]}))
    assert service.counts["files"] == 0
    assert sorted(asked("images"), key=len) == [
        [address],
        [address, "http://example.com/dog.png"],
    ]


def test_a_single_output_of_the_package_is_a_file_too(service):
    output = pruna_nb.generate("a lion")
    frame = pd.DataFrame({"images": [output]})
    assert edit(frame)["status"].tolist() == ["succeeded"]
    again = frame.pruna.edit(images=output, prompt="make it night", **QUIET)
    assert again["cached"].tolist() == [True]


def test_a_file_that_many_rows_share_is_uploaded_once(folder, service):
    frame = pd.DataFrame(
        {"prompt": [f"p{number}" for number in range(40)], "images": [folder / "red.png"] * 40}
    )
    out = frame.pruna.edit("prompt", "images", **QUIET)
    assert out["status"].eq("succeeded").all()
    assert (service.charged, service.counts["files"]) == (40, 1)
    assert len({row["input"]["images"][0] for row in service.accepted}) == 1


def test_files_that_expire_in_mid_batch_are_uploaded_again_in_time(folder, service):
    service.configure(file_ttl=1.0, limits={"p-image-edit": (5, 0.8)})
    frame = pd.DataFrame({"prompt": [f"p{number}" for number in range(20)]})
    with pruna_nb.configure(limits={"p-image-edit": (5, 0.8)}):
        out = frame.pruna.edit("prompt", images=folder / "red.png", **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 20
    assert 2 <= service.counts["files"] <= 6
    assert service.charged == 20


def test_a_file_whose_bytes_changed_is_another_request(folder, service):
    frame = pd.DataFrame({"images": [str(folder / "red.png")]})
    edit(frame)
    (folder / "red.png").write_bytes(png("orange"))
    assert edit(frame)["cached"].tolist() == [False]
    assert service.charged == 2


def test_a_file_object_is_where_it_stood_and_can_be_read_again(service):
    file = io.BytesIO(b"skipped" + png("red"))
    file.seek(7)
    frame = pd.DataFrame({"images": pd.Series([file], dtype=object)})
    assert frame.pruna.estimate(model="p-image-edit", images_col="images", prompt="x").new == 1
    assert edit(frame)["status"].tolist() == ["succeeded"]
    assert file.tell() == 7


def test_several_columns_give_each_rows_pictures_in_order(folder, service):
    frame = pd.DataFrame(
        {
            "one": [str(folder / "red.png"), str(folder / "green.png")],
            "more": [[str(folder / "blue.png"), str(folder / "white.png")], None],
        }
    )
    out = edit(frame, ["one", "more"])
    assert out["status"].tolist() == ["succeeded"] * 2
    counts = sorted(len(row["input"]["images"]) for row in service.accepted)
    assert counts == [1, 3]


def test_a_constant_picture_goes_to_every_row(folder, service):
    frame = pd.DataFrame({"prompt": ["a", "b"]})
    out = frame.pruna.edit("prompt", images=[folder / "red.png", folder / "blue.png"], **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2
    assert service.counts["files"] == 2


@pytest.mark.parametrize("cell", [None, float("nan"), pd.NA, "", " ", [], [None]])
def test_a_row_without_a_picture_is_skipped(cell, folder, service):
    frame = pd.DataFrame({"images": pd.Series([str(folder / "red.png"), cell], dtype=object)})
    out = edit(frame)
    assert out["status"].tolist() == ["succeeded", "skipped"]
    assert out["error"].iloc[1] == "images is empty"
    # Also where no row has one: blanks are no prompts that stand in the wrong column.
    assert edit(frame.iloc[1:])["status"].tolist() == ["skipped"]


def test_every_missing_file_is_named_with_its_row(folder, service):
    frame = pd.DataFrame(
        {"images": [str(folder / "red.png"), str(folder / "gone.png"), str(folder), "nowhere.jpg"]},
        index=list("abcd"),
    )
    with pytest.raises(InputError) as raised:
        edit(frame)
    problems = raised.value.problems
    assert [problem[:8] for problem in problems] == ["row 'b':", "row 'c':", "row 'd':"]
    assert "gone.png' does not exist" in problems[0]
    assert "is a folder" in problems[1]
    assert service.counts["files"] == 0


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (b"", "is empty"),
        (b"just text", "unrecognised file type"),
        (3, "int cannot be a file"),
        ({"path": "x"}, "dict cannot be a file: The file 'x' does not exist"),
        ({"path": None, "bytes": None}, "dict cannot be a file"),
        ({"a": b"x"}, "dict cannot be a file"),
        (io.StringIO("text"), "open it in binary mode"),
        ("data:image/png;base64,!!!", "cannot be read"),
        ("data:image/png", "cannot be read"),
    ],
    ids=[
        "no bytes",
        "text",
        "number",
        "dict",
        "empty dict",
        "other dict",
        "text file",
        "bad base64",
        "no data",
    ],
)
def test_a_cell_that_can_be_no_file_says_why(cell, words, service):
    frame = pd.DataFrame({"images": pd.Series([cell], dtype=object)})
    with pytest.raises(InputError, match=f"row 0: .*{words}"):
        edit(frame)
    assert service.counts["files"] == 0


def test_a_file_above_100_mb_is_refused_before_it_is_sent(tmp_path, service):
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.write(png("red"))
        file.truncate(100_000_001)
    with pytest.raises(
        InputError, match=r"row 0: .*100,000,001 bytes; the service takes at most 100 MB"
    ):
        edit(pd.DataFrame({"images": [str(large)]}))
    assert service.counts["files"] == 0


COUNTS = [
    ("p-image-edit", "images", 5, {"prompt": "x"}),
    ("p-video-replace", "images", 3, {"video": "clip.mp4"}),
    ("p-image-try-on", "garment_images", 11, {"person_image": "red.png"}),
]


@pytest.fixture
def clip(folder, service):
    out = pruna_nb.generate("a lion", model="p-video", duration=1)
    (folder / "clip.mp4").write_bytes(out.path.read_bytes())
    return folder / "clip.mp4"


@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize("case", COUNTS, ids=lambda case: case[0])
def test_rows_with_too_many_pictures_are_named_before_anything_is_spent(case, folder, service):
    model, field, high, more = case
    paths = [str(folder / "red.png")] * 12
    for name, value in more.items():
        more = {**more, name: str(folder / value) if (folder / value).is_file() else value}
    frame = pd.DataFrame({"files": [paths[:high], paths[: high + 1], paths[:1], paths]})
    charged, uploaded = service.charged, service.counts["files"]
    with pytest.raises(InputError) as raised:
        frame.pruna.generate(model=model, **{f"{field}_col": "files"}, **more, **QUIET)
    assert [problem[:6] for problem in raised.value.problems] == ["row 1:", "row 3:"]
    words = f"{field}: {high + 1} images given; give 1 to {high}"
    assert words in raised.value.problems[0]
    assert (service.charged, service.counts["files"]) == (charged, uploaded)
    fitting = frame.iloc[[0, 2]]
    out = fitting.pruna.generate(model=model, **{f"{field}_col": "files"}, **more, **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2


def test_videos_and_sounds_are_files_like_pictures(folder, clip, service):
    with wave.open(str(folder / "hello.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 8000, "NONE", ""))
        sound.writeframes(bytes(16000))
    frame = pd.DataFrame({"sound": [folder / "hello.wav"], "picture": [folder / "red.png"]})
    out = frame.pruna.generate(
        model="p-video-avatar", image_col="picture", audio_col="sound", **QUIET
    )
    assert out["status"].tolist() == ["succeeded"]
    video = frame.assign(clip=[str(clip)]).pruna.generate(
        model="p-video-animate", image_col="picture", video_col="clip", **QUIET
    )
    assert video["status"].tolist() == ["succeeded"]
    assert Path(video["output"].item()).suffix == ".mp4"


def test_a_file_that_the_service_does_not_take_fails_its_row_alone(folder, service):
    # Whole, and of more pixels than the service takes.
    (folder / "bad.png").write_bytes(png(0, size=(9100, 9000), mode="1"))
    frame = pd.DataFrame({"images": [str(folder / "red.png"), str(folder / "bad.png")]})
    out = edit(frame)
    assert out["status"].tolist() == ["succeeded", "failed"]
    assert "INVALID_FILE" in out["error"].iloc[1]
    assert service.charged == 1


# ------------------------------------------------ what is refused before it costs

DAMAGED = {
    "half a JPEG": picture("JPEG")[:-40],
    "half a PNG": picture("PNG")[:-40],
    "half a WebP": picture("WEBP")[:-40],
    "half a GIF": picture("GIF")[:-40],
    "a PNG with a wrong checksum": picture("PNG")[:-16] + bytes(4) + picture("PNG")[-12:],
    "nothing": b"",
    "a text": b"This is not a picture, whatever its name says.",
    "a page": b"<!DOCTYPE html><html><body>404</body></html>",
    "a HEIC": iso(b"heic", b"mif1", b"heic"),
    "a HEIC by its other brands": iso(b"mif1", b"miaf", b"heic"),
    "a raw file": iso(b"crx ", b"crx ", b"isom"),
    "no AVIF": iso(b"mif1", b"mif1", b"avif", b"miaf"),
    "a video": video(),
    "a sound": sound(),
}


def test_all_damaged_and_foreign_files_are_named_at_once_and_nothing_is_sent(folder, service):
    paths = []
    for number, data in enumerate(DAMAGED.values()):
        paths.append(folder / f"{number}.jpg")
        paths[-1].write_bytes(data)
    frame = pd.DataFrame({"images": [str(folder / "red.png"), *map(str, paths), "gone.png"]})
    with pytest.raises(InputError) as raised:
        edit(frame)
    problems = raised.value.problems
    assert [problem.split(":")[0] for problem in problems] == [
        f"row {number}" for number in range(1, len(DAMAGED) + 2)
    ]
    said = dict(zip(DAMAGED, problems, strict=False))
    assert "image/heic" in said["a HEIC"]
    assert "image/heic" in said["a HEIC by its other brands"]
    assert "image/x-canon-cr3" in said["a raw file"]
    assert "image/avif" in said["no AVIF"]
    assert "is video/mp4; give a file of kind image" in said["a video"]
    assert "is audio/wav; give a file of kind image" in said["a sound"]
    assert not any("video" in text for what, text in said.items() if what.startswith("a HEIC"))
    assert (service.charged, service.counts["files"]) == (0, 0)


@pytest.mark.parametrize("what", ["half a JPEG", "a HEIC", "a text", "a video"])
def test_a_single_call_refuses_them_too(what, service):
    for call in (
        lambda: pruna_nb.generate("x", model="p-image-edit", images=[DAMAGED[what]]),
        lambda: pruna_nb.Client().create("p-image-edit", {"prompt": "x", "images": DAMAGED[what]}),
    ):
        with pytest.raises(InputError):
            call()
    assert (service.charged, service.counts["files"]) == (0, 0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (iso(b"heic", b"heic"), "is HEIC"),
        (iso(b"avif", b"avif"), "is image/avif; give a file of kind video"),
        (picture("JPEG"), "is image/jpeg; give a file of kind video"),
        (sound(), "is audio/wav; give a file of kind video"),
        (sound("mp4", "aac"), "is audio/mp4; give a file of kind video"),
        (video("matroska"), "is MKV"),
        (video()[:-30], "cannot be decoded"),
    ],
)
def test_a_field_that_takes_a_video_takes_videos_alone(data, words, folder, service):
    frame = pd.DataFrame({"clip": pd.Series([data], dtype=object)})
    with pytest.raises(InputError, match=words):
        frame.pruna.generate(
            model="p-video-animate", image=folder / "red.png", video_col="clip", **QUIET
        )
    with pytest.raises(InputError, match=words):
        frame.pruna.estimate(model="vace", prompt="x", src_video_col="clip")
    assert (service.charged, service.counts["files"]) == (0, 0)


@pytest.mark.parametrize(
    "data", [video(), video("mov"), video("webm", "libvpx")], ids=["mp4", "mov", "webm"]
)
def test_videos_of_each_kind_that_is_taken_are_sent_as_their_bytes(data, folder, service):
    frame = pd.DataFrame({"clip": pd.Series([data], dtype=object)})
    out = frame.pruna.generate(
        model="p-video-animate", image=folder / "red.png", video_col="clip", **QUIET
    )
    assert out["status"].tolist() == ["succeeded"]


def test_a_field_that_takes_a_sound_takes_no_video(folder, service):
    cells = [sound("mp3", "mp3"), sound("mp4", "aac"), sound("ogg", "libopus")]
    frame = pd.DataFrame({"sound": pd.Series(cells, dtype=object)})
    given = {"model": "p-video-avatar", "image": folder / "red.png", "audio_col": "sound"}
    assert frame.pruna.generate(**given, **QUIET)["status"].eq("succeeded").all()
    charged = service.charged
    with pytest.raises(InputError, match="is video/mp4; give a file of kind audio"):
        pd.DataFrame({"sound": [video()]}).pruna.generate(**given, **QUIET)
    assert service.charged == charged


@pytest.mark.skipif("AVIF" not in formats(), reason="the emulator's Pillow reads no AVIF")
def test_an_avif_is_sent_as_it_is(folder, service):
    (folder / "a.avif").write_bytes(picture("AVIF"))
    assert edit(pd.DataFrame({"images": [folder / "a.avif"]}))["status"].tolist() == ["succeeded"]


def test_cells_of_hugging_faces_datasets_are_files(folder, service):
    data = (folder / "red.png").read_bytes()
    cells = [
        {"bytes": data, "path": None},
        {"bytes": data, "path": "a name that leads nowhere.png"},
        {"bytes": None, "path": str(folder / "red.png")},
        {"path": str(folder / "red.png")},
        [{"bytes": data, "path": None}, {"bytes": None, "path": str(folder / "blue.png")}],
    ]
    out = edit(pd.DataFrame({"images": pd.Series(cells, dtype=object)}))
    assert out["status"].tolist() == ["succeeded"] * 5
    assert service.counts["files"] == 2
    assert service.charged == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_no_file_and_not_waited_for(folder, service):
    os.mkfifo(folder / "pipe.png")
    with pytest.raises(InputError, match=r"row 0: .*pipe\.png' is not a regular file"):
        edit(pd.DataFrame({"images": [str(folder / "pipe.png")]}))


# ------------------------------------------- files that only a table's record names


@pytest.fixture
def forgotten():
    """Let the session forget which files it named, as after a restart."""
    from pruna_nb.frames import media

    def forget():
        media._named.clear()

    return forget


def failed_edit(frame, service, **given):
    """Edit, with every prediction failing, and mend the service."""
    service.configure(faults={"failed": 1.0})
    out = frame.pruna.edit(prompt="make it night", **given, **QUIET)
    service.configure(faults={})
    assert out["status"].eq("failed").all()
    return out


@pytest.mark.parametrize("way", ["constant", "column"])
def test_retrying_a_table_uploads_no_file_that_only_its_record_names(
    way, folder, service, forgotten
):
    frame = pd.DataFrame({"photo": [str(folder / "red.png")]})
    given = {"images_col": "photo"} if way == "column" else {"images": [str(folder / "red.png")]}
    out = failed_edit(frame, service, **given)
    charged, uploaded = service.charged, service.counts["files"]
    forgotten()
    with pytest.raises(InputError, match="by no call of this session, so it is not uploaded"):
        out.pruna.retry(**QUIET)
    assert (service.charged, service.counts["files"]) == (charged, uploaded)
    again = out.pruna.retry(model="p-image-edit", prompt="make it night", **given, **QUIET)
    assert again["status"].tolist() == ["succeeded"]


@pytest.mark.parametrize("way", ["constant", "column"])
def test_retrying_in_the_session_that_named_the_files_goes_on(way, folder, service):
    frame = pd.DataFrame({"photo": [str(folder / "red.png")]})
    paths = [str(folder / "red.png")]
    given = {"images_col": "photo"} if way == "column" else {"images": paths}
    out = failed_edit(frame, service, **given)
    assert out.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"]


def test_a_chain_goes_on_from_outputs_in_the_cache_in_a_new_session_too(service, forgotten):
    made = pd.DataFrame({"prompt": ["a lion"]}).pruna.generate("prompt", **QUIET)
    out = failed_edit(made, service)
    forgotten()
    assert out.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"]
