"""A long run, with fewer rows than ``long_run.py`` takes by itself."""

from __future__ import annotations

import os

import pytest

from tests.faults.long_run import MIB, run


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.skipif(os.name != "posix", reason="counts open files as POSIX does")
def test_memory_threads_open_files_and_journal_stay_small(tmp_path):
    found = run(2000, tmp_path)
    assert (found.succeeded, found.charged, found.refused) == (2000, 2000, 0)
    # 20,000 rows more would be some tens of MiB, what the results themselves take.
    assert found.at(1.0) - found.at(0.25) < 24
    assert found.threads[1] <= found.threads[0]
    assert found.threads_most <= found.threads[0] + 32 + 4
    assert found.files[1] <= found.files[0] + 2
    assert found.files_most <= found.files[0] + 2 * 32 + 16
    assert found.database_bytes < 8 * MIB + 2000 * 2000
