"""What must not be shown: the key, and the fields of a model that are secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pruna_nb.redact import MASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pruna_nb import catalog
    from pruna_nb.errors import ApiError

_LONG_ENOUGH = 8
"""What is shorter is no secret worth the name, and stands in many a harmless word."""
_KNOWN = frozenset({"hf_api_token"})

E = TypeVar("E", bound="ApiError")


def secret_names(model: catalog.Model) -> frozenset[str]:
    """Name a model's secret fields; the known one counts in a model that is not known, too."""
    return _KNOWN | {name for name, field in model.fields.items() if field.secret}


def secrets_in(model: catalog.Model, given: Mapping[str, Any]) -> list[str]:
    """Give the values of an input's secret fields."""
    return [given[name] for name in secret_names(model) if isinstance(given.get(name), str)]


def masked(model: catalog.Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give an input with its secrets masked."""
    names = secret_names(model)
    return {name: MASK if name in names else value for name, value in given.items()}


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
