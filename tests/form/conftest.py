"""What the form's tests share."""

from __future__ import annotations

from tests.widgets.conftest import until  # noqa: F401 - a fixture
