"""What the controls of a form share: a field, a listener for changes, and one line's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.labels import help_of, label_of
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pruna_nb.catalog import Field

LABEL = "130px"  # the labels' width: controls begin below each other


class Control:
    """The control of one field.

    Attributes
    ----------
    field : Field
    box : ipywidgets.Widget
        The control with its label and its help.
    """

    box: Any

    def __init__(self, field: Field) -> None:
        self.field = field
        self._listeners: list[Callable[[], object]] = []

    def value(self) -> Any:
        """Return what is chosen as the service takes it; None for "not given"."""
        raise NotImplementedError

    def state(self) -> Any:
        """Return what `restore` takes; None if nothing may be kept."""
        raise NotImplementedError

    def restore(self, state: Any) -> None:
        """Set the control to a state, as far as it can take it."""
        raise NotImplementedError

    def on_change(self, listener: Callable[[], object]) -> None:
        """Call a function at each change."""
        self._listeners.append(listener)

    def _changed(self, _: object = None) -> None:
        for listener in self._listeners:
            listener()


def line(widget: Any, field: Field, beside: Sequence[Any] = ()) -> Any:
    """Return a widget with its help beside it; in a narrow form below it, in its column.

    What stands `beside` the widget stays there.

    The form's style sheet says what is narrow.
    """
    widget.layout.flex = "1 1 0"
    widget.layout.width = "auto"
    widget.layout.min_width = "0"
    widget.add_class(f"pruna-{field.name}")
    layout = w.Layout(flex="1 1 300px", max_width="440px", min_width="0", align_items="flex-start")
    row = w.HBox(
        [w.HBox([widget, *beside], layout=layout), help_box(help_of(field))],
        layout=w.Layout(flex_flow="row nowrap", align_items="center", margin="0 0 2px 0"),
    )
    return row.add_class("pruna-line")


def help_box(text: str) -> Any:
    """Return help that is beside a control."""
    box = w.HTML(note(text, f"{FAINT};font-size:.9em"))
    box.layout = w.Layout(flex="1 1 120px", min_width="0", margin="2px 2px 2px 10px")
    return box.add_class("pruna-help")


def name_box(field: Field | str) -> Any:
    """Return the label of a control that has none of its own, in line with those that have."""
    layout = w.Layout(flex=f"0 0 {LABEL}", justify_content="flex-end", margin="2px 8px 2px 2px")
    text = field if isinstance(field, str) else label_of(field.name)
    return w.Label(text, layout=layout)


def options_of(field: Field) -> dict[str, Any]:
    """Return the options that every widget of a field has."""
    return {
        "description": label_of(field.name),
        "tooltip": f"{field.name}: {help_of(field)}",
        "style": {"description_width": LABEL},
    }
