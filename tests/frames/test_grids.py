"""A frame's outputs as a grid and as a table: what is said of each picture."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import ColumnError, PrunaError
from tests.show.looking import parsed

LONG = "a lighthouse at dusk, " * 40


def captions(grid):
    return [caption.text for caption in parsed(grid.html()).all("figcaption")]


def test_a_caption_says_what_differs_and_the_head_what_all_share(generate):
    out = generate(pd.DataFrame({"prompt": [LONG] * 2, "seed": [1, 2]}), "prompt", seed_col="seed")
    grid = out.pruna.grid()
    assert sorted(captions(grid)) == ["seed 1", "seed 2"]
    said = parsed(grid.html()).all("p")[0].text
    assert said.startswith("a lighthouse at dusk, a lighthouse")
    assert "p-image" in said
    assert {image.attrs["title"] for image in parsed(grid.html()).all("img")} == {LONG.strip()}


def test_an_uploaded_file_is_told_by_its_id_and_the_picture_keeps_its_address(service, tmp_path):
    lora = f"{service.url}/v1/files/file-7"
    df = pd.DataFrame({"prompt": ["a harbour", "a windmill"]})
    out = df.pruna.generate("prompt", model="p-image-lora", lora_weights=lora, progress=False)
    grid = out.pruna.grid()
    assert "lora weights file-7" in grid._repr_html_()
    assert service.url not in grid._repr_html_()
    grid.save(tmp_path / "sheet.png")
    assert pruna_nb.read_sheet(tmp_path / "sheet.png")["lora_weights"].tolist() == [lora] * 2


def test_pictures_of_long_prompts_are_told_apart_by_their_captions(generate):
    frame = pd.DataFrame({"prompt": [LONG + "a", LONG + "b"], "seed": [1, 2]})
    said = captions(generate(frame, "prompt", seed_col="seed").pruna.grid())
    assert [text.partition("…")[2] for text in said] == ["seed 1", "seed 2"]


SWEEP = pd.MultiIndex.from_product(
    [["a fox", "an owl"], [1, 2], ["1:1", "16:9"]], names=["prompt", "seed", "shape"]
).to_frame(index=False)


@pytest.fixture
def swept(generate):
    return generate(SWEEP, "prompt", seed_col="seed", aspect_ratio_col="shape")


def heads(grid):
    return [th.text for th in parsed(grid.html()).all("th")]


def test_a_list_of_fields_lays_out_sub_rows_that_line_up(swept):
    grid = swept.pruna.grid(rows=["prompt", "seed"], cols="aspect_ratio")
    assert heads(grid) == ["1:1", "16:9", "a fox", "1", "2", "an owl", "1", "2"]
    rows = parsed(grid.html()).all("tr")[1:]
    assert [len(row.all("figure")) for row in rows] == [2] * 4
    assert [row.all("th")[0].attrs.get("rowspan") for row in rows] == ["2", None, "2", None]
    words = ["aspect ratio 1:1", "aspect ratio 16:9"]
    assert captions(grid) == words * 4  # four rows are taller than a screen


def test_lists_nest_columns_too_and_one_name_in_a_list_is_that_name(swept):
    grid = swept.pruna.grid(rows=["prompt"], cols=["seed", "shape"])
    assert heads(grid) == ["1", "2", "1:1", "16:9", "1:1", "16:9", "a fox", "an owl"]


def test_models_are_an_axis(generate):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"]})
    both = pd.concat([generate(frame, "prompt", model=m) for m in ("p-image", "flux-dev")])
    assert heads(both.pruna.grid(rows="prompt", cols="model")) == [
        "p-image",
        "flux-dev",
        "a fox",
        "an owl",
    ]


def test_a_field_that_was_left_to_its_default_is_an_axis(generate):
    out = generate(pd.DataFrame({"prompt": ["a fox", "an owl"]}), "prompt")
    assert heads(out.pruna.grid(cols="aspect_ratio"))[0] == "16:9"


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"rows": ["seed", "seed"]}, "rows= names 'seed' twice"),
        ({"rows": ["prompt", "seed"], "cols": "seed"}, "rows= and cols= both name 'seed'"),
        ({"rows": [["prompt"]]}, "rows= takes a name or a list of names; it holds a list of 1"),
        ({"cols": "aspect_ration"}, "Did you mean 'aspect_ratio'"),
        ({"cols": ["seed", "guidance"]}, "There are: 'model', 'prompt', 'seed', 'aspect_ratio'"),
    ],
)
def test_an_axis_that_cannot_be_is_refused_in_words(swept, axes, said):
    with pytest.raises(PrunaError, match=said):
        swept.pruna.grid(**axes)


def test_a_ratio_keeps_its_direction_beside_a_prompt_from_right_to_left(generate):
    out = generate(pd.DataFrame({"prompt": ["ثعلب أحمر"]}), "prompt", aspect_ratio="3:2", seed=7)
    (caption,) = parsed(out.pruna.grid().html()).all("figcaption")
    assert [bdi.text for bdi in caption.all("bdi")] == ["ثعلب أحمر", "aspect ratio 3:2 · seed 7"]


def requests_on_a_sheet(frame, path):
    frame.pruna.grid().save(path)
    return pruna_nb.read_sheet(path)


def test_a_frame_that_was_merged_still_tells_what_was_really_sent(generate, tmp_path):
    made = generate(
        pd.DataFrame({"prompt": ["a fox"], "kind": [1]}), prompt="{prompt}, at night", seed=7
    )
    merged = made.merge(pd.DataFrame({"kind": [1], "name": ["wild"]}), on="kind")
    assert not merged.attrs.get("pruna_nb")
    told = requests_on_a_sheet(merged, tmp_path / "sheet.png")
    assert told[["model", "prompt", "seed"]].to_numpy().tolist() == [
        ["p-image", "a fox, at night", 7]
    ]


def test_runs_that_were_put_together_tell_their_models_and_whole_seeds(generate, tmp_path):
    frame = pd.DataFrame({"prompt": ["a fox"]})
    both = pd.concat(
        [generate(frame.assign(seed=3), "prompt", seed_col="seed"),
         generate(frame, "prompt", model="flux-dev")]
    )  # fmt: skip
    assert captions(both.pruna.grid()) == ["seed 3 · p-image", "flux-dev"]
    told = requests_on_a_sheet(both, tmp_path / "sheet.png")
    assert told["model"].tolist() == ["p-image", "flux-dev"]


def test_a_sheet_tells_whole_seeds_beside_a_picture_without_one(generate, tmp_path):
    seeds = pd.array([2**53 + 1, None], dtype="Int64")
    out = generate(pd.DataFrame({"prompt": ["a", "b"], "seed": seeds}), "prompt", seed_col="seed")
    told = requests_on_a_sheet(out, tmp_path / "sheet.png")
    assert told["seed"].tolist() == [9007199254740993, pd.NA]


def test_a_picture_in_a_table_is_read_out_as_what_was_asked_for(generate):
    out = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt", aspect_ratio="1:1", seed=7)
    (image,) = parsed(out.pruna.table().html()).all("img")
    assert image.attrs["alt"] == "a fox, seed 7, aspect ratio 1:1"


def test_a_picture_in_a_table_tells_of_another_ratio_than_the_one_asked_for(generate):
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"], "aspect_ratio": ["1:1", "16:9"]})
    out = generate(frame, "prompt", aspect_ratio_col="aspect_ratio")
    out["output"] = out["output"].iloc[1]
    first, second = parsed(out.pruna.table(["output"]).html()).all("tr")[1:]
    assert "asked 1:1, got 16:9" in first.text
    assert not second.text


def test_a_table_says_why_there_is_no_picture_once(generate, service):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt")
    reason = out["error"].iloc[0]
    without = parsed(out.pruna.table(["prompt", "output"]).html()).all("td")[1].text
    assert without.startswith("failed")
    assert without.removeprefix("failed")[:40] == reason[:40]
    whole = parsed(out.pruna.table().html()).all("tr")[1].text
    assert whole.count(reason[:40]) == 1


def test_what_was_skipped_or_has_no_status_is_never_pending(generate, service):
    service.configure(faults={"failed": {"first": 1}})
    made = generate(pd.DataFrame({"prompt": ["a fox", ""]}), "prompt")
    edited = made.pruna.edit(prompt="at night", progress=False)
    assert edited["status"].tolist() == ["skipped", "skipped"]
    new = pd.DataFrame({"prompt": ["an owl", "a heron"], "error": [None, "422: no"]})
    both = pd.concat([edited, new], ignore_index=True)
    shown = both.pruna.grid().html(), both.pruna.table().html(), edited.pruna.table().html()
    assert "pending" not in "".join(shown)
    assert "4 pictures: 1 failed, 3 skipped." in parsed(shown[0]).text
    statuses = [td.text for td in parsed(both.pruna.table(["output"]).html()).all("td")]
    assert [text[:7] for text in statuses] == ["skipped", "skipped", "skipped", "failed4"]


def test_a_frame_without_rows_says_so_in_a_table():
    frame = pd.DataFrame({"prompt": [], "output": []})
    assert "There are no rows to show." in parsed(frame.pruna.table().html()).text


def test_a_misspelt_column_of_a_table_is_named_with_a_near_one():
    frame = pd.DataFrame({"prompt": ["a fox"], "output": [None]})
    with pytest.raises(ColumnError, match="Did you mean 'prompt'"):
        frame.pruna.table(["promt"])
