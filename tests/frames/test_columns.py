"""Labels of every kind that pandas has: kept as they are, found as pandas finds them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pruna_nb.errors import ColumnError

LEVELS = pd.MultiIndex.from_tuples(
    [("text", "prompt"), ("meta", "seed"), ("meta", "output")], names=["group", "name"]
)
DAYS = pd.to_datetime(["2024-01-01", "2024-01-02"])
PROMPT, SEED = ("text", "prompt"), ("meta", "seed")
QUIET = {"progress": False}


@pytest.fixture
def leveled(service):
    """Return a frame whose columns have two levels, and a column of its own called output."""
    return pd.DataFrame([["a fox", 1, "gold"], ["a hen", 2, "tin"]], columns=LEVELS)


def first(label):
    """Return a label as a result's is found in columns of several levels."""
    return (label, "")


class TestColumnsOfSeveralLevels:
    def test_results_fit_the_levels_and_the_own_columns_stay(self, leveled, generate, asked):
        out = generate(leveled, PROMPT, seed_col=SEED)
        assert out.columns.nlevels == 2
        assert out.columns.names == ["group", "name"]
        assert out.columns[:3].tolist() == LEVELS.tolist()
        assert out[("meta", "output")].tolist() == ["gold", "tin"]
        assert out["status"].tolist() == ["succeeded"] * 2
        assert sorted(asked("seed")) == [1, 2]

    def test_samples_and_drafts_add_their_seeds_and_finals_follow(self, leveled, generate, asked):
        out = generate(leveled, PROMPT, samples=2)
        assert out.shape == (4, 3 + 1 + 8)
        assert out["seed"].tolist() == [1, 2, 1, 2]
        assert out.columns.nlevels == 2
        drafts = generate(leveled, PROMPT, model="p-video", draft=True, duration=1)
        finals = drafts.pruna.finalize([1], **QUIET)
        assert finals.columns.nlevels == 2
        assert finals["status"].tolist() == ["succeeded"]
        assert finals[first("step1_output")].tolist() == drafts["output"].tolist()[1:]
        assert asked()[-1]["prompt"] == "a hen"

    def test_a_chain_reads_its_output_and_keeps_it(self, leveled, generate):
        out = generate(leveled, PROMPT)
        edited = out.pruna.edit(prompt="at night", **QUIET)
        assert edited["status"].tolist() == ["succeeded"] * 2
        assert edited["step1_output"].tolist() == out["output"].tolist()
        assert edited[("meta", "output")].tolist() == ["gold", "tin"]

    def test_what_failed_is_tried_again_without_arguments(self, leveled, generate, service):
        service.configure(faults={"failed": {"first": 1}})
        out = generate(leveled, PROMPT, seed_col=SEED)
        assert sorted(out["status"]) == ["failed", "succeeded"]
        again = out.pruna.retry(**QUIET)
        assert again["status"].tolist() == ["succeeded"] * 2
        assert again.columns.equals(out.columns)
        assert len(out.pruna.failed()) == 1

    def test_a_grid_a_table_and_an_estimate_take_its_labels(self, leveled, generate):
        out = generate(leveled, PROMPT, seed_col=SEED)
        assert "a fox" in out.pruna.grid(rows=PROMPT, cols=SEED).html()
        assert "meta.seed" in out.pruna.grid(rows=SEED, cols=PROMPT).html()
        assert out.pruna.table().html().count("data:image/webp") == 2
        assert out.pruna.estimate(PROMPT, seed_col=SEED).cached == 2

    def test_a_template_names_a_column_by_its_levels(self, leveled, generate, asked):
        generate(leveled, prompt="{text.prompt} in {meta.output}")
        assert sorted(asked("prompt")) == ["a fox in gold", "a hen in tin"]

    def test_a_name_of_the_first_level_alone_is_no_column_where_it_has_several(
        self, leveled, generate, service
    ):
        with pytest.raises(ColumnError, match="No column 'meta'"):
            generate(leveled, PROMPT, seed_col="meta")
        assert service.charged == 0


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ([0, 1], (0, 1)),
        ([0, 1], (np.int64(0), np.int8(1))),
        (["prompt", "n"], (np.str_("prompt"), np.str_("n"))),
        (pd.Index([2.0, 3.5]), (2, 3.5)),
        (pd.CategoricalIndex(["prompt", "n"]), ("prompt", "n")),
        (DAYS, (DAYS[0], DAYS[1])),
        (pd.Index([("a", 1), ("b", 2)], tupleize_cols=False), (("a", 1), ("b", np.int64(2)))),
    ],
    ids=["int", "numpy int", "numpy str", "float", "categories", "dates", "tuples"],
)
def test_labels_of_any_type_name_columns(columns, names, generate, asked, service):
    prompt, seed = names
    frame = pd.DataFrame([["a fox", 5], ["a hen", 6]], columns=columns)
    out = generate(frame, prompt, seed_col=seed, samples=2)
    assert sorted(asked("seed")) == [5, 6, 6, 7]
    assert out.columns[:2].tolist() == frame.columns.tolist()
    assert out["status"].tolist() == ["succeeded"] * 4
    assert len(out.pruna.grid(rows=prompt, cols=seed)) == 4
    assert out.pruna.table(columns=[prompt, "output"]).html().count("data:image/webp") == 4
    assert out.pruna.estimate(prompt, seed_col=seed).new == 0
    service.configure(faults={"failed": {"first": 1}})
    fresh = generate(frame, prompt, seed_col=seed, cache="off")
    assert fresh.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 2


