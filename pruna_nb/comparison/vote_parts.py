"""The widgets that the voting form is made of: buttons, rows, and a field for keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import ipywidgets as w

if TYPE_CHECKING:
    from collections.abc import Callable

View = Literal["both", "left", "right"]
_ALONE: tuple[View, View] = ("left", "right")


class Show(Protocol):
    """Called when something is clicked that shows one picture large, or both."""

    def __call__(self, view: View, *, over_picture: bool, side_by_side: bool) -> None:
        """Show it."""


class ViewButtons:
    """What is clicked to see one picture large: buttons in a row, and the pictures themselves.

    Each comes twice: one is visible only where both pictures are large side by side, and says so.
    A click on a picture does not vote: a stray one would decide a pair, and people click on
    pictures to look closer.

    Attributes
    ----------
    bar, over_pictures : list of ipywidgets.Button
        Those of the row, and those that lie over the pictures.
    """

    def __init__(self, show: Show) -> None:
        self._buttons: list[tuple[View, w.Button]] = []
        self._over: list[tuple[View, w.Button]] = []

        def add(name: str, text: str, view: View, bar: str, *, over_picture: bool) -> None:
            wide = bar == "wide"
            made = button(
                name, text, lambda: show(view, over_picture=over_picture, side_by_side=wide)
            )
            if bar:
                made.add_class(f"p-vote-only-{bar}")
            if over_picture:
                made.add_class("p-vote-on")
            (self._over if over_picture else self._buttons).append((view, made))

        for view in _ALONE:
            for bar in ("narrow", "wide"):
                add(f"show-{view}", f"{view.title()} large", view, bar, over_picture=False)
                add(f"on-{view}", "", view, bar, over_picture=True)
        add("show-both", "Side by side (S)", "both", "", over_picture=False)
        self.bar = [made for _, made in self._buttons]
        self.over_pictures = [made for _, made in self._over]

    def mark(self, shown: View) -> None:
        """Show by color and words which view is open, and what a click on a picture does."""
        for view, made in self._buttons:
            made.button_style = "info" if view == shown else ""
        for view, made in self._over:
            made.tooltip = "Both side by side" if view == shown else f"The {view} one alone, large"


def html(name: str) -> w.HTML:
    """Return a place for HTML."""
    return w.HTML().add_class(f"p-vote-{name}")


def button(name: str, text: str, do: Callable[[], object], *, style: str = "") -> w.Button:
    """Return a button that does something when it is clicked."""
    button = w.Button(description=text, button_style=style)
    button.layout.width = "auto"
    button.add_class(f"p-vote-{name}")
    button.on_click(lambda _: do())
    return button


def row(name: str, children: list[w.Widget]) -> w.Box:
    """Return widgets side by side, on as many lines as they need."""
    return w.Box(children).add_class("p-vote-row").add_class(f"p-vote-{name}")


def column(name: str, children: list[w.Widget]) -> w.VBox:
    """Return widgets one below the other."""
    return w.VBox(children).add_class(f"p-vote-{name}")


def key_field(typed: Callable[[str], object]) -> w.Text:
    """Return a field that hands on each key that is typed into it, and is empty again."""

    def on_key(_change: object) -> None:
        text = str(keys.value)
        if text:
            # While the field is being emptied, fast typing adds to what was handled already.
            keys.value = ""
            typed(text[-1].lower())

    keys = w.Text(continuous_update=True)
    keys.add_class("p-vote-keys")
    keys.observe(on_key, "value")
    return keys
