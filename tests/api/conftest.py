"""What the tests of one prediction over HTTP share."""

from __future__ import annotations

import pytest

from pruna_nb.api import throttle


@pytest.fixture(autouse=True)
def own_limits(monkeypatch):
    """Give each test limits of its own, and close their files after it."""
    kept = {}
    monkeypatch.setattr(throttle, "_THROTTLES", kept)
    yield kept
    for each in kept.values():
        each.close_file()
