"""What every variant is applied to, as it is given: items of prompts, seeds, fields for all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import whole
from pruna_nb.errors import InputError
from pruna_nb.templates import is_empty, is_missing, name_of, plain_number
from pruna_nb.text import counted, described, is_scalar

if TYPE_CHECKING:
    from collections.abc import Collection

_SEEDS_AT_MOST = 10_000
"""Whoever gives a seed of their own as `seeds` means that one, not as many."""


def read_items(
    prompts: Iterable[object] | None, fields: dict[str, Any]
) -> list[Mapping[str, Any] | str]:
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
    if hasattr(prompts, "columns"):  # a table would give the names of its columns
        msg = 'prompts: a table was given; df["prompt"] or df.to_dict("records") has its prompts'
        raise InputError(msg)
    items: list[Mapping[str, Any] | str] = []
    for number, item in enumerate(prompts):
        if is_empty(item):
            msg = f"item {number} of prompts is empty; leave it out, such as with .dropna()"
            raise InputError(msg)
        if not isinstance(item, (str, Mapping)) or not item:
            msg = (
                f"prompts: each is a text or a dict that is not empty; {described(item)} was given"
            )
            raise InputError(msg)
        items.append(item if isinstance(item, str) else _read_item(item))
    if not items:
        raise InputError("prompts is empty: give at least one, or leave it out")
    return items


def _read_item(item: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a table's row as what fills templates: None where a cell is empty.

    A gap makes whole numbers of a column float; they must not become other requests by that.
    """
    return {
        name_of(key): None if is_missing(value) else plain_number(value)
        for key, value in item.items()
    }


def _is_one(prompts: object) -> bool:
    return (
        isinstance(prompts, (str, bytes, Mapping))
        or not isinstance(prompts, Iterable)
        or is_scalar(prompts)
    )


def read_seeds(seeds: object) -> list[int | None]:
    """Return the seeds: how many is any whole number, which is anything that holds some."""
    if seeds is None:
        return [None]
    many = isinstance(seeds, Iterable) and getattr(seeds, "ndim", 1) != 0
    if not many or isinstance(seeds, (str, bytes, Mapping)):
        how_many = "seeds (how many, or a list of seeds, or None)"
        return list(range(1, whole(how_many, seeds, most=_SEEDS_AT_MOST) + 1))
    given: Iterable[object] = seeds  # type: ignore[assignment]
    read = [whole("seeds: each", seed, least=None) for seed in given]
    if not read:
        raise InputError("seeds must be whole numbers, at least one; none was given")
    return [*dict.fromkeys(read)]


def read_settings(
    fields: dict[str, Any], is_list: Callable[[str], bool]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Spread the fields that hold several values; return the settings and those fields' names."""

    def several(name: str, value: object) -> bool:
        if not isinstance(value, (list, tuple, range)):
            return False
        return not is_list(name) or all(isinstance(each, (list, tuple)) for each in value)

    axes = [name for name, value in fields.items() if several(name, value)]
    if gaps := [name for name in axes if any(map(is_missing, fields[name]))]:
        msg = f"{', '.join(gaps)}: the list holds an empty value; leave it out"
        raise InputError(msg)
    if empty := [name for name in axes if not fields[name]]:
        msg = f"{', '.join(empty)}: an empty list gives no picture"
        raise InputError(msg)
    fixed = {name: value for name, value in fields.items() if name not in axes}
    product = itertools.product(*(fields[name] for name in axes))
    return [{**fixed, **dict(zip(axes, values, strict=True))} for values in product], axes


def item_text(item: Mapping[str, Any] | str, secrets: Collection[str]) -> str:
    """Return an item in a few words, without secrets."""
    if isinstance(item, str):
        return item
    shown = {
        name: _in_words(value)
        for name, value in item.items()
        if name not in secrets and value is not None
    }
    return ", ".join(f"{name}: {value}" for name, value in shown.items())


def _in_words(value: object) -> str:
    """Say a value of an item; a file in memory by what it is, not by its bytes."""
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, (bytes, bytearray)):
        return counted(len(value), "byte")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_in_words, value))
    return type(value).__name__ if hasattr(value, "tobytes") else str(value)


def values_of(needed: Sequence[str], item: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return what an item fills the placeholders with."""
    if isinstance(item, str):
        return {needed[0]: item} if len(needed) == 1 else {"prompt": item}
    return {name: item[name] for name in needed if name in item}
