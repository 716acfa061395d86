"""Redaction: keys, tokens and signed URLs are masked in everything that people see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pruna_nb.errors import ApiError

E = TypeVar("E", bound="ApiError")
MASK = "***"
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/?#@\s]*@")
_PARAMETER = re.compile(r"([?&;#])([^=&;#?]+)=([^&;#]*)")
_SECRET_NAME = re.compile(
    r"sig|token|key|auth|cred|secret|pass|pwd|polic|jwt|hmac|hash|session|nonce|code|ticket|grant"
    r"|^(se|sp|sr|st|sv|skoid|sktid|ske|sks|skt|skv|h|s|t)$",
    re.IGNORECASE,
)
# A shorter text protects nothing, and masking it would garble ordinary words.
_SHORTEST_SECRET = 8
# A query value of this length without a space counts as a signature, whatever its name is.
_LONG_VALUE = 20


class Hidden(str):
    """Text whose repr is ``'***'``, so that tracebacks that print variables do not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def redact_addresses(text: str) -> str:
    """Return a text with users, signatures and tokens masked in its URLs."""
    if "://" not in text:
        return text

    def parameter(match: re.Match[str]) -> str:
        mark, name, value = match.groups()
        # A "+" is a space in a query: a prompt, not a signature.
        is_secret = _SECRET_NAME.search(name) or (len(value) >= _LONG_VALUE and "+" not in value)
        return f"{mark}{name}={MASK}" if value and is_secret else match[0]

    def address(match: re.Match[str]) -> str:
        return _PARAMETER.sub(parameter, _USER.sub(f"{MASK}@", match[0], count=1))

    return _ADDRESS.sub(address, text)


def is_masked(value: Any) -> bool:
    """Whether a value holds, at any depth, a URL of which `redact_values` masked a part.

    Examples
    --------
    >>> is_masked(["https://a.example/b.png?sig=***"]), is_masked("a fox, ***")
    (True, False)
    """
    if isinstance(value, str):
        return MASK in value and _ADDRESS.fullmatch(value.strip()) is not None
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return False
    return any(map(is_masked, value))


def redact_values(value: Any) -> Any:
    """Return the values of a request with secrets masked in those that are URLs, at any depth.

    A URL within a longer text stays: it may belong to a prompt, which must be resent unchanged.
    """
    if isinstance(value, str):
        return redact_addresses(value) if _ADDRESS.fullmatch(value.strip()) else value
    if isinstance(value, dict):
        return {name: redact_values(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        values = [redact_values(item) for item in value]
        return values if isinstance(value, list) else tuple(values)
    return value


def mask_fields(values: Mapping[str, Any], secret_names: Collection[str]) -> dict[str, Any]:
    """Return values by name with those of secret names masked."""
    return {name: MASK if name in secret_names else value for name, value in values.items()}


def hide_in_bytes(data: bytes, secret: str) -> bytes:
    """Return bytes with a secret masked that a service may have echoed."""
    # No variable holds the key as bytes: a traceback would print it.
    return data.replace(secret.encode(), MASK.encode()) if len(secret) >= _SHORTEST_SECRET else data


def hide_in_text(text: str, secret: str) -> str:
    """Return a text with a secret masked that a service may have echoed."""
    return text.replace(secret, MASK) if len(secret) >= _SHORTEST_SECRET else text


def hide_in_error(error: E, secrets: Iterable[str]) -> E:
    """Mask secrets in the message of an error, and return the error."""
    for secret in secrets:
        error.message = hide_in_text(error.message, secret)
        error.args = (error.message,)
    return error
