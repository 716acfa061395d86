"""The form in JupyterLab: typed into, clicked, canceled, tried again, selected from."""

from __future__ import annotations

import pytest

from tests.helpers.pages import (
    comes_to,
    has_count,
    has_texts,
    holds,
    in_step,
    is_seen,
    is_unseen,
    plays,
)

pytestmark = pytest.mark.browser

EXPLORE = "import pruna_nb\nform = pruna_nb.explore()\nform"
HOSTILE = "a red fox <script>document.title = 'taken'</script> for $5 and $6"
ALL_DRAWN = """(count) => {
    const all = [...document.querySelectorAll('.pruna-board img')];
    const drawn = (image) => image.naturalWidth > 0
        && image.closest('.pruna-place').querySelector('.pruna-enlarge');
    return all.length === count && all.every(drawn);
}"""
LAID_OUT = """all => all.map((each) => {
    const { x, y } = each.getBoundingClientRect();
    return [x, y];
})"""


def fill(page, prompts, *, ratios=(), seeds=""):
    """Type into the form as a person would."""
    page.locator(".pruna-prompt textarea").fill(prompts)
    for ratio in ratios:
        page.locator(".pruna-aspect_ratio button").get_by_text(ratio, exact=True).click()
    page.locator(".pruna-seed input").fill(seeds)


def click(page, name, number=0):
    """Click a button of the form once it can be clicked."""
    button = page.locator(f"button.pruna-{name}:enabled").nth(number)
    button.wait_for()
    button.click()


def wait_for_quote(page, text):
    page.locator(".pruna-quote").get_by_text(text).wait_for()


def has_value(page, field, text):
    comes_to(lambda: page.locator(field).input_value(), text)


def has_room(page):
    """Check that the form comes to be no wider than its room."""
    page.wait_for_function(
        "() => { const form = document.querySelector('.pruna-form');"
        " return form.scrollWidth <= form.clientWidth + 1 }"
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_typed_becomes_pictures_and_what_is_selected_a_frame(lab, theme):
    book = lab.open(lab.write(f"form-{theme}", EXPLORE, "form.selected.T"), theme=theme)
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, f"{HOSTILE}\na lighthouse at dusk", ratios=["1:1"], seeds="1, 2")
    wait_for_quote(page, "8 pictures: 8 new · 0.04 USD")
    click(page, "go")
    page.get_by_text("8 rows: 8 new").wait_for()
    page.wait_for_function(ALL_DRAWN, arg=8)
    assert page.title() != "taken"
    is_seen(page.locator(".pruna-board").get_by_text(HOSTILE).first)
    has_count(page.locator(".pruna-board mjx-container"), 0)
    click(page, "select", 5)
    page.get_by_text("1 selected").wait_for()
    page.set_viewport_size({"width": 1100, "height": 1250})
    book.shoot(f"form-{theme}", ".pruna-form")
    book.run(1, "table.dataframe")
    holds(page.locator("table.dataframe"), "a lighthouse at dusk")
    has_count(page.locator("table.dataframe").get_by_text(HOSTILE), 0)


def test_the_form_has_room_in_a_narrow_window(lab):
    book = lab.open(lab.write("narrow", EXPLORE), width=480, height=1600)
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, "a lighthouse at dusk, with a very long description of its light", seeds="1-3")
    wait_for_quote(page, "3 pictures")
    click(page, "go")
    page.get_by_text("3 rows: 3 new").wait_for()
    page.wait_for_function(ALL_DRAWN, arg=3)
    book.shoot("form-narrow", ".pruna-form")
    has_room(page)
    page.locator(".pruna-more").get_by_text("More fields").click()
    page.locator(".pruna-lora_scale").first.wait_for()
    has_room(page)
    book.shoot("form-narrow-more")


def test_cancel_is_heard_while_it_runs_and_the_kernel_is_free(lab):
    lab.service.configure(latency=120)
    book = lab.open(lab.write("cancel", EXPLORE, "print('the kernel', 'is free')"))
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, "a fox\nan owl", seeds="1, 2")
    click(page, "go")
    page.locator(".pruna-status").get_by_text("0 of 4 rows").wait_for()
    book.run(1, "text=the kernel is free")
    book.shoot("form-running")
    click(page, "stop")
    page.locator(".pruna-status").get_by_text("Canceled. 4 rows").wait_for()
    page.locator(".pruna-go:enabled").wait_for()
    book.shoot("form-canceled")


def counts(page, text):
    page.locator(".pruna-lightbox").get_by_text(text, exact=True).wait_for()


