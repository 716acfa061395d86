"""What the tests of frames share."""

from __future__ import annotations

import time

import pandas as pd
import pytest

from pruna_nb.batch import polling
from tests.helpers.storages import bucket, memory, s3, s3_settings, shared_s3

__all__ = ["bucket", "memory", "s3", "s3_settings", "shared_s3"]


@pytest.fixture(autouse=True)
def asked_soon(monkeypatch):
    """Poll videos and trainings as soon as images: the emulator's take no minutes."""
    for kind in ("video", "zip"):
        monkeypatch.setitem(polling._FIRST, kind, polling._FIRST["image"])


@pytest.fixture
def one_day():
    """Let a day end first that is about to (UTC): the test counts what a single one has."""
    left = 86_400 - time.time() % 86_400
    if left < 120:
        time.sleep(left)


@pytest.fixture
def asked(service):
    """Return a function that gives the inputs that the service accepted, in order."""

    def inputs(field=None):
        given = [row["input"] for row in service.accepted]
        return given if field is None else [each.get(field) for each in given]

    return inputs


@pytest.fixture
def generate(service):
    """Return ``frame.pruna.generate`` without a bar, as a function of a frame."""

    def call(frame, *args, **arguments):
        return frame.pruna.generate(*args, progress=False, **arguments)

    return call


@pytest.fixture
def frame():
    """Return a plain frame of three prompts."""
    return pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"]})
