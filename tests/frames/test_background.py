"""Runs in the background: at once there, watched, canceled, waited for."""

from __future__ import annotations

import pandas as pd
import pytest

from pruna_nb import settings
from pruna_nb.errors import AuthenticationError, BudgetError, InputError, MissingKeyError

FRAME = pd.DataFrame({"prompt": [f"a fox, number {number}" for number in range(6)]})
LOOK = 30.0


def start(**arguments):
    return FRAME.pruna.generate("prompt", background=True, progress=False, **arguments)


def test_a_background_run_gives_the_frame_that_generate_gives(service):
    out = start().result(LOOK)
    again = FRAME.pruna.generate("prompt", progress=False)
    names = ["prompt", "output", "status", "error", "prediction_id"]
    pd.testing.assert_frame_equal(out[names], again[names])
    assert service.charged == 6


def test_it_is_there_at_once_and_tells_what_there_is_so_far(service):
    service.configure(latency=60)
    run = start()
    assert not run.done
    assert run.frame["status"].tolist() == ["pending"] * 6
    assert repr(run).startswith("<BackgroundRun running: done 0 of 6;")
    run.cancel()
    run.result(LOOK)


def test_cancel_keeps_what_was_made_and_the_next_run_goes_on(service):
    settings.configure(limits={"p-image": (2, 60.0)})
    run = start()
    while run._run.counts["succeeded"] < 2:
        run._run.join(0.01)
    run.cancel()
    out = run.result(LOOK)
    assert out["status"].tolist().count("succeeded") == 2
    assert out["status"].tolist().count("pending") == 4
    assert service.charged == 2
    assert repr(run).startswith("<BackgroundRun canceled: 6 rows: 2 new")
    settings.configure(limits={"p-image": (100, 1.0)})
    assert start().result(LOOK)["status"].tolist() == ["succeeded"] * 6
    assert service.charged == 6


def test_waiting_ends_when_its_time_is_over_and_the_run_goes_on(service):
    service.configure(latency=60)
    run = start()
    with pytest.raises(TimeoutError, match="it continues"):
        run.result(timeout=0.01)
    assert not run.done
    run.cancel()
    run.result(LOOK)


def test_what_stops_the_account_is_raised_with_the_frame_so_far(service):
    service.configure(keys=["another-key"])
    run = start()
    with pytest.raises(AuthenticationError) as caught:
        run.result(LOOK)
    assert len(caught.value.frame) == 6
    assert "stopped by an error" in repr(run)
    assert "border-left:3px solid" in run._repr_html_()


def test_mistakes_raise_before_anything_starts(service):
    with pytest.raises(InputError):
        start(seed="one")
    with pytest.raises(BudgetError):
        start(max_cost_usd=0.001)
    settings.reset()
    settings.configure(base_url=service.url)
    with pytest.raises(MissingKeyError):
        start()
    assert service.charged == 0


def test_runs_side_by_side_share_the_limit(service):
    service.configure(limits={"p-image": (4, 1.0)}, window="sliding")
    settings.configure(limits={"p-image": (4, 1.0)})
    runs = [start(seed=seed) for seed in (1, 2)]
    for run in runs:
        assert run.result(LOOK)["status"].tolist() == ["succeeded"] * 6
    assert service.charged == 12
    assert service.refused == 0


def test_the_panel_shows_counts_cost_and_the_latest_pictures(service):
    run = start()
    run.result(LOOK)
    html = run.progress.html()
    assert "6 of 6" in html
    assert "0.03 USD" in html
    assert html.count("<summary") == 6
    assert repr(run.progress).startswith("<Panel: done: 6 rows: 6 new")


def test_a_run_of_nothing_is_over_at_once(service):
    FRAME.pruna.generate("prompt", progress=False)
    run = start()
    assert run.done
    assert run.frame["cached"].all()
    assert service.charged == 6


def test_a_run_without_rows_is_shown_too(service):
    run = FRAME.iloc[:0].pruna.generate("prompt", background=True)
    assert run.done
    assert "0 of 0" in run._repr_html_()
    assert len(run.result()) == 0
