"""What a verb requests of a frame, read once: constants, columns, template, samples."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Iterator, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import listed, switch, text, whole
from pruna_nb.batch.options import OPTION_NAMES, unknown_name
from pruna_nb.catalog import NO_MODEL, find_model, lookup_model, read_model
from pruna_nb.errors import InputError, UnknownModelError
from pruna_nb.frames.columns import plain_label
from pruna_nb.frames.order import prompts_first
from pruna_nb.redact import redact_values
from pruna_nb.tables.cells import plain, unshared
from pruna_nb.text import described, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model

ATTRS = "pruna_nb"
"""The key of a frame's attrs with the call that made each of its output columns."""
_SUFFIX = "_col"
_SHOWN_AT_MOST = 60
_SAMPLES_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb on a frame.

    Parameters
    ----------
    model : Model
        Found once, with whether its inputs are checked.
    constants : dict
        Fields with one value for all rows.
    columns : dict
        Fields whose values are a column's, by field; a list of columns for a field that
        takes a list of files.
    template : str or None
        A template of prompts, in place of a column.
    samples : int
        Outputs for each row.
    prefix : str
        The prefix of the result columns' names.
    needs : tuple of str
        Fields without which a row is skipped, beside those that the model requires.
    recorded : frozenset of str
        Fields that were read from a table's own record, not from arguments: the files that they
        name are uploaded only if this session named them too.
    """

    model: Model
    constants: dict[str, Any] = field(default_factory=dict, repr=False)
    columns: dict[str, Any] = field(default_factory=dict)
    template: str | None = None
    samples: int = 1
    prefix: str = ""
    needs: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()

    def resolved(self) -> Call:
        """Return a call of a table's record for a run: its model is found as one just asked for.

        Raises
        ------
        UnknownModelError
            If the catalogue of this session does not know it, and it looks misspelt.
        """
        return replace(self, model=find_model(self.model.name, unchecked=self.model.unchecked))

    def labels(self) -> list[Any]:
        """Return the labels of all columns that fields are read from."""
        return [label for value in self.columns.values() for label in _listed(value)]

    def drafts(self) -> bool:
        """Whether it makes drafts, whose final pass needs their seeds."""
        return self.constants.get("draft") is True or "draft" in self.columns

    def chooses_seeds(self) -> bool:
        """Whether it needs a column of seeds that it does not read: `with_samples` makes it."""
        return self.needs_seeds() and self.columns.get("seed") != "seed"

    def needs_seeds(self) -> bool:
        """Whether its rows need seeds in a column."""
        return self.samples > 1 or (self.drafts() and "seed" not in self.constants)

    def settled(self) -> Call:
        """Return the call for the frame that `with_samples` made: seeds are in a column."""
        if not self.needs_seeds():
            return self
        constants = {name: value for name, value in self.constants.items() if name != "seed"}
        return replace(
            self, samples=1, constants=constants, columns={**self.columns, "seed": "seed"}
        )

    def as_attrs(self) -> dict[str, Any] | None:
        """Return the call as JSON for a frame's attrs; None if a constant is secret or not JSON."""
        if not self.model.secret_names.isdisjoint(self.constants):
            return None
        if redact_values(self.constants) != self.constants:
            return None
        named = {"model": self.model.name, "unchecked": self.model.unchecked}
        values = {name: getattr(self, name) for name in _TYPES if name not in named} | named
        # A label that is a tuple would come back from JSON as a list of labels.
        values["columns"] = _labels_by_field(
            self.columns,
            lambda label: {_LEVELS: list(label)} if isinstance(label, tuple) else label,
        )
        try:
            spec: dict[str, Any] = json.loads(json.dumps(values))
        except (TypeError, ValueError, RecursionError):
            return None
        return spec

    @classmethod
    def from_attrs(cls, spec: object) -> Call | None:
        """Return the call that `as_attrs` wrote; None if it is damaged.

        Attrs survive Parquet, so a stranger may have written them. Keys of later releases are left.
        """
        if not isinstance(spec, dict) or "model" not in spec:
            return None

        def unpacked(label: Any) -> Any:
            levels = label.get(_LEVELS) if isinstance(label, dict) else None
            kinds = (str, int, float)
            if isinstance(levels, list) and all(isinstance(level, kinds) for level in levels):
                return tuple(levels)
            return label

        known = {name: unshared(spec[name]) for name in _TYPES if name in spec}
        if any(type(value) not in _TYPES[name] for name, value in known.items()):
            return None
        known["columns"] = _labels_by_field(known.get("columns", {}), unpacked)
        labels = [label for value in known["columns"].values() for label in _listed(value)]
        needs = known.get("needs", ())
        if not all(isinstance(label, (str, int, float, tuple)) for label in labels):
            return None
        if not all(isinstance(name, str) for name in needs) or known.get("samples", 1) < 1:
            return None
        try:
            model = lookup_model(known["model"])  # a later release's, perhaps
        except UnknownModelError:
            return None
        model = replace(model, unchecked=known.pop("unchecked", False))
        call = cls(**{**known, "model": model, "needs": tuple(needs)})
        return replace(call, recorded=frozenset((*call.constants, *call.columns)))


