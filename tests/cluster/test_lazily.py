"""ddf.pruna without a cluster: lazily, by partition, as pandas' verbs do it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import errors
from pruna_nb.batch import interrupts
from tests.helpers.runs import journal, states

dd = pytest.importorskip("dask.dataframe")
dask = pytest.importorskip("dask")

QUIET = {"progress": False}


def table(rows, npartitions=3, **columns):
    return dd.from_pandas(pd.DataFrame({"prompt": rows, **columns}), npartitions=npartitions)


def prompts_of(service):
    return Counter(entry["input"]["prompt"] for entry in service.accepted)


def test_nothing_is_sent_before_the_frame_is_computed_and_then_all_rows_are(service):
    frame = table(["a lion", "a fox", None, "an owl"], wide=[1.5, 2.5, 3.5, 4.5])
    out = frame.pruna.generate("prompt", seed=1, **QUIET)
    assert service.accepted == []
    assert out.npartitions == frame.npartitions
    assert out.divisions == frame.divisions
    made = out.compute()
    assert made["status"].tolist() == ["succeeded", "succeeded", "skipped", "succeeded"]
    assert made["wide"].tolist() == [1.5, 2.5, 3.5, 4.5]
    assert made.index.tolist() == [0, 1, 2, 3]
    out.compute()  # from the cache
    assert prompts_of(service) == {"a lion": 1, "a fox": 1, "an owl": 1}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": "x_"},
        {"samples": 2},
        {"aspect_ratio": ["1:1", "16:9"]},
        {"model": ["p-image", "z-image-turbo"]},
        {"samples": 2, "seed": [1, 5], "sweep": "zip"},
    ],
)
def test_its_columns_and_types_are_known_before_and_are_those_of_pandas(service, options):
    frame = table(["a lion", "a fox", "an owl"], n=[1, 2, 3], kind=pd.Categorical(["a", "b", "a"]))
    own = frame.compute()
    out = frame.pruna.generate("prompt", **options, **QUIET)
    made = out.compute()
    expected = own.pruna.generate("prompt", **options, **QUIET)
    levels = [name for name in expected.index.names[1:] if name not in expected.columns]
    expected = expected.reset_index(level=levels)
    assert list(out.columns) == list(expected.columns)
    assert out.dtypes.astype(str).to_dict() == expected.dtypes.astype(str).to_dict()
    assert made.dtypes.astype(str).to_dict() == expected.dtypes.astype(str).to_dict()
    same = made.reset_index(drop=True)[["prompt", "n", *levels]]
    pd.testing.assert_frame_equal(same, expected.reset_index(drop=True)[["prompt", "n", *levels]])
    ids = [name for name in made.columns if name.endswith("prediction_id")]
    assert made[ids].to_numpy().tolist() == expected[ids].to_numpy().tolist()
    assert made["kind"].dtype == own["kind"].dtype


def test_all_that_is_wrong_without_its_cells_is_told_at_once_when_it_is_called(service):
    frame = table(["a lion"])
    with pytest.raises(errors.PrunaError) as caught:
        frame.pruna.generate("promt", seeed=1, cache="never", background=True, **QUIET)
    told = str(caught.value)
    for part in ("promt", "prompt", "seeed", "cache must be one of", "persist"):
        assert part in told
    with pytest.raises(errors.ColumnError, match="No column 'lion'"):
        frame.pruna.generate(prompt="a {lion}", **QUIET)
    with pytest.raises(errors.InputError, match="aspect_ratio"):
        frame.pruna.generate("prompt", aspect_ratio="5:9", **QUIET)
    with pruna_nb.configure(base_url="http://127.0.0.1:9"):
        pruna_nb.settings.reset()
        with pytest.raises(errors.MissingKeyError):
            frame.pruna.generate("prompt", **QUIET)
    with pytest.raises(AttributeError, match="compute"):
        frame.pruna.grid()
    assert service.accepted == []


def test_cells_are_checked_before_their_partitions_first_request(service):
    frame = table(["a lion", "a fox", "an owl", "a cat"], 2, seed=[1, 2, 3, 4.5])
    with pytest.raises(errors.InputError, match=r"partition 1: (?s:.*)row 3.*seed"):
        frame.pruna.generate("prompt", seed_col="seed", **QUIET).compute(scheduler="sync")
    sent = prompts_of(service)
    assert sent.keys() <= {"a lion", "a fox"}  # of the other partition, in whichever order
    with pytest.raises(errors.InputError, match=r"partition 1: (?s:.*)row 3.*seed"):
        frame.pruna.estimate("prompt", seed_col="seed")
    own = table(["a lion"], 1, status=["mine"])
    with pytest.raises(errors.InputError, match="status"):
        own.pruna.generate("prompt", **QUIET).compute(scheduler="sync")
    assert prompts_of(service) == sent


def test_the_estimate_is_that_of_the_whole_table(service):
    frame = table(["a lion", "a fox", "a lion", None, "a fox", "an owl"], 3)
    pd.DataFrame({"prompt": ["an owl"]}).pruna.generate("prompt", **QUIET)
    told = frame.pruna.estimate("prompt")
    assert (told.rows, told.new, told.cached, told.duplicates, told.skipped) == (6, 2, 1, 2, 1)
    assert told == frame.compute().pruna.estimate("prompt")
    with pruna_nb.configure(limits={"p-image": (1, 60.0)}):
        assert frame.pruna.estimate("prompt").minutes == 1.0
    assert service.charged == 1


@pytest.mark.parametrize("cache", ["use", "refresh", "off"])
def test_equal_rows_in_several_partitions_are_paid_once_in_each_mode(service, cache):
    frame = table(["a lion", "a fox"] * 6, 6)
    out = frame.pruna.generate("prompt", cache=cache, **QUIET)
    made = out.compute()
    again = out.compute()  # as dask does it for a partition whose worker was lost
    assert set(made["status"]) == {"succeeded"}
    assert made["output"].tolist() == again["output"].tolist()
    assert prompts_of(service) == {"a lion": 1, "a fox": 1}
    assert made["cost_usd"].sum() == pytest.approx(0.01)
    frame.pruna.generate("prompt", cache=cache, **QUIET).compute()
    assert service.charged == (2 if cache == "use" else 4)


def test_the_budget_is_the_whole_tables(service):
    frame = table([f"thing {number}" for number in range(8)], 4)
    out = frame.pruna.generate("prompt", max_cost_usd=0.02, **QUIET)
    with pytest.raises(errors.BudgetError, match=r"partition \d+: .*max_cost_usd=0.02"):
        out.compute()
    assert service.charged <= 4
    assert frame.pruna.generate("prompt", max_cost_usd=0.04, **QUIET).compute()["output"].all()
    assert service.charged == 8


def test_a_step_after_another_one_reads_its_outputs_and_keeps_them(service):
    frame = table(["a lion", None, "an owl"], 2)
    first = frame.pruna.generate("prompt", **QUIET)
    second = first.pruna.generate(
        prompt="in snow", model="p-image-edit", images_col="output", **QUIET
    )
    made = second.compute()
    assert list(second.columns) == list(made.columns)
    assert made["status"].tolist() == ["succeeded", "skipped", "succeeded"]
    assert made["step1_status"].tolist() == ["succeeded", "skipped", "succeeded"]
    third = second.pruna.generate(prompt="in rain", model="p-image-edit", images_col="output")
    assert [name for name in third.columns if name.endswith("output")] == [
        "step1_output",
        "step2_output",
        "output",
    ]
    assert service.charged == 4


def test_the_graph_has_neither_the_key_nor_what_a_call_says(service):
    import cloudpickle

    frame = table(["a lion"], 1)
    out = frame.pruna.generate(prompt="a very private {prompt}", **QUIET)
    for packed in (cloudpickle.dumps(out), cloudpickle.dumps(dict(out.optimize().dask))):
        assert b"test-key" not in packed
        assert b"very private" not in packed
        assert service.url.encode() not in packed


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # dask's own
def test_results_go_on_into_parquet_and_into_pandas_verbs(service, tmp_path):
    out = table(["a lion", "a fox", "an owl"], 3).pruna.generate("prompt", tag="zoo", **QUIET)
    out.to_parquet(tmp_path / "made")
    read = dd.read_parquet(tmp_path / "made").compute()
    assert read["status"].tolist() == ["succeeded"] * 3
    assert {entry.tags for entry in journal().entries()} == {"zoo"}
    made = out.compute()
    made.loc[1, "status"] = "lost"
    assert made.pruna.retry(**QUIET)["status"].tolist() == ["succeeded"] * 3
    assert len(made.pruna.failed()) == 1


def test_one_line_tells_of_all_partitions(service, capsys):
    out = table([f"thing {number}" for number in range(6)], 3).pruna.generate("prompt")
    out.compute()
    told = capsys.readouterr()
    assert told.out.startswith("6 rows: 6 new, 0 cached, 0 failed; 0.03 USD; ")
    assert told.out.count("\n") == 1
    assert "3 of 3 partitions" in told.err
    out.compute()
    assert capsys.readouterr().out.startswith("6 rows: 0 new, 6 cached, 0 failed; 0.00 USD; ")


def test_an_interrupted_computation_sends_nothing_more():
    from pruna_nb import emulator

    raised = threading.Event()

    def interrupt():
        while len(service.accepted) < 4:
            time.sleep(0.02)
        # Python does not hear a signal that comes just before it begins to wait for a lock, as
        # dask's thread does here: on a busy machine, this waited for ever.
        os.kill(os.getpid(), signal.SIGINT)
        while not raised.wait(10):
            os.kill(os.getpid(), signal.SIGINT)

    with (
        emulator.running(fast=True, latency=3600) as service,
        pruna_nb.configure(
            api_key="test-key", base_url=service.url, limits={"p-image": (4, 3600.0)}
        ),
    ):
        out = table([f"thing {number}" for number in range(40)], 4).pruna.generate(
            "prompt", **QUIET
        )
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            out.compute()
        raised.set()
        thread.join()
        end = time.monotonic() + 60
        while interrupts.ACTIVE_RUNS and time.monotonic() < end:
            time.sleep(0.02)
        assert not interrupts.ACTIVE_RUNS
        assert states() == {"sent": 4}  # the next run goes on with them
        assert len(service.accepted) == 4


def test_it_is_there_where_dask_was_imported_first_and_processes_are_refused():
    code = """
    import dask.dataframe as dd, pruna_nb
    import pandas as pd
    if __name__ == "__main__":
        frame = dd.from_pandas(pd.DataFrame({"prompt": ["a lion"]}), npartitions=1)
        pruna_nb.configure(api_key="test-key", base_url="http://127.0.0.1:9")
        out = frame.pruna.generate("prompt", progress=False)
        try:
            out.compute(scheduler="processes", num_workers=1)
        except pruna_nb.errors.SettingsError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert "does not reach the process that has the key. Nothing was sent." in done.stdout
