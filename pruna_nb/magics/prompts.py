"""The prompts of a cell: filled from variables, with a prompt for each choice and list item."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import combinations
from pruna_nb.errors import InputError
from pruna_nb.form.sweep import parse_prompts
from pruna_nb.frames.call import is_several, several
from pruna_nb.templates import BRACES, is_empty, parse, replaced, variants
from pruna_nb.text import counted, cut, did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.arguments import Problems

_PROMPTS_AT_MOST = 10_000
_SHOWN = 4


def prompts_of(cell: str, variables: Mapping[str, Any], rule: str, problems: Problems) -> list[str]:
    """Return the prompts that a cell makes, each once; what is wrong with a line is noted."""
    prompts: list[str] = []
    for line in parse_prompts(cell):
        with problems.noted():
            prompts += fill_prompts(line, variables)
    with problems.noted():
        prompts = replaced(prompts, rule)
    # lines that cannot be filled stand for themselves where the rest of the cell is checked
    return list(dict.fromkeys(prompts)) or (list(parse_prompts(cell)) if problems else [])


def prompts_line(prompts: Sequence[str], cell: str) -> str:
    """Return which prompts a cell makes, in one line; empty if they are its lines."""
    if list(prompts) == list(parse_prompts(cell)):
        return ""
    some = "; ".join(cut(prompt, 60) for prompt in prompts[:_SHOWN])
    left = len(prompts) - _SHOWN
    return f"{counted(len(prompts), 'prompt')}: {some}{f'; and {left:,} more' if left > 0 else ''}"


def fill_prompts(prompt: str, variables: Mapping[str, Any]) -> list[str]:
    """Return the prompts that a template makes: one for each choice, and for each item of a list.

    Raises
    ------
    InputError
        As `fill_prompt`, and if there are too many.

    Examples
    --------
    >>> fill_prompts("a {red|blue} {animal}", {"animal": ["fox", "owl"]})
    ['a red fox', 'a red owl', 'a blue fox', 'a blue owl']
    """
    made: list[str] = []
    for text in variants(prompt, variables, most=_PROMPTS_AT_MOST):
        lists = {
            name: several(variables[name])
            for name in parse(text, variables).names
            if is_several(variables.get(name))
        }
        if empty := [name for name, items in lists.items() if not items]:
            raise InputError(f"The variable {empty[0]!r} is an empty list; give it a value.")
        if math.prod(map(len, lists.values())) > _PROMPTS_AT_MOST:
            msg = f"The lists in {prompt[:60]!r} make more than {_PROMPTS_AT_MOST:,} prompts."
            raise InputError(msg)
        made += [fill_prompt(text, {**variables, **row}) for row in combinations(lists)]
    return [text for text in made if text.strip()]


def fill_prompt(prompt: str, variables: Mapping[str, Any]) -> str:
    """Fill ``{name}`` in a prompt from variables.

    Parameters
    ----------
    prompt : str
        A template (`pruna_nb.templates`), such as "a {color} fox".
    variables : mapping of str to object
        Text, numbers and dates.

    Raises
    ------
    InputError
        If there is no such variable, if it is empty, or not text, a number or a date.

    Examples
    --------
    >>> fill_prompt("a {color} fox, {{really}}", {"color": "red"})
    'a red fox, {really}'
    """
    template = parse(prompt, variables)
    values = {}
    for name in template.names:
        if name not in variables:
            # IPython's own variables (_, _3, __name__) are not what somebody meant to write.
            near = near_names(name, [each for each in variables if each[0] != "_"])
            meant = did_you_mean(near)
            raise InputError(f"The notebook has no variable {name!r}.{meant} {BRACES}")
        values[name] = variables[name]
        if is_empty(values[name]):
            raise InputError(f"The variable {name!r} is empty ({values[name]!r}); give it a value.")
    return template.fill(values)
