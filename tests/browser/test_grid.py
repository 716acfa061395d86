"""The grid in JupyterLab: light, dark and narrow; saved and opened again; a thousand pictures."""

from __future__ import annotations

import pytest

from tests.helpers.pages import comes_to, has_count, holds, in_step, is_seen, plays

pytestmark = pytest.mark.browser

PROMPT = "a fox <script>document.title = 'taken'</script> for $5 and $6"
FRAME = f"""import pandas as pd
import pruna_nb
axes = [[{PROMPT!r}, "a lighthouse at dusk"], ["1:1", "16:9", "9:16"]]
rows = pd.MultiIndex.from_product(axes, names=["prompt", "aspect_ratio"]).to_frame(index=False)
out = rows.pruna.generate("prompt", aspect_ratio_col="aspect_ratio", seed=7, progress=False)
out.loc[1, ["output", "status", "error"]] = [None, "failed", "422: out of $ and <memory>"]
out.loc[2, ["output", "status"]] = [None, "pending"]
out.loc[3, "output"] = out.loc[4, "output"]
grid = out.pruna.grid(rows="prompt", cols="aspect_ratio", size=200)
grid"""
TABLE = "out.pruna.table()"
VIDEO = """import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": ["a wave breaks", "a fox runs"]})
clips = frame.pruna.generate("prompt", model="wan-t2v", progress=False)
clips.pruna.grid(live=True)"""
LIVE = f"""import pandas as pd
import pruna_nb
prompts = ["a lighthouse", {PROMPT!r}, "an owl"]
frame = pd.DataFrame({{"prompt": prompts, "seed": [1, 2, 3]}})
out = frame.pruna.generate("prompt", seed_col="seed", progress=False)
grid = out.pruna.grid(live=True, size=200)
grid"""
CHOSEN = """kept = pruna_nb.history(kept=True)
print("chosen", grid.selected["seed"].tolist(), "kept", kept["seed"].tolist())"""
THOUSAND = """import pruna_nb
from PIL import Image
paths = []
for n in range(1000):
    Image.new("RGB", (64, 48), (n % 256, n // 4, 120)).save(f"small-{n}.png")
    paths.append(f"small-{n}.png")
pruna_nb.show_images(paths, columns=10)"""

DECODED = """(count) => {
    const all = [...document.querySelectorAll('.jp-OutputArea-output img')];
    const seen = all.filter((image) => image.checkVisibility() && image.naturalWidth > 0);
    return seen.length === count;
}"""
# what WCAG calls contrast, of each run of words against what is really behind it, opacity and all
CONTRASTS = """() => {
    const parse = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const said = [];
    const output = document.querySelector('.jp-OutputArea-output.jp-RenderedHTMLCommon');
    const walker = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.data.trim() || node.parentElement.closest('video')) continue;
        const chain = [];
        for (let e = node.parentElement; e; e = e.parentElement) chain.unshift(getComputedStyle(e));
        let ground = [255, 255, 255];
        let opacity = 1;
        for (const style of chain) {
            ground = over(parse(style.backgroundColor), ground);
            opacity *= Number(style.opacity);
        }
        const [r, g, b, a] = parse(chain.at(-1).color);
        const [x, y] = [light(over([r, g, b, a * opacity], ground)), light(ground)];
        const contrast = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
        said.push([node.data.trim(), contrast]);
    }
    return said;
}"""
# without those that a click opens
PICTURES = ".jp-OutputArea-output img[title]"
ALTS = [
    f"{PROMPT}, seed 7, aspect ratio 1:1",
    "a lighthouse at dusk, seed 7, aspect ratio 1:1",
    "a lighthouse at dusk, seed 7, aspect ratio 16:9",
    "a lighthouse at dusk, seed 7, aspect ratio 9:16",
]


def has_alts(page, wanted):
    comes_to(lambda: page.locator(PICTURES).evaluate_all("all => all.map(i => i.alt)"), wanted)


