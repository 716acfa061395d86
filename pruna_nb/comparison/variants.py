"""What is compared: variants by name, each a prompt, a template, a model or settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.templates import parse
from pruna_nb.text import shown

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
        What it is called in the result; never shown while somebody votes.
    settings : mapping
        What it sets: ``model``, ``prompt`` (text or template), and any other input field.
    """

    name: str
    settings: Mapping[str, Any]

    def template(self, names: Collection[str] = ()) -> Template | None:
        """Return the prompt as a template; None if it sets no prompt, or one that is no text.

        Parameters
        ----------
        names : collection of str
            As for `templates.parse`.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        prompt = self.settings.get("prompt")
        return parse(prompt, names) if isinstance(prompt, str) else None


def read_variants(
    variants: Mapping[str, object] | Sequence[object],
    *,
    models: Collection[str] = (),
    secrets: Collection[str] = (),
) -> tuple[Variant, ...]:
    """Read the variants as a user writes them.

    Parameters
    ----------
    variants : mapping of str to object, or sequence
        At least two. Each is a text (the name of a known model, or else a prompt or a
        template with ``{names}``) or a mapping of settings. A sequence gets names: the text
        if it is short, what the settings say, or else A, B, C.
    models : collection of str
        The known models' names.
    secrets : collection of str
        Fields whose values must not get into a name.

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
    settings = [_read_settings(value, models) for value in values]
    names = [str(name).strip() for name in variants] if named else _make_names(settings, secrets)
    if any(not name for name in names):
        raise InputError("a variant's name must not be empty")
    if doubles := [name for name, count in Counter(names).items() if count > 1]:
        msg = f"two variants have the same name: {', '.join(map(repr, doubles))}"
        raise InputError(msg)
    return tuple(Variant(name, each) for name, each in zip(names, settings, strict=True))


def _read_settings(value: object, models: Collection[str]) -> dict[str, Any]:
    if isinstance(value, str) and value.strip():
        if value in models:
            return {"model": value}
        _refuse_misspelt(value, models)
        return {"prompt": value}
    if isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value):
        return dict(value)
    msg = (
        "a variant is a prompt, a template, a model's name or a dict of settings such as "
        f"{{'model': 'p-image'}}; {shown(value)} was given"
    )
    raise InputError(msg)


def _refuse_misspelt(text: str, models: Collection[str]) -> None:
    """Take no misspelt model for a prompt: that would be paid for."""
    import difflib

    if any(map(str.isspace, text)) or not set("-_") & set(text):
        return
    if near := difflib.get_close_matches(text.lower(), models, n=1, cutoff=0.8):
        msg = (
            f"{shown(text)} is no model. Did you mean {near[0]!r}? As a prompt, write "
            f"{{'prompt': {text!r}}}"
        )
        raise InputError(msg)


def _make_names(settings: Sequence[Mapping[str, Any]], secrets: Collection[str]) -> list[str]:
    names = [_describe(each, secrets) for each in settings]
    if len(set(names)) == len(names) and all(len(name) <= _NAME_LENGTH for name in names):
        return names
    return [_letters(number) for number in range(len(settings))]


def _describe(settings: Mapping[str, Any], secrets: Collection[str]) -> str:
    if len(settings) == 1 and (alone := settings.get("model", settings.get("prompt"))):
        return " ".join(str(alone).split())
    return ", ".join(
        f"{key}={'***' if key in secrets else value}" for key, value in settings.items()
    )


def _letters(number: int) -> str:
    """Count as a spreadsheet counts its columns: A, B, ..., Z, AA, AB."""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, len(ascii_uppercase))
        text = ascii_uppercase[rest] + text
    return text
