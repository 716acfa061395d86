"""Any value named in an error: short, without an object's address, whatever its methods do."""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import Any

_SHOWN_AT_MOST = 60
_BITS_AT_MOST = 4096
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (str, bytes, int, float, Decimal, Fraction, PurePath, timedelta, type(None))


def shown(value: object, most: int = _SHOWN_AT_MOST) -> str:
    """Return a value as Python writes it, in one line that is cut off where it is long.

    Examples
    --------
    >>> shown("60"), shown(object()), shown("x" * 100, 5), shown(10**5000)
    ("'60'", '<object object>', "'xxxx…", 'a number too long to show')
    """
    if isinstance(value, int) and value.bit_length() > _BITS_AT_MOST:
        return "a number too long to show"  # beyond 4,300 digits Python itself refuses
    if isinstance(value, (str, bytes)) and len(value) > most:
        value = value[: most + 1]
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except Exception:  # noqa: BLE001 - the error that names the value is what matters
        return f"<{type(value).__name__}>"
    text = " ".join(_ADDRESS.sub("", text).splitlines())
    return text if len(text) <= most else f"{text[:most]}…"


def described(value: object) -> str:
    """Return a value as an error names it: short ones as they are, others by their kind.

    Examples
    --------
    >>> described("60"), described([1, 2]), described(object)
    ("'60'", 'a list of 2', 'a type')
    """
    if isinstance(value, _PLAIN):
        return shown(value)
    kind = type(value).__name__
    if is_scalar(value) or kind in {"NAType", "NaTType"}:
        return shown(value)
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    if isinstance(value, Sized):
        try:
            return f"{article} {kind} of {len(value):,}"
        except Exception:  # noqa: BLE001 - the kind says enough
            return f"{article} {kind}"
    return f"{article} {kind}"


def is_scalar(value: Any) -> bool:
    """Whether a value is one of numpy's scalars, or an array of no dimension.

    Asked of its class: an object may make attributes of any name, or fail to.
    """
    kind = type(value)
    return all(hasattr(kind, name) for name in ("item", "ndim", "dtype")) and value.ndim == 0
