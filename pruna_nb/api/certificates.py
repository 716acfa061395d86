"""The trusted certificate authorities: certifi's, or those that an environment variable names."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from pruna_nb.errors import SettingsError

# The first that is set counts. requests reads the first two, Python's ssl the third.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def trusted_authorities() -> bool | str:
    """Return the file or folder of authorities that the environment names; True if it names none.

    Raises
    ------
    SettingsError
        If it does not exist or cannot be read: nothing could be sent.
    """
    for variable in CA_VARIABLES:
        value = os.environ.get(variable)
        if value:
            path, problem = Path(value).expanduser(), None
            try:
                if not path.exists():
                    problem = "does not exist"
                elif not path.is_dir():
                    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            except ssl.SSLError:
                problem = "holds no certificate"
            except (OSError, ValueError) as error:
                problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
            if problem:
                message = (
                    f"{variable} is {value!r}, which {problem}. It must name a file of "
                    "certificate authorities in PEM format, or a folder of them: correct it, or "
                    "unset it to use the usual ones. Nothing was sent."
                )
                raise SettingsError(message)
            return str(path)
    return True


def check_authorities(base_url: str) -> None:
    """Raise SettingsError if a variable that the service's certificate needs is wrong."""
    if base_url.startswith("https:"):
        trusted_authorities()
