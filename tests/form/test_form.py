"""The form, driven by its buttons: quoted, made, canceled, tried again, selected, kept."""

from __future__ import annotations

import threading
import time

import pandas as pd
import pytest
from PIL import Image

from pruna_nb import settings
from pruna_nb.errors import BudgetError, InputError, MissingKeyError, UnknownModelError
from pruna_nb.form import board
from pruna_nb.form.memory import CELL
from tests.form.parts import everything, made, part, parts, quote, status, tiles
from tests.helpers.runs import end_predictions


def size_of(path):
    with Image.open(path) as image:
        return image.size


def can_click(form):
    """Return "stop" during a run, "go" before and after one."""
    if part(form, "go").description == "Generate":
        assert part(form, "stop").disabled
        return "go"
    return "stop" if not part(form, "stop").disabled else "nothing"


def test_the_price_stands_there_before_the_click(explore, service):
    form = explore(prompt=["a fox", "an owl"], aspect_ratio=["1:1", "16:9"], seed="1-3")
    # 2 x 2 x 3 pictures at 0.005 USD
    assert quote(form) == "12 pictures: 12 new · 0.06 USD · no wait at the limit"
    assert service.charged == 0


def test_pictures_that_are_there_cost_nothing(explore):
    form = made(explore(prompt=["a fox"], seed="1, 2"))
    assert quote(form) == "2 pictures: 2 cached · nothing to pay"
    form.fields["seed"].value = "1-3"
    assert quote(form).startswith("3 pictures: 2 cached, 1 new · 0.005 USD · about ")


def test_the_quote_says_how_long_it_will_take_once_that_is_known(explore, monkeypatch):
    monkeypatch.setattr("pruna_nb.form.quote._TOOK", {"p-image": 3.25})
    settings.configure(limits={"p-image": (2, 60.0)})
    # 3.25 s, and for the third picture a wait of a minute
    assert quote(explore(prompt="a", seed="1-2")).endswith("0.01 USD · about 3.2 s")
    assert quote(explore(prompt="a", seed="1-3")).endswith("about 1 min 3 s")


def test_the_quote_says_how_long_the_limit_takes(explore):
    settings.configure(limits={"p-image": (2, 60.0)})
    form = explore(prompt=["a"], seed="1-5")
    # 2 at once, 2 after a minute, 1 after another
    assert quote(form).endswith("at least 2 min 0 s at the limit")


def test_a_click_makes_the_product_of_prompts_ratios_and_seeds(explore, service):
    form = made(explore(prompt=["a fox", "an owl"], aspect_ratio=["1:1", "16:9"], seed="1-2"))
    assert service.charged == 8
    frame = form.frame
    assert list(frame.columns[:3]) == ["prompt", "aspect_ratio", "seed"]
    assert frame["status"].tolist() == ["succeeded"] * 8
    sizes = [size_of(path) for path in frame["output"][:4]]
    assert [width == height for width, height in sizes] == [True, True, False, False]


def test_the_click_returns_before_the_pictures_are_there(explore, service, until):
    service.configure(latency=60)
    form = explore(prompt="a fox")
    part(form, "go").click()
    assert form.frame["status"].tolist() == ["pending"]
    assert can_click(form) == "stop"
    part(form, "stop").click()
    assert form.wait(60)


def test_cancel_stops_what_was_not_sent_and_keeps_what_was_made(explore, service, until):
    service.configure(latency=60)
    settings.configure(limits={"p-image": (2, 60.0)})
    form = explore(prompt="a fox", seed="1-6")
    part(form, "go").click()
    until(lambda: service.charged == 2)
    part(form, "stop").click()
    assert form.wait(60)
    assert service.charged == 2
    assert form.frame["status"].tolist() == ["pending"] * 6
    assert "Canceled." in status(form)
    assert "not sent: the run was canceled" in tiles(form)[5].picture.value
    assert can_click(form) == "go"


