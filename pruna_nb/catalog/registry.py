"""Which models there are, and which are meant.

The catalogue is always behind the service, where new models appear within days. So a name
that it does not know is sent as it is, after one warning; only a name that looks like a slip
of the pen, or that is the first word of several models (flux, qwen), is refused.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.catalog.model import Model, Output, model_from_spec
from pruna_nb.errors import InputError, SettingsError, UnknownModelError
from pruna_nb.forks import renew_in_child
from pruna_nb.text import described, did_you_mean, fold_name, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pruna_nb.arguments import Problems

_ALIKE: Final = 0.75
"""How alike two words must be for the one to pass as the other misspelt (difflib's ratio)."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")

_registered: dict[str, Model] = {}
_warned: set[str] = set()
_lock = threading.Lock()
renew_in_child(sys.modules[__name__])


class UnknownModelWarning(UserWarning):
    """A model that the catalogue does not know is used as it is."""


@lru_cache(maxsize=1)
def _packaged() -> Mapping[str, Model]:
    text = Path(__file__).with_name("models.json").read_text(encoding="utf-8")
    return {name: model_from_spec(name, spec) for name, spec in json.loads(text).items()}


def model_names() -> tuple[str, ...]:
    """Give the names of all models: the packaged ones, then those registered since."""
    return tuple({**_packaged(), **_registered})


def all_models() -> tuple[Model, ...]:
    """Give all models, in the order of `model_names`."""
    return tuple({**_packaged(), **_registered}.values())


def get_model(name: str) -> Model:
    """Look a model up by its exact name.

    Raises
    ------
    UnknownModelError
        If the catalogue has no such model; it names those with a near name.

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
    """Find what is meant by a name, known or not.

    Parameters
    ----------
    name : str
        The model's name.
    unchecked : bool
        Take any name that is not known as it is, without a warning.

    Returns
    -------
    Model
        The catalogue's, or one with ``known=False``, no fields and no price. It carries whether
        its inputs are checked.

    Raises
    ------
    UnknownModelError
        If the name looks like a known one misspelt, or could be no model's name at all.

    Warns
    -----
    UnknownModelWarning
        Once a process for each name that is not known.
    """
    model = lookup_model(name)
    if unchecked:
        return replace(model, unchecked=True)
    if _look_up(name) is None:
        if _likely(name):
            raise UnknownModelError(_unknown_text(name))
        _warn_once(name)
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
        note="Not in the catalogue: sent as it is.",
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
        What the header ``Model`` is to carry.
    task, output : str
        Such as "text-to-image", and "image", "video" or "zip".
    requests_per_minute : int or None
        The limit for one key; None counts as 150.
    try_sync : bool
        Whether single calls may wait for the answer in the request itself.
    price_usd : float or None
        For one output; None if it is not known.
    fields : mapping, optional
        Each field's name and what is known of it: ``type`` ("string", "integer", "number",
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
        msg = f"output {output!r} is none of image, video, zip"
        raise SettingsError(msg)
    if requests_per_minute is not None and requests_per_minute < 1:
        msg = f"requests_per_minute must be 1 or more, not {requests_per_minute!r}"
        raise SettingsError(msg)
    if price_usd is not None and not 0 <= price_usd < float("inf"):
        msg = f"price_usd must be 0 or more, not {price_usd!r}"
        raise SettingsError(msg)
    spec = {
        "task": task,
        "output": output,
        "requests_per_minute": requests_per_minute,
        "try_sync": try_sync,
        "price": None if price_usd is None else {"unit": "image", "usd": float(price_usd)},
        "required": tuple(required),
        "fields": fields or {},
    }
    model = model_from_spec(name, spec)
    with _lock:
        _registered[name] = model
    return model


NO_MODEL = "(no such model)"
"""Stands for a model that could not be found, while the rest of a call is checked."""


def read_model(model: object, problems: Problems, *, unchecked: bool = False) -> Model:
    """Return the model that an argument means; what is wrong with it is noted.

    Parameters
    ----------
    model : str or Model
        A name, as `find_model` takes it.
    problems : Problems
        Where it is noted that there is no such model; one of which nothing is known is returned
        then, so that what does not depend on it is checked too.
    unchecked : bool
        Take any name that is not known.
    """
    if isinstance(model, Model):
        return replace(model, unchecked=True) if unchecked else model
    with problems.noted():
        if not isinstance(model, str):
            given = f"{described(model)} was given"
            raise InputError(f"model must be a model's name, such as 'p-image'; {given}.")
        return find_model(str.__str__(model), unchecked=unchecked or model == NO_MODEL)
    return find_model(NO_MODEL, unchecked=True)


def _invalid_name(name: object) -> str:
    return f"{shown(name)} is not a valid model name: use letters, digits, '-', '.', '_' and '/'"


def _look_up(name: str) -> Model | None:
    return _registered.get(name) or _packaged().get(name)


def _warn_once(name: str) -> None:
    with _lock:
        if name in _warned:
            return
        _warned.add(name)
    warnings.warn(
        f"the catalogue does not know the model {name!r}: its input is sent unchecked, at "
        f"150 requests a minute, at a price that is not known. pruna_nb.register_model({name!r}, "
        "...) makes it known.",
        UnknownModelWarning,
        stacklevel=3,
    )


def _unknown_text(name: str) -> str:
    near, likely = near_names(name, model_names()), _likely(str(name))
    near = [*likely, *(each for each in near if each not in likely)][:3]
    return (
        f"no model {shown(name)} in the catalogue.{did_you_mean(near)} If it is new, add it with "
        f"pruna_nb.register_model({shown(name)}, ...) or pass unchecked=True; "
        "pruna_nb.models() lists those that are known."
    )


def _likely(name: str) -> list[str]:
    """Give the known names that this one is likely to stand for: the one misspelt, or a family."""
    meant = _meant(name)
    return _family(name) if meant is None else [meant]


def _meant(name: str) -> str | None:
    """Give the known name of which this one is a likely misspelling, if there is one.

    A number sets models apart (flux-2-klein-4b, -9b), and so does one word more
    (p-image-2), so only words without digits can be misspelt.
    """
    words = fold_name(name).split("-")
    for known in model_names():
        theirs = known.split("-")
        if "".join(words) == "".join(theirs):
            return known
        if len(words) == len(theirs) and all(
            mine == other or _misspelt(mine, other)
            for mine, other in zip(words, theirs, strict=True)
        ):
            return known
    return None


def _family(name: str) -> list[str]:
    """Give the models whose first word this is: "flux" is said of several, and names none."""
    word = fold_name(name)
    return [known for known in model_names() if known.split("-")[0] == word]


def _misspelt(word: str, known: str) -> bool:
    if any(letter.isdigit() for letter in word + known):
        return False
    import difflib

    return difflib.SequenceMatcher(None, word, known).ratio() >= _ALIKE
