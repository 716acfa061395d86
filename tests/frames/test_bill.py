"""What a frame, its closing line and the journal say of money, held against the service's bill."""

from __future__ import annotations

import time

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import settings
from pruna_nb.batch.progress import closing_line
from pruna_nb.errors import PrunaError
from pruna_nb.frames.costs import costs_by_period
from tests.helpers.runs import end_predictions, soon

USD = 0.005
ROWS = 6


@pytest.fixture
def frame():
    return pd.DataFrame({"prompt": [f"view {number}" for number in range(ROWS)]})


def generate(frame, **more):
    """Run a frame to its end, whatever ends it; return the frame of results."""
    try:
        return frame.pruna.generate("prompt", progress=False, **more)
    except PrunaError as error:
        return error.frame


def spent(*frames):
    return round(sum(frame["cost_usd"].sum() for frame in frames), 10)


def journal():
    """Return what the journal says: surely spent, and perhaps."""
    told = costs_by_period(0.0).loc["last 24 hours"]
    return round(told["cost_usd"], 10), round(told["perhaps_usd"], 10)


def bill(service):
    return round(service.charged * USD, 10)


def test_new_cached_and_shared_rows(frame, service):
    both = pd.concat([frame, frame], ignore_index=True)
    out, again = generate(both), generate(both)
    assert out["cost_usd"].tolist() == [USD] * ROWS + [0.0] * ROWS
    assert again["cost_usd"].tolist() == [0.0] * 2 * ROWS
    assert bill(service) == spent(out, again) == journal()[0] == ROWS * USD
    assert journal()[1] == 0


def test_a_prediction_that_is_fetched_by_a_later_run(frame, service):
    service.configure(latency=600)
    out = generate(frame, timeout=0.05)
    assert set(out["status"]) == {"pending"}
    assert out["cost_usd"].tolist() == [USD] * ROWS
    end_predictions(service)
    again = generate(frame)
    assert set(again["status"]) == {"succeeded"}
    assert again["cost_usd"].tolist() == [0.0] * ROWS
    assert bill(service) == spent(out, again) == journal()[0] == ROWS * USD


def test_a_run_that_is_canceled_and_taken_up(frame, service):
    service.configure(latency=60)
    run = frame.pruna.generate("prompt", background=True, progress=False)
    end = time.monotonic() + 60
    while run._run.in_flight < ROWS and time.monotonic() < end:
        time.sleep(0.01)
    run.cancel()
    out = run.result()
    assert out["cost_usd"].tolist() == [USD] * ROWS
    assert "0.03 USD" in closing_line(run._run)
    assert bill(service) == spent(out) == journal()[0] == ROWS * USD


@pytest.mark.parametrize("fault", ["failed", "canceled"])
def test_what_failed_or_was_canceled_may_have_been_charged(frame, service, fault):
    service.configure(faults={fault: {"first": 2}})
    out = generate(frame)
    assert out["cost_usd"].isna().sum() == 2
    assert journal() == (4 * USD, 2 * USD)
    assert spent(out) <= bill(service) <= spent(out) + journal()[1]


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "html_504", "error_500"])
def test_what_was_lost_may_have_been_charged_and_is_resent_by_the_next_run(frame, service, fault):
    service.configure(faults={fault: {"first": 2}})
    out = generate(frame)
    assert out.loc[out["status"] == "lost", "cost_usd"].isna().tolist() == [True, True]
    again = generate(frame)
    assert spent(out) == 4 * USD
    assert spent(again) == 2 * USD
    assert journal() == (ROWS * USD, 2 * USD)
    assert spent(out, again) <= bill(service) <= spent(out, again) + 2 * USD


def test_what_was_resent_within_a_run(frame, service):
    service.configure(faults={"reset_after": {"first": 2}})
    run = frame.pruna.generate("prompt", on_lost="resend", background=True, progress=False)
    out = run.result()
    assert out["cost_usd"].tolist() == [USD] * ROWS
    assert "0.03 USD (up to 0.01 USD more for what failed or was lost)" in closing_line(run._run)
    assert journal() == (ROWS * USD, 2 * USD)
    assert bill(service) == 8 * USD


def test_an_output_that_is_gone_was_paid_for(frame, service, monkeypatch):
    soon(monkeypatch)
    service.configure(faults={"delivery_410": 1.0})
    out = generate(frame)
    assert set(out["status"]) == {"failed"}
    assert out["cost_usd"].tolist() == [USD] * ROWS
    assert bill(service) == spent(out) == journal()[0] == ROWS * USD
    service.configure(faults={})
    again = generate(frame)  # which buys them anew: both were charged
    assert again["cost_usd"].tolist() == [USD] * ROWS
    assert bill(service) == spent(out, again) == journal()[0] == 2 * ROWS * USD
    assert journal()[1] == 0


def test_what_the_quota_refused_cost_nothing(frame, service):
    service.configure(faults={"quota": 1.0})
    with settings.configure(workers=1):
        out = generate(frame)
    assert service.charged == 0
    assert spent(out) == 0.0
    assert not out["cost_usd"].isna().any()
    assert journal() == (0.0, 0.0)


def test_rows_that_the_service_refused_or_that_were_skipped_cost_nothing(frame, service):
    frame.loc[0, "prompt"] = None
    out = generate(frame.head(2))
    assert out["cost_usd"].tolist() == [0.0, USD]
    assert bill(service) == spent(out) == journal()[0] == USD


def test_a_chain_keeps_what_each_step_cost(frame, service):
    drawn = generate(frame)
    edited = drawn.pruna.edit(prompt="in blue", progress=False)
    assert edited["cost_usd"].tolist() == [0.01] * ROWS
    assert edited["step1_cost_usd"].tolist() == [USD] * ROWS
    total = edited["cost_usd"].sum() + edited["step1_cost_usd"].sum()
    assert round(total, 10) == journal()[0] == round(ROWS * 0.015, 10)


@pytest.mark.parametrize("as_one", [False, True])
def test_a_step_of_which_a_later_one_makes_several_rows_was_paid_for_once(frame, service, as_one):
    frame = frame.head(2).assign(cost_usd_planned=1.0)
    if as_one:
        chain = frame.pruna.plan().generate("prompt").edit(prompt=["by night", "in snow"])
        out = chain.upscale(target=2, samples=1).run(progress=False)
    else:
        made = generate(frame).pruna.edit(prompt=["by night", "in snow"], progress=False)
        out = made.pruna.upscale(target=2, progress=False)
    assert out["step1_cost_usd"].tolist() == [USD, 0.0] * 2
    assert out["step1_cached"].tolist() == [False, True] * 2
    costs = out.filter(regex="cost_usd$").sum().sum()
    assert round(costs, 10) == journal()[0] == out.pruna.record()["cost_usd"]
    assert out["cost_usd_planned"].tolist() == [1.0] * 4


def test_a_single_call_and_its_repetition(service):
    first = pruna_nb.generate("a lion")
    again = pruna_nb.generate("a lion")
    assert (first.cost_usd, again.cost_usd) == (USD, 0.0)
    assert journal()[0] == bill(service) == USD
