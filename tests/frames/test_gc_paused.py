"""The collector rests while many objects are made, and works as before afterwards."""

from __future__ import annotations

import gc

import pandas as pd
import pytest

import pruna_nb  # noqa: F401 - for df.pruna
from pruna_nb.errors import InputError
from pruna_nb.frames.generate import gc_paused


@pytest.fixture(autouse=True)
def collecting():
    gc.enable()
    yield
    gc.enable()


def test_it_rests_inside_and_works_afterwards():
    with gc_paused():
        assert not gc.isenabled()
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_whoever_turned_it_off_finds_it_off():
    gc.disable()
    with gc_paused():
        pass
    assert not gc.isenabled()


def test_a_mistake_in_a_call_does_not_leave_it_off():
    with pytest.raises(InputError):
        pd.DataFrame({"prompt": ["a fox"]}).pruna.estimate("prompt", aspect_ratio="17:3")
    assert gc.isenabled()
