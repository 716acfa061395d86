"""One name for a service, however its address is spelt."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from pruna_nb.errors import SettingsError
from pruna_nb.text import described, shown

DEFAULT_BASE_URL = "https://api.pruna.ai"
_SUCH = f"an http(s) address like {DEFAULT_BASE_URL!r}"
_PORTS = {"http": 80, "https": 443}
_LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    name = _plain_host(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def clean_base_url(value: object) -> str:
    """Check a service's address and return it as it is asked.

    Letters of scheme and host are small, and a port that the scheme has anyway, a dot at the end
    of the host, slashes at the end and ``/v1`` are left out.

    Raises
    ------
    SettingsError
        If it is not an address, holds more than one, or would send the key in the open.
    """
    if not isinstance(value, str):
        raise SettingsError(f"base_url must be {_SUCH}; {described(value)} was given.")
    text = value.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    try:
        parts = urlsplit(text)
        # A port that is no number raises only here, where it is read.
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        message = f"base_url is not an address: {error}."
        raise SettingsError(message) from None
    # The text itself is searched, since urlsplit drops tabs and line ends without a word.
    if parts.scheme not in _PORTS or not _plain_host(host or "") or re.search(r"[\s\\]", text):
        raise SettingsError(f"base_url must be {_SUCH}, not {shown(text)}.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        message = "base_url must hold no user, query or fragment; give the key as api_key=."
        raise SettingsError(message)
    if parts.scheme == "http" and not is_loopback(host or ""):
        message = (
            f"base_url {shown(text)} is plain http, which would send the key in the open. "
            "Use https; http is allowed for this machine (127.0.0.1, localhost) alone."
        )
        raise SettingsError(message)
    return _address(parts, _plain_host(host or ""))


def canonical_origin(base_url: str) -> str:
    """Return the one name of the service at an address: for its journal, limits and account.

    Parameters
    ----------
    base_url : str
        Spelt in any way that `clean_base_url` takes; what it does not take is returned as it is.

    Examples
    --------
    >>> canonical_origin("https://API.Pruna.AI.:443/v1/")
    'https://api.pruna.ai'
    >>> canonical_origin("http://localhost:8000")
    'http://127.0.0.1:8000'
    """
    try:
        clean = clean_base_url(base_url)
    except SettingsError:
        return base_url
    parts = urlsplit(clean)
    host = parts.hostname or ""
    return _address(parts, _LOOPBACK if host in {"localhost", "::1"} else host)


def host_of(base_url: str) -> str:
    """Return the host of an address, as it is in `canonical_origin`."""
    return urlsplit(canonical_origin(base_url)).hostname or ""


def _plain_host(host: str) -> str:
    """Return a host in lower-case ASCII without a final dot, an IP address shortened; "" if bad."""
    name = host.removesuffix(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        # ::ffff:127.0.0.1 is this machine as 127.0.0.1 is, but no loopback to Python 3.11.
        mapped = getattr(address, "ipv4_mapped", None)
        return str(mapped or address)
    try:
        # What is not ASCII is asked by its name in ASCII: one name here too.
        return name.encode("idna").decode() if not name.isascii() else name
    except UnicodeError:
        return ""


def _address(parts: SplitResult, host: str) -> str:
    port = parts.port if parts.port != _PORTS[parts.scheme] else None
    bracketed = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{bracketed}{'' if port is None else f':{port}'}{parts.path}"
