"""Which URLs may be requested, and which of them may get the key."""

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
# Spellings of an IPv4 address that a resolver accepts and `ipaddress` does not.
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)


def resolve(base_url: str, address: object) -> str:
    """Return a URL of a response, absolute or a path of the service, if it may be requested.

    Plain http is allowed only on this machine.

    Raises
    ------
    ReplyError
        If it is not a valid URL, or one that must not be requested.
    """
    if not isinstance(address, str) or not address or _NO_ADDRESS.search(address):
        text = str(address).partition("?")[0][:200]
        raise ReplyError(f"The service returned an invalid URL: {text!a}")
    if address.startswith("/") and not address.startswith("//"):
        return base_url + address
    if "://" not in address:
        return f"{base_url}/{quote(address, safe='/%?=&._~-')}"
    url = _parse(address)
    host = (url.host or "").strip("[]")
    if url.scheme not in _PORTS or not host or _USER.match(address):
        raise ReplyError(f"The service returned a URL that is not allowed: {_bare(url)!r}")
    if same_origin(base_url, address):
        return address
    if url.scheme == "http" and not is_loopback(host):
        raise ReplyError(f"The service returned a plain http URL: {_bare(url)!r}")
    try:
        is_private = not _is_public(host)
    except ValueError:  # a name, which is not looked up here
        name = host.rstrip(".").lower()
        is_local = name == "localhost" or name.endswith(".localhost")
        is_private = is_local or bool(_NUMBERS.fullmatch(host))
    own = host_of(base_url)
    if is_private and not is_loopback(own) and host_of(address) != own:
        raise ReplyError(f"The service returned an address inside this network: {_bare(url)!r}")
    return address


def same_origin(base_url: str, address: str) -> bool:
    """Whether a URL is the service's own: the same scheme, host and port."""
    # The host cannot go on after this slash.
    if address.startswith(f"{base_url}/"):
        return True
    # Parsed as the connection does it, so that no spelling means one host here and another there.
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
    # urllib3 below 2.8 accepts control characters in a host.
    if url is None or _CONTROL_IN_HOST.search(url.host or ""):
        shown = address.partition("?")[0][:200]
        raise ReplyError(f"The service returned an invalid URL: {shown!r}")
    return url


def _bare(url: Url) -> str:
    """Return a URL without its user and query, for a message."""
    return f"{url.scheme}://{url.host}{url.path or ''}"[:200]


def origin_of(address: str) -> str:
    """Return the scheme, host and port of a URL, for a message."""
    url = _parse(address)
    return f"{url.scheme}://{url.netloc}"


def host_of(address: str) -> str:
    """Return the host of a URL in small letters, without brackets and a final dot."""
    return (_parse(address).host or "").strip("[]").lower().rstrip(".")


def public_addresses(host: str, port: int | None) -> list[str]:
    """Return the public addresses of a host, after a look-up.

    Raises
    ------
    ReplyError
        If it has none: the service must not send us to hosts that only this network reaches.
    OSError
        If the host is unknown.
    """
    results = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in results))
    public = [address for address in addresses if _is_public(address)]
    if not public:
        raise ReplyError(
            f"The service returned an address inside this network: {host!r} is {addresses[0]}"
        )
    return public


def check_public(address: str) -> None:
    """Raise ReplyError if the host of a URL is inside this network.

    For requests through a proxy, which makes its own look-up: it decides on a host that is unknown
    here.
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
    """Whether an IP address is public, or contains an IPv4 one that is."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and (ip in _NAT64 or ip in _IPV4_COMPATIBLE):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is None:
            return ip.is_global and ip in _IPV6_IN_USE
        ip = inner
    return ip.is_global and not ip.is_multicast
