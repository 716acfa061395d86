"""What a grid says of its pictures: below each what differs, and once what all share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pruna_nb.show.fields import phrase
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

# fields that captions say of a picture that stands alone, and first of several
_USUAL = ("prompt", "aspect_ratio", "seed")
_PROMPT_LIMIT = 300  # characters


def text_of(value: object) -> str:
    """Return a cell's value in words; empty for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):  # a column with a gap in it holds its whole numbers as such
        return str(int(value)) if value.is_integer() else f"{value:g}"
    return str(value)


def varying(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fields that differ among requests, the usual ones first.

    A single request has nothing to differ from: all its usual fields count.
    """
    names = dict.fromkeys([*_USUAL, *(name for fact in facts for name in fact)])
    if len(facts) == 1:
        return [name for name in _USUAL if facts[0].get(name) is not None]
    return [name for name in names if len({text_of(fact.get(name)) for fact in facts}) > 1]


def caption_of(fact: Mapping[str, Any], told: Sequence[str]) -> tuple[str, str]:
    """Return a caption and its note: what was requested, as far as it is to be told.

    The note is what tells apart pictures of one prompt that is too long to be shown.
    """
    said = [
        phrase(name, text_of(fact[name]))
        for name in told
        if name != "prompt" and text_of(fact.get(name))
    ]
    prompt = str(fact["prompt"]) if "prompt" in told and fact.get("prompt") else ""
    return prompt, " · ".join(said)


def shared_of(
    facts: Sequence[Mapping[str, Any]], varied: Sequence[str], axes: Collection[Any]
) -> str:
    """Return what all requests share, without what an axis shows."""
    if len(facts) < 2:  # noqa: PLR2004 - nothing is shared by one alone
        return ""
    names = [
        name
        for name in dict.fromkeys(["prompt", "model", *_USUAL, *facts[0]])
        if name not in varied and name not in axes and text_of(facts[0].get(name))
    ]
    said = [
        visible_line(facts[0][name], _PROMPT_LIMIT)
        if name == "prompt"
        else phrase(name, text_of(facts[0][name]))
        for name in names
    ]
    return " · ".join(said)


def alt_of(given: dict[str, Any]) -> str:
    """Return what a screen reader reads in place of a picture."""
    names = ("prompt", "seed", "aspect_ratio")
    return ", ".join(
        str(given[name]) if name == "prompt" else f"{name.replace('_', ' ')} {text_of(given[name])}"
        for name in names
        if given.get(name) is not None
    )
