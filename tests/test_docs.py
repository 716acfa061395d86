"""The pages agree with the package: every name, every model, every link."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb.catalog import all_models

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(
    r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"#]+)\""
)


@pytest.fixture(scope="module")
def reference():
    """Give all that is written by hand in the reference."""
    return "\n".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))


@pytest.fixture(scope="module")
def extensions():
    """Make the pages' own Sphinx extensions importable."""
    sys.path.insert(0, str(DOCS / "_ext"))
    yield
    sys.path.remove(str(DOCS / "_ext"))


def test_every_public_name_is_in_the_reference(reference):
    assert [n for n in pruna_nb.__all__ if not re.search(rf"\bpruna_nb\.{n}\b", reference)] == []


@pytest.mark.parametrize(
    "table", [pd.DataFrame({"p": ["a"]}), pd.Series(["a"])], ids=["frame", "series"]
)
def test_every_verb_of_the_accessors_is_in_the_reference(reference, table):
    verbs = [name for name in dir(table.pruna) if not name.startswith("_")]
    assert "generate" in verbs
    assert [verb for verb in verbs if not re.search(rf"\.pruna\.{verb}\b", reference)] == []


def test_the_page_of_models_has_every_model_with_every_field(extensions):
    from pages_from_sources import models_page

    page = models_page(all_models())
    sections = dict(
        re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", page, flags=re.MULTILINE | re.DOTALL)
    )
    rows = {
        name: re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE)
        for name, text in sections.items()
    }
    assert rows == {model.name: list(model.fields) for model in all_models()}
    assert len(rows) == 26


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/x.css">',
        '<img alt="" src="http://example.com/x.png">',
    ],
)
def test_a_page_that_loads_from_another_host_is_found(extensions, loads):
    from pages_stay_offline import outside

    assert outside(f"<p>{loads}</p>")


def test_a_page_may_link_to_another_host(extensions):
    from pages_stay_offline import outside

    assert outside('<a href="https://example.com">x</a><img src="_static/x.png">') == []


@pytest.mark.parametrize(
    "page", ["README.md", "docs/contributing.md", "docs/explanation/architecture.md"]
)
def test_every_file_that_a_page_links_to_is_there(page):
    path = ROOT / page
    targets = ["".join(groups) for groups in LINK.findall(path.read_text())]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    written_by_the_build = {"reference/models.md"}
    missing = [t for t in local if not (path.parent / t).exists() and t not in written_by_the_build]
    assert missing == []
