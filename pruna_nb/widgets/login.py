"""Login: a key is typed without being shown, and kept for the session or in the keyring."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pruna_nb import settings
from pruna_nb.errors import PrunaError
from pruna_nb.settings import keyrings
from pruna_nb.show.notebook import Shown, display, html_data
from pruna_nb.widgets.notes import ERROR, FAINT, note

if TYPE_CHECKING:
    from collections.abc import Callable

_ASK = "P-API key"


class LoginBox:
    """A field for the key; what is typed goes to the settings and nowhere else.

    Parameters
    ----------
    store : bool
        Whether the key also goes into the system's keyring.
    done : callable, optional
        Called with a message once the key is kept.

    Attributes
    ----------
    box : ipywidgets.VBox
        The field, its button, and what went wrong.
    """

    def __init__(self, *, store: bool = False, done: Callable[[str], object] | None = None) -> None:
        import ipywidgets as w

        from pruna_nb.widgets.secret import SecretBox

        self._store, self._done = store, done
        self.field = SecretBox(
            self._take,
            placeholder="paste it, then Enter",
            description=_ASK,
            layout=w.Layout(flex="1 1 240px", max_width="440px", min_width="0"),
        )
        # A click on the button leaves the field, so the key arrives before the click does: there is
        # something to do only if no key was typed.
        button = w.Button(description="Log in", button_style="primary")
        button.on_click(lambda _: self._remind())
        button.layout.width = "90px"
        self._message = w.HTML()
        row = w.HBox([self.field.widget, button], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([row, self._message])
        self.box.add_class("pruna-login")

    def _remind(self) -> None:
        if not self._message.value:
            self._message.value = note("Paste the key into the field first.", FAINT)

    def _take(self, key: str) -> None:
        try:
            settings.keep_key(key, store=self._store)
        except PrunaError as error:
            self._message.value = note(str(error), ERROR)
            return
        message = _kept(store=self._store)
        self._message.value = note(message)
        if self._done is not None:
            self._done(message)


def _kept(*, store: bool) -> str:
    host = settings.current().base_url
    if store:
        return f"The key for {host} is kept in this system's keyring, for later sessions too."
    return f"The key for {host} is kept for this session."


def login(*, store: bool = False) -> None:
    """Ask for the API key, which is not shown, and keep it.

    In a notebook it shows a field that is emptied as soon as the key is typed, so that the saved
    notebook never contains it; in a terminal it asks there.

    Parameters
    ----------
    store : bool
        Keep the key in the system's keyring, for later sessions too (the extra ``keyring``).
        By default it is kept for this session alone.

    Raises
    ------
    MissingExtraError
        If `store` is asked for and the extra is not installed.
    SettingsError
        If the system has no keyring, or what was typed cannot be a key.

    See Also
    --------
    pruna_nb.configure : Sets the key from code; the environment's ``PRUNA_API_KEY`` does too.
    """
    if store:
        keyrings.check_keyring()
    if _in_notebook():
        _show(store=store)
        return
    from getpass import getpass

    settings.keep_key(getpass(f"{_ASK} (not shown): "), store=store)
    print(_kept(store=store))  # noqa: T201 - in a terminal


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _show(*, store: bool) -> None:
    from pruna_nb.widgets.saved_copy import bundle

    shown: list[Shown] = []

    def done(message: str) -> None:
        # a message replaces the field, in the saved notebook too
        for output in shown:
            output.update(html_data(note(message), message))

    box = LoginBox(store=store, done=done).box
    shown.append(display(bundle(box, "pruna_nb.login(): run the cell to log in.")))
