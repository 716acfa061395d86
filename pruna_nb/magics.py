"""``%load_ext pruna_nb``: prompts as the text of a cell, and two looks at models and costs.

::

    %%pruna --model p-image --aspect-ratio 16:9,1:1 --seed 1,2
    a {animal} at sunset
    a lighthouse in a storm

    %pruna models
    %pruna cost
"""

from __future__ import annotations

import difflib
import keyword
import math
import shlex
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from pruna_nb.arguments import Problems
from pruna_nb.batch.options import read_options
from pruna_nb.catalog import find_model, near_names
from pruna_nb.errors import InputError, PrunaError, UnknownModelError
from pruna_nb.show.text import counted
from pruna_nb.templates import BRACES, is_missing, parse
from pruna_nb.widgets.ask import Ask, parse_prompts

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
        near = difflib.get_close_matches(name, [each for each in variables if each[0] != "_"], 3)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"The notebook has no variable {name!r}.{meant} {BRACES}")
    value = variables[name]
    if is_missing(value):
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

    def __init__(self, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise InputError(f"The options cannot be read: {error}.") from None
        pairs = _joined(_pairs(words))
        self.options = {name: value for name, value in pairs if name in _OPTIONS}
        self.unchecked = "unchecked" in self.options
        self.model = find_model(self.options.get("model") or "p-image", unchecked=self.unchecked)
        self.fields: dict[str, Any] = {}
        names = [name for name, _ in pairs]
        problems = [
            f"--{_dashed(name)} is given twice."
            for name in dict.fromkeys(names)
            if names.count(name) > 1 and not self._is_list(name)
        ]
        for name, text in pairs:
            if name in _OPTIONS:
                if (text is None) != (name in _SWITCHES) or text == "":
                    verb = "takes no" if name in _SWITCHES else "needs a"
                    problems.append(f"--{_dashed(name)} {verb} value.")
                continue
            field = self.model.fields.get(name)
            if field is None and self.model.known and not self.unchecked:
                problems.append(_unknown(self.model, name))
            else:
                self._take(field, name, text, problems)
        if problems:
            raise InputError(" ".join(problems), problems)

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

    def out(self) -> str:
        """Give the name of the variable for the frame."""
        name = self.options.get("out") or OUT
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InputError(f"--out {name!r} is no variable's name.")
        return name

    def number(self, name: str) -> float | None:
        """Give one of the magic's own options, all of which are above zero, as a number."""
        text = self.options.get(name)
        if text is None:
            return None
        value = _number(text, "number")
        # A limit that is no number holds nothing back: no sum is above it.
        if isinstance(value, str) or not 0 < value < math.inf:
            raise InputError(f"--{_dashed(name)} takes a number above 0, not {text!r}.")
        return float(value)


def _told(error: PrunaError) -> list[str]:
    """Say an error in a few lines, with what was kept."""
    return [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]


def _pairs(words: Sequence[str]) -> list[tuple[str, Any]]:
    """Give options with their values; None for one that has none."""
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
    meant = f" Did you mean {' or '.join(f'--{_dashed(each)}' for each in near)}?" if near else ""
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
        except PrunaError as error:
            # IPython asks for this: what went wrong is not in the magic's own lines.
            error._render_traceback_ = partial(_told, error)  # type: ignore[attr-defined]
            raise

    def _look(self, line: str) -> Any:
        word = line.strip()
        if word == "models":
            from pruna_nb.frames.tables import models

            return models()
        if word == "cost":
            from pruna_nb.frames.costs import costs

            return costs(self.began_at)
        if word in {"", "help", "-h", "--help"}:
            print(_USAGE)  # noqa: T201 - what was asked for
            return None
        raise UsageError(f"%pruna {word[:40]}: there are %pruna models and %pruna cost.\n{_USAGE}")

    def _make(self, line: str, cell: str) -> Grid | None:
        from pruna_nb.frames import generate as verbs
        from pruna_nb.frames.exploring import FrameTables

        arguments = Arguments(line)
        out = arguments.out()
        cost = arguments.number("max_cost_usd")
        size = int(arguments.number("size") or 256)
        shell: Any = self.shell
        ask = ask_of(arguments, cell, shell.user_ns)
        problems = Problems()
        options = read_options(
            problems, max_cost_usd=cost, progress="quiet" not in arguments.options
        )
        problems.check()
        tables = FrameTables(options=options, unchecked=arguments.unchecked)
        if "estimate" in arguments.options:
            print(tables.estimate(ask))  # noqa: T201 - what was asked for
            return None
        try:
            frame = verbs.generate(tables.table(ask), tables.call(ask), options)
        except (PrunaError, KeyboardInterrupt) as error:
            part = getattr(error, "frame", None)
            if part is not None:
                shell.user_ns[out] = part
            raise
        shell.user_ns[out] = frame
        title = f"{counted(len(frame), 'row')}; the frame is in {out}"
        return grid_of(ask, frame, size=size, title=title)


def ask_of(arguments: Arguments, cell: str, variables: Mapping[str, Any]) -> Ask:
    """Give what a cell asks for.

    Raises
    ------
    InputError
        If a value does not fit, a variable is missing, or there is no prompt.
    """
    from pruna_nb.frames.exploring import axes_of

    prompts = [fill_prompt(prompt, variables) for prompt in parse_prompts(cell)]
    model = arguments.model
    if "prompt" in arguments.fields:
        raise InputError("--prompt is no option here: prompts stand below, one a line.")
    if not prompts and ("prompt" in model.required or not model.known):
        raise InputError(f"{model.name} needs a prompt: write one a line below %%pruna.")
    given = {"prompt": prompts or None, **arguments.fields}
    problems = Problems()
    axes, shared = axes_of(model, given, problems, unchecked=arguments.unchecked)
    problems.check()
    return Ask(model, axes, shared)


def grid_of(ask: Ask, frame: Any, *, size: int, title: str) -> Grid:
    """Lay the pictures out: what differs most is the rows, what differs next the columns."""
    from pruna_nb.frames.showing import frame_grid

    several = [
        name for name in ("prompt", "aspect_ratio", "seed") if len(ask.axes.get(name, ())) > 1
    ]
    rows, cols = (several[0], several[1]) if len(several) > 1 else (None, None)
    return frame_grid(frame, rows=rows, cols=cols, size=size, title=title)


def register(ipython: Any) -> None:
    """Give a notebook the magics."""
    ipython.register_magics(PrunaMagics)
