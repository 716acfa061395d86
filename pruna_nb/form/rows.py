"""How a form's rows are laid out: a label, a control, and help beside it or below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from pruna_nb.form.labels import help_of, label_of
from pruna_nb.widgets.notes import FAINT, note

if TYPE_CHECKING:
    from pruna_nb.catalog import Field

LABEL = "130px"
_GAP = "8px"


def line(control: Any, field: Field) -> Any:
    """Lay out a control with its help beside it, below it where there is no room."""
    control.layout.flex = "1 1 300px"
    control.layout.max_width = "440px"
    control.layout.min_width = "0"
    control.add_class(f"pruna-{field.name}")
    return w.HBox(
        [control, help_box(help_of(field))],
        layout=w.Layout(flex_flow="row wrap", align_items="center", margin="0 0 2px 0"),
    )


def help_box(text: str) -> Any:
    """Put help beside a control, below it where there is no room."""
    said = w.HTML(note(text, f"{FAINT};font-size:.9em"))
    said.layout = w.Layout(flex="1 1 200px", min_width="0", margin="2px 2px 2px 10px")
    return said


def options_of(field: Field) -> dict[str, Any]:
    """Give the options that every control of a field has."""
    return {
        "description": label_of(field),
        "tooltip": f"{field.name}: {help_of(field)}",
        "style": {"description_width": LABEL},
    }


def name_box(field: Field) -> Any:
    """Label a control that has no label of its own, in line with those that have."""
    layout = w.Layout(justify_content="flex-end", margin=f"2px {_GAP} 2px 2px")
    layout.flex = f"0 0 {LABEL}"
    return w.Label(label_of(field), layout=layout)
