"""What a verb requests of a frame, read once: constants, columns, template, samples."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import choice, listed, switch, text, whole
from pruna_nb.batch.options import OPTION_NAMES, unknown_name
from pruna_nb.catalog import (
    NO_MODEL,
    SWEEP_HOWS,
    Model,
    find_model,
    is_axis,
    read_model,
    sweep_problems,
    with_ranges,
)
from pruna_nb.errors import InputError
from pruna_nb.frames.columns import plain_label
from pruna_nb.tables.cells import plain, unshared
from pruna_nb.templates import variants
from pruna_nb.text import described

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import SweepHow

_SUFFIX = "_col"
_ORDERED = "give a list, such as sorted(...)."
_SAMPLES_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb on a frame.

    Parameters
    ----------
    model : Model
        Found once, with whether its inputs are checked; the first one of a sweep over several.
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
    axes : dict
        Fields with several values, each of which makes rows of its own; "model" and "prompt" too.
    sweep : {"cross", "zip"}
        Whether each value meets each other one, or all lists go in step.
    models : tuple of Model
        Those of a sweep over models.
    model_col : str or None
        The column of their names, in a frame that such a sweep made.
    """

    model: Model
    constants: dict[str, Any] = field(default_factory=dict, repr=False)
    columns: dict[str, Any] = field(default_factory=dict)
    template: str | None = None
    samples: int = 1
    prefix: str = ""
    needs: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()
    axes: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    sweep: SweepHow = "cross"
    models: tuple[Model, ...] = ()
    model_col: str | None = None

    def resolved(self) -> Call:
        """Return a call of a table's record for a run: its model is found as one just asked for.

        Raises
        ------
        UnknownModelError
            If the catalogue of this session does not know it, and it looks misspelt.
        """
        model, *models = (
            find_model(each.name, unchecked=each.unchecked) for each in (self.model, *self.models)
        )
        return replace(self, model=model, models=tuple(models))

    def model_names(self) -> list[str]:
        """Return the names of its models."""
        return [model.name for model in self.models or (self.model,)]

    def new_columns(self) -> list[str]:
        """Return the names of the columns that its rows get beside those of the results."""
        seeds = ["seed"] if self.chooses_seeds() else []
        return list(dict.fromkeys([*self.axes, *seeds]))

    def labels(self) -> list[Any]:
        """Return the labels of all columns that fields are read from."""
        return [label for value in self.columns.values() for label in listed_labels(value)]

    def drafts(self) -> bool:
        """Whether it makes drafts, whose final pass needs their seeds."""
        given = {**self.columns, **self.axes}
        return self.constants.get("draft") is True or "draft" in given

    def chooses_seeds(self) -> bool:
        """Whether it needs a column of seeds that it does not read: `with_samples` makes it."""
        return self.needs_seeds() and self.columns.get("seed") != "seed"

    def needs_seeds(self) -> bool:
        """Whether its rows need seeds in a column."""
        chosen = {**self.constants, **self.axes}
        return self.samples > 1 or (self.drafts() and "seed" not in chosen)

    def spread(self) -> Call:
        """Return the call for the frame that `with_sweep` made: each axis is a column."""
        if not self.axes:
            return self
        columns = {name: name for name in self.axes if name != "model"}
        return replace(
            self,
            axes={},
            columns={**self.columns, **columns},
            template=None if "prompt" in columns else self.template,
            model_col=f"{self.prefix}model" if "model" in self.axes else None,
        )

    def settled(self) -> Call:
        """Return the call for the frame that the sweep and the samples made of the caller's."""
        if self.axes:
            return self.spread().settled()
        if not self.needs_seeds():
            return self
        constants = {name: value for name, value in self.constants.items() if name != "seed"}
        return replace(
            self, samples=1, constants=constants, columns={**self.columns, "seed": "seed"}
        )


def listed_labels(labels: Any) -> list[Any]:
    """Return what a field is read from as a list: one column, or several."""
    return labels if isinstance(labels, list) else [labels]


