"""Chains as one run: planned, priced and checked whole, then row by row through all steps."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pandas as pd
import pytest

from pruna_nb import settings
from pruna_nb.batch.progress import closing_line
from pruna_nb.errors import BudgetError, InputError, QuotaError
from pruna_nb.files import inputs

QUIET = {"progress": False}
LOOK = 60.0


@pytest.fixture
def table():
    """Return rows for three steps: two that are equal, one without a prompt, one without edit."""
    return pd.DataFrame(
        {
            "prompt": ["a lion", "a fox", "a lion", None, "a heron"],
            "edit": ["make it red", "make it night", "make it red", "add rain", None],
        },
        index=list("lfmnh"),
    )


def one_by_one(table):
    made = table.pruna.generate("prompt", **QUIET)
    return made.pruna.edit("edit", **QUIET).pruna.upscale(target=1, **QUIET)


def planned(table):
    return table.pruna.plan().generate("prompt").edit("edit").upscale(target=1)


def models_of(service, start=0):
    return Counter(row["model"] for row in service.accepted[start:])


def assert_same(one, two):
    """Compare all but what a run's own course decides: its seconds and what it paid."""
    assert list(one.columns) == list(two.columns)
    assert one.attrs == two.attrs
    own = [name for name in one.columns if name.endswith(("seconds", "cost_usd", "cached"))]
    pd.testing.assert_frame_equal(one.drop(columns=own), two.drop(columns=own))


def until(condition):
    end = time.monotonic() + LOOK
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def test_a_chain_as_one_run_gives_the_frame_that_its_verbs_give(table, service, capsys):
    before = table.copy()
    out = planned(table).run()
    assert models_of(service) == {"p-image": 3, "p-image-edit": 2, "p-image-upscale": 2}
    assert "5 rows in 3 steps: 7 new, 3 cached, 0 failed, 5 skipped; 0.055 USD" in (
        capsys.readouterr().out
    )
    assert [out[f"{step}cost_usd"].sum() for step in ("step1_", "step2_", "")] == pytest.approx(
        [0.015, 0.02, 0.02]
    )
    # Of equal rows the first pays, whichever came first.
    assert out["step2_cost_usd"].tolist() == pytest.approx([0.01, 0.01, 0, 0, 0])
    assert out["cached"].tolist() == [False, False, True, False, False]
    assert_same(out, one_by_one(table))
    assert_same(planned(table).run(**QUIET), out)
    assert service.charged == 7
    pd.testing.assert_frame_equal(table, before)
    assert table.attrs == {}


def test_samples_and_prefixes_of_a_chain_are_those_of_its_verbs(table, service):
    chain = table.pruna.plan().generate("prompt", samples=2, prefix="a_")
    out = chain.edit("edit", samples=2).run(**QUIET)
    made = table.pruna.generate("prompt", samples=2, prefix="a_", **QUIET)
    assert_same(out, made.pruna.edit("edit", "a_output", samples=2, **QUIET))
    assert out.index.names == [None, "sample", "sample2"]
    assert len(out) == 20
    # The plan of the first step is as it was: it can go on in another way.
    assert len(chain.run(**QUIET)) == 10


def test_a_step_of_a_chain_may_be_a_sweep_and_of_several_models(table, service):
    sweep = {"aspect_ratio": ["1:1", "16:9"], "seed": [1, 2], "model": ["p-image", "flux-dev"]}
    chain = table.pruna.plan().generate("prompt", **sweep).edit("edit", seed=[3, 4])
    assert [step.new for step in chain.estimate().steps] == [24, 32]
    out = chain.run(**QUIET)
    assert_same(
        out,
        table.pruna.generate("prompt", **sweep, **QUIET).pruna.edit("edit", seed=[3, 4], **QUIET),
    )
    assert len(out) == 5 * 8 * 2
    assert service.charged == 24 + 32
    # A picture that was made without a seed is the first sample's, as in the verbs.
    one = table.pruna.plan().generate("prompt").run(**QUIET)
    samples = table.pruna.plan().generate("prompt", samples=2).upscale(target=1).run(**QUIET)
    assert samples["step1_output"].tolist()[0] == one["output"].tolist()[0]
    made = table.pruna.generate("prompt", samples=2, **QUIET)
    assert_same(samples, made.pruna.upscale(target=1, **QUIET))


