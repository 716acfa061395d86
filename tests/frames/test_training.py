"""From pictures and captions to an archive, to trained weights, to pictures in their style."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb.errors import InputError, TooLargeError

QUIET = {"progress": False}


@pytest.fixture
def photos(tmp_path):
    """Make a folder of three pictures, one with its caption, and what is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, color in (("a.png", "red"), ("b.jpg", "green"), ("c.webp", "blue")):
        Image.new("RGB", (16, 16), color).save(folder / name)
    (folder / "a.txt").write_text("a tok red")
    (folder / "notes.md").write_text("not for training")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "within").mkdir()
    return folder


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def texts(path):
    return {name: data.decode() for name, data in members(path).items() if name.endswith(".txt")}


def test_a_folder_is_packed_beside_itself_with_each_caption_beside_its_picture(photos):
    path = pruna_nb.folder_to_zip(photos)
    assert path == photos.parent / "photos.zip"
    assert sorted(members(path)) == ["a.png", "a.txt", "b.jpg", "c.webp"]
    assert members(path)["b.jpg"] == (photos / "b.jpg").read_bytes()
    assert texts(path) == {"a.txt": "a tok red"}


@pytest.mark.parametrize(
    "captions",
    [
        {"a.png": "one", "b.jpg": "two"},
        {"a": "one", "b": "two"},
        {"/elsewhere/a.png": "one", "b.jpg": "two", "c.webp": None},
        pd.Series({"a.png": "one", "b.jpg": "two", "c.webp": float("nan")}),
        pd.DataFrame({"file": ["a.png", "b.jpg"], "text": ["one", "two"]}).set_index("file")[
            "text"
        ],
    ],
    ids=["names", "stems", "paths", "Series", "column"],
)
def test_captions_by_file_name_go_before_the_folders_own(captions, photos):
    assert texts(pruna_nb.folder_to_zip(photos, captions)) == {"a.txt": "one", "b.txt": "two"}


def test_one_caption_is_that_of_each_picture_without_its_own(photos):
    path = pruna_nb.folder_to_zip(photos, "a tok colour")
    assert texts(path) == {"a.txt": "a tok red", "b.txt": "a tok colour", "c.txt": "a tok colour"}


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_text_of_nothing_is_no_caption_of_its_own(photos, blank):
    (photos / "a.txt").write_text(blank)
    assert texts(pruna_nb.folder_to_zip(photos, "a tok colour"))["a.txt"] == "a tok colour"


@pytest.mark.parametrize(
    ("captions", "words"),
    [
        ({"a.png": 5}, "'a.png' is not text, but int"),
        ({"a.png": b"one"}, "'a.png' is not text, but bytes"),
        ({"a.png": ["one"]}, "'a.png' is not text, but list"),
        ({"a.png": "one", "A.PNG": "two"}, "'A.PNG' gives a second caption"),
    ],
)
def test_a_caption_that_would_be_left_out_is_named(captions, words, photos):
    with pytest.raises(InputError, match=words):
        pruna_nb.folder_to_zip(photos, captions)


def test_a_missing_caption_or_the_same_one_twice_is_no_mistake(photos):
    given = {"a.png": "one", "a": "one", "b.jpg": None, "c": float("nan")}
    assert texts(pruna_nb.folder_to_zip(photos, given)) == {"a.txt": "one"}


@pytest.mark.parametrize("name", ["d.HEIC", "d.gif", "d.tiff", "d.avif"])
def test_a_picture_of_another_format_is_named_since_the_training_would_be_without_it(name, photos):
    (photos / name).write_bytes(b"whatever")
    with pytest.raises(InputError, match=rf"{name} is not of the formats that trainers take"):
        pruna_nb.folder_to_zip(photos)


