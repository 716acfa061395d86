"""The registry of models: look-up by name, and models added by the user.

The service gets new models within days, so the catalogue is never complete. A name that it does
not know is sent unchanged after one warning; only a name that looks like a typing mistake, or is
the first word of several models (flux, qwen), is refused.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import warnings
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from difflib import SequenceMatcher
from functools import lru_cache
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.catalog.model import Model, Output, model_from_spec
from pruna_nb.errors import InputError, SettingsError, UnknownModelError
from pruna_nb.forks import renew_in_child
from pruna_nb.text import described, did_you_mean, fold_name, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pruna_nb.arguments import Problems

# Two words of at least this similarity (difflib's ratio) count as one, misspelt.
_ALIKE: Final = 0.75

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")

_registered: dict[str, Model] = {}
_warned: set[str] = set()
_lock = threading.Lock()
# A lock that another thread holds while the process forks would stay locked in the child.
renew_in_child(sys.modules[__name__])


class UnknownModelWarning(UserWarning):
    """A model is used that the catalogue does not know."""


@lru_cache(maxsize=1)  # read when a model is first asked for: an import stays quick
def _packaged() -> Mapping[str, Model]:
    text = Path(__file__).with_name("models.json").read_text(encoding="utf-8")
    return {name: model_from_spec(name, spec) for name, spec in json.loads(text).items()}


def model_names() -> tuple[str, ...]:
    """Return the names of all models: the packaged ones, then those registered since."""
    return tuple({**_packaged(), **_registered})


def all_models() -> tuple[Model, ...]:
    """Return all models, in the order of `model_names`."""
    return tuple({**_packaged(), **_registered}.values())


def get_model(name: str) -> Model:
    """Return the model of exactly this name.

    Raises
    ------
    UnknownModelError
        If the catalogue has no such model; the message suggests similar names.

    Examples
    --------
    >>> get_model("p-image").task
    'text-to-image'
    """
    model = _look_up(name)
    if model is None:
        raise UnknownModelError(_unknown_text(name))
    return model


def find_model(name: str, *, unchecked: bool = False) -> Model:
    """Return the model that a call means by a name, known or not.

    Parameters
    ----------
    name : str
        The model's name.
    unchecked : bool
        Accept an unknown name without a warning, and leave inputs unchecked.

    Returns
    -------
    Model
        The catalogue's, or one with ``known=False``, no fields and no price. It carries whether
        its inputs are checked.

    Raises
    ------
    UnknownModelError
        If the name looks like a misspelt known one, or is not a valid model name.

    Warns
    -----
    UnknownModelWarning
        Once per process for each unknown name.
    """
    model = lookup_model(name)
    if unchecked:
        return replace(model, unchecked=True)
    if _look_up(name) is None:
        if _likely(name):
            raise UnknownModelError(_unknown_text(name))
        with _lock:
            is_new = name not in _warned
            _warned.add(name)
        if is_new:
            warnings.warn(
                f"the catalogue does not know the model {name!r}: its input is sent unchecked, at "
                f"150 requests a minute, and its price is unknown. Describe it with "
                f"pruna_nb.register_model({name!r}, ...).",
                UnknownModelWarning,
                stacklevel=2,
            )
    return model


def lookup_model(name: str) -> Model:
    """Return the catalogue's model of a name, or one of which nothing is known.

    Raises
    ------
    UnknownModelError
        If it is not a valid model name.
    """
    model = _look_up(name)
    if model is not None:
        return model
    if name != NO_MODEL and not _PLAIN_NAME.fullmatch(name):
        raise UnknownModelError(_invalid_name(name))
    return Model(
        name=name,
        task="unknown",
        output="unknown",
        requests_per_minute=None,
        try_sync=False,
        price=None,
        fields=MappingProxyType({}),
        known=False,
        note="Not in the catalogue: sent unchecked.",
    )


def register_model(
    name: str,
    *,
    task: str = "text-to-image",
    output: Output = "image",
    requests_per_minute: int | None = 150,
    try_sync: bool = False,
    price_usd: float | None = None,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    required: Iterable[str] = (),
) -> Model:
    """Add a model to the catalogue for this process, or replace one of the same name.

    Parameters
    ----------
    name : str
        The value of the header ``Model``.
    task, output : str
        Such as "text-to-image", and "image", "video" or "zip".
    requests_per_minute : int or None
        The limit of one key; None counts as 150.
    try_sync : bool
        Whether single calls may wait for the result in the request itself.
    price_usd : float or None
        For one output; None if it is not known.
    fields : mapping, optional
        Each field's name and its specification: ``type`` ("string", "integer", "number",
        "boolean", "array") and, where they apply, ``default``, ``choices``, ``minimum``,
        ``maximum``, ``multiple_of``, ``min_items``, ``max_items``, ``item_type``, ``media``,
        ``secret``, ``only_when``, ``unit``, ``help``. Without fields, inputs are sent unchecked.
    required : iterable of str
        The fields that a prediction needs.

    Returns
    -------
    Model

    Raises
    ------
    SettingsError
        If a value or a field's specification is wrong.

    Examples
    --------
    >>> model = register_model(
    ...     "p-sketch",
    ...     price_usd=0.002,
    ...     fields={"prompt": {"type": "string"}, "seed": {"type": "integer"}},
    ...     required=["prompt"],
    ... )
    >>> model.required
    ('prompt',)
    """
    if not _PLAIN_NAME.fullmatch(name):
        raise SettingsError(_invalid_name(name))
    if output not in ("image", "video", "zip"):
        msg = f"output {output!r} is not one of image, video, zip"
        raise SettingsError(msg)
    numbers: list[tuple[str, Any, int]] = [
        ("requests_per_minute", requests_per_minute, 1),
        ("price_usd", price_usd, 0),
    ]
    for word, number, least in numbers:
        # A boolean would be a price of 1 USD. NaN is refused too: no comparison with it is true.
        is_number = isinstance(number, (Real, Decimal)) and not isinstance(number, bool)
        if number is not None and not (is_number and least <= number < float("inf")):
            raise SettingsError(f"{word} must be {least} or more, not {shown(number)}")
    named: Any = {} if fields is None else fields
    if not isinstance(named, Mapping) or not all(isinstance(f, Mapping) for f in named.values()):
        raise SettingsError(
            "fields must be a dict of a dict for each field, such as "
            f"{{'prompt': {{'type': 'string'}}}}; {described(fields)} was given."
        )
    spec = {
        "task": task,
        "output": output,
        "requests_per_minute": requests_per_minute,
        "try_sync": try_sync,
        "price": None if price_usd is None else {"unit": "image", "usd": float(price_usd)},
        "required": tuple(required),
        "fields": named,
    }
    model = model_from_spec(name, spec)
    with _lock:
        _registered[name] = model
    return model


# Stands for a model that was not found, while the rest of a call is checked; its brackets make it
# no name that a model could have.
NO_MODEL = "(no such model)"


def read_model(model: object, problems: Problems, *, unchecked: bool = False) -> Model:
    """Return the model that an argument means; a mistake is added to `problems`.

    Parameters
    ----------
    model : str or Model
        A name, as `find_model` takes it.
    problems : Problems
        Gets the mistake if there is no such model. A model without fields is returned then, so
        that the rest of the call can be checked too.
    unchecked : bool
        Accept an unknown name, and leave inputs unchecked.
    """
    if isinstance(model, Model):
        return replace(model, unchecked=True) if unchecked else model
    with problems.noted():
        if not isinstance(model, str):
            raise InputError(
                f"model must be a model's name, such as 'p-image'; {described(model)} was given."
            )
        # The str() of a member of an enum is the member's name, not its text.
        return find_model(str.__str__(model), unchecked=unchecked or model == NO_MODEL)
    return find_model(NO_MODEL, unchecked=True)


def _invalid_name(name: object) -> str:
    return f"{shown(name)} is not a valid model name: use letters, digits, '-', '.', '_' and '/'"


def _look_up(name: str) -> Model | None:
    return _registered.get(name) or _packaged().get(name)


def _unknown_text(name: str) -> str:
    near = dict.fromkeys([*_likely(str(name)), *near_names(name, model_names())])
    hint = did_you_mean(list(near)[:3])
    return (
        f"no model {shown(name)} in the catalogue.{hint} If it is new, add it with "
        f"pruna_nb.register_model({shown(name)}, ...) or pass unchecked=True; "
        "pruna_nb.models() lists the known models."
    )


def _likely(name: str) -> list[str]:
    """Return the known names that a name probably means: one misspelt, or a family's models."""
    folded = fold_name(name)
    words = folded.split("-")
    for known in model_names():
        known_words = known.split("-")
        if "".join(words) == "".join(known_words):  # hyphens elsewhere, such as pimage
            return [known]
        if len(words) != len(known_words):
            continue
        pairs = [pair for pair in zip(words, known_words, strict=True) if pair[0] != pair[1]]
        # A number tells models apart (flux-2-klein-4b, -9b): another digit is another model.
        is_other_number = any(letter.isdigit() for pair in pairs for letter in "".join(pair))
        if not is_other_number and all(
            SequenceMatcher(None, *pair).ratio() >= _ALIKE for pair in pairs
        ):
            return [known]
    # "flux" or "qwen" is the first word of several models, and the name of none.
    return [known for known in model_names() if known.split("-")[0] == folded]
