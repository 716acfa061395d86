"""What a call on a frame asks for, read once: constants, columns, template, samples."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import check_input, find_model, near_names
from pruna_nb.errors import InputError
from pruna_nb.frames.cells import fit, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.catalog import Model

ATTRS = "pruna_nb"
"""Where a frame's attrs say how each of its columns of outputs was made: a call for each."""
_SUFFIX = "_col"
HOW = ("cache", "on_lost", "max_cost_usd", "progress", "timeout", "background")
"""The arguments that say how a verb goes about its work."""
_OPTIONS = ("samples", "unchecked", *HOW)
"""What a verb takes beside a model's fields; a slip of the pen may mean one of them."""
_OTHERS_SAY = {
    "n": "samples", "num_images": "samples", "num_outputs": "samples", "ratio": "aspect_ratio",
    "max_cost": "max_cost_usd", "budget": "max_cost_usd",
}  # fmt: skip
"""What other tools call it."""
_SECRET = "hf_api_token"  # noqa: S105 - a field's name, secret also where the model is not known


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb on a frame.

    Parameters
    ----------
    model : str
        The model's name.
    constants : dict
        Fields with one value for all rows.
    columns : dict
        Fields whose values are a column's, by field; a list of columns for a field that
        takes a list of files.
    template : str or None
        What prompts are made of, in place of a column.
    samples : int
        Outputs for each row.
    unchecked : bool
        Whether fields that the catalogue does not know are sent.
    prefix : str
        What the result's columns begin with.
    needs : tuple of str
        Fields without which a row is skipped, beside those that the model requires.
    recorded : frozenset of str
        Fields that were read from a table's own record, not given by who calls: files that they
        name are uploaded only if this session named them too.
    """

    model: str
    constants: dict[str, Any] = field(default_factory=dict, repr=False)
    columns: dict[str, Any] = field(default_factory=dict)
    template: str | None = None
    samples: int = 1
    unchecked: bool = False
    prefix: str = ""
    needs: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()

    def known_model(self) -> Model:
        """Give the catalogue's model, or raise `UnknownModelError`."""
        return find_model(self.model, unchecked=self.unchecked)

    def labels(self) -> list[Any]:
        """Give the columns that fields are read from, each of a list of columns too."""
        return [
            label
            for given in self.columns.values()
            for label in (given if isinstance(given, list) else [given])
        ]

    def drafts(self) -> bool:
        """Tell whether it makes drafts, whose final pass needs their seeds."""
        return self.constants.get("draft") is True or "draft" in self.columns

    def settled(self) -> Call:
        """Give the call as it is on the frame that `expand` made: seeds are in a column."""
        if self.samples == 1 and not (self.drafts() and "seed" not in self.constants):
            return self
        constants = {name: value for name, value in self.constants.items() if name != "seed"}
        return replace(
            self, samples=1, constants=constants, columns={**self.columns, "seed": "seed"}
        )

    def as_attrs(self) -> dict[str, Any] | None:
        """Give the call as JSON, for a frame's attrs; None if a constant is no JSON or secret."""
        model = self.known_model()
        secret = any(model.fields[name].secret for name in self.constants if name in model.fields)
        # A label that is a tuple would come back from JSON as a list of labels.
        if secret or _SECRET in self.constants or any(type(x) is tuple for x in self.labels()):
            return None
        try:
            spec: dict[str, Any] = json.loads(
                json.dumps(
                    {
                        each.name: getattr(self, each.name)
                        for each in fields_of(self)
                        if each.name != "recorded"
                    }
                )
            )
        except (TypeError, ValueError):
            return None
        return spec

    @classmethod
    def from_attrs(cls, spec: Mapping[str, Any]) -> Call:
        """Make a call of what `as_attrs` gave."""
        call = cls(**{**spec, "needs": tuple(spec.get("needs", ()))})
        return replace(call, recorded=frozenset((*call.constants, *call.columns)))