def test_pairs_for_the_trainer_of_edits_share_one_caption(tmp_path):
    for name in ("x_start.png", "x_start2.png", "x_end.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    path = pruna_nb.folder_to_zip(tmp_path, {"x": "make it tok"}, to=tmp_path / "pairs.zip")
    assert sorted(members(path)) == ["x.txt", "x_end.png", "x_start.png", "x_start2.png"]


def test_a_picture_without_its_other_half_is_named(tmp_path):
    for name in ("x_start.png", "x_end.png", "y_start.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(InputError, match=r"y_start\.png has no y_end beside it"):
        pruna_nb.folder_to_zip(tmp_path)


def test_equal_folders_give_equal_bytes_and_one_training(photos, service):
    first = pruna_nb.folder_to_zip(photos)
    kept = first.read_bytes()
    (photos / "a.png").touch()
    second = pruna_nb.folder_to_zip(photos, to=photos.parent / "again.zip")
    assert second.read_bytes() == kept
    frame = pd.DataFrame({"data": [str(first), str(second)]})
    out = frame.pruna.generate(model="p-image-trainer", image_data_col="data", **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2
    assert (service.charged, service.counts["files"]) == (1, 1)


def test_all_that_is_wrong_with_a_folder_is_told_at_once(photos):
    (photos / "d.jpg").write_text("<html>")
    Image.new("RGB", (8, 8)).save(photos / "a.jpg")
    with pytest.raises(InputError) as raised:
        pruna_nb.folder_to_zip(photos, {"gone.png": "x"})
    assert len(raised.value.problems) == 3
    assert "a.jpg and a.png would share one caption" in str(raised.value)
    assert "'gone.png' belongs to no picture there" in str(raised.value)
    assert "d.jpg" in str(raised.value)
    assert not (photos.parent / "photos.zip").exists()


def test_what_is_no_folder_of_pictures_is_refused(tmp_path, photos):
    with pytest.raises(InputError, match="takes a folder"):
        pruna_nb.folder_to_zip(photos / "a.png")
    with pytest.raises(InputError, match="holds no pictures"):
        pruna_nb.folder_to_zip(photos / "within")
    with pytest.raises(InputError, match="not list"):
        pruna_nb.folder_to_zip(photos, ["a tok red"])
    with pytest.raises(InputError, match="there is no folder"):
        pruna_nb.folder_to_zip(photos, to=tmp_path / "gone" / "x.zip")


def test_an_archive_above_100_mb_is_not_written(photos):
    for name in ("a.png", "b.jpg"):
        with (photos / name).open("r+b") as file:
            file.truncate(50_000_000)
    with pytest.raises(TooLargeError, match="would have 100 MB"):
        pruna_nb.folder_to_zip(photos)
    assert list(photos.parent.glob("*.zip*")) == []


def test_a_folder_is_packed_without_holding_it_in_memory(tmp_path):
    import tracemalloc

    with (tmp_path / "big.png").open("wb") as file:
        Image.new("RGB", (8, 8)).save(file, "PNG")
        file.truncate(60_000_000)
    tracemalloc.start()
    try:
        pruna_nb.folder_to_zip(tmp_path, to=tmp_path / "big.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


def test_a_frames_outputs_and_prompts_are_packed_as_pictures_and_captions(service, tmp_path):
    frame = pd.DataFrame({"prompt": ["a tok lion", None, "a tok fox"]})
    out = frame.pruna.generate("prompt", **QUIET)
    path = out.pruna.to_zip(tmp_path / "train.zip", caption_col="prompt")
    assert sorted(members(path)) == ["0001.jpg", "0001.txt", "0003.jpg", "0003.txt"]
    assert texts(path) == {"0001.txt": "a tok lion", "0003.txt": "a tok fox"}
    assert members(path)["0003.jpg"] == Path(out["output"].iloc[2]).read_bytes()


def test_a_chains_first_and_last_pictures_are_pairs_for_the_trainer_of_edits(service, tmp_path):
    frame = pd.DataFrame({"prompt": ["a lion", "a fox"]})
    edited = frame.pruna.generate("prompt", **QUIET).pruna.edit(prompt="make it red", **QUIET)
    path = edited.pruna.to_zip(
        tmp_path / "pairs.zip", caption_col="prompt", start_col="step1_output"
    )
    assert [name for name in sorted(members(path)) if name.startswith("0001")] == [
        "0001.txt", "0001_end.jpg", "0001_start.jpg",
    ]  # fmt: skip
    out = pd.DataFrame({"data": [path]}).pruna.generate(
        model="p-image-edit-trainer", image_data_col="data", steps=100, **QUIET
    )
    assert out["status"].tolist() == ["succeeded"]


def test_pictures_in_memory_are_packed_too(tmp_path):
    frame = pd.DataFrame({"picture": [np.zeros((8, 8, 3), "uint8"), Image.new("RGB", (8, 8))]})
    path = frame.pruna.to_zip(tmp_path / "x.zip", "picture")
    assert sorted(members(path)) == ["0001.png", "0002.png"]


def test_every_row_that_cannot_be_packed_is_named(tmp_path):
    frame = pd.DataFrame({"output": ["gone.png", "https://example.com/x.png", b"PK\x05\x06"]})
    with pytest.raises(InputError) as raised:
        frame.pruna.to_zip(tmp_path / "x.zip")
    assert [problem[:6] for problem in raised.value.problems] == ["row 0:", "row 1:", "row 2:"]
    with pytest.raises(InputError, match="holds no pictures"):
        pd.DataFrame({"output": [None]}).pruna.to_zip(tmp_path / "x.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_trained_weights_are_a_zip_on_disk_and_make_pictures_by_their_address(photos, service):
    archive = pruna_nb.folder_to_zip(photos, "a tok colour")
    trained = pruna_nb.generate(model="p-image-trainer", image_data=archive, steps=100)
    assert trained.path.suffix == ".zip"
    assert any(name.endswith(".safetensors") for name in members(trained.path))
    weights = pruna_nb.Client().upload(trained.path).url
    frame = pd.DataFrame({"prompt": ["a tok lion", "a tok fox"]})
    out = frame.pruna.generate("prompt", model="p-image-lora", lora_weights=weights, **QUIET)
    assert out["status"].tolist() == ["succeeded"] * 2
    assert service.accepted[-1]["input"]["lora_weights"] == weights


def test_a_file_of_the_wrong_kind_is_refused_by_row_before_it_is_paid_for(photos, service):
    frame = pd.DataFrame({"data": [str(photos / "a.png")]})
    with pytest.raises(InputError, match=r"row 0: image_data: .*a\.png is image/png; give .* zip"):
        frame.pruna.generate(model="p-image-trainer", image_data_col="data", **QUIET)
    archive = pruna_nb.folder_to_zip(photos)
    with pytest.raises(
        InputError, match=r"images: .*photos\.zip is application/zip; give .* image"
    ):
        frame.pruna.edit(prompt="x", images=archive)
    assert (service.charged, service.counts["files"]) == (0, 0)


# -------------------------------------------------------- captions beside pictures

NFC, NFD = "caf\u00e9", "cafe\u0301"


def folder_of(folder, *names):
    folder.mkdir()
    for name in names:
        if name.lower().endswith(".txt"):
            (folder / name).write_text(f"of {name}", encoding="utf-8")
        else:
            Image.new("RGB", (8, 8)).save(folder / name, "JPEG")
    return folder


@pytest.mark.parametrize(
    ("picture", "caption"),
    [
        ("a.jpg", "a.txt"),
        ("A.JPG", "a.txt"),
        ("a.jpg", "A.TXT"),
        ("a.jpg", "a.Txt"),
        ("a.jpg", "a.jpg.txt"),
        ("a.JPG", "A.jpg.TXT"),
        (f"{NFD}.jpg", f"{NFC}.txt"),
        (f"{NFC}.jpg", f"{NFD}.txt"),
        (f"{NFD.upper()}.jpg", f"{NFC}.jpg.txt"),
        ("a.b.jpg", "a.b.txt"),
    ],
)
def test_a_caption_is_found_whatever_case_and_form_its_name_has(picture, caption, tmp_path):
    path = pruna_nb.folder_to_zip(folder_of(tmp_path / "photos", picture, caption))
    assert texts(path) == {f"{Path(picture).stem}.txt": f"of {caption}"}


@pytest.mark.parametrize("name", [f"{NFC}.jpg", NFD, f"{NFD.upper()}.JPG"])
def test_captions_by_name_are_found_in_the_same_way(name, tmp_path):
    folder = folder_of(tmp_path / "photos", f"{NFD}.jpg")
    assert texts(pruna_nb.folder_to_zip(folder, {name: "a tok place"})) == {
        f"{NFD}.txt": "a tok place"
    }


def test_where_two_names_differ_by_case_alone_each_has_its_own_caption(tmp_path):
    folder = folder_of(tmp_path / "photos", "a.jpg", "A.jpg", "a.txt", "A.txt")
    assert texts(pruna_nb.folder_to_zip(folder)) == {"a.txt": "of a.txt", "A.txt": "of A.txt"}


def test_texts_that_belong_to_no_picture_or_to_one_that_has_one_are_told(tmp_path):
    folder = folder_of(
        tmp_path / "photos", "a.jpg", "a.txt", "a.jpg.txt", "b.txt", "README.TXT", ".hidden.txt"
    )
    with pytest.raises(InputError) as raised:
        pruna_nb.folder_to_zip(folder)
    said = raised.value.problems
    assert len(said) == 3
    assert "README.TXT belongs to no picture" in said[0]
    assert "a.jpg.txt and a.txt are captions of one picture" in said[1]
    assert "b.txt belongs to no picture" in said[2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("caf\u00e9".encode("cp1252"), "a.txt is not valid UTF-8"),
        ("caf\u00e9".encode("utf-16"), "a.txt is not valid UTF-8 .*UTF-16"),
        ("cafe".encode("utf-16-le"), "a.txt is not valid UTF-8 text .*NUL"),
        (b"\xff", "a.txt is not valid UTF-8"),
    ],
)
def test_a_text_in_another_encoding_names_its_file(data, words, tmp_path):
    folder = folder_of(tmp_path / "photos", "a.jpg", "b.jpg", "b.txt")
    (folder / "a.txt").write_bytes(data)
    with pytest.raises(InputError, match=words):
        pruna_nb.folder_to_zip(folder)
    (folder / "a.txt").write_bytes("caf\u00e9".encode("utf-8-sig"))
    assert texts(pruna_nb.folder_to_zip(folder))["a.txt"] == "caf\u00e9"


def test_half_a_character_in_a_caption_is_told_with_its_picture_or_row(tmp_path):
    folder = folder_of(tmp_path / "photos", "a.jpg")
    with pytest.raises(InputError, match="'a' holds half a character"):
        pruna_nb.folder_to_zip(folder, {"a": "x\ud83d"})
    frame = pd.DataFrame(
        {"output": [str(folder / "a.jpg")], "words": pd.Series(["x\ud83d"], dtype=object)}
    )
    with pytest.raises(InputError, match="row 0: the caption holds half a character"):
        frame.pruna.to_zip(tmp_path / "x.zip", caption_col="words")


def test_a_damaged_picture_is_told_before_it_is_packed(tmp_path):
    folder = folder_of(tmp_path / "photos", "a.jpg", "b.jpg")
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-20])
    with pytest.raises(InputError, match=r"b\.jpg is JPG .* cannot be decoded \(cut short\)"):
        pruna_nb.folder_to_zip(folder)
    with pytest.raises(InputError, match=r"row 1: .*b\.jpg is JPG"):
        pd.DataFrame({"output": [folder / "a.jpg", folder / "b.jpg"]}).pruna.to_zip(
            tmp_path / "x.zip"
        )
