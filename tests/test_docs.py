"""The pages agree with the package: every name, every model, every link."""

from __future__ import annotations

import ast
import json
import re
import sys
import time
import tomllib
from pathlib import Path

import IPython.core.formatters
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import pruna_nb
import pruna_nb.emulator
from pruna_nb.catalog import all_models
from pruna_nb.comparison import vote_form
from tests.helpers.storages import made_bucket, s3_settings, shared_s3

__all__ = ["s3_settings", "shared_s3"]
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GALLERY = sorted((DOCS / "gallery").glob("*.py"))
RECIPES = ("hugging-face-datasets", "duckdb", "log-to-wandb", "great-tables", "matplotlib")
PYTHON = re.compile(
    r"^```(?:python|\{code-block\} python(?:\n:[^\n]*)*)\n(.*?)^```", re.MULTILINE | re.DOTALL
)
ELSEWHERE = {
    "how-to/log-in.md",  # asks a person: tests/widgets has its field and its prompt
    "reference/models.md",
    # tests/test_recipes.py runs these, and looks at what they make
    *(f"how-to/{name}.md" for name in RECIPES),
}
PAGES = [
    page
    for page in [*sorted(DOCS.glob("*/*.md")), DOCS / "index.md"]
    if PYTHON.search(page.read_text()) and page.relative_to(DOCS).as_posix() not in ELSEWHERE
]
LINK = re.compile(
    r"(?<!!)\[[^\]]*\]\(([^)#\s]+)[^)]*\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"#]+)\""
    r"|^\[[^\]]+\]: (\S+)$",
    re.MULTILINE,
)


def links_of(text):
    """Return the targets of a page's links and pictures."""
    return ["".join(groups) for groups in LINK.findall(text)]


def read_notebook(path):
    """Return a notebook, read by nbformat: its import takes over a second of processor time."""
    import nbformat

    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def reference():
    """Give all that is written by hand in the reference."""
    return "\n".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))


@pytest.fixture(scope="module")
def extensions():
    """Make the pages' own Sphinx extensions importable."""
    pytest.importorskip("sphinx")  # the pages are built with the locked versions alone
    sys.path.insert(0, str(DOCS / "_ext"))
    yield
    sys.path.remove(str(DOCS / "_ext"))


@pytest.fixture
def files_of_the_pages(tmp_path, monkeypatch):
    """Make the files that the pages speak of, in a folder that is the working one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "scan.png", "me.jpg", "coat.jpg", "hat.jpg", "photos/chair.jpg"):
        noise = np.random.default_rng(len(name)).integers(0, 256, (64, 64, 3), "uint8")
        Image.fromarray(noise).save(tmp_path / name)
    products = pd.DataFrame({"color": ["red", "teal"], "product": ["pot", "bag"]})
    products.to_csv("products.csv", index=False)
    prompts = pd.DataFrame({"prompt": [f"a harbour, view {number}" for number in range(12)]})
    prompts.to_csv("prompts.csv", index=False)


@pytest.fixture
def on_a_fast_emulator(monkeypatch):
    """Have a page run on an emulator that draws little and answers at once."""
    fast = {"fast": True, "latency": 0.0}
    with pruna_nb.emulator.running(**fast) as service:
        url = service.url
        monkeypatch.setattr(pruna_nb, "use_emulator", lambda: pruna_nb.configure(base_url=url))
        with pruna_nb.configure(api_key="any", base_url=url):
            yield


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
@pytest.mark.usefixtures("files_of_the_pages", "on_a_fast_emulator")
def test_the_python_of_a_page_runs_from_top_to_bottom(page, request):
    if "s3://my-bucket" in page.read_text():
        request.getfixturevalue("s3_settings")(request.getfixturevalue("shared_s3"))
        made_bucket("my-bucket")
    # explanation/ has a line that speaks of the table before it
    names = {"df": pd.DataFrame({"prompt": ["a fox"], "seed": [1]})}
    for number, block in enumerate(PYTHON.findall(page.read_text())):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)  # noqa: S102 - our own pages


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


@pytest.mark.parametrize("page", ["docs/contributing.md", "docs/explanation/architecture.md"])
def test_every_file_that_a_page_links_to_is_there(page):
    path = ROOT / page
    targets = links_of(path.read_text())
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    written_by_the_build = {"reference/models.md"}
    missing = [t for t in local if not (path.parent / t).exists() and t not in written_by_the_build]
    assert missing == []


def test_every_link_of_the_readme_is_whole_on_the_index_and_leads_to_a_file_that_is_here():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    text = (ROOT / "README.md").read_text()
    targets = links_of(text)
    defined = re.findall(r"^\[([^\]]+)\]:", text, re.MULTILINE)
    assert sorted(defined) == sorted(set(re.findall(r"\]\[([^\]]+)\]", text)))
    ours = re.compile(re.escape(urls["Source"]) + r"/(?:blob|raw|tree)/main/(.+)")
    files = [found[1] for target in targets if (found := ours.fullmatch(target))]
    assert len(files) > 10
    assert [name for name in files if not (ROOT / name).exists()] == []
    others = {target for target in targets if not ours.fullmatch(target)}
    assert others <= set(urls.values())


def test_the_index_is_named_only_where_a_page_says_once_released():
    pages = [ROOT / "README.md", *DOCS.glob("*.md"), *DOCS.glob("*/*.md")]
    paragraphs = [part for page in pages for part in page.read_text().split("\n\n")]
    named = [part for part in paragraphs if re.search(r"pip install\s+\"?'?pruna_nb", part)]
    assert named
    assert [part for part in named if "once released" not in part.lower()] == []


def texts_of_the_code():
    """Return every text of the package's code, with "…" where a value is filled in."""
    texts = []
    for path in Path(pruna_nb.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(part, "value", None) for part in ast.iter_child_nodes(node)]
                texts.append("".join(p if isinstance(p, str) else "…" for p in parts))
    return texts


