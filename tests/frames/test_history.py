"""All that was ever made here is found again, with what it cost, and goes on from there."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.errors import InputError
from pruna_nb.settings import current
from pruna_nb.store.database import database_of
from pruna_nb.store.favourites import Favourite, Favourites
from pruna_nb.store.ratings import Rating, Ratings

pytestmark = pytest.mark.usefixtures("one_day")

USD = 0.005
DAY = 86_400.0


@pytest.fixture
def made(service):
    """Make three pictures and an edit of the first."""
    frame = pd.DataFrame({"prompt": ["a red fox", "a heron", "A FOX at night"]})
    out = frame.pruna.generate("prompt", aspect_ratio="1:1", tag="animals", progress=False)
    out.iloc[:1].pruna.edit(prompt="in snow", seed=7, tag="animals, snow", progress=False)
    return out


def change(sql, *values):
    """Change what is in the cache folder's database."""
    database_of(current().cache_dir).change(sql, values)


def aged(days, prompt):
    """Let the prediction of a prompt be some days older."""
    sql = "UPDATE prediction SET sent_at = sent_at - ? WHERE request LIKE ?"
    change(sql, days * DAY, f'%"{prompt}"%')


def test_history_has_each_prediction_with_its_fields_cost_tag_and_file(made):
    found = pruna_nb.history()
    edit = found.iloc[0]
    assert len(found) == 4
    assert edit[["prompt", "model", "seed", "tag"]].tolist() == [
        "in snow", "p-image-edit", 7, "animals, snow",
    ]  # fmt: skip
    assert edit["images"] == [made["output"][0]]
    by_prompt = found.set_index("prompt").loc[made["prompt"]]
    assert by_prompt["output"].tolist() == made["output"].tolist()
    assert by_prompt["prediction_id"].tolist() == made["prediction_id"].tolist()
    assert by_prompt["cost_usd"].tolist() == [USD] * 3
    assert by_prompt["aspect_ratio"].tolist() == ["1:1"] * 3
    assert by_prompt["seed"].isna().all()
    assert found["sent_at"].is_monotonic_decreasing
    assert found["sent_at"].dt.tz is UTC or str(found["sent_at"].dt.tz) == "UTC"


def test_history_is_searched_by_prompt_model_tag_status_and_limit(made):
    def prompts(*args, **more):
        return sorted(pruna_nb.history(*args, **more)["prompt"])

    assert prompts("fox") == ["A FOX at night", "a red fox"]
    assert prompts(prompt="fox", tag="snow") == []
    assert prompts(tag=["snow", "unheard of"]) == ["in snow"]
    assert (
        prompts(model="p-image-edit") == prompts(model=["p-image-edit", "p-video"]) == ["in snow"]
    )
    assert len(prompts(status="succeeded")) == 4
    assert prompts(status=["failed", "lost"]) == []
    assert prompts(limit=1) == ["in snow"]


def test_history_is_searched_by_time(made):
    aged(10, "a heron")
    aged(40, "a red fox")
    day = datetime.fromtimestamp(time.time() - 10 * DAY, UTC).date()
    for since, count in {
        "7d": 2, "11d": 3, "90d": 4, timedelta(days=11): 3, day: 3, day.isoformat(): 3,
        datetime.now(UTC) - timedelta(days=11): 3, pd.Timestamp.now() - pd.Timedelta(days=50): 4,
    }.items():  # fmt: skip
        assert len(pruna_nb.history(since=since)) == count, since
    assert pruna_nb.history(since=day, until=day)["prompt"].tolist() == ["a heron"]
    assert pruna_nb.history(until="30d")["prompt"].tolist() == ["a red fox"]


def test_history_knows_favourites_ratings_and_tags_of_people(made):
    folder = current().cache_dir
    fox, heron, night = made["prediction_id"]
    Favourites(folder).add(Favourite(fox, "here", "p-image", {}, made["output"][0], fox))
    Ratings(folder).put([Rating("", heron, 4, ("best of",)), Rating("", night, None, ("animals",))])
    found = pruna_nb.history(kept=True)
    assert found["prediction_id"].tolist() == [fox]
    assert fox not in pruna_nb.history(kept=False)["prediction_id"].tolist()
    rated = pruna_nb.history(tag="best of")
    assert rated[["rating", "tag"]].iloc[0].tolist() == [4, "animals, best of"]
    assert pruna_nb.history("night")["tag"].tolist() == ["animals"]


def test_costs_are_of_chosen_tags_and_models_alone(made):
    assert pruna_nb.costs(tag="snow")["predictions"].tolist() == [1]
    assert pruna_nb.costs(by="tag", tag="animals").index.tolist() == ["animals"]
    assert pruna_nb.costs(by="model", model="p-image")["predictions"].to_dict() == {"p-image": 3}
    assert pruna_nb.costs(tag="snow", model=["p-image", "flux-dev"]).empty
    with pytest.raises(InputError, match="model"):
        pruna_nb.costs(model=3)


