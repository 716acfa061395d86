"""``cache=``, and what is done when it is interrupted: nothing is paid for twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import tqdm.auto

import pruna_nb
from pruna_nb import emulator
from pruna_nb.errors import CacheError
from pruna_nb.store.journal import Journal


def test_the_second_run_takes_everything_from_the_cache(frame, generate, service):
    first = generate(frame, "prompt")
    second = generate(frame, "prompt")
    assert service.charged == 3
    assert second["output"].tolist() == first["output"].tolist()
    assert second["prediction_id"].tolist() == first["prediction_id"].tolist()
    assert second["cached"].tolist() == [True] * 3
    assert second["cost_usd"].sum() == 0.0


def test_one_row_more_is_one_prediction_more(generate, service):
    frame = pd.DataFrame({"prompt": [f"p{number}" for number in range(30)]})
    generate(frame.head(29), "prompt")
    out = generate(frame, "prompt")
    assert service.charged == 30
    assert out["cached"].sum() == 29


def test_a_column_that_is_not_asked_for_changes_nothing(frame, generate, service):
    generate(frame, "prompt")
    out = generate(frame.assign(note=[1, 2, 3]), "prompt")
    assert service.charged == 3
    assert out["note"].tolist() == [1, 2, 3]


def test_a_changed_seed_sends_its_row_alone(generate, service):
    frame = pd.DataFrame({"prompt": list("abc"), "seed": [1, 1, 1]})
    generate(frame, "prompt", seed_col="seed")
    frame.loc[1, "seed"] = 2
    out = generate(frame, "prompt", seed_col="seed")
    assert service.charged == 4
    assert out["cached"].tolist() == [True, False, True]


def test_refresh_makes_anew_and_keeps_the_new(frame, generate, service):
    first = generate(frame, "prompt")
    second = generate(frame, "prompt", cache="refresh")
    third = generate(frame, "prompt")
    assert service.charged == 6
    assert second["output"].tolist() != first["output"].tolist()
    assert third["output"].tolist() == second["output"].tolist()


def test_off_makes_anew_and_keeps_the_old(frame, generate, service):
    first = generate(frame, "prompt")
    second = generate(frame, "prompt", cache="off")
    third = generate(frame, "prompt")
    assert service.charged == 6
    assert second["cached"].tolist() == [False] * 3
    assert third["output"].tolist() == first["output"].tolist()


def test_equal_rows_share_one_prediction_in_every_mode(generate, service):
    frame = pd.DataFrame({"prompt": ["a"] * 5})
    for mode in ("use", "refresh", "off"):
        generate(frame, "prompt", cache=mode)
    assert service.charged == 3


def test_a_file_that_was_deleted_is_fetched_again_at_no_cost(frame, generate, service):
    first = generate(frame, "prompt")
    Path(first["output"].iloc[1]).unlink()
    second = generate(frame, "prompt")
    assert service.charged == 3
    assert second["cached"].tolist() == [True, True, True]
    assert all(Path(path).is_file() for path in second["output"])


def test_a_file_that_was_damaged_is_fetched_again_at_no_cost(frame, generate, service):
    first = generate(frame, "prompt")
    path = Path(first["output"].iloc[0])
    path.write_bytes(b"x" * path.stat().st_size)
    second = generate(frame, "prompt")
    assert service.charged == 3
    assert second["cached"].tolist() == [True, True, True]
    assert second["cost_usd"].tolist() == [0.0, 0.0, 0.0]


def test_a_failed_row_is_not_cached(generate, service, frame):
    service.configure(faults={"failed": {"first": 1}})
    first = generate(frame, "prompt")
    assert first["status"].tolist().count("failed") == 1
    assert generate(frame, "prompt")["status"].tolist() == ["succeeded"] * 3
    assert service.charged == 4


def test_another_cache_folder_knows_nothing_of_this_one(frame, generate, service, tmp_path):
    generate(frame, "prompt")
    with pruna_nb.configure(cache_dir=tmp_path / "other"):
        assert generate(frame, "prompt")["cached"].tolist() == [False] * 3
    assert service.charged == 6


def test_an_interrupt_stops_soon_and_the_next_run_goes_on_from_there(tmp_path):
    frame = pd.DataFrame({"prompt": [f"p{number}" for number in range(60)]})
    limits = {"p-image": (20, 1.0)}
    with (
        emulator.running(fast=True, latency=0.3, limits=limits) as service,
        pruna_nb.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        pressed_at = []

        def press():
            while service.charged < 25:
                time.sleep(0.01)
            pressed_at.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press).start()
        with pytest.raises(KeyboardInterrupt) as raised:
            frame.pruna.generate("prompt", progress=False)
        assert "rows are done and kept; run again to go on." in raised.value.__notes__[0]
        part = raised.value.frame  # type: ignore[attr-defined]
        assert set(part["status"]) == {"succeeded", "pending"}
        assert part["output"].notna().sum() >= 20
        stopped = service.charged
        assert 25 <= stopped < 60
        out = frame.pruna.generate("prompt", progress=False)
        assert out["status"].tolist() == ["succeeded"] * 60
        assert service.charged == 60
    assert out["cached"].sum() >= 20
    assert len(pressed_at) == 1


@pytest.fixture
def sixty():
    """A slow service, and sixty rows; interrupts come where a test puts them."""
    limits = {"p-image": (10, 1.0)}
    with (
        emulator.running(fast=True, latency=0.3, limits=limits) as service,
        pruna_nb.configure(api_key="k", base_url=service.url, limits=limits),
    ):
        yield pd.DataFrame({"prompt": [f"p{number}" for number in range(60)]}), service


def interrupt():
    """Press Ctrl-C, and let Python come to it."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)


