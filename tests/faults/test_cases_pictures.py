"""Outputs that are not what was paid for are fetched again, and never taken for success."""

from __future__ import annotations

from pathlib import Path

import pytest

import pruna_nb
from tests.faults.cases import settings_for
from tests.faults.cases_pictures import CASES, NO_PICTURES, NO_VIDEOS, NO_WEIGHTS, Outputs
from tests.faults.cases_pictures import wrong_outputs as wrong
from tests.faults.servers import Server
from tests.helpers.media import clip, picture, zip_of

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("quickly")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_output_is_lost_and_none_is_paid_for_twice(case):
    found = case.run()
    assert (found.lost, found.paid_twice) == (0, 0), found


@pytest.mark.parametrize(
    ("model", "outputs", "right"),
    [
        ("p-image", NO_PICTURES, picture("JPEG")),
        ("p-video", NO_VIDEOS, clip()),
    ],
)
def test_what_stays_wrong_is_pending_and_said_to_be_charged(model, outputs, right):
    found = wrong(model, outputs, right, None)()
    assert dict(found.first) == {"pending": len(outputs)}, found
    assert dict(found.second) == {"succeeded": len(outputs)}
    assert found.told == len(outputs)
    assert found.paid_twice == 0


def test_weights_are_an_archive_with_all_of_its_members(tmp_path):
    (tmp_path / "photos.zip").write_bytes(zip_of({"a.jpg": picture()}))
    right = zip_of({"weights.safetensors": b"w" * 100})
    outputs = Outputs(list(NO_WEIGHTS.values()), right, None)
    with Server(outputs) as server, settings_for(server.url):
        for number in range(len(NO_WEIGHTS)):
            given = {"image_data": tmp_path / "photos.zip", "steps": 100 * (number + 1)}
            with pytest.raises(pruna_nb.errors.DeliveryError) as raised:
                pruna_nb.generate(model="p-image-trainer", **given)
            assert raised.value.charged == "yes"
        outputs.mend()
        made = pruna_nb.generate(
            model="p-image-trainer", image_data=tmp_path / "photos.zip", steps=100
        )
        assert Path(made.path).read_bytes() == right
        assert outputs.charged == len(NO_WEIGHTS)


@pytest.mark.parametrize(
    ("data", "suffix"),
    [(picture("JPEG"), ".jpg"), (clip(), ".mp4"), (zip_of({"a": b"b"}), ".zip")],
)
def test_a_model_that_the_catalogue_does_not_know_may_make_any_kind(data, suffix):
    with Server(Outputs([data], data, 0)) as server, settings_for(server.url):
        made = pruna_nb.generate("a lion", model="p-new", unchecked=True)
        assert made.path.suffix == suffix
