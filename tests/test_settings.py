"""Whose a setting is: the session's, a `with`'s, a run's; and where it comes from."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator, errors, settings
from pruna_nb.settings import configure, current, scopes


def workers():
    return current().workers


def elsewhere(function, *arguments):
    """Call a function in a thread of its own, which has no `with` around it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result(30)


def test_a_plain_call_is_seen_in_all_threads():
    configure(workers=5)
    assert (workers(), elsewhere(workers)) == (5, 5)


def test_a_plain_call_is_seen_by_a_thread_that_asks_first():
    configure(workers=5)
    assert elsewhere(workers) == 5


def test_a_plain_call_of_another_thread_is_the_sessions():
    elsewhere(lambda: configure(workers=6))
    assert workers() == 6


def test_a_plain_call_counts_also_where_what_it_returns_is_kept():
    kept = configure(workers=5)
    assert elsewhere(workers) == 5
    assert kept is not None


def test_a_with_is_seen_by_its_own_thread_alone_and_leaves_nothing():
    configure(workers=5)
    with configure(workers=7):
        assert (workers(), elsewhere(workers)) == (7, 5)
        with configure(workers=9, timeout=3):
            assert (workers(), current().timeout) == (9, 3)
        assert (workers(), current().timeout) == (7, 60)
    assert (workers(), elsewhere(workers)) == (5, 5)


def test_a_with_that_ends_by_an_error_leaves_nothing():
    with pytest.raises(ZeroDivisionError), configure(workers=7), configure(workers=8):
        _ = 1 / 0
    assert workers() == 32


def test_a_with_over_what_was_configured_before_takes_it_from_the_session():
    configure(workers=4)
    made = configure(workers=5)
    assert elsewhere(workers) == 5
    with made:
        assert (workers(), elsewhere(workers)) == (5, 4)
    assert workers() == 4


def test_one_object_can_be_entered_again_and_within_itself():
    made = configure(workers=5)
    with made:
        with made:
            assert workers() == 5
        assert workers() == 5
    with made:
        assert workers() == 5
    assert workers() == 32


def test_withs_that_end_in_another_order_take_their_own_settings_alone():
    one, other = ExitStack(), ExitStack()
    one.enter_context(configure(workers=5, timeout=1))
    other.enter_context(configure(workers=6))
    one.close()
    assert (workers(), current().timeout) == (6, 60)
    other.close()
    assert workers() == 32


def test_limits_add_up_by_their_names():
    configure(limits={"a": (1, 1.0), "b": (1, 1.0)})
    with configure(limits={"b": (2, 2.0)}):
        assert dict(current().limits) == {"a": (1, 1.0), "b": (2, 2.0)}
    assert dict(current().limits) == {"a": (1, 1.0), "b": (1, 1.0)}


def test_a_plain_call_inside_a_with_is_the_sessions_and_in_force_at_once():
    with configure(workers=5):
        configure(workers=6)
        assert (workers(), elsewhere(workers)) == (6, 6)
        with configure(workers=7):
            assert workers() == 7
        assert workers() == 6
    assert (workers(), elsewhere(workers)) == (6, 6)


def test_a_wrong_value_changes_nothing():
    with pytest.raises(errors.SettingsError):
        configure(workers=5, timeout="soon")
    assert workers() == 32


def test_no_thread_ever_sees_what_another_sets_for_a_with():
    """The switch comes after every few instructions, so also before a `with` is entered."""
    seen, over = Counter(), threading.Event()

    def look():
        while not over.is_set():
            seen[workers()] += 1

    watcher = threading.Thread(target=look)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        watcher.start()
        for _ in range(300):
            with configure(workers=7):
                assert workers() == 7
    finally:
        over.set()
        watcher.join()
        sys.setswitchinterval(interval)
    assert set(seen) == {32}


def test_a_with_that_is_not_entered_yet_is_nobody_elses(monkeypatch):
    monkeypatch.setattr(scopes, "_ENTER_SECONDS", 30.0)
    made = configure(workers=7)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(workers)
        with made:
            assert asked.result(30) == 32


async def _task(count):
    with configure(workers=count):
        await asyncio.sleep(0)
        inner = await asyncio.to_thread(workers)
        await asyncio.sleep(0)
        return workers(), inner


def test_a_task_of_asyncio_has_its_own():
    async def all_of_them():
        return await asyncio.gather(*(_task(count) for count in (5, 6, 7)))

    assert asyncio.run(all_of_them()) == [(5, 5), (6, 6), (7, 7)]
    assert workers() == 32


