"""A frame as a table: the columns that a person reads, even figures, ratings, and what is saved."""

from __future__ import annotations

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.settings import current
from tests.show.looking import parsed


def cells_of(table):
    """Return a table's cells by their heads."""
    root = parsed(table.html())
    rows = [[td.text for td in row.all("td")] for row in root.all("tr") if row.all("td")]
    return {head: list(cells) for head, *cells in zip(table.columns, *rows, strict=True)}


@pytest.fixture
def shop():
    """Return a frame of a shop, with much that nobody reads."""
    return pd.DataFrame(
        {
            "prompt": ["a lion", "a fox"],
            "sku": ["L-1", "F-2"],
            "photo_url": ["https://example.org/a.jpg?sig=1", None],
            "uuid": ["123e4567-e89b-12d3-a456-426614174000"] * 2,
            "raw": ['{"a": "' + "x" * 80 + '"}', '{"b": [' + "1, " * 40 + "2]}"],
            "meta": [{"a": 1}, {"b": 2}],
            "note": [None, None],
            "stock": [3, 12],
        }
    )


def test_by_default_a_table_has_the_columns_that_a_person_reads(shop, generate):
    out = generate(shop, "prompt", seed=7, aspect_ratio="1:1")
    table = out.pruna.table()
    usual = ("prompt", "sku", "stock", "model", "seed", "output")
    assert table.columns == (*usual, "status", "seconds", "cost_usd")
    cells = cells_of(table)
    assert cells["model"] == ["p-image"] * 2
    assert cells["seed"] == ["7", "7"]
    said = "Not shown: photo_url, uuid, raw, meta, prediction_id. table(columns=[...])"
    assert said in parsed(table.html()).text
    for one in cells["seconds"]:
        assert len(one.partition(".")[2]) == 1
    assert cells["cost_usd"] == ["0.005", "0.005"]


def test_a_sweep_over_models_has_its_models_in_one_column(generate):
    frame = pd.DataFrame({"prompt": ["a fox"]})
    out = generate(frame, "prompt", model=["p-image", "flux-dev"])
    assert list(out.pruna.table().columns).count("model") == 1
    assert cells_of(out.pruna.table())["model"] == ["p-image", "flux-dev"]


def test_what_failed_has_its_error_and_what_differs_its_column(shop, generate, service):
    service.configure(faults={"failed": {"first": 1}})
    some = generate(shop[["prompt"]].head(1), prompt="{prompt} at night", seed=7)
    other = generate(shop[["prompt"]].tail(1), "prompt", model="flux-dev", guidance=3)
    table = pd.concat([some, other]).pruna.table()
    cells = cells_of(table)
    assert cells["status"] == ["failed", "succeeded"]
    assert cells["error"][0]
    assert cells["output"][0] == "failed"  # the reason is said once
    assert cells["model"] == ["p-image", "flux-dev"]
    assert cells["guidance"] == ["", "3"]


def test_columns_are_also_index_levels_and_fields_of_the_requests(shop, generate):
    out = generate(shop.set_index("sku"), "prompt", samples=2, aspect_ratio="16:9")
    table = out.pruna.table(
        ["sku", "sample", "aspect_ratio", "model", "output", "photo_url", "rating"]
    )
    cells = cells_of(table)
    assert (cells["sku"], cells["sample"]) == (["L-1"] * 2 + ["F-2"] * 2, ["1", "2"] * 2)
    assert cells["aspect_ratio"] == ["16:9"] * 4
    assert cells["photo_url"][0].startswith("https://")
    assert cells["rating"] == [""] * 4
    assert cells_of(out.pruna.table())["sku"] == cells["sku"]
    with pytest.raises(ColumnError, match="Did you mean 'photo_url'"):
        out.pruna.table(["photo_ur"])


def test_ratings_and_tags_are_columns_as_soon_as_there_are_any(shop, generate):
    out = generate(shop[["prompt"]], "prompt")
    assert "rating" not in out.pruna.table().columns
    out.pruna.rate({0: 5}, tags={1: "for <b>sale</b>"})
    cells = cells_of(out.pruna.table())
    assert (cells["rating"], cells["tags"]) == (["5", ""], ["", "for <b>sale</b>"])
    # what is stored counts, not the copy of a frame that was read before
    rated = out.pruna.ratings()
    out.pruna.rate({0: 1})
    assert cells_of(rated.pruna.table())["rating"] == ["1", ""]
    assert list(rated.pruna.table().columns).count("rating") == 1


def test_the_steps_of_a_chain_have_their_pictures_and_costs(shop, generate):
    edited = generate(shop[["prompt"]], "prompt").pruna.edit(prompt="at night", progress=False)
    table = edited.pruna.table()
    assert table.columns[:4] == ("prompt", "step1_model", "model", "step1_output")
    assert {"step1_cost_usd", "output", "status", "cost_usd"} <= set(table.columns)
    assert "step1_status" not in table.columns
    assert parsed(table.html()).all("tbody")[0].all("img") != []


def test_a_saved_table_is_a_page_with_the_requests(shop, generate, tmp_path):
    out = generate(shop, "prompt", seed=7)
    (page,) = out.pruna.table().save(tmp_path / "shop" / "table.html")
    root = parsed(page.read_text("utf-8"))
    assert [th.text for th in root.all("th")] == list(out.pruna.table().columns)
    files = {link.attrs["href"] for link in root.all("a")}
    assert len(files) == 2
    assert all((page.parent / file).is_file() for file in files)
    assert pruna_nb.read_sheet(page)["seed"].tolist() == [7, 7]
    out.pruna.table(["prompt", "output"]).save(tmp_path / "one.html", full=True)
    assert not (tmp_path / "one_files").exists()
    with pytest.raises(InputError, match=r"written as \.html; \.png was given"):
        out.pruna.table().save(tmp_path / "table.png")


def test_hostile_texts_stay_texts_on_a_page(generate, tmp_path):
    text = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)> $5 and $6"
    out = generate(pd.DataFrame({"prompt": [text, "a fox"], text: [text, 1]}), "prompt")
    (page,) = out.pruna.table().save(tmp_path / "table.html")
    root = parsed(page.read_text("utf-8"))
    assert len(root.all("script")) == 2  # the requests, and the page's own
    assert all("onerror" not in each.attrs for each in root.all("img"))
    assert text in root.all("th")[1].text


def test_a_table_is_shown_without_ratings_that_cannot_be_read(shop, generate, caplog):
    out = generate(shop[["prompt"]], "prompt")
    out.pruna.rate(5)
    (file,) = (current().cache_dir / "ratings").glob("*.jsonl")
    file.unlink()
    file.mkdir()
    assert "rating" not in out.pruna.table().columns
    assert "The ratings cannot be read" in caplog.text
