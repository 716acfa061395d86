"""What is compared: variants by name, each a prompt, a template, a model or settings."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import all_models, model_names
from pruna_nb.errors import InputError
from pruna_nb.templates import parse
from pruna_nb.text import near_names, shown

if TYPE_CHECKING:
    from collections.abc import Collection

    from pruna_nb.templates import Template

_NAME_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the things that are compared.

    Parameters
    ----------
    name : str
        Its name in the result; never shown while somebody votes.
    settings : mapping
        What it sets: ``model``, ``prompt`` (text or template), and any other input field.
    """

    name: str
    settings: Mapping[str, Any]

    def template(self, names: Collection[str] = ()) -> Template | None:
        """Return the prompt as a template; None if it sets no prompt, or one that is not text.

        Parameters
        ----------
        names : collection of str
            As for `templates.parse`.

        Raises
        ------
        InputError
            If it is not a valid template.
        """
        prompt = self.settings.get("prompt")
        return parse(prompt, names) if isinstance(prompt, str) else None


def secret_fields() -> frozenset[str]:
    """Return the names of all models' secret fields: variants may be of several models."""
    return frozenset().union(*(model.secret_names for model in all_models()))


def read_variants(variants: Mapping[str, object] | Sequence[object]) -> tuple[Variant, ...]:
    """Read the variants as a user writes them.

    Parameters
    ----------
    variants : mapping of str to object, or sequence
        At least two. Each is a text (the name of a known model, or else a prompt or a
        template with ``{names}``) or a mapping of settings. In a sequence each is named by its
        text if that is short, by its settings, or else A, B, C.

    Returns
    -------
    tuple of Variant

    Raises
    ------
    InputError
        If there are fewer than two, if a name is empty or given twice, if a variant is neither
        a text nor a mapping, or if it is almost a model's name.

    Examples
    --------
    >>> [v.name for v in read_variants(["a fox", {"prompt": "a fox", "seed": 3}])]
    ['a fox', 'prompt=a fox, seed=3']
    """
    if isinstance(variants, (str, bytes)) or not isinstance(variants, (Mapping, Sequence)):
        msg = (
            "variants must be a dict of names to prompts, models or settings, or a list of "
            f"them; {type(variants).__name__} was given"
        )
        raise InputError(msg)
    named = isinstance(variants, Mapping)
    values = list(variants.values()) if isinstance(variants, Mapping) else list(variants)
    if len(values) < 2:  # noqa: PLR2004 - a comparison is of two
        msg = f"a comparison needs at least 2 variants; {len(values)} given"
        raise InputError(msg)
    models = model_names()
    settings = [_read_settings(value, models) for value in values]
    names = [str(name).strip() for name in variants] if named else _make_names(settings)
    if any(not name for name in names):
        raise InputError("a variant's name must not be empty")
    if doubles := [name for name, count in Counter(names).items() if count > 1]:
        msg = f"two variants have the same name: {', '.join(map(repr, doubles))}"
        raise InputError(msg)
    return tuple(map(Variant, names, settings))


def _read_settings(value: object, models: Collection[str]) -> dict[str, Any]:
    if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
        return dict(value)
    if not isinstance(value, str) or not value.strip():
        msg = (
            "a variant is a prompt, a template, a model's name or a dict of settings such as "
            f"{{'model': 'p-image'}}; {shown(value)} was given"
        )
        raise InputError(msg)
    if value in models:
        return {"model": value}
    # A misspelt model would be sent, and paid for, as a prompt. Only what has a model's hyphen
    # and no space is taken for one: "lighthouse" is near to a name too.
    if set("-_") & set(value) and not any(map(str.isspace, value)):
        near = near_names(value, models, alike=0.8)
        if near:
            msg = (
                f"{shown(value)} is not a model. Did you mean {near[0]!r}? As a prompt, write "
                f"{{'prompt': {value!r}}}"
            )
            raise InputError(msg)
    return {"prompt": value}


def _make_names(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    secrets = secret_fields()
    names = []
    for each in settings:
        text = each.get("model", each.get("prompt")) if len(each) == 1 else None
        if text:
            names.append(" ".join(str(text).split()))
        else:
            shown_values = ((k, "***" if k in secrets else v) for k, v in each.items())
            names.append(", ".join(f"{key}={value}" for key, value in shown_values))
    if len(set(names)) == len(names) and all(len(name) <= _NAME_LENGTH for name in names):
        return names
    # A, B, ..., Z, AA, AB, as a spreadsheet names its columns.
    words = (itertools.product(ascii_uppercase, repeat=length) for length in itertools.count(1))
    letters = map("".join, itertools.chain.from_iterable(words))
    return list(itertools.islice(letters, len(settings)))