def test_a_history_is_shown_edited_and_retried(made, service):
    found = pruna_nb.history(model="p-image")
    assert len(found.pruna.grid()) == 3
    edited = found.iloc[:1].pruna.edit(prompt="as a drawing", progress=False)
    assert edited["status"].tolist() == ["succeeded"]
    before = service.charged
    change("UPDATE prediction SET state = 'failed' WHERE request LIKE '%heron%'")
    change("DELETE FROM item WHERE value LIKE '%heron%'")
    again = pruna_nb.history(status="failed").pruna.retry(progress=False)
    assert again["status"].tolist() == ["succeeded"]
    assert service.charged == before + 1
    assert sorted(pruna_nb.history("heron")["tag"]) == ["animals", "animals"]


def test_what_has_no_id_is_retried_by_its_fields(service):
    pruna_nb.generate("a lion", seed=3)
    change("UPDATE prediction SET state = 'lost', prediction_id = NULL")
    change("DELETE FROM item")
    out = pruna_nb.history(status="lost").pruna.retry(progress=False)
    assert out["status"].tolist() == ["succeeded"]
    assert service.accepted[-1]["input"] == {"prompt": "a lion", "seed": 3}


def test_lost_and_failed_predictions_may_have_been_charged_and_are_told_apart(made):
    change("UPDATE prediction SET state = 'lost' WHERE request LIKE '%heron%'")
    change("UPDATE prediction SET cost_usd = NULL WHERE request LIKE '%red fox%'")
    costs = pruna_nb.costs(by="model")
    assert costs.loc["p-image"].to_dict() == {
        "predictions": 3, "charged": 2, "cost_usd": USD, "perhaps_usd": USD, "unpriced": 1,
    }  # fmt: skip
    assert costs.loc["p-image-edit", "cost_usd"] == 0.01
    assert math.isnan(pruna_nb.history("heron")["cost_usd"].iloc[0])


def test_costs_are_summed_by_day_month_and_tag(made):
    aged(45, "a heron")
    then = datetime.fromtimestamp(time.time() - 45 * DAY, UTC)
    by_day = pruna_nb.costs()
    assert by_day.index.name == "day"
    assert by_day.loc[f"{then:%Y-%m-%d}", "cost_usd"] == USD
    assert by_day["cost_usd"].sum() == pytest.approx(0.025)
    assert pruna_nb.costs(by="month").loc[f"{then:%Y-%m}", "predictions"] == 1
    by_tag = pruna_nb.costs("tag", since="30d")
    assert by_tag["cost_usd"].to_dict() == {"animals": 0.02, "snow": 0.01}
    both = pruna_nb.costs(["model", "tag"])
    assert both.loc[("p-image-edit", "snow"), "cost_usd"] == 0.01


def test_what_came_from_the_cache_cost_nothing(made):
    made[["prompt"]].pruna.generate("prompt", aspect_ratio="1:1", tag="again", progress=False)
    assert pruna_nb.costs(by="tag").index.tolist() == ["animals", "snow"]
    assert pruna_nb.costs()["predictions"].tolist() == [4]


def test_bills_stay_after_the_outputs_are_cleared_and_after_a_month(made):
    aged(100, "a heron")
    change("UPDATE prediction SET updated_at = 1")
    pruna_nb.cache.clear()
    pruna_nb.generate("an owl")
    found = pruna_nb.history("heron")
    assert found[["cost_usd", "aspect_ratio"]].iloc[0].tolist() == [USD, "1:1"]
    assert found["output"].isna().all()
    assert pruna_nb.costs()["cost_usd"].sum() == pytest.approx(0.03)


def test_forget_drops_prompts_from_the_journal_and_from_the_disk_and_keeps_the_bill(made):
    before = pruna_nb.costs("tag")
    assert pruna_nb.cache.forget(older_than="1d") == 0
    assert pruna_nb.cache.forget() == 4
    assert len(pruna_nb.history("heron")) == 1  # what the cache keeps is known by its output
    pruna_nb.cache.clear()
    assert pruna_nb.history()["prompt"].isna().all()
    pd.testing.assert_frame_equal(pruna_nb.costs("tag"), before)
    database_of(current().cache_dir).close()
    held = b"".join(path.read_bytes() for path in current().cache_dir.rglob("*") if path.is_file())
    assert b"aspect_ratio" not in held


def test_outputs_whose_line_an_earlier_release_dropped_are_in_it_too(made):
    change("DELETE FROM prediction WHERE request LIKE '%heron%'")
    found = pruna_nb.history("heron")
    assert found[["cost_usd", "tag", "status"]].iloc[0].tolist() == [USD, "animals", "succeeded"]
    assert pruna_nb.costs()["cost_usd"].sum() == pytest.approx(0.025)


def test_an_empty_history_has_the_same_columns(service):
    assert pruna_nb.costs().empty
    empty = pruna_nb.history()
    pruna_nb.generate("a cup")
    assert [*empty.columns] == [*pruna_nb.history().columns]
    assert [*pruna_nb.costs(["day", "tag"]).index.names] == ["day", "tag"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"since": "last week"}, "duration back from now"),
        ({"since": 7}, "duration back from now"),
        ({"since": "2d", "until": "3d"}, "not before until"),
        ({"status": "fialed"}, "Did you mean 'failed'"),
        ({"kept": "yes"}, "True or False"),
        ({"limit": 0}, "1 or more"),
        ({"prompt": 7}, "must be a text"),
    ],
)
def test_what_is_wrong_with_a_search_is_told(service, wrong, told):
    with pytest.raises(InputError if "kept" not in wrong else ValueError, match=told):
        pruna_nb.history(**wrong)
