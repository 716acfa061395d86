"""What a page in a browser holds, once it has come to that.

A page hears of a click, a key or a kernel's message a moment after it happened, and of two
changes one after the other: nothing of it is read at once. What must be absent is looked for after
the event that would have brought it.
"""

from __future__ import annotations

import time

BUSY_SECONDS = 90
"""What a machine that does much else may take for anything; a test that passes waits for none."""


def be_patient():
    """Wait as long for what a page is expected to hold as for everything else."""
    from playwright.sync_api import expect

    expect.set_options(timeout=BUSY_SECONDS * 1000)


def open_page(browser, path, **options):
    """Open a file in a page of its own."""
    page = browser.new_page(**options)
    page.set_default_timeout(BUSY_SECONDS * 1000)
    page.goto(path.as_uri())
    return page


def has_count(locator, count):
    """Check that a page comes to hold so many."""
    from playwright.sync_api import expect

    expect(locator).to_have_count(count)


def is_seen(locator):
    """Check that something comes to be on the screen."""
    from playwright.sync_api import expect

    expect(locator).to_be_visible()


def is_unseen(locator):
    """Check that something comes to be off the screen; look after what would have shown it."""
    from playwright.sync_api import expect

    expect(locator).to_be_hidden()


def holds(locator, *texts):
    """Check that a part of a page comes to hold some texts."""
    from playwright.sync_api import expect

    for text in texts:
        expect(locator).to_contain_text(text, use_inner_text=True)


def has_texts(locator, texts):
    """Check that the parts of a page come to have these texts, in their order."""
    from playwright.sync_api import expect

    expect(locator).to_have_text(texts, use_inner_text=True)


def comes_to(read, wanted=True):  # noqa: FBT002 - what most readings are
    """Check that what is read of a page comes to be what is wanted."""
    end = time.monotonic() + BUSY_SECONDS
    while (found := read()) != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert found == wanted, f"it came to {found!r}, not to {wanted!r}"


def plays(film):
    """Check that a video comes to play."""
    comes_to(lambda: film.evaluate("film => film.currentTime > 0.2 && !film.paused"))


def in_step(films):
    """Check that two videos come to play in step; the second follows the first now and then."""
    times = "all => all.map((film) => film.currentTime)"

    def are():
        first, second = films.evaluate_all(times)
        return abs(first - second) < 0.3

    comes_to(are)
