"""Outputs saved under names of one's own, with their requests, and read back as a frame."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pruna_nb
from pruna_nb.errors import ColumnError, InputError, PrunaError
from pruna_nb.files.export import safe_name
from pruna_nb.files.provenance import with_provenance

FRAME = pd.DataFrame(
    {
        "prompt": ["a red fox", "a blue whale", "a grey cat"],
        "sku": ["A-1", "B/2", "CON"],
        "kind": ["land", "sea", "land"],
    },
    index=pd.Index(["x", "y", "z"], name="key"),
)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "saved"
    path.mkdir()
    return path


@pytest.fixture
def out(generate):
    return generate(FRAME, "prompt", seed=3, aspect_ratio="1:1")


def below(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def test_each_file_is_named_by_its_row(out, folder, capsys):
    saved = out.pruna.save(folder / "shop", name="{kind}/{sku}-{aspect_ratio}-{seed}-{key}")
    assert below(folder / "shop") == [
        "land/A-1-1_1-3-x.jpg",
        "land/CON-1_1-3-z.jpg",
        "sea/B_2-1_1-3-y.jpg",
    ]
    assert [Path(file).read_bytes()[:3] for file in saved["file"]] == [b"\xff\xd8\xff"] * 3
    assert saved.index.equals(FRAME.index)
    assert "file" not in out.columns
    assert capsys.readouterr().out == f"Saved 3 files in {folder / 'shop'}.\n"


def test_without_a_name_it_is_the_row_and_the_first_words(out, folder):
    out.pruna.save(folder)
    assert below(folder) == ["1-a-red-fox.jpg", "2-a-blue-whale.jpg", "3-a-grey-cat.jpg"]


def test_a_name_that_is_taken_gets_a_number_and_no_file_is_overwritten(out, folder):
    (folder / "same.jpg").write_text("mine")
    saved = out.pruna.save(folder, name="same")
    assert (folder / "same.jpg").read_text() == "mine"
    assert [Path(file).name for file in saved["file"]] == ["same-2.jpg", "same-3.jpg", "same-4.jpg"]
    again = out.pruna.save(folder, name="same")
    assert again["file"].tolist() == saved["file"].tolist()
    assert len(below(folder)) == 4


def test_names_that_differ_in_case_alone_are_two_files_on_every_system(out, folder):
    names = ["Fox", "fox", "FOX"]
    saved = out.assign(name=names).pruna.save(folder, name="{name}")
    assert [Path(file).stem for file in saved["file"]] == ["Fox", "fox-2", "FOX-3"]


def test_a_picture_keeps_its_pixels_and_carries_its_request(out, folder):
    saved = out.pruna.save(folder)
    for row in saved.itertuples():
        with Image.open(row.output) as before, Image.open(row.file) as after:
            assert before.tobytes() == after.tobytes()
        record = pruna_nb.provenance(row.file)
        assert record["model"] == "p-image"
        assert record["input"] == {"prompt": row.prompt, "seed": 3, "aspect_ratio": "1:1"}
        assert record["prediction_id"] == row.prediction_id
        assert record["version"] == pruna_nb.__version__
        assert pd.Timestamp(record["created_at"]).tz is not None


def test_provenance_is_off_by_a_word_and_costs_no_space_then(out, folder):
    saved = out.pruna.save(folder, provenance=False)
    assert pruna_nb.provenance(saved["file"].iloc[0]) is None
    assert Path(saved["file"].iloc[0]).samefile(saved["output"].iloc[0])


@pytest.mark.parametrize("name", ["png", "webp", "jpg", "JPEG", ".png"])
def test_pictures_are_converted(out, folder, name):
    saved = out.pruna.save(folder, format=name)
    kind = name.lower().strip(".").replace("jpg", "jpeg")
    for file in saved["file"]:
        with Image.open(file) as image:
            assert image.format.lower() == kind
        assert pruna_nb.provenance(file)["input"]["seed"] == 3


def test_an_imagefolder_tells_of_each_picture(out, folder):
    out.head(2).pruna.save(folder, layout="imagefolder", name="{kind}/{sku}")
    out.tail(1).pruna.save(folder, layout="imagefolder", name="{kind}/{sku}")
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == ["land/A-1.jpg", "sea/B_2.jpg", "land/_CON.jpg"]
    assert [line["prompt"] for line in lines] == FRAME["prompt"].tolist()
    assert [line["seed"] for line in lines] == [3, 3, 3]
    assert not any("output" in line or str(folder) in json.dumps(line) for line in lines)


def test_a_folder_is_read_back_and_made_again_from_it_at_no_cost(out, folder, generate, service):
    out.pruna.save(folder, layout="imagefolder", name="{sku}", format="png")
    back = pruna_nb.read_outputs(folder)
    assert back["prompt"].tolist() == FRAME["prompt"].tolist()
    assert back["sku"].tolist() == FRAME["sku"].tolist()
    assert set(back["model"]) == {"p-image"}
    assert back["prediction_id"].tolist() == out["prediction_id"].tolist()
    charged = service.charged
    again = generate(back, "prompt", seed_col="seed", aspect_ratio_col="aspect_ratio")
    assert again["output"].tolist() == out["output"].tolist()
    assert service.charged == charged


def test_a_folder_of_pictures_without_a_record_is_read_too(folder):
    Image.new("RGB", (8, 8)).save(folder / "plain.png")
    (folder / "notes.txt").write_text("hello")
    back = pruna_nb.read_outputs(folder)
    assert back["output"].tolist() == [str(folder / "plain.png")]
    assert pruna_nb.read_outputs(folder / ".").columns.tolist() == ["output"]


def test_rows_without_an_output_have_no_file_and_are_counted(generate, folder, capsys):
    frame = pd.DataFrame({"prompt": ["a fox", None, "a cat"]})
    out = generate(frame, "prompt")
    Path(out["output"].iloc[2]).unlink()
    capsys.readouterr()
    saved = out.pruna.save(folder)
    assert saved["file"].isna().tolist() == [False, True, True]
    said = capsys.readouterr().out
    assert "Saved 1 file in" in said
    assert "1 row without an output (1 skipped)." in said
    assert "1 output could not be read" in said


def test_secrets_are_in_no_file(service, folder, generate):
    frame = pd.DataFrame({"prompt": ["a fox"]})
    out = generate(frame, "prompt", model="p-image-lora", hf_api_token="hf_secret_of_mine",
                   lora_weights="huggingface.co/a/b")  # fmt: skip
    saved = out.pruna.save(folder, layout="imagefolder")
    assert saved["file"].notna().all()
    for file in folder.iterdir():
        assert b"hf_secret_of_mine" not in file.read_bytes()
    assert "hf_api_token" not in pruna_nb.provenance(saved["file"].iloc[0])["input"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "{nothing}"}, "'nothing'"),
        ({"name": "../{sku}"}, "below the folder"),
        ({"name": "/{sku}"}, "below the folder"),
        ({"name": "{sku"}, "template"),
        ({"name": 3}, "name"),
        ({"format": "gif"}, "Allowed are 'png'"),
        ({"format": 3}, "Allowed are 'png'"),
        ({"layout": "folders"}, "imagefolder"),
        ({"provenance": "no"}, "provenance"),
        ({"output_col": "result"}, "result"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_written(out, folder, arguments, said):
    with pytest.raises(PrunaError, match=said):
        out.pruna.save(folder / "new", **arguments)
    assert not (folder / "new").exists()


def test_all_that_is_wrong_is_told_at_once(out, folder):
    with pytest.raises((InputError, ColumnError)) as told:
        out.pruna.save(folder / "new", format="gif", layout="x", name="{nothing}")
    assert all(word in str(told.value) for word in ("gif", "layout", "nothing"))


def test_a_metadata_file_that_is_not_ours_to_read_stops_it_before_anything_is_written(out, folder):
    (folder / "metadata.jsonl").write_text("not JSON\n")
    with pytest.raises(InputError, match=r"metadata\.jsonl, line 1"):
        out.pruna.save(folder, layout="imagefolder")
    assert below(folder) == ["metadata.jsonl"]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.jpg"
    Image.new("RGB", (8, 8), "red").save(path)
    return str(path)


def saved_metadata(frame, folder, **arguments):
    frame.pruna.save(folder, layout="imagefolder", **arguments)
    lines = (folder / "metadata.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_metadata_takes_columns_of_equal_names_and_of_several_levels(picture, folder):
    frame = pd.DataFrame([["a", picture, "x", "y"]], columns=["prompt", "output", "k", "k"])
    assert saved_metadata(frame, folder / "equal") == [
        {"file_name": "1-a.jpg", "model": None, "prompt": "a", "k": "y"}
    ]
    frame = frame.iloc[:, :3].set_axis(
        pd.MultiIndex.from_tuples([("prompt", ""), ("output", ""), ("meta", "sku")]), axis=1
    )
    assert saved_metadata(frame, folder / "levels", name="{meta.sku}") == [
        {"file_name": "x.jpg", "model": None, "prompt": "a", "meta.sku": "x"}
    ]


def test_metadata_has_no_paths_of_any_step_nor_of_an_earlier_save(picture, folder):
    frame = pd.DataFrame(
        {
            "prompt": ["a"],
            "step1_output": [picture],
            "step1_status": ["succeeded"],
            "output": [picture],
            "status": ["succeeded"],
            "file": [picture],
        }
    )
    assert saved_metadata(frame, folder, output_col="step1_output") == [
        {"file_name": "1-a.jpg", "model": None, "prompt": "a"}
    ]


def test_cells_that_json_cannot_hold_stop_nothing(picture, folder):
    frame = pd.DataFrame(
        {
            "prompt": ["a"],
            "output": [picture],
            "seed": [{1, 2}],
            "width": [float("inf")],
            "image": [Image.new("RGB", (4, 4))],
            "data": [b"0"],
            "parts": [{("a", 1): 2}],
            "day": [pd.Timestamp("2026-01-02")],
        }
    )
    (row,) = saved_metadata(frame, folder)
    assert (row["day"], row["prompt"]) == ("2026-01-02 00:00:00", "a")
    assert {row[name] for name in ("seed", "width", "image", "data", "parts")} == {None}
    assert pruna_nb.provenance(folder / "1-a.jpg")["input"] == {"prompt": "a"}


def test_a_file_tells_no_path_and_no_token_without_a_record_of_the_request(picture, folder):
    url = "https://host.example/a.png?X-Amz-Signature=topsecret"
    frame = pd.DataFrame({"prompt": ["a"], "output": [picture], "photo": [picture], "url": [url]})
    spec = {"model": "p-image-edit", "columns": {"prompt": "url", "images": "photo"}}
    frame.attrs["pruna_nb"] = {"output": spec}
    frame.pruna.save(folder, name="one")
    data = (folder / "one.jpg").read_bytes()
    assert b"topsecret" not in data
    assert picture.encode() not in data
    assert pruna_nb.provenance(folder / "one.jpg")["model"] == "p-image-edit"


def test_an_output_that_cannot_be_read_keeps_no_other_from_being_saved(picture, folder, capsys):
    cut = folder / "cut.png"
    Image.effect_noise((64, 64), 90).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    outputs = [str(folder), "a\0b.jpg", "", str(cut), picture]
    frame = pd.DataFrame({"output": outputs})
    saved = frame.pruna.save(folder / "new", format="webp")
    assert saved["file"].notna().tolist() == [False, False, False, False, True]
    said = capsys.readouterr().out
    assert "1 row without an output. 3 outputs could not be read" in said


@pytest.mark.parametrize(("mode", "kept"), [("LA", "RGBA"), ("CMYK", "RGB"), ("P", "RGB")])
def test_a_conversion_keeps_transparency_and_colours(mode, kept, folder):
    source = folder / ("a.tiff" if mode == "CMYK" else "a.png")
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    image = image.convert("L") if mode == "LA" else image.convert(mode)
    if mode == "LA":
        image.putalpha(100)
    image.save(source)
    saved = pd.DataFrame({"output": [str(source)]}).pruna.save(folder / "new", format="webp")
    with Image.open(saved["file"].iloc[0]) as after:
        assert after.mode == kept
        red, green, _, *alpha = after.getpixel((4, 4))
    assert alpha == ([100] if mode == "LA" else [])
    assert mode == "LA" or red > 2 * green


def test_many_rows_of_one_name_take_the_next_number_each(picture, folder):
    frame = pd.DataFrame({"output": [picture] * 1500})
    saved = frame.pruna.save(folder, name="same", provenance=False)
    assert [Path(file).stem for file in saved["file"].iloc[[0, 1, -1]]] == [
        "same", "same-2", "same-1500",
    ]  # fmt: skip


def test_a_disk_without_hard_links_has_the_same_names(picture, folder, monkeypatch):
    def link(*_, **__):
        raise OSError(95, "not supported")

    monkeypatch.setattr("os.link", link)
    (folder / "x.jpg").write_text("mine")
    frame = pd.DataFrame({"output": [picture, picture]})
    for carry in (True, False):
        saved = frame.pruna.save(folder / str(carry), name="x", provenance=carry)
        assert [Path(file).stem for file in saved["file"]] == ["x", "x-2"]
    frame.pruna.save(folder, name="x")
    assert (folder / "x.jpg").read_text() == "mine"
    assert below(folder) == [
        "False/x-2.jpg", "False/x.jpg", "True/x-2.jpg", "True/x.jpg", "x-2.jpg", "x-3.jpg", "x.jpg",
    ]  # fmt: skip


def test_names_hold_spaces_slashes_dots_and_emojis(picture, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    frame = pd.DataFrame({"product name": ["a/b.c \U0001f98a"], "output": [Path(picture).name]})
    saved = frame.pruna.save("saved", name="{product name}")
    assert saved["file"].tolist() == [str(Path("saved", "a_b.c \U0001f98a.jpg"))]


def test_a_value_that_does_not_fit_the_name_is_told_before_anything_is_written(picture, folder):
    frame = pd.DataFrame({"output": [picture], "price": ["free"]})
    with pytest.raises(InputError, match=r"\{price:.2f\}"):
        frame.pruna.save(folder / "new", name="{price:.2f}")
    assert not (folder / "new").exists()


def test_the_metadata_of_other_programs_is_read_and_chooses_no_file(picture, folder):
    Path(picture).rename(folder / "a.jpg")
    line = json.dumps(
        {"file_name": "a.jpg", "text": "one\u2028two", "output": "/etc/passwd"}, ensure_ascii=False
    )
    (folder / "metadata.jsonl").write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n")
    assert pruna_nb.read_outputs(folder).to_dict("records") == [
        {"output": str(folder / "a.jpg"), "text": "one\u2028two"}
    ]
    (folder / "metadata.jsonl").write_bytes(b'{"file_name": "\xe9"}')
    with pytest.raises(InputError, match="is not valid UTF-8"):
        pruna_nb.read_outputs(folder)


def test_the_record_of_a_stranger_chooses_no_file(picture, folder):
    record = {"model": "m", "input": {"output": "/etc/passwd"}, "parameters": "x"}
    (folder / "a.jpg").write_bytes(with_provenance(Path(picture).read_bytes(), record))
    assert pruna_nb.read_outputs(folder).to_dict("records") == [
        {"output": str(folder / "a.jpg"), "model": "m"}
    ]


@given(st.text(st.characters(codec=None), max_size=400))
def test_a_safe_name_is_one_on_all_systems(text):
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= 200
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name == name.strip(" .")
    assert not any(unicodedata.category(sign) == "Cc" for sign in name)
    assert name.split(".")[0].lower() not in {"con", "nul", "aux", "prn", "com1", "lpt9"}


def test_one_output_is_saved_where_it_is_wanted(service, folder):
    output = pruna_nb.generate("a lion", seed=5)
    assert output.save(folder / "lion").name == "lion.jpg"
    path = output.save(folder / "new" / "lion.png")
    with Image.open(path) as image:
        assert image.format == "PNG"
    record = pruna_nb.provenance(path)
    assert record["input"] == {"prompt": "a lion", "seed": 5}
    assert record["prediction_id"] == output.prediction.id
    assert output.save(path, provenance=False) == path
    assert pruna_nb.provenance(path) is None
    with pytest.raises(InputError, match="Allowed are"):
        output.save(folder / "lion.gif")
    assert sorted(file.name for file in folder.iterdir()) == ["lion.jpg", "new"]


def test_a_series_of_outputs_is_saved_with_what_was_sent_for_each(out, tmp_path):
    outputs: Any = pd.concat([out["output"], pd.Series([None], index=["none"], dtype=object)])
    saved = outputs.rename("picture").pruna.save(
        tmp_path / "set", name="{prompt}", layout="imagefolder"
    )
    assert saved.columns.tolist() == ["picture", "file"]
    assert saved.index.tolist() == [*out.index, "none"]
    assert [Path(file).stem for file in saved["file"].iloc[:-1]] == out["prompt"].tolist()
    assert saved["file"].iloc[-1] is None or pd.isna(saved["file"].iloc[-1])
    for file, number in zip(saved["file"], out["prediction_id"], strict=False):
        assert pruna_nb.provenance(file)["prediction_id"] == number
    lines = (tmp_path / "set" / "metadata.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["model"] == out["model"].iloc[0]
    # A picture of somebody else's is copied, and carries nothing.
    Image.new("RGB", (8, 8)).save(tmp_path / "mine.png")
    mine: Any = pd.Series([str(tmp_path / "mine.png")])
    assert Path(mine.pruna.save(tmp_path / "others")["file"].item()).is_file()
    with pytest.raises(InputError, match="folder must be a path"):
        out["output"].pruna.save(3)


def test_a_folder_knows_how_its_pictures_were_made_and_makes_them_again(service, tmp_path):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"]})
    models = ["p-image", "flux-dev"]
    out = frame.pruna.generate("prompt", model=models, seed=[1, 2], progress=False)
    edited = out.iloc[:1].pruna.edit(prompt="at night", progress=False)
    out.pruna.save(tmp_path / "all", layout="imagefolder", name="{prompt}-{model}-{seed}")
    edited.pruna.save(tmp_path / "edited")
    back = pruna_nb.read_outputs(tmp_path / "all")
    again = pruna_nb.rerun(back.pruna.record(), progress=False)
    assert again["cached"].all()
    ids = dict(zip(again["prediction_id"], again["model"], strict=True))
    assert ids == dict(zip(out["prediction_id"], out["model"], strict=True))
    one = pruna_nb.rerun(pruna_nb.read_outputs(tmp_path / "edited").pruna.record(), progress=False)
    assert one["prediction_id"].tolist() == edited["prediction_id"].tolist()
    assert service.charged == 9
    anew = pruna_nb.rerun(back.pruna.record(), cache="off", progress=False)
    assert (anew["model"].tolist(), service.charged) == (back["model"].tolist(), 17)


LONG = 2**53 + 1  # the first whole number that a float cannot hold


def test_a_folder_is_read_back_with_whole_seeds_beside_a_row_without_one(service, tmp_path):
    seeds = pd.array([LONG, None], dtype="Int64")
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"], "seed": seeds})
    out = frame.pruna.generate("prompt", seed_col="seed", prompt_upsampling=True, progress=False)
    other = frame.iloc[:1].pruna.generate("prompt", model="flux-dev", guidance=3.5, progress=False)
    out.pruna.save(tmp_path / "all", name="{prompt}")
    other.pruna.save(tmp_path / "all", name="other")
    back = pruna_nb.read_outputs(tmp_path / "all")
    assert back["seed"].dtype == "Int64"
    assert back["seed"].tolist() == [LONG, pd.NA, pd.NA]
    assert back["guidance"].dtype == "float64"
    assert back["prompt_upsampling"].tolist() == [True, True, None]
    assert back["prompt"].dtype == pd.Series(["text"]).dtype
    again = pruna_nb.rerun(back.pruna.record(), progress=False)
    assert again["cached"].all()
    assert service.charged == 3


def test_the_number_in_a_name_begins_at_1_and_what_a_row_lacks_is_none(picture, folder):
    frame = pd.DataFrame({"output": [str(picture)] * 2, "seed": [7, None]})
    saved = frame.pruna.save(folder, name="{row}-{seed}")
    assert [Path(file).stem for file in saved["file"]] == ["1-7", "2-none"]
