"""The secrets that a notebook's host keeps for its user: Colab's and Kaggle's."""

from __future__ import annotations

import os
import sys

from pruna_nb.console import LOG
from pruna_nb.redact import Hidden

_ASKED: dict[str, str | None] = {}
"""What each host said: asking takes it a second, and may open a question to the user."""


def host_secret(name: str) -> str | None:
    """Return a secret of the host that this notebook runs on; None if there is none.

    Parameters
    ----------
    name : str
        The secret's name, such as "PRUNA_API_KEY".
    """
    # Colab's kernels import the package as they start; elsewhere it may be installed, unused.
    is_colab = bool({"google.colab", "google.colab.userdata"} & sys.modules.keys()) or (
        # A kernel that was started anew there; a program that it starts has nobody to ask.
        "COLAB_RELEASE_TAG" in os.environ and "ipykernel.kernelapp" in sys.modules
    )
    is_kaggle = "KAGGLE_KERNEL_RUN_TYPE" in os.environ or "kaggle_secrets" in sys.modules
    for host, is_here in (("Colab", is_colab), ("Kaggle", is_kaggle)):
        if not is_here:
            continue
        if host not in _ASKED:
            _ASKED[host] = _ask(host, name)
        if _ASKED[host]:
            return _ASKED[host]
    return None


def look_again() -> None:
    """Forget which hosts had no key, to ask again: one may be added while the notebook runs."""
    for host in [host for host, secret in _ASKED.items() if not secret]:
        _ASKED.pop(host, None)


def forget() -> None:
    """Forget what the hosts said."""
    _ASKED.clear()


def _ask(host: str, name: str) -> str | None:
    try:
        if host == "Colab":
            from google.colab import userdata

            secret = userdata.get(name)
        else:
            from kaggle_secrets import UserSecretsClient

            secret = UserSecretsClient().get_secret(name)
    except Exception as error:  # noqa: BLE001 - a missing secret is an error of the host's own
        LOG.debug("%s has no secret %s to give (%s)", host, name, type(error).__name__)
        return None
    return Hidden(secret) if isinstance(secret, str) and secret.strip() else None
