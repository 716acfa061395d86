"""``--sweep FIELD=VALUE,VALUE``: several values of a field, as the shell gives them."""

from __future__ import annotations

import contextlib
import csv
import json
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import find_model, with_ranges
from pruna_nb.commands.parameters import GENERATE_ARGUMENTS, SECRET, read_json
from pruna_nb.errors import InputError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.arguments import Problems


def read_sweeps(
    given: Mapping[str, Any], call: Mapping[str, Any], problems: Problems
) -> dict[str, Any]:
    """Return what ``--sweep`` and ``--zip`` add to a call; what is wrong is noted."""
    swept: dict[str, Any] = {}
    for text in given["sweeps"]:
        with problems.noted():
            name, values = read_sweep(text, given["model"])
            if name in swept:
                raise InputError(f"--sweep {name}= is given twice; give it once.")
            if name != "model" and call.get(name) is not None:
                raise InputError(f"{name} is swept and given too; give one of them.")
            swept[name] = values
    return {**swept, "sweep": "zip" if given["zip"] else "cross"}


def read_sweep(text: str, model: str = "p-image") -> tuple[str, list[Any]]:
    """Read ``field=value,value``; whole numbers may be a range, and a list of JSON is what it says.

    Raises
    ------
    InputError
        If it is something else, or of what takes no list.

    Examples
    --------
    >>> read_sweep("seed=1,5-7"), read_sweep('prompt="a fox, red",an owl')
    (('seed', [1, 5, 6, 7]), ('prompt', ['a fox, red', 'an owl']))
    """
    name, found, value = text.partition("=")
    if not found or not name.isidentifier():
        raise InputError(f"--sweep takes FIELD=VALUE,VALUE, such as seed=1,2,3; not {text[:40]!r}.")
    models = []
    with contextlib.suppress(UnknownModelError):
        models = [find_model(model)]
    field = models[0].fields.get(name) if models else None
    is_secret = SECRET.search(name) or (field is not None and field.secret)
    is_own = name in GENERATE_ARGUMENTS and name not in {"model", "prompt"}
    if is_own or is_secret or name.endswith("_col"):
        raise InputError(f"--sweep takes fields with plain values, model or prompt; not {name}.")
    if value.startswith("["):
        with contextlib.suppress(ValueError):
            return name, list(json.loads(value))
    kind = "string" if name in {"model", "prompt"} or field is None else field.type
    values: list[Any] = []
    for part in map(str.strip, next(csv.reader([value], skipinitialspace=True), [])):
        several = with_ranges(name, part, models)
        if isinstance(several, list):
            values += several
        else:
            values.append(part if field is not None and kind == "string" else read_json(part))
    return name, values
