"""The catalogue: one table of models that feeds checks, forms, prices, limits and docs.

Read in this order: `models.json` (the table), `model` (what an entry says: fields, price, what is
secret), `registry` (from a name to a model, and typing mistakes), `check` (every problem of an
input at once, with `unicode` for what JSON cannot carry), `price` (what a prediction costs),
`sweep` (what a list means for a field that takes one value).
"""

from __future__ import annotations

from pruna_nb.catalog.check import Problem, check_input
from pruna_nb.catalog.model import ENDPOINT_LIMITS, Field, Model, Price, limit_for, parse_ratio
from pruna_nb.catalog.price import (
    at_most_text,
    cost_usd,
    exact,
    price_text,
    total_usd,
    usd_text,
)
from pruna_nb.catalog.registry import (
    NO_MODEL,
    UnknownModelWarning,
    all_models,
    find_model,
    get_model,
    lookup_model,
    model_names,
    read_model,
    register_model,
)
from pruna_nb.catalog.sweep import (
    SWEEP_HOWS,
    SweepHow,
    combinations,
    is_axis,
    is_ranges,
    sweep_problems,
    whole_numbers,
    with_ranges,
)

__all__ = [
    "ENDPOINT_LIMITS",
    "NO_MODEL",
    "SWEEP_HOWS",
    "Field",
    "Model",
    "Price",
    "Problem",
    "SweepHow",
    "UnknownModelWarning",
    "all_models",
    "at_most_text",
    "check_input",
    "combinations",
    "cost_usd",
    "exact",
    "find_model",
    "get_model",
    "is_axis",
    "is_ranges",
    "limit_for",
    "lookup_model",
    "model_names",
    "parse_ratio",
    "price_text",
    "read_model",
    "register_model",
    "sweep_problems",
    "total_usd",
    "usd_text",
    "whole_numbers",
    "with_ranges",
]
