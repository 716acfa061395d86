"""``%load_ext pruna_nb``: prompts as the text of a cell, and two looks at models and costs.

::

    %%pruna --model p-image --aspect-ratio 16:9,1:1 --seed 1,2
    a {animal} at sunset
    a lighthouse in a storm

    %pruna models
    %pruna cost
"""

from __future__ import annotations

import argparse
import keyword
import math
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from pruna_nb.arguments import Problems, listed
from pruna_nb.batch.options import read_options
from pruna_nb.catalog import read_model
from pruna_nb.console import say
from pruna_nb.errors import InputError, UnknownModelError, attached_frame
from pruna_nb.form.sweep import Sweep, parse_prompts
from pruna_nb.show.grids import SIZE_AT_LEAST, SIZE_AT_MOST
from pruna_nb.templates import BRACES, is_empty, parse
from pruna_nb.text import counted, did_you_mean, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pruna_nb.catalog import Field, Model
    from pruna_nb.show import Grid

OUT = "_pruna"  # where the frame goes if no --out says otherwise
_USAGE = """\
%%pruna [--model p-image] [--<field> value ...] [--out _pruna]   one prompt a line
    --aspect-ratio 16:9,1:1 --seed 1,2,5-8   several values make a grid
    --<field> value     any field of the model; a switch needs no value
    --images a.png --images b.png            a list, one by one
    --out name          the variable that gets the frame (default: _pruna)
    --max-cost-usd 0.5  refuse to start above it
    --tag spring,sale   what they are for, by which their costs are found
    --size 256          side of the pictures in the grid, in pixels
    --unchecked         take models and fields that the catalogue does not know
    --estimate          say what it would cost, and send nothing
    --quiet             no progress bar
    {name} in a prompt is filled from the notebook's variables; {{ and }} are braces.
%pruna models           the models, as a frame
%pruna cost             what was spent: this session, 24 hours, 30 days
%pruna rerun run.json   the runs of a record again, at no cost as far as they are in the cache
    --max-cost-usd 0.5 --tag spring --out _pruna --files --quiet"""
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
AXES = frozenset({"seed", "aspect_ratio"})
SWITCHES = frozenset({"estimate", "quiet", "unchecked"})
OPTIONS = frozenset({"model", "out", "max_cost_usd", "size", "tag", *SWITCHES})


def fill_prompt(prompt: str, variables: Mapping[str, Any]) -> str:
    """Fill ``{name}`` in a prompt from variables.

    Parameters
    ----------
    prompt : str
        A template (`pruna_nb.templates`), such as "a {color} fox".
    variables : mapping of str to object
        Text, numbers and dates.

    Raises
    ------
    InputError
        If there is no such variable, if it is empty, or not text, a number or a date.

    Examples
    --------
    >>> fill_prompt("a {color} fox, {{really}}", {"color": "red"})
    'a red fox, {really}'
    """
    template = parse(prompt, variables)
    values = {}
    for name in template.names:
        if name not in variables:
            # IPython's own variables (_, _3, __name__) are not what somebody meant to write.
            near = near_names(name, [each for each in variables if each[0] != "_"])
            meant = did_you_mean(near)
            raise InputError(f"The notebook has no variable {name!r}.{meant} {BRACES}")
        values[name] = variables[name]
        if is_empty(values[name]):
            raise InputError(f"The variable {name!r} is empty ({values[name]!r}); give it a value.")
    return template.fill(values)


@dataclass(slots=True)
class _Options:
    """The options of one ``%%pruna``; the fields are in the types that the model takes."""

    model: Model
    fields: dict[str, Any]
    out: str
    max_cost_usd: float | None
    size: int
    tag: str
    estimate: bool
    quiet: bool
    unchecked: bool


