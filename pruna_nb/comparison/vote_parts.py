"""The widgets that the voting form is made of, each with a class to be found and styled by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def html(name: str) -> Any:
    """Make a place for HTML."""
    import ipywidgets as w

    return w.HTML().add_class(f"p-vote-{name}")


def button(name: str, text: str, do: Callable[[], object], *, style: str = "") -> Any:
    """Make a button that is as wide as its text."""
    import ipywidgets as w

    button = w.Button(description=text, button_style=style)
    button.layout.width = "auto"
    button.add_class(f"p-vote-{name}")
    button.on_click(lambda _: do())
    return button


def row(name: str, children: list[Any]) -> Any:
    """Put widgets side by side, in as many lines as they need."""
    import ipywidgets as w

    box = w.Box(children).add_class("p-vote-row")
    return box.add_class(f"p-vote-{name}") if name else box


def column(name: str, children: list[Any]) -> Any:
    """Put widgets below each other."""
    import ipywidgets as w

    return w.VBox(children).add_class(f"p-vote-{name}")
