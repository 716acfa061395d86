"""Which addresses may be asked, and which of them may see the key."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from pruna_nb.errors import ReplyError
from pruna_nb.settings import is_loopback

_PORTS = {"http": 80, "https": 443}
_NO_ADDRESS = re.compile(r"[\s\\\x00-\x1f\x7f\ud800-\udfff]")
_USER = re.compile(r"[^/?#]*://[^/?#]*@")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
"""Ways of writing an IPv4 address that `ipaddress` does not read and a resolver does."""


def resolve(base_url: str, address: object) -> str:
    """Make an address of a reply absolute, and refuse one that must not be asked.

    Parameters
    ----------
    base_url : str
        The service's address, without ``/v1``.
    address : object
        What the reply gave: absolute, or a path of the service.

    Returns
    -------
    str
        An http(s) address; plain http for this machine alone.

    Raises
    ------
    ReplyError
        If it is no address, or one that must not be asked.
    """
    if not isinstance(address, str) or not address or _NO_ADDRESS.search(address):
        message = f"The service gave an address that is none: {str(address)[:200]!a}"
        raise ReplyError(message)
    if address.startswith("/") and not address.startswith("//"):
        return base_url + address
    if "://" not in address:
        return f"{base_url}/{quote(address, safe='/%?=&._~-')}"
    return _checked(base_url, address)


def _checked(base_url: str, address: str) -> str:
    url = _parse(address)
    host = (url.host or "").strip("[]")
    if url.scheme not in _PORTS or not host or _USER.match(address):
        message = f"The service gave an address that is not taken: {_bare(url)!r}"
        raise ReplyError(message)
    if same_origin(base_url, address):
        return address
    if url.scheme == "http" and not is_loopback(host):
        message = f"The service gave a plain http address, which is not taken: {_bare(url)!r}"
        raise ReplyError(message)
    if _is_private(host) and not is_loopback(_parse(base_url).host or ""):
        message = f"The service gave an address inside this network: {_bare(url)!r}"
        raise ReplyError(message)
    return address


def same_origin(base_url: str, address: str) -> bool:
    """Tell whether an address is the service's own: scheme, host and port alike.

    The addresses are read by the very parser that the connection is made with, so that no
    spelling is one host here and another there.
    """
    if address.startswith(f"{base_url}/"):  # what stands before that slash cannot go on behind it
        return True
    return not _USER.match(address) and _origin(_parse(address)) == _own_origin(base_url)


@lru_cache(maxsize=16)
def _own_origin(base_url: str) -> tuple[str | None, str, int | None]:
    return _origin(_parse(base_url))


def _origin(url: Url) -> tuple[str | None, str, int | None]:
    port = url.port if url.port is not None else _PORTS.get(url.scheme or "")
    return url.scheme, (url.host or "").lower().rstrip("."), port


def _parse(address: str) -> Url:
    try:
        return parse_url(address)
    except LocationParseError:
        message = f"The service gave an address that cannot be read: {address[:200]!r}"
        raise ReplyError(message) from None


def _bare(url: Url) -> str:
    """Give an address without its user and query, for a message."""
    return f"{url.scheme}://{url.host}{url.path or ''}"[:200]


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return name == "localhost" or name.endswith(".localhost") or bool(_NUMBERS.fullmatch(host))
