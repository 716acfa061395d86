"""Whatever ends a run carries what is done; a screen that takes no words ends nothing."""

from __future__ import annotations

import io
import logging
import sys

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.batch import progress
from pruna_nb.batch.run import Run
from pruna_nb.errors import BudgetError, QuotaError
from pruna_nb.frames import generate as verbs

QUIET = {"progress": False}
ENDS = [KeyboardInterrupt, SystemExit, MemoryError, RuntimeError, GeneratorExit]


def ended_by(monkeypatch, kind, *, after):
    """Let the watching of a run fail after so many other runs."""
    wait, runs = progress.wait, []

    def waited(run, **options):
        runs.append(run)
        wait(run, **options)
        if len(runs) > after:
            raise kind("it ends here")

    monkeypatch.setattr(verbs.progress, "wait", waited)


@pytest.fixture
def frame():
    return pd.DataFrame({"prompt": ["a lion", "a fox"], "edit": ["in snow", "at night"]})


@pytest.mark.parametrize("kind", ENDS)
def test_whatever_ends_a_run_carries_the_frame(frame, service, monkeypatch, kind):
    ended_by(monkeypatch, kind, after=0)
    with pytest.raises(kind) as raised:
        frame.pruna.generate("prompt", **QUIET)
    assert raised.value.frame["status"].tolist() == ["succeeded"] * 2
    assert raised.value.frame.index.equals(frame.index)
    assert "2 of 2 rows are done" in raised.value.__notes__[0]
    assert service.charged == 2


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("kind", [MemoryError, SystemExit])
def test_whatever_ends_a_run_in_its_own_threads_carries_the_frame(frame, monkeypatch, kind):
    settle = Run.settle

    def settled(self, job, outcome):
        settle(self, job, outcome)
        self.end_by(kind("no more"))

    monkeypatch.setattr(Run, "settle", settled)
    with pytest.raises(kind) as raised:
        frame.pruna.generate("prompt", **QUIET)
    assert "succeeded" in raised.value.frame["status"].tolist()


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("kind", ENDS)
def test_whatever_ends_an_edit_carries_the_frame_with_the_step_before(frame, monkeypatch, kind):
    made = frame.pruna.generate("prompt", **QUIET)
    ended_by(monkeypatch, kind, after=0)
    with pytest.raises(kind) as raised:
        made.pruna.edit("edit", **QUIET)
    assert raised.value.frame["step1_output"].tolist() == made["output"].tolist()
    assert raised.value.frame["status"].tolist() == ["succeeded"] * 2


@pytest.mark.parametrize("kind", ENDS)
def test_whatever_ends_a_retry_carries_all_rows(frame, service, monkeypatch, kind):
    service.configure(faults={"failed": {"first": 1}})
    made = frame.pruna.generate("prompt", **QUIET)
    assert sorted(made["status"]) == ["failed", "succeeded"]
    ended_by(monkeypatch, kind, after=0)
    with pytest.raises(kind) as raised:
        made.pruna.retry(**QUIET)
    assert raised.value.frame["status"].tolist() == ["succeeded"] * 2


@pytest.mark.parametrize("kind", ENDS)
def test_whatever_ends_a_comparison_carries_the_rows_of_all_its_models(service, monkeypatch, kind):
    ended_by(monkeypatch, kind, after=1)
    with pytest.raises(kind) as raised:
        pruna_nb.compare(["p-image", "flux-dev", "qwen-image"], seeds=2, prompt="a fox", **QUIET)
    rows = raised.value.frame
    assert rows.groupby("variant", sort=False)["status"].unique().map(list).to_dict() == {
        "p-image": ["succeeded"], "flux-dev": ["succeeded"], "qwen-image": ["pending"],
    }  # fmt: skip
    assert service.charged == 4


@pytest.mark.usefixtures("service")
def test_whatever_ends_the_scoring_of_a_comparison_carries_its_rows():
    def score(picture, row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        pruna_nb.compare(["a fox", "a hen"], seeds=1, score=score, **QUIET)
    assert raised.value.frame["status"].tolist() == ["succeeded"] * 2  # type: ignore[attr-defined]


def test_an_account_that_is_at_its_end_carries_the_frame(frame, service):
    service.configure(quota=1)
    with pytest.raises(QuotaError) as raised:
        frame.pruna.generate("prompt", **QUIET)
    assert raised.value.frame["status"].tolist().count("succeeded") == 1


def test_an_error_before_anything_was_run_has_no_frame(frame):
    with pytest.raises(BudgetError) as raised:
        frame.pruna.generate("prompt", max_cost_usd=0, **QUIET)
    assert raised.value.frame is None


class Broken(io.StringIO):
    """A stream that fails in a way of its own at each word."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


CLOSED = io.StringIO()
CLOSED.close()
STREAMS = {
    "none": None,
    "closed": CLOSED,
    "a pipe without a reader": Broken(BrokenPipeError(32, "Broken pipe")),
    "a full disk": Broken(OSError(28, "No space left on device")),
    "one that fails in its own way": Broken(RuntimeError("no")),
    "ascii": io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_screen_that_takes_no_words_ends_no_run(frame, service, monkeypatch, name):
    monkeypatch.setattr(sys, "stdout", STREAMS[name])
    monkeypatch.setattr(sys, "stderr", STREAMS[name])
    out = frame.pruna.generate("prompt", model="p-image")
    assert out["status"].tolist() == ["succeeded"] * 2
    assert service.charged == 2


class Failing(logging.Handler):
    """A handler of a program's own that fails at each message."""

    def emit(self, record):
        raise RuntimeError("the log is gone")


@pytest.mark.parametrize("name", STREAMS)
def test_a_log_that_takes_no_words_ends_no_run(frame, service, monkeypatch, name):
    monkeypatch.setattr(sys, "stderr", STREAMS[name])
    monkeypatch.setattr(logging.getLogger("pruna_nb"), "handlers", [Failing()])
    out = frame.pruna.generate("prompt")
    assert out["status"].tolist() == ["succeeded"] * 2
    assert service.charged == 2


@pytest.mark.parametrize("when", ["opened", "moved", "closed"])
def test_a_bar_that_cannot_be_drawn_ends_no_run(frame, service, monkeypatch, when):
    import tqdm.auto

    class Bar:
        n = 0

        def __init__(self, **options):
            if when == "opened":
                raise ImportError("IProgress not found. Please update jupyter and ipywidgets.")

        def set_postfix_str(self, *words, **options):
            if when == "moved":
                raise BrokenPipeError

        def update(self, rows):
            pass

        def close(self):
            if when == "closed":
                raise ValueError("I/O operation on closed file")

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    out = frame.pruna.generate("prompt")
    assert out["status"].tolist() == ["succeeded"] * 2
    assert service.charged == 2


def test_letters_that_the_screen_does_not_have_are_written_as_escapes(monkeypatch):
    from pruna_nb.console import say

    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    say("Bilder 日本 é")
    assert screen.buffer.getvalue().decode("cp1252") == "Bilder \\u65e5\\u672c é\n"
