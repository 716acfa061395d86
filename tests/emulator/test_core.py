"""Whatever comes in as JSON, the core answers it."""

from __future__ import annotations

import io
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pruna_nb.catalog import find_model, get_model
from pruna_nb.emulator.core import Core
from pruna_nb.emulator.options import Options

FIELDS = (
    "prompt",
    "seed",
    "aspect_ratio",
    "width",
    "height",
    "image_size",
    "megapixels",
    "output_megapixels",
    "output_format",
    "output_quality",
    "images",
    "reference_image",
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(given_input=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=9), ANYTHING))
def test_a_model_without_a_catalogue_makes_a_picture_of_any_input(given_input):
    model = find_model("brand-new", unchecked=True)
    with closing(Core(Options(latency=0, fast=True))) as core:
        prediction = core.accept(model, given_input)
        assert prediction.outcome == "succeeded"
        with Image.open(io.BytesIO(core.output(prediction))) as picture:
            picture.load()


def test_a_prediction_goes_through_its_stages_by_the_clock():
    now = 1_000.0
    with closing(Core(Options(latency=10.0), clock=lambda: now)) as core:
        prediction = core.accept(get_model("p-image"), {"prompt": "a lion"})
        assert prediction.finish == 1_010.0
        assert prediction.status(1_001.0) == "starting"
        assert prediction.status(1_002.0) == "processing"
        assert prediction.status(1_009.9) == "processing"
        assert prediction.status(1_010.0) == "succeeded"


def test_an_output_lives_from_its_end_on():
    now = [0.0]
    with closing(Core(Options(latency=10.0, output_ttl=60.0), clock=lambda: now[0])) as core:
        prediction = core.accept(get_model("p-image"), {"prompt": "a lion"})
        now[0] = 69.9
        assert not core.is_expired(prediction)
        now[0] = 70.0
        assert core.is_expired(prediction)


def test_outputs_are_made_again_when_too_many_are_kept(monkeypatch):
    from pruna_nb.emulator import core as module

    monkeypatch.setattr(module, "_KEPT_BYTES", 2_000)
    with closing(Core(Options(latency=0, fast=True))) as core:
        made = [core.accept(get_model("p-image"), {"prompt": str(n)}) for n in range(5)]
        first = [core.output(each) for each in made]
        assert len(core._outputs) < 5
        assert core._kept == sum(map(len, core._outputs.values())) <= 2_000
        assert [core.output(each) for each in made] == first


@pytest.mark.parametrize("seed", [-1, None, "7"])
def test_a_seed_that_means_none_is_drawn(seed):
    with closing(Core(Options(latency=0))) as core:
        given_input = {"prompt": "x"} if seed is None else {"prompt": "x", "seed": seed}
        drawn = [core.accept(get_model("flux-dev"), given_input).seed for _ in range(2)]
        assert drawn[0] != drawn[1]
        assert min(drawn) >= 0


def test_options_survive_the_way_to_another_process():
    import json

    options = Options.read(
        {
            "keys": ["a", "b"],
            "limits": {"p-image": (2, 5.0)},
            "latency": {"p-image": (0.1, 0.2)},
            "window": ("bucket", 10),
            "faults": {"failed": {"first": 1}},
            "extra_models": {"p-image-2"},
        }
    )
    assert Options.read(json.loads(json.dumps(options.to_json()))) == options
