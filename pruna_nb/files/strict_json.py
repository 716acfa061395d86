"""JSON of unknown origin: read as the standard says it, or refused with the reason.

Python's own reader takes NaN, lets the last of two equal names win, and makes infinity of 1e999.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

# Python writes and shows nothing that is nested ten times deeper; what we write is not by ten.
_DEEPEST = 100
_TOO_DEEP = f"it is nested more than {_DEEPEST} deep"


def loads(text: str | bytes) -> Any:
    """Return what a text of JSON holds.

    Raises
    ------
    ValueError
        If it is not JSON, holds a number that JSON or a float cannot, an object with one name
        twice, or is nested more than 100 deep.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_number, parse_float=_number
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level: list[Any] = [[value]]
    for _ in range(_DEEPEST + 1):
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, (dict, list))
        ]
    if level:
        raise ValueError(_TOO_DEEP)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError(f"the name {twice[:40]!r} stands twice in one object")
    return value


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a number that JSON or a float can hold")
    return number