def test_threads_with_a_key_each_never_pay_with_another(tmp_path):
    keys = [f"key-{number}" for number in range(4)]
    paid = {}

    def work(key):
        with configure(api_key=key, cache_dir=tmp_path / key):
            for number in range(3):
                pruna_nb.generate(f"{key} {number}")
                rows = pd.DataFrame({"prompt": [f"{key} row {number}"]})
                rows.pruna.generate("prompt", progress=False)

    with ExitStack() as stack:
        # An emulator for each key: another one's is refused, and counted by its service.
        services = {
            key: stack.enter_context(emulator.running(fast=True, keys=[key])) for key in keys
        }

        def at_its_own(key):
            with configure(base_url=services[key].url):
                work(key)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(at_its_own, keys))
        paid = {key: service.charged for key, service in services.items()}
    assert paid == dict.fromkeys(keys, 6)


def test_a_run_in_the_background_keeps_the_settings_that_it_began_with(service, tmp_path):
    service.configure(latency=0.3)
    rows = pd.DataFrame({"prompt": ["a", "b", "c"]})
    with configure(cache_dir=tmp_path / "own", limits={"p-image": (1, 0.3)}):
        run = rows.pruna.generate("prompt", progress=False, background=True)
    configure(api_key="another", base_url="http://127.0.0.1:9")
    out = run.result(60)
    assert out["status"].tolist() == ["succeeded"] * 3
    assert all(str(tmp_path / "own") in path for path in out["output"])


def test_a_form_keeps_the_settings_of_the_with_that_it_was_made_in(service, tmp_path):
    with configure(cache_dir=tmp_path / "own"):
        form = pruna_nb.explore(prompt="a fox", seed=1)
    form.generate()
    assert form.wait(60)
    assert str(tmp_path / "own") in form.frame["output"].iloc[0]


def test_a_key_that_is_given_later_is_a_forms_too(service):
    with configure(workers=3):
        form = pruna_nb.explore(prompt="a fox", seed=1)
    settings.keep_key("test-key")
    form.generate()
    assert form.wait(60)
    assert form.frame["status"].tolist() == ["succeeded"]


def test_use_emulator_inside_a_with_is_in_force_at_once(tmp_path):
    with configure(api_key="real", base_url="https://api.pruna.ai", cache_dir=tmp_path / "real"):
        trial = pruna_nb.use_emulator(fast=True)
        pruna_nb.generate("a fox")
        assert trial.charged == 1


def test_a_relative_folder_is_fixed_when_it_is_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    configure(cache_dir="kept")
    os.mkdir("elsewhere")  # noqa: PTH102 - relative, as the case is
    monkeypatch.chdir("elsewhere")
    assert current().cache_dir == tmp_path / "kept"


def test_a_relative_folder_of_the_environment_is_fixed_when_it_is_first_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRUNA_NB_CACHE_DIR", "kept")
    monkeypatch.setenv("PRUNA_NB_STATE_DIR", "state")
    assert current().cache_dir == tmp_path / "kept"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert current().cache_dir == tmp_path / "kept"
    assert current().state_dir == tmp_path / "state"


ADDRESSES = ["s3://bucket/a", "gs://bucket", "memory://a", "file:///tmp/a", "https://a.example/b",
             " s3://bucket", "abfs+ssl://a", Path("s3://bucket/a"), "S3:/bucket"]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
@pytest.mark.parametrize("name", ["cache_dir", "state_dir"])
def test_a_folder_that_is_an_address_is_refused_and_not_made_here(
    address, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.SettingsError, match=f"{name} .* must be a folder of this machine"):
        configure(**{name: address})
    monkeypatch.setenv(f"PRUNA_NB_{name.upper()}", str(address))
    with pytest.raises(errors.SettingsError, match=f"PRUNA_NB_{name.upper()} in the environment"):
        settings.current()
    assert list(tmp_path.iterdir()) == []


def test_the_rest_of_an_address_is_not_shown():
    with pytest.raises(errors.SettingsError) as raised:
        configure(cache_dir="s3://AKIA77:sesame@bucket/a")
    assert "s3://" in str(raised.value)
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("value", [1, b"a", ["a"], "", "a\0b", "~nobody-of-that-name/a", True])
def test_what_is_no_path_is_refused(value):
    with pytest.raises(errors.SettingsError, match="cache_dir"):
        configure(cache_dir=value)


def test_all_settings_that_are_wrong_are_told_in_one_error():
    with pytest.raises(errors.SettingsError) as raised:
        configure(workers=True, timeout="60", limits=5, max_output_bytes=1.5, cache_dir="s3://a")
    assert len(raised.value.problems) == 5
    assert str(raised.value).startswith("These settings cannot be used; nothing was changed:")


@pytest.mark.parametrize("limit", [5, "ab", (0, 60), (250, 0), (250,), (250, float("nan")), None])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(errors.SettingsError, match=r"limits\['p-image'\] must be"):
        configure(limits={"p-image": limit})


def test_what_other_libraries_make_is_taken_as_a_setting():
    with configure(workers=np.int64(5), timeout=timedelta(seconds=7), max_output_bytes=1e6):
        now = settings.current()
    assert (now.workers, now.timeout, now.max_output_bytes) == (5, 7.0, 1_000_000)
