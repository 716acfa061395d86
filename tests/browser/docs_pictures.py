"""Make the pictures of the pages: each recipe of docs/gallery in JupyterLab, light and dark.

`make pictures` runs this; it is no test, and pytest finds it only by its name. What a recipe's
last line shows becomes docs/_static/<recipe>-light.webp and -dark.webp, and the first of them
the picture that other sites show beside a link (docs/_style/card.jpg).
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageOps

from tests.browser.conftest import THEMES, Window
from tests.conftest import BROWSER_FLAGS

pytestmark = pytest.mark.browser

DOCS = Path(__file__).parents[2] / "docs"
RECIPES = sorted((DOCS / "gallery").glob("*.py"))
HTML = ".jp-OutputArea-executeResult .jp-OutputArea-output"
# What is photographed, and what is there once it is shown; by default the last line's HTML.
SHOWN = {
    "form": (".pruna-form", ".pruna-board img"),
    "panel": (".jp-OutputArea-output:has(.pruna-panel)", ".pruna-panel-box img"),
    "vote": (".p-vote", ".p-vote-start:enabled"),
}
LOADED = """(part) => [...document.querySelectorAll(part + ' img')]
    .every(image => !image.offsetParent || (image.complete && image.naturalWidth > 0))"""
WIDTHS = {"form": 1040, "panel": 1100, "table": 1150, "vote": 1250}
SCALE = 1.5
MARGIN = 12
CARD = """<style>
body { margin: 0; width: 1200px; height: 630px; display: flex; align-items: center; gap: 50px }
body { background: #fff; color: #1d1d28; font: 29px/1.45 'DejaVu Sans', sans-serif }
div { width: 430px; padding-left: 70px }
img { height: 560px }
</style>
<div>
<b style="font-size:62px">pruna_nb</b>
<p>A table of prompts becomes pictures and videos on disk.</p>
<p style="font-size:21px;color:#666">Rate-limited, cached,<br>never paid for twice.</p>
</div>
<img src="data:image/png;base64,%s">"""


@pytest.fixture(scope="module")
def _window(drivers, chromium, _profile):
    opened = drivers.chromium.launch_persistent_context(
        _profile,
        executable_path=chromium,
        headless=True,
        args=BROWSER_FLAGS,
        device_scale_factor=SCALE,
    )
    yield Window(opened)
    opened.close()


def trimmed(shot):
    """Return a photograph with an even margin around what it shows."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    background = picture.getpixel((picture.width - 1, picture.height - 1))
    empty = Image.new("RGB", picture.size, background)
    shown = picture.crop(ImageChops.difference(picture, empty).getbbox())
    return ImageOps.expand(shown, MARGIN, background)


def save_card(page, picture):
    """Photograph the card that other sites show beside a link."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    page.set_viewport_size({"width": 1200, "height": 630})
    page.set_content(CARD.replace("%s", base64.b64encode(file.getvalue()).decode()))
    shot = Image.open(io.BytesIO(page.screenshot(scale="css"))).convert("RGB")
    shot.save(DOCS / "_style" / "card.jpg", quality=85, optimize=True)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_draw(lab, recipe, theme):
    name = recipe.stem
    part, until = SHOWN.get(name, (HTML, f"{HTML} :is(table, img)"))
    path = lab.write(f"{name}-{theme}", recipe.read_text())
    book = lab.open(path, theme=theme, width=WIDTHS.get(name, 1000), height=1600)
    page = book.page
    book.run(0, until)
    if name == "vote":
        page.locator(".p-vote-start").click()
        page.get_by_text("Pair 1 of 4").wait_for()
    if name == "panel":
        page.get_by_text("250 of 1,000").first.wait_for()  # what the limit allows at once
    page.wait_for_function(LOADED, arg=part)
    page.mouse.move(0, 0)
    picture = trimmed(page.locator(part).last.screenshot(animations="disabled"))
    picture.save(DOCS / "_static" / f"{name}-{theme}.webp", quality=80, method=6)
    if (name, theme) == ("first", "light"):
        save_card(page, picture)