def _plain_labels(labels: Any) -> Any:
    """Return a column's label, or a list of several, in Python's own types."""
    return [*map(plain_label, labels)] if isinstance(labels, list) else plain_label(labels)


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
    sweep: object = "cross",
    unchecked: object = False,
    prefix: object = "",
    needs: tuple[str, ...] = (),
    names: Collection[str] | None = None,
    fields: Mapping[str, Any],
) -> Call:
    """Read the arguments of a verb; mistakes are noted, and left out of the call.

    Where the `names` of a frame's columns are given, choices in its templates (``{red|blue}``)
    are several prompts, as a list of them is.
    """
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    how: SweepHow = problems.read(choice, "sweep", sweep, SWEEP_HOWS, instead="cross")
    models, axes = read_models(model, problems, unchecked=anyhow)
    # A later model is read for its mistakes: what is given is the same for all of them.
    constants, columns = _read_inputs(models[0], fields, problems, prompt_col, prompt)
    for known in models[1:]:
        _read_inputs(known, fields, problems, prompt_col, prompt)
    # Of a member of an enum its value, which str() is not.
    if isinstance(prompt, (list, tuple)):
        axes["prompt"] = [str.__str__(each) for each in prompt if isinstance(each, str)]
    if names is not None and isinstance(prompt, (str, list, tuple)):
        with problems.noted():
            axes |= _choices(axes.get("prompt") or [prompt], names)
    for name, value in list(constants.items()):
        with problems.noted():
            constants[name] = with_ranges(name, value, models)
            continue
        del constants[name]  # a range that is reversed is told once
    axes |= {name: value for name, value in constants.items() if is_axis(name, value, models)}
    constants = {name: value for name, value in constants.items() if name not in axes}
    if wrong := sweep_problems(axes, how):
        head = "This sweep cannot be made; nothing was sent:"
        problems.add(InputError(wrong[0] if len(wrong) == 1 else listed(head, wrong), wrong))
    many = problems.read(whole, "samples", samples, most=_SAMPLES_AT_MOST, instead=1)
    for known in models:
        if many > 1 and known.known and "seed" not in known.fields:
            msg = f"samples: {known.name} takes no seed, so its outputs would be equal."
            problems.add(InputError(msg))
    return Call(
        models[0],
        constants,
        columns,
        str.__str__(prompt) if isinstance(prompt, str) and "prompt" not in axes else None,
        many,
        read_prefix(prefix, problems),
        needs,
        axes=axes,
        sweep=how,
        models=models if "model" in axes else (),
    )


def _choices(templates: Sequence[Any], names: Collection[str]) -> dict[str, list[Any]]:
    """Return the prompts that templates with choices make, as an axis; nothing without choices."""
    found = [text for each in templates if isinstance(each, str) for text in variants(each, names)]
    blank = [text for text in found if not text.strip()]
    if blank:
        raise InputError("prompt: one of the choices leaves nothing of the prompt; add some text.")
    return {"prompt": found} if len(found) > len(templates) else {}


def read_models(
    model: object, problems: Problems, *, unchecked: bool
) -> tuple[tuple[Model, ...], dict[str, list[Any]]]:
    """Return the models that an argument means, and their names as an axis if they are a list."""
    if not is_several(model):
        return (read_model(model, problems, unchecked=unchecked),), {}
    if isinstance(model, AbstractSet):
        problems.add(InputError(f"model= is a set, which has no order; {_ORDERED}"))
    names = several(model)
    models = tuple(read_model(each, problems, unchecked=unchecked) for each in names)
    axis = {"model": [each.name if isinstance(each, Model) else each for each in names]}
    return models or (read_model(NO_MODEL, problems, unchecked=True),), axis


def _read_inputs(
    model: Model,
    fields: Mapping[str, Any],
    problems: Problems,
    prompt_col: object,
    prompt: object,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constants and the columns of a call; what the model does not take is noted."""
    wrong: list[str] = []
    constants, columns = _read_fields(model, fields, wrong)
    if prompt_col is not None:
        columns = {"prompt": _plain_labels(prompt_col), **columns}
    columns = _one_column_each(model, columns, wrong)
    is_prompted = prompt is not None or prompt_col is not None
    if is_prompted and model.checked and "prompt" not in model.fields:
        strings = [name for name, field in model.fields.items() if field.type == "string"]
        texts = [name for name in strings if name.endswith(("prompt", "script", "caption"))]
        instead = f" Its text fields are: {', '.join(texts)}." if texts else ""
        wrong.append(f"{model.name} takes no prompt.{instead}")
    if prompt is not None and prompt_col is not None:
        wrong.append("prompt= and prompt_col= are both given; give one of them.")
    wrong += [
        f"{name}= and {name}_col= are both given; give one of them."
        for name in constants
        if name in columns
    ]
    if prompt is not None and not isinstance(prompt, str):
        wrong += _prompt_problems(prompt)
    if wrong:
        problems.add(wrong_call(model, wrong))
    return constants, columns


def _prompt_problems(prompt: object) -> list[str]:
    """Return what is wrong with templates of prompts that are not one text."""
    if isinstance(prompt, AbstractSet):
        return [f"prompt= is a set, which has no order; {_ORDERED}"]
    if isinstance(prompt, (list, tuple)):
        return [
            f"prompt=: value {place} is {described(each)}; give a text."
            for place, each in enumerate(prompt, 1)
            if not (isinstance(each, str) and each.strip())
        ]
    told = (
        "prompt= takes one text, which may name columns in braces, or a list of them; "
        f"{described(prompt)} was given. If prompts differ by row, use a column: prompt_col=."
    )
    return [told]


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
    own = signature(read_call).parameters.keys() - {"problems", "needs", "names", "fields"}
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
            elif isinstance(value, (set, frozenset)) and is_axis(name, [], [model]):
                wrong.append(f"{name}= is a set, which has no order; {_ORDERED}")
            elif isinstance(value, tuple) or (
                not (field is not None and field.media) and is_several(value)
            ):
                constants[name] = [unshared(item) for item in several(value)]
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
