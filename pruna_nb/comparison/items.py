"""What every variant is applied to: items of prompts, seeds, fields for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

from pruna_nb.arguments import whole
from pruna_nb.catalog import (
    all_models,
    combinations,
    is_axis,
    is_ranges,
    sweep_problems,
    whole_numbers,
    with_ranges,
)
from pruna_nb.errors import InputError
from pruna_nb.templates import is_empty, is_missing, name_of, plain_number
from pruna_nb.text import counted, described, is_scalar

if TYPE_CHECKING:
    from collections.abc import Collection

    from pruna_nb.catalog import SweepHow

Item: TypeAlias = Mapping[str, Any] | str

# A larger number is a seed of the user's own, not a number of seeds.
_SEEDS_AT_MOST = 10_000


def read_items(prompts: Iterable[object] | None, fields: dict[str, Any]) -> list[Item]:
    """Read the prompts; ``prompt="a fox"`` among the fields is another way to give them."""
    if "prompt" in fields:
        if prompts is not None:
            raise InputError("give prompt or prompts, not both")
        prompt = fields.pop("prompt")
        prompts = [prompt] if _is_one(prompt) else prompt
    if prompts is None:
        return [{}]
    if _is_one(prompts):
        msg = f"prompts must be a list of texts or dicts; {type(prompts).__name__} was given"
        raise InputError(msg)
    if hasattr(prompts, "columns"):  # iterating over a table yields its columns' names
        msg = 'prompts: a table was given; use df["prompt"] or df.to_dict("records")'
        raise InputError(msg)
    items: list[Item] = []
    for number, item in enumerate(prompts):
        if is_empty(item):
            msg = f"item {number} of prompts is empty; leave it out, such as with .dropna()"
            raise InputError(msg)
        if not isinstance(item, (str, Mapping)) or not item:
            msg = (
                f"prompts: each is a text or a dict that is not empty; {described(item)} was given"
            )
            raise InputError(msg)
        items.append(item)
    if not items:
        raise InputError("prompts is empty: give at least one, or leave it out")
    # An item may be a table's row: a gap in a column makes its whole numbers float, which must
    # not turn the other rows into other requests, to be paid anew.
    return [
        item
        if isinstance(item, str)
        else {name_of(k): None if is_missing(v) else plain_number(v) for k, v in item.items()}
        for item in items
    ]


def _is_one(prompts: object) -> bool:
    return (
        isinstance(prompts, (str, bytes, Mapping))
        or not isinstance(prompts, Iterable)
        or is_scalar(prompts)
    )


def read_seeds(seeds: object) -> list[int | None]:
    """Return the seeds: the first so many, those of a list, or None for no seed."""
    if seeds is None:
        return [None]
    if isinstance(seeds, str) and is_ranges("seed", seeds):
        seeds = whole_numbers("seeds", seeds)
    if (
        not isinstance(seeds, Iterable)
        or isinstance(seeds, (str, bytes, Mapping))
        # A NumPy array of no dimension is Iterable by its class, and raises when iterated over.
        or getattr(seeds, "ndim", 1) == 0
    ):
        name = "seeds (how many, or a list of seeds, or None)"
        return list(range(1, whole(name, seeds, most=_SEEDS_AT_MOST) + 1))
    read = [whole("seeds: each", seed, least=None) for seed in seeds]
    if not read:
        raise InputError("seeds must be whole numbers, at least one; none was given")
    return [*dict.fromkeys(read)]


def read_settings(
    fields: dict[str, Any], sweep: SweepHow = "cross"
) -> tuple[list[dict[str, Any]], list[str]]:
    """Spread the fields that hold several values; return the settings and those fields' names."""
    fields = {
        name: list(v) if isinstance(v, (tuple, range)) else with_ranges(name, v)
        for name, v in fields.items()
    }
    axes = {
        name: value
        for name, value in fields.items()
        # One that no model is known to have takes one value, which may go into a template.
        if is_axis(name, value) or (isinstance(value, list) and name not in _known_names())
    }
    if wrong := sweep_problems(axes, sweep):
        raise InputError("; ".join(wrong), wrong)
    fixed = {name: value for name, value in fields.items() if name not in axes}
    return [{**fixed, **values} for values in combinations(axes, sweep)], list(axes)


def _known_names() -> set[str]:
    return {name for model in all_models() for name in model.fields}


def item_text(item: Item, secrets: Collection[str]) -> str:
    """Return an item in a few words, without secrets."""
    if isinstance(item, str):
        return item
    return ", ".join(
        f"{name}: {_value_text(value)}"
        for name, value in item.items()
        if name not in secrets and value is not None
    )


def _value_text(value: object) -> str:
    """Return an item's value as text; a file in memory by its kind, not by its bytes."""
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, (bytes, bytearray)):
        return counted(len(value), "byte")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value_text, value))
    return type(value).__name__ if hasattr(value, "tobytes") else str(value)


def values_of(needed: Sequence[str], item: Item) -> dict[str, Any]:
    """Return the values with which an item fills the placeholders."""
    if isinstance(item, str):
        # A text fills the only placeholder of a template, whatever its name.
        return {needed[0]: item} if len(needed) == 1 else {"prompt": item}
    return {name: item[name] for name in needed if name in item}
