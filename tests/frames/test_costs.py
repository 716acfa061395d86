"""What a run has cost, as it is told: known prices, measured ones, and of what is not here."""

from __future__ import annotations

import io
import math
import time

import av
import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.batch.progress import closing_line, displayed
from pruna_nb.errors import BudgetError, SettingsError
from tests.helpers.media import picture

PHOTO = picture(size=(64, 64))


def film(seconds):
    """Write a video of so many seconds."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        for number in range(8 * seconds):
            shade = np.full((64, 64, 3), 8 * number % 256, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def length_of(path):
    with av.open(path) as container:
        return container.duration / av.time_base


@pytest.mark.parametrize("model", ["p-video-animate", "p-video-replace"])
def test_a_video_whose_length_another_input_sets_costs_its_own_seconds(model, service, capsys):
    frame = pd.DataFrame({"video": [film(2)], "photo": [PHOTO]})
    images = {"image_col" if model == "p-video-animate" else "images_col": "photo"}
    estimate = frame.pruna.estimate(model=model, video_col="video", **images)
    assert estimate.cost_usd is None
    out = frame.pruna.generate(model=model, video_col="video", **images)
    seconds = length_of(out["output"].iloc[0])
    assert out["cost_usd"].iloc[0] == pytest.approx(0.03 * seconds, abs=0.002)
    assert f"{out['cost_usd'].iloc[0]:.2f}" in capsys.readouterr().out
    journal = pruna_nb.journal()
    assert journal["cost_usd"].tolist() == out["cost_usd"].tolist()


def test_what_has_no_published_price_is_not_told_as_free(service, capsys):
    out = pd.DataFrame({"prompt": ["waves", "clouds"]}).pruna.generate("prompt", model="wan-t2v")
    assert out["cost_usd"].isna().all()
    assert "price not published" in capsys.readouterr().out


@pytest.mark.parametrize("limit", [math.nan, -1, "5", True, [5]])
def test_a_limit_that_is_no_amount_is_refused_before_anything_is_sent(limit, service, frame):
    with pytest.raises(SettingsError, match="max_cost_usd must be 0 USD or more"):
        frame.pruna.generate("prompt", max_cost_usd=limit)
    assert service.charged == 0


@pytest.mark.parametrize("limit", [0, 0.0149, np.float32(0.01)])
def test_a_limit_below_the_price_is_kept(limit, service, frame):
    with pytest.raises(BudgetError, match=r"0\.015 USD"):
        frame.pruna.generate("prompt", max_cost_usd=limit)
    assert service.charged == 0


def test_what_was_sent_and_is_not_here_is_told_with_its_price(service, frame, capsys):
    service.configure(latency=60)
    run = frame.pruna.generate("prompt", background=True)
    end = time.monotonic() + 60
    while run._run.in_flight < 3 and time.monotonic() < end:
        time.sleep(0.02)
    run.cancel()
    run.result()
    said = closing_line(run._run)
    assert "3 pending; 0.015 USD" in said
    assert said.endswith(
        ". 3 predictions sent and not delivered (0.015 USD of it): "
        "run again to fetch them at no new cost"
    )
    capsys.readouterr()
    with displayed(run._run, shown=True, is_raised=lambda: True):
        pass  # what is raised says it, as a note
    told = capsys.readouterr()
    assert "3 pending" in told.out + told.err
    assert "sent and not delivered" not in told.out + told.err
