"""The pages as readers meet them: built without a network, and looked at in Chromium."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from PIL import Image

import pruna_nb

ROOT = Path(__file__).parents[1]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
RECIPES = sorted((ROOT / "docs" / "gallery").glob("*.py"))
SIZES = {"wide": 1400, "tablet": 820, "narrow": 390}


class Page(HTMLParser):
    """A page's links, pictures, anchors and tags of the head."""

    def __init__(self, path):
        super().__init__()
        self.links, self.images, self.ids, self.head = [], [], {""}, {}
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "meta":
            self.head[found.get("property") or found.get("name")] = found.get("content")
        if tag in {"a", "link"} and "href" in found:
            self.links.append(found["href"])
        if tag == "link":
            self.head[found.get("rel")] = found["href"]
        if tag == "img":
            self.images.append(found)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the pages from a copy of their sources, with every way to another host closed."""
    for name in ("furo", "myst_nb", "numpydoc", "sphinx", "sphinx_click", "sphinx_design"):
        pytest.importorskip(name)  # the pages are built with the locked versions alone
    folder = tmp_path_factory.mktemp("site")
    made = shutil.ignore_patterns("_build", "jupyter_execute", "api", "notebooks")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=made)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    closed = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    build += ["-d", str(folder / "doctrees"), str(folder / "docs"), str(folder / "html")]
    done = subprocess.run(
        build, env={**os.environ, **closed}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    """Return every page that was built, by its path."""
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}


def test_every_link_and_picture_of_the_pages_leads_to_what_is_there(site, pages):
    wrong = []
    for name, page in pages.items():
        for link in [*page.links, *(image["src"] for image in page.images)]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = unquote(parts.path)
            target = ((site / name).parent / path).resolve() if path else site / name
            other = target.relative_to(site).as_posix()
            there = target.exists() and (
                other not in pages or unquote(parts.fragment) in pages[other].ids
            )
            wrong += [] if there else [f"{name}: {link}"]
    assert len(pages) > 100
    assert wrong == []


def test_every_picture_has_words_and_its_dark_variant_beside_it(pages):
    images = [image for page in pages.values() for image in page.images]
    assert [image["src"] for image in images if "alt" not in image] == []
    shown = [(i["src"], i.get("class", "")) for page in pages.values() for i in page.images]
    light = [place for place, (_, names) in enumerate(shown) if "only-light" in names.split()]
    assert len(light) > len(RECIPES)
    for place in light:
        other, names = shown[place + 1]
        assert other == shown[place][0].replace("-light.", "-dark.")
        assert "only-dark" in names.split()


@pytest.mark.parametrize("table", [pd.DataFrame({"p": ["a"]}), pd.Series(["a"])], ids=type)
def test_every_verb_has_a_page_by_the_name_that_people_type_with_an_example(pages, table):
    kind = type(table).__name__
    for verb in (name for name in dir(table.pruna) if not name.startswith("_")):
        name = f"{kind}.pruna.{verb}"
        page = pages[f"reference/api/pandas.{name}.html"]
        assert f"<h1>{name}<" in page.text
        assert f"pandas.{name}" in page.ids
        assert "&gt;&gt;&gt; " in page.text, f"{name} has no example"
        assert f"reference/api/pandas.{name}.html" in pages["genindex.html"].text


def test_every_function_has_a_page_with_an_example(pages):
    names = [f"pruna_nb.{n}" for n in pruna_nb.__all__ if type(getattr(pruna_nb, n)) is type(len)]
    names += [
        f"pruna_nb.{n}" for n in pruna_nb.__all__ if hasattr(getattr(pruna_nb, n), "__code__")
    ]
    names += [f"pruna_nb.cache.{n}" for n in pruna_nb.cache.__all__ if n.islower()]
    assert {"pruna_nb.generate", "pruna_nb.cache.clear"} <= set(names)
    assert [n for n in names if "&gt;&gt;&gt; " not in pages[f"reference/api/{n}.html"].text] == []


def test_the_page_of_the_command_line_has_every_command_and_option(pages):
    import click

    from pruna_nb.cli import _group

    text = pages["reference/command-line.html"].text
    context = click.Context(_group)
    for name in _group.list_commands(context):
        command = _group.get_command(context, name)
        assert f'id="pruna-nb-{name}"' in text
        assert "Examples:" not in (command.epilog or "") or "Examples:</p>\n<div class=" in text
        for option in (each for each in command.params if isinstance(each, click.Option)):
            assert option.hidden or f"cmdoption-pruna-nb-{name}-{option.opts[0].lstrip('-')}" in (
                text.replace("--", "-")
            ), (name, option.opts)


def test_types_of_other_projects_are_links(pages):
    page = pages["reference/api/pandas.DataFrame.pruna.generate.html"]
    there = "https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.html#pandas.DataFrame"
    assert there in page.links
    assert "python:" not in re.sub(r'(?:href|class|title)="[^"]*"', "", page.text)


def test_a_link_to_a_page_is_shown_with_its_words_and_a_picture(site, pages):
    for name in ("index.html", "how-to/retry-failed-rows.html"):
        head = pages[name].head
        assert head["og:url"] == head["canonical"] == URLS["Documentation"] + name
        assert len(head["og:description"]) > 50
        assert head["og:image"].startswith(URLS["Documentation"])
        card = site / head["og:image"].removeprefix(URLS["Documentation"])
        with Image.open(card) as picture:
            assert picture.size == (1200, 630)
        assert (site / name).parent.joinpath(head["shortcut icon"]).resolve().exists()


def test_the_pictures_are_small():
    pictures = [p for p in (ROOT / "docs").rglob("*") if p.suffix in {".webp", ".jpg", ".png"}]
    kept = [p for p in pictures if p.parent.name in {"_static", "_style"}]
    assert len(kept) > 2 * len(RECIPES)
    assert sum(path.stat().st_size for path in kept) < 1_500_000


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_of_the_gallery_has_its_card_and_both_pictures(recipe):
    gallery = (ROOT / "docs/gallery/index.md").read_text()
    assert f"literalinclude}} {recipe.name}" in gallery
    assert f"{recipe.stem}-light.webp" in gallery
    for theme in ("light", "dark"):
        assert (ROOT / "docs/_static" / f"{recipe.stem}-{theme}.webp").exists()


def test_the_start_page_shows_the_picture_of_the_code_that_it_shows():
    page = (ROOT / "docs/index.md").read_text()
    assert f"```python\n{(ROOT / 'docs/gallery/first.py').read_text()}```" in page
    assert "_static/first-light.webp" in page


@pytest.fixture(scope="module")
def address(site):
    """Serve the pages on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.browser
