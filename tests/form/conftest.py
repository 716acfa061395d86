"""What the form's tests share."""

from __future__ import annotations

import pytest

import pruna_nb
from tests.widgets.conftest import until  # noqa: F401 - a fixture


@pytest.fixture
def explore(service, monkeypatch):
    """Make a form whose quote comes at once, and that has seen no picture yet."""
    monkeypatch.setattr("pruna_nb.form.quote._TOOK", {})
    monkeypatch.setattr("pruna_nb.form.quote.REST_SECONDS", 0)
    return pruna_nb.explore