def test_a_chain_begins_with_pictures_that_are_there(table, service):
    made = table.pruna.generate("prompt", **QUIET)
    chain = made.pruna.plan().edit("edit").upscale(target=1)
    assert [step.new for step in chain.estimate().steps] == [2, 2]
    assert_same(chain.run(**QUIET), one_by_one(table))
    assert models_of(service) == {"p-image": 3, "p-image-edit": 2, "p-image-upscale": 2}


def test_a_row_goes_on_while_others_are_still_in_the_step_before(service):
    service.configure(latency=600)
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"]})
    run = frame.pruna.plan().generate("prompt").upscale(target=1).run(background=True, **QUIET)
    until(lambda: service.charged == 3)
    service._core.accepted[1].finish = time.time()
    until(lambda: service.charged == 4)
    assert models_of(service) == {"p-image": 3, "p-image-upscale": 1}
    far = run.frame
    assert sorted(far["step1_status"]) == ["pending", "pending", "succeeded"]
    assert far["status"].tolist() == ["pending"] * 3
    assert repr(run).startswith("<BackgroundRun running: done 1 of 6;")
    assert "p-image → p-image-upscale" in run._repr_html_()

    def end_all():
        for prediction in list(service._core.accepted):
            prediction.finish = min(prediction.finish, time.time())
        return run.done

    until(end_all)
    assert run.result(LOOK)["status"].tolist() == ["succeeded"] * 3
    assert "3 rows in 2 steps: 6 new" in closing_line(run._run)


def test_the_whole_price_is_known_before_the_first_step(table, service):
    chain = planned(table)
    estimate = chain.estimate()
    assert [step.cost_usd for step in estimate.steps] == pytest.approx([0.015, 0.02, 0.02])
    assert (estimate.cost_usd, estimate.new, estimate.rows) == (pytest.approx(0.055), 7, 5)
    assert estimate.not_made == (0, 3, 3)
    assert "3 inputs not made yet: not looked up in the cache" in str(estimate).splitlines()[1]
    assert str(estimate).splitlines()[-1].startswith("total: 7 new, 0 cached; 0.055 USD at most")
    assert repr(chain).startswith("<ChainPlan of 5 rows:\n  1. generate (p-image): 5 rows: 3 new")
    with pytest.raises(BudgetError, match=r"7 new predictions in 3 steps would cost 0\.055 USD"):
        chain.run(max_cost_usd=0.0549, **QUIET)
    assert service.charged == 0
    chain.run(max_cost_usd=0.055, **QUIET)
    after = chain.estimate()
    assert (after.new, after.cached, after.cost_usd, after.not_made) == (0, 10, 0.0, (0, 0, 0))
    assert service.charged == 7
    unpriced = table.pruna.plan().generate("prompt")
    unpriced = unpriced.generate(model="vace", prompt="it moves", src_ref_images_col="output")
    assert unpriced.estimate().cost_usd is None
    with pytest.raises(BudgetError, match="vace is not published"):
        unpriced.run(max_cost_usd=5, **QUIET)


def test_every_mistake_of_every_step_is_told_at_once_before_anything_is_sent(table, service):
    wrong = (
        table.pruna.plan()
        .generate("prompt", sed=1)
        .edit("edt", max_cost_usd=3)
        .upscale(target=99)
        .animate(duration=[1])
    )
    with pytest.raises(InputError, match="This chain cannot be run; nothing was sent") as raised:
        wrong.run(timeout="long", **QUIET)
    told = "\n".join(raised.value.problems)
    for text in (
        "timeout must be a number of seconds",
        "step 1, generate: sed: p-image has no such field. Did you mean seed?",
        "step 2, edit: No column 'edt' for prompt_col. Did you mean 'edit'?",
        "step 2, edit: max_cost_usd= is of the whole chain: give it to .run(max_cost_usd=...)",
        "step 3, upscale: target: 99 is out of range",
        "step 4, animate: p-video needs prompt",
    ):
        assert text in told
    assert "which cannot be run:" in repr(wrong)
    with pytest.raises(InputError, match="has no step yet"):
        table.pruna.plan().run()
    assert "no step yet" in repr(table.pruna.plan())
    with pytest.raises(InputError, match="'output' is a column of your own"):
        planned(table.assign(output="mine")).run(**QUIET)
    with pytest.raises(
        InputError, match=r"step 2, upscale: row .*: what an earlier step makes is video/mp4"
    ):
        table.head(1).pruna.plan().generate("prompt", model="p-video").upscale().run(**QUIET)
    assert service.charged == 0


