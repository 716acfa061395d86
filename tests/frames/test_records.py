"""What was asked for is told by the record of the prediction's id, then by attrs, then by cells."""

from __future__ import annotations

import copy
import json

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import CacheError
from pruna_nb.frames import records
from tests.frames.test_retry import WAYS
from tests.show.looking import parsed

QUIET = {"progress": False}


@pytest.fixture
def out(generate):
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"], "seed": [1, 2, 3]})
    return generate(frame, "prompt", seed_col="seed")


MORE_WAYS = {
    **WAYS,
    "own words": lambda frame: frame.assign(prompt=["Löwe", "Fuchs", "Reiher"], seed=0),
    "ids as labels": lambda frame: frame.set_index("prediction_id"),
    "names with an end": lambda frame: frame.add_suffix("_x"),
    "output renamed": lambda frame: frame.rename(columns={"output": "picture"}),
    "two in one": lambda frame: frame.merge(frame.assign(prompt="other"), on="output"),
    "beside each other": lambda frame: pd.concat({"a": frame, "b": frame}, axis=1),
    "long": lambda frame: frame.melt(["output", "prediction_id"]).drop_duplicates("output"),
}
NAMES = {
    "names with an end": "output_x",
    "output renamed": "picture",
    "beside each other": ("b", "output"),
}


def told(frame, path, output):
    frame.pruna.grid(output_col=output).save(path)
    sheet = pruna_nb.read_sheet(path)
    return {(each.model, each.prompt, each.seed) for each in sheet.itertuples()}


@pytest.mark.parametrize("way", MORE_WAYS)
def test_a_sheet_tells_what_was_sent_whatever_was_done_to_the_frame(
    way, out, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    changed = MORE_WAYS[way](out)
    if way == "two in one":
        changed = changed.rename(columns={"prediction_id_x": "prediction_id"})
    found = told(changed, tmp_path / "sheet.png", NAMES.get(way, "output"))
    assert found == {("p-image", "a lion", 1), ("p-image", "a fox", 2), ("p-image", "a heron", 3)}


def test_captions_and_a_table_say_what_was_sent_and_not_what_a_cell_says_now(out):
    edited = out.assign(prompt="Fuchs", seed=9)
    captions = [each.text for each in parsed(edited.pruna.grid().html()).all("figcaption")]
    assert captions == ["a lionseed 1", "a foxseed 2", "a heronseed 3"]
    images = parsed(edited.pruna.table(["output"]).html()).all("img")
    assert images[1].attrs["alt"] == "a fox, seed 2"


def test_a_failed_row_tells_what_it_was_asked_for(generate, service, tmp_path):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt", seed=4).assign(prompt="Fuchs")
    out.attrs = {}
    assert told(out, tmp_path / "sheet.png", "output") == {("p-image", "a fox", 4)}


def test_a_picture_that_was_taken_away_says_so_in_a_grid(out):
    out.loc[1, "output"] = None
    html = out.pruna.grid().html()
    assert "its output was taken out of the table" in html
    assert "pending" not in html


def later(spec):
    """Return a call as a later release might write it."""
    return {**spec, "variants": [1, {"a": 2}], "version": 7}


DAMAGED = {
    "text": "p-image",
    "number": 7,
    "a list": ["output"],
    "no model": {"columns": {"prompt": "prompt"}},
    "model": {"model": ["p-image"]},
    "no such name": {"model": "../../etc"},
    "columns": {"model": "p-image", "columns": ["prompt"]},
    "labels": {"model": "p-image", "columns": {"prompt": {"a": 1}}},
    "constants": {"model": "p-image", "constants": "seed"},
    "template": {"model": "p-image", "template": "{"},
    "samples": {"model": "p-image", "samples": "2"},
    "none": {"model": "p-image", "samples": 0},
    "needs": {"model": "p-image", "needs": [1]},
    "unchecked": {"model": "p-image", "unchecked": "yes"},
    "nothing": None,
    "not a number": float("nan"),
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("whole", [False, True])
def test_attrs_that_were_damaged_are_ignored(kind, whole, out, service, tmp_path):
    attrs = DAMAGED[kind] if whole else {"output": DAMAGED[kind], "x": DAMAGED[kind], 3: {}}
    out.attrs = {"pruna_nb": attrs}
    assert told(out, tmp_path / "sheet.png", "output")
    out.loc[1, "status"] = "failed"
    assert out.pruna.failed().index.tolist() == [1]
    assert out.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 3
    edited = out.pruna.edit(prompt="make it red", **QUIET)
    assert edited["step1_output"].tolist() == out["output"].tolist()
    again = out.pruna.generate("prompt", seed=5, **QUIET)
    assert list(again.attrs["pruna_nb"]) == ["output"]


def test_attrs_of_a_later_release_are_read_as_far_as_they_are_known(generate, service):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt", seed=4)
    out["prediction_id"] = None
    out.attrs["pruna_nb"]["output"] = later(out.attrs["pruna_nb"]["output"])
    out.attrs["pruna_nb"]["other_output"] = {"model": "p-image-9", "columns": {"p": "prompt"}}
    json.dumps(out.attrs)
    again = copy.deepcopy(out).pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"]
    assert service.accepted[-1]["input"] == {"prompt": "a fox", "seed": 4}
    edited = again.pruna.edit(prompt="make it red", **QUIET)
    assert edited["status"].tolist() == ["succeeded"]


def test_a_grid_of_a_frame_needs_no_cache_folder(tmp_path):
    frame = pd.DataFrame({"output": ["a.png"], "prediction_id": ["x"], "prompt": ["a fox"]})
    assert "a fox" in frame.pruna.grid().html()
    assert not (tmp_path / "cache" / "pruna_nb.sqlite").exists()


def test_a_record_that_cannot_be_read_hides_no_picture(out, monkeypatch, caplog):
    def fails(ids):
        raise CacheError("the database is locked")

    monkeypatch.setattr(records, "requests_by_id", fails)
    assert "a lion" in out.pruna.grid().html()
    assert "the database is locked" in caplog.text
