"""What the tests of frames share."""

from __future__ import annotations

import functools

import pandas as pd
import pytest


@pytest.fixture
def asked(service):
    """Give a function that gives the inputs that the service accepted, in order."""

    def inputs(field=None):
        given = [row["input"] for row in service.accepted]
        return given if field is None else [each.get(field) for each in given]

    return inputs


@pytest.fixture
def generate(service):
    """Give ``frame.pruna.generate`` without a bar, as a function of a frame."""

    def call(frame, *args, **arguments):
        return frame.pruna.generate(*args, progress=False, **arguments)

    return call


@pytest.fixture
def frame():
    """Give a plain frame of three prompts."""
    return pd.DataFrame({"prompt": ["a lion", "a fox", "a heron"]})


quiet = functools.partial(dict, progress=False)