# What the fields of a call are in a frame's attrs.
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "constants": (dict,),
    "columns": (dict,),
    "template": (str, type(None)),
    "samples": (int,),
    "unchecked": (bool,),
    "prefix": (str,),
    "needs": (list, tuple),
}


def _listed(labels: Any) -> list[Any]:
    """Return what a field is read from as a list: one column, or several."""
    return labels if isinstance(labels, list) else [labels]


def _plain_labels(labels: Any) -> Any:
    """Return a column's label, or a list of several, in Python's own types."""
    return [*map(plain_label, labels)] if isinstance(labels, list) else plain_label(labels)


def _labels_by_field(columns: dict[str, Any], changed: Callable[[Any], Any]) -> dict[str, Any]:
    return {
        name: [*map(changed, labels)] if isinstance(labels, list) else changed(labels)
        for name, labels in columns.items()
    }


# What a label of several levels is in a frame's attrs: an object with a list of them.
_LEVELS = "levels"


def read_prefix(prefix: object, problems: Problems) -> str:
    """Return the prefix of the result columns; None is no prefix."""
    return "" if prefix is None else problems.read(text, "prefix", prefix, instead="")


def nothing(prefix: str = "") -> Call:
    """Return a call that stands for one that could not be read."""
    return Call(find_model(NO_MODEL, unchecked=True), prefix=prefix)


def read_call(
    model: object,
    problems: Problems,
    *,
    prompt_col: object = None,
    prompt: object = None,
    samples: object = 1,
    unchecked: object = False,
    prefix: object = "",
    needs: tuple[str, ...] = (),
    fields: Mapping[str, Any],
) -> Call:
    """Read the arguments of a verb; mistakes are noted, and left out of the call."""
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    known = read_model(model, problems, unchecked=anyhow)
    wrong: list[str] = []
    constants, columns = _read_fields(known, fields, wrong)
    if prompt_col is not None:
        columns = {"prompt": _plain_labels(prompt_col), **columns}
    columns = _one_column_each(known, columns, wrong)
    if not known.unchecked:
        constants = _one_value_each(known, constants, wrong)
    is_prompted = prompt is not None or prompt_col is not None
    if is_prompted and known.checked and "prompt" not in known.fields:
        strings = [name for name, field in known.fields.items() if field.type == "string"]
        texts = [name for name in strings if name.endswith(("prompt", "script", "caption"))]
        instead = f" Its text fields are: {', '.join(texts)}." if texts else ""
        wrong.append(f"{known.name} takes no prompt.{instead}")
    if prompt is not None and prompt_col is not None:
        wrong.append("prompt= and prompt_col= are both given; give one of them.")
    wrong += [
        f"{name}= and {name}_col= are both given; give one of them."
        for name in constants
        if name in columns
    ]
    template = None
    if isinstance(prompt, str):
        template = str.__str__(prompt)  # of a member of an enum its value, which str() is not
    elif prompt is not None:
        wrong.append(
            "prompt= takes one text, which may name columns in braces; "
            f"{described(prompt)} was given. If prompts differ by row, use a column: prompt_col=."
        )
    if wrong:
        problems.add(wrong_call(known, wrong))
    many = problems.read(whole, "samples", samples, most=_SAMPLES_AT_MOST, instead=1)
    if many > 1 and known.known and "seed" not in known.fields:
        msg = f"samples: {known.name} takes no seed, so its outputs would be equal."
        problems.add(InputError(msg))
    begin = read_prefix(prefix, problems)
    return Call(known, constants, columns, template, many, begin, needs)


def read_media_call(
    verb: str,
    frame: pd.DataFrame,
    model: object,
    media_col: object,
    problems: Problems,
    *,
    unchecked: object,
    fields: dict[str, Any],
    **arguments: Any,
) -> Call:
    """Read the call of a verb that starts from images: without a column, from the step before."""
    known = read_model(model, problems, unchecked=unchecked is True)
    lead = "images" if verb == "edit" else "image"
    with problems.noted():
        lead = _lead_field(known, verb)
    if verb == "animate":
        cols = prompts_first(frame, arguments["prompt_col"], media_col)
        arguments["prompt_col"], media_col = cols
    if media_col is not None:
        fields[f"{lead}_col"] = media_col
    # images=None is not given; images="photo.png" replaces the step before.
    elif fields.get(lead) is None and "output" in frame.columns:
        fields.setdefault(f"{lead}_col", "output")
    return read_call(
        known, problems, needs=(lead,), unchecked=unchecked, fields=fields, **arguments
    )


