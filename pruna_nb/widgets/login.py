"""Login: a key is typed without being shown, checked with the service, and kept.

It is kept for the session or in the keyring, unless the service says that it does not accept it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pruna_nb import arguments, settings
from pruna_nb.api.key_check import KeyCheck, check_key
from pruna_nb.arguments import Problems
from pruna_nb.errors import PrunaError
from pruna_nb.redact import Hidden
from pruna_nb.settings import keyrings
from pruna_nb.show.notebook import Shown, display, html_data
from pruna_nb.widgets.notes import ERROR, FAINT, note, without_widgets

if TYPE_CHECKING:
    from collections.abc import Callable

_ASK = "P-API key"


class LoginBox:
    """A field for the key; what is typed goes to the settings and nowhere else.

    Parameters
    ----------
    store : bool
        Whether the key also goes into the system's keyring.
    check : bool
        Whether the service is asked about it first.
    done : callable, optional
        Called with a message once the key is kept.

    Attributes
    ----------
    box : ipywidgets.VBox
        The field, its button, and what went wrong.
    """

    def __init__(
        self,
        *,
        store: bool = False,
        check: bool = True,
        done: Callable[[str], object] | None = None,
    ) -> None:
        import ipywidgets as w

        from pruna_nb.widgets.secret import SecretBox

        self._store, self._check, self._done = store, check, done
        self.field = SecretBox(
            self._take,
            placeholder="paste it, then Enter",
            description=_ASK,
            layout=w.Layout(flex="1 1 240px", max_width="440px", min_width="0"),
        )
        # A click on the button leaves the field, so the key arrives before the click does: there is
        # something to do only if no key was typed.
        button = w.Button(description="Log in", button_style="primary")

        def remind(_: object) -> None:
            if not self._message.value:
                self._message.value = note("Paste the key into the field first.", FAINT)

        button.on_click(remind)
        button.layout.width = "90px"
        self._message = w.HTML()
        row = w.HBox([self.field.widget, button], layout=w.Layout(flex_flow="row wrap"))
        self.box = w.VBox([row, self._message])
        self.box.add_class("pruna-login")

    def _take(self, key: str) -> None:
        if self._check:
            host = settings.current().base_url
            self._message.value = note(f"Asking {host} whether it accepts the key ...", FAINT)
        try:
            is_kept, message = _keep(key, store=self._store, check=self._check)
        except PrunaError as error:
            is_kept, message = False, str(error)
        self._message.value = note(message, "" if is_kept else ERROR)
        if is_kept and self._done is not None:
            self._done(message)


def _keep(key: str, *, store: bool, check: bool) -> tuple[bool, str]:
    """Check a key with the service and keep it; return whether it is kept, and what to say."""
    asked = settings.current(api_key=key)
    found = check_key(asked) if check else KeyCheck("not checked", "check=False was given")
    if found.verdict == "not accepted":
        return False, (
            f"The key is not accepted by {asked.base_url} ({found.reason}), so it is not kept. "
            "Nothing was charged. Log in with another key, or set the address that it is for: "
            "pruna_nb.configure(base_url=...)."
        )
    settings.keep_key(key, store=store)
    place = "in this system's keyring, for later sessions too" if store else "for this session"
    if found.verdict == "accepted":
        return True, f"The key is accepted by {asked.base_url}, and kept {place}."
    reason = found.reason.rstrip(".")
    return True, f"The key for {asked.base_url} is kept {place}. It was not checked: {reason}."


def login(api_key: str | None = None, *, store: bool = False, check: bool = True) -> None:
    """Ask for the API key, which is not shown, have the service check it, and keep it.

    In a notebook it shows a field that is emptied as soon as the key is typed, so that the saved
    notebook never contains it; in a terminal it asks there. Then it says whether the key is
    accepted, not accepted (it is not kept then, and what was in force before stays so), or was
    not checked, and why.

    Parameters
    ----------
    api_key : str, optional
        The key, from a variable; None: it is asked for. Never write it into a notebook.
    store : bool
        Keep the key in the system's keyring, for later sessions too (the extra ``keyring``).
        By default it is kept for this session alone.
    check : bool
        Ask the service whether it accepts the key: for the status of a prediction that does not
        exist, which costs nothing. False: nothing is sent.

    Raises
    ------
    MissingExtraError
        If `store` is asked for and the extra is not installed.
    SettingsError
        If the system has no keyring, or what was given cannot be a key.

    See Also
    --------
    pruna_nb.configure : Sets the key from code; the environment's ``PRUNA_API_KEY`` does too.

    Examples
    --------
    >>> import pruna_nb
    >>> key = "any-key"  # in truth from a store of secrets, never written down like this
    >>> pruna_nb.login(key)
    The key is accepted by http://127.0.0.1:..., and kept for this session.
    """
    problems = Problems()
    store = problems.read(arguments.switch, "store", store, instead=False)
    check = problems.read(arguments.switch, "check", check, instead=True)
    problems.check()
    api_key = Hidden(api_key) if isinstance(api_key, str) else api_key
    if store:
        keyrings.check_keyring()
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    if api_key is None and in_notebook:
        _show(store=store, check=check)
        return
    if api_key is None:
        from getpass import getpass

        api_key = Hidden(getpass(f"{_ASK} (not shown): "))
    _, message = _keep(api_key, store=store, check=check)
    print(message)  # noqa: T201 - in a terminal, or below the cell


def _show(*, store: bool, check: bool) -> None:
    from pruna_nb.widgets.saved_copy import bundle

    shown: list[Shown] = []

    def done(message: str) -> None:
        # a message replaces the field, in the saved notebook too
        for output in shown:
            output.update(html_data(note(message), message))

    box = LoginBox(store=store, check=check, done=done).box
    way_on = (
        "Elsewhere a key is found in <code>PRUNA_API_KEY</code> of the environment, in a file "
        "<code>.env</code>, and in the secrets of Colab and Kaggle."
    )
    html = without_widgets("The field for the key", way_on)
    shown.append(display(bundle(box, "pruna_nb.login(): run the cell to log in.", html)))
