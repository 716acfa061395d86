"""Chains: generate, edit, upscale, animate; each step cached, each failure told to the next."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageStat

import pruna_nb
from pruna_nb.catalog import lookup_model
from pruna_nb.errors import BudgetError, InputError
from pruna_nb.frames.call import Call
from pruna_nb.frames.chains import missing_outputs
from pruna_nb.frames.grids import requests_of

QUIET = {"progress": False}


@pytest.fixture
def table():
    """Return rows for all four steps; the last has no prompt."""
    return pd.DataFrame(
        {
            "prompt": ["a lion", "a fox", "a heron", None],
            "edit": ["make it red", "make it night", "add snow", "add rain"],
            "motion": ["it roars", "it runs", "it flies", "it swims"],
        },
        index=list("lfhn"),
    )


def chain(table):
    out = table.pruna.generate("prompt", **QUIET)
    edited = out.pruna.edit("edit", "output", **QUIET)
    large = edited.pruna.upscale("output", target=1, **QUIET)
    return large.pruna.animate("motion", "output", duration=1, **QUIET)


def test_four_lines_make_edit_enlarge_and_animate(table, service):
    video = chain(table)
    assert video["status"].tolist() == ["succeeded"] * 3 + ["skipped"]
    models = [row["model"] for row in service.accepted]
    assert (
        models == ["p-image"] * 3 + ["p-image-edit"] * 3 + ["p-image-upscale"] * 3 + ["p-video"] * 3
    )
    assert all(Path(path).suffix == ".mp4" for path in video["output"].head(3))
    assert video.index.tolist() == list("lfhn")


def test_each_step_tells_its_model_and_so_does_a_concat(table, service, tmp_path):
    table = table.drop(index="n")
    video = chain(table)
    models = ["p-image", "p-image-edit", "p-image-upscale", "p-video"]
    names = ["step1_model", "step2_model", "step3_model", "model"]
    assert [[*video[name]] for name in names] == [[model] * 3 for model in models]
    others = table.pruna.generate("prompt", model="flux-dev", prefix="x_", **QUIET)
    assert others["x_model"].tolist() == ["flux-dev"] * 3
    other = table.pruna.generate("prompt", model="flux-dev", **QUIET)
    both = pd.concat([table.pruna.generate("prompt", **QUIET), other])
    assert both["model"].tolist() == ["p-image"] * 3 + ["flux-dev"] * 3
    both.to_parquet(tmp_path / "both.parquet")
    assert pd.read_parquet(tmp_path / "both.parquet")["model"].tolist() == both["model"].tolist()
    # Also what the cache folder knows nothing of any more is told by the column.
    strange = both.assign(prediction_id="elsewhere")
    strange.attrs.clear()
    assert [request["model"] for request in requests_of(strange, "output")] == [*both["model"]]


def test_each_step_gets_the_file_that_the_step_before_made(table, service, asked):
    service.configure(fast=False)
    video = chain(table.head(1))
    addresses = [given.get("images", [None])[0] or given.get("image") for given in asked()]
    assert addresses[0] is None
    assert all(address.startswith(f"{service.url}/v1/files/") for address in addresses[1:])
    uploads = service.counts["files"]
    assert uploads == 3
    assert len({Path(video[name].iloc[0]).name for name in steps_of(video)}) == 4


def steps_of(frame):
    return [name for name in frame.columns if name.endswith("output")]


def test_what_went_in_stays_beside_what_came_out(table, service):
    video = chain(table)
    assert steps_of(video) == ["step1_output", "step2_output", "step3_output", "output"]
    first = table.pruna.generate("prompt", **QUIET)
    assert video["step1_output"].head(3).tolist() == first["output"].head(3).tolist()
    assert service.charged == 12


def test_a_chain_run_again_comes_from_the_cache_whole(table, service):
    first = chain(table)
    again = chain(table)
    assert service.charged == 12
    assert service.counts["files"] == 9
    assert again["cached"].tolist() == [True] * 3 + [False]
    assert again["output"].head(3).tolist() == first["output"].head(3).tolist()


def test_an_edit_that_changed_is_made_with_the_steps_after_it_and_not_before(table, service):
    chain(table)
    chain(table.assign(edit=["make it blue", *table["edit"][1:]]))
    models = [row["model"] for row in service.accepted[12:]]
    assert models == ["p-image-edit", "p-image-upscale", "p-video"]


def test_a_row_that_failed_is_skipped_in_the_next_steps_and_says_why(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = table.pruna.generate("prompt", **QUIET)
    (bad,) = out.index[out["status"] == "failed"]
    service.configure(faults={})
    edited = out.pruna.edit("edit", "output", **QUIET)
    large = edited.pruna.upscale(**QUIET)
    video = large.pruna.animate(prompt_col="motion", duration=1, **QUIET)
    for step, name in ((edited, "images"), (large, "image"), (video, "image")):
        assert step.loc[bad, "status"] == "skipped"
        said = step.loc[bad, "error"]
        assert said.startswith(f"{name} is empty: an earlier step failed (MODEL_ERROR")
        assert said.count("earlier step") == 1
    assert service.charged == 3 + 2 * 3


@pytest.mark.parametrize("length", range(180, 200))
def test_the_error_of_an_earlier_step_is_cut_between_words(length):
    error = f"{'a long reason ' * 20}"[:length].rstrip() + " Its price is 0.01 USD, they say."
    frame = pd.DataFrame({"output": [None], "status": ["failed"], "error": [error]})
    (said,) = missing_outputs(
        frame, Call(lookup_model("p-image-edit"), columns={"images": "output"})
    )
    told = said.removeprefix("images is empty: an earlier step failed (").removesuffix("\u2026)")
    assert len(told) < 200
    assert error.startswith(f"{told} ")


def test_a_row_that_was_skipped_for_its_own_sake_is_no_failure_later(table, service):
    edited = table.pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    assert (
        edited.loc["n", "error"] == "images is empty: an earlier step skipped it (prompt is empty)"
    )
    assert edited.pruna.failed().empty


def test_failed_gives_also_the_rows_that_an_earlier_step_failed(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = table.pruna.generate("prompt", **QUIET)
    (bad,) = out.index[out["status"] == "failed"]
    edited = out.pruna.edit("edit", **QUIET)
    assert edited.pruna.failed().index.tolist() == [bad]


def test_retry_goes_on_from_the_step_that_failed(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = table.pruna.generate("prompt", **QUIET)
    service.configure(faults={"failed": {"first": 1}})
    edited = out.pruna.edit("edit", **QUIET)
    large = edited.pruna.upscale(target=1, **QUIET)
    assert large["status"].tolist().count("succeeded") == 1
    sent = service.charged
    again = large.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 3 + ["skipped"]
    models = [row["model"] for row in service.accepted[sent:]]
    assert models == ["p-image"] + ["p-image-edit"] * 2 + ["p-image-upscale"] * 2
    assert again[steps_of(again)].head(3).notna().all(axis=None)
    for_real = table.pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    assert again["step2_output"].head(3).tolist() == for_real["output"].head(3).tolist()
    assert again.pruna.failed().empty


def test_retry_of_the_last_step_alone_sends_the_last_step_alone(table, service):
    out = table.pruna.generate("prompt", **QUIET)
    service.configure(faults={"failed": {"first": 1}})
    edited = out.pruna.edit("edit", **QUIET)
    sent = service.charged
    again = edited.pruna.retry(**QUIET)
    assert [row["model"] for row in service.accepted[sent:]] == ["p-image-edit"]
    assert again["step1_output"].equals(edited["step1_output"])
    assert again["status"].tolist() == ["succeeded"] * 3 + ["skipped"]


def test_retry_of_a_row_that_fails_again_says_so_and_can_be_tried_again(table, service):
    service.configure(faults={"failed": {"first": 3}})
    edited = table.pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    service.configure(faults={"failed": {"first": 1}})
    again = edited.pruna.retry(**QUIET)
    assert sorted(again["status"]) == ["skipped", "skipped", "succeeded", "succeeded"]
    assert len(again.pruna.failed()) == 1
    assert "an earlier step failed (MODEL_ERROR" in again.pruna.failed()["error"].item()
    service.configure(faults={})
    assert again.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 3 + ["skipped"]


def test_the_budget_of_a_retry_holds_for_all_its_steps_together(table, service):
    service.configure(faults={"failed": {"first": 3}})
    edited = table.pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    service.configure(faults={})
    # Three pictures at 0.005 USD, then three edits at 0.01 USD.
    charged = service.charged
    with pytest.raises(BudgetError, match=r"retry\(\) would cost 0\.045 USD.*Nothing was sent"):
        edited.pruna.retry(max_cost_usd=0.0449, **QUIET)
    assert service.charged == charged
    again = edited.pruna.retry(max_cost_usd=0.045, **QUIET)
    assert again["status"].eq("succeeded").sum() == 3
    assert service.charged == charged + 6


def test_a_chain_that_was_read_from_csv_goes_on(table, service, tmp_path):
    service.configure(faults={"failed": {"first": 1}})
    out = table.pruna.generate("prompt", **QUIET)
    out.to_csv(tmp_path / "out.csv")
    back = pd.read_csv(tmp_path / "out.csv", index_col=0)
    edited = back.pruna.edit("edit", "output", **QUIET)
    assert sorted(edited["status"]) == ["skipped", "skipped", "succeeded", "succeeded"]
    edited.to_csv(tmp_path / "edited.csv")
    service.configure(faults={"failed": {"first": 1}})
    both = pd.read_csv(tmp_path / "edited.csv", index_col=0)
    assert len(both.pruna.failed()) == 1
    with pytest.raises(
        InputError, match=r"images_col='output' is an output column that retry\(\) overwrites"
    ):
        both.pruna.retry("edit", model="p-image-edit", images_col="output", **QUIET)
    again = both.pruna.retry("edit", model="p-image-edit", images_col="step1_output", **QUIET)
    assert "an earlier step failed" in again.pruna.failed()["error"].item()


def test_a_chain_that_was_read_from_parquet_is_retried_whole(table, service, tmp_path):
    service.configure(faults={"failed": {"first": 1}})
    edited = table.pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    edited.to_parquet(tmp_path / "edited.parquet")
    again = pd.read_parquet(tmp_path / "edited.parquet").pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 3 + ["skipped"]


def test_a_video_needs_its_picture_even_where_the_model_does_not(table, service):
    pictures = table.assign(picture=None)
    out = pictures.pruna.animate("motion", "picture", **QUIET)
    assert out["status"].tolist() == ["skipped"] * 4
    assert out["error"].tolist() == ["image is empty"] * 4
    assert service.charged == 0


def test_a_model_may_do_without_an_optional_picture_but_not_without_a_failed_one(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = table.head(2).pruna.generate("prompt", **QUIET)
    video = out.pruna.generate("motion", model="p-video", image_col="output", duration=1, **QUIET)
    assert sorted(video["status"]) == ["skipped", "succeeded"]
    some = pd.DataFrame({"motion": ["a", "b"], "start": [None, out["output"].dropna().iloc[0]]})
    video = some.pruna.generate("motion", model="p-video", image_col="start", duration=1, **QUIET)
    assert video["status"].tolist() == ["succeeded", "succeeded"]
    assert [row["input"].get("image") is None for row in service.accepted[-2:]].count(True) == 1


def test_an_output_whose_file_is_gone_names_the_row_and_the_remedy(table, service):
    out = table.head(2).pruna.generate("prompt", **QUIET)
    Path(out.loc["f", "output"]).unlink()
    with pytest.raises(InputError, match=r"row 'f': .*does not exist.*run that step again"):
        out.pruna.edit("edit", **QUIET)
    assert service.charged == 2
    again = table.head(2).pruna.generate("prompt", **QUIET)
    assert again.pruna.edit("edit", **QUIET)["status"].tolist() == ["succeeded"] * 2


def test_samples_of_an_edit_keep_what_went_in_and_its_seeds(table, service):
    out = table.head(2).pruna.generate("prompt", samples=2, **QUIET)
    edited = out.pruna.edit("edit", samples=2, **QUIET)
    assert len(edited) == 8
    assert edited["seed"].tolist() == [1, 2] * 4
    assert edited["step1_seed"].tolist() == [1, 1, 2, 2] * 2
    assert edited["step1_output"].nunique() == 4
    assert edited["prediction_id"].nunique() == 8
    assert edited.index.names == [None, "sample", "sample2"]
    assert service.charged == 4 + 8


def test_a_retry_of_a_sampled_chain_uses_the_seeds_of_each_step(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = table.head(1).pruna.generate("prompt", samples=2, **QUIET)
    edited = out.pruna.edit("edit", samples=2, **QUIET)
    assert edited["status"].tolist().count("skipped") == 2
    again = edited.pruna.retry(**QUIET)
    assert again["status"].tolist() == ["succeeded"] * 4
    assert again["step1_output"].nunique() == 2
    good = table.head(1).pruna.generate("prompt", samples=2, **QUIET)
    assert again["step1_output"].tolist() == [path for path in good["output"] for _ in range(2)]


def test_a_prefix_makes_two_edits_of_one_picture(table, service):
    out = table.head(2).pruna.generate("prompt", **QUIET)
    red = out.pruna.edit(prompt="make it red", prefix="red_", **QUIET)
    both = red.pruna.edit(prompt="make it blue", prefix="blue_", **QUIET)
    assert steps_of(both) == ["output", "red_output", "blue_output"]
    inputs = [row["input"]["images"] for row in service.accepted[2:]]
    assert len(inputs) == 4
    assert both["red_output"].tolist() != both["blue_output"].tolist()


def test_edit_without_a_column_of_pictures_names_the_columns(table):
    with pytest.raises(InputError, match=r"p-image-edit needs images. .* The columns are: 'prom"):
        table.pruna.edit("edit")
    with pytest.raises(InputError, match="new-edit needs images"):
        table.pruna.edit("edit", model="new-edit", unchecked=True)


@pytest.mark.parametrize(
    ("verb", "model", "words"),
    [
        ("edit", "p-image", "edit() does not suit p-image (text-to-image)"),
        ("edit", "p-image-upscale", "edit() does not suit p-image-upscale"),
        ("upscale", "p-image-edit", "upscale() does not suit p-image-edit"),
        ("animate", "wan-t2v", "animate() does not suit wan-t2v"),
        ("animate", "flux-dev-lora", "animate() does not suit flux-dev-lora"),
    ],
)
def test_a_verb_refuses_a_model_that_does_not_suit_it(verb, model, words, table):
    out = table.assign(output="x.png")
    with pytest.raises(InputError, match=re.escape(words)):
        getattr(out.pruna, verb)(model=model, prompt="x")


@pytest.mark.parametrize("model", ["p-image-edit-lora", "qwen-image-edit-plus", "flux-2-klein-4b"])
def test_edit_takes_other_models_that_edit(model, table, service):
    out = table.head(1).pruna.generate("prompt", **QUIET)
    assert out.pruna.edit("edit", model=model, **QUIET)["status"].tolist() == ["succeeded"]
    given = service.accepted[-1]["input"]
    assert given.get("images", given.get("image"))[0].startswith("http")


def test_animate_takes_other_models_that_start_from_a_picture(table, service):
    out = table.head(1).pruna.generate("prompt", **QUIET)
    video = out.pruna.animate(prompt_col="motion", model="wan-i2v", **QUIET)
    assert video["status"].tolist() == ["succeeded"]
    speech = out.pruna.animate(model="p-video-avatar", voice_script="hello", **QUIET)
    assert speech["status"].tolist() == ["succeeded"]


@pytest.mark.parametrize("number", [2, "2", 2.0])
def test_the_leading_picture_of_an_edit_is_sent_as_the_text_that_the_service_wants(
    number, table, service
):
    out = table.head(1).pruna.generate("prompt", samples=2, **QUIET)
    pair = table.head(1).assign(a=out["output"].iloc[0], b=out["output"].iloc[1])
    edited = pair.pruna.edit("edit", ["a", "b"], reference_image=number, **QUIET)
    assert edited["status"].tolist() == ["succeeded"]
    assert service.accepted[-1]["input"]["reference_image"] == "2"
    assert len(service.accepted[-1]["input"]["images"]) == 2


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_leading_picture_that_is_not_there_is_refused_by_row(number, table, service):
    out = table.head(1).pruna.generate("prompt", **QUIET)
    with pytest.raises(
        InputError, match=r"row 'l': reference_image: .* is not the number of one of the 1 images"
    ):
        out.pruna.edit("edit", reference_image=number, **QUIET)
    assert service.charged == 1


def test_an_edit_shows_on_the_picture_and_keeps_its_shape(table, service):
    service.configure(fast=False)
    out = table.head(1).pruna.generate("prompt", aspect_ratio="3:4", **QUIET)
    edited = out.pruna.edit(prompt="make it red", **QUIET)
    before, after = (Image.open(edited[name].item()) for name in ("step1_output", "output"))
    with before, after:
        assert before.size == after.size
        means = [ImageStat.Stat(image.convert("RGB")).mean for image in (before, after)]
        redder = [red - blue for red, _, blue in means]
    assert redder[1] > redder[0]


@pytest.mark.parametrize("target", [1, 2, 8])
def test_an_upscaled_picture_has_the_megapixels_asked_for(target, table, service):
    service.configure(fast=False)
    large = table.head(1).pruna.generate("prompt", **QUIET).pruna.upscale(target=target, **QUIET)
    with Image.open(large["output"].item()) as image:
        assert image.width * image.height == pytest.approx(target * 1_000_000, rel=0.01)
        assert image.width / image.height == pytest.approx(1344 / 768, rel=0.01)


def test_the_megapixels_may_come_from_a_column(table, service):
    out = table.head(2).pruna.generate("prompt", **QUIET).assign(size=[2, 3])
    out.pruna.upscale(target_col="size", **QUIET)
    assert sorted(row["input"]["target"] for row in service.accepted[2:]) == [2, 3]


def test_more_megapixels_than_there_are_is_refused(table, service):
    out = table.head(1).pruna.generate("prompt", **QUIET)
    with pytest.raises(InputError, match="target: 9 is out of range; give 1 to 8 megapixels"):
        out.pruna.upscale(target=9, **QUIET)


def test_a_step_runs_in_the_background_like_any_call(table, service):
    out = table.pruna.generate("prompt", **QUIET)
    run = out.pruna.edit("edit", background=True)
    edited = run.result()
    assert edited["status"].tolist() == ["succeeded"] * 3 + ["skipped"]
    assert edited["step1_output"].equals(out["output"].rename("step1_output"))


def test_a_frame_with_columns_of_several_levels_goes_through_a_chain(service):
    frame = pd.DataFrame({("words", "prompt"): ["a lion"], ("words", "edit"): ["make it red"]})
    out = frame.pruna.generate(("words", "prompt"), **QUIET)
    edited = out.pruna.edit(("words", "edit"), **QUIET)
    assert edited["status"].tolist() == ["succeeded"]
    assert edited["step1_output"].tolist() == out["output"].tolist()


def test_the_grid_of_an_earlier_step_tells_what_that_step_was_asked_for(table, service):
    edited = table.head(1).pruna.generate("prompt", **QUIET).pruna.edit("edit", **QUIET)
    first = edited.pruna.grid(output_col="step1_output")._repr_html_()
    last = edited.pruna.grid()._repr_html_()
    assert "a lion" in first
    assert "make it red" in last
    assert "make it red" not in first


def test_a_grid_of_edits_of_pictures_in_memory_can_be_saved(service, tmp_path):
    frame = pd.DataFrame({"picture": [Image.new("RGB", (16, 16))]})
    edited = frame.pruna.edit(prompt="make it red", images_col="picture", **QUIET)
    edited.pruna.grid().save(tmp_path / "sheet.png")
    assert pruna_nb.read_sheet(tmp_path / "sheet.png")["prompt"].tolist() == ["make it red"]
