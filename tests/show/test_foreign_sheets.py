"""Sheets and pages of anybody's: read, or refused in words that name the file and what is wrong."""

from __future__ import annotations

import json
import zlib

import pytest
from PIL import Image, PngImagePlugin

import pruna_nb
from pruna_nb.errors import InputError
from pruna_nb.show.requests_in_files import KEY, PAGE_START, with_comments

SUFFIXES = [".png", ".jpg", ".webp", ".html"]
DEEP = '{"pruna_nb": 1, "cells": [{"request": {"input": {"a": ' + "[" * 900 + "]" * 900 + "}}}]}"
VERY_DEEP = '{"pruna_nb": 1, "cells": ' + "[" * 100_000
TWICE = '{"pruna_nb": 1, "cells": [{"caption": "a", "caption": "b"}]}'


def sheet(folder, suffix, content):
    path = folder / f"sheet{suffix}"
    picture = Image.new("RGB", (8, 8))
    if suffix == ".png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, content)
        picture.save(path, pnginfo=info)
    elif suffix == ".webp":
        exif = Image.Exif()
        exif[0x010E] = content
        picture.save(path, exif=exif)
    elif suffix == ".jpg":
        picture.save(path)
        path.write_bytes(with_comments(path.read_bytes(), content))
    else:
        path.write_text(f"<html>{PAGE_START}{content.replace('<', chr(92) + 'u003c')}</script>")
    return path


def with_cell(**parts):
    return json.dumps({KEY: 1, "cells": [parts]})


HOSTILE = {
    "deep": (DEEP, "nested more than 100 deep"),
    "very deep": (VERY_DEEP, "nested more than 100 deep"),
    "a name twice": (TWICE, "'caption' stands twice"),
    "NaN": ('{"pruna_nb": 1, "cells": [{"request": {"input": {"seed": NaN}}}]}', "NaN is not a"),
    "infinity": ('{"pruna_nb": 1, "cells": [{"request": {"input": {"seed": 1e999}}}]}', "1e999"),
    "digits": ('{"pruna_nb": 1, "cells": [' + "9" * 5000 + "]}", "damaged"),
    "cut": ('{"pruna_nb": 1, "cel', "damaged"),
    "a list": ("[1, 2]", "not of a form that this version reads"),
    "no version": ('{"cells": []}', "not of a form that this version reads"),
    "no cells": ('{"pruna_nb": 1}', "not of a form that this version reads"),
    "later": (
        '{"pruna_nb": 2, "pages": []}',
        r"a later release of pruna_nb wrote them \(version 2\)",
    ),
    "a cell": ('{"pruna_nb": 1, "cells": [{}, 3]}', "the record of its picture 2"),
    "request": (with_cell(request="rm -rf"), "'request' of its picture 1"),
    "input": (with_cell(request={"input": [1]}), "the input of its picture 1"),
    "model": (with_cell(request={"model": {"a": 1}}), "the model of its picture 1"),
    "file": (with_cell(file=["a"]), "'file' of its picture 1"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", HOSTILE)
def test_requests_that_are_odd_are_refused_by_name(kind, suffix, tmp_path):
    content, words = HOSTILE[kind]
    path = sheet(tmp_path, suffix, content)
    with pytest.raises(InputError, match=rf"^sheet\{suffix}: .*{words}"):
        pruna_nb.read_sheet(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_missing_is_missing_and_what_a_later_release_added_does_no_harm(suffix, tmp_path):
    cells = [{}, {"request": {"model": "p-image", "input": {"prompt": "x"}, "mood": 1}, "new": {}}]
    path = sheet(tmp_path, suffix, json.dumps({KEY: 2, "cells": cells, "more": [1]}))
    told = pruna_nb.read_sheet(path)
    assert told["model"].tolist()[1] == "p-image"
    assert told["prompt"].tolist()[1] == "x"
    assert told["status"].isna().all()


def test_a_field_of_an_input_takes_no_place_of_the_sheets_own(tmp_path):
    given = {"model": "other", "file": "/etc/passwd", "status": "lost", "prompt": "x"}
    content = with_cell(request={"model": "p-image", "input": given}, file="a.png")
    told = pruna_nb.read_sheet(sheet(tmp_path, ".png", content)).iloc[0]
    assert (told["model"], told["file"], told["status"]) == ("p-image", "a.png", None)


@pytest.mark.parametrize(
    "file",
    ["/etc/passwd", "../../etc/passwd", "C:\\Users\\passwd", "a/../../passwd", "\\\\h\\s\\passwd"],
)
def test_a_file_outside_of_the_sheets_folder_is_told_by_its_name_alone(file, tmp_path):
    told = pruna_nb.read_sheet(sheet(tmp_path, ".html", with_cell(file=file)))
    assert told["file"].tolist() == ["passwd"]


def png_with(folder, *chunks):
    """Write a PNG with chunks of our own after its head."""
    Image.new("RGB", (8, 8)).save(folder / "sheet.png")
    whole = (folder / "sheet.png").read_bytes()
    made = b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )
    (folder / "sheet.png").write_bytes(whole[:33] + made + whole[33:])
    return folder / "sheet.png"


@pytest.mark.parametrize("packed", [False, True])
def test_a_text_of_a_hundred_megabytes_is_refused(packed, tmp_path):
    text = b"x" * 100_000_000
    body = zlib.compress(text, 1) if packed else text
    path = png_with(tmp_path, (b"iTXt", b"pruna_nb\0" + bytes([packed, 0]) + b"\0\0" + body))
    with pytest.raises(InputError, match=r"^sheet\.png: "):
        pruna_nb.read_sheet(path)


@pytest.mark.parametrize("value", [7, b"\xff\xfe"])
def test_a_description_that_is_no_text_is_refused(value, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = value
    Image.new("RGB", (8, 8)).save(tmp_path / "sheet.webp", exif=exif)
    with pytest.raises(InputError, match=r"^sheet\.webp: "):
        pruna_nb.read_sheet(tmp_path / "sheet.webp")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("length", [13, 40, 90])
def test_a_picture_that_ends_early_is_refused(suffix, length, tmp_path):
    path = sheet(tmp_path, suffix, with_cell(caption="x"))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=rf"^sheet\{suffix}: "):
        pruna_nb.read_sheet(path)
