"""The load of this process: measured in windows, from what its threads ran."""

from __future__ import annotations

import time

import pytest

from pruna_nb.batch.load import Load


def test_a_window_tells_how_much_of_it_the_process_ran():
    now, ran = [100.0], [7.0]
    load = Load(lambda: now[0], lambda: ran[0])
    assert load.share == 0
    now[0], ran[0] = 100.01, 7.01
    assert not load.renew()  # half a window tells nothing yet
    assert load.share == 0
    now[0], ran[0] = 100.04, 7.03
    assert load.renew()
    assert load.share == pytest.approx(0.75)
    now[0] = 100.08
    assert load.renew()
    assert load.share == 0


def test_a_process_that_waits_is_told_from_one_that_works():
    load = Load()
    time.sleep(0.3)
    assert load.renew()
    assert load.share < 0.5
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert load.renew()
    assert load.share > 0
