"""Prompts without a frame: a row for each of a list, or of a template's values."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems, choice, listed, text
from pruna_nb.batch.options import OPTION_NAMES, read_options
from pruna_nb.catalog import (
    SWEEP_HOWS,
    combinations,
    is_axis,
    is_ranges,
    lookup_model,
    sweep_problems,
)
from pruna_nb.errors import InputError, UnknownModelError
from pruna_nb.frames.background import generate_in_background
from pruna_nb.frames.call import is_several, read_call, several
from pruna_nb.frames.generate import generate
from pruna_nb.tables.cells import column_of_values, plain
from pruna_nb.templates import parse, variants
from pruna_nb.text import did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.catalog import SweepHow
    from pruna_nb.frames.background import BackgroundRun


def prompts(template: str, /, *, sweep: SweepHow = "cross", **values: Any) -> pd.DataFrame:
    """Return a frame of prompts: a template filled with each combination of some values.

    Parameters
    ----------
    template : str
        Text with names in braces, as ``df.pruna.generate(prompt=...)`` takes it: formats such as
        ``{price:.2f}`` and choices such as ``{red|blue}`` included.
    sweep : {"cross", "zip"}
        "cross" combines each value with each other, and the last list runs fastest; "zip" takes
        lists of one length in step.
    **values
        What each name stands for: a list, or one value for all rows.

    Returns
    -------
    DataFrame
        A column for each name, and "prompt".

    Raises
    ------
    InputError
        If a name has no values, a value is not in the template, a list is empty or holds a value
        twice, or lists to be zipped are of several lengths: all mistakes at once.

    Examples
    --------
    >>> import pruna_nb
    >>> pruna_nb.prompts("a {color} {animal}", color=["red", "blue"], animal=["fox", "owl"])
      color animal      prompt
    0   red    fox   a red fox
    1   red    owl   a red owl
    2  blue    fox  a blue fox
    3  blue    owl  a blue owl
    """
    problems = Problems()
    how: SweepHow = problems.read(choice, "sweep", sweep, SWEEP_HOWS, instead="cross")
    source = problems.read(text, "template", template, instead="")
    texts: list[str] = []
    with problems.noted():
        texts = variants(source, values)
    wrong = [] if problems else _wrong_names(texts, values)
    axes = {name: several(value) for name, value in values.items() if is_several(value)}
    wrong += [
        f"{name}= is a set, which has no order; give a list, such as sorted(...)."
        for name, value in values.items()
        if isinstance(value, (set, frozenset))
    ]
    wrong += sweep_problems(axes, how)
    if wrong:
        head = "These prompts cannot be made:"
        problems.add(InputError(wrong[0] if len(wrong) == 1 else listed(head, wrong), wrong))
    problems.check("These prompts cannot be made")
    fixed = {name: plain(value) for name, value in values.items() if name not in axes}
    rows = [
        {name: (fixed | row)[name] for name in values} | {"prompt": each}
        for each in texts
        for row in combinations(axes, how)
    ]
    for row in rows:
        with problems.noted():
            row["prompt"] = parse(row["prompt"], values).fill(row)
    problems.check("These prompts cannot be made")
    names = [*values, "prompt"]
    return pd.DataFrame({name: column_of_values([row[name] for row in rows]) for name in names})


def _wrong_names(texts: list[str], values: Mapping[str, Any]) -> list[str]:
    """Return which names have no values, and which values no name; the error of the template."""
    try:
        names = list(dict.fromkeys(name for each in texts for name in parse(each, values).names))
    except InputError as error:
        return [str(error)]
    wrong = [
        f"{{{name}}} has no values; give {name}=[...]." for name in names if name not in values
    ]
    for name in values:
        if name not in names:
            meant = did_you_mean(f"{near}=" for near in near_names(name, names))
            there = ", ".join(f"{{{each}}}" for each in names) or "none"
            wrong.append(f"{name}= is not in the template.{meant} Its names are: {there}.")
    if "prompt" in values:
        wrong.append("prompt= cannot be a name: the column of that name holds what is made.")
    return wrong


def is_batch(prompt: object, model: object, fields: Mapping[str, Any]) -> bool:
    """Whether a call makes a frame: of several prompts or models, or several values of a field."""
    if isinstance(prompt, pd.DataFrame):
        return False
    if isinstance(prompt, pd.Series) or is_several(prompt) or is_several(model):
        return True
    models = []
    with contextlib.suppress(UnknownModelError):
        models = [lookup_model(model)] if isinstance(model, str) else []
    # What else holds several values, such as a range, is not looked through: it may end.
    return any(
        is_axis(name, value if isinstance(value, (list, tuple)) else [], models)
        for name, value in fields.items()
        if is_several(value) or is_ranges(name, value, models)
    )


def prompt_frame(prompts: Sequence[str]) -> pd.DataFrame:
    """Return a frame of prompts; of one row without a column if there are none."""
    # Objects: of text that is not valid Unicode pandas makes no column, and the row says so.
    columns = {"prompt": pd.Series(prompts, dtype=object)} if prompts else None
    return pd.DataFrame(columns, index=None if prompts else [0])


def generate_prompts(
    prompt: Any,
    *,
    model: object,
    samples: object,
    sweep: object,
    unchecked: object,
    prefix: object,
    **more: Any,
) -> pd.DataFrame | BackgroundRun:
    """Generate an output for each prompt, as ``series.pruna.generate`` does.

    Parameters
    ----------
    prompt : list, Series or array of str, or one str, or None
        A Series keeps its index and its name.
    model, samples, sweep, unchecked, prefix
        As for ``df.pruna.generate``.
    **more
        The options of `RunOptions`, and fields of the model.
    """
    problems = Problems()
    options = read_options(problems, **{name: more.pop(name) for name in OPTION_NAMES})
    # Objects: of text that is not valid Unicode pandas makes no column, and the row says so.
    if prompt is None:
        frame, name = pd.DataFrame(index=pd.RangeIndex(1)), None
    else:
        texts = [prompt] if isinstance(prompt, str) else prompt
        rows = prompt if isinstance(prompt, pd.Series) else pd.Series(several(texts), dtype=object)
        name = "prompt" if rows.name is None else rows.name
        frame = rows.to_frame(name)
    call = read_call(
        model,
        problems,
        prompt_col=name,
        samples=samples,
        sweep=sweep,
        unchecked=unchecked,
        prefix=prefix,
        fields=more,
    )
    work = generate_in_background if options.background else generate
    return work(frame, call, options, problems)