def choose_axes(page):
    """See that six pictures line up below heads that stand once, and lay them out anew."""

    def line_up():
        places = page.locator(".pruna-place").evaluate_all(LAID_OUT)
        same_columns = [x for x, _ in places[:2]] * 3 == [x for x, _ in places]
        return same_columns and [y for _, y in places[::2]] == [y for _, y in places[1::2]]

    comes_to(line_up)
    has_count(page.locator(".pruna-board").get_by_text("aspect ratio 1:1"), 1)
    second = page.locator(".pruna-place").nth(1)
    second.locator("img[alt*='red fox']").wait_for()
    rows = page.locator(".pruna-axis-rows select").first
    for axis, other in (("Aspect ratio", "lighthouse"), ("Prompt", "red fox")):
        rows.select_option(axis)
        second.locator(f"img[alt*='{other}']").wait_for()
    page.wait_for_function(ALL_DRAWN, arg=6)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rounds_are_looked_at_large_kept_and_gone_on_from(lab, theme):
    book = lab.open(
        lab.write(f"rounds-{theme}", EXPLORE, "print('kept', form.kept['seed'].tolist())"),
        theme=theme,
        height=1300,
    )
    page = book.page
    book.run(0, ".pruna-form")
    page.locator("button.pruna-go:disabled").wait_for()  # there is no prompt yet
    fill(page, "a red fox in fresh snow", ratios=["1:1"], seeds="1-3")
    wait_for_quote(page, "6 pictures: 6 new")
    page.locator(".pruna-seed input").press("Control+Enter")
    page.wait_for_function(ALL_DRAWN, arg=6)
    page.locator(".pruna-prompt textarea").fill(f"{HOSTILE}\na lighthouse at dusk\na harbour")
    page.locator(".pruna-seed input").fill("4")
    wait_for_quote(page, "6 pictures")
    click(page, "go")
    page.locator("button.pruna-round").get_by_text("2 · a red fox <script> (6)").wait_for()
    page.locator(".pruna-place img[alt*='lighthouse']").nth(1).wait_for()
    page.wait_for_function(ALL_DRAWN, arg=6)
    choose_axes(page)
    book.shoot(f"rounds-{theme}", ".pruna-form")
    # the picture itself is clicked, and from then on the keys are enough
    page.locator(".pruna-place img").first.click()
    counts(page, "1 of 6")
    page.locator(".pruna-large-media img").first.wait_for()
    page.wait_for_function("() => document.activeElement.closest('.pruna-large-keys')")
    before = page.locator(".jp-Notebook .jp-Cell").count()
    page.keyboard.press("ArrowRight")
    counts(page, "2 of 6")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    counts(page, "6 of 6")
    page.keyboard.press("k")
    page.locator(".pruna-large-keep").get_by_text("Kept").wait_for()
    has_count(page.locator(".jp-Notebook .jp-Cell"), before)
    assert page.title() != "taken"
    with page.expect_download() as download:
        page.locator(".pruna-lightbox").get_by_text("Download").click()
    assert download.value.suggested_filename.endswith((".jpg", ".png", ".webp"))
    book.shoot(f"large-{theme}", ".pruna-form")
    page.set_viewport_size({"width": 700, "height": 1300})
    has_room(page)
    book.shoot(f"large-700-{theme}", ".pruna-form")
    page.locator(".pruna-large-media img").first.click()
    page.locator(".pruna-large-keys input").press("Escape")
    page.locator(".pruna-place img").first.wait_for()
    book.shoot(f"rounds-700-{theme}", ".pruna-form")
    has_room(page)
    compare_two(page, book, theme)
    click(page, "round")
    page.locator(".pruna-place img[alt*='red fox']").nth(5).wait_for()
    book.run(1, "text=kept [4]")


def compare_two(page, book, theme):
    """Select two pictures, drag the slider between them, and go back by a key."""
    click(page, "select", 0)
    page.get_by_text("1 selected").wait_for()
    is_unseen(page.locator(".pruna-compare"))
    click(page, "select", 2)
    click(page, "compare")
    pair = page.locator(".pruna-pair-stage img")
    holds(page.locator(".pruna-versus figcaption").first, HOSTILE)
    # the pair is scrolled into view as it takes the focus
    page.wait_for_function("() => document.activeElement.closest('.pruna-pair')")
    comes_to(lambda: pair.evaluate_all("all => all.map(i => i.naturalWidth > 0)"), [True, True])
    box = pair.nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 5, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    left = "image => Number(image.style.clipPath.match(/([\\d.]+)%/)[1])"
    comes_to(lambda: pair.nth(1).evaluate(left), pytest.approx(20, abs=1))
    book.shoot(f"versus-700-{theme}", ".pruna-form")
    has_room(page)
    page.locator(".pruna-versus button[name=side]").click()
    book.shoot(f"versus-side-{theme}", ".pruna-form")
    page.keyboard.press("Escape")
    page.locator(".pruna-versus").wait_for(state="hidden")
    assert page.title() != "taken"


def test_a_failed_picture_says_why_and_is_tried_again_in_its_place(lab):
    lab.service.configure(faults={"failed": {"first": 1}})
    book = lab.open(lab.write("retry", EXPLORE))
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, "a fox in the snow", seeds="1-4")
    click(page, "go")
    page.get_by_text("4 rows: 3 new, 0 cached, 1 failed").wait_for()
    page.locator(".pruna-place").get_by_text("the model could not finish").wait_for()
    book.shoot("form-failed", ".pruna-form")
    click(page, "retry")
    page.wait_for_function(ALL_DRAWN, arg=4)
    has_count(page.locator("button.pruna-retry"), 0)


