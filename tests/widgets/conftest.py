"""What the widgets' tests share: waiting for a thread without a clock's guess."""

from __future__ import annotations

import time

import pytest


@pytest.fixture
def until():
    """Wait until something is so; fail if it is not within half a minute."""

    def wait(what):
        end = time.monotonic() + 60
        while not what():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.01)

    return wait
