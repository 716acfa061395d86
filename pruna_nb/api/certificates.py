"""Which certificate authorities are trusted: certifi's, or those that a variable names."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from pruna_nb.errors import SettingsError

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""The variables that may name a file or folder of authorities; the first that is set counts."""


def trusted_authorities() -> bool | str:
    """Return the file or folder of authorities that the environment names; True if it names none.

    Raises
    ------
    SettingsError
        If it names one that is not there or cannot be read: nothing could be sent.
    """
    for variable in CA_VARIABLES:
        value = os.environ.get(variable)
        if value:
            path = Path(value).expanduser()
            problem = _problem_of(path)
            if problem:
                message = (
                    f"{variable} is {value!r}, which {problem}. It must name a file of "
                    "certificate authorities in PEM format, or a folder of them: correct it, or "
                    "unset it to use the usual ones. Nothing was sent."
                )
                raise SettingsError(message)
            return str(path)
    return True


def _problem_of(path: Path) -> str | None:
    try:
        if path.is_dir():
            return None
        if not path.exists():
            return "does not exist"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return "holds no certificate"
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"
    return None


def check_authorities(base_url: str) -> None:
    """Raise SettingsError if a variable that the service's certificate needs is wrong."""
    if base_url.startswith("https:"):
        trusted_authorities()
