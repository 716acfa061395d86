"""Which addresses may be asked, and which of them may see the key."""

from __future__ import annotations

import ipaddress
import re
import socket
from functools import lru_cache
from urllib.parse import quote

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from pruna_nb.errors import ReplyError
from pruna_nb.settings.origins import is_loopback

_PORTS = {"http": 80, "https": 443}
_NO_ADDRESS = re.compile(r"[\s\\\x00-\x1f\x7f\ud800-\udfff]")
_USER = re.compile(r"[^/?#]*://[^/?#]*@")
_CONTROL_IN_HOST = re.compile(r"%([01][0-9a-f]|7f)", re.IGNORECASE)
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
        message = (
            f"The service gave an address that is none: {str(address).partition('?')[0][:200]!a}"
        )
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
    own = host_of(base_url)
    if _is_private(host) and not is_loopback(own) and host_of(address) != own:
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
        url = parse_url(address)
    except LocationParseError:
        url = None
    # urllib3 refuses control characters in a host itself from 2.8 on.
    if url is None or _CONTROL_IN_HOST.search(url.host or ""):
        shown = address.partition("?")[0][:200]
        message = f"The service gave an address that cannot be read: {shown!r}"
        raise ReplyError(message)
    return url


def _bare(url: Url) -> str:
    """Give an address without its user and query, for a message."""
    return f"{url.scheme}://{url.host}{url.path or ''}"[:200]


def origin_of(address: str) -> str:
    """Return an address's scheme, host and port, for a message."""
    url = _parse(address)
    return f"{url.scheme}://{url.netloc}"


def host_of(address: str) -> str:
    """Return an address's host in small letters, without brackets and a final dot."""
    return (_parse(address).host or "").strip("[]").lower().rstrip(".")


def public_addresses(host: str, port: int | None) -> list[str]:
    """Look a host up, and return those of its addresses that are not inside a network.

    Raises
    ------
    ReplyError
        If it has none: the service may not send us to what only this network reaches.
    OSError
        If the host is not known.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
    public = [address for address in addresses if _is_public(address)]
    if not public:
        message = f"The service gave an address inside this network: {host!r} is {addresses[0]}"
        raise ReplyError(message)
    return public


def check_public(address: str) -> None:
    """Raise ReplyError if an address's host is known here as one inside a network.

    For a request through a proxy, which looks hosts up by itself: one that is not known here is
    left to it.
    """
    url = _parse(address)
    try:
        public_addresses(url.host or "", url.port)
    except OSError:
        return


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_IPV6_IN_USE = ipaddress.ip_network("2000::/3")


def _is_public(address: str) -> bool:
    """Tell whether an IP address is one of the internet, or stands for an IPv4 one that is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and (ip in _NAT64 or ip in _IPV4_COMPATIBLE):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None:
            return ip.is_global and ip in _IPV6_IN_USE
        ip = inner
    return ip.is_global and not ip.is_multicast


def _is_private(host: str) -> bool:
    """Tell whether a host is, by its very spelling, none of the internet's."""
    try:
        return not _is_public(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return name == "localhost" or name.endswith(".localhost") or bool(_NUMBERS.fullmatch(host))
