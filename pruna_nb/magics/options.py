"""The options of ``%%pruna``: any field of any model, with several values if one likes."""

from __future__ import annotations

import argparse
import keyword
import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import listed
from pruna_nb.catalog import whole_numbers
from pruna_nb.errors import InputError
from pruna_nb.form.axes import Axes, read_axes
from pruna_nb.frames.call import read_models
from pruna_nb.show.grids import SIZE_AT_LEAST, SIZE_AT_MOST
from pruna_nb.text import did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Field, Model

OUT = "_pruna"  # where the frame goes if no --out says otherwise
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
SWITCHES = frozenset({"estimate", "quiet", "unchecked", "zip"})
_LISTS = frozenset({"model", "rows", "cols", "tag"})
OPTIONS = frozenset({"out", "max_cost_usd", "size", "replace", *_LISTS, *SWITCHES})
# What takes several words behind one option; all others take one, or are given once more.
_WORDS = frozenset({"model", "rows", "cols", "seed", "aspect_ratio"})


@dataclass(slots=True)
class Options:
    """The options of one ``%%pruna``; the fields are in the types that the models take."""

    models: list[str]
    fields: dict[str, Any]  # a list for each that has several values
    axes: Axes
    replace: str
    out: str
    max_cost_usd: float | None
    size: int
    tag: str
    estimate: bool
    quiet: bool
    unchecked: bool
    zip: bool


def read_options_line(line: str, problems: Problems) -> Options:
    """Read the options behind ``%%pruna``; what is wrong with them is noted, all at once."""
    values: dict[str, list[str | None]] = {}
    with problems.noted():
        values = _values_by_name(line)
    options = {name: texts[-1] or "" for name, texts in values.items() if name in OPTIONS}
    once = "zip" not in values  # lists in step repeat values
    names = split(values.get("model", []), once=once) or ["p-image"]
    rows, cols = (split(values.get(name, [])) for name in ("rows", "cols"))
    unchecked = "unchecked" in options
    models, _ = read_models(names, problems, unchecked=unchecked)
    wrong: list[str] = []
    fields = _fields(values, models, wrong, problems, unchecked=unchecked)
    known = dict.fromkeys(["prompt", "model", *fields, *(f for one in models for f in one.fields)])
    axes = read_axes(rows, cols, known, problems)
    out = options.get("out") or OUT
    if not out.isidentifier() or keyword.iskeyword(out):
        wrong.append(f"--out {out!r} is not a variable name.")
    max_cost_usd = _positive("max_cost_usd", options, math.inf, wrong)
    # The grid is shown when all is paid for: what it would refuse is refused here.
    size = _positive("size", options, SIZE_AT_MOST, wrong, least=SIZE_AT_LEAST)
    if wrong:
        head = "The options of %%pruna are wrong; nothing was sent:"
        problems.add(InputError(wrong[0] if len(wrong) == 1 else listed(head, wrong), wrong))
    return Options(
        names,
        fields,
        axes,
        options.get("replace", ""),
        out,
        max_cost_usd,
        int(size or 256),
        ",".join(filter(None, values.get("tag", []))),
        **{name: name in options for name in SWITCHES},
    )


def split(texts: Sequence[str | None], *, once: bool = True) -> list[str]:
    """Return the values of an option, parted by commas or given one by one; each once or all."""
    parts = [part.strip() for text in texts for part in (text or "").split(",")]
    found = [part for part in parts if part]
    return list(dict.fromkeys(found)) if once else found


