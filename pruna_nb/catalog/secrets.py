"""Which fields of a model are secret, and an input without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.redact import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.catalog.model import Model

_KNOWN = frozenset({"hf_api_token"})


def secret_names(model: Model) -> frozenset[str]:
    """Name a model's secret fields; the known one counts in a model that is not known, too."""
    return _KNOWN | {name for name, field in model.fields.items() if field.secret}


def secrets_in(model: Model, given: Mapping[str, Any]) -> list[str]:
    """Give the values of an input's secret fields."""
    return [given[name] for name in secret_names(model) if isinstance(given.get(name), str)]


def masked(model: Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give an input with its secrets masked."""
    names = secret_names(model)
    return {name: MASK if name in names else value for name, value in given.items()}