def test_what_was_sent_before_a_cancel_is_taken_up_and_not_paid_twice(explore, service, until):
    service.configure(latency=600)
    form = explore(prompt="a fox", seed="1-3")
    part(form, "go").click()
    until(lambda: service.charged == 3)
    part(form, "stop").click()
    assert form.wait(60)
    assert "3 sent before" in quote(form)
    assert "3 predictions sent and not delivered (0.015 USD of it)" in status(form)
    assert [tile.retry.description for tile in tiles(form)] == ["Fetch"] * 3
    end_predictions(service)
    made(form)
    assert form.frame["status"].tolist() == ["succeeded"] * 3
    assert service.charged == 3


def test_an_error_stands_in_its_place_with_a_retry_that_makes_that_place_alone(explore, service):
    service.configure(faults={"failed": {"first": 1}})
    form = made(explore(prompt="a fox", seed="1-3"))
    statuses = form.frame["status"].tolist()
    assert sorted(statuses) == ["failed", "succeeded", "succeeded"]
    tile = tiles(form)[statuses.index("failed")]
    assert "failed" in tile.picture.value
    assert tile.box.children == (tile.picture, tile.retry)
    charged = service.charged
    tile.retry.click()
    assert form.wait(60)
    assert form.frame["status"].tolist() == ["succeeded"] * 3
    assert service.charged == charged + 1
    assert tile.box.children == (tile.picture, tile.buttons)


def test_all_that_failed_is_tried_again_by_one_button(explore, service):
    service.configure(faults={"failed": {"first": 2}})
    form = made(explore(prompt="a fox", seed="1-3"))
    assert part(form, "again").description == "Retry all 2"
    part(form, "again").click()
    assert form.wait(60)
    assert form.frame["status"].tolist() == ["succeeded"] * 3
    assert part(form, "again").layout.display == "none"


def test_selected_pictures_come_back_as_the_frame_s_rows(explore):
    form = made(explore(prompt=["a fox", "an owl"], seed="1-2"))
    assert len(form.selected) == 0
    tiles(form)[3].choose.value = True
    tiles(form)[0].choose.value = True
    assert form.selected.index.tolist() == [0, 3]
    assert form.selected["prompt"].tolist() == ["a fox", "an owl"]
    tiles(form)[0].choose.value = False
    assert form.selected.index.tolist() == [3]


def test_what_is_selected_stays_so_in_later_rounds(explore):
    form = made(explore(prompt="a fox", seed="1, 2"))
    tiles(form)[1].choose.value = True
    form.fields["prompt"].value = "an owl"
    made(form)
    assert not any(tile.choose.value for tile in tiles(form))
    tiles(form)[0].choose.value = True
    assert form.selected["prompt"].tolist() == ["a fox", "an owl"]
    assert form.selected.index.tolist() == [1, 2]
    assert form.selected["round"].tolist() == [1, 2]


def test_the_copy_below_the_form_holds_each_picture_with_its_words(explore):
    form = made(explore(prompt="a <b>fox</b> for $5", seed="1-2"))
    saved = form._saved.html
    assert saved.count("<img src='data:image/webp;base64,") == 2
    assert "a &lt;b&gt;fox&lt;/b&gt; for $5, seed 2" in saved
    assert "<b>fox" not in saved
    assert "mathjax_ignore" in saved


def test_a_hostile_prompt_is_text_wherever_it_is_shown(explore):
    form = made(explore(prompt="<script>alert(1)</script>"))
    shown = [widget.value for widget in everything(form.box) if type(widget).__name__ == "HTML"]
    assert not any("<script" in value for value in [*shown, form._saved.html])
    assert any("&lt;script&gt;" in value for value in shown)


def test_without_a_key_the_form_asks_for_one_and_goes_on(explore, service):
    settings.reset()
    settings.configure(base_url=service.url)
    form = made(explore(prompt="a fox"))
    assert "No API key" in status(form)
    assert service.charged == 0
    field = part(form, "login").children[0].children[0]
    field.value = "a-key-of-mine"
    assert field.value == ""
    assert "is accepted" in status(form)
    assert "kept for this session" in status(form)
    made(form)
    assert form.frame["status"].tolist() == ["succeeded"]
    assert "a-key-of-mine" not in repr([w.get_state() for w in everything(form.box)])


