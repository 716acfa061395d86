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


def loads(text: str | bytes) -> Any:
    """Return what a text of JSON holds.

    Raises
    ------
    ValueError
        If it is not JSON, holds a number that JSON or a float cannot, an object with one name
        twice, or is nested more than 100 deep.
    """
    try:
        found = json.loads(
            text, object_pairs_hook=_object, parse_constant=_number, parse_float=_number
        )
    except RecursionError:
        found = None
        deep = True
    else:
        deep = _is_deep(found)
    if deep:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError(f"the name {twice[:40]!r} stands twice in one object")
    return found


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a number that JSON or a float can hold")
    return number


def _is_deep(found: Any) -> bool:
    level = [found] if isinstance(found, (dict, list)) else []
    for _ in range(_DEEPEST):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, (dict, list))
        ]
    return bool(level)