@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("retry failed rows", {"Retry failed rows"}),
        ("cache.clear", {"pruna_nb.cache.clear"}),
        ("get a key", {"Get a key"}),
        ("No API key", {"Troubleshoot", "Get a key"}),
    ],
)
def test_the_search_finds(browser, address, words, first):
    page = browser.new_page()
    page.goto(f"{address}/index.html")
    page.locator(".sidebar-search").fill(words)
    page.keyboard.press("Enter")
    result = page.locator("#search-results li a").first
    result.wait_for(timeout=60_000)
    page.locator(".search-summary").get_by_text("found").wait_for()
    assert result.inner_text() in first
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit_and_show_the_picture_that_suits(browser, address, scheme):
    page = browser.new_page(color_scheme=scheme)
    loaded = []
    page.on("request", lambda request: loaded.append(request.url))
    for name in ("index", "gallery/index", "reference/models", "how-to/troubleshoot"):
        for width in SIZES.values():
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{address}/{name}.html")
            wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wider) == 0, (name, width)
    page.goto(f"{address}/index.html")
    shown = page.locator("article img:visible").evaluate_all("all => all.map(i => i.currentSrc)")
    assert [src.rpartition("/")[2] for src in shown] == [f"first-{scheme}.webp"]
    assert [url for url in loaded if not url.startswith(address)] == []
    page.close()
