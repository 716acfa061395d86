"""The results are plain columns: they survive files, and work again afterwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from pruna_nb.frames.results import RESULT_COLUMNS


@pytest.fixture
def out(generate, service):
    """Return a frame with a row that succeeded, one that failed and one that was skipped."""
    service.configure(faults={"failed": {"first": 1, "after": 1}})
    frame = pd.DataFrame({"prompt": ["a lion", "a fox", None], "seed": [1, 2, 3]})
    made = pd.concat(
        [generate(frame.iloc[[place]], "prompt", seed_col="seed") for place in range(3)]
    )
    assert made["status"].tolist() == ["succeeded", "failed", "skipped"]
    return made


def through_csv(frame, folder, **how):
    frame.to_csv(folder / "out.csv", index=False)
    return pd.read_csv(folder / "out.csv", **how)


def through_parquet(frame, folder):
    frame.to_parquet(folder / "out.parquet")
    return pd.read_parquet(folder / "out.parquet")


def through_sql(frame, folder):
    with sqlite3.connect(folder / "out.sqlite") as connection:
        frame.to_sql("t", connection, index=False)
        back = pd.read_sql("SELECT * FROM t", connection)
    connection.close()
    return back


def through_json(frame, folder):
    frame.to_json(folder / "out.jsonl", orient="records", lines=True)
    return pd.read_json(folder / "out.jsonl", orient="records", lines=True)


def through_pickle(frame, folder):
    frame.to_pickle(folder / "out.pkl")
    return pd.read_pickle(folder / "out.pkl")  # noqa: S301 - written above


WAYS = [through_csv, through_parquet, through_sql, through_json, through_pickle]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_results_come_back_as_they_were(way, out, tmp_path):
    back = way(out, tmp_path)
    assert list(back.columns) == list(out.columns)
    assert back["status"].tolist() == out["status"].tolist()
    assert back["cost_usd"].fillna(-1).tolist() == out["cost_usd"].fillna(-1).tolist()
    assert [bool(value) for value in back["cached"]] == out["cached"].tolist()
    for name in ("output", "error", "prediction_id"):
        was = [None if pd.isna(value) else value for value in out[name]]
        assert [None if pd.isna(value) else value for value in back[name]] == was
    assert Path(back["output"].iloc[0]).is_file()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_frame_that_was_read_back_is_failed_retried_and_edited_as_before(way, out, tmp_path):
    back = way(out, tmp_path)
    assert back.pruna.failed().index.tolist() == [back.index[1]]
    again = back.pruna.retry("prompt", seed_col="seed", progress=False)
    assert again["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    edited = again.pruna.edit(prompt="make it red", progress=False)
    assert edited["status"].tolist() == ["succeeded", "succeeded", "skipped"]
    assert "skipped it (prompt is empty)" in edited["error"].iloc[2]


def test_text_of_pyarrow_comes_back_too(out, tmp_path):
    back = through_csv(out, tmp_path, dtype_backend="pyarrow")
    assert back.pruna.failed()["prompt"].tolist() == ["a fox"]
    again = back.pruna.retry("prompt", seed_col="seed", progress=False)
    assert again["status"].tolist() == ["succeeded", "succeeded", "skipped"]


def test_running_the_frame_again_after_reading_it_back_costs_nothing(out, service, tmp_path):
    back = through_csv(out, tmp_path)
    charged = service.charged
    again = back.head(1).pruna.generate("prompt", seed_col="seed", progress=False)
    assert again["cached"].tolist() == [True]
    assert service.charged == charged


def test_failed_gives_the_rows_without_an_output_and_their_errors(out):
    failed = out.pruna.failed()
    assert failed["prompt"].tolist() == ["a fox"]
    assert "MODEL_ERROR" in failed["error"].item()


def test_retry_sends_the_failed_rows_alone_and_leaves_the_others(generate, service):
    service.configure(faults={"failed": {"first": 2}})
    frame = pd.DataFrame({"prompt": list("abcde")}, index=list("xxxyy"))
    out = generate(frame, "prompt")
    charged = service.charged
    again = out.pruna.retry(progress=False)
    assert service.charged == charged + 2
    assert again["status"].tolist() == ["succeeded"] * 5
    assert again.index.tolist() == list("xxxyy")
    good = out["status"].to_numpy() == "succeeded"
    assert again["output"].to_numpy()[good].tolist() == out["output"].to_numpy()[good].tolist()
    assert again["seconds"].to_numpy()[good].tolist() == out["seconds"].to_numpy()[good].tolist()
    assert list(again.columns) == ["prompt", *RESULT_COLUMNS]
    assert out["status"].tolist().count("failed") == 2


def test_retry_of_samples_sends_each_sample_with_its_own_seed(generate, service, asked):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(pd.DataFrame({"prompt": ["a"]}), "prompt", samples=3)
    again = out.pruna.retry(progress=False)
    assert len(again) == 3
    assert again["status"].tolist() == ["succeeded"] * 3
    assert sorted(asked("seed")) in ([1, 1, 2, 3], [1, 2, 2, 3], [1, 2, 3, 3])
    assert again["output"].nunique() == 3


def test_retry_takes_the_prefix_of_the_results_that_it_mends(generate, service, frame):
    service.configure(faults={"failed": {"first": 1}})
    out = generate(frame, "prompt", prefix="one_")
    both = generate(out, "prompt", prefix="two_", model="flux-dev")
    assert len(both.pruna.failed(prefix="one_")) == 1
    again = both.pruna.retry(prefix="one_", progress=False)
    assert again["one_status"].tolist() == ["succeeded"] * 3
    assert again["two_output"].tolist() == both["two_output"].tolist()
    assert service.accepted[-1]["model"] == "p-image"


def test_retry_with_nothing_to_do_sends_nothing(generate, service, frame):
    out = generate(frame, "prompt")
    pd.testing.assert_frame_equal(out.pruna.retry(progress=False), out)
    assert service.charged == 3


def test_retry_of_a_frame_that_does_not_say_how_it_was_made_asks_for_the_arguments(out, tmp_path):
    from pruna_nb.errors import InputError

    back = through_csv(out, tmp_path).drop(columns="prediction_id")
    with pytest.raises(InputError, match=r"row 1: no record .* how 'output' was made"):
        back.pruna.retry(progress=False)


def test_retry_and_failed_of_a_frame_without_results_say_what_is_missing(frame):
    from pruna_nb.errors import ColumnError

    with pytest.raises(ColumnError, match=r"No column 'status' for failed\(\)"):
        frame.pruna.failed()
    with pytest.raises(ColumnError, match=r"No column 'status' for retry\(\)"):
        frame.pruna.retry("prompt")


def test_the_results_of_a_stopped_run_are_in_its_error(generate, service):
    from pruna_nb.errors import QuotaError

    service.configure(quota=2)
    frame = pd.DataFrame({"prompt": [f"p{number}" for number in range(100)]})
    with pytest.raises(QuotaError) as raised:
        generate(frame, "prompt")
    made = raised.value.frame
    assert made["status"].tolist().count("succeeded") == 2
    assert "2 of 100 rows are done and kept; run again to go on." in raised.value.__notes__
    service.configure(quota=None)
    assert made.pruna.retry(progress=False)["status"].tolist() == ["succeeded"] * 100
    assert service.charged == 100
