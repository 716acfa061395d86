"""A field for what nobody may see: what is typed leaves the widget at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import traitlets

if TYPE_CHECKING:
    from collections.abc import Callable


class _Password(w.Password):  # type: ignore[misc]
    # An echo would send what was typed to every window that is open on the notebook.
    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


class SecretBox:
    """A password field that hands on what is typed, and is empty again before anything is saved.

    Parameters
    ----------
    taken : callable
        Told what was typed, with blanks at the ends cut off; never empty.
    placeholder : str
        What stands in the empty field.
    **options
        For the field, such as ``description``.

    Attributes
    ----------
    widget : ipywidgets.Password
        The field. Its value is empty but for the moment in which it is handed on; the front
        end sends it on Enter or when the field is left, not with each key.
    """

    def __init__(self, taken: Callable[[str], object], *, placeholder: str, **options: Any) -> None:
        self._taken = taken
        self.widget = _Password(placeholder=placeholder, continuous_update=False, **options)
        self.widget.add_class("pruna-secret")
        self.widget.observe(self._typed, "value")

    def _typed(self, change: Any) -> None:
        text = change["new"].strip()
        self.widget.value = ""
        if text:
            self._taken(text)