def test_every_message_of_the_page_of_troubles_is_one_that_the_code_writes():
    page = (DOCS / "how-to/troubleshoot.md").read_text()
    messages = re.findall(r"^```text\n(.*)\n```", page, re.MULTILINE)
    assert len(messages) > 12
    texts = texts_of_the_code()
    # A sentence is one text, up to a value; in front may be what the service called it.
    between = re.compile(r"…|(?<=\.) |^(?:\d+ )?[A-Z_]+: ")
    pieces = [piece.strip() for message in messages for piece in between.split(message)]
    missing = [piece for piece in pieces if not any(piece in text for text in texts)]
    assert missing == []


@pytest.mark.parametrize("recipe", GALLERY, ids=lambda path: path.stem)
@pytest.mark.usefixtures("on_a_fast_emulator")
def test_a_recipe_of_the_gallery_shows_something(recipe, monkeypatch, capsys):
    fast = pruna_nb.use_emulator
    monkeypatch.setattr(pruna_nb, "use_emulator", lambda **_: fast())
    if recipe.stem == "result":  # nobody has to see its pairs
        monkeypatch.setattr(vote_form, "TOO_SOON", 0)
        monkeypatch.setattr(time, "sleep", lambda _: None)
    *lines, last = ast.parse(recipe.read_text()).body
    names = {}
    exec(compile(ast.Module(lines, []), recipe.name, "exec"), names)  # noqa: S102 - our own recipe
    shown = eval(ast.unparse(last), names)  # noqa: S307 - the same
    formats, _ = IPython.core.formatters.DisplayFormatter().format(shown)
    # A widget displays itself, which is printed where there is no notebook.
    assert "text/html" in formats or "text/html" in capsys.readouterr().out


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OF_A_MACHINE = re.compile(
    r"(?<![\w/])/(?:tmp|home|root|Users|var|private)/|[A-Z]:\\\\|127\.0\.0\.1|localhost"
    r"|widget-view|Traceback"
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_kept_notebook_is_small_whole_and_holds_nothing_of_a_machine(path):
    assert path.stat().st_size < 1_000_000
    book = read_notebook(path)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kept = json.dumps([cell.outputs for cell in code])
    assert OF_A_MACHINE.findall(kept) == []
    assert "widgets" not in book.metadata


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_line_of_a_notebook_switches_to_the_real_service(path):
    """And no other line needs the emulator without asking whether it is there."""
    book = read_notebook(path)
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    assert re.search(r"^service = pruna_nb\.use_emulator\([^\n]*\)\Z", code[0], re.MULTILINE)
    later = "\n".join(code[1:])
    uses = re.findall(r"^.*\bservice\.", later, flags=re.MULTILINE)
    assert len(uses) == len(re.findall(r"^if service:\n +service\.", later, flags=re.MULTILINE))
    assert "emulator" not in later


def test_there_are_seven_notebooks():
    assert len(NOTEBOOKS) == 7
