"""What the tests of ratings share."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture
def out(service):
    """Return a frame of four rows: the last has no output."""
    df = pd.DataFrame({"prompt": ["a lion", "a fox", "an owl", ""]}, index=list("abcd"))
    return df.pruna.generate("prompt", progress=False)
