"""Login: a key typed where nobody sees it, kept for the session or in the system's keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb import settings
from pruna_nb.errors import PrunaError
from pruna_nb.settings import keyrings

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
        Told what to say once the key is kept.

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
        # Going to the button leaves the field, and that hands the key on before the click is told.
        button = w.Button(description="Log in", button_style="primary")
        button.on_click(lambda _: self._missed())
        button.layout.width = "90px"
        self._said = w.HTML()
        row = w.HBox([self.field.widget, button], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([row, self._said])
        self.box.add_class("pruna-login")

    def _missed(self) -> None:
        from pruna_nb.widgets.notes import FAINT, note

        if not self._said.value:
            self._said.value = note("Paste the key into the field first.", FAINT)

    def _take(self, key: str) -> None:
        from pruna_nb.widgets.notes import ERROR, note

        try:
            settings.keep_key(key, store=self._store)
        except PrunaError as error:
            self._said.value = note(str(error), ERROR)
            return
        said = _kept(store=self._store)
        self._said.value = note(said)
        if self._done is not None:
            self._done(said)


def _kept(*, store: bool) -> str:
    host = settings.current().base_url
    if store:
        return f"The key for {host} is kept in this system's keyring, for later sessions too."
    return f"The key for {host} is kept for this session."


def login(*, store: bool = False) -> None:
    """Ask for the API key, where nobody sees it, and keep it.

    In a notebook it shows a field that is empty again as soon as the key is taken, so that
    the saved notebook never holds it; in a terminal it asks there.

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
        If the system has no keyring, or what was typed can be no key.

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
    print(_kept(store=store))  # noqa: T201 - the terminal's answer


def _in_notebook() -> bool:
    import sys

    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def _show(*, store: bool) -> None:
    """Show the field; once the key is kept, words stand in its place, in the saved file too."""
    from IPython.display import display

    from pruna_nb.widgets.notes import note
    from pruna_nb.widgets.saved_copy import bundle

    handles: list[Any] = []

    def done(said: str) -> None:
        for handle in handles:
            handle.update({"text/html": note(said), "text/plain": said}, raw=True)

    box = LoginBox(store=store, done=done).box
    plain = "pruna_nb.login(): run the cell to log in."
    handle = display(bundle(box, plain), raw=True, display_id=True)  # type: ignore[no-untyped-call]
    if handle is not None:
        handles.append(handle)