def read_options_line(line: str, problems: Problems) -> _Options:
    """Read the options behind ``%%pruna``; what is wrong with them is noted, all at once."""
    values: dict[str, list[str | None]] = {}
    with problems.noted():
        values = _values_by_name(line)
    options = {name: texts[-1] or "" for name, texts in values.items() if name in OPTIONS}
    unchecked = "unchecked" in options
    tag = ",".join(filter(None, values.get("tag", [])))
    model = read_model(options.get("model") or "p-image", problems, unchecked=unchecked)
    wrong: list[str] = []
    fields = _fields(values, model, wrong, unchecked=unchecked)
    out = options.get("out") or OUT
    if not out.isidentifier() or keyword.iskeyword(out):
        wrong.append(f"--out {out!r} is not a variable name.")
    max_cost_usd = _positive("max_cost_usd", options, math.inf, wrong)
    # The grid is shown when all is paid for: what it would refuse is refused here.
    size = _positive("size", options, SIZE_AT_MOST, wrong, least=SIZE_AT_LEAST)
    if wrong:
        head = "The options of %%pruna are wrong; nothing was sent:"
        problems.add(InputError(wrong[0] if len(wrong) == 1 else listed(head, wrong), wrong))
    switches = {name: name in options for name in SWITCHES}
    return _Options(model, fields, out, max_cost_usd, int(size or 256), tag, **switches)


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
            count = "*" if name in AXES else "?"
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
            parts = [part for text in texts for part in (text or [None])] if name in AXES else texts
            values[name] = parts
    return values


def _fields(
    values: Mapping[str, list[str | None]], model: Model, wrong: list[str], *, unchecked: bool
) -> dict[str, Any]:
    """Return the model's fields, and note what is wrong with any of the options."""
    fields: dict[str, Any] = {}
    for name, texts in values.items():
        field = model.fields.get(name)
        is_list = field is not None and field.type == "array"
        if len(texts) > 1 and not is_list and name not in {*AXES, "tag"}:
            wrong.append(f"--{_dashed(name)} is given twice.")
        if name in SWITCHES:
            continue
        if field is None and name not in OPTIONS and model.known and not unchecked:
            near = near_names(name, [*model.fields, *OPTIONS])
            meant = did_you_mean([f"--{_dashed(option)}" for option in near])
            wrong.append(f"--{_dashed(name)}: {model.name} has no such field.{meant}")
        elif field is not None and field.type == "boolean":
            word = "yes" if texts[-1] is None else texts[-1].lower()
            fields[name] = True if word in _YES else False if word in _NO else texts[-1]
        elif not all(texts):
            wrong.append(f"--{_dashed(name)} needs a value.")
        elif name not in OPTIONS:
            fields[name] = _field_value(field, name, [text for text in texts if text])
    return fields


def _field_value(field: Field | None, name: str, texts: list[str]) -> Any:
    """Return a field's value in its type; what does not fit is left to the catalogue's check."""
    if name == "seed":
        return ",".join(texts)
    if name == "aspect_ratio":
        return [part.strip() for part in ",".join(texts).split(",") if part.strip()]
    if field is not None and field.type == "array":
        return [_number(text, field.item_type) for text in texts]
    kind = None if field is None else str(field.type)
    # A model that was registered may list choices that are text, whatever type it names.
    choices = [type(choice) for choice in (field.choices if field is not None else ())]
    return texts[-1] if str in choices else _number(texts[-1], kind)


def _positive(
    name: str, options: Mapping[str, str], most: float, wrong: list[str], *, least: float = 0.0
) -> float | None:
    """Return one of the magic's own options, all of which are above zero, as a number."""
    text = options.get(name)
    if not text:  # reported already, where it was given without a value
        return None
    value = _number(text, "number")
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


def _number(text: str, kind: str | None) -> Any:
    """Read a number where the field takes one; other text is refused by the catalogue."""
    if kind not in {"integer", "number"}:
        return text
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value


