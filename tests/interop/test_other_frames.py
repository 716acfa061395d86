"""The verbs on frames of polars, pyarrow and DuckDB: the same requests, and the same kind back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from datetime import date

import duckdb
import pandas as pd
import polars as pl
import polars.testing
import pyarrow as pa
import pytest

import pruna_nb
from pruna_nb import errors

QUIET = {"progress": False}
DATA = {
    "prompt": ["a fox", "an owl", None],
    "size": [512, None, 768],
    "day": [date(2026, 1, 1), None, date(2026, 1, 3)],
    "kind": ["a", "b", "a"],
}


@pytest.fixture
def frame():
    schema = {"prompt": pl.String, "size": pl.Int16, "day": pl.Date, "kind": pl.Categorical}
    return pl.DataFrame(DATA, schema=schema)


def sent(service):
    return sorted(
        (entry["input"] for entry in service.accepted), key=lambda each: sorted(each.items())
    )


def test_a_polars_frame_comes_back_with_its_own_types_and_the_results(service, frame):
    before = frame.clone()
    out = frame.pruna.generate("prompt", seed=7, **QUIET)
    assert isinstance(out, pl.DataFrame)
    assert {name: out.schema[name] for name in frame.columns} == dict(frame.schema)
    assert out["status"].to_list() == ["succeeded", "succeeded", "skipped"]
    assert out.schema["cost_usd"] == pl.Float64
    assert out.schema["cached"] == pl.Boolean
    assert out.schema["output"] == pl.String
    assert sent(service) == [{"prompt": "a fox", "seed": 7}, {"prompt": "an owl", "seed": 7}]
    polars.testing.assert_frame_equal(frame, before)
    again = frame.to_pandas().pruna.generate("prompt", seed=7, **QUIET)
    assert again["output"].tolist()[:2] == out["output"].to_list()[:2]
    assert service.charged == 2  # one cache, whichever library


def test_what_is_no_number_stays_beside_what_is_missing(service):
    frame = pl.DataFrame({"prompt": ["a fox", "an owl", None], "score": [float("nan"), None, 1.5]})
    out = frame.pruna.generate("prompt", **QUIET)  # type: ignore[attr-defined]
    assert out["score"].is_nan().to_list() == [True, None, False]


def test_a_frame_without_rows_and_one_that_is_lazy_come_back_with_the_same_types(service, frame):
    out = frame.pruna.generate("prompt", seed=[1, 2], samples=2, **QUIET)
    none = frame.head(0).pruna.generate("prompt", seed=[1, 2], samples=2, **QUIET)
    assert none.schema == out.schema
    assert pl.concat([none, out]).height == 12
    lazy = pruna_nb.wrap(frame.lazy()).generate("prompt", seed=[1, 2], samples=2, **QUIET)
    assert isinstance(lazy, pl.DataFrame)
    assert lazy.schema == out.schema
    empty = pruna_nb.wrap(pa.table({"prompt": pa.array([], pa.string())})).generate(
        "prompt", **QUIET
    )
    assert empty.schema.field("cost_usd").type == pa.float64()
    assert empty.schema.field("cached").type == pa.bool_()


def test_results_have_their_types_where_there_is_no_row_and_no_value(service, frame):
    two = frame.select("prompt").tail(2)
    made = two.pruna.generate("prompt", samples=2, progress=False)
    types = {name: made.schema[name] for name in made.columns}
    assert types["cost_usd"] == types["seconds"] == pl.Float64
    assert (types["cached"], types["sample"]) == (pl.Boolean, pl.Int64)
    none = two.head(0).pruna.generate("prompt", samples=2, progress=False)
    assert pl.concat([made, none]).equals(made)
    unpriced = two.pruna.generate("prompt", model="wan-t2v", progress=False).head(1)
    assert unpriced["cost_usd"].to_list() == [None]
    assert unpriced.schema["cost_usd"] == pl.Float64


def test_a_whole_number_beside_a_gap_is_whole_in_a_template(service, frame):
    frame.pruna.generate(prompt="{size} of {kind} on {day}", **QUIET)
    assert [each["prompt"] for each in sent(service)] == [
        "512 of a on 2026-01-01",
        "768 of a on 2026-01-03",
    ]


def test_samples_and_sweeps_are_rows_with_columns_of_their_own(service, frame):
    out = frame.head(2).pruna.generate(
        "prompt", samples=2, aspect_ratio=["1:1", "16:9"], max_cost_usd=1, **QUIET
    )
    assert out.height == 8
    assert out.filter(pl.col("prompt") == "a fox")["aspect_ratio"].unique().sort().to_list() == [
        "16:9",
        "1:1",
    ]
    assert sorted(out["sample"].unique().to_list()) == [1, 2]
    assert out.schema["size"] == pl.Int16
    assert frame.pruna.estimate("prompt", samples=2).new == 4


def test_what_failed_is_found_retried_edited_shown_and_saved(service, frame, tmp_path):
    service.configure(faults={"failed": {"first": 1}})
    out = frame.pruna.generate("prompt", **QUIET)
    assert out.pruna.failed().height == 1
    for changed in (out, out.select(pl.all()).sort("prompt", nulls_last=True)):
        mended = changed.pruna.retry(**QUIET)
        assert mended["status"].to_list() == ["succeeded", "succeeded", "skipped"]
    assert mended.schema["day"] == pl.Date
    assert "<img" in mended.pruna.grid()._repr_html_()
    edited = mended.pruna.edit(prompt="in snow", images_col="output", prefix="e_", **QUIET)
    assert edited["e_status"].to_list() == ["succeeded", "succeeded", "skipped"]
    edited.pruna.save(tmp_path / "mine", name="{kind}", output_col="e_output")
    assert {path.stem for path in (tmp_path / "mine").iterdir()} == {"a", "b"}
    assert "succeeded" in repr(mended.pruna)


def test_a_series_of_prompts_gives_a_frame(service):
    words = pl.Series("words", ["a fox", "an owl"])
    out = words.pruna.generate(**QUIET)  # type: ignore[attr-defined]
    assert isinstance(out, pl.DataFrame)
    assert out["words"].to_list() == ["a fox", "an owl"]
    assert out["status"].to_list() == ["succeeded"] * 2
    again = asyncio.run(words.pruna.agenerate(**QUIET))  # type: ignore[attr-defined]
    assert isinstance(again, pl.DataFrame)
    assert again["cached"].all()


def test_a_run_in_the_background_and_a_plan_give_polars_frames(service, frame):
    run = frame.pruna.generate("prompt", background=True)
    assert isinstance(run.result(30), pl.DataFrame)
    planned = frame.pruna.plan().generate("prompt").edit("kind")
    assert planned.estimate().cost_usd > 0
    assert isinstance(planned.run(**QUIET), pl.DataFrame)


def test_a_mistake_is_told_as_for_pandas_and_an_interrupted_run_has_its_frame(service, frame):
    with pytest.raises(errors.PrunaError, match="Did you mean 'prompt'"):
        frame.pruna.generate("promt")
    with pytest.raises(AttributeError, match="Did you mean generate"):
        frame.pruna.generat  # noqa: B018
    service.configure(quota=1)
    many = pl.DataFrame({"p": [f"a {number}" for number in range(40)]})
    with pytest.raises(errors.PrunaError) as stopped:
        many.pruna.generate("p", **QUIET)  # type: ignore[attr-defined]
    assert isinstance(stopped.value.frame, pl.DataFrame)
    assert service.charged == 1


def test_arrow_tables_come_back_as_tables_that_remember_their_request(service):
    table = pa.table({**DATA, "size": pa.array(DATA["size"], pa.int16())})
    out = pruna_nb.wrap(table).generate("prompt", **QUIET)
    assert isinstance(out, pa.Table)
    assert out.schema.field("size").type == pa.int16()
    assert out["status"].to_pylist() == ["succeeded", "succeeded", "skipped"]
    kept = pruna_nb.wrap(out.slice(0, 1)).retry(cache="use", **QUIET)
    assert kept["status"].to_pylist() == ["succeeded"]
    assert service.charged == 2


def test_duckdb_relations_come_back_as_relations(service):
    relation = duckdb.sql("select 'a fox' as prompt, 512 as width union all select 'an owl', 640")
    out = pruna_nb.wrap(relation).generate("prompt", seed=3, **QUIET)
    assert isinstance(out, duckdb.DuckDBPyRelation)
    assert len(out.filter("status = 'succeeded'").fetchall()) == 2
    assert [name for name in out.columns if name in ("prompt", "width")] == ["prompt", "width"]


def test_results_belong_to_the_connection_of_the_relation_and_leave_nothing_in_its_database(
    service, tmp_path
):
    if not hasattr(duckdb.DuckDBPyRelation, "materialize"):
        pytest.skip("DuckDB before 2 makes no relation beside another without a view")
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as shop:
        shop.sql("create table products as select 'M' as sku, 'a mug' as prompt, 2.5 as price")
    with duckdb.connect(path, read_only=True) as shop:
        picked = shop.sql("select sku, prompt from products")
        made = pruna_nb.wrap(picked).generate("prompt", **QUIET)
        joined = made.join(shop.sql("select sku, price from products"), "sku")
        joined = joined.project("price, status")
        assert [(float(price), status) for price, status in joined.fetchall()] == [
            (2.5, "succeeded")
        ]
        assert shop.sql("from duckdb_views() where not internal").fetchall() == []
    with duckdb.connect(path) as shop:
        late = pruna_nb.wrap(shop.table("products")).generate("prompt", background=True)
        shop.sql("drop table products")
        assert len(late.result(30).fetchall()) == 1


def test_pandas_is_wrapped_as_itself_and_other_things_are_refused(service):
    assert pruna_nb.wrap(pd.DataFrame({"p": ["a"]})).estimate("p").new == 1
    with pytest.raises(errors.InputError, match="A list is not a frame"):
        pruna_nb.wrap([1]).generate("p")

    with pytest.raises(errors.InputError, match=r"Two columns have one name.*'p' 2 times"):
        pruna_nb.wrap(pa.table([["a"], ["b"]], names=["p", "p"])).generate("p")

    class Dataset:
        to_pandas = None

    with pytest.raises(errors.InputError, match=r"to_pandas\(\) of a Dataset returns one"):
        pruna_nb.wrap(Dataset()).generate("p")


@pytest.mark.parametrize("first", ["polars", "pruna_nb"])
def test_the_namespace_is_there_whatever_is_imported_first(first):
    second = "pruna_nb" if first == "polars" else "polars"
    script = f"""
        import sys, {first}
        assert "polars" in sys.modules or "narwhals" not in sys.modules
        import {second}
        import polars as pl
        pruna = pl.DataFrame({{"p": ["a"]}}).pruna
        assert pruna.estimate("p").new == 1
        assert "prompt_col" in str(__import__("inspect").signature(pruna.generate))
        sys.modules["narwhals"] = None
        import pruna_nb
        try:
            pl.DataFrame({{"p": ["a"]}}).pruna.generate("p")
        except pruna_nb.errors.MissingExtraError as error:
            assert "pruna_nb[frames]" in str(error)
        else:
            raise SystemExit("no error")
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
