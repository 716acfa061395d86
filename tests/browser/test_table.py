"""A table in JupyterLab and on its page: searched, filtered, sorted, seen large, and rated."""

from __future__ import annotations

import pytest

from tests.helpers.pages import comes_to, has_count, has_texts, holds, is_seen

pytestmark = pytest.mark.browser

PROMPT = "a fox <script>document.title = 'taken'</script> for $5 and $6"
FRAME = f"""import pandas as pd
import pruna_nb
prompts = [{PROMPT!r}, "an owl at night", "a lion", "a heron", "a fox at night"]
frame = pd.DataFrame({{"prompt": prompts, "stock": [3, 20, 100, None, 1.5]}})
out = frame.pruna.generate("prompt", seed=7, aspect_ratio="16:9", progress=False)
out.loc[3, ["output", "status", "error"]] = [None, "failed", "422: no"]
_ = out.pruna.rate([5, 2, 3, None, 4], tags={{0: "for the shop", 4: "for the shop, dark"}})
table = out.pruna.table()
table"""
SAVE = "print('saved', 'as', table.save('page.html')[0].name)"
RATE = "form = out.pruna.rate(rows=[1, 2])\nform"
READ = "print(*out.pruna.ratings()['rating'])"
OUTPUT = ".jp-OutputArea-output"


def column(part, number):
    """Return the cells of a column, as the rows stand."""
    return part.locator(f"tbody tr td:nth-child({number})")


def check_order_search_and_filters(part):
    """Sort, search and filter a table of five rows."""
    stock, rating = 2, 6
    head = part.get_by_role("button", name="stock")
    head.click()
    has_texts(column(part, stock), ["1.5", "3.0", "20.0", "100.0", ""])  # what is empty comes last
    holds(part.locator("th[aria-sort=ascending]"), "stock")
    head.click()
    has_texts(column(part, stock), ["100.0", "20.0", "3.0", "1.5", ""])
    head.click()
    has_texts(column(part, stock), ["3.0", "20.0", "100.0", "", "1.5"])  # as it was made
    part.get_by_label("Search").fill("NIGHT a")
    has_count(column(part, 1), 2)
    is_seen(part.get_by_text("2 of 5 rows"))
    part.get_by_label("Search").fill("nothing of this")
    is_seen(part.get_by_text("No row matches."))
    part.get_by_label("Search").fill("")
    part.get_by_text("Filter columns").click()
    part.get_by_label("Filter rating").fill(">= 4")
    has_texts(column(part, rating), ["5", "4"])
    part.get_by_label("Filter tags").fill("DARK")
    has_texts(column(part, rating), ["4"])
    part.get_by_label("Filter tags").fill("")
    part.get_by_label("Filter rating").fill("2-3")
    has_texts(column(part, rating), ["2", "3"])
    part.get_by_label("Filter rating").fill("")
    part.get_by_label("Filter status").select_option("failed")
    has_texts(column(part, 1), ["a heron"])
    part.get_by_text("Filter columns").click()  # closed, filters hide nothing unseen
    has_count(column(part, 1), 5)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_table_is_searched_sorted_filtered_and_seen_large(lab, theme):
    book = lab.open(lab.write(f"table-{theme}", FRAME, SAVE, "1"), theme=theme, height=1100)
    page = book.page
    book.run(0, f"{OUTPUT} .pruna-table-tools")
    part = page.locator(f"{OUTPUT} .pruna-table")
    check_order_search_and_filters(part)
    assert page.title() != "taken"
    has_count(page.locator("mjx-container"), 0)
    # keys typed into it are none of the notebook's: two d would delete the cell
    part.get_by_role("button", name="stock").press("d")
    page.keyboard.press("d")
    page.wait_for_timeout(300)
    is_seen(part)
    first = part.locator("tbody img").first
    first.click()
    dialog = part.get_by_role("dialog")
    comes_to(lambda: dialog.locator("img").evaluate("image => image.naturalWidth") > 250)
    holds(dialog, PROMPT)
    page.keyboard.press("ArrowRight")
    holds(dialog, "an owl at night")
    page.screenshot(path=lab.shots / f"table-large-{theme}.png")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.set_viewport_size({"width": 700, "height": 1100})
    page.wait_for_function("() => document.querySelector('.jp-Notebook').clientWidth <= 700")
    page.screenshot(path=lab.shots / f"table-700-{theme}.png")
    book.run(1, "text=saved as page.html")
    saved = lab.window.new_page()
    saved.emulate_media(color_scheme=theme)
    saved.set_viewport_size({"width": 700, "height": 900})
    saved.goto((lab.root / "page.html").as_uri())
    check_order_search_and_filters(saved.locator(".pruna-table"))
    saved.locator("a.zoom").first.click()
    holds(saved.get_by_role("dialog"), PROMPT)
    comes_to(lambda: saved.locator("dialog img").evaluate("image => image.naturalWidth") > 500)
    saved.keyboard.press("Escape")
    saved.screenshot(path=lab.shots / f"table-page-{theme}.png")
    saved.close()


def test_pictures_are_rated_by_keys_and_an_untrusted_table_stands_as_it_is(lab):
    book = lab.open(lab.write("rate", FRAME, RATE, READ), height=1300)
    page = book.page
    book.run(0, f"{OUTPUT} .pruna-table-tools")
    book.run(1, ".pruna-rating .pruna-large-media img")
    page.locator(".pruna-rating .pruna-large-keys input").focus()
    page.keyboard.press("1")
    page.get_by_text("2 of 2", exact=True).wait_for()
    page.keyboard.press("5")
    page.locator(".pruna-rating-star-5 .fa-star").wait_for()
    book.shoot("rate", ".pruna-rating")
    book.run(2, "text=5 1 5 <NA> 4")
    book.save("data:image/webp;base64,")
    again = lab.open(lab.copy(book, "rate-untrusted", trusted=False))
    plain = again.page.locator(f"{OUTPUT} table").first
    plain.wait_for()
    has_count(again.page.locator(".pruna-table-tools"), 0)
    has_count(plain.locator("tbody tr"), 5)
    is_seen(plain.get_by_text(PROMPT))
    assert again.page.title() != "taken"
    again.shoot("table-untrusted")
