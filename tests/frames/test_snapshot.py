"""A run works on the rows as they were at the call, whatever is done to the frame meanwhile."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from pruna_nb.frames.generate import snapshot

QUIET = {"progress": False}
LOOK = 30.0


def table():
    return pd.DataFrame(
        {"prompt": ["a lion", "a fox", "a heron"], "tags": [["x"], ["y"], ["z"]]},
        index=pd.Index([10, 20, 30], name="row"),
    )


def reindexed(frame):
    frame.index = [3, 2, 1]


def dropped(frame):
    frame.drop(index=[10], inplace=True)  # noqa: PD002 - in place is what is tried


def sorted_down(frame):
    frame.sort_index(ascending=False, inplace=True)  # noqa: PD002 - the same


def inserted(frame):
    frame.insert(0, "status", "on sale")


def edited(frame):
    frame.loc[20, "prompt"] = "a dog"


def lists_changed(frame):
    frame.loc[10, "tags"].append("more")


def renamed_index(frame):
    frame.index.name = "other"


def columns_replaced(frame):
    frame.columns = ["a", "b"]


def a_row_more(frame):
    frame.loc[40] = ["a dog", []]


def attrs_changed(frame):
    frame.attrs["mine"] = 1


CHANGES = [
    reindexed, dropped, sorted_down, inserted, edited, lists_changed, renamed_index,
    columns_replaced, a_row_more, attrs_changed,
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")
named = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


def prompts_of(out, service):
    """Return what was sent for each row's picture."""
    sent = {row["id"]: row["input"]["prompt"] for row in service.accepted}
    return [sent[name] for name in out["prediction_id"]]


@named
@pytest.mark.parametrize("samples", [1, 2])
def test_a_background_run_gives_the_rows_as_they_were(change, samples, service):
    service.configure(latency=0.2)
    frame = table()
    run = frame.pruna.generate("prompt", samples=samples, background=True, **QUIET)
    change(frame)
    so_far = run.frame
    out = run.result(LOOK)
    for found in (so_far, out):
        rows = found[["prompt", "tags"]]
        if samples > 1:
            rows = rows.xs(1, level="sample")
        pd.testing.assert_frame_equal(rows, table())
        assert "mine" not in found.attrs
    assert out["status"].eq("succeeded").all()
    assert out["prompt"].tolist() == prompts_of(out, service)


@named
def test_a_run_in_the_foreground_gives_the_rows_as_they_were(change, service):
    frame, over = table(), threading.Event()
    service.configure(latency=0.2)

    def meddle():
        while not service.accepted and not over.wait(0.01):
            pass
        change(frame)

    other = threading.Thread(target=meddle)
    other.start()
    try:
        out = frame.pruna.generate("prompt", **QUIET)
    finally:
        over.set()
        other.join()
    pd.testing.assert_frame_equal(out[["prompt", "tags"]], table())
    assert out["prompt"].tolist() == prompts_of(out, service)


@named
def test_a_form_gives_the_rows_as_they_were(change, service):
    frame = table()
    form = frame.pruna.explore("prompt")
    change(frame)
    form.generate()
    assert form.wait(LOOK)
    pd.testing.assert_frame_equal(form.frame[["prompt", "tags"]], table())
    assert form.frame["prompt"].tolist() == prompts_of(form.frame, service)


def test_what_is_done_to_a_frame_of_a_run_reaches_neither_the_run_nor_the_callers(service):
    frame = table()
    run = frame.pruna.generate("prompt", background=True, **QUIET)
    first = run.result(LOOK)
    first.index.name = "other"
    first.attrs["pruna_nb"]["output"]["model"] = "other"
    second = run.frame
    assert second.index.name == frame.index.name == "row"
    assert second.attrs["pruna_nb"]["output"]["model"] == "p-image"
    pd.testing.assert_frame_equal(frame, table())


@pytest.mark.parametrize("verb", ["edit", "upscale"])
def test_a_list_that_was_given_may_be_changed_after_the_call(verb, service):
    out = table().pruna.generate("prompt", **QUIET)
    columns = ["output"]
    if verb == "edit":
        run = out.pruna.edit(prompt="red", images_col=columns, background=True, **QUIET)
    else:
        run = out.pruna.upscale("output", target=1, background=True, **QUIET)
    columns.append("prompt")
    assert run.result(LOOK)["status"].tolist() == ["succeeded"] * 3


def test_the_code_of_a_form_writes_the_rows_out_that_were_changed_since(service, monkeypatch):
    import __main__

    frame = table()
    monkeypatch.setattr(__main__, "animals", frame, raising=False)
    form = frame.pruna.explore("prompt")
    form.generate()
    assert form.wait(LOOK)
    assert "rows = animals.iloc[[0, 1, 2]]" in form.code()
    frame.loc[20, "prompt"] = "a dog"
    assert "animals" not in form.code()
    assert "a fox" in form.code()


def test_an_own_column_of_an_axis_name_stays_beside_the_forms(service):
    frame = table().assign(seed=[7, 8, 9], aspect_ratio="mine")
    form = frame.pruna.explore("prompt", seed=[1, 2], aspect_ratio="1:1")
    form.generate()
    assert form.wait(LOOK)
    made = form.frame
    assert made["seed"].tolist() == [7, 7, 8, 8, 9, 9]
    assert made["form_seed"].tolist() == [1, 2] * 3
    assert set(made["aspect_ratio"]) == {"mine"}
    assert sorted(row["input"]["seed"] for row in service.accepted) == [1, 1, 1, 2, 2, 2]
    space = {}
    exec(compile(form.code(), "<form.code()>", "exec"), space)  # noqa: S102 - that it runs is the test
    assert space["out"]["cached"].all()


def test_a_snapshot_keeps_labels_dtypes_and_the_objects_in_cells():
    picture = np.zeros((2, 2))
    frame = pd.DataFrame({"a": [[1, [2]], {"b": [3]}], "b": [picture, None], "c": [1, 2]})
    frame.columns = ["a", "a", "c"]
    now = snapshot(frame)
    pd.testing.assert_frame_equal(now, frame)
    assert now.iloc[0, 1] is picture
    frame.iloc[0, 0][1].append(4)
    frame.iloc[1, 0]["b"].append(4)
    assert now.iloc[:, 0].tolist() == [[1, [2]], {"b": [3]}]
