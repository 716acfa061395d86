"""A list of prompts makes a frame, as a Series of them does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import BudgetError, InputError
from pruna_nb.frames.background import BackgroundRun

PROMPTS = ["a fox", "a hare", "a fox", None]


@pytest.mark.parametrize(
    "several",
    [list, tuple, iter, pd.Index, lambda prompts: np.array(prompts, dtype=object)],
)
def test_each_prompt_is_a_row_and_equal_ones_are_paid_once(service, several):
    out = pruna_nb.generate(several(PROMPTS), aspect_ratio="1:1", progress=False)
    assert out["prompt"].tolist()[:3] == PROMPTS[:3]
    assert out["status"].tolist() == ["succeeded"] * 3 + ["skipped"]
    assert service.charged == 2
    again = pruna_nb.generate(several(PROMPTS), aspect_ratio="1:1", progress=False)
    assert again["cached"].tolist()[:3] == [True] * 3
    assert service.charged == 2


def test_it_is_the_frame_that_a_series_of_them_gives(service):
    prompts = pd.Series(["a fox", "a hare"], index=["x", "y"], name="idea")
    out = pruna_nb.generate(prompts, seed=3, prefix="p_", progress=False)
    pd.testing.assert_frame_equal(
        out.drop(columns=["p_seconds", "p_cost_usd", "p_cached"]),
        prompts.pruna.generate(seed=3, prefix="p_", progress=False).drop(  # type: ignore[attr-defined]
            columns=["p_seconds", "p_cost_usd", "p_cached"]
        ),
    )
    assert service.charged == 2


def test_every_option_of_a_batch_is_taken(service):
    with pytest.raises(BudgetError, match=r"4 new predictions would cost 0\.02 USD"):
        pruna_nb.generate(["a fox", "a hare"], samples=2, max_cost_usd=0.01)
    assert service.charged == 0
    run = pruna_nb.generate(["a fox", "a hare"], samples=2, background=True, timeout=60)
    assert isinstance(run, BackgroundRun)
    assert run.result(60)["status"].tolist() == ["succeeded"] * 4


def test_its_mistakes_are_told_line_by_line_before_anything_is_sent(service):
    with pytest.raises(InputError) as raised:
        pruna_nb.generate(["a fox", 3], sede=1, aspect_ratio="7:1", model="p-image")
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["sede", "aspect_ratio", "row 1"]
    assert service.charged == 0


def test_no_prompt_makes_an_empty_frame(service):
    out = pruna_nb.generate([], progress=False)
    assert len(out) == 0
    assert "output" in out
    assert service.charged == 0