def test_a_click_above_the_budget_is_refused(explore, service):
    form = made(explore(prompt="a fox", seed="1-3", max_cost_usd=0.01))
    assert "would cost 0.01" in status(form) or "would cost 0.02" in status(form)
    assert service.charged == 0


def test_code_that_calls_generate_gets_the_reason_that_the_button_is_off_for(explore, service):
    form = explore(seed="1-3", max_cost_usd=0.01)
    with pytest.raises(InputError, match="Write a prompt"):
        form.generate()
    form.fields["prompt"].value = "a fox"
    with pytest.raises(BudgetError, match=r"3 new .* more than max_cost_usd=0\.01"):
        form.generate()
    assert len(form.frame) == 0
    assert service.charged == 0


def test_a_form_without_a_prompt_says_what_is_missing(explore, service):
    form = explore()
    assert quote(form) == "Write a prompt."
    part(form, "go").click()
    assert "Write a prompt." in status(form)
    assert len(form.frame) == 0
    assert "output" in form.frame.columns


def test_a_seed_that_cannot_be_read_is_named_where_the_price_stands(explore):
    form = explore(prompt="a")
    part(form, "seed").value = "one"
    assert "'one' is not a whole number" in quote(form)
    assert "border-left" in part(form, "quote").value
    form.fields["prompt"].value = None
    assert "border-left" not in part(form, "quote").value


def test_another_model_keeps_what_it_takes_too(explore):
    form = explore(prompt="a fox", aspect_ratio=["1:1", "3:2"], seed="7", lora_scale=2)
    form.fields["model"].value = "flux-dev"
    sent = {name: field.value for name, field in form.fields.items() if field.value is not None}
    assert sent == {
        "model": "flux-dev",
        "prompt": ("a fox",),
        "aspect_ratio": ("1:1", "3:2"),
        "seed": (7,),
    }
    form.fields["model"].value = "p-image"
    assert form.fields["lora_scale"].value == 2


def test_fields_are_set_from_code_as_explore_takes_them(explore, service):
    form = explore(prompt="a fox")
    form.fields["prompt"].value = ["an owl", "a hen"]
    form.fields["aspect_ratio"].value = "1:1"
    form.fields["seed"].value = 3
    form.fields["lora_scale"].value = 2
    made(form)
    sent = sorted((each["input"] for each in service.accepted), key=lambda each: each["prompt"])
    same = {"aspect_ratio": "1:1", "seed": 3, "lora_scale": 2}
    assert sent == [{"prompt": "a hen", **same}, {"prompt": "an owl", **same}]
    form.fields["lora_scale"].value = None
    assert form.fields["lora_scale"].value is None


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("seed", "one", "'one' is not a whole number"),
        ("lora_scale", 9, "out of range"),
        ("aspect_ratio", "17:9", "'17:9' is not allowed"),
        ("model", "p-imag", "p-image"),
    ],
)
def test_a_wrong_value_from_code_raises_and_changes_nothing(explore, name, value, error):
    form = explore(prompt="a fox", seed=1)
    before = form.fields[name].value
    with pytest.raises((InputError, UnknownModelError), match=error):
        form.fields[name].value = value
    assert form.fields[name].value == before


def test_a_secret_field_does_not_show_what_it_holds(explore):
    form = explore(prompt="a fox", hf_api_token="hf_sesame")
    assert "hf_sesame" not in repr(form.fields)


def test_the_default_ratio_alone_is_not_sent(explore, service):
    form = explore(prompt="a fox")
    assert form.fields["aspect_ratio"].value == ("16:9",)
    made(form)
    assert service.accepted[0]["input"] == {"prompt": "a fox"}


