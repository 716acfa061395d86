"""retry(): what a row was asked for is told by its record; the user's own decisions stay."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pruna_nb.errors import BudgetError, ColumnError, InputError

QUIET = {"progress": False}
FAILS = {"failed": {"first": 1}}


@pytest.fixture
def out(generate, service):
    """Return two rows that succeeded and, between them, one that failed."""
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"], "seed": [1, 2, 3]})
    good = generate(frame.iloc[[0, 2]], "prompt", seed_col="seed")
    service.configure(faults=FAILS)
    bad = generate(frame.iloc[[1]], "prompt", seed_col="seed")
    service.configure(faults={})
    made = pd.concat([good, bad]).sort_index()
    assert made["status"].tolist() == ["succeeded", "failed", "succeeded"]
    return made


def exploded(frame):
    return frame.assign(tag=[["x", "y"]] * len(frame)).explode("tag", ignore_index=True)


def through_csv(frame):
    frame.to_csv("out.csv", index=False)
    return pd.read_csv("out.csv")


def without_attrs(frame):
    out = frame.rename(columns={"prompt": "text"})
    out.attrs = {}
    return out


KINDS = pd.DataFrame({"kind": list("abc")}, index=[1, 2, 3])
WAYS = {
    "edit": lambda frame: frame.assign(prompt="Fuchs", seed=99),
    "rename": lambda frame: frame.rename(columns={"prompt": "text", "seed": "number"}),
    "set_index": lambda frame: frame.set_index("prompt"),
    "reset_index": lambda frame: frame.set_index("prompt").reset_index(),
    "drop": lambda frame: frame.drop(columns=["prompt", "seed"]),
    "merge": lambda frame: frame.merge(pd.DataFrame({"seed": [1, 2, 3], "kind": list("abc")})),
    "concat": lambda frame: pd.concat([frame.iloc[:1].assign(extra=1), frame.iloc[1:]]),
    "join": lambda frame: frame.drop(columns="prompt").join(pd.DataFrame({"kind": list("abc")})),
    "join by labels": lambda frame: frame.set_index("seed").join(KINDS, how="left"),
    "merge by labels": lambda frame: frame.merge(KINDS, left_on="seed", right_index=True),
    "concat and csv": lambda frame: through_csv(pd.concat([frame.iloc[1:], frame.iloc[:1]])),
    "index renamed": lambda frame: frame.rename_axis("row").rename(index="r{}".format),
    "index to a column": lambda frame: frame.rename_axis("row").reset_index(),
    "groupby": lambda frame: frame.groupby("prompt", as_index=False, sort=False).first(),
    "explode": exploded,
    "csv": through_csv,
    "attrs lost": without_attrs,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_asked_for_is_asked_again_whatever_was_done_to_the_frame(
    way, out, service, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    changed = WAYS[way](out)
    before = len(service.accepted)
    again = changed.pruna.retry(**QUIET)
    sent = [row["input"] for row in service.accepted[before:]]
    assert sent == [{"prompt": "a fox", "seed": 2}]
    assert set(again["status"]) == {"succeeded"}
    assert len(again) == len(changed)
    assert again.columns.tolist() == changed.columns.tolist()
    assert again.pruna.retry(**QUIET)["status"].tolist() == again["status"].tolist()
    assert len(service.accepted) == before + 1


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SIDES: dict[str, Any] = {
    "merge": (lambda one, two: one.merge(two, on=["prompt", "seed"]), ["status_x", "status_y"]),
    "join": (
        lambda one, two: one.add_suffix("_p").join(two.add_suffix("_f")),
        ["status_p", "status_f"],
    ),
    "concat": (
        lambda one, two: pd.concat({"p": one, "f": two}, axis=1),
        [("p", "status"), ("f", "status")],
    ),
    "csv": (lambda one, two: through_csv(one.merge(two, on="prompt")), ["status_x", "status_y"]),
}


@pytest.mark.parametrize("way", SIDES)
def test_results_that_were_merged_are_retried_on_both_sides(way, out, generate, service, here):
    service.configure(faults=FAILS)
    other = generate(out[["prompt", "seed"]].iloc[[0]], "prompt", model="flux-dev", seed_col="seed")
    service.configure(faults={})
    rest = generate(out[["prompt", "seed"]].iloc[1:], "prompt", model="flux-dev", seed_col="seed")
    put_together, statuses = SIDES[way]
    both = put_together(out, pd.concat([other, rest]))
    before = both.copy(deep=True)
    assert len(both.pruna.failed()) == 2
    sent = len(service.accepted)
    with pytest.raises(BudgetError) as refused:  # 0.005 USD for each side
        both.pruna.retry(max_cost_usd=0.009, **QUIET)
    assert refused.value.frame is None
    assert len(service.accepted) == sent
    again = both.pruna.retry(**QUIET)
    asked = [(row["model"], row["input"]["prompt"]) for row in service.accepted[sent:]]
    assert sorted(asked) == [("flux-dev", "a lion"), ("p-image", "a fox")]
    assert [set(again[name]) for name in statuses] == [{"succeeded"}] * 2
    assert again.columns.tolist() == both.columns.tolist()
    pd.testing.assert_frame_equal(both, before)
    assert again.pruna.failed().empty
    assert "by flux-dev: 3 succeeded" in repr(again.pruna)


def test_rows_that_a_merge_added_are_no_failures(out, service):
    wide = out.merge(pd.DataFrame({"seed": [2, 4], "kind": ["b", "d"]}), how="outer")
    again = wide.pruna.retry(**QUIET)
    assert len(service.accepted) == 4
    assert again.set_index("seed")["status"].reindex([2, 4]).fillna("-").tolist() == [
        "succeeded",
        "-",
    ]


def test_arguments_ask_for_what_the_cells_say_now(out, service):
    again = out.assign(prompt="Fuchs").pruna.retry("prompt", seed_col="seed", **QUIET)
    assert service.accepted[-1]["input"] == {"prompt": "Fuchs", "seed": 2}
    assert again["status"].tolist() == ["succeeded"] * 3


@pytest.fixture
def two_models(generate, service):
    """Return a frame of a row of each of two models, both of which failed, and their attrs lost."""
    service.configure(faults={"failed": {"first": 2}})
    frame = pd.DataFrame({"prompt": ["a fox"]})
    both = pd.concat(
        [generate(frame, "prompt"), generate(frame, "prompt", model="flux-dev", seed=4)],
        ignore_index=True,
    )
    service.configure(faults={})
    return both


def test_each_row_is_asked_of_its_own_model_again(two_models, service):
    again = two_models.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 2
    assert [(row["model"], row["input"]) for row in service.accepted[2:]] == [
        ("p-image", {"prompt": "a fox"}),
        ("flux-dev", {"prompt": "a fox", "seed": 4}),
    ]


def test_a_row_of_another_model_than_the_arguments_name_is_refused(two_models, service):
    with pytest.raises(InputError, match="row 1: requested from flux-dev, not from p-image"):
        two_models.pruna.retry("prompt", **QUIET)
    assert len(service.accepted) == 2


def test_a_row_that_no_record_tells_of_is_refused_before_the_others_are_sent(two_models, service):
    two_models.loc[1, "prediction_id"] = None
    with pytest.raises(
        InputError, match=r"row 1: no record of the request was found.*Nothing was sent"
    ):
        two_models.pruna.retry(**QUIET)
    assert len(service.accepted) == 2


def test_the_call_of_one_model_is_not_taken_for_a_row_of_another(two_models, service):
    frame = two_models.copy()
    frame.attrs = {"pruna_nb": {"output": {"model": "p-image", "columns": {"prompt": "prompt"}}}}
    frame.loc[1, "prediction_id"] = None
    frame.loc[0, "prediction_id"] = two_models.loc[1, "prediction_id"]
    with pytest.raises(InputError, match=r"row 1: .*several models \(flux-dev\)"):
        frame.pruna.retry(**QUIET)
    assert len(service.accepted) == 2


def test_the_budget_holds_for_all_models_together(two_models, service):
    # 0.005 USD each.
    with pytest.raises(BudgetError, match="Nothing was sent"):
        two_models.pruna.retry(max_cost_usd=0.009, **QUIET)
    assert len(service.accepted) == 2
    assert set(two_models.pruna.retry(max_cost_usd=0.01, **QUIET)["status"]) == {"succeeded"}


def test_an_edit_is_asked_again_with_the_picture_that_the_cache_keeps(generate, service, tmp_path):
    made = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt")
    service.configure(faults=FAILS)
    made.pruna.edit(prompt="make it red", **QUIET).to_csv(tmp_path / "out.csv", index=False)
    service.configure(faults={})
    again = pd.read_csv(tmp_path / "out.csv").pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"]
    first, second = (row["input"] for row in service.accepted[1:])
    assert first.keys() == second.keys()
    assert second["prompt"] == "make it red"
    assert second["images"][0].startswith(f"{service.url}/v1/files/")


def test_a_request_whose_files_are_not_kept_needs_the_arguments(service, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    service.configure(faults=FAILS)
    frame = pd.DataFrame({"photo": [str(tmp_path / "a.png")]})
    frame.pruna.edit(prompt="red", images_col="photo", **QUIET).to_csv(tmp_path / "o.csv")
    service.configure(faults={})
    back = pd.read_csv(tmp_path / "o.csv", index_col=0)
    with pytest.raises(InputError, match=r"row 0: .*Pass the original arguments"):
        back.pruna.retry(**QUIET)
    assert len(service.accepted) == 1
    arguments = {"model": "p-image-edit", "prompt": "red", "images_col": "photo"}
    assert back.pruna.retry(**arguments, **QUIET)["status"].tolist() == ["succeeded"]


@pytest.mark.parametrize("empty", [None, pd.NA, float("nan")])
def test_a_picture_that_the_user_took_away_is_not_paid_for_again(empty, out, service):
    out.loc[0, "output"] = empty
    before = len(service.accepted)
    assert out.pruna.failed().index.tolist() == [1]
    again = out.pruna.retry(**QUIET)
    assert len(service.accepted) == before + 1
    assert pd.isna(again.loc[0, "output"])
    assert again.loc[0, "status"] == "succeeded"


def test_a_picture_that_was_taken_away_is_skipped_in_the_steps_after_it(out, service):
    out.loc[0, "output"] = None
    edited = out.pruna.edit(prompt="make it red", **QUIET)
    assert edited["status"].tolist() == ["skipped", "skipped", "succeeded"]
    assert edited["error"][0] == "images is empty: its output was taken out of the table"
    assert "an earlier step failed" in edited["error"][1]
    assert edited.pruna.failed().index.tolist() == [1]
    large = edited.pruna.upscale(target=1, **QUIET)
    assert large.pruna.failed().index.tolist() == [1]
    before = len(service.accepted)
    again = large.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["skipped", "succeeded", "succeeded"]
    assert [row["model"] for row in service.accepted[before:]] == [
        "p-image", "p-image-edit", "p-image-upscale",
    ]  # fmt: skip
    assert pd.isna(again.loc[0, "step1_output"])
    assert again["step1_status"].tolist() == ["succeeded"] * 3


def test_a_row_that_the_user_rejected_by_its_status_stays_so(out, service):
    out.loc[0, "status"] = "rejected"
    before = len(service.accepted)
    assert out.pruna.failed().index.tolist() == [1]
    edited = out.pruna.edit(prompt="make it red", **QUIET)
    assert edited["error"][0] == "images is not taken: the status of 'output' is 'rejected'"
    assert len(service.accepted) == before + 1
    assert edited["step1_status"].tolist() == ["rejected", "failed", "succeeded"]
    again = out.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["rejected", "succeeded", "succeeded"]
    assert len(service.accepted) == before + 2


def test_an_edit_that_failed_is_not_tried_again_where_its_picture_was_taken_away(generate, service):
    made = generate(pd.DataFrame({"prompt": ["a fox"]}), "prompt")
    service.configure(faults=FAILS)
    edited = made.pruna.edit(prompt="make it red", **QUIET)
    service.configure(faults={})
    edited.loc[0, "step1_output"] = None
    again = edited.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["skipped"]
    assert len(service.accepted) == 2


def test_rows_that_were_rejected_are_skipped_also_without_others_beside_them(generate, service):
    made = generate(pd.DataFrame({"prompt": ["a", "b"]}), "prompt").assign(status="rejected")
    for rows in (made, made.head(1)):
        edited = rows.pruna.edit(prompt="at night", prefix="night_", **QUIET)
        assert set(edited["night_status"]) == {"skipped"}
        assert edited["status"].tolist() == rows["status"].tolist()
    assert len(service.accepted) == 2


@pytest.mark.parametrize("rejected", [["a"], ["a", "b"], ["a", "b", "c"]])
@pytest.mark.parametrize("prefix", ["", "night_"])
def test_an_edit_that_failed_is_not_tried_again_where_its_picture_was_rejected(
    rejected, prefix, generate, service
):
    made = generate(pd.DataFrame({"prompt": ["a", "b", "c"]}, index=list("abc")), "prompt")
    service.configure(faults={"failed": {"first": 3}})
    edited = made.pruna.edit(prompt="at night", prefix=prefix, **QUIET)
    service.configure(faults={})
    first = "status" if prefix else "step1_status"
    edited.loc[rejected, first] = "rejected"
    charged = service.charged
    again = edited.pruna.retry(prefix=prefix, **QUIET)
    assert service.charged - charged == 3 - len(rejected)
    assert (again.loc[rejected, f"{prefix}status"] == "skipped").all()
    assert again.loc[rejected, f"{prefix}error"].str.contains("rejected").all()
    assert again.loc[rejected, first.replace("status", "output")].notna().all()


@pytest.mark.parametrize("status", ["failed", "canceled", "lost", "pending"])
def test_every_status_without_an_output_is_retried(status, out, service):
    out.loc[1, "status"] = status
    assert out.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 3


def test_a_frame_without_a_status_is_not_guessed_about(out, service):
    bare = out.drop(columns="status")
    for verb in (bare.pruna.failed, bare.pruna.retry):
        with pytest.raises(ColumnError, match="No column 'status'"):
            verb()


def test_an_earlier_step_is_asked_again_as_it_was_too(out, service):
    edited = out.pruna.edit(prompt="make it red", **QUIET).assign(prompt="Fuchs", seed=9)
    before = len(service.accepted)
    again = edited.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 3
    assert again["step1_status"].tolist() == ["succeeded"] * 3
    sent = [row["input"] for row in service.accepted[before:]]
    assert sent[0] == {"prompt": "a fox", "seed": 2}
    assert sent[1]["prompt"] == "make it red"
    assert len(sent) == 2


@pytest.mark.parametrize("place", ["a column", "a constant", "the record"])
def test_no_file_that_a_foreign_table_names_is_uploaded_by_retry(
    place, service, tmp_path, monkeypatch
):
    from PIL import Image

    from pruna_nb.frames import records

    private = str(tmp_path / "private.png")
    Image.new("RGB", (64, 64)).save(private)
    frame = pd.DataFrame({"photo": [private], "output": [None], "status": ["failed"]})
    call = {"model": "p-image-edit", "constants": {"prompt": "red"}}
    if place == "a constant":
        call["constants"]["images"] = [private]
    else:
        call["columns"] = {"images": "photo"}
    frame.attrs = {"pruna_nb": {"output": call}}
    if place == "the record":
        frame["prediction_id"] = "x"
        told = records.Record("p-image-edit", {"prompt": "red", "images": [private]})
        monkeypatch.setattr(records, "requests_by_id", lambda ids: dict.fromkeys(ids, told))
    with pytest.raises(InputError, match=r"private\.png"):
        frame.pruna.retry(**QUIET)
    assert service.counts["files"] == 0
    assert service.accepted == []
