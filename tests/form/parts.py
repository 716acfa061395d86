"""The parts of a form as a person finds them on the screen: by their classes."""

from __future__ import annotations

import html
import re


def everything(widget):
    """Return a widget and all that it contains, from top to bottom."""
    inside = [each for child in getattr(widget, "children", ()) for each in everything(child)]
    return [widget, *inside]


def parts(form, name):
    """Return the widgets of a form that have a class, such as "select" for pruna-select."""
    return [each for each in everything(form.box) if f"pruna-{name}" in each._dom_classes]


def part(form, name):
    """Return the only widget of a form that has a class."""
    (found,) = parts(form, name)
    return found


def made(form):
    """Click Generate and wait for the end."""
    part(form, "go").click()
    assert form.wait(60)
    return form


def quote(form):
    """Return the line before the click."""
    return html.unescape(re.sub("<[^>]*>", "", part(form, "quote").value))


def status(form):
    return part(form, "status").value


def tiles(form):
    return form._board.tiles
