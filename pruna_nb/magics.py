"""``%load_ext pruna_nb``: prompts as the text of a cell, and two looks at models and costs.

::

    %%pruna --model p-image --aspect-ratio 16:9,1:1 --seed 1,2
    a {animal} at sunset
    a lighthouse in a storm

    %pruna models
    %pruna cost
"""

from __future__ import annotations

import keyword
import math
import shlex
import time
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from pruna_nb.arguments import Problems, listed
from pruna_nb.batch.options import read_options
from pruna_nb.catalog import read_model
from pruna_nb.console import say
from pruna_nb.errors import InputError, UnknownModelError
from pruna_nb.form.sweep import Sweep, parse_prompts
from pruna_nb.show.grids import SIZE_AT_LEAST, SIZE_AT_MOST
from pruna_nb.templates import BRACES, is_empty, parse
from pruna_nb.text import counted, did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.catalog import Field, Model
    from pruna_nb.show import Grid

OUT = "_pruna"
"""Where the frame goes if no ``--out`` says otherwise."""
_USAGE = """\
%%pruna [--model p-image] [--<field> value ...] [--out _pruna]   one prompt a line
    --aspect-ratio 16:9,1:1 --seed 1,2,5-8   several values make a grid
    --<field> value     any field of the model; a switch needs no value
    --images a.png --images b.png            a list, one by one
    --out name          the variable that gets the frame (default: _pruna)
    --max-cost-usd 0.5  refuse to start above it
    --size 256          side of the pictures in the grid, in pixels
    --unchecked         take models and fields that the catalogue does not know
    --estimate          say what it would cost, and send nothing
    --quiet             no progress bar
    {name} in a prompt is filled from the notebook's variables; {{ and }} are braces.
%pruna models           the models, as a frame
%pruna cost             what was spent: this session, 24 hours, 30 days"""
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_SWITCHES = frozenset({"estimate", "quiet", "unchecked"})
_OPTIONS = frozenset({"model", "out", "max_cost_usd", "size", *_SWITCHES})


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
        If there is no such variable, if it is empty, or no text, number or date.

    Examples
    --------
    >>> fill_prompt("a {color} fox, {{really}}", {"color": "red"})
    'a red fox, {really}'
    """
    template = parse(prompt, variables)
    return template.fill({name: _variable(name, variables) for name in template.names})


def _variable(name: str, variables: Mapping[str, Any]) -> Any:
    if name not in variables:
        near = near_names(name, [each for each in variables if each[0] != "_"])
        meant = did_you_mean(near)
        raise InputError(f"The notebook has no variable {name!r}.{meant} {BRACES}")
    value = variables[name]
    if is_empty(value):
        raise InputError(f"The variable {name!r} is empty ({value!r}); give it a value.")
    return value


class Arguments:
    """What stands behind ``%%pruna``: options of the magic, and fields of the model.

    Parameters
    ----------
    line : str
        As it was typed.

    Raises
    ------
    InputError
        If an option is not known or lacks its value; all problems at once.

    Attributes
    ----------
    options : dict of str to str
        The magic's own.
    fields : dict of str to object
        The model's, in the types that it takes.
    """

    def __init__(self, line: str, problems: Problems | None = None) -> None:
        found = Problems() if problems is None else problems
        pairs: list[tuple[str, Any]] = []
        with found.noted():
            pairs = _joined(_pairs(line))
        self.options = {name: value for name, value in pairs if name in _OPTIONS}
        self.unchecked = "unchecked" in self.options
        named = self.options.get("model") or "p-image"
        self.model = read_model(named, found, unchecked=self.unchecked)
        self.fields: dict[str, Any] = {}
        names = [name for name, _ in pairs]
        wrong = [
            f"--{_dashed(name)} is given twice."
            for name in dict.fromkeys(names)
            if names.count(name) > 1 and not self._is_list(name)
        ]
        for name, text in pairs:
            if name in _OPTIONS:
                if (text is None) != (name in _SWITCHES) or text == "":
                    verb = "takes no" if name in _SWITCHES else "needs a"
                    wrong.append(f"--{_dashed(name)} {verb} value.")
                continue
            field = self.model.fields.get(name)
            if field is None and self.model.known and not self.unchecked:
                wrong.append(_unknown(self.model, name))
            else:
                self._take(field, name, text, wrong)
        self.out = self.options.get("out") or OUT
        if not self.out.isidentifier() or keyword.iskeyword(self.out):
            wrong.append(f"--out {self.out!r} is no variable's name.")
        self.max_cost_usd = self._number("max_cost_usd", math.inf, wrong)
        # The grid is shown when all is paid for: what it would refuse is refused here.
        self.size = int(self._number("size", SIZE_AT_MOST, wrong, least=SIZE_AT_LEAST) or 256)
        if wrong:
            head = "The options of %%pruna are wrong; nothing was sent:"
            found.add(InputError(wrong[0] if len(wrong) == 1 else listed(head, wrong), wrong))
        if problems is None:
            found.check()

    def _is_list(self, name: str) -> bool:
        field = self.model.fields.get(name)
        return field is not None and field.type == "array"

    def _take(self, field: Field | None, name: str, text: str | None, problems: list[str]) -> None:
        if field is not None and field.type == "boolean":
            self.fields[name] = text is None or _switch(text)
        elif not text:
            problems.append(f"--{_dashed(name)} needs a value.")
        elif name == "seed":
            self.fields[name] = text
        elif name == "aspect_ratio":
            self.fields[name] = [part.strip() for part in text.split(",") if part.strip()]
        elif field is not None and field.type == "array":
            self.fields.setdefault(name, []).append(_number(text, field.item_type))
        else:
            kind = None if field is None else str(field.type)
            kinds = [type(each) for each in (field.choices if field is not None else ())]
            self.fields[name] = text if str in kinds else _number(text, kind)

    def _number(
        self, name: str, most: float, wrong: list[str], *, least: float = 0.0
    ) -> float | None:
        """Return one of the magic's own options, all of which are above zero, as a number."""
        text = self.options.get(name)
        if not text:  # told already, where it was given without a value
            return None
        value = _number(text, "number")
        # A limit that is no number holds nothing back: no sum is above it.
        if isinstance(value, str) or not 0 < value < math.inf:
            wrong.append(f"--{_dashed(name)} takes a number above 0, not {text!r}.")
            return None
        if not least <= value <= most:
            wrong.append(f"--{_dashed(name)} {text} is out of range: {least:,} to {most:,}.")
            return None
        return float(value)