def interrupt_at(service, charged):
    """Press Ctrl-C as soon as so many predictions were charged."""

    def press():
        while service.charged < charged:
            time.sleep(0.01)
        interrupt()

    threading.Thread(target=press).start()


def stays_stopped(service):
    """Whether nothing more is sent, for longer than the limit makes one wait."""
    before = None
    while service.charged != before:  # what was on the wire takes its time on a busy machine
        before = service.charged
        time.sleep(1.5)
    return before < 60


def test_an_interrupt_while_the_bar_is_made_stops_the_run_and_leaves_nothing_half_done(
    sixty, monkeypatch
):
    frame, service = sixty
    made = []

    class Bar(tqdm.auto.tqdm):
        def __init__(self, *arguments, **options):
            while service.charged < 3:
                time.sleep(0.01)
            interrupt()
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    with pytest.raises(KeyboardInterrupt) as raised:
        frame.pruna.generate("prompt")
    assert "rows are done and kept; run again to go on." in raised.value.__notes__[0]
    assert len(made) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert stays_stopped(service)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("background", [False, True])
def test_an_interrupt_while_threads_are_started_stops_the_run(
    sixty, monkeypatch, background, times
):
    frame, service = sixty
    start = threading.Thread.start
    main = threading.main_thread()

    def slow(thread):
        start(thread)
        if thread.name == "pruna_nb-0" and threading.current_thread() is main:
            for _ in range(times):
                interrupt()

    monkeypatch.setattr(threading.Thread, "start", slow)
    with pytest.raises(KeyboardInterrupt):
        frame.pruna.generate("prompt", progress=False, background=background)
    assert stays_stopped(service)
    assert service.charged < 60


def test_an_interrupted_retry_has_every_row_in_its_frame(sixty):
    frame, service = sixty
    service.configure(faults={"failed": {"first": 6}})
    first = frame.head(8).pruna.generate("prompt", progress=False)
    before = service.charged
    service.configure(faults={})

    with pruna_nb.configure(limits={"p-image": (2, 1.0)}):
        interrupt_at(service, before + 2)
        with pytest.raises(KeyboardInterrupt) as raised:
            first.pruna.retry(progress=False)
    part = raised.value.frame  # type: ignore[attr-defined]
    assert len(part) == 8
    assert (part["output"].notna() >= first["output"].notna()).all()
    assert "pending" in set(part["status"])


