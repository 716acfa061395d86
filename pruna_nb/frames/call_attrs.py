"""A call as JSON in a frame's attrs, and back; attrs survive Parquet, so anybody may write them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import lookup_model
from pruna_nb.errors import UnknownModelError
from pruna_nb.frames.call import Call, listed_labels
from pruna_nb.redact import redact_values
from pruna_nb.tables.cells import unshared

if TYPE_CHECKING:
    from collections.abc import Callable

ATTRS = "pruna_nb"
"""The key of a frame's attrs with the call that made each of its output columns."""


def attrs_of(call: Call) -> dict[str, Any] | None:
    """Return the call as JSON for a frame's attrs; None if a constant is secret or not JSON."""
    if not call.model.secret_names.isdisjoint(call.constants):
        return None
    if redact_values(call.constants) != call.constants:
        return None
    named: dict[str, Any] = {"model": call.model.name, "unchecked": call.model.unchecked}
    named["models"] = [model.name for model in call.models]
    values = {name: getattr(call, name) for name in _TYPES if name not in named} | named
    # A label that is a tuple would come back from JSON as a list of labels.
    values["columns"] = _labels_by_field(
        call.columns,
        lambda label: {_LEVELS: list(label)} if isinstance(label, tuple) else label,
    )
    try:
        spec: dict[str, Any] = json.loads(json.dumps(values))
    except (TypeError, ValueError, RecursionError):
        return None
    return spec


def call_from_attrs(spec: object) -> Call | None:
    """Return the call that `attrs_of` wrote; None if it is damaged.

    Attrs survive Parquet, so a stranger may have written them. Keys of later releases are left.
    """
    if not isinstance(spec, dict) or "model" not in spec:
        return None

    def unpacked(label: Any) -> Any:
        levels = label.get(_LEVELS) if isinstance(label, dict) else None
        kinds = (str, int, float)
        if isinstance(levels, list) and all(isinstance(level, kinds) for level in levels):
            return tuple(levels)
        return label

    known = {name: unshared(spec[name]) for name in _TYPES if name in spec}
    if any(type(value) not in _TYPES[name] for name, value in known.items()):
        return None
    known["columns"] = _labels_by_field(known.get("columns", {}), unpacked)
    labels = [label for value in known["columns"].values() for label in listed_labels(value)]
    needs = known.get("needs", ())
    if not all(isinstance(label, (str, int, float, tuple)) for label in labels):
        return None
    if not all(isinstance(name, str) for name in needs) or known.get("samples", 1) < 1:
        return None
    try:
        model = lookup_model(known["model"])  # a later release's, perhaps
        models = tuple(lookup_model(str(name)) for name in known.pop("models", []))
    except UnknownModelError:
        return None
    anyhow = known.pop("unchecked", False)
    model = replace(model, unchecked=anyhow)
    models = tuple(replace(each, unchecked=anyhow) for each in models)
    call = Call(**{**known, "model": model, "models": models, "needs": tuple(needs)})
    return replace(call, recorded=frozenset((*call.constants, *call.columns)))


# What the fields of a call are in a frame's attrs.
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "constants": (dict,),
    "columns": (dict,),
    "template": (str, type(None)),
    "samples": (int,),
    "unchecked": (bool,),
    "prefix": (str,),
    "needs": (list, tuple),
    "models": (list,),
    "model_col": (str, type(None)),
}


def _labels_by_field(columns: dict[str, Any], changed: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        name: [*map(changed, labels)] if isinstance(labels, list) else changed(labels)
        for name, labels in columns.items()
    }


# What a label of several levels is in a frame's attrs: an object with a list of them.
_LEVELS = "levels"