@magics_class
class PrunaMagics(Magics):
    """``%pruna`` and ``%%pruna``."""

    began_at = time.time()

    @line_cell_magic
    def pruna(self, line: str, cell: str | None = None) -> Any:
        """Make pictures of the prompts in a cell, or look at models and costs.

        ``%pruna`` alone says how it is used.
        """
        try:
            return self._look(line) if cell is None else self._make(line, cell)
        except (InputError, UnknownModelError) as error:
            # IPython shows the message alone of this one, with no traceback through the magic.
            raise UsageError(str(error)) from None

    def _look(self, line: str) -> Any:
        word = line.strip()
        if word == "models":
            from pruna_nb.frames.tables import models

            return models()
        if word == "cost":
            from pruna_nb.frames.costs import costs_by_period

            return costs_by_period(self.began_at)
        if word.partition(" ")[0] == "rerun":
            return self._rerun(word.partition(" ")[2])
        if word in {"", "help", "-h", "--help"}:
            say(_USAGE)
            return None
        raise UsageError(
            f"%pruna {word[:40]}: there are %pruna models and %pruna cost, and %pruna rerun.\n"
            f"{_USAGE}"
        )

    def _rerun(self, line: str) -> Grid:
        from pruna_nb.frames.grids import frame_grid
        from pruna_nb.frames.rerun import rerun

        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        parser.add_argument("record", nargs="*")
        for option in ("--max-cost-usd", "--tag", "--out"):
            parser.add_argument(option)
        for option in ("--files", "--quiet"):
            parser.add_argument(option, action="store_true")
        try:
            asked, others = parser.parse_known_args(shlex.split(line))
        except (argparse.ArgumentError, ValueError) as error:
            raise UsageError(
                f"%pruna rerun takes the file of a record: {error}.\n{_USAGE}"
            ) from None
        out = asked.out or OUT
        if others or len(asked.record) != 1 or not out.isidentifier() or keyword.iskeyword(out):
            unknown = shown([*others, *asked.record[1:], *([asked.out] if asked.out else [])])
            raise UsageError(f"%pruna rerun takes the file of one record, not {unknown}.\n{_USAGE}")
        most = asked.max_cost_usd
        shell: Any = self.shell
        try:
            frame = rerun(
                asked.record[0],
                max_cost_usd=None if most is None else _number(most, "number"),
                tag=asked.tag,
                files=asked.files,
                progress=not asked.quiet,
            )
        except BaseException as error:
            part = attached_frame(error)
            if part is not None:
                shell.user_ns[out] = part
            raise
        shell.user_ns[out] = frame
        return frame_grid(frame, title=f"{counted(len(frame), 'row')}; the frame is in {out}")

    def _make(self, line: str, cell: str) -> Grid | None:
        from pruna_nb.form.tables import SweepTables
        from pruna_nb.frames import generate as verbs

        problems = Problems()
        arguments = read_options_line(line, problems)
        out = arguments.out
        shell: Any = self.shell
        options = read_options(
            problems,
            max_cost_usd=arguments.max_cost_usd,
            progress=not arguments.quiet,
            tag=arguments.tag,
        )
        sweep = sweep_of(arguments, cell, shell.user_ns, problems)
        problems.check()
        tables = SweepTables(options=options, unchecked=arguments.unchecked)
        if arguments.estimate:
            say(tables.estimate(sweep))
            return None
        try:
            frame = verbs.generate(tables.table(sweep), tables.call(sweep), options)
        except BaseException as error:
            # What was paid for until Ctrl-C is in the variable too: the cell has no result then.
            part = attached_frame(error)
            if part is not None:
                shell.user_ns[out] = part
            raise
        shell.user_ns[out] = frame
        title = f"{counted(len(frame), 'row')}; the frame is in {out}"
        return grid_of(sweep, frame, size=arguments.size, title=title)


def sweep_of(
    arguments: _Options, cell: str, variables: Mapping[str, Any], problems: Problems
) -> Sweep:
    """Return the sweep of a cell; of use only if nothing was noted.

    It is noted that a value does not fit, that a variable is missing, or that there is no prompt.
    """
    from pruna_nb.form.states import axes_of

    prompts = []
    for prompt in parse_prompts(cell):
        with problems.noted():
            prompts.append(fill_prompt(prompt, variables))
    model = arguments.model
    fields = dict(arguments.fields)
    if fields.pop("prompt", None) is not None:
        msg = "--prompt is not an option here. Put prompts on the lines below, one per line."
        problems.add(InputError(msg))
    if not cell.strip() and ("prompt" in model.required or not model.known):
        msg = f"{model.name} needs a prompt: write one a line below %%pruna."
        problems.add(InputError(msg))
    given = {"prompt": prompts or None, **fields}
    axes, shared = axes_of(model, given, problems, unchecked=arguments.unchecked)
    return Sweep(model, axes, shared)


def grid_of(sweep: Sweep, frame: Any, *, size: int, title: str) -> Grid:
    """Lay the pictures out: what differs most is the rows, what differs next the columns."""
    from pruna_nb.frames.grids import frame_grid

    several = [
        name for name in ("prompt", "aspect_ratio", "seed") if len(sweep.axes.get(name, ())) > 1
    ]
    rows, cols = (several[0], several[1]) if len(several) > 1 else (None, None)
    return frame_grid(frame, rows=rows, cols=cols, size=size, title=title)


def register(ipython: Any) -> None:
    """Register the magics in a notebook."""
    ipython.register_magics(PrunaMagics)
