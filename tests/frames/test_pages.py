"""The pages on files, editing, video and training: their code runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import pruna_nb

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ["edit-images", "train-a-lora", "upload-files", "video"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Stand in a folder with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in ("photo.jpg", "scan.png", "me.jpg", "coat.jpg", "hat.jpg", "photos/a.jpg"):
        Image.new("RGB", (32, 32), "teal").save(name)
    return tmp_path


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs_as_it_stands_there(page, service):
    blocks = re.findall(r"```python\n(.*?)```", (HOW_TO / f"{page}.md").read_text(), re.DOTALL)
    assert blocks
    made = pd.DataFrame({"prompt": ["a"], "edit": ["b"]}).pruna.generate("prompt", progress=False)
    names = {"pruna_nb": pruna_nb, "pd": pd, "edited": made.pruna.edit("edit", progress=False)}
    for block in blocks:
        exec(compile(block, f"{page}.md", "exec"), names)  # noqa: S102 - our own page
    frames = [value for value in names.values() if isinstance(value, pd.DataFrame)]
    statuses = [status for frame in frames if "status" in frame for status in frame["status"]]
    assert set(statuses) == {"succeeded"}
