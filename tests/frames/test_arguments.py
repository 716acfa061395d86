"""Every argument of every verb is read before anything is sent; all mistakes are told at once."""

from __future__ import annotations

import inspect
import math
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import InputError, PrunaError, SettingsError, UnknownModelError

QUIET = {"progress": False}


@pytest.fixture
def nothing_is_sent(service):
    """See that nothing was charged and nothing journaled in the end."""
    yield
    assert service.charged == 0
    assert len(pruna_nb.journal()) == 0


WRONG = {
    "timeout": ["60", 0, -1, True, [60], math.nan, pd.NaT, math.inf],
    "max_cost_usd": ["5", -1, True, math.nan, [5], math.inf],
    "samples": [0, -1, 2.5, True, "2", None, [2]],
    "prefix": [1, Path("a"), ["a"], b"a"],
    "prompt": [["a", 1], {"a"}, pd.Series(["a", "b"]), 1, Path("a"), np.array(["a"])],
    "model": [None, 1, [], ["p-image", 1], {"p-image"}, math.nan, Path("p-image"), ""],
    "cache": [None, "us", True, ["use"]],
    "on_lost": [None, "resent", np.array(["report"])],
    "progress": ["no", None, 2],
    "sweep": ["crossed", None, True],
    "unchecked": ["no", None, 2],
    "background": ["no", None, 2],
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize(("name", "value"), CASES, ids=repr)
@pytest.mark.parametrize("verb", ["generate", "estimate"])
def test_an_argument_of_the_wrong_kind_is_refused_by_name(frame, verb, name, value):
    given = {} if name == "prompt" else {"prompt_col": "prompt"}
    with pytest.raises(PrunaError, match=name) as raised:
        getattr(frame.pruna, verb)(**{**given, **QUIET, name: value})
    assert raised.value.frame is None


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("verb", ["edit", "upscale", "animate", "finalize", "retry"])
def test_every_verb_reads_the_same_options(verb):
    made = pd.DataFrame(
        {"output": ["a.png"], "status": ["succeeded"], "error": [None], "prompt": ["a"]}
    )
    with pytest.raises(PrunaError) as raised:
        getattr(made.pruna, verb)(timeout="60", max_cost_usd=math.nan, prefix=1, on_lost="resent")
    told = str(raised.value)
    assert [name for name in ("timeout", "max_cost_usd", "prefix", "on_lost") if name in told] == [
        "timeout", "max_cost_usd", "prefix", "on_lost",
    ]  # fmt: skip


@pytest.mark.usefixtures("nothing_is_sent")
def test_options_fields_columns_and_rows_are_all_told_in_one_error(frame):
    rows = frame.assign(seed=[1, 0.5, 2])
    with pytest.raises(InputError) as raised:
        rows.pruna.generate(
            "promt", seed_col="seed", aspect_ratio="16:10", timeout="60", max_cost_usd="5",
            on_lost="resent", samples=0, prefix=1, max_cost=5, progress="no",
        )  # fmt: skip
    told = "\n".join(raised.value.problems)
    parts = [
        "'promt'", "row 1: seed: 0.5", "aspect_ratio: '16:10'", "timeout must", "'resend'",
        "max_cost_usd must", "samples must", "prefix must", "progress must",
        "max_cost: p-image has no such field. Did you mean max_cost_usd?",
    ]  # fmt: skip
    for part in parts:
        assert part in told, part
    assert len(raised.value.problems) == 10
    assert len(str(raised.value).splitlines()) == 11


@pytest.mark.usefixtures("nothing_is_sent")
def test_a_model_that_there_is_not_hides_no_other_mistake(frame):
    with pytest.raises(InputError) as raised:
        frame.pruna.generate("promt", model="p-imag", timeout=0)
    told = "\n".join(raised.value.problems)
    assert "no model 'p-imag'" in told
    assert "No column 'promt'" in told
    assert "timeout must" in told


@pytest.mark.usefixtures("nothing_is_sent")
def test_a_budget_that_is_misspelt_does_not_go_to_a_new_model_as_a_field(frame):
    with pytest.warns(UserWarning, match="does not know the model"), pytest.raises(InputError) as r:
        frame.pruna.generate("prompt", model="sketch-77", max_cost=1, timeuot=3)
    assert "max_cost is not an option. Did you mean max_cost_usd?" in str(r.value)
    assert "timeuot is not an option. Did you mean timeout?" in str(r.value)


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("value", [np.array(["1:1", "16:9"]), pd.Series(["1:1", "16:9"]),
                                   ("1:1", "16:9"), iter(["1:1", "16:9"]),
                                   pd.Index(["1:1", "16:9"])])  # fmt: skip
def test_several_values_are_a_sweep_whatever_holds_them(frame, value):
    assert frame.pruna.estimate("prompt", aspect_ratio=value).rows == 2 * len(frame)


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("label", [["prompt"], pd.Series(["a"], name="prompt"), np.array(["a"])])
def test_what_is_no_label_of_a_column_is_told_as_such(frame, label):
    with pytest.raises(InputError, match="prompt_col= takes one column; a"):
        frame.pruna.generate(label, **QUIET)


@pytest.mark.parametrize(
    "right",
    [{"timeout": 60}, {"timeout": np.float64(60)}, {"timeout": timedelta(minutes=1)},
     {"timeout": pd.Timedelta("1min")}, {"max_cost_usd": Decimal(5)}, {"max_cost_usd": np.int64(5)},
     {"prefix": None}, {"progress": np.False_}, {"unchecked": 0}, {"model": np.str_("p-image")},
     {"cache": np.str_("use")}],
    ids=str,
)  # fmt: skip
def test_what_other_libraries_make_is_taken(frame, service, right):
    out = frame.pruna.generate("prompt", **{**QUIET, **right})
    assert out["status"].tolist() == ["succeeded"] * 3
    assert service.charged == 3


@pytest.mark.parametrize("samples", [2, 2.0, np.int64(2), np.float32(2)])
def test_samples_are_taken_as_any_whole_number(frame, service, samples):
    assert len(frame.head(1).pruna.generate("prompt", samples=samples, **QUIET)) == 2
    assert service.charged == 2


@pytest.mark.usefixtures("nothing_is_sent")
def test_estimate_takes_what_generate_takes(frame):
    given = {"timeout": 60, "max_cost_usd": 0.001, "on_lost": "resend", "prefix": "a_",
             "background": True, "progress": True}  # fmt: skip
    assert frame.pruna.estimate("prompt", **given).cost_usd == pytest.approx(0.015)
    assert frame["prompt"].pruna.estimate(**given).new == 3


@pytest.mark.usefixtures("nothing_is_sent")
def test_a_single_call_tells_all_its_mistakes_at_once():
    with pytest.raises(InputError) as raised:
        pruna_nb.generate("a fox", timeout="60", max_cost_usd=-1, seed="x", aspect_ration="1:1")
    assert len(raised.value.problems) == 4
    assert "Did you mean aspect_ratio" in str(raised.value)
    with pytest.raises(InputError, match="Did you mean max_cost_usd"):
        pruna_nb.generate("a fox", max_cost=1)
    for model in (None, {"p-image": 1}, math.nan):
        with pytest.raises(InputError, match="model must be a model's name"):
            pruna_nb.generate("a fox", model=model)
    with pytest.raises(UnknownModelError):
        pruna_nb.generate("a fox", model="p-imag")


@pytest.mark.usefixtures("nothing_is_sent")
def test_a_form_tells_all_its_mistakes_at_once(frame):
    with pytest.raises(InputError) as raised:
        pruna_nb.explore(prompt="a", max_cost_usd="5", unchecked="no", seed="x", max_cost=3)
    assert len(raised.value.problems) == 4
    with pytest.raises(InputError) as raised:
        frame.pruna.explore("promt", max_cost_usd=math.nan, aspect_ratio="16:10", seed_col="sede")
    assert len(raised.value.problems) == 4


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("value", ["5", math.nan, -1, True, [1]])
def test_a_comparison_reads_its_budget_as_the_others_do(value):
    with pytest.raises(SettingsError, match="max_cost_usd must be 0 USD or more"):
        pruna_nb.compare(["a fox", "a hen"], seeds=1, max_cost_usd=value, **QUIET)


@pytest.mark.parametrize(
    ("seeds", "taken"),
    [(np.int64(2), [1, 2]), (2.0, [1, 2]), (np.array([3, 5]), [3, 5]), (pd.Series([3.0, 5.0]),
     [3, 5]), (range(3, 5), [3, 4]), ((3, 5), [3, 5]), ({3}, [3]), (iter([3]), [3]),
     (np.float32(1), [1]), (pd.Index([7]), [7]), ("1,2", [1, 2]), ("3-5", [3, 4, 5])],
)  # fmt: skip
@pytest.mark.usefixtures("service")
def test_seeds_are_taken_whatever_holds_them(seeds, taken):
    made = pruna_nb.compare(["a fox", "a hen"], seeds, **QUIET)
    assert sorted({row["seed"] for row in made.rows}) == taken


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize(
    "seeds", ["4-1", "one", b"1", 0, -1, 2.5, True, math.nan, [], ["1"], [1, 0.5], [True], {"a": 1},
              12_345_678, np.array([]), pd.NA, object]
)  # fmt: skip
def test_seeds_that_are_none_are_refused(seeds):
    with pytest.raises(InputError, match="seeds"):
        pruna_nb.compare(["a fox", "a hen"], seeds, **QUIET)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("several", [np.array, pd.Series, tuple, list, iter])
def test_an_axis_of_a_comparison_is_taken_whatever_holds_it(several):
    ratios = several(["1:1", "16:9"])
    assert len(pruna_nb.compare(["a fox", "a hen"], 1, aspect_ratio=ratios, **QUIET).rows) == 4


@pytest.mark.usefixtures("nothing_is_sent")
def test_a_comparison_tells_all_its_mistakes_at_once():
    with pytest.raises(InputError) as raised:
        pruna_nb.compare(
            {"one": {"prompt": "a fox", "seed": 3}, "two": "a hen"}, seeds=2, max_cost_usd="5",
            progress="no", score=3,
        )  # fmt: skip
    told = "\n".join(raised.value.problems)
    for part in ("max_cost_usd", "progress", "score", "variant 'one' sets seed"):
        assert part in told, part
    with pytest.raises(InputError) as raised:
        pruna_nb.compare(["p-image", "flux-dev"], 1, prompt="a", max_cost=3, aspect_ratio="16:10")
    assert "max_cost" in str(raised.value)
    assert "max_cost_usd" in str(raised.value)
    assert "'16:10'" in str(raised.value)


@pytest.mark.usefixtures("nothing_is_sent")
@pytest.mark.parametrize("model", [None, 1, ["p-image"], math.nan])
def test_a_comparison_with_what_is_no_model_is_refused(model):
    for variants in (["a fox", "a hen"], [{"prompt": "a", "model": model}, "a hen"]):
        with pytest.raises(PrunaError, match="model must be a model's name"):
            pruna_nb.compare(variants, 1, **({"model": model} if variants[0] == "a fox" else {}))


@pytest.mark.parametrize(
    "verb", ["generate", "edit", "upscale", "animate", "finalize", "estimate", "retry"]
)
def test_completion_shows_the_options_of_every_verb(frame, verb):
    for holder in (frame.pruna, frame["prompt"].pruna):
        if hasattr(holder, verb):
            names = inspect.signature(getattr(holder, verb)).parameters
            assert {"cache", "on_lost", "max_cost_usd", "progress", "timeout", "prefix"} <= {*names}
            assert "arguments" not in names
