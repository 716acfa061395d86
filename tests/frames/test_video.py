"""Videos: hundreds in flight on a few threads; drafts, and the finals of those that were chosen."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator
from pruna_nb.errors import BudgetError, InputError
from tests.helpers.runs import end_predictions

QUIET = {"progress": False}


@pytest.fixture
def drafts(service):
    frame = pd.DataFrame({"prompt": ["waves", "clouds", "birds"]}, index=list("wcb"))
    return frame.pruna.generate("prompt", model="p-video", draft=True, duration=2, **QUIET)


def test_three_hundred_videos_go_on_at_once_on_at_most_forty_threads():
    frame = pd.DataFrame({"prompt": [f"waves {number}" for number in range(300)]})
    limits = {"p-video": (1000, 60.0)}
    threads = []
    with (
        emulator.running(fast=True, latency=3600.0, limits=limits) as service,
        pruna_nb.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        run = frame.pruna.generate("prompt", model="p-video", duration=1, background=True, **QUIET)
        end = time.monotonic() + 600  # should it hang: a busy machine needs minutes
        while not run.done and time.monotonic() < end:
            if len(service.accepted) == 300:
                end_predictions(service)
            names = [thread.name for thread in threading.enumerate()]
            threads.append(sum(name.startswith("pruna_nb-") for name in names))
            time.sleep(0.05)
        out = run.result(0)
        assert service.refused == 0
    # None is finished before all were accepted, so all were in flight together.
    assert out["status"].eq("succeeded").all()
    assert out["output"].nunique() == 300
    assert max(threads) <= 40


@pytest.mark.parametrize("model", ["p-video", "wan-t2v"])
def test_a_video_never_waits_in_its_request(model, service):
    service.configure(latency=0.5)
    frame = pd.DataFrame({"prompt": ["waves"]})
    out = frame.pruna.generate("prompt", model=model, **QUIET)
    assert out["prediction_id"].notna().all()
    single = pruna_nb.generate("clouds", model=model)
    assert single.prediction.id is not None
    assert single.path.suffix == ".mp4"


def test_a_draft_without_a_seed_gets_one_that_the_frame_keeps(drafts, asked):
    assert drafts["seed"].tolist() == [1, 1, 1]
    assert asked("seed") == [1, 1, 1]
    assert asked("draft") == [True, True, True]


def test_the_finals_of_all_drafts_are_the_same_requests_in_full(drafts, service, asked):
    finals = drafts.pruna.finalize(**QUIET)
    assert finals["status"].tolist() == ["succeeded"] * 3
    assert service.charged == 6
    draft_inputs, final_inputs = asked()[:3], asked()[3:]
    without = [{name: each[name] for name in each if name != "draft"} for each in draft_inputs]
    assert sorted(final_inputs, key=str) == sorted(without, key=str)


def test_the_finals_stand_beside_their_drafts(drafts):
    finals = drafts.pruna.finalize(**QUIET)
    assert finals["step1_output"].tolist() == drafts["output"].tolist()
    assert finals["seed"].tolist() == [1, 1, 1]
    assert finals["cost_usd"].tolist() == pytest.approx([2 * 0.02] * 3)
    assert drafts["cost_usd"].tolist() == pytest.approx([2 * 0.005] * 3)
    assert set(finals["output"]).isdisjoint(drafts["output"])


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (["c"], ["c"]),
        (["b", "w"], ["b", "w"]),
        ([True, False, True], ["w", "b"]),
        (pd.Series([False, True, False], index=list("wcb")), ["c"]),
        (pd.Index(["w"]), ["w"]),
        ("c", ["c"]),
        ([], []),
        (pd.Series([True, False, False], index=list("bcw")), ["b"]),
        (pd.Series([True, True, False, True], index=list("xbcw")), ["w", "b"]),
        (pd.array([True, pd.NA, True], dtype="boolean"), ["w", "b"]),
        (pd.Series([True, None, False], index=list("bcw")), ["b"]),
        ([True, None, float("nan")], ["w"]),
        (np.array([False, True, False]), ["c"]),
        (pd.array([pd.NA] * 3, dtype="boolean"), []),
        (pd.Series(["b", "c"]), ["b", "c"]),
        (slice("c", "b"), ["c", "b"]),
        (lambda frame: frame["prompt"] == "birds", ["b"]),
        (lambda frame: frame.query("prompt != 'birds'").index, ["w", "c"]),
    ],
    ids=[
        "a label", "labels", "mask", "mask as a Series", "index", "text", "none", "other order",
        "more labels", "boolean array", "object Series with a gap", "list with gaps", "array",
        "all missing", "Series of labels", "slice", "callable", "callable of labels",
    ],
)  # fmt: skip
def test_the_rows_chosen_are_those_that_are_made(rows, labels, drafts, service):
    finals = drafts.pruna.finalize(rows, **QUIET)
    assert finals.index.tolist() == labels
    assert service.charged == 3 + len(labels)


def test_rows_chosen_by_pandas_itself_are_those_that_are_made(drafts, service):
    finals = drafts[drafts["prompt"].str.contains("ou")].pruna.finalize(**QUIET)
    assert finals["prompt"].tolist() == ["clouds"]
    assert service.charged == 4


@pytest.mark.parametrize(
    "rows",
    [None, [0, 1], [True, True], pd.Series([True, True], index=[1, 0]), slice(None)],
    ids=["all", "labels", "mask", "Series", "slice"],
)
def test_a_draft_that_failed_has_no_final_though_it_is_chosen(rows, service):
    service.configure(faults={"failed": {"first": 1}})
    frame = pd.DataFrame({"prompt": ["waves", "clouds"]})
    drafts = frame.pruna.generate("prompt", model="p-video", draft=True, **QUIET)
    good = drafts.index[drafts["status"] == "succeeded"].tolist()
    before = service.charged
    assert drafts.pruna.finalize(rows, **QUIET).index.tolist() == good
    assert service.charged == before + 1


def test_a_draft_that_was_taken_out_has_no_final(drafts, service):
    drafts.loc["c", "output"] = None
    assert drafts.pruna.finalize(**QUIET).index.tolist() == ["w", "b"]


@pytest.mark.parametrize(
    ("edited", "says"),
    [({"prompt": "storms"}, "prompt is 'storms'.*made of 'waves'"), ({"seed": 8}, "seed is 8.*1")],
)
def test_a_cell_that_was_edited_since_its_draft_makes_no_final_unasked(
    edited, says, drafts, service, asked
):
    charged = service.charged
    changed = drafts.copy()
    for name, value in edited.items():
        changed.loc["w", name] = value
    with pytest.raises(InputError, match=rf"row 'w': {says}"):
        changed.pruna.finalize(**QUIET)
    changed.pruna.finalize(["c"], **QUIET)
    assert service.charged == charged + 1
    named = {f"{name}_col": name for name in edited}
    changed.pruna.finalize(["w"], **named, **QUIET)
    name, value = next(iter(edited.items()))
    assert asked(name)[-1] == value


def test_the_columns_of_a_drafts_template_are_not_edited_unseen_either(service):
    frame = pd.DataFrame({"a": ["waves"], "n": [7]})
    drafts = frame.pruna.generate(
        prompt="{a} {n}", model="p-video", draft=True, duration=1, **QUIET
    )
    assert len(drafts.astype({"n": float}).pruna.finalize(**QUIET)) == 1
    with pytest.raises(InputError, match="prompt is 'waves 8'"):
        drafts.assign(n=8).pruna.finalize(**QUIET)
    assert service.charged == 2


def test_a_mask_chooses_what_pandas_chooses_with_it_after_sorting(drafts, service):
    mask = drafts.assign(rank=[3, 1, 2]).sort_values("rank")["rank"] == 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = drafts[mask]
    assert drafts.pruna.finalize(mask, **QUIET).index.equals(chosen.index)


def test_rows_of_equal_labels_are_chosen_by_a_mask_of_the_same_index(service):
    frame = pd.DataFrame({"prompt": ["waves", "clouds"]}, index=["x", "x"])
    drafts = frame.pruna.generate("prompt", model="p-video", draft=True, **QUIET)
    mask = drafts["prompt"] == "clouds"
    assert drafts.pruna.finalize(mask, **QUIET)["prompt"].tolist() == ["clouds"]
    with pytest.raises(InputError, match="labels are there more than once"):
        drafts.pruna.finalize(mask.iloc[[0]], **QUIET)


def test_a_row_of_several_levels_is_chosen_by_its_label_or_its_first_level(service):
    frame = pd.DataFrame({"prompt": ["waves", "clouds"]}, index=["w", "c"])
    call = {"model": "p-video", "draft": True, "samples": 2, **QUIET}
    drafts = frame.pruna.generate("prompt", **call)
    assert drafts.pruna.finalize(("c", 2), **QUIET).index.tolist() == [("c", 2)]
    assert drafts.pruna.finalize(["w"], **QUIET).index.tolist() == [("w", 1), ("w", 2)]


def test_each_drafts_own_seed_is_its_finals(service, asked):
    frame = pd.DataFrame({"prompt": ["waves", "clouds", "birds"], "s": [5, None, 7]})
    drafts = frame.pruna.generate("prompt", model="p-video", draft=True, seed_col="s", **QUIET)
    assert drafts["seed"].tolist() == [5, 1, 7]
    drafts.pruna.finalize([2, 1], **QUIET)
    assert sorted(asked("seed")[3:]) == [1, 7]


def test_samples_of_drafts_have_seeds_of_their_own_and_finals_with_them(service, asked):
    frame = pd.DataFrame({"prompt": ["waves"]})
    drafts = frame.pruna.generate("prompt", model="p-video", draft=True, samples=3, **QUIET)
    finals = drafts.pruna.finalize([(0, 2)], **QUIET)
    assert finals["seed"].tolist() == [2]
    assert asked("seed")[3:] == [2]


def test_a_seed_for_all_is_the_finals_too(service, asked):
    frame = pd.DataFrame({"prompt": ["waves"]})
    drafts = frame.pruna.generate("prompt", model="p-video", draft=True, seed=9, **QUIET)
    assert "seed" not in drafts.columns
    drafts.pruna.finalize(**QUIET)
    assert asked("seed") == [9, 9]


def test_a_final_may_change_what_a_draft_left_open(drafts, asked):
    finals = drafts.pruna.finalize(["w"], resolution="1080p", **QUIET)
    assert asked()[3] == {"prompt": "waves", "seed": 1, "duration": 2, "resolution": "1080p"}
    assert finals["cost_usd"].tolist() == pytest.approx([2 * 0.04])


def test_a_final_that_is_there_is_taken_from_the_cache(drafts, service):
    drafts.pruna.finalize(["w"], **QUIET)
    again = drafts.pruna.finalize(**QUIET)
    assert again["cached"].tolist() == [True, False, False]
    assert service.charged == 6


def test_finals_keep_to_a_budget(drafts, service):
    with pytest.raises(BudgetError, match=r"3 new predictions would cost 0\.12 USD"):
        drafts.pruna.finalize(max_cost_usd=0.1, **QUIET)
    assert service.charged == 3


def test_finals_that_failed_are_tried_again_as_finals(drafts, service, asked):
    service.configure(faults={"failed": {"first": 1}})
    finals = drafts.pruna.finalize(**QUIET)
    again = finals.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 3
    assert "draft" not in asked()[-1]


def test_drafts_that_start_from_pictures_have_finals_that_do_too(service, asked):
    table = pd.DataFrame({"prompt": ["a bay", "a sky"], "motion": ["waves", "clouds"]})
    pictures = table.pruna.generate("prompt", **QUIET)
    drafts = pictures.pruna.animate("motion", "output", draft=True, duration=1, **QUIET)
    finals = drafts.pruna.finalize([1], **QUIET)
    assert finals["status"].tolist() == ["succeeded"]
    assert asked()[-1]["image"].startswith(service.url)
    assert [name for name in finals if name.endswith("output")] == [
        "step1_output", "step2_output", "output",
    ]  # fmt: skip
    assert finals["step2_output"].item() == drafts["output"].iloc[1]


def test_drafts_among_finals_are_told_by_their_column(service, asked):
    frame = pd.DataFrame({"prompt": ["waves", "clouds"], "quick": [True, False]})
    both = frame.pruna.generate("prompt", model="p-video", draft_col="quick", **QUIET)
    assert both["seed"].tolist() == [1, pd.NA]
    finals = both.pruna.finalize([0], **QUIET)
    assert finals["status"].tolist() == ["succeeded"]
    assert asked()[-1]["draft"] is False
    with pytest.raises(InputError, match="row 1: no seed in column 'seed'"):
        both.pruna.finalize(**QUIET)


def test_drafts_that_were_read_from_csv_are_finalized_by_their_records(
    drafts, service, asked, tmp_path
):
    drafts.to_csv(tmp_path / "drafts.csv")
    back = pd.read_csv(tmp_path / "drafts.csv", index_col=0)
    finals = back.pruna.finalize(["w"], **QUIET)
    assert finals["status"].tolist() == ["succeeded"]
    assert asked()[-1] == {"prompt": "waves", "seed": 1, "duration": 2}
    both = pd.concat([back.iloc[1:], drafts.iloc[:1]]).rename(columns={"prompt": "words"})
    assert both.pruna.finalize(**QUIET)["cached"].tolist() == [False, False, True]
    assert {*asked("prompt")[-2:]} == {"clouds", "birds"}
    back.loc["w", "prompt"] = "a lake"
    with pytest.raises(InputError, match="The frame was edited since its drafts were made"):
        back.pruna.finalize(["w"], **QUIET)


def test_drafts_of_a_picture_that_were_read_from_csv_have_the_prompt_of_their_own_step(
    service, asked, tmp_path
):
    drawn = pd.DataFrame({"prompt": ["a beach"]}).pruna.generate("prompt", **QUIET)
    drafts = drawn.pruna.animate(prompt="waves roll in", draft=True, duration=1, **QUIET)
    drafts.to_csv(tmp_path / "drafts.csv", index=False)
    finals = pd.read_csv(tmp_path / "drafts.csv").pruna.finalize(**QUIET)
    assert finals["status"].tolist() == ["succeeded"]
    assert asked("prompt") == ["a beach", "waves roll in", "waves roll in"]
    assert "draft" not in asked()[-1]


def test_drafts_whose_record_no_column_holds_are_finalized_with_their_arguments(
    service, asked, tmp_path
):
    frame = pd.DataFrame({"what": ["waves", "clouds"]})
    words = {"prompt": "slow {what}", "model": "p-video", "draft": True}
    frame.pruna.generate(**words, **QUIET).to_csv(tmp_path / "drafts.csv")
    back = pd.read_csv(tmp_path / "drafts.csv", index_col=0)
    with pytest.raises(InputError, match=r"does not record how 'output' was made.*finalize\("):
        back.pruna.finalize(**QUIET)
    assert back.pruna.finalize(**words, **QUIET)["status"].tolist() == ["succeeded"] * 2
    assert {"prompt": "slow clouds", "seed": 1} in asked()[-2:]


def test_what_is_no_draft_cannot_be_finalized(service):
    frame = pd.DataFrame({"prompt": ["waves"]})
    with pytest.raises(InputError, match="output has no drafts"):
        frame.pruna.generate("prompt", **QUIET).pruna.finalize(**QUIET)
    videos = frame.pruna.generate("prompt", model="p-video", duration=1, **QUIET)
    with pytest.raises(InputError, match="output has no drafts"):
        videos.pruna.finalize(**QUIET)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["x", "w"], "no such label in the frame's index: 'x'"),
        ([True], "a mask of 1 values, and the frame has 3 rows"),
        (np.array([True] * 4), "a mask of 4 values, and the frame has 3 rows"),
        (pd.Series([True] * 3), "the mask's labels are not the frame's: it has no 'b', 'c', 'w'"),
        (pd.Series([True], index=["w"]), "it has no 'b', 'c'"),
        (pd.DataFrame({"prompt": ["waves"]}), "rows is a frame; give its index"),
        ([["w"]], "no such label"),
        (7, "no such label in the frame's index: 7"),
    ],
)
def test_rows_that_there_are_not_are_refused(rows, words, drafts, service):
    with pytest.raises(InputError, match=words):
        drafts.pruna.finalize(rows, **QUIET)
    assert service.charged == 3


def test_a_videos_file_is_an_mp4_in_the_cache(drafts):
    heads = [Path(path).read_bytes()[4:8] for path in drafts["output"]]
    assert heads == [b"ftyp"] * 3