def test_retry_goes_on_in_the_middle_of_a_chain_that_ran_as_one(table, service):
    service.configure(faults={"failed": {"first": 1}})
    out = planned(table).run(**QUIET)
    failed = out.pruna.failed()
    assert failed["step1_status"].tolist()[0] in {"failed", "succeeded"}
    assert failed["error"].str.contains("an earlier step failed \\(MODEL_ERROR").all()
    service.configure(faults={})
    again = out.pruna.retry(**QUIET)
    assert again.pruna.failed().empty
    whole = one_by_one(table)
    assert again["output"].tolist()[:3] == whole["output"].tolist()[:3]
    assert service.charged == 7 + 1


def test_what_one_step_makes_and_the_next_cannot_take_fails_in_its_row_alone(service, monkeypatch):
    frame = pd.DataFrame({"prompt": ["a lion", "a fox"]})
    seen = []

    def check_whole(media):
        seen.append(media.sha256)
        if media.sha256 == seen[0]:
            raise InputError("it is damaged")

    monkeypatch.setattr(inputs.Media, "check_whole", check_whole)
    out = frame.pruna.plan().generate("prompt").upscale(target=1).run(**QUIET)
    assert sorted(out["status"]) == ["failed", "succeeded"]
    assert "it is damaged" in out.pruna.failed()["error"].item()
    assert models_of(service) == {"p-image": 2, "p-image-upscale": 1}


def test_what_stops_one_step_stops_all_and_the_next_run_pays_for_the_rest_alone(service):
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(6)]})
    chain = frame.pruna.plan().generate("prompt").upscale(target=1)
    service.configure(quota=8)
    with pytest.raises(QuotaError) as raised:
        chain.run(**QUIET)
    part = raised.value.frame
    assert part["step1_status"].tolist() == ["succeeded"] * 6
    assert Counter(part["status"])["succeeded"] == 2
    assert len(part.pruna.failed()) == 4
    assert raised.value.__notes__[0].startswith("8 of 12 outputs are done and kept")
    service.configure(quota=None)
    assert part.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 6
    assert chain.run(**QUIET)["cached"].all()
    assert service.charged == 12


def test_a_chain_that_was_canceled_goes_on_where_it_was(service):
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(6)]})
    chain = frame.pruna.plan().generate("prompt").upscale(target=1)
    settings.configure(limits={"p-image-upscale": (2, 600.0)})
    run = chain.run(background=True, **QUIET)
    until(lambda: run._run.facts().counts["new"] == 8)
    run.cancel()
    out = run.result(LOOK)
    assert Counter(out["status"]) == {"succeeded": 2, "pending": 4}
    assert closing_line(run._run).startswith("6 rows in 2 steps: 8 new, 0 cached, 0 failed, 4 pen")
    settings.configure(limits={"p-image-upscale": (100, 1.0)})
    assert chain.run(**QUIET)["status"].tolist() == ["succeeded"] * 6
    assert service.charged == 12


def test_options_of_a_step_are_its_own_and_those_of_the_run_hold_for_the_others(table, service):
    planned(table).run(**QUIET)
    chain = table.pruna.plan().generate("prompt").edit("edit", cache="refresh").upscale(target=1)
    chain.run(tag="spring", **QUIET)
    assert models_of(service, 7) == {"p-image-edit": 2, "p-image-upscale": 2}
    chain.run(cache="off", **QUIET)
    assert models_of(service, 11) == {"p-image": 3, "p-image-edit": 2, "p-image-upscale": 2}
    with pytest.raises(InputError, match="step 2, edit"):
        table.pruna.plan().generate("prompt").edit("edit", tag=3).run(**QUIET)


def test_a_chain_of_no_rows_and_one_that_is_cached_whole_need_no_key(table, service):
    planned(table).run(**QUIET)
    settings.configure(api_key=None)
    assert len(planned(table.head(0)).run(**QUIET)) == 0
    service.stop()
    assert planned(table).run(**QUIET)["status"].tolist().count("succeeded") == 3
    assert not [each for each in threading.enumerate() if each.name.startswith("pruna_nb")]
