"""Two pictures against each other: what the HTML holds, and what a hand on the page does."""

from __future__ import annotations

import pytest

import pruna_nb
from pruna_nb.errors import InputError
from pruna_nb.show import before_after
from pruna_nb.show.byte_budget import notebook_bytes
from tests.helpers.pages import comes_to, has_texts, open_page
from tests.show.looking import parsed

HOSTILE = "<script>document.title = 'taken'</script> $5 and $6"
# how much of the second picture is hidden, in percent of its width
HIDDEN = "image => Number(image.style.clipPath.match(/([\\d.]+)%/)[1])"
BOX = """image => {
    const { x, y, width, height } = image.getBoundingClientRect();
    return [x, y, width, height].map(Math.round);
}"""
IN_STEP = """() => {
    const [one, two] = [...document.querySelectorAll('video')].map(video => video.currentTime);
    return one > 0.2 && two > 0.2 && Math.abs(one - two) < 0.3;
}"""
NAMES = ["slide", "flicker", "side"]


def test_both_stand_side_by_side_equally_high_without_any_script(files):
    small, large = files("small.png", 320, 200), files("large.png", 1280, 800, seed=1)
    page = before_after(small, large, labels=[HOSTILE, "after"], title=HOSTILE)
    html = page.html()
    assert notebook_bytes(html) <= 1_000_000
    root = parsed(html)
    assert root.all("script") == []
    (stage,) = [each for each in root.all("div") if "stage" in each.attrs.get("class", "")]
    assert stage.style()["display"] == "flex"
    figures = stage.all("figure")
    assert [figure.style()["flex"] for figure in figures] == ["1.6000 1 0"] * 2
    assert [figure.all("img")[0].attrs["width"] for figure in figures] == ["640", "640"]
    words = [figure.text for figure in figures]
    assert words == [
        f"{HOSTILE} 320 \N{MULTIPLICATION SIGN} 200",
        "after 1,280 \N{MULTIPLICATION SIGN} 800",
    ]
    assert pruna_nb.before_after is before_after


def test_a_pair_is_kept_within_its_bytes_and_a_picture_that_is_gone_says_so(files):
    large = files("large.png", 2400, 1600)
    tight = before_after(large, large, max_bytes=60_000)
    assert notebook_bytes(tight.html()) <= 60_000
    assert "the file is gone" in before_after(large, "nowhere.png").html()


def test_every_mistake_is_told_at_once(files):
    with pytest.raises(InputError) as caught:
        before_after(files("a.png"), 3, labels=["one"], size="large")
    assert all(text in str(caught.value) for text in ("labels", "size", "'large'"))
    with pytest.raises(InputError, match="cannot be shown"):
        before_after(files("a.png"), 3)


@pytest.mark.browser
def test_the_slider_is_dragged_the_flicker_alternates_and_videos_keep_step(
    browser, tmp_path, files, film
):
    small, large = files("small.png", 320, 200), files("large.jpg", 1280, 800, seed=1)
    path = tmp_path / "pairs.html"
    films = before_after(film, film).html(embed=True)
    pictures = before_after(small, large, labels=[HOSTILE, "after"]).html()
    path.write_text(f"<!doctype html><meta charset='utf-8'>{pictures}{films}", "utf-8")
    page = open_page(browser, path, viewport={"width": 700, "height": 900})
    troubles = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.reload()
    box = page.locator(".pruna-pair").first
    first, second = box.locator("img").nth(0), box.locator("img").nth(1)
    slide, flicker, side = (box.locator(f"button[name={name}]") for name in NAMES)
    # of 320 and of 1280 pixels, they lie on each other to the pixel
    slide.wait_for()
    comes_to(lambda: first.evaluate(BOX) == second.evaluate(BOX))
    comes_to(lambda: second.evaluate(HIDDEN), 50)
    x, y, width, height = second.evaluate(BOX)
    page.mouse.move(x + width / 2, y + height / 2)
    page.mouse.down()
    page.mouse.move(x + width / 4, y + height / 2, steps=4)
    page.mouse.up()
    comes_to(lambda: second.evaluate(HIDDEN), pytest.approx(25, abs=1))
    page.mouse.move(x + width - 5, y + 20)  # no button is pressed: nothing follows
    assert second.evaluate(HIDDEN) == pytest.approx(25, abs=1)
    page.keyboard.press("End")  # the keys are the slider's now
    comes_to(lambda: second.evaluate(HIDDEN), 100)
    flicker.click()
    for state in ("visible", "hidden", "visible"):
        second.wait_for(state=state)
    side.click()

    def stand_side_by_side():
        one, two = first.evaluate(BOX), second.evaluate(BOX)
        return one[0] + one[2] < two[0] and one[1::2] == two[1::2] and two[0] + two[2] <= 700

    comes_to(stand_side_by_side)
    play = page.locator("button[name=play]")
    videos = page.locator("video")
    comes_to(lambda: videos.evaluate_all("all => all.map(v => v.controls)"), [False, False])
    play.click()
    has_texts(play, "❚❚ Pause")
    page.wait_for_function(IN_STEP)
    assert page.title() != "taken"
    assert troubles == []
    page.close()
