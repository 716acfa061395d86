"""Voting in a real JupyterLab: what is large enough, which keys count, what is kept."""

import pytest

from tests.helpers.pages import comes_to, has_count, holds, is_seen, is_unseen

pytestmark = pytest.mark.browser

SET_UP = """
from pathlib import Path
from PIL import Image, ImageDraw
from pruna_nb import configure
from pruna_nb.comparison.comparison import Comparison
from pruna_nb.comparison.pairs import make_rows
from pruna_nb.comparison.variants import read_variants

def draw(request):
    width, height = {"16:9": (1344, 768), "9:16": (768, 1344)}[request["aspect_ratio"]]
    studio = "studio" in request["prompt"]
    image = Image.new("RGB", (width, height), (230, 160, 90) if studio else (70, 120, 180))
    step = 40 + 25 * request["seed"]
    for x in range(step, width, 2 * step):
        ImageDraw.Draw(image).ellipse((x - step, 200, x, 200 + step), fill="white")
    path = Path(f"{studio}-{width}-{request['seed']}.png").absolute()
    image.save(path)
    return {"output": str(path), "status": "succeeded", "cost_usd": 0.005}

def compare(name):
    configure(cache_dir=Path(name).absolute())
    variants = read_variants(
        {"plain": "a photo of {prompt}", "studio": "{prompt}, studio light"}
    )
    rows = make_rows(
        variants,
        prompts=["a fox for $5 or <script>document.title = 'broken'</script> $6"],
        seeds=2,
        fields={"aspect_ratio": ["16:9", "9:16"]},
    )
    return Comparison(variants, rows, [draw(row.request) for row in rows])
"""
LOADED = """() => {
    const images = [...document.querySelectorAll('.pv-side img')];
    return images.length === 2 && images.every(i => i.complete && i.naturalWidth > 0);
}"""
LONGER_SIDES = """() => [...document.querySelectorAll('.pv-side img')]
    .filter(i => i.offsetParent).map(i => Math.max(i.clientWidth, i.clientHeight))"""


HAS_FOCUS = "field => document.activeElement === field"


KEYS_READY = "() => document.activeElement.matches('.p-vote-keys input')"


def has_keys(page):
    """Check that the key field that is visible comes to have the focus."""
    comes_to(lambda: page.locator(".p-vote-keys input:visible").first.evaluate(HAS_FOCUS))


def press_commands(page):
    """Press what would delete cells, insert some and cut one, if the notebook got it."""
    for key in "ddaxz":
        page.keyboard.press(key)
    page.wait_for_timeout(300)


def start(lab, name, **window):
    first = SET_UP + f"comparison = compare({name!r})\ncomparison.vote()"
    path = lab.write(name, first, "'a cell below'", "comparison.grid()")
    book = lab.open(path, **window)
    book.run(0, ".p-vote-start:enabled")
    book.page.locator(".p-vote-start").click()
    wait_for(book, 1)
    return book