def test_width_and_height_stand_there_for_the_custom_ratio_alone(explore, service):
    form = explore(prompt="a fox")
    form.fields["aspect_ratio"].value = ["16:9"]
    line = next(line for line in parts(form, "line") if part(form, "width") in everything(line))
    assert line.layout.display == "none"
    form.fields["aspect_ratio"].value = ["16:9", "custom"]
    assert line.layout.display == ""
    made(form)
    inputs = [row["input"] for row in service.accepted]
    assert sorted(len(given) for given in inputs) == [2, 4]
    assert {given.get("width") for given in inputs} == {None, 1024}


def test_a_model_that_needs_files_says_so_and_takes_them(explore, service, tmp_path):
    form = explore("p-image-upscale")
    assert quote(form) == "p-image-upscale needs image."
    Image.new("RGB", (64, 64), "teal").save(tmp_path / "a.png")
    form.fields["image"].value = tmp_path / "a.png"
    assert quote(form).startswith("1 picture: 1 new · 0.01 USD")
    made(form)
    assert form.frame["status"].tolist() == ["succeeded"]
    assert form.frame["output"].tolist()[0].endswith(".jpg")


def test_a_video_is_made_and_shown(explore):
    form = made(explore("p-video", prompt="a fox runs", duration=1, draft=True))
    assert form.frame["status"].tolist() == ["succeeded"]
    assert "<video" in tiles(form)[0].picture.value


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"sede": 1}, "Did you mean seed"),
        ({"aspect_ratio": ["1:1", "17:9"]}, "'17:9' is not allowed"),
        ({"lora_scale": 9}, "out of range"),
        ({"seed": ["one"]}, "seed"),
    ],
)
def test_a_wrong_start_raises_where_it_was_written(explore, fields, error):
    with pytest.raises(InputError, match=error):
        explore(**fields)


def test_an_unknown_model_raises_with_near_names(explore):
    with pytest.raises(UnknownModelError, match="p-image"):
        explore("p-imag")


def test_a_model_that_the_catalogue_does_not_know_is_taken_knowingly(explore, service):
    service.configure(allow_unknown=True)
    form = made(explore("brand-new-9", prompt="a fox", style="ink", unchecked=True))
    assert service.accepted[0]["input"] == {"prompt": "a fox", "style": "ink"}
    assert form.frame["status"].tolist() == ["succeeded"]


def test_a_form_says_in_words_what_it_is_where_it_cannot_be_shown(explore):
    form = explore(prompt="a fox")
    assert repr(form) == "<Form: nothing made yet>"
    made(form)
    assert repr(form) == "<Form: 1 of 1 pictures made>"


def test_a_form_says_what_to_do_where_widgets_cannot_be_shown(explore, monkeypatch):
    shows = []
    monkeypatch.setattr(
        "IPython.display.display", lambda content, **_: shows.append(content) or None
    )
    form = explore("p-image-lora", prompt="a <b>fox</b> for $5", hf_api_token="hf-secret-123")
    form._ipython_display_()
    assert set(shows[0]) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    for shown in (shows[0]["text/html"], form._repr_html_()):
        assert "mathjax_ignore" in shown
        assert "<b>fox" not in shown
        assert "a &lt;b&gt;fox&lt;/b&gt; for $5" in shown
        assert "hf-secret-123" not in shown
        assert "needs a running kernel and Jupyter widgets" in shown
        assert "form.generate()" in shown
        assert "pruna.generate(" in shown  # the code that does without the form
        assert "<img" not in shown


def test_what_a_form_has_made_is_seen_where_widgets_cannot_be_shown(explore):
    form = explore()
    assert "form.generate()" in form._repr_html_()  # without code: there is no prompt yet
    assert "<pre" not in form._repr_html_()
    form.fields["prompt"].value = "a fox"
    form.generate()
    assert form.wait(60)
    assert "<pre" in form._repr_html_()
    assert form._repr_html_().count("<img") >= 1


def test_an_interrupt_of_the_wait_is_shown_in_short(explore, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    form = explore(prompt="a fox")
    form.generate()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt) as caught:
            form.wait()
    lines = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert [line.endswith("form.wait()") for line in lines] == [True, False]
    assert "KeyboardInterrupt" in lines[1]
    assert form.wait(60)