def test_what_was_typed_stays_when_the_cell_runs_again(lab):
    book = lab.open(lab.write("again", EXPLORE))
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, "a fox\nan owl", ratios=["1:1", "3:2"], seeds="4-6")
    wait_for_quote(page, "18 pictures")
    book.run(0, ".pruna-go")
    wait_for_quote(page, "18 pictures")
    has_value(page, ".pruna-prompt textarea", "a fox\nan owl")
    has_value(page, ".pruna-seed input", "4-6")
    # and so it is in a new kernel, with what was made
    click(page, "go")
    page.get_by_text("18 rows: 18 new").wait_for()
    book.restart()
    book.run(0, ".pruna-go:enabled")
    has_texts(page.locator(".jp-InputPrompt").first, "[1]:")
    page.wait_for_function(ALL_DRAWN, arg=18)
    wait_for_quote(page, "18 pictures: 18 cached · nothing to pay")
    has_value(page, ".pruna-prompt textarea", "a fox\nan owl")


def test_a_cell_that_runs_again_during_a_run_shows_it_and_cancels_it(lab):
    lab.service.configure(latency=120)
    book = lab.open(lab.write("during", EXPLORE))
    page = book.page
    book.run(0, ".pruna-go")
    fill(page, "a fox", seeds="1-3")
    click(page, "go")
    page.locator(".pruna-place").get_by_text("under way").nth(2).wait_for()
    book.run(0, ".pruna-stop:enabled")
    page.locator(".pruna-place").get_by_text("under way").nth(2).wait_for()
    click(page, "stop")
    page.locator(".pruna-status").get_by_text("Canceled. 3 rows").wait_for()
    wait_for_quote(page, "3 pictures: 3 sent before · nothing to pay")


def test_a_file_is_uploaded_from_the_browser_and_edited(lab, tmp_path):
    from PIL import Image

    path = tmp_path / "my photo.png"
    Image.new("RGB", (640, 400), "teal").save(path)
    source = (
        "import pruna_nb\nform = pruna_nb.explore('p-image-edit', prompt='make it night')\nform"
    )
    film = (
        "clips = pruna_nb.explore('p-video', prompt='a wave', duration=2, draft=True, seed='1, 2')"
    )
    book = lab.open(lab.write("upload", source, f"{film}\nclips"), height=1300)
    page = book.page
    book.run(0, ".pruna-go")
    wait_for_quote(page, "p-image-edit needs images")
    with page.expect_file_chooser() as chooser:
        page.locator("button.pruna-upload").click()
    chooser.value.set_files(path)
    page.get_by_text("my photo.png").wait_for()
    wait_for_quote(page, "1 picture: 1 new · 0.01 USD")
    click(page, "go")
    page.wait_for_function(ALL_DRAWN, arg=1)
    book.shoot("form-upload", ".pruna-form")
    # the edit against the photo, which is of another size
    page.locator(".pruna-place img").click()
    click(page, "large-before")
    pair = page.locator(".pruna-pair-stage img")
    pair.nth(1).wait_for()
    same = "([one, two]) => ['x', 'y', 'width', 'height'].every(k => one[k] === two[k])"
    boxes = "all => all.map(i => i.getBoundingClientRect())"
    comes_to(lambda: pair.evaluate_all(f"all => ({same})(({boxes})(all))"))
    book.shoot("form-before-after", ".pruna-form")
    look_at_videos(page, book)


def look_at_videos(page, book):
    """Small, videos play below the pointer and have no controls; compared, they play in step."""
    book.run(1, ".pruna-form >> nth=1")
    form = page.locator(".pruna-form").nth(1)
    form.locator("button.pruna-go:enabled").click()
    small = form.locator(".pruna-place video")
    small.nth(1).wait_for()
    comes_to(lambda: small.evaluate_all("all => all.map(v => v.controls)"), [False, False])
    comes_to(lambda: small.first.evaluate("v => v.poster").startswith("data:image"))
    small.first.hover()
    plays(small.first)
    form.locator(".pruna-status").hover()
    comes_to(lambda: small.first.evaluate("v => v.paused"))
    small.first.click()
    large = form.locator(".pruna-large-media video")
    large.wait_for()
    assert large.evaluate("v => v.controls")
    page.keyboard.press("Escape")
    large.wait_for(state="detached")
    for number in range(2):
        form.locator("button.pruna-select").nth(number).click()
    form.locator("button.pruna-compare").click()
    form.locator("button[name=play]").click()
    both = form.locator(".pruna-pair video")
    plays(both.nth(1))
    in_step(both)
    book.shoot("form-videos", ".pruna-form >> nth=1")