def test_true_is_no_name_of_a_column_called_1(generate, service):
    with pytest.raises(ColumnError, match="No column True"):
        generate(pd.DataFrame([["a fox"]], columns=[1]), True)  # noqa: FBT003 - what it is about


def test_columns_of_one_name_that_are_not_read_are_kept(generate):
    frame = pd.DataFrame([["a fox", 1, 2]], columns=["prompt", "note", "note"])
    out = generate(frame, "prompt", samples=2)
    assert out.columns[:3].tolist() == ["prompt", "note", "note"]
    assert out.iloc[:, 1:3].to_numpy().tolist() == [[1, 2]] * 2
    assert out.pruna.table().html().count("data:image/webp") == 2
    assert out.pruna.table(columns=["note", "output"]).html().count("data:image/webp") == 2
    edited = out.pruna.edit(prompt="at night", **QUIET)
    assert edited.columns.tolist().count("note") == 2
    assert edited.pruna.retry(**QUIET).columns.equals(edited.columns)


class TestRows:
    def test_a_frame_that_forbids_equal_labels_gets_samples_and_stays_so(self, generate):
        frame = pd.DataFrame({"prompt": ["a fox", "a hen"]}).set_flags(
            allows_duplicate_labels=False
        )
        out = generate(frame, "prompt", samples=2)
        assert out.shape == (4, 2 + 8)
        assert not out.flags.allows_duplicate_labels
        assert not frame.flags.allows_duplicate_labels
        assert not generate(frame, "prompt").flags.allows_duplicate_labels
        assert frame.pruna.estimate("prompt", samples=2).cached == 4

    def test_an_own_column_sample_stays_and_the_level_has_another_name(self, generate):
        frame = pd.DataFrame({"prompt": ["a fox"], "sample": ["blood"]})
        out = generate(frame, "prompt", samples=2)
        assert out["sample"].tolist() == ["blood"] * 2
        assert out.index.names == [None, "sample2"]
        assert out.reset_index().columns.is_unique
        assert len(out.pruna.grid(rows="sample", cols="sample2")) == 2

    def test_an_own_level_sample_stays(self, generate):
        frame = pd.DataFrame({"prompt": ["a fox"]}, index=pd.Index(["x"], name="sample"))
        out = generate(frame, "prompt", samples=2)
        assert out.index.names == ["sample", "sample2"]

    @pytest.mark.parametrize(
        "index",
        [
            pd.RangeIndex(10, 14, 2, name="n"),
            pd.date_range("2024-01-01", periods=2, freq="D", name="day"),
            pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]),
            pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["prompt", None]),
            pd.Index(["x", "x"]),
            pd.Index(["x", "y"], name="prompt"),
            pd.CategoricalIndex(["x", "y"]),
            pd.Index([None, float("nan")], dtype=object),
        ],
        ids=["range", "dates", "levels", "level like a column", "equal", "column's name",
             "categories", "missing"],
    )  # fmt: skip
    def test_an_index_of_any_kind_is_kept(self, index, generate, service):
        frame = pd.DataFrame({"prompt": ["a fox", "a hen"]}, index=index)
        out = generate(frame, "prompt")
        pd.testing.assert_index_equal(out.index, index, exact=True)
        assert getattr(out.index, "freq", None) == getattr(index, "freq", None)
        assert len(out.pruna.grid(rows="prompt")) == 2
        out.pruna.table().html()
        sampled = generate(frame, "prompt", samples=2)
        assert sampled.index.names == [*index.names, "sample"]
        assert sampled.index.get_level_values("sample").tolist() == [1, 2, 1, 2]
        service.configure(faults={"failed": {"first": 1}})
        again = generate(frame, "prompt", cache="refresh").pruna.retry(**QUIET)
        pd.testing.assert_index_equal(again.index, index, exact=True)

    def test_the_callers_frame_is_as_it_was(self, generate):
        frame = pd.DataFrame({"prompt": ["a fox"], "seed": [3]}, index=pd.Index(["x"], name="i"))
        before = frame.copy()
        out = generate(frame, "prompt", seed_col="seed", samples=2)
        out.index.names = ["other", "another"]
        out.columns.name = "c"
        pd.testing.assert_frame_equal(frame, before)
        assert frame.columns.name is None
        assert frame.index.name == "i"
