"""Choices in a prompt: ``a {red|blue} fox`` is two prompts, each made with every seed.

Every combination is made, none is drawn: so a seed stays what it is, and two pictures of one seed
differ by the choice alone.
"""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING

from pruna_nb.errors import InputError
from pruna_nb.form.sweep import POINTS_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Iterable

# A brace before a quotation mark begins text, such as JSON; doubled ones are literal braces.
_CHOICE = re.compile(r"(?<!\{)\{(?!\s*[\"'])([^{}|]*(?:\|[^{}|]*)+)\}(?!\})")
_LITERAL = re.compile(r"\{\{([^{}|]*(?:\|[^{}|]*)+)\}\}")


def expand(prompts: Iterable[str]) -> tuple[str, ...]:
    """Return prompts with their choices made, in every combination, each once.

    Parameters
    ----------
    prompts : iterable of str
        ``{red|blue}`` is a choice, ``{very |}`` one between a word and nothing;
        ``{{red|blue}}`` stands for itself with single braces.

    Raises
    ------
    InputError
        If there are more combinations than a form shows.

    Examples
    --------
    >>> expand(["a {red|blue} fox {at night|at noon}"])[:3]
    ('a red fox at night', 'a red fox at noon', 'a blue fox at night')
    """
    return tuple(dict.fromkeys(text for prompt in prompts for text in _combinations(prompt)))


def as_text(prompt: str) -> str:
    """Return a prompt so that `expand` gives it back: braces around a choice are doubled.

    Examples
    --------
    >>> as_text("a {red|blue} fox")
    'a {{red|blue}} fox'
    """
    return _CHOICE.sub(r"{{\1}}", prompt)


def _combinations(prompt: str) -> list[str]:
    parts = _CHOICE.split(prompt)  # text, a choice, text, a choice, ... text
    choices = [part.split("|") for part in parts[1::2]]
    if (count := math.prod(map(len, choices))) > POINTS_AT_MOST:
        msg = (
            f"prompt: the choices of {prompt[:60]!r} have {count:,} combinations, which are too "
            f"many; a form takes {POINTS_AT_MOST:,} pictures. Leave some of them out."
        )
        raise InputError(msg)
    found = []
    for chosen in itertools.product(*choices):
        pieces = [parts[0]]
        for word, after in zip(chosen, parts[2::2], strict=True):
            pieces += [word, after]
        text = "".join(pieces)
        if not all(word.strip() for word in chosen):  # where nothing was chosen, one blank is left
            text = re.sub(r" {2,}", " ", text).strip()
        found.append(_LITERAL.sub(r"{\1}", text))
    return [text for text in found if text.strip()]
