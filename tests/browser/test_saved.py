"""What the saved notebook keeps: the pictures, for everybody; the key, for nobody."""

from __future__ import annotations

import json

import pytest

from tests.helpers.pages import has_count

pytestmark = pytest.mark.browser

PROMPT = "a fox <script>document.title = 'taken'</script> for $5 and $6"
EXPLORE = f"import pruna_nb\nform = pruna_nb.explore(prompt={PROMPT!r}, seed='1, 2')\nform"
MAGIC = f"%load_ext pruna_nb\nname = {PROMPT!r}"
WATCH = """import pandas as pd
import pruna_nb
df = pd.DataFrame({"prompt": [f"a lighthouse, number {n}" for n in range(40)]})
run = df.pruna.generate("prompt", background=True)
run.progress"""
SEEN = """from ipywidgets.widgets.widget import _instances
counts = [getattr(each, "_view_count", None) for each in list(_instances.values())]
f"seen by {max(filter(None, counts))}\""""
NOTICE = "This form needs a running kernel and Jupyter widgets"
KEY = "pk-never-to-be-saved-1234"
SHOWN = """(count) => {
    const all = [...document.querySelectorAll('.jp-OutputArea-output img:not(details > div img)')];
    const seen = all.filter(image => image.offsetParent !== null && image.naturalWidth > 0);
    return seen.length === count;
}"""


def test_pictures_of_the_form_are_there_when_the_notebook_is_opened_again(lab):
    import nbconvert
    import nbformat

    book = lab.open(lab.write("saved", EXPLORE))
    page = book.page
    book.run(0, ".pruna-go")
    page.locator("button.pruna-go").click()
    page.get_by_text("2 rows: 2 new").wait_for()
    # the copy below the form does not show as long as it lives
    page.wait_for_function(SHOWN, arg=2)
    book.save("data:image/webp;base64,")
    for name in ("trusted", "untrusted"):
        again = lab.open(lab.copy(book, name, trusted=name == "trusted"), height=700)
        _check_pictures(again.page)
        again.shoot(f"saved-{name}")
    assert again.page.get_by_text(NOTICE).first.is_visible()
    assert again.page.get_by_text("form.generate()").first.is_visible()
    # nbviewer, GitHub and other pages without a kernel choose what to show as nbconvert does
    exporter = nbconvert.HTMLExporter()
    static, _ = exporter.from_notebook_node(nbformat.read(book.path, as_version=4))
    assert NOTICE in static
    assert "data:image/webp;base64," in static
    assert "widget-view+json" not in static


def _check_pictures(page):
    page.wait_for_function(SHOWN, arg=2)
    assert page.get_by_text(PROMPT).first.is_visible()
    alts = page.locator(".jp-OutputArea-output img[title]").evaluate_all(
        "all => all.map(i => i.alt)"
    )
    assert alts == [f"{PROMPT}, seed 1", f"{PROMPT}, seed 2"]
    has_count(page.locator("mjx-container"), 0)
    assert page.title() != "taken"


def test_a_batch_is_watched_and_what_it_made_stays_in_the_saved_notebook(lab):
    lab.service.configure(latency=(0.5, 6.0))
    book = lab.open(lab.write("watch", WATCH, SEEN, "run.result()['status'].value_counts()"))
    page = book.page
    book.run(0, ".pruna-panel")
    page.locator(".pruna-panel-box img").first.wait_for()
    book.shoot("panel-running")
    book.run(1, "text=seen by 1")  # so it is not shown again as HTML
    book.run(2, "text=succeeded")
    page.locator("button.pruna-panel-stop").wait_for(state="detached")
    book.shoot("panel-done")
    book.save("40 of 40")
    again = lab.open(lab.copy(book, "watch-untrusted", trusted=False))
    again.page.get_by_text("40 of 40").wait_for()
    again.page.wait_for_function(SHOWN, arg=7)
    again.page.locator("summary img").first.click()  # seen large there too
    large = again.page.locator("details[open] > div img")
    large.wait_for()
    assert large.bounding_box()["width"] > 250
    again.shoot("panel-untrusted")


def test_a_cell_of_prompts_becomes_a_grid_that_stays(lab):
    cell = "%%pruna --aspect-ratio 16:9,1:1 --seed 1,2\n{name}\na lighthouse at dusk"
    book = lab.open(lab.write("magic", MAGIC, cell, "_pruna.shape"), height=1500)
    page = book.page
    book.run(0, ".jp-InputPrompt >> text=[1]:")
    book.run(1, ".jp-OutputArea table img")
    page.wait_for_function(SHOWN, arg=8)
    book.run(2, "text=(8, 11)")
    has_count(page.locator("mjx-container"), 0)
    assert page.title() != "taken"
    book.shoot("magic")
    book.save("data:image/webp;base64,")


def test_a_key_that_was_typed_is_in_no_saved_notebook(lab):
    nobody = "import pruna_nb\npruna_nb.configure(base_url='http://127.0.0.1:9')\n"
    source = nobody + "pruna_nb.login()"
    said = "pruna_nb.settings.current().api_key[:9]"
    book = lab.open(lab.write("login", source, said), widget_state=True)
    page = book.page
    book.run(0, ".pruna-login input")
    book.shoot("login")
    page.locator(".pruna-login input").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_text("is kept for this session").wait_for()
    book.shoot("login-done")
    book.run(1, "text=pk-never-")
    book.save("is kept for this session")
    text = book.path.read_text(encoding="utf-8")
    assert KEY not in text
    assert "application/vnd.jupyter.widget-state+json" in json.loads(text)["metadata"].get(
        "widgets", {}
    )


def test_two_pictures_slide_in_a_saved_notebook_and_stand_side_by_side_where_no_script_runs(lab):
    source = f"""import pandas as pd
import pruna_nb
frame = pd.DataFrame({{"prompt": [{PROMPT!r}], "edit": ["at night"]}})
edited = frame.pruna.generate("prompt", progress=False).pruna.edit("edit", progress=False)
edited.pruna.upscale("output", target=2, progress=False).pruna.before_after()"""
    first = lab.open(lab.write("pair", source), theme="dark", width=700)
    first.run(0, ".pruna-pair button[name=slide]")
    first.shoot("pair-dark-700")
    first.save("pruna-pair")
    trusted = lab.open(lab.copy(first, "pair-trusted", trusted=True), width=700)
    trusted.page.locator(".pruna-pair button[name=flicker]").click()
    trusted.page.locator(".pruna-pair img").nth(1).wait_for(state="hidden")
    untrusted = lab.open(lab.copy(first, "pair-untrusted", trusted=False), width=700)
    page = untrusted.page
    page.locator(".pruna-pair img").nth(1).wait_for()
    has_count(page.locator(".pruna-pair button"), 0)
    one, two = (page.locator(".pruna-pair img").nth(number).bounding_box() for number in (0, 1))
    assert one["x"] + one["width"] < two["x"]
    assert one["y"] == pytest.approx(two["y"], abs=1)
    assert one["height"] == pytest.approx(two["height"], abs=3)
    assert page.get_by_text("after").first.is_visible()
    untrusted.shoot("pair-untrusted")
