"""One call, one output."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from PIL import Image

import pruna_nb
from pruna_nb import emulator, errors
from pruna_nb.batch import fetch


def test_a_call_gives_a_picture_of_the_size_that_was_asked_for():
    with (
        emulator.running(latency=0) as service,
        pruna_nb.configure(api_key="k", base_url=service.url),
    ):
        output = pruna_nb.generate("a lion", aspect_ratio="16:9", seed=7)
    assert output.image.size == (1344, 768)
    assert output.path.suffix == ".jpg"
    assert output.prediction.status == "succeeded"
    assert output.prediction.input == {"prompt": "a lion", "aspect_ratio": "16:9", "seed": 7}
    assert output.cost_usd == 0.005


def test_the_same_call_again_costs_nothing(service):
    first = pruna_nb.generate("a lion")
    again = pruna_nb.generate("a lion")
    assert (first.cached, again.cached) == (False, True)
    assert again.path == first.path
    assert again.cost_usd == 0
    assert service.charged == 1


@pytest.mark.parametrize(("mode", "kept"), [("refresh", True), ("off", False)])
def test_a_call_can_be_made_anew(service, mode, kept):
    pruna_nb.generate("a lion", cache=mode)
    pruna_nb.generate("a lion", cache=mode)
    assert service.charged == 2
    assert pruna_nb.generate("a lion").cached is kept


def test_a_call_has_its_id_before_its_output_is_made(service):
    """So that whoever kills it loses nothing: an answer to Try-Sync has no id, and comes late."""
    assert pruna_nb.generate("a lion").prediction.id is not None
    assert service.charged == 1


def test_relative_addresses_are_taken_too():
    with (
        emulator.running(fast=True, latency=0, relative_urls=True) as service,
        pruna_nb.configure(api_key="k", base_url=service.url + "/v1"),
    ):
        assert pruna_nb.generate("a lion").path.is_file()


def test_an_output_goes_into_the_next_call(service):
    lion = pruna_nb.generate("a lion", aspect_ratio="1:1")
    edited = pruna_nb.generate("make it blue", model="p-image-edit", images=[lion])
    assert edited.path.is_file()
    assert service.counts["files"] == 1


def test_an_output_can_be_opened_by_its_path(service):
    output = pruna_nb.generate("a lion")
    assert os.fspath(output) == str(output.path)
    with Image.open(output) as picture:
        assert picture.size == output.image.size


def test_an_output_shows_itself_small_and_safely(service):
    output = pruna_nb.generate('<script>alert("$5 and $6")</script>')
    html = output._repr_html_()
    assert "<script>" not in html
    assert "data:image/webp;base64," in html
    assert len(html) < 300_000


def test_a_wrong_input_is_told_whole_before_anything_is_sent(service):
    with pytest.raises(errors.InputError) as caught:
        pruna_nb.generate("a lion", aspect_ratio="5:9", seed="x", sede=1)
    assert len(caught.value.problems) == 3
    assert "seed" in str(caught.value)
    assert service.charged == 0


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_not_paid_for(service, prompt):
    with pytest.raises(errors.InputError, match="prompt: empty text was given; p-image needs it"):
        pruna_nb.generate(prompt)
    with pruna_nb.Client() as client, pytest.raises(errors.InputError, match="empty text"):
        client.create("p-image", {"prompt": prompt})
    assert service.counts["predictions"] == 0


def test_a_prediction_that_fails_raises_with_the_services_words(service):
    service.configure(faults={"failed": 1.0})
    with pytest.raises(errors.PredictionFailedError) as caught:
        pruna_nb.generate("a lion")
    assert caught.value.message
    assert caught.value.__traceback__ is not None


def test_a_budget_is_kept(service):
    with pytest.raises(errors.BudgetError):
        pruna_nb.generate("a lion", max_cost_usd=0.001)
    assert service.charged == 0


def test_a_video_has_no_image_but_a_path(service):
    video = pruna_nb.generate("waves", model="p-video", duration=1)
    assert video.path.suffix == ".mp4"
    with pytest.raises(errors.InputError):
        _ = video.image


def test_an_output_is_fetched_by_the_next_call_if_its_delivery_failed(service, monkeypatch):
    monkeypatch.setattr(fetch, "_DELIVERIES_AT_MOST", 2)
    service.configure(faults={"delivery_cut": 1.0})
    with pytest.raises(errors.DeliveryError):
        pruna_nb.generate("a lion")
    service.configure(faults={})
    assert pruna_nb.generate("a lion").path.is_file()
    assert service.charged == 1


def test_a_file_of_another_kind_is_refused_before_it_is_paid_for(service, tmp_path):
    video = pruna_nb.generate("waves", model="p-video", duration=1)
    charged = service.charged
    with pytest.raises(errors.InputError, match="video/mp4"):
        pruna_nb.generate("make it blue", model="p-image-edit", images=[video])
    assert service.charged == charged


@pytest.mark.parametrize(
    ("name", "value"), [("samples", 2), ("prefix", "a_"), ("background", True)]
)
def test_an_option_of_a_list_says_so_where_there_is_one_prompt(service, name, value):
    told = rf"{name}= is of a list of prompts: pruna_nb\.generate\(\[prompt\], {name}={value!r}"
    with pytest.raises(errors.InputError, match=told):
        pruna_nb.generate("a lion", **{name: value})
    assert service.charged == 0


def test_a_frame_is_led_to_its_own_verb(service):
    with pytest.raises(errors.InputError, match=r"df\.pruna\.generate\(prompt_col\)"):
        pruna_nb.generate(pd.DataFrame({"prompt": ["a lion"]}))
    assert service.charged == 0


def test_a_name_that_the_package_does_not_have_is_told_with_a_near_one():
    with pytest.raises(AttributeError, match=r"'generat'\. Did you mean pruna_nb\.generate\?"):
        pruna_nb.generat  # noqa: B018
    assert not hasattr(pruna_nb, "zebra")


def test_a_key_that_is_refused_is_told_where_to_enter_another():
    assert "pruna_nb.login()" in str(errors.AuthenticationError("Invalid key", status=401))
    assert "pruna_nb.login()" in str(errors.AuthenticationError("No", account_wide=False))