def _values_by_name(line: str) -> dict[str, list[str | None]]:
    """Return the values of each option that is there; None for one without a value.

    Raises
    ------
    InputError
        If the line cannot be read, or a word belongs to no option.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(f"The options cannot be read: {error}.") from None
    # Left to itself, argparse ends a mistake with SystemExit, which means to leave the kernel.
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    # Any field of any model is an option, so those are declared that the line has.
    for flag in dict.fromkeys(word.partition("=")[0] for word in words):
        name = flag[2:].replace("-", "_")
        if not flag.startswith("--") or not name:
            continue
        if name in SWITCHES:
            parser.add_argument(flag, dest=name, action="append_const", const="on")
        else:
            count = "*" if name in _WORDS else "?"
            parser.add_argument(flag, dest=name, action="append", nargs=count)
    try:
        parsed, others = parser.parse_known_args(words)
    except argparse.ArgumentError as error:  # a switch with a value
        raise InputError(f"{error.argument_name} takes no value.") from None
    if others:
        msg = f"Unexpected {others[0]!r}. Put prompts on the lines below, one per line."
        raise InputError(msg)
    values: dict[str, list[str | None]] = {}
    for name, texts in vars(parsed).items():
        if texts is not None:
            in_words = name in _WORDS
            values[name] = (
                [part for text in texts for part in (text or [None])] if in_words else texts
            )
    return values


def _fields(
    values: Mapping[str, list[str | None]],
    models: Sequence[Model],
    wrong: list[str],
    problems: Problems,
    *,
    unchecked: bool,
) -> dict[str, Any]:
    """Return the models' fields, and note what is wrong with any of the options."""
    fields: dict[str, Any] = {}
    known = all(each.known for each in models)
    for name, texts in values.items():
        field = next((each.fields[name] for each in models if name in each.fields), None)
        if len(texts) > 1 and name in OPTIONS - _LISTS:
            wrong.append(f"--{_dashed(name)} is given twice.")
        if name in SWITCHES:
            continue
        if field is None and name not in OPTIONS and known and not unchecked:
            near = near_names(name, [*models[0].fields, *OPTIONS])
            meant = did_you_mean([f"--{_dashed(option)}" for option in near])
            wrong.append(f"--{_dashed(name)}: {models[0].name} has no such field.{meant}")
        elif not all(texts) and (field is None or field.type != "boolean"):
            wrong.append(f"--{_dashed(name)} needs a value.")
        elif name not in OPTIONS:
            with problems.noted():  # of seeds that cannot be read
                given = [text or "yes" for text in texts]
                fields[name] = _field_value(field, name, given, once="zip" not in values)
    return fields


def _field_value(field: Field | None, name: str, texts: list[str], *, once: bool) -> Any:
    """Return a field's value in its type, and a list if there are several, each once or all.

    What does not fit is left to the catalogue's check.
    """
    if name == "seed":
        seeds = whole_numbers("seed", ",".join(texts))
        return list(dict.fromkeys(seeds)) if once else seeds
    kind = None if field is None else str(field.type)
    if field is not None and kind == "array":
        return [number(text, field.item_type) for text in texts]
    # A model that was registered may list choices that are text, whatever type it names.
    is_text = str in [type(choice) for choice in (field.choices if field is not None else ())]
    found: list[Any]
    if kind == "boolean":
        found = [
            True if word.lower() in _YES else False if word.lower() in _NO else word
            for word in split(texts, once=once)
        ]
    elif is_text or kind in {"integer", "number"}:
        words = split(texts, once=once)
        found = [word if is_text else number(word, kind) for word in words]
    else:  # a comma belongs to a text
        found = list(dict.fromkeys(texts)) if once else texts
    return found if len(found) > 1 or name == "aspect_ratio" else (found or [""])[0]


def _positive(
    name: str, options: Mapping[str, str], most: float, wrong: list[str], *, least: float = 0.0
) -> float | None:
    """Return one of the magic's own options, all of which are above zero, as a number."""
    text = options.get(name)
    if not text:  # reported already, where it was given without a value
        return None
    value = number(text, "number")
    # A limit that is not a number holds nothing back: no sum is above it.
    if isinstance(value, str) or not 0 < value < math.inf:
        wrong.append(f"--{_dashed(name)} takes a number above 0, not {text!r}.")
        return None
    if not least <= value <= most:
        wrong.append(f"--{_dashed(name)} {text} is out of range: {least:,} to {most:,}.")
        return None
    return float(value)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def number(text: str, kind: str | None) -> Any:
    """Read a number where the field takes one; other text is refused by the catalogue."""
    if kind not in {"integer", "number"}:
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value
