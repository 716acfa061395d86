"""The saved page in a real browser: zoom, keys, dark and narrow windows, nothing from outside."""

from __future__ import annotations

import pytest

from pruna_nb.show import Cell, grid, table_html
from tests.helpers.pages import (
    BUSY_SECONDS,
    comes_to,
    has_count,
    has_texts,
    holds,
    in_step,
    open_page,
)
from tests.show.looking import encoded, photo

pytestmark = pytest.mark.browser

HOSTILE = "$5 and $6 <img src=http://127.0.0.1:9/x onerror=alert(1)> \u202egnp"


@pytest.fixture
def seen(browser):
    """Give a function that opens a page; afterwards nothing may have gone wrong or outside."""
    troubles = []
    contexts = []

    def visit(path, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(BUSY_SECONDS * 1000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:")) else troubles.append(request.url)
            ),
        )
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert troubles == []


def cells(number=3):
    return [
        Cell(
            data=encoded(photo(800 + i, 450), "JPEG"),
            caption=f"{HOSTILE} {i}",
            request={"model": "p-image", "input": {"seed": i, "prompt": HOSTILE}},
        )
        for i in range(number)
    ]


def shows(page, width):
    """Check that the picture on show comes to be one of this width."""
    # Not wait_for_function: it polls by eval, which the page forbids itself.
    comes_to(lambda: page.locator(".stage img").evaluate("image => image.naturalWidth"), width)


@pytest.mark.parametrize("full", ["folder", "inline"])
def test_a_click_zooms_arrows_turn_and_escape_closes(tmp_path, seen, full):
    from playwright.sync_api import expect

    page = seen(grid(cells()).save(tmp_path / "grid.html", full=full)[0])
    page.locator("a.zoom").nth(1).click()
    shows(page, 801)
    page.keyboard.press("ArrowRight")
    shows(page, 802)
    page.keyboard.press("ArrowRight")
    shows(page, 802)  # the last one
    page.keyboard.press("Home")
    shows(page, 800)
    holds(page.locator(".words"), "seed 0", "1 / 3")
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    # The browser puts the focus back where it was, and then the page where it belongs.
    expect(page.locator("a.zoom[data-at='0']")).to_be_focused()


def test_the_zoom_says_each_thing_once(tmp_path, seen):
    cell = Cell(
        data=encoded(photo(400, 225), "JPEG"),
        alt="a fox, seed 3, aspect ratio 16:9",
        row_value="a fox",
        col_value="watercolour",
        note="seed 3",
        request={"model": "p-image", "input": {"prompt": "a fox", "seed": 3}},
    )
    page = seen(grid([cell]).save(tmp_path / "grid.html")[0])
    page.locator("a.zoom").click()
    said = page.locator(".words p")
    has_texts(said, ["a fox", "watercolour · 1 / 1", "p-image · seed 3"])


def test_the_keyboard_alone_is_enough(tmp_path, seen):
    page = seen(grid(cells()).save(tmp_path / "grid.html")[0])
    for _ in range(12):  # the controls above the grid come first
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.zoom')"):
            break
    page.keyboard.press("Enter")
    shows(page, 800)


def test_a_page_without_its_folder_zooms_its_thumbnails(tmp_path, browser):
    (path,) = grid(cells()).save(tmp_path / "grid.html")
    for copy in (tmp_path / "grid_files").iterdir():
        copy.unlink()
    page = open_page(browser, path)
    page.locator("a.zoom").first.click()
    shows(page, 400)
    page.close()


def test_a_page_follows_the_system_to_the_dark(tmp_path, seen):
    (path,) = grid(cells()).save(tmp_path / "grid.html")
    grounds = {
        scheme: seen(path, color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert grounds == {"light": "rgb(251, 251, 252)", "dark": "rgb(22, 22, 26)"}


@pytest.mark.parametrize("width", [320, 700, 1600])
def test_no_window_is_too_narrow(tmp_path, seen, width):
    (path,) = grid([*cells(), Cell(status="failed", error="x" * 300)], columns=3).save(
        tmp_path / "grid.html"
    )
    page = seen(path, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("Math.min(...[...document.images].map((i) => i.clientWidth))") >= 130


EVIL = "an owl</script><img src=x onerror=alert(1)>"


def crossed():
    asked = [
        {"prompt": prompt, "seed": seed, "aspect_ratio": ratio}
        for prompt in ("a fox", EVIL)
        for seed in (10, 9, 100)
        for ratio in ("1:1", "16:9")
    ]
    cells = []
    for i, each in enumerate(asked):
        width, height = (300, 300) if each["aspect_ratio"] == "1:1" else (320, 180)
        cells.append(
            Cell(
                data=encoded(photo(width, height, i), "JPEG"),
                alt=each["prompt"],
                row_value=(each["prompt"], str(each["seed"])),
                col_value=each["aspect_ratio"],
                request={"model": "p-image", "input": each},
            )
        )
    return grid(cells, row_name=("prompt", "seed"), col_name="aspect_ratio", title="Foxes")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 700)])
