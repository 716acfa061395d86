"""What a page in a browser holds, once it has come to that."""

from __future__ import annotations


def has_count(locator, count):
    """Check that a page comes to hold so many: its events are heard a moment after they happen."""
    from playwright.sync_api import expect

    expect(locator).to_have_count(count)