def _pairs(line: str) -> list[tuple[str, Any]]:
    """Return options with their values; None for one that has none."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputError(f"The options cannot be read: {error}.") from None
    pairs: list[tuple[str, Any]] = []
    for word in words:
        if word.startswith("--"):
            name, found, value = word[2:].partition("=")
            pairs.append((name.replace("-", "_"), value if found else None))
        elif pairs and pairs[-1][1] is None and pairs[-1][0] not in _SWITCHES:
            pairs[-1] = (pairs[-1][0], word)
        elif pairs and pairs[-1][0] in {"seed", "aspect_ratio"}:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]},{word}")
        else:
            raise InputError(f"{word!r} belongs to no option; prompts stand below, one a line.")
    return pairs


def _joined(pairs: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Join values of an axis that were given one by one, as in ``--seed 1 --seed 2``."""
    joined: list[tuple[str, Any]] = []
    for axis in ("seed", "aspect_ratio"):
        values = [value for name, value in pairs if name == axis]
        missing = any(value is None for value in values)
        joined += [(axis, None if missing else ",".join(values))] if values else []
    return joined + [pair for pair in pairs if pair[0] not in {"seed", "aspect_ratio"}]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _unknown(model: Model, name: str) -> str:
    near = near_names(name, [*model.fields, *_OPTIONS])
    meant = did_you_mean(f"--{_dashed(each)}" for each in near)
    return f"--{_dashed(name)}: {model.name} has no such field.{meant}"


def _switch(text: str) -> Any:
    low = text.lower()
    return True if low in _YES else False if low in _NO else text


def _number(text: str, kind: str | None) -> Any:
    """Read a number where the field takes one; text that is none is refused by the catalogue."""
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
            raise UsageError(str(error)) from None

    def _look(self, line: str) -> Any:
        word = line.strip()
        if word == "models":
            from pruna_nb.frames.tables import models

            return models()
        if word == "cost":
            from pruna_nb.frames.tables import costs

            return costs(self.began_at)
        if word in {"", "help", "-h", "--help"}:
            say(_USAGE)
            return None
        raise UsageError(f"%pruna {word[:40]}: there are %pruna models and %pruna cost.\n{_USAGE}")

    def _make(self, line: str, cell: str) -> Grid | None:
        from pruna_nb.form.tables import SweepTables
        from pruna_nb.frames import generate as verbs

        problems = Problems()
        arguments = Arguments(line, problems)
        out = arguments.out
        shell: Any = self.shell
        options = read_options(
            problems,
            max_cost_usd=arguments.max_cost_usd,
            progress="quiet" not in arguments.options,
        )
        sweep = sweep_of(arguments, cell, shell.user_ns, problems)
        problems.check()
        tables = SweepTables(options=options, unchecked=arguments.unchecked)
        if "estimate" in arguments.options:
            say(tables.estimate(sweep))
            return None
        try:
            frame = verbs.generate(tables.table(sweep), tables.call(sweep), options)
        except BaseException as error:
            part = getattr(error, "frame", None)
            if part is not None:
                shell.user_ns[out] = part
            raise
        shell.user_ns[out] = frame
        title = f"{counted(len(frame), 'row')}; the frame is in {out}"
        return grid_of(sweep, frame, size=arguments.size, title=title)


def sweep_of(
    arguments: Arguments, cell: str, variables: Mapping[str, Any], problems: Problems
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
        msg = "--prompt is no option here: prompts stand below, one a line."
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
