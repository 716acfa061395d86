"""Fixtures of the tests that make runs."""

from __future__ import annotations

import pytest

from pruna_nb.api import throttle
from pruna_nb.store import database
from tests.helpers.runs import soon


@pytest.fixture(autouse=True)
def own_files(monkeypatch):
    """Isolate each test: databases and limits of its own, whose files are closed after it."""
    databases, limits = {}, {}
    monkeypatch.setattr(database, "_DATABASES", databases)
    monkeypatch.setattr(throttle, "_THROTTLES", limits)
    yield
    for each in databases.values():
        each.close()
    for each in limits.values():
        each.close_file()


@pytest.fixture
def quickly(monkeypatch):
    """Wait a hundredth of the seconds between tries."""
    soon(monkeypatch)
