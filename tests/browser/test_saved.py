"""What the saved notebook keeps: the pictures, for everybody; the key, for nobody."""

from __future__ import annotations

import json

import pytest

from tests.helpers.pages import comes_to, has_count, is_seen
from tests.helpers.runs import end_predictions

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
    is_seen(again.page.get_by_text(NOTICE).first)
    is_seen(again.page.get_by_text("form.generate()").first)
    # nbviewer, GitHub and other pages without a kernel choose what to show as nbconvert does
    exporter = nbconvert.HTMLExporter()
    static, _ = exporter.from_notebook_node(nbformat.read(book.path, as_version=4))
    assert NOTICE in static
    assert "data:image/webp;base64," in static
    assert "widget-view+json" not in static


def _check_pictures(page):
    page.wait_for_function(SHOWN, arg=2)
    is_seen(page.get_by_text(PROMPT).first)
    pictures = page.locator(".jp-OutputArea-output img[title]")
    wanted = [f"{PROMPT}, seed 1", f"{PROMPT}, seed 2"]
    comes_to(lambda: pictures.evaluate_all("all => all.map(i => i.alt)"), wanted)
    has_count(page.locator("mjx-container"), 0)
    assert page.title() != "taken"


def test_a_batch_is_watched_and_what_it_made_stays_in_the_saved_notebook(lab):
    lab.service.configure(latency=600)
    before = len(lab.service.accepted)
    book = lab.open(lab.write("watch", WATCH, SEEN, "run.result()['status'].value_counts()"))
    page = book.page
    book.run(0, ".pruna-panel")
    comes_to(lambda: len(lab.service.accepted), before + 40)
    end_predictions(lab.service, before + 20)
    page.locator(".pruna-panel-box img").first.wait_for()
    book.shoot("panel-running")
    book.run(1, "text=seen by 1")  # so it is not shown again as HTML
    end_predictions(lab.service)
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
    comes_to(lambda: large.bounding_box()["width"] > 250)
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

    def stand_side_by_side():
        one, two = (page.locator(".pruna-pair img").nth(each).bounding_box() for each in (0, 1))
        is_level = abs(one["y"] - two["y"]) <= 1 and abs(one["height"] - two["height"]) <= 3
        return is_level and one["x"] + one["width"] < two["x"]

    comes_to(stand_side_by_side)
    is_seen(page.get_by_text("after").first)
    untrusted.shoot("pair-untrusted")
