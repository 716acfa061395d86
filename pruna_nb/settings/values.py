"""What a setting may be: each value is checked and made plain here, whoever gave it."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pruna_nb import arguments
from pruna_nb.errors import InputError, SettingsError
from pruna_nb.redact import Hidden
from pruna_nb.settings.origins import clean_base_url
from pruna_nb.text import described, shown

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {
    "api_key": "PRUNA_API_KEY",
    "base_url": "PRUNA_API_URL",
    "cache_dir": "PRUNA_NB_CACHE_DIR",
    "state_dir": "PRUNA_NB_STATE_DIR",
    "max_cost_usd_per_day": "PRUNA_NB_MAX_COST_USD_PER_DAY",
    "storage": "PRUNA_NB_STORAGE",
}


def clean_key(value: object) -> Hidden:
    """Return a key without blanks around it, or raise `SettingsError`, which does not show it."""
    value = Hidden(value.strip() if isinstance(value, str) else "")
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        message = (
            "The API key must be one word of printable ASCII characters (it is not shown here)."
        )
        raise SettingsError(message)
    return value


def _clean_limits(value: object) -> Mapping[str, tuple[int, float]]:
    if not isinstance(value, Mapping):
        message = (
            "limits must be a dict of (requests, seconds) by model, such as "
            f'{{"p-image": (250, 60.0)}}; {described(value)} was given.'
        )
        raise SettingsError(message)
    clean: dict[str, tuple[int, float]] = {}
    for name, limit in value.items():
        try:
            requests, per = limit
            number = arguments.whole("requests", requests, most=10**9)
            seconds = arguments.seconds("seconds", per)
        except (TypeError, ValueError):  # both of the package's errors are ValueErrors
            number, seconds = 0, None
        if seconds is None:
            message = (
                f"limits[{shown(name)}] must be (requests, seconds), both above 0, such as "
                f"(250, 60.0); {shown(limit)} was given."
            )
            raise SettingsError(message)
        clean[str(name)] = (number, seconds)
    # `Settings` is frozen, and so is its dict: threads of a run share it.
    return MappingProxyType(clean)


def _clean_number(name: str, low: int, high: int) -> Callable[[object], int]:
    def clean(value: object) -> int:
        try:
            return arguments.whole(name, value, least=low, most=high)
        except InputError as error:
            raise SettingsError(str(error)) from None

    return clean


def _clean_timeout(value: object) -> float:
    least, most = 0.001, 86_400.0
    seconds = arguments.seconds("timeout", value)
    if seconds is None or not least <= seconds <= most:
        message = f"timeout must be {least:g} to {most:g} seconds; {described(value)} was given."
        raise SettingsError(message)
    return seconds


def _clean_cost(value: object) -> Decimal:
    """Return a limit in USD; infinity is none, which lifts one that was set before."""
    given: object = value
    if isinstance(value, str):  # as the environment has it
        with contextlib.suppress(InvalidOperation):
            given = Decimal(value.strip().removesuffix("USD").strip())
    try:
        if isinstance(given, (float, Decimal)) and given == math.inf:
            return Decimal("Infinity")
        amount = arguments.usd("max_cost_usd_per_day", given)
    except (SettingsError, ArithmeticError):
        amount = None
    if amount is None:
        message = (
            f"max_cost_usd_per_day ({ENVIRONMENT['max_cost_usd_per_day']} in the environment) must "
            f"be 0 USD or more, or inf for no limit; {described(value)} was given."
        )
        raise SettingsError(message)
    return amount


def _clean_dir(name: str) -> Callable[[object], Path]:
    def clean(value: object) -> Path:
        where = f"{name} ({ENVIRONMENT[name]} in the environment)"
        text = os.fspath(value) if isinstance(value, os.PathLike) else value
        if not isinstance(text, str) or not text.strip() or "\0" in text:
            raise SettingsError(f"{where} must be a folder's path; {described(value)} was given.")
        if address := arguments.ADDRESS.match(text.strip()):
            # The rest is not shown: such addresses may hold keys.
            message = (
                f"{where} must be a folder of this machine; an address, {address[1]}://..., was "
                "given. Mount it and give the folder; or share outputs there, beside a cache of "
                "this machine: storage=."
            )
            raise SettingsError(message)
        try:
            return Path(text).expanduser().absolute()
        except (RuntimeError, OSError) as error:  # no such user's home, no folder to stand in
            raise SettingsError(f"{where} cannot be used: {error}.") from None

    return clean


def _clean_storage(value: object) -> str:
    """Return the shared storage's address; "" is none, which lifts one that was set before."""
    text = value.strip() if isinstance(value, str) else "?"
    scheme, mark, place = text.partition("://")
    if text and "@" in place.split("/")[0]:  # not shown: it may hold a password
        message = "storage has a user or password in its address: give them in storage_options."
        raise SettingsError(message)
    if text and not (arguments.ADDRESS.match(text) and mark and (place or scheme == "memory")):
        message = (
            f"storage ({ENVIRONMENT['storage']} in the environment) must be the address of a "
            f'folder, such as "s3://bucket/pruna", or "" for none; {described(value)} was given. '
            "A folder of this machine has an address too: file:///mnt/pruna."
        )
        raise SettingsError(message)
    return text.rstrip("/") if place else text


def _clean_storage_options(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        message = (
            "storage_options must be a dict of what fsspec takes for the storage, such as "
            f'{{"profile": "work"}}; {type(value).__name__} was given.'
        )
        raise SettingsError(message)
    return MappingProxyType(dict(value))


CLEAN: dict[str, Any] = {
    "api_key": clean_key,
    "base_url": clean_base_url,
    "cache_dir": _clean_dir("cache_dir"),
    "state_dir": _clean_dir("state_dir"),
    "limits": _clean_limits,
    "workers": _clean_number("workers", 1, 128),
    "timeout": _clean_timeout,
    "max_cost_usd_per_day": _clean_cost,
    "max_output_bytes": _clean_number("max_output_bytes", 1, 2**63),
    "storage": _clean_storage,
    "storage_options": _clean_storage_options,
}
