"""What must not be shown to people: keys, and the parts of an address that open a door."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pruna_nb.errors import ApiError

MASK = "***"
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/?#@\s]*@")
_PARAMETER = re.compile(r"([?&;#])([^=&;#?]+)=([^&;#]*)")
_SECRET_NAME = re.compile(
    r"sig|token|key|auth|cred|secret|pass|pwd|polic|jwt|hmac|hash|session|nonce|code|ticket|grant"
    r"|^(se|sp|sr|st|sv|skoid|sktid|ske|sks|skt|skv|h|s|t)$",
    re.IGNORECASE,
)
_LONG_ENOUGH = 8
"""What is shorter is no secret worth the name, and stands in many a harmless word."""
_LONG_VALUE = 20
"""A value without a space that is this long is taken for a signature, whatever it is called."""


E = TypeVar("E", bound="ApiError")


class Hidden(str):
    """Text that is sent as it is and shown as ``'***'``, in a traceback's variables too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def redact_addresses(text: str) -> str:
    """Return a text with users, and signatures and tokens in queries, masked in its addresses."""
    return _ADDRESS.sub(_redacted, text) if "://" in text else text


def redact_values(value: Any) -> Any:
    """Return what a request holds with the same masked in what is an address, at any depth.

    An address within a longer text stays: it may be a prompt's, which is to be sent again as it
    was.
    """
    if isinstance(value, str):
        return redact_addresses(value) if _ADDRESS.fullmatch(value.strip()) else value
    if isinstance(value, dict):
        return {name: redact_values(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        values = [redact_values(each) for each in value]
        return values if isinstance(value, list) else tuple(values)
    return value


def mask_fields(values: Mapping[str, Any], secret_names: Collection[str]) -> dict[str, Any]:
    """Return values by name with those of secret names masked."""
    return {name: MASK if name in secret_names else value for name, value in values.items()}


def hide_in_bytes(data: bytes, secret: str) -> bytes:
    """Mask a secret in bytes, which a service may have repeated."""
    # The key as bytes stands in no variable, for a traceback's sake.
    return data.replace(secret.encode(), MASK.encode()) if len(secret) >= _LONG_ENOUGH else data


def hide_in_text(text: str, secret: str) -> str:
    """Mask a secret in a text, which a service may have repeated."""
    return text.replace(secret, MASK) if len(secret) >= _LONG_ENOUGH else text


def hide_in_error(error: E, secrets: Iterable[str]) -> E:
    """Mask secrets in what an error says."""
    for secret in secrets:
        error.message = hide_in_text(error.message, secret)
        error.args = (error.message,)
    return error


def _redacted(found: re.Match[str]) -> str:
    address = _USER.sub(f"{MASK}@", found[0], count=1)
    return _PARAMETER.sub(_redacted_parameter, address)


def _redacted_parameter(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    is_secret = _SECRET_NAME.search(name) or (len(value) >= _LONG_VALUE and "+" not in value)
    return f"{mark}{name}={MASK}" if value and is_secret else found[0]