def test_an_interrupt_is_raised_also_where_the_run_cannot_start(sixty, monkeypatch):
    frame, service = sixty

    def busy(_):
        interrupt()
        raise CacheError("the journal is busy")

    monkeypatch.setattr(Journal, "drop_large", busy)
    with pytest.raises(KeyboardInterrupt) as raised:
        frame.pruna.generate("prompt", progress=False)
    assert isinstance(raised.value.__cause__, CacheError)
    assert service.charged == 0


def test_an_interrupt_ends_the_waiting_and_not_the_run_in_the_background(sixty, monkeypatch):
    frame, _service = sixty
    run = frame.head(20).pruna.generate("prompt", progress=False, background=True)
    watch = run._run.watch

    def pressed():
        interrupt()
        return watch()

    monkeypatch.setattr(run._run, "watch", pressed)
    with pytest.raises(KeyboardInterrupt):
        run.result()
    monkeypatch.setattr(run._run, "watch", watch)
    assert run.result()["status"].tolist() == ["succeeded"] * 20


def test_an_interrupted_retry_of_a_chain_has_its_columns_and_no_others(sixty):
    frame, service = sixty
    service.configure(faults={"failed": {"first": 3}})
    first = frame.head(4).assign(edit="at night").pruna.generate("prompt", progress=False)
    both = first.pruna.edit("edit", progress=False)
    service.configure(faults={})
    before = service.charged

    with pruna_nb.configure(limits={"p-image": (1, 5.0)}):
        interrupt_at(service, before + 1)
        with pytest.raises(KeyboardInterrupt) as raised:
            both.pruna.retry(progress=False)
    part = raised.value.frame  # type: ignore[attr-defined]
    assert part.columns.tolist() == both.columns.tolist()
    assert len(part) == 4
    assert part.attrs == both.attrs
    assert part.pruna.retry(progress=False)["output"].notna().all()


def test_a_second_interrupt_is_not_waited_for(sixty, monkeypatch):
    frame, service = sixty

    def press_twice(*_):
        interrupt()
        interrupt()
        time.sleep(30)

    monkeypatch.setattr(tqdm.auto.tqdm, "update", press_twice)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        frame.pruna.generate("prompt")
    assert time.monotonic() - began < 20  # waiting takes 30
    assert stays_stopped(service)


def test_another_ones_way_with_interrupts_is_left_alone(sixty):
    frame, service = sixty

    class StopError(Exception):
        pass

    def stop(*_):
        raise StopError

    before = signal.signal(signal.SIGINT, stop)
    try:
        interrupt_at(service, 3)
        with pytest.raises(StopError):
            frame.pruna.generate("prompt", progress=False)
        assert signal.getsignal(signal.SIGINT) is stop
    finally:
        signal.signal(signal.SIGINT, before)
    assert stays_stopped(service)


def test_the_bar_and_the_closing_line_say_what_happened(frame, service, capsys):
    frame.pruna.generate("prompt")
    frame.assign(prompt=["a lion", None, "new"]).pruna.generate("prompt")
    told = capsys.readouterr()
    lines = [line for line in (told.out + told.err).splitlines() if " rows: " in line]
    assert lines[0].startswith("3 rows: 3 new, 0 cached, 0 failed; 0.015 USD; ")
    assert lines[1].startswith("3 rows: 1 new, 1 cached, 0 failed, 1 skipped; 0.005 USD; ")


def test_without_progress_nothing_is_printed(frame, generate, capsys):
    generate(frame, "prompt")
    assert capsys.readouterr() == ("", "")
