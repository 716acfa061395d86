"""The examples in the docstrings, run on the emulator as a reader would run them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import pruna_nb

FOLDER = Path(pruna_nb.__file__).parent


def modules_with_examples():
    """Name every module of the package that has an example."""
    for path in sorted(FOLDER.rglob("*.py")):
        if ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(FOLDER.parent).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_every_example_of_a_module_gives_what_it_says(name, service, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert runner.tries > 0