def assert_harmless(page):
    """Neither was the prompt's markup taken for markup nor its dollars for mathematics."""
    assert page.title() != "taken"
    has_count(page.locator(".jp-OutputArea-output script"), 0)
    has_count(page.locator("mjx-container"), 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_word_of_a_grid_and_of_a_table_can_be_read(lab, theme):
    book = lab.open(lab.write(f"grid-{theme}", FRAME, TABLE), theme=theme, height=1400)
    page = book.page
    book.run(0, ".jp-OutputArea-output img")
    page.wait_for_function(DECODED, arg=4)
    book.shoot(f"grid-{theme}")
    contrasts = page.evaluate(CONTRASTS)
    words = " ".join(text for text, _ in contrasts)
    for text in (PROMPT, "failed", "422: out of $ and <memory>", "pending", "asked 1:1, got 16:9"):
        assert text in words
    assert "6 pictures: 4 succeeded, 1 failed, 1 pending." in words
    assert [each for each in contrasts if each[1] < 4.5] == []
    has_alts(page, ALTS)
    assert_harmless(page)
    book.run(1, "text=Not shown:")
    page.wait_for_function(DECODED, arg=8)
    has_alts(page, ALTS + ALTS)
    assert_harmless(page)
    book.shoot(f"table-{theme}")


def test_pictures_keep_their_true_shapes_side_by_side(lab):
    book = lab.open(lab.write("grid-shapes", FRAME), width=760)
    book.run(0, ".jp-OutputArea-output img")
    book.page.wait_for_function(DECODED, arg=4)
    pictures = book.page.locator(PICTURES)
    true = pytest.approx([1, 16 / 9, 16 / 9, 9 / 16], rel=0.03)
    shapes = "all => all.map(i => i.naturalWidth / i.naturalHeight)"
    assert pictures.evaluate_all(shapes) == true
    drawn = "all => all.map(i => i.clientWidth / i.clientHeight)"
    comes_to(lambda: pictures.evaluate_all(drawn), true)
    # JupyterLab's own line below a table's head would touch the pictures
    style = "getComputedStyle(document.querySelector('.jp-OutputArea-output thead'))"
    assert book.page.evaluate(f"{style}.borderBottomWidth") == "0px"
    book.page.set_viewport_size({"width": 480, "height": 900})
    output = "document.querySelector('.jp-OutputArea-output.jp-RenderedHTMLCommon')"
    book.page.wait_for_function(f"{output}.clientWidth <= 480")
    comes_to(lambda: min(pictures.evaluate_all("all => all.map(i => i.clientWidth)")) >= 48)
    book.shoot("grid-narrow")


def test_a_saved_grid_is_whole_when_it_is_opened_again(lab):
    first = lab.open(lab.write("grid-saved", FRAME))
    first.run(0, ".jp-OutputArea-output img")
    first.page.wait_for_function(DECODED, arg=4)
    first.save("data:image/webp;base64,")
    for trusted in (True, False):
        check_opened_again(lab, first, trusted=trusted)


def check_opened_again(lab, first, *, trusted):
    name = f"grid-{'trusted' if trusted else 'untrusted'}"
    book = lab.open(lab.copy(first, name, trusted=trusted), height=1400)
    page = book.page
    page.wait_for_function(DECODED, arg=4)
    has_alts(page, ALTS)
    cells = page.locator(".jp-OutputArea-output figure")
    has_count(cells, 6)
    for text in ("422: out of $ and <memory>", "pending", "⚠ asked 1:1, got 16:9"):
        is_seen(cells.get_by_text(text).first)
    heads = page.locator("th[scope=row]")
    is_seen(heads.get_by_text(PROMPT))
    fits = "all => all.map(th => th.scrollWidth <= th.clientWidth)"
    comes_to(lambda: heads.evaluate_all(fits), [True] * 2)
    assert_harmless(page)
    # a click on a picture opens it, also where no script may run
    page.set_viewport_size({"width": 700, "height": 1400})
    large = page.locator(".jp-OutputArea-output details[open] > div img")
    page.locator(PICTURES).nth(2).click()
    large.wait_for()
    comes_to(lambda: large.evaluate("image => image.naturalWidth") >= 280)

    def is_large_and_within_the_grid():
        grid = page.locator(".jp-OutputArea-output").first.bounding_box()
        picture, small = large.bounding_box(), page.locator(PICTURES).nth(2).bounding_box()
        is_large = picture["width"] >= 1.4 * small["width"]
        return is_large and picture["x"] + picture["width"] <= grid["x"] + grid["width"] + 1

    comes_to(is_large_and_within_the_grid)
    said = page.locator("details[open] > div").first
    holds(said, "a lighthouse at dusk", "p-image · seed 7 · aspect ratio 16:9")
    book.shoot(f"{name}-large")
    if trusted:
        page.keyboard.press("ArrowLeft")
        page.locator("details[open] img[title$='dusk']").first.wait_for()
        has_count(page.locator("details[open]"), 1)
        page.keyboard.press("Escape")
    else:
        page.locator(PICTURES).nth(2).click()
    large.wait_for(state="hidden")
    book.shoot(name)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_a_live_grid_are_seen_large_selected_and_kept(lab, theme):
    book = lab.open(lab.write(f"live-{theme}", LIVE, CHOSEN), theme=theme, width=700)
    page = book.page
    book.run(0, ".pruna-live-grid img")
    page.wait_for_function(DECODED, arg=3)  # the copy that is saved is hidden meanwhile
    large = page.locator(".pruna-lightbox")
    page.locator(".pruna-live-grid img[title]").first.click()
    large.get_by_text("1 of 3").wait_for()
    page.wait_for_function("() => document.activeElement.closest('.pruna-large-keys')")
    before = page.locator(".jp-Notebook .jp-Cell").count()
    page.keyboard.press("ArrowRight")
    large.get_by_text("2 of 3").wait_for()
    holds(large, PROMPT, "model p-image", "seed 2", "cost 0.005 USD", "row 1")
    large.get_by_text("Copy the prompt").click()
    comes_to(lambda: page.evaluate("getSelection().toString()"), PROMPT)
    with page.expect_download() as download:
        large.get_by_text("Download").click()
    assert download.value.suggested_filename.endswith((".jpg", ".png", ".webp"))
    large.locator("input").focus()
    page.keyboard.press("s")
    large.get_by_text("Selected").wait_for()
    page.keyboard.press("k")
    large.get_by_text("Kept").wait_for()
    book.shoot(f"live-700-{theme}")
    page.keyboard.press("Escape")
    large.wait_for(state="hidden")
    page.get_by_text("1 selected: grid.selected").wait_for()
    has_count(page.locator(".jp-Notebook .jp-Cell"), before)
    book.run(1, "text=chosen [2] kept [2]")
    assert_harmless(page)
    book.shoot(f"live-grid-{theme}")


def test_videos_play_below_the_pointer_in_step_and_with_controls_when_large(lab):
    book = lab.open(lab.write("grid-video", VIDEO), height=1200)
    page = book.page
    book.run(0, ".pruna-live-grid summary img")
    grid = page.locator(".pruna-live-grid")
    has_count(grid.locator("video:visible"), 0)  # stills, with a mark
    grid.locator("summary").first.hover()
    small = grid.locator("summary video")
    plays(small)
    assert not small.evaluate("v => v.controls")
    page.locator(".jp-InputPrompt").first.hover()
    small.wait_for(state="detached")
    grid.get_by_text("Play all").click()
    plays(small.nth(1))
    in_step(small)
    book.shoot("grid-video-all")
    grid.get_by_text("Stop").click()
    small.first.wait_for(state="detached")
    grid.locator("summary").first.click()
    large = page.locator(".pruna-large-media video")
    assert large.evaluate("v => v.controls")
    plays(large)
    page.keyboard.press("Escape")
    book.save("controls")
    again = lab.open(lab.copy(book, "grid-video-untrusted", trusted=False), height=1200)
    again.page.locator("summary img").first.click()  # no script may run: the fold opens it
    film = again.page.locator("details[open] video")
    film.wait_for()
    assert film.evaluate("v => v.controls")
    again.shoot("grid-video-untrusted")


def test_a_thousand_pictures_are_folded_and_the_page_answers(lab):
    book = lab.open(lab.write("grid-thousand", THOUSAND, "print('the kernel', 'is free')"))
    page = book.page
    book.run(0, ".jp-OutputArea-output details")
    page.wait_for_function(DECODED, arg=60)  # the others are not laid out
    folds = page.locator(".jp-OutputArea-output details")
    has_count(folds, 16)
    has_count(page.locator(".jp-OutputArea-output img"), 1000)
    folds.first.locator("summary").click()
    page.wait_for_function(DECODED, arg=120)
    assert page.evaluate("6 * 7") == 42
    book.run(1, "text=the kernel is free")
    book.shoot("grid-thousand")
