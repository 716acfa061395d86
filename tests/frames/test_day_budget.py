"""What a day may cost holds in all runs and processes: nothing is sent above it."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import cli, settings
from pruna_nb.batch.send import Sender
from pruna_nb.errors import BudgetError, SettingsError
from pruna_nb.settings import current
from pruna_nb.store.database import database_of

pytestmark = pytest.mark.usefixtures("one_day")

USD = 0.005


def prompts(count, word="view"):
    return pd.DataFrame({"prompt": [f"{word} {number}" for number in range(count)]})


def test_a_run_that_would_go_above_the_days_budget_is_refused_with_what_the_day_cost(service):
    pruna_nb.configure(max_cost_usd_per_day=0.02)
    prompts(3).pruna.generate("prompt", progress=False)
    with pytest.raises(BudgetError) as raised:
        prompts(5).pruna.generate("prompt", progress=False)
    for told in ("2 new predictions would cost 0.01 USD", "0.015 USD was spent", "Nothing was sent",
                 "max_cost_usd_per_day=0.02", "00:00 UTC", "pruna_nb.configure"):  # fmt: skip
        assert told in str(raised.value)
    assert service.charged == 3
    out = prompts(4).pruna.generate("prompt", progress=False)  # the cached ones cost nothing
    assert service.charged == 4
    assert out["cached"].tolist() == [True] * 3 + [False]


def test_every_way_to_spend_keeps_to_the_days_budget(service, tmp_path):
    made = prompts(2).pruna.generate("prompt", progress=False)
    pruna_nb.configure(max_cost_usd_per_day=0.012)
    table = tmp_path / "in.csv"
    table.write_text("prompt\na cup\n")
    for spend in (
        lambda: pruna_nb.generate("a cup"),
        lambda: pruna_nb.generate(["a cup"], progress=False),
        lambda: made.pruna.edit(prompt="at night", progress=False),
        lambda: pruna_nb.compare(["a cup", "a mug"], 1, progress=False),
        lambda: made.assign(status="failed").pruna.retry(cache="off", progress=False),
        lambda: prompts(1, "b").pruna.generate("prompt", background=True, progress=False),
    ):
        with pytest.raises(BudgetError, match="max_cost_usd_per_day"):
            spend()
    asked = ["generate", str(table), "--prompt-col", "prompt", "--out", str(tmp_path / "out")]
    assert cli.main([*asked, "--quiet"]) == 1
    assert service.charged == 2


def test_a_pipeline_keeps_to_the_days_budget(service):
    pruna_nb.configure(max_cost_usd_per_day=0.02)
    plan = prompts(2).pruna.plan().generate("prompt").edit(prompt="at night")
    with pytest.raises(BudgetError, match="max_cost_usd_per_day"):
        plan.run(progress=False)
    assert service.charged == 0
    assert "today 0.00 USD of 0.02 USD spent, which this would exceed" in str(plan.estimate())


def test_estimate_shows_the_day_and_what_would_exceed_it(service):
    assert "today" not in str(prompts(1).pruna.estimate("prompt"))
    prompts(2).pruna.generate("prompt", progress=False)
    with pruna_nb.configure(max_cost_usd_per_day=0.02):
        within, above = (prompts(n).pruna.estimate("prompt") for n in (4, 5))
    assert str(within).endswith("; today 0.01 USD of 0.02 USD spent")
    assert str(above).endswith("; today 0.01 USD of 0.02 USD spent, which this would exceed")
    assert (above.spent_today_usd, above.max_cost_usd_per_day) == (0.01, 0.02)
    assert (within.exceeds_day, above.exceeds_day) == (False, True)


def test_what_another_run_spends_meanwhile_stops_this_one_before_it_goes_above(
    service, monkeypatch
):
    planned, intend = threading.Event(), Sender._intend

    def once_both_are_planned(*arguments, **more):
        planned.wait()
        return intend(*arguments, **more)

    monkeypatch.setattr(Sender, "_intend", once_both_are_planned)
    pruna_nb.configure(max_cost_usd_per_day=0.1)  # 20 predictions
    first = prompts(15, "a").pruna.generate("prompt", background=True, progress=False)
    second = prompts(15, "b").pruna.generate("prompt", background=True, progress=False)
    planned.set()
    done, told = [], ""
    for run in (first, second):
        try:
            done.append(run.result())
        except BudgetError as error:
            told = str(error)
            done.append(error.frame)
    assert "budget is used up" in told
    assert "raise it: pruna_nb.configure" in told
    assert service.charged == 20
    assert sum((frame["status"] == "succeeded").sum() for frame in done) == 20
    assert sum((frame["status"] == "pending").sum() for frame in done) == 10


def test_processes_that_spend_at_the_same_time_keep_to_one_budget(service):
    script = (
        "import sys, pruna_nb\n"
        "try:\n"
        "    for n in range(12): pruna_nb.generate(f'{sys.argv[1]} {n}')\n"
        "except pruna_nb.errors.BudgetError as error: print('stopped')\n"
    )
    now = current()
    environment = {
        "PATH": "", "PRUNA_API_KEY": now.api_key, "PRUNA_API_URL": now.base_url,
        "PRUNA_NB_CACHE_DIR": str(now.cache_dir), "PRUNA_NB_STATE_DIR": str(now.state_dir),
        "PRUNA_NB_MAX_COST_USD_PER_DAY": "0.1",
    }  # fmt: skip
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, name], env=environment, stdout=-1, text=True
        )
        for name in ("one", "two", "three")
    ]
    told = [run.communicate()[0] for run in runs]
    assert service.charged == 20
    assert "stopped" in "".join(told)
    assert pruna_nb.costs()["cost_usd"].tolist() == [0.1]


def test_the_next_day_begins_anew_and_what_was_refused_does_not_count(service):
    pruna_nb.configure(max_cost_usd_per_day=0.01)
    prompts(2).pruna.generate("prompt", progress=False)
    database_of(current().cache_dir).change("UPDATE prediction SET sent_at = sent_at - 86400")
    assert prompts(2, "b").pruna.generate("prompt", progress=False)["status"].eq("succeeded").all()
    database_of(current().cache_dir).change("UPDATE prediction SET cost_usd = 0, state = 'failed'")
    pruna_nb.generate("a cup")
    assert service.charged == 5


def test_a_price_that_nobody_knows_is_not_spent_within_a_budget(service):
    pruna_nb.configure(max_cost_usd_per_day=100)
    with pytest.raises(BudgetError, match="not published"):
        pruna_nb.generate("a cup", model="unheard-of", unchecked=True)
    with pruna_nb.configure(max_cost_usd_per_day=float("inf")):
        assert not current().max_cost_usd_per_day.is_finite()
    assert service.charged == 0


def test_the_days_budget_is_a_setting_as_others_are(monkeypatch):
    monkeypatch.setenv("PRUNA_NB_MAX_COST_USD_PER_DAY", "2.50")
    assert current().max_cost_usd_per_day == Decimal("2.50")
    with pruna_nb.configure(max_cost_usd_per_day=1):
        assert current().max_cost_usd_per_day == 1
    for wrong in ("much", -1, float("nan"), True, [1]):
        with pytest.raises(SettingsError, match="max_cost_usd_per_day"):
            pruna_nb.configure(max_cost_usd_per_day=wrong)
    monkeypatch.setenv("PRUNA_NB_MAX_COST_USD_PER_DAY", "much")
    with pytest.raises(SettingsError, match="PRUNA_NB_MAX_COST_USD_PER_DAY"):
        settings.current()
