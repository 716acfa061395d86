"""A run's record says what was made, when and how, and makes the same again."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import BudgetError, ColumnError, InputError
from pruna_nb.settings import current
from tests.helpers.media import picture

QUIET = {"progress": False}


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"animal": ["fox", "owl", None], "n": [1, 2, 3], "day": [date(2026, 5, 1)] * 3},
        index=pd.Index(["x", "y", "z"], name="sku"),
    )


def made(frame, **more):
    return frame.pruna.generate(
        prompt="a {animal} on {day:%d %B}", seed_col="n", aspect_ratio="1:1", tag="may",
        **{**QUIET, **more},
    )  # fmt: skip


def test_a_record_says_what_was_run_when_how_and_what_it_came_to(service, frame, tmp_path):
    before = datetime.now(UTC)
    out = made(frame)
    path = out.pruna.record(tmp_path / "new" / "run.json")
    record = json.loads(path.read_text())
    (step,) = record["steps"]
    assert step["call"]["template"] == "a {animal} on {day:%d %B}"
    assert step["call"]["constants"] == {"aspect_ratio": "1:1"}
    assert step["counts"] == {"succeeded": 2, "skipped": 1, "new": 2, "cached": 0}
    assert (record["rows"], record["cost_usd"], step["cost_usd"]) == (3, 0.01, 0.01)
    assert (record["counts"], record["versions"]) == (step["counts"], step["versions"])
    assert (record["started_at"], record["ended_at"]) == (step["started_at"], step["ended_at"])
    started, ended = (datetime.fromisoformat(step[name]) for name in ("started_at", "ended_at"))
    assert (started - before).total_seconds() > -0.01
    assert started <= ended <= datetime.now(UTC)
    assert step["versions"]["pruna_nb"] == pruna_nb.__version__
    assert step["settings"]["tag"] == ["may"]
    assert step["settings"]["service"] == current().origin
    assert step["results"]["prediction_id"][:2] == out["prediction_id"][:2].tolist()
    assert current().api_key not in path.read_text()


def test_a_record_is_run_again_at_no_cost_and_gives_the_same_frame(service, frame, tmp_path):
    out = made(frame)
    again = pruna_nb.rerun(out.pruna.record(tmp_path / "run.json"), **QUIET)
    assert service.charged == 2
    assert again.index.equals(out.index)
    assert again["output"].tolist()[:2] == out["output"].tolist()[:2]
    assert again["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    pruna_nb.cache.clear()
    pruna_nb.configure(cache_dir=tmp_path / "another")
    fresh = pruna_nb.rerun(tmp_path / "run.json", **QUIET)
    assert service.charged == 4
    inputs = [json.dumps(row["input"], sort_keys=True) for row in service.accepted]
    assert sorted(inputs[:2]) == sorted(inputs[2:])
    assert fresh["status"].tolist() == out["status"].tolist()
    assert set(pruna_nb.history()["tag"]) == {"may"}


def test_the_steps_of_a_chain_samples_and_sweeps_are_run_again(service, frame, capsys, tmp_path):
    drafts = frame.iloc[:2].pruna.generate(
        prompt="a {animal}", aspect_ratio=["1:1", "16:9"], samples=2, **QUIET
    )
    out = drafts.pruna.edit(prompt="make it {animal}-like", **QUIET).pruna.upscale(
        target=1, **QUIET
    )
    charged = service.charged
    again = pruna_nb.rerun(out.pruna.record())
    assert service.charged == charged
    assert "Rerunning" in capsys.readouterr().out
    for name in ("step1_output", "step2_output", "output", "seed", "aspect_ratio", "model"):
        assert again[name].tolist() == out[name].tolist(), name
    assert again.index.equals(out.index)
    # The second frame is as good as the first: it can be recorded and retried.
    assert (
        pruna_nb.rerun(again.pruna.record(), **QUIET)["output"].tolist() == out["output"].tolist()
    )
    assert [step["counts"]["cached"] for step in again.pruna.record()["steps"]] == [8, 8, 8]
    pruna_nb.configure(cache_dir=tmp_path / "another")
    with pytest.raises(BudgetError, match="This record would cost"):
        pruna_nb.rerun(out.pruna.record(), max_cost_usd=0.05, **QUIET)
    assert service.charged == charged


def test_prefixes_and_finals_of_drafts_are_run_again(service, frame):
    two = frame.iloc[:2].pruna.generate(prompt="a {animal}", prefix="first_", **QUIET)
    two = two.pruna.edit(prompt="at night", images_col="first_output", prefix="night_", **QUIET)
    again = pruna_nb.rerun(two.pruna.record(), **QUIET)
    for name in ("first_output", "night_output"):
        assert again[name].tolist() == two[name].tolist()
    drafts = frame.iloc[:2].pruna.generate(
        prompt="a {animal}", model="p-video", draft=True, duration=1, **QUIET
    )
    finals = drafts.pruna.finalize([True, False], **QUIET)
    charged = service.charged
    made = pruna_nb.rerun(finals.pruna.record(), **QUIET)
    assert made["output"].tolist() == finals["output"].tolist()
    assert made["step1_output"].tolist() == finals["step1_output"].tolist()
    assert service.charged == charged


def test_a_pipeline_has_a_record_of_each_step(service, frame):
    chain = frame.iloc[:2].pruna.plan().generate(prompt="a {animal}").edit(prompt="at night")
    out = chain.run(progress=False)
    record = out.pruna.record()
    assert [step["counts"]["new"] for step in record["steps"]] == [2, 2]
    assert all(step["started_at"] for step in record["steps"])
    assert pruna_nb.rerun(record, **QUIET)["output"].tolist() == out["output"].tolist()
    assert service.charged == 4


def test_a_rerun_that_costs_nothing_names_no_price(service, frame, capsys):
    out = frame.iloc[:1].pruna.generate(prompt="a {animal}", **QUIET)
    out = out.pruna.edit(prompt="at night", **QUIET)
    capsys.readouterr()
    pruna_nb.rerun(out.pruna.record())
    told = capsys.readouterr()
    assert "Rerunning 2 steps" in told.out + told.err
    assert "It costs" not in told.out + told.err


def test_a_record_of_several_models_is_run_again_by_each(service, frame):
    out = frame.iloc[:1].pruna.generate(
        prompt="a {animal}", model=["p-image", "flux-dev"], seed=1, **QUIET
    )
    again = pruna_nb.rerun(out.pruna.record(), **QUIET)
    assert again["model"].tolist() == out["model"].tolist() == ["p-image", "flux-dev"]
    assert service.charged == 2


def test_files_of_a_record_are_uploaded_only_on_the_users_word(service, tmp_path):
    (tmp_path / "photo.png").write_bytes(picture())
    (tmp_path / "other.png").write_bytes(picture())
    table = pd.DataFrame({"photo": [str(tmp_path / "photo.png")]})
    record = table.pruna.edit(prompt="at night", images_col="photo", **QUIET).pruna.record()
    assert pruna_nb.rerun(record, **QUIET)["cached"].all()
    record["table"]["columns"][0]["values"] = [str(tmp_path / "other.png")]
    with pytest.raises(InputError, match="files=True"):
        pruna_nb.rerun(record, **QUIET)
    assert pruna_nb.rerun(record, files=True, **QUIET)["status"].tolist() == ["succeeded"]


def test_pictures_in_memory_and_secrets_are_in_no_record(service):
    table = pd.DataFrame({"photo": [picture()]})
    record = table.pruna.edit(prompt="at night", images_col="photo", **QUIET).pruna.record()
    assert record["left_out"] == ["photo"]
    with pytest.raises(InputError, match="pictures in memory"):
        pruna_nb.rerun(record, **QUIET)
    assert service.charged == 1


def test_a_frame_that_does_not_know_how_it_was_made_has_no_record(service, frame):
    out = made(frame)
    with pytest.raises(InputError, match="does not record"):
        pd.DataFrame({"output": out["output"]}).pruna.record()
    with pytest.raises(ColumnError, match="'animal'"):
        out.drop(columns="animal").pruna.record()


def test_facts_do_not_keep_pandas_from_keeping_the_call_of_a_concat(service, frame):
    one, other = made(frame.iloc[:1]), made(frame.iloc[1:2])
    both = pd.concat([one, other])
    assert [step["counts"]["succeeded"] for step in both.pruna.record()["steps"]] == [2]
    assert pruna_nb.rerun(both.pruna.record(), **QUIET)["cached"].all()


def test_what_is_no_record_is_refused_by_its_name(service, frame, tmp_path):
    good = made(frame).pruna.record()
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "else.json").write_text('{"a": 1}')
    damaged, unknown, empty = (copy.deepcopy(good) for _ in range(3))
    del damaged["table"]["index"]
    unknown["steps"][0]["call"] = None
    empty["steps"] = []
    before = service.charged
    for wrong, told in [
        (tmp_path / "missing.json", "cannot be read"), (tmp_path / "broken.json", "not valid JSON"),
        (tmp_path / "else.json", "not a record"), ({}, "not a record"), (damaged, "damaged"),
        (unknown, "does not hold the call"), (empty, "no step"), (7, "must be a path"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=told):
            pruna_nb.rerun(wrong, **QUIET)
    assert service.charged == before


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        (pd.Index([(1, 2), 3], tupleize_cols=False), [(1, 2), 3]),
        (pd.IntervalIndex.from_breaks([0, 1, 2]), ["(0, 1]", "(1, 2]"]),
        (pd.period_range("2026-01", periods=2, freq="M"), ["2026-01", "2026-02"]),
    ],
)
def test_a_record_has_labels_of_any_kind(index, labels, service):
    out = pd.DataFrame({"prompt": ["a fox", "an owl"]}, index).pruna.generate("prompt", **QUIET)
    again = pruna_nb.rerun(json.loads(json.dumps(out.pruna.record())), **QUIET)
    assert again.index.tolist() == labels
    assert again["cached"].all()


def test_whole_numbers_beside_a_gap_are_the_same_when_run_again(service):
    long = pd.array([2**53 + 1, None], dtype="Int64")
    frame = pd.DataFrame({"prompt": ["a fox", "an owl"], "seed": long}, index=pd.Index(long))
    out = frame.pruna.generate("prompt", seed_col="seed", **QUIET)
    again = pruna_nb.rerun(out.pruna.record(), **QUIET)
    assert again["seed"].tolist() == [9007199254740993, pd.NA]
    assert again.index.tolist() == [9007199254740993, pd.NA]
    assert again["cached"].all()
    assert service.charged == 2