def wait_for(book, number):
    book.page.get_by_text(f"Pair {number} of 4").wait_for()
    book.page.wait_for_function(LOADED)
    has_keys(book.page)
    # A vote that comes sooner than anybody could look does not count.
    book.page.wait_for_timeout(500)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_keys_judge_all_pairs_where_both_pictures_are_large(lab, theme):
    book = start(lab, f"vote-{theme}", theme=theme, width=1400)
    page = book.page
    is_seen(page.locator(".p-vote-wide"))
    is_unseen(page.locator(".p-vote-narrow"))
    comes_to(lambda: all(side >= 512 for side in page.evaluate(LONGER_SIDES)))
    book.shoot(f"vote-{theme}")
    # Neither a name nor a file's name, in what is seen or in what stands behind it.
    behind = page.locator(".p-vote").inner_html()
    assert not any(word in behind for word in ("studio", "-1344-768-", ".png", ".webp"))
    holds(page.locator(".p-vote-prompt"), "$5 or <script>")
    # Wherever a click goes inside the form, its keys stay there, and the notebook gets none.
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    form = page.locator(".p-vote").bounding_box()
    stage = page.locator(".p-vote-pictures").bounding_box()
    places = [
        *((form["x"] + 3, form["y"] + 3), (form["x"] + form["width"] - 4, form["y"] + 60)),
        (form["x"] + 200, form["y"] + 18),
        (stage["x"] + 2, stage["y"] + stage["height"] + 6),
    ]
    for x, y in places:
        page.mouse.click(x, y)
        has_keys(page)
    page.locator(".p-vote-prompt").click(force=True)
    press_commands(page)
    has_count(page.locator(".jp-Notebook .jp-Cell"), cells)
    # A click on a picture shows it large, the next one both; seen large once is enough.
    page.mouse.click(stage["x"] + stage["width"] / 4, stage["y"] + stage["height"] / 2)
    page.wait_for_function(f"({LONGER_SIDES})().length === 1")
    page.wait_for_function(f"({KEYS_READY})()")
    page.locator(".p-vote-narrow .p-vote-left:enabled").wait_for()
    use_what_stands_beside_a_large_picture(page, cells)
    book.shoot(f"vote-{theme}-large")
    page.mouse.click(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.wait_for_function(f"({LONGER_SIDES})().length === 2")
    page.wait_for_function(f"({KEYS_READY})()")
    for number, key in enumerate("fjt", start=2):
        page.keyboard.press(key)
        wait_for(book, number)
    page.keyboard.press("u")
    wait_for(book, 3)
    page.keyboard.press("b")
    wait_for(book, 4)
    page.keyboard.press("f")
    page.get_by_text("All 4 pairs judged.").wait_for()
    page.get_by_text("4 votes: 3 decided, 0 ties, 1 both bad").wait_for()
    book.shoot(f"vote-{theme}-result")
    book.run(2, "text=\N{BLACK STAR} won")
    won = page.locator("text=\N{BLACK STAR} won")
    has_count(won, 3)
    book.shoot(f"vote-{theme}-grid")
    assert "broken" not in page.title()


def use_what_stands_beside_a_large_picture(page, cells):
    """Turn the pages by arrows and Esc; copy the prompt, download, keep: the keys stay."""
    for key, view in (("ArrowRight", "right"), ("Escape", "both"), ("ArrowLeft", "left")):
        page.keyboard.press(key)
        page.locator(f".p-vote-view-{view}").wait_for()
        page.wait_for_function(f"({KEYS_READY})()")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("Copy the prompt").click()
    comes_to(lambda: "$5 or <script>" in page.evaluate("navigator.clipboard.readText()"))
    with page.expect_download() as download:
        page.locator(".pv-get-left").click()
    assert download.value.suggested_filename.startswith("left")
    has_keys(page)
    page.keyboard.press("k")
    page.locator(".pruna-large-keep").get_by_text("Kept").wait_for()
    has_keys(page)
    has_count(page.locator(".jp-Notebook .jp-Cell"), cells)


def test_in_a_narrow_window_a_vote_waits_until_each_was_seen_large(lab):
    book = start(lab, "vote-narrow", width=720)
    page = book.page
    first = "16:9" if "16:9" in page.locator(".p-vote-prompt").inner_text() else "9:16"
    if first == "9:16":
        # Two high pictures fit even here.
        page.set_viewport_size({"width": 560, "height": 900})
    keys = page.locator(".p-vote-narrow .p-vote-keys input")
    keys.wait_for()
    is_unseen(page.locator(".p-vote-wide"))
    page.locator(".p-vote-narrow .p-vote-left:disabled").wait_for()
    # a button that is locked takes no click: it falls through to the field of the keys
    page.locator(".p-vote-narrow .p-vote-left").click(force=True)
    comes_to(lambda: keys.evaluate(HAS_FOCUS))
    page.keyboard.press("f")
    page.get_by_text("Look at each picture large first").wait_for()
    page.keyboard.press(" ")
    page.get_by_text("Now the other one").wait_for()
    book.shoot("vote-narrow")
    comes_to(lambda: len(page.evaluate(LONGER_SIDES)), 1)
    page.keyboard.press(" ")
    page.locator(".p-vote-narrow .p-vote-left:enabled").wait_for()
    page.keyboard.press("f")
    wait_for(book, 2)


def test_the_result_is_kept_in_the_saved_notebook_and_votes_in_a_new_kernel(lab):
    book = start(lab, "vote-saved", width=1400)
    book.page.keyboard.press("f")
    wait_for(book, 2)
    book.page.locator(".p-vote-finish").click()
    book.page.get_by_text("1 of 4 pairs judged").wait_for()
    book.page.get_by_text("won 1 of 1 decided vote").wait_for()
    book.save("won 1 of 1 decided vote")
    copy = lab.open(lab.copy(book, "vote-copy", trusted=False), width=1400)
    copy.page.get_by_text("won 1 of 1 decided vote").wait_for()
    copy.run(0, ".p-vote-start:enabled")
    holds(copy.page.locator(".p-vote-intro"), "1 of them judged")