def read_call(
    model: str,
    *,
    prompt_col: object = None,
    prompt: str | None = None,
    samples: int = 1,
    unchecked: bool = False,
    prefix: str = "",
    needs: tuple[str, ...] = (),
    fields: Mapping[str, Any],
) -> Call:
    """Read a verb's arguments.

    Raises
    ------
    UnknownModelError
        If there is no such model, with near names.
    InputError
        If a field is not the model's, or is given twice; all problems at once.
    """
    known = find_model(model, unchecked=unchecked)
    problems: list[str] = []
    constants, columns = _read_fields(known, fields, problems, unchecked=unchecked)
    if prompt_col is not None:
        columns = {"prompt": prompt_col, **columns}
    problems += _several_columns(known, columns)
    if not unchecked:
        problems += _several_values(known, constants)
    if (prompt is not None or prompt_col is not None) and known.known and not unchecked:
        problems += _no_prompt(known)
    if prompt is not None and "prompt" in columns:
        problems.append("prompt= and prompt_col= are both given; give one of them.")
    problems += [
        f"{name}= and {name}_col= are both given; give one of them."
        for name in constants
        if name in columns
    ]
    samples = plain(samples)
    if type(samples) is not int or samples < 1:
        problems.append(f"samples must be a whole number of 1 or more; {samples!r} was given.")
    elif samples > 1 and known.known and "seed" not in known.fields:
        problems.append(f"samples: {known.name} takes no seed, so its outputs would be equal.")
    if problems:
        problems += _wrong_constants(known, constants)
        msg = f"{known.name} does not take this call: {' '.join(problems)}"
        raise InputError(msg, problems)
    return Call(known.name, constants, columns, prompt, samples, unchecked, prefix, needs)


def _read_fields(
    model: Model, fields: Mapping[str, Any], problems: list[str], *, unchecked: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell constants from columns, by field; None is a field that was not given."""
    constants: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for name, value in fields.items():
        base = name.removesuffix(_SUFFIX)
        is_column = name.endswith(_SUFFIX) and name not in model.fields
        if value is None:
            continue
        if (base if is_column else name) not in model.fields and model.known and not unchecked:
            problems.append(_unknown(model, name))
        elif is_column:
            columns[base] = value
        else:
            constants[name] = _plain_constant(model, name, value)
    return constants, columns


def _wrong_constants(model: Model, constants: dict[str, Any]) -> list[str]:
    """Find what is wrong with constants too, so that all is told at once."""
    alone = {
        name: fit(model.fields[name], value)
        for name, value in constants.items()
        if name in model.fields and not model.fields[name].media
    }
    return [
        str(problem)
        for problem in check_input(model, alone)
        if problem.kind not in {"missing", "only_when"}
    ]


def _plain_constant(model: Model, name: str, value: Any) -> Any:
    """Give a value as it can stand in a frame's attrs, where that is possible."""
    if isinstance(value, os.PathLike) and name in model.fields:
        return os.fspath(value)
    return plain(value)


def _no_prompt(model: Model) -> list[str]:
    if "prompt" in model.fields:
        return []
    words = [each.name for each in model.fields.values() if each.type == "string"]
    texts = [name for name in words if name.endswith(("prompt", "script", "caption"))]
    instead = f" Its fields for words are: {', '.join(texts)}." if texts else ""
    return [f"{model.name} takes no prompt.{instead}"]


def _several_columns(model: Model, columns: Mapping[str, Any]) -> list[str]:
    """Find fields that take one value a row and were given a list of columns."""
    problems = []
    for name, label in columns.items():
        field = model.fields.get(name)
        takes_many = field is not None and field.type == "array" and field.media
        if isinstance(label, list) and not takes_many:
            problems.append(f"{name}_col= takes one column; a list of {len(label)} was given.")
    return problems


def _several_values(model: Model, constants: Mapping[str, Any]) -> list[str]:
    """Find fields that take one value and were given several, as a grid's axes would be."""
    return [
        f"{name}= takes one value; a list of {len(value)} was given. For a row of each: "
        f"df.merge(pd.Series({value!r}, name={name!r}), how='cross'), and {name}_col={name!r}."
        for name, value in constants.items()
        if isinstance(value, list) and (field := model.fields.get(name)) is not None
        if field.type != "array" and not field.secret
    ]


def _unknown(model: Model, name: str) -> str:
    taken = [*model.fields, *(f"{each}{_SUFFIX}" for each in model.fields), *_OPTIONS]
    near = [_OTHERS_SAY[name]] if name in _OTHERS_SAY else near_names(name, taken)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{name}: {model.name} has no such field.{meant} Its fields are: {', '.join(model.fields)}"
        " (each also as <field>_col=). A field that is newer than this catalogue is sent with "
        "unchecked=True."
    )