def _lead_field(model: Model, verb: str) -> str:
    """Return the field for the images that a verb starts from."""
    candidates = {"edit": ("images", "image"), "upscale": ("image",), "animate": ("image",)}[verb]
    if not model.known:
        return candidates[0]
    names = {field.name for field in model.media_fields if "image" in field.media}
    lead = next((name for name in candidates if name in names), None)
    if verb == "animate":
        suits = model.output == "video"
    else:
        suits = model.output == "image" and ("prompt" in model.fields) == (verb == "edit")
    if lead is None or not suits:
        msg = (
            f"{verb}() does not suit {model.name} ({model.task}). "
            f'df.pruna.generate(model="{model.name}", ...) takes any model.'
        )
        raise InputError(msg)
    return lead


def wrong_call(model: Model, wrong: list[str]) -> InputError:
    """Return the error for what a model does not accept of a call."""
    head = f"{model.name} does not take this call"
    if len(wrong) == 1:
        return InputError(f"{head}: {wrong[0]}", wrong)
    return InputError(listed(f"{head}; nothing was sent:", wrong), wrong)


def _read_fields(
    model: Model, fields: Mapping[str, Any], wrong: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constants and the columns, by field; a field that is None was not given."""
    constants: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    # From the signature: a new argument is suggested for a slip of it without a second list.
    own = signature(read_call).parameters.keys() - {"problems", "needs", "fields"}
    options = [*sorted(own), *OPTION_NAMES]
    for name, value in fields.items():
        base = name.removesuffix(_SUFFIX)
        is_column = name.endswith(_SUFFIX) and name not in model.fields
        if value is None:
            continue
        strange = not model.unchecked and (base if is_column else name) not in model.fields
        told = unknown_name(model, name, options, columns=True) if strange else None
        if told is not None:
            wrong.append(told)
        elif is_column:
            columns[base] = _plain_labels(unshared(value))
        else:
            # In plain types where that is possible: a frame's attrs hold JSON alone.
            field = model.fields.get(name)
            if field is not None and isinstance(value, os.PathLike):
                constants[name] = os.fspath(value)
            elif field is not None and not field.media and is_several(value):
                constants[name] = several(value)
            else:
                constants[name] = unshared(plain(value))
    return constants, columns


def is_several(value: Any) -> bool:
    """Whether something holds several values: a list, an array, a Series, a range and the like."""
    if isinstance(value, (list, tuple, range, AbstractSet, Iterator, ValuesView)):
        return True
    # Asked of its class: an object may make attributes of any name, or fail to.
    return hasattr(type(value), "tolist") and getattr(value, "ndim", 0) == 1


def several(value: Any) -> list[Any]:
    """Return several values as a plain list."""
    return [plain(item) for item in (value.tolist() if hasattr(value, "tolist") else value)]


def _one_column_each(model: Model, columns: Mapping[str, Any], wrong: list[str]) -> dict[str, Any]:
    """Return the fields' columns; what cannot be a column's label is noted, and left out."""
    right: dict[str, Any] = {}
    for name, label in columns.items():
        field = model.fields.get(name)
        takes_many = field is not None and field.type == "array" and field.media
        if takes_many and is_several(label) and not isinstance(label, (tuple, pd.Series)):
            right[name] = several(label)
        elif isinstance(label, Hashable):  # a Series and an array are not
            right[name] = label
        else:
            what = "one column" if not takes_many else "a column, or a list of columns"
            hint = f": give its name, {label.name!r}" if isinstance(label, pd.Series) else ""
            if name == "prompt" and not hint and is_several(label):
                hint = ". For a row of each prompt: pruna_nb.generate([...])"
            wrong.append(f"{name}_col= takes {what}; {described(label)} was given{hint}.")
    return right


def _one_value_each(model: Model, constants: Mapping[str, Any], wrong: list[str]) -> dict[str, Any]:
    """Return constants; a list of values for a field that takes one is noted, and left out."""
    right: dict[str, Any] = {}
    for name, value in constants.items():
        field = model.fields.get(name)
        is_axis = isinstance(value, list) and field is not None and field.type != "array"
        if not is_axis or field is None or field.secret:
            right[name] = value
            continue
        code = shown(value, _SHOWN_AT_MOST)
        if code.endswith("…") or not all(isinstance(item, (str, int, float)) for item in value):
            code = "values"
        wrong.append(
            f"{name}= takes one value; a list of {len(value)} was given. For a row of each: "
            f"df.merge(pd.Series({code}, name={name!r}), how='cross'), and {name}_col={name!r}."
        )
    return right