def test_axes_are_switched_filtered_and_sorted(tmp_path, seen, scheme, width):
    (path,) = crossed().save(tmp_path / "grid.html")
    page = seen(path, color_scheme=scheme, viewport={"width": width, "height": 800})

    def has_heads(part, texts):
        has_texts(page.locator(f"{part} th"), texts)

    has_heads("thead", ["1:1", "16:9"])
    has_heads("tbody", ["a fox", "10", "9", "100", EVIL, "10", "9", "100"])
    # the heads stay in view, both ways, and the page itself is no wider than its window
    main = page.locator("main")
    main.evaluate("main => main.scrollTo(60, main.scrollHeight)")
    for part, side in (("thead", "y"), ("tbody", "x")):
        head, edge = (
            page.locator(f"{part} th").first,
            pytest.approx(main.bounding_box()[side], abs=2),
        )
        comes_to(lambda head=head, side=side: head.bounding_box()[side], edge)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    has_count(page.locator("figcaption [data-field]:visible"), 0)
    # another field on the columns: the first axis gives it up, and captions say what is on none
    page.get_by_label("Columns", exact=True).select_option(label="prompt")
    has_heads("thead", ["a fox", EVIL])
    has_heads("tbody", ["10", "9", "100"])
    ratios = page.locator("figcaption [data-field]:visible")
    has_texts(ratios, ["aspect ratio 1:1", "aspect ratio 16:9"] * 6)
    page.get_by_label("Sort").select_option(label="seed")
    has_heads("tbody", ["9", "10", "100"])  # numbers, not words
    page.get_by_label("Reverse the order").click()
    has_heads("tbody", ["100", "10", "9"])
    page.get_by_label("Filter").fill("OWL 16:9")
    has_heads("thead", [EVIL])
    has_count(page.locator("main figure"), 3)
    has_texts(page.locator(".controls output"), "3 of 12")
    page.locator("a.zoom").nth(1).click()
    holds(page.locator(".words"), "2 / 3")  # arrows go through what is shown
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    page.get_by_label("Filter").fill("no such words")
    has_texts(page.locator("main"), "No picture matches the filter.")
    page.get_by_label("Filter").fill("")
    page.get_by_label("Rows", exact=True).select_option("-1")
    page.get_by_label("Columns", exact=True).select_option("-1")
    has_count(page.locator("table"), 0)
    has_count(page.locator(".flow figure"), 12)


def test_videos_play_below_the_pointer_and_all_in_step(tmp_path, seen, film):
    from playwright.sync_api import expect

    cells = [Cell(film, f"wave {i}", request={"input": {"seed": i}}) for i in range(2)]
    page = seen(grid(cells).save(tmp_path / "grid.html")[0])
    has_count(page.locator("video"), 0)
    page.locator("a.zoom").first.hover()
    first = page.locator("a.zoom.playing video")
    expect(first).to_have_count(1)
    assert first.evaluate("video => video.controls") is False
    page.mouse.move(0, 0)
    expect(page.locator("video")).to_have_count(0)
    page.get_by_role("button", name="Play all").click()
    expect(page.locator("a.zoom.playing video")).to_have_count(2)
    in_step(page.locator("video"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("video")).to_have_count(0)
    page.locator("a.zoom").first.click()
    large = page.locator(".stage video")
    assert large.evaluate("video => video.controls") is True
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    has_count(page.locator(".stage video"), 0)


def test_rows_that_are_folded_are_searched_and_sorted_with_the_others(seen, tmp_path):
    rows = [[i, f"{'fox ' * 60}number {i}", HOSTILE if i == 100 else "plain"] for i in range(120)]
    html = table_html(["n", "prompt", "note"], rows)
    (tmp_path / "table.html").write_text(f"<meta charset=utf-8>{html}", encoding="utf-8")
    page = seen(tmp_path / "table.html")
    shown = page.locator("tbody tr")
    page.get_by_text("120 rows").wait_for()
    has_count(shown, 50)
    has_count(page.locator("details"), 0)
    page.get_by_role("button", name="n", exact=True).click(click_count=2)
    has_texts(shown.first.locator("td").first, "119")
    page.get_by_text("Show 50 more of 70").click()
    page.get_by_text("Show 20 more of 20").click()
    has_count(shown, 120)
    page.get_by_label("Search").fill("number 77")  # beyond where the cell is cut
    has_count(shown, 1)
    page.get_by_label("Search").fill("onerror alert")
    has_texts(shown.locator("td").first, "100")
    has_count(page.locator("tbody img"), 0)
