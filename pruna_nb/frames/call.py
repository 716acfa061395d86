"""What a call on a frame asks for, read once: constants, columns, template, samples."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import find_model, near_names
from pruna_nb.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.catalog import Model

ATTRS = "pruna_nb"
"""Where a frame's attrs say how it was made."""
_SUFFIX = "_col"


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
        Fields whose values are a column's, by field.
    template : str or None
        What prompts are made of, in place of a column.
    samples : int
        Outputs for each row.
    unchecked : bool
        Whether fields that the catalogue does not know are sent.
    prefix : str
        What the result's columns begin with.
    """

    model: str
    constants: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] = field(default_factory=dict)
    template: str | None = None
    samples: int = 1
    unchecked: bool = False
    prefix: str = ""

    def known_model(self) -> Model:
        """Give the catalogue's model, or raise `UnknownModelError`."""
        return find_model(self.model, unchecked=self.unchecked)

    def as_attrs(self) -> dict[str, Any] | None:
        """Give the call as JSON, for a frame's attrs; None if a constant is no JSON or secret."""
        model = self.known_model()
        secret = any(model.fields[name].secret for name in self.constants if name in model.fields)
        spec = asdict(self)
        try:
            json.dumps(spec)
        except (TypeError, ValueError):
            return None
        return None if secret or "hf_api_token" in self.constants else spec


def read_call(
    model: str,
    *,
    prompt_col: object = None,
    prompt: str | None = None,
    samples: int = 1,
    unchecked: bool = False,
    prefix: str = "",
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
    constants: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    problems: list[str] = []
    if prompt_col is not None:
        columns["prompt"] = prompt_col
    for name, value in fields.items():
        base = name.removesuffix(_SUFFIX)
        is_column = name.endswith(_SUFFIX) and name not in known.fields
        if value is None:
            continue
        if (base if is_column else name) not in known.fields and known.known and not unchecked:
            problems.append(_unknown(known, name))
        elif is_column:
            columns[base] = value
        else:
            constants[name] = value
    if prompt is not None and "prompt" in columns:
        problems.append("prompt= and prompt_col= are both given; give one of them.")
    problems += [
        f"{name}= and {name}_col= are both given; give one of them."
        for name in constants
        if name in columns
    ]
    if type(samples) is not int or samples < 1:
        problems.append(f"samples must be a whole number of 1 or more; {samples!r} was given.")
    elif samples > 1 and known.known and "seed" not in known.fields:
        problems.append(f"samples: {known.name} takes no seed, so its outputs would be equal.")
    if problems:
        msg = f"{known.name} does not take this call: {' '.join(problems)}"
        raise InputError(msg, problems)
    return Call(known.name, constants, columns, prompt, samples, unchecked, prefix)


def _unknown(model: Model, name: str) -> str:
    taken = [*model.fields, *(f"{each}{_SUFFIX}" for each in model.fields)]
    near = near_names(name, taken)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{name}: {model.name} has no such field.{meant} Its fields are: {', '.join(model.fields)}"
        " (each also as <field>_col=). A field that is newer than this catalogue is sent with "
        "unchecked=True."
    )
