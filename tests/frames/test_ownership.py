"""Whose a column is: an earlier step's results are known by their record, not by their names."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from pruna_nb.errors import AuthenticationError, InputError
from pruna_nb.frames.results import RESULT_COLUMNS

OWN = {
    "output": "gold text",
    "status": "on sale",
    "error": "E17",
    "seconds": 12,
    "cost_usd": 9.99,
    "cached": True,
    "prediction_id": "A-17",
    "model": "Beetle",
}


def refused(call, names):
    with pytest.raises(InputError) as raised:
        call()
    for name in names:
        assert repr(name) in str(raised.value)
    assert "df.rename(columns=" in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("names", [[name] for name in OWN] + [list(OWN)], ids="+".join)
@pytest.mark.parametrize("background", [False, True])
def test_columns_of_the_users_own_are_refused_before_anything_is_spent(
    names, background, frame, service
):
    mine = frame.assign(**{name: OWN[name] for name in names})
    kept = mine.copy()
    said = refused(
        lambda: mine.pruna.generate("prompt", background=background, progress=False), names
    )
    assert 'prefix="x_"' in said
    assert service.charged == 0
    pd.testing.assert_frame_equal(mine, kept)
    out = mine.pruna.generate("prompt", prefix="x_", progress=False)
    pd.testing.assert_frame_equal(out[list(mine.columns)], mine)
    assert out["x_status"].tolist() == ["succeeded"] * 3


def test_words_that_a_result_could_hold_do_not_make_a_column_one(frame, service):
    for name, cell in {"status": "succeeded", "output": "photo.jpg", "error": "skipped"}.items():
        refused(partial(frame.assign(**{name: cell}).pruna.generate, "prompt"), [name])
    assert service.charged == 0


def test_the_users_own_mistake_and_their_own_column_are_told_together(frame, service):
    mine = frame.assign(status="on sale", seed=["one", 2, 3])
    said = refused(lambda: mine.pruna.generate("prompt", seed_col="seed"), ["status"])
    assert "row 0: seed" in said


@pytest.mark.parametrize("arguments", [{"samples": 2}, {"model": "p-video", "draft": True}])
def test_an_own_column_seed_is_refused_where_seeds_are_chosen(arguments, frame, service):
    mine = frame.assign(seed=[7, 8, 9])
    said = refused(lambda: mine.pruna.generate("prompt", **arguments), ["seed"])
    assert "prefix=" not in said
    assert service.charged == 0
    out = mine.pruna.generate("prompt", progress=False)
    assert out["seed"].tolist() == [7, 8, 9]


def test_a_column_of_models_that_says_what_the_results_will_say_is_no_hindrance(generate, service):
    table = pd.DataFrame({"prompt": ["a lion", "a fox"], "model": ["p-image", "flux-dev"]})
    refused(partial(table.pruna.generate, "prompt", progress=False), ["model"])
    assert service.charged == 0
    parts = [generate(part, "prompt", model=name) for name, part in table.groupby("model")]
    assert [part["model"].tolist() for part in parts] == [["flux-dev"], ["p-image"]]
    again = generate(pd.concat(parts), "prompt", model="wan-image-small")
    assert again["model"].tolist() == ["wan-image-small"] * 2
    # A frame of an earlier release has no column of models, so this one is the user's.
    cars = parts[0].assign(model="Beetle")
    refused(partial(cars.pruna.generate, "prompt", progress=False), ["model"])
    failed = cars.assign(status="failed", output=None)
    assert failed.pruna.retry(progress=False)["model"].tolist() == ["Beetle"]


def test_a_column_that_is_empty_throughout_is_filled(generate, frame, service):
    out = generate(frame.assign(output=None, status=pd.NA), "prompt")
    assert out["status"].tolist() == ["succeeded"] * 3


@pytest.mark.parametrize("verb", ["edit", "upscale", "animate"])
def test_a_verb_that_starts_from_an_own_column_output_is_refused_too(verb, service, tmp_path):
    mine = pd.DataFrame({"output": ["photo.jpg"], "prompt": ["x"]})
    refused(getattr(mine.pruna, verb), ["output"])
    assert service.charged == 0


def test_own_columns_put_in_place_of_a_steps_are_refused(generate, frame, service):
    out = generate(frame, "prompt")
    charged = service.charged
    for name, cell in OWN.items():
        if name in {"seconds", "cost_usd", "cached", "prediction_id"}:
            bare = out.drop(columns=[each for each in RESULT_COLUMNS if each != "output"])
        else:
            bare = out
        mine = bare.assign(**{name: cell})
        refused(partial(mine.pruna.generate, "prompt", seed=7, progress=False), [name])
    assert service.charged == charged


def test_a_steps_columns_are_known_without_attrs_by_their_ids(generate, frame, service, tmp_path):
    generate(frame, "prompt").to_csv(tmp_path / "out.csv", index=False)
    back = pd.read_csv(tmp_path / "out.csv")
    assert generate(back, "prompt")["cached"].all()
    kept = back.drop(columns=["seconds", "cached"])
    assert generate(kept, "prompt")["cached"].all()
    back["prediction_id"] = ["A-1", "A-2", "A-3"]
    back["output"] = "elsewhere.jpg"
    refused(lambda: back.pruna.generate("prompt"), ["prediction_id", "status"])


def test_a_step_is_known_by_its_files_alone(generate, frame, service):
    out = generate(frame, "prompt")[["prompt", "output"]]
    out.attrs = {}
    edited = out.pruna.edit(prompt="make it red", progress=False)
    assert edited["step1_output"].tolist() == out["output"].tolist()


def test_rows_that_were_never_sent_are_run_again_after_csv(generate, frame, service, tmp_path):
    service.configure(keys=["another-key"])
    with pytest.raises(AuthenticationError) as raised:
        generate(frame, "prompt")
    raised.value.frame.to_csv(tmp_path / "out.csv", index=False)
    service.configure(keys=None)
    back = pd.read_csv(tmp_path / "out.csv")
    assert generate(back, "prompt")["status"].tolist() == ["succeeded"] * 3


def test_a_chain_keeps_what_each_step_made_and_cost(generate, frame, service):
    out = generate(frame, "prompt")
    edited = out.pruna.edit(prompt="make it red", progress=False)
    large = edited.pruna.upscale(target=1, progress=False)
    for name in RESULT_COLUMNS:
        assert large[f"step1_{name}"].tolist() == out[name].tolist()
        assert large[f"step2_{name}"].tolist() == edited[name].tolist()
    costs = large[["step1_cost_usd", "step2_cost_usd", "cost_usd"]]
    assert costs.sum().tolist() == pytest.approx([0.015, 0.03, 0.03])


def test_a_form_refuses_own_columns_when_it_is_made(frame, service):
    refused(lambda: frame.assign(status="on sale").pruna.explore("prompt"), ["status"])
