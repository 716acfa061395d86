"""What a run would do, decided from what is known alone."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb import errors
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.plan import Request, announcements, decide
from pruna_nb.catalog import get_model
from pruna_nb.settings import current
from pruna_nb.store.cache import Hit
from pruna_nb.store.entries import Entry

MODEL = get_model("p-image")


def request(key):
    return Request(key, {"prompt": key}) if key else Request(None, None, "prompt is empty")


def entry(key, state="sent", cost=0.005):
    return Entry(
        f"e-{key}", key, "o", "p-image", None, "run", state, "id", None, None, None, cost, 1.0, 1.0
    )


def plan(keys, hits=(), open_work=(), lost=()):
    return decide(
        MODEL,
        [request(key) for key in keys],
        hits={key: Hit(f"/media/{key}", "id", 1.0) for key in hits},
        open_work={key: entry(key) for key in open_work},
        lost={key: [entry(key, "lost")] for key in lost},
    )


def test_each_row_has_the_one_action_that_is_due():
    made = plan(
        ["a", "b", "a", "c", None, "d", "d", "b"], hits=["b"], open_work=["c"], lost=["d", "z"]
    )
    assert made.actions == ["new", "hit", "duplicate", "resume", "skip", "new", "duplicate", "hit"]
    assert made.firsts() == [0, 3, 5]
    assert list(made.lost) == ["d"]


def test_rows_of_several_models_alternate_and_each_model_has_its_cost_and_its_limit():
    other = get_model("flux-dev")
    rows = [Request(f"{model.name} {n}", {"prompt": "a"}, None, model)
            for model in (MODEL, other) for n in range(3)]  # fmt: skip
    made = decide(
        MODEL, rows, hits={"p-image 1": Hit("/media/x", "id", 1.0)}, open_work={}, lost={}
    )
    assert made.firsts() == [0, 3, 2, 4, 5]
    assert made.name == "p-image, flux-dev"
    costs = made.costs_by_model()
    assert costs == {"p-image": 2 * 0.005, "flux-dev": pytest.approx(3 * 0.005)}
    assert made.cost_usd() == pytest.approx(sum(costs.values()))
    limits = current(limits={"p-image": (1, 10.0), "flux-dev": (1, 60.0)})
    assert made.seconds_at_limit(limits) == 2 * 60.0


def test_a_lost_row_that_is_there_after_all_is_not_sent_again():
    assert plan(["a"], hits=["a"], lost=["a"]).lost == {}
    assert plan(["a"], open_work=["a"], lost=["a"]).lost == {}


def test_the_cost_is_that_of_the_new_rows_alone():
    made = plan(["a", "b", "a", "c", "d"], hits=["b"], open_work=["c"])
    assert made.cost_usd() == pytest.approx(2 * 0.005)


@pytest.mark.parametrize(
    ("new", "windows"), [(0, 0), (1, 0), (250, 0), (251, 1), (500, 1), (501, 2), (1632, 6)]
)
def test_the_time_at_the_limit_is_that_of_the_windows_but_one(new, windows):
    made = plan([f"k{number}" for number in range(new)])
    assert made.seconds_at_limit(current()) == windows * 60.0
    assert windows == max(0, math.ceil(new / 250) - 1)


keys = st.sampled_from([*"abcdef", None])
some = st.sets(st.sampled_from([*"abcdef"]))


@given(st.lists(keys, max_size=30), some, some, some)
def test_every_key_is_worked_on_at_most_once_and_never_if_it_is_there(rows, hits, open_, lost):
    made = plan(rows, hits, open_, lost)
    worked = [rows[row] for row in made.firsts()]
    assert len(worked) == len(set(worked))
    assert set(worked) == {key for key in rows if key and key not in hits}
    assert all(
        (action == "skip") == (key is None) for key, action in zip(rows, made.actions, strict=True)
    )
    sent = {key for key, action in zip(rows, made.actions, strict=True) if action == "new"}
    assert not sent & open_
    assert set(made.lost) <= sent


def test_a_budget_that_suffices_to_the_cent_is_enough():
    made = plan(["a", "b"])
    Budget(Decimal("0.01")).check(made)
    with pytest.raises(errors.BudgetError, match=r"2 new .* 0\.01 USD"):
        Budget(Decimal("0.0099")).check(made)
    Budget(Decimal(0)).check(plan(["a"], hits=["a"]))


def test_a_budget_that_is_partly_spent_says_so_when_the_rest_is_too_little():
    budget = Budget(Decimal("0.01"))
    assert budget.reserve(0.005)
    with pytest.raises(errors.BudgetError, match=r"Of it, 0\.005 USD is spent or may be"):
        budget.check(plan(["a", "b"]))
    budget.release(0.005)
    budget.check(plan(["a", "b"]))
    assert budget.reserve(0.01)
    assert not budget.reserve(0.0001)


def test_a_budget_cannot_be_kept_where_no_price_is_published():
    unknown = decide(
        get_model("p-image").__class__(**{**_fields(MODEL), "price": None}),
        [request("a")],
        hits={},
        open_work={},
        lost={},
    )
    with pytest.raises(errors.BudgetError, match="not published"):
        Budget(Decimal(1)).check(unknown)
    Budget(None).check(unknown)


def _fields(model):
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


def test_what_earlier_runs_left_is_told_in_so_many_words():
    made = plan(["a", "b", "c"], open_work=["a"], lost=["b"])
    resumed, lost = announcements(made)
    assert resumed == "Resuming 1 prediction of an earlier run (not sent again)."
    assert "Resending 1 prediction whose answer was lost" in lost
    assert "0.005 USD" in lost
    assert announcements(plan(["a"])) == []
