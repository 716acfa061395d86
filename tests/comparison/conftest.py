"""Comparisons of pictures of the tests' own, made without a service."""

import json

import pytest
from PIL import Image

from pruna_nb.comparison.comparison import Comparison
from pruna_nb.comparison.pairs import make_rows
from pruna_nb.comparison.scores import mean_scores, read_score, score_rows
from pruna_nb.comparison.variants import read_variants


class Maker:
    """Makes the picture of a row, and remembers what it was asked for."""

    def __init__(self, folder, broken=lambda _request: False):
        self.folder, self.broken = folder, broken
        self.requests = []

    def make(self, row):
        self.requests.append(row.request)
        return self.one(row.request)

    def one(self, request):
        if self.broken(request):
            return {"output": None, "status": "failed", "error": "refused", "cost_usd": 0.005}
        key = json.dumps(request, sort_keys=True, default=str)
        path = self.folder / f"{abs(hash(key)):x}.png"
        shade = 200 if "studio" in str(request.get("prompt")) else 40
        color = (shade, abs(hash(key)) % 256, request.get("seed", 0))
        Image.new("RGB", (80, 60), color).save(path)
        return {"output": str(path), "status": "succeeded", "error": None, "cost_usd": 0.005}


@pytest.fixture
def maker(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    return Maker(folder)


@pytest.fixture
def compare(maker):
    def compare(
        variants=("a fox", "a fox, studio light"),
        seeds=8,
        *,
        prompts=None,
        model="p-image",
        score=None,
        **fields,
    ):
        read = read_variants(variants)
        rows = make_rows(read, seeds=seeds, prompts=prompts, model=model, fields=fields)
        outcomes, means = [maker.make(row) for row in rows], None
        if score is not None:
            made = [{**row.as_dict(), **each} for row, each in zip(rows, outcomes, strict=True)]
            scores = score_rows(made, read_score(score))
            means = mean_scores([row.variant for row in rows], scores)
            outcomes = [{**each, **more} for each, more in zip(outcomes, scores, strict=True)]
        return Comparison(read, rows, outcomes, model=model, score_means=means)

    return compare
