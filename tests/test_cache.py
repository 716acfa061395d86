"""``pruna_nb.cache``: what is kept, and what may go."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import errors

PROMPTS = pd.DataFrame({"prompt": ["a lion", "a fox", "an owl"]})


@pytest.fixture
def made(service):
    return PROMPTS.pruna.generate("prompt", progress=False)


def test_info_counts_outputs_and_bytes(made):
    info = pruna_nb.cache.info()
    assert (info.entries, info.files) == (3, 3)
    assert info.bytes == sum(Path(path).stat().st_size for path in made["output"])
    assert "3 outputs" in str(info)


def test_info_of_a_folder_that_is_not_there_makes_none(tmp_path):
    with pruna_nb.configure(cache_dir=tmp_path / "none"):
        assert pruna_nb.cache.info().entries == 0
    assert not (tmp_path / "none").exists()


def test_verify_finds_what_is_gone_or_damaged_and_the_next_run_fetches_it_again(made, service):
    gone, damaged, _ = made["output"]
    Path(gone).unlink()
    Path(damaged).write_bytes(b"\xff\xd8\xff no picture any more")
    assert set(pruna_nb.cache.verify()) == {gone, damaged}
    again = PROMPTS.pruna.generate("prompt", progress=False)
    assert again["cached"].tolist() == [True, True, True]
    assert service.charged == 3
    assert pruna_nb.cache.verify() == []


def test_clear_drops_all_outputs_and_keeps_the_journal(made):
    assert pruna_nb.cache.clear() > 0
    assert pruna_nb.cache.info().files == 0
    assert pruna_nb.journal()["state"].tolist() == ["delivered"] * 3


def test_prune_drops_what_was_not_used_for_long(made, service):
    database = pruna_nb.cache.database_of(pruna_nb.settings.current().cache_dir)
    path = Path(made["output"][0])
    long_ago = time.time() - 40 * 86400
    os.utime(path, (long_ago, long_ago))
    database.change("UPDATE item SET used_at = ? WHERE media LIKE ?", [long_ago, f"%{path.name}"])
    freed = pruna_nb.cache.prune(older_than="30d")
    assert freed > 0
    assert not path.exists()
    assert pruna_nb.cache.info().entries == 2


def test_prune_keeps_no_more_bytes_than_it_is_told(made):
    for path in made["output"]:
        os.utime(path, (0, 0))
    most = max(Path(path).stat().st_size for path in made["output"])
    pruna_nb.cache.prune(keep_bytes=most)
    assert pruna_nb.cache.info().bytes <= most
    assert pruna_nb.cache.info().entries == 1


@pytest.mark.parametrize("arguments", [{}, {"older_than": "a while"}, {"older_than": -1.0}])
def test_prune_says_what_it_needs(arguments, made):
    with pytest.raises(errors.InputError):
        pruna_nb.cache.prune(**arguments)


def test_prune_drops_thumbnails_before_it_drops_an_output(made):
    made.pruna.grid().html()
    before = pruna_nb.cache.info()
    assert before.thumbnail_bytes > 0
    pruna_nb.cache.prune(keep_bytes=before.bytes)
    after = pruna_nb.cache.info()
    assert (after.entries, after.thumbnail_bytes) == (3, 0)


def test_clear_drops_thumbnails_too(made):
    made.pruna.grid().html()
    pruna_nb.cache.clear()
    assert pruna_nb.cache.info().thumbnail_bytes == 0