def test_pictures_are_shown_as_large_as_one_likes(explore, service):
    service.configure(fast=False)
    form = made(explore(prompt="a fox", aspect_ratio="1:1"))
    assert "width='192'" in tiles(form)[0].picture.value
    part(form, "size").value = 640
    assert "width='640'" in tiles(form)[0].picture.value


def test_widgets_of_an_earlier_grid_are_given_back(explore):
    form = made(explore(prompt="a fox", seed="1-3"))
    first = tiles(form)[0].box
    part(form, "go").click()
    assert form.wait(60)
    assert first.comm is None


def test_what_was_lost_before_is_sent_again_and_said(explore, service):
    service.configure(faults={"reset_after": {"first": 1}})
    form = made(explore(prompt="a fox"))
    assert form.frame["status"].tolist() == ["lost"]
    tiles(form)[0].retry.click()
    assert form.wait(60)
    assert "Resending 1 prediction whose answer was lost earlier" in status(form)
    assert form.frame["status"].tolist() == ["succeeded"]


def test_many_places_are_shown_a_page_at_a_time(explore):
    form = made(explore(prompt="a fox", seed="1-60"))
    assert len(tiles(form)) == 48
    more = part(form, "board").children[-1]
    assert more.description == "Show 12 of 12 more"
    more.click()
    assert len(tiles(form)) == 60
    assert all("<img" in tile.picture.value for tile in tiles(form))


@pytest.fixture
def sessions_key(service):
    """Let key and address be the session's: those of a with stay a form's own."""
    settings.reset()
    settings.configure(api_key="test-key", base_url=service.url)


@pytest.mark.parametrize("trouble", ["budget", "file", "key"])
def test_a_click_that_is_refused_leaves_what_was_made_as_it_is(
    explore, service, trouble, sessions_key
):
    form = made(explore("qwen-image", prompt="a fox", seed="1-2", max_cost_usd=0.05))
    tiles(form)[1].choose.value = True
    first = form.frame
    if trouble == "budget":
        form.fields["seed"].value = "1-9"
    elif trouble == "file":
        form.fields["image"].value = "no such file.png"
    else:
        settings.reset()
        settings.configure(base_url=service.url)
        form.fields["seed"].value = 7
    if trouble == "key":
        with pytest.raises(MissingKeyError):
            form.generate()
    made(form)
    assert "border-left" in status(form)
    pd.testing.assert_frame_equal(form.frame, first)
    assert form.selected.index.tolist() == [1]
    assert "<img" in tiles(form)[0].picture.value
    assert service.charged == 2


def test_a_retry_that_is_refused_leaves_the_error_in_its_place(explore, service, sessions_key):
    service.configure(faults={"failed": {"first": 1}})
    form = made(explore(prompt="a fox"))
    error = form.frame["error"].tolist()
    settings.reset()
    settings.configure(base_url=service.url)
    tiles(form)[0].retry.click()
    assert form.wait(60)
    assert form.frame["error"].tolist() == error
    assert "failed" in tiles(form)[0].picture.value


def test_a_key_that_the_service_refuses_can_be_given_anew_in_the_form(
    explore, service, sessions_key
):
    service.configure(keys=["the-right-key"])
    form = made(explore(prompt="a fox"))
    assert "401" in status(form)
    part(form, "login").children[0].children[0].value = "the-right-key"
    made(form)
    assert form.frame["status"].tolist() == ["succeeded"]


@pytest.fixture
def one_cell(monkeypatch):
    """Have every form made by the same cell, run again and again."""
    monkeypatch.setattr("pruna_nb.form.memory.this_place", lambda _: (CELL, "a cell", 0))
    monkeypatch.setattr("pruna_nb.form.memory._KEPT", {})
    monkeypatch.setattr("pruna_nb.form.memory._ROUNDS", {})


