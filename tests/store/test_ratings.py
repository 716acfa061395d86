"""Ratings outlive the kernel, the cache and a crash, and belong to the picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pruna_nb
from pruna_nb.errors import CacheError
from pruna_nb.settings import current
from pruna_nb.store.ratings import Rating, Ratings

DIGEST = "ab" * 32
OUTPUT = f"/elsewhere/media/ab/{DIGEST}.jpg"


def stars(ratings, *outputs):
    return [each and (each.rating, each.tags) for each in ratings.of(outputs)]


def test_a_rating_is_found_by_the_file_and_else_by_the_prediction(tmp_path):
    own = tmp_path / "fox.png"
    own.write_bytes(b"a fox")
    Ratings(tmp_path).put(
        [Rating(DIGEST, "p1", 4, ("sharp",)), Rating("", "p2", 2), Rating("", "p3", None, ("x",))]
    )
    again = Ratings(tmp_path)
    asked = [(OUTPUT, None), (None, "p1"), (str(own), "p2"), (None, None), (OUTPUT, "p9")]
    found = [(4, ("sharp",)), (4, ("sharp",)), (2, ()), None, (4, ("sharp",))]
    assert stars(again, *asked) == found
    assert [each.prediction_id for each in again.all()] == ["p1", "p2", "p3"]


def test_the_last_word_counts_and_nothing_left_is_no_rating(tmp_path):
    ratings = Ratings(tmp_path)
    ratings.put([Rating(DIGEST, "p1", 4), Rating("", "p2", 1)])
    ratings.put([Rating(DIGEST, "p1", 2, ("soft",))])
    assert stars(ratings, (OUTPUT, "p1")) == [(2, ("soft",))]
    ratings.put([Rating(DIGEST, "p1")])
    assert stars(ratings, (OUTPUT, "p1")) == [None]
    assert [each.prediction_id for each in ratings.all()] == ["p2"]


def test_damaged_lines_are_passed_over_and_what_follows_is_read(tmp_path):
    Ratings(tmp_path).put([Rating(DIGEST, "p1", 4)])
    (file,) = tmp_path.glob("ratings/*.jsonl")
    record = json.loads(file.read_text())
    wrong = [
        {**record, "rating": 9},
        {**record, "rating": True},
        {**record, "tags": "sharp"},
        {**record, "tags": [1]},
        {**record, "digest": "", "prediction_id": ""},
        {"rating": 3},
        [],
    ]
    later = {**record, "rating": 5, "digest": "cd" * 32, "of_a_later_release": 1}
    lines = [*map(json.dumps, [*wrong, later]), '{"rating": 4, "ta']
    file.write_text(file.read_text() + "\n".join(lines))
    assert [each.rating for each in Ratings(tmp_path).all()] == [4, 5]
    Ratings(tmp_path).put([Rating("ef" * 32, "p3", 1)])
    assert [each.rating for each in Ratings(tmp_path).all()] == [4, 5, 1]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "ratings").write_text("a file in the way")
    with pytest.raises(CacheError, match=r"cannot write the rating to .*ratings\.jsonl"):
        Ratings(tmp_path).put([Rating(DIGEST, "p1", 4)])


def test_deleting_the_cache_leaves_the_ratings():
    folder = Path(current().cache_dir)
    Ratings(folder).put([Rating(DIGEST, "p1", 4)])
    pruna_nb.cache.clear()
    pruna_nb.cache.prune(older_than=0, keep_bytes=0)
    pruna_nb.cache.rebuild()
    assert [each.rating for each in Ratings(folder).all()] == [4]
