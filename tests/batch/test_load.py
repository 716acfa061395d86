"""The load of some threads: measured in windows, from what they ran."""

from __future__ import annotations

import pytest

from pruna_nb.batch.load import Load


def test_a_window_tells_how_much_of_it_the_threads_ran():
    now = [100.0]
    load = Load(lambda: now[0])
    assert load.share == 0
    now[0] = 100.01
    load.add(0.01)
    assert not load.renew()  # half a window tells nothing yet
    assert load.share == 0
    now[0] = 100.04
    load.add(0.02)
    assert load.renew()
    assert load.share == pytest.approx(0.75)
    now[0] = 100.08
    assert load.renew()
    assert load.share == 0
