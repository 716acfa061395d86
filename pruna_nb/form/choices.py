"""Choices in the form's prompts: ``a {red|blue} fox`` is two prompts, each made with every seed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pruna_nb.form.sweep import POINTS_AT_MOST
from pruna_nb.templates import choice_of, replaced, variants

if TYPE_CHECKING:
    from collections.abc import Iterable

_LITERAL = re.compile(r"\{\{([^{}|]*(?:\|[^{}|]*)+)\}\}")
_BRACES = re.compile(r"(?<!\{)\{([^{}]*)\}(?!\})")


def expand(prompts: Iterable[str], rule: str = "") -> tuple[str, ...]:
    """Return prompts with their choices made, in every combination, each once.

    Parameters
    ----------
    prompts : iterable of str
        ``{red|blue}`` is a choice, ``{very |}`` one between a word and nothing;
        ``{{red|blue}}`` stands for itself with single braces. Other braces are text.
    rule : str
        What is to be replaced in them (`pruna_nb.templates.replaced`).

    Raises
    ------
    InputError
        If there are more combinations than a form shows, or a rule cannot be read.

    Examples
    --------
    >>> expand(["a {red|blue} fox {at night|at noon}"])[:3]
    ('a red fox at night', 'a red fox at noon', 'a blue fox at night')
    >>> expand(["a {red|blue} fox"], "fox -> owl")
    ('a red fox', 'a red owl', 'a blue fox', 'a blue owl')
    """
    made = (text for prompt in prompts for text in variants(prompt, most=POINTS_AT_MOST))
    texts = [_LITERAL.sub(r"{\1}", text) for text in made if text.strip()]
    return tuple(replaced(texts, rule))


def as_text(prompt: str) -> str:
    """Return a prompt so that `expand` gives it back: braces around a choice are doubled.

    Examples
    --------
    >>> as_text("a {red|blue} fox")
    'a {{red|blue}} fox'
    """
    return _BRACES.sub(lambda match: f"{{{match[0]}}}" if choice_of(match[1]) else match[0], prompt)
