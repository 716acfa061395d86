"""The secrets that a notebook's host keeps for its user: Colab's and Kaggle's."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pruna_nb.console import LOG
from pruna_nb.redact import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable

_ASKED: dict[str, str | None] = {}
"""What each host said: asking takes it a second, and may open a question to the user."""


def host_secret(name: str) -> str | None:
    """Return a secret of the host that this notebook runs on; None if there is none.

    Parameters
    ----------
    name : str
        The secret's name, such as "PRUNA_API_KEY".
    """
    for host, is_here, ask in _HOSTS:
        if not is_here():
            continue
        if host not in _ASKED:
            _ASKED[host] = _asked(host, ask, name)
        if _ASKED[host]:
            return _ASKED[host]
    return None


def look_again() -> None:
    """Have the hosts asked again that had no key: one may be added while the notebook runs."""
    for host in [host for host, secret in _ASKED.items() if not secret]:
        _ASKED.pop(host, None)


def forget() -> None:
    """Forget what the hosts said."""
    _ASKED.clear()


def _asked(host: str, ask: Callable[[str], object], name: str) -> str | None:
    try:
        secret = ask(name)
    except Exception as error:  # noqa: BLE001 - a missing secret is an error of the host's own
        LOG.debug("%s has no secret %s to give (%s)", host, name, type(error).__name__)
        return None
    return Hidden(secret) if isinstance(secret, str) and secret.strip() else None


def _is_colab() -> bool:
    # Its kernels import the package as they start; elsewhere it may be installed, and only waits.
    return bool({"google.colab", "google.colab.userdata"} & sys.modules.keys())


def _ask_colab(name: str) -> object:
    from google.colab import userdata  # type: ignore[import-not-found]  # there alone

    return userdata.get(name)


def _is_kaggle() -> bool:
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "kaggle_secrets" in sys.modules


def _ask_kaggle(name: str) -> object:
    from kaggle_secrets import UserSecretsClient  # type: ignore[import-not-found]  # there alone

    return UserSecretsClient().get_secret(name)


_HOSTS: tuple[tuple[str, Callable[[], bool], Callable[[str], object]], ...] = (
    ("Colab", _is_colab, _ask_colab),
    ("Kaggle", _is_kaggle, _ask_kaggle),
)