@pytest.mark.usefixtures("one_cell")
def test_a_cell_that_runs_again_goes_on_with_what_is_under_way(explore, service, until):
    service.configure(latency=60)
    form = explore(prompt="a fox", seed="1-3")
    part(form, "go").click()
    until(lambda: service.charged == 3)
    again = explore(prompt="a fox", seed="1-3")
    assert can_click(again) == "stop"
    assert len(tiles(again)) == 3
    part(again, "stop").click()
    assert again.wait(60)
    assert form.wait(60)
    assert "Canceled." in status(again)
    assert [tile.retry.description for tile in tiles(again)] == ["Fetch"] * 3
    assert can_click(again) == "go"
    assert again.frame["status"].tolist() == ["pending"] * 3


@pytest.mark.usefixtures("one_cell")
def test_a_run_that_looks_while_its_grid_is_laid_out_anew_waits_for_that(
    explore, service, until, monkeypatch
):
    service.configure(latency=60)
    form = explore(prompt="a fox", seed="1-12")
    part(form, "go").click()
    until(lambda: service.charged == 12)
    make_tile = board.Tile.__init__

    def slowly(self, *args, **options):
        time.sleep(0.06)  # 12 of them take longer than two looks of the run
        make_tile(self, *args, **options)

    monkeypatch.setattr(board.Tile, "__init__", slowly)
    again = explore(prompt="a fox", seed="1-12")
    assert len(tiles(again)) == 12
    part(again, "stop").click()
    assert again.wait(60)
    assert "Canceled. 12 rows" in status(again)
    assert [tile.retry.description for tile in tiles(again)] == ["Fetch"] * 12


@pytest.mark.usefixtures("one_cell")
def test_a_form_that_fails_to_show_takes_no_other_with_it(explore, service, until, monkeypatch):
    service.configure(latency=60)
    form = explore(prompt="a fox", seed="1-2")
    part(form, "go").click()
    until(lambda: service.charged == 2)
    again = explore(prompt="a fox", seed="1-2")

    def broken(*args, **kwargs):
        raise RuntimeError("no room on the screen")

    monkeypatch.setattr(form._board, "update", broken)
    part(again, "stop").click()
    assert again.wait(60)
    assert "Canceled. 2 rows" in status(again)
    # The one that failed can be used again too.
    assert can_click(form) == "go"


def test_a_form_whose_run_breaks_in_an_unforeseen_way_says_so_and_can_be_used(explore, monkeypatch):
    form = explore(prompt="a fox", seed="1")
    with monkeypatch.context() as patched:
        patched.setattr("pruna_nb.batch.run.Run.row_outcomes", lambda _: 1 / 0)
        part(form, "go").click()
        assert form.wait(60)
    assert "ZeroDivisionError" in status(form)
    assert can_click(form) == "go"
    assert made(form).frame["status"].tolist() == ["succeeded"]


@pytest.mark.usefixtures("one_cell")
def test_what_ends_in_the_later_form_is_shown_there(explore, service, until):
    service.configure(latency=600)
    form = explore(prompt="a fox", seed="1-2")
    part(form, "go").click()
    until(lambda: service.charged == 2)
    again = explore(prompt="an owl", seed="1")
    service.configure(latency=0)
    end_predictions(service)
    assert again.wait(60)
    assert again.frame["prompt"].tolist() == ["a fox"] * 2
    assert again.frame["status"].tolist() == ["succeeded"] * 2
    assert service.charged == 2
    assert len(made(again).frame) == 1


@pytest.mark.usefixtures("one_cell")
def test_rounds_are_there_again_when_the_cell_runs_again(explore):
    form = made(explore(prompt="a fox", seed="1, 2"))
    tiles(form)[0].choose.value = True
    again = explore(prompt="an owl")
    assert again.history["prompt"].tolist() == ["a fox", "a fox"]
    assert again.selected["seed"].tolist() == [1]
    assert "<img" in tiles(again)[1].picture.value
    assert made(again).history["round"].tolist() == [1, 1, 2]
    # the form above is another one, and keeps what it made
    assert form.history["prompt"].tolist() == ["a fox", "a fox"]
