"""Rounds, favourites and the enlarged view: what a form remembers of what it made."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb import settings
from pruna_nb.errors import BudgetError, InputError
from tests.form.parts import everything, made, part, parts, quote, status, tiles
from tests.helpers.runs import end_predictions


def strip(form):
    return [button.description for button in parts(form, "round")]


def words(widget):
    return html.unescape(re.sub("<[^>]*>", "", widget.value))


def test_each_generate_is_a_round_that_a_click_shows_again(explore):
    form = made(explore(prompt="a fox", seed="1, 2"))
    assert part(form, "rounds").layout.display == "none"
    form.fields["prompt"].value = "an owl"
    made(form)
    assert strip(form) == ["1 · a fox (2)", "2 · an owl (2)"]
    assert form.frame["prompt"].tolist() == ["an owl"] * 2
    parts(form, "round")[0].click()
    assert form.frame["prompt"].tolist() == ["a fox"] * 2
    assert "a fox, seed 2" in tiles(form)[1].picture.value
    assert "a fox, seed 2" in form._saved.html
    assert "a fox" in form.code()


def test_the_history_has_the_rows_of_all_rounds_with_their_models_and_fields(explore):
    form = made(explore(prompt="a fox", seed="1, 2"))
    form.fields["model"].value = "flux-dev"
    form.fields["seed"].value = 7
    form.fields["guidance"].value = 2.5
    made(form)
    history = form.history
    assert history.columns[:2].tolist() == ["round", "model"]
    assert history.index.tolist() == [0, 1, 2]
    assert history["round"].tolist() == [1, 1, 2]
    assert history["model"].tolist() == ["p-image", "p-image", "flux-dev"]
    assert history["seed"].tolist() == [1, 2, 7]
    assert history["guidance"].tolist()[2] == 2.5
    assert history["status"].tolist() == ["succeeded"] * 3


def test_before_the_first_click_all_frames_are_there_and_empty(explore):
    form = explore()
    for frame in (form.frame, form.history, form.selected, form.kept):
        assert len(frame) == 0
        assert {"prompt", "output", "status"} <= set(frame.columns)


def test_a_frame_s_rows_keep_their_labels_in_history_and_selection(explore):
    df = pd.DataFrame({"prompt": ["a fox", "an owl"], "round": [8, 9]}, index=["f", "o"])
    form = made(df.pruna.explore("prompt", seed=1))
    form.fields["seed"].value = 2
    made(form)
    tiles(form)[1].choose.value = True
    assert form.history.index.tolist() == ["f", "o", "f", "o"]
    assert form.selected.index.tolist() == ["o"]
    assert form.selected["round"].tolist() == [9]
    assert form.selected["form_round"].tolist() == [2]


def test_a_click_above_the_days_budget_is_refused_and_the_quote_says_so_before(explore, service):
    form = made(explore(prompt="a fox", seed=1))
    with pruna_nb.configure(max_cost_usd_per_day=0.008):
        form = explore(prompt="a hare")
        form.fields["seed"].value = "1, 2"
        assert "Today (UTC) 0.005 USD of max_cost_usd_per_day=0.008 is spent" in quote(form)
        assert part(form, "go").disabled
        with pytest.raises(BudgetError, match=r"max_cost_usd_per_day=0\.008"):
            form.generate()
        made(form)
    assert "max_cost_usd_per_day=0.008" in status(form)
    assert service.charged == 1


def test_a_refused_click_is_no_round(explore):
    form = made(explore(prompt="a fox", max_cost_usd=0.01))
    form.fields["seed"].value = "1-9"
    made(form)
    assert "more than max_cost_usd" in status(form)
    assert len(form.history) == 1


def test_favourites_outlive_the_form_and_are_marked_in_others(explore):
    form = made(explore(prompt="a <b>fox</b>", seed="1, 2"))
    tiles(form)[1].keep.value = True
    assert tiles(form)[1].keep.description == "Kept"
    made(form)
    assert [tile.keep.value for tile in tiles(form)] == [False, True]
    again = explore(prompt="an owl", seed=5)  # the same call of the same folder
    assert again.kept["prompt"].tolist() == ["a <b>fox</b>"]
    assert again.kept["seed"].tolist() == [2]
    assert again.kept["cost_usd"].tolist() == [0.005]
    assert again.kept["output"].tolist() == [form.frame["output"].tolist()[1]]
    other = explore("flux-dev", prompt="an owl")
    assert len(other.kept) == 0
    tiles(form)[1].keep.value = False
    assert len(form.kept) == len(again.kept) == 0


def test_a_picture_kept_elsewhere_is_kept_where_it_is_shown(explore):
    made(explore(prompt="a fox", seed="1, 2")).keep([0])
    form = explore("p-image", prompt="a fox", seed="1, 2", aspect_ratio="1:1")
    assert len(form.kept) == 0
    form.fields["aspect_ratio"].value = None
    made(form)
    assert [tile.keep.value for tile in tiles(form)] == [True, False]
    assert form.kept["seed"].tolist() == [1]


def test_what_is_selected_is_kept_from_code(explore):
    form = made(explore(prompt="a fox", seed="1-3"))
    tiles(form)[2].choose.value = True
    form.keep()
    assert form.kept["seed"].tolist() == [3]
    assert tiles(form)[2].keep.value
    with pytest.raises(InputError, match="has 3 rows"):
        form.keep([3])


def test_pruning_leaves_favourites_alone(explore):
    form = made(explore(prompt="a fox", seed="1-3"))
    form.keep([1])
    pruna_nb.cache.prune(keep_bytes=0)
    pruna_nb.cache.prune(older_than=0)
    for path in form.frame["output"]:
        os.utime(path, (1, 1)) if Path(path).exists() else None
    pruna_nb.cache.prune(older_than=0)
    assert [Path(path).exists() for path in form.frame["output"]] == [False, True, False]


def test_a_secret_and_the_key_are_not_kept(explore):
    form = made(explore(prompt="a fox", hf_api_token="hf_sesame"))
    form.keep([0])
    folder = settings.current().kept_dir
    (file,) = folder.glob("*.json")
    text = file.read_text()
    assert "sesame" not in text
    assert "test-key" not in text
    file.write_text("{")  # a damaged one is left out
    assert len(form.kept) == 0


def test_a_star_that_cannot_be_written_says_so_and_is_none(explore):
    form = made(explore(prompt="a fox"))
    settings.current().kept_dir.write_text("in the way")
    tiles(form)[0].keep.value = True
    assert not tiles(form)[0].keep.value
    assert tiles(form)[0].keep.description == "Keep"
    assert "not kept" in status(form)


def test_pictures_that_are_in_the_cache_are_there_before_the_click(explore, service):
    made(explore(prompt="a fox", seed="1, 2"))
    form = explore(prompt="a fox", seed="1-3")
    assert ["<img" in tile.picture.value for tile in tiles(form)] == [True, True, False]
    assert form.frame["status"].tolist() == ["succeeded", "succeeded", "pending"]
    assert service.charged == 2
    assert quote(form).startswith("3 pictures: 2 cached, 1 new")


def test_a_round_that_is_asked_for_during_another_waits_for_it(explore, service, until):
    service.configure(latency=600)
    form = explore(prompt="a fox")
    part(form, "go").click()
    until(lambda: service.charged == 1)
    assert part(form, "go").description == "Add to queue"
    form.fields["prompt"].value = "an owl"
    part(form, "go").click()
    part(form, "go").click()
    assert "2 rounds in the queue" in status(form)
    service.configure(latency=0)
    end_predictions(service)
    assert form.wait(60)
    assert form.history["prompt"].tolist() == ["a fox", "an owl", "an owl"]
    assert form.history["status"].tolist() == ["succeeded"] * 3
    assert service.charged == 2  # the third is the second, and not paid for again


def test_cancel_empties_the_queue_too(explore, service, until):
    service.configure(latency=60)
    form = explore(prompt="a fox")
    part(form, "go").click()
    until(lambda: service.charged == 1)
    form.fields["prompt"].value = "an owl"
    part(form, "go").click()
    part(form, "stop").click()
    assert form.wait(60)
    assert service.charged == 1
    assert form.history["prompt"].tolist() == ["a fox"]


def test_an_earlier_round_can_be_looked_at_during_a_run(explore, service, until):
    form = made(explore(prompt="a fox"))
    service.configure(latency=60)
    form.fields["prompt"].value = "an owl"
    part(form, "go").click()
    until(lambda: service.charged == 2)
    parts(form, "round")[0].click()
    assert "a fox" in form._saved.html
    part(form, "stop").click()
    assert form.wait(60)
    assert form.frame["prompt"].tolist() == ["a fox"]
    assert form.history["status"].tolist() == ["succeeded", "pending"]


def test_the_limit_that_is_configured_stands_beside_the_model(explore):
    with settings.configure(limits={"p-image": (7, 30.0)}):
        form = explore(prompt="a fox")
    about = " ".join(words(each) for each in everything(form.box) if type(each).__name__ == "HTML")
    assert "7 in 30 s" in about
    assert "250 a minute" not in about


def test_the_box_for_prompts_grows_with_them(explore):
    form = explore(prompt="a fox")
    box = part(form, "prompt")
    assert box.rows == 4
    form.fields["prompt"].value = [f"fox {number}" for number in range(8)]
    assert box.rows == 9
    form.fields["prompt"].value = "a fox, " * 60  # 420 letters, on five lines
    assert box.rows == 6
    form.fields["prompt"].value = [f"fox {number}" for number in range(80)]
    assert box.rows == 20


def test_generate_is_off_with_the_reason_until_it_can_run(explore):
    form = explore(max_cost_usd=0.012)
    go = part(form, "go")
    assert (go.disabled, go.tooltip) == (True, "Write a prompt.")
    form.fields["prompt"].value = "a fox"
    assert not go.disabled
    form.fields["seed"].value = "1-3"
    assert go.disabled
    assert quote(form).endswith(
        "That is more than max_cost_usd=0.012: make fewer, or raise it in the code."
    )
    form.fields["seed"].value = "1-2"
    assert not go.disabled


def large(form, name):
    return part(form, f"large-{name}")


def test_a_picture_is_seen_large_with_what_made_it(explore):
    form = made(explore(prompt="a <b>fox</b> for $5", seed="1-3"))
    assert part(form, "lightbox").layout.display == "none"
    assert "onclick" in tiles(form)[1].picture.value
    tiles(form)[1].large.click()
    box = part(form, "lightbox")
    assert box.layout.display == ""
    assert part(form, "board").layout.display == "none"
    shown = " ".join(words(each) for each in everything(box) if type(each).__name__ == "HTML")
    assert "a <b>fox</b> for $5" in shown
    assert "2 of 3" in shown
    for fact in ("model p-image", "seed 2", "cost 0.005 USD", "Copy the prompt", "Download"):
        assert fact in shown
    assert "<b>fox" not in large(form, "media").value
    assert "src='data:image/" in large(form, "media").value


def test_keys_and_buttons_go_from_picture_to_picture_and_back(explore):
    form = made(explore(prompt="a fox", seed="1-3"))
    tiles(form)[2].large.click()
    large(form, "forward").click()
    number = form._board.enlarged._lightbox
    assert number.number == 0
    large(form, "keys").value = "d"
    assert number.number == 1
    assert large(form, "keys").value == ""
    large(form, "keys").value = "a"
    large(form, "keys").value = "s"
    large(form, "keys").value = "k"
    assert form.selected["seed"].tolist() == form.kept["seed"].tolist() == [1]
    assert large(form, "select").description == "Selected"
    assert large(form, "keep").description == "Kept"
    large(form, "keys").value = "q"
    assert part(form, "board").layout.display == ""
    assert "data:" not in large(form, "media").value


def test_a_picture_whose_file_is_gone_says_so_large(explore):
    form = made(explore(prompt="a fox"))
    Path(form.frame["output"].iloc[0]).unlink()
    tiles(form)[0].large.click()
    assert "the file is gone" in large(form, "media").value


def test_a_video_plays_large(explore):
    form = made(explore("p-video", prompt="a fox runs", duration=1, draft=True))
    tiles(form)[0].large.click()
    assert "<video src='data:video/" in large(form, "media").value
    assert large(form, "edit").layout.display == "none"
    # small, it has no controls: it plays below the pointer
    small = tiles(form)[0].picture.value
    assert "<video" in small
    assert " controls" not in small


def compared(form):
    """Return what two pictures are called that are compared, and what stands above both."""
    captions = re.findall(r"<figcaption.*?<bdi>(.*?)</bdi>", part(form, "versus").children[1].value)
    above = re.search(r"<p .*?<bdi>(.*?)</bdi>", part(form, "versus").children[1].value)
    return captions, above and above.group(1)


def test_two_selected_pictures_are_compared_by_what_differs(explore):
    form = made(explore(prompt="a fox", seed="1, 2"))
    compare = part(form, "compare")
    tiles(form)[0].choose.value = True
    assert compare.layout.display == "none"
    tiles(form)[1].choose.value = True
    assert compare.layout.display == ""
    compare.click()
    assert compared(form) == (["seed 1", "seed 2"], "a fox")
    assert form._board._grid.layout.display == "none"
    part(form, "versus-close").click()
    assert form._board._grid.layout.display == ""
    # of two rounds, also after another one was shown
    tiles(form)[1].choose.value = False
    form.fields["prompt"].value = "an owl"
    made(form)
    tiles(form)[1].choose.value = True
    compare.click()
    names = [["a fox", "seed 1", "round 1"], ["an owl", "seed 2", "round 2"]]
    assert compared(form) == ([" · ".join(name) for name in names], None)


def test_an_edit_is_compared_with_the_picture_that_it_was_made_of(explore, tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 200), "teal").save(path)
    form = made(explore("p-image-edit", prompt="make it night", images=[str(path)]))
    tiles(form)[0].large.click()
    large(form, "before").click()
    assert compared(form)[0] == ["before", "after"]
    form.fields["prompt"].value = "make it day"
    made(form)  # another round closes it
    assert part(form, "versus").layout.display == "none"


def test_new_seeds_and_old_settings_come_from_a_picture(explore, service):
    form = made(explore(prompt=["a fox", "an owl"], seed="1, 2", lora_scale=2))
    for name, value in {"prompt": "a hen", "seed": 9, "lora_scale": 1}.items():
        form.fields[name].value = value
    tiles(form)[3].large.click()
    large(form, "reuse").click()
    now = {name: form.fields[name].value for name in ("prompt", "seed", "lora_scale")}
    assert now == {"prompt": ("an owl",), "seed": (2,), "lora_scale": 2}
    assert quote(form) == "1 picture: 1 cached · nothing to pay"
    tiles(form)[0].large.click()
    large(form, "vary").click()
    assert form.fields["prompt"].value == ("a fox",)
    assert len(set(form.fields["seed"].value)) == 4
    assert quote(form).startswith("4 pictures: 4 new · 0.02 USD")
    assert service.charged == 4


@pytest.mark.parametrize(
    ("word", "model", "field"),
    [
        ("edit", "p-image-edit", "images"),
        ("upscale", "p-image-upscale", "image"),
        ("animate", "p-video", "image"),
    ],
)
def test_a_picture_becomes_another_model_s_input(explore, service, word, model, field):
    form = made(explore(prompt="a fox", seed=3))
    path = form.frame["output"].iloc[0]
    tiles(form)[0].large.click()
    large(form, word).click()
    assert form.fields["model"].value == model
    assert path in str(form.fields[field].value)
    if word == "edit":
        assert quote(form) == "Write a prompt."
        form.fields["prompt"].value = "make it night"
    assert "1 new" in quote(form)
    assert service.charged == 1
    assert form.frame["output"].tolist() == [path]
    made(form)
    assert form.history["model"].tolist() == ["p-image", model]
    assert form.history["status"].tolist() == ["succeeded"] * 2


def test_prompts_with_one_picture_each_flow_with_their_words_below(explore):
    form = made(explore(prompt=["a fox", "an <i>owl</i>"]))
    head, row = part(form, "board").children
    assert "p-image" in head.value  # what all share, once
    assert len(row.children) == 2
    assert "an &lt;i&gt;owl&lt;/i&gt;" in tiles(form)[1].picture.value
    form.fields["seed"].value = "1, 2"
    made(form)
    head, grid = part(form, "board").children
    texts = [re.sub("<[^>]*>", "", each.value) for each in grid.children if hasattr(each, "value")]
    assert texts == ["a fox", "seed 1", "seed 2", "an &lt;i&gt;owl&lt;/i&gt;"]


def test_a_new_kernel_has_the_favourites(explore, service):
    made(explore(prompt="a fox", seed=3)).keep([0])
    now = settings.current()
    code = "import pruna_nb; print(pruna_nb.explore(prompt='an owl', seed=1).kept.seed.tolist())"
    environment = {"PRUNA_NB_CACHE_DIR": str(now.cache_dir), "PRUNA_API_URL": service.url}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[3]"
