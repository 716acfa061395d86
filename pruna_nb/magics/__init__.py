"""``%load_ext pruna_nb``: prompts as the text of a cell, and two looks at models and costs.

::

    %%pruna --model p-image,flux-dev --aspect-ratio 16:9,1:1 --seed 1,2 --rows prompt,model
    a {animal} at sunset
    a {red|white} lighthouse in a storm

    %pruna models
    %pruna cost

Read in this order: this module, `options` (the line), `prompts` (the cell).
"""

from __future__ import annotations

import argparse
import keyword
import shlex
import time
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class

from pruna_nb.arguments import Problems
from pruna_nb.batch.options import read_options
from pruna_nb.console import say
from pruna_nb.errors import InputError, UnknownModelError, attached_frame
from pruna_nb.form.axes import Axes
from pruna_nb.frames.call import is_several, read_call
from pruna_nb.frames.prompts import prompt_frame
from pruna_nb.magics.options import OPTIONS, OUT, SWITCHES, Options, number, read_options_line
from pruna_nb.magics.prompts import fill_prompt, fill_prompts, prompts_line, prompts_of
from pruna_nb.text import counted, shown

if TYPE_CHECKING:
    from pruna_nb.frames.call import Call
    from pruna_nb.show import Grid

__all__ = [
    "OPTIONS",
    "SWITCHES",
    "PrunaMagics",
    "fill_prompt",
    "fill_prompts",
    "read_options_line",
    "register",
]

_USAGE = """\
%%pruna [--model p-image] [--<field> value ...] [--out _pruna]   one prompt a line
    --aspect-ratio 16:9,1:1 --seed 1,2,5-8   several values of any field make a grid
    --model p-image,flux-dev                 and so do several models
    --zip                                    the values in step, not each with each
    --rows prompt,seed --cols model          what its rows are, and what its columns
    --<field> value     any field of the models; a switch needs no value
    --images a.png --images b.png            a list, or several texts, one by one
    --replace "fox -> cat, dog"              each prompt with a fox also with a cat and a dog
    --out name          the variable that gets the frame (default: _pruna)
    --max-cost-usd 0.5  refuse to start above it
    --tag spring,sale   what they are for, by which their costs are found
    --size 256          side of the pictures in the grid, in pixels
    --unchecked         take models and fields that the catalogue does not know
    --estimate          say what it would cost, and send nothing
    --quiet             no progress bar
    {name} in a prompt is filled from the notebook's variables, a list with each of its items;
    {red|blue} makes a prompt of each word; {{ and }} are braces.
%pruna models           the models, as a frame
%pruna cost             what was spent: this session, 24 hours, 30 days
%pruna rerun run.json   the runs of a record again, at no cost as far as they are in the cache
    --max-cost-usd 0.5 --tag spring --out _pruna --files --quiet"""


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
                max_cost_usd=None if most is None else number(most, "number"),
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
        from pruna_nb.frames import generate as verbs

        problems = Problems()
        arguments = read_options_line(line, problems)
        shell: Any = self.shell
        options = read_options(
            problems,
            max_cost_usd=arguments.max_cost_usd,
            tag=arguments.tag,
            progress=not arguments.quiet,
        )
        prompts = prompts_of(cell, shell.user_ns, arguments.replace, problems)
        frame, call = call_of(arguments, prompts, problems)
        if not prompts and ("prompt" in call.model.required or not call.model.known):
            msg = f"{call.model.name} needs a prompt: write one a line below %%pruna."
            problems.add(InputError(msg))
            problems.check()  # the row would say so once more
        if arguments.estimate or (call.models and not arguments.quiet):
            # before a run of several models too: the price of each is told before it is spent
            say(str(verbs.estimate(frame, call, options, problems)))
            if told := prompts_line(prompts, cell):
                say(told)
        if arguments.estimate:
            return None
        try:
            made = verbs.generate(frame, call, options, problems)
        except BaseException as error:
            # What was paid for until Ctrl-C is in the variable too: the cell has no result then.
            part = attached_frame(error)
            if part is not None:
                shell.user_ns[arguments.out] = part
            raise
        shell.user_ns[arguments.out] = made
        title = f"{counted(len(made), 'row')}; the frame is in {arguments.out}"
        return grid_of(arguments, prompts, made, title=title)


def call_of(arguments: Options, prompts: list[str], problems: Problems) -> tuple[Any, Call]:
    """Return the frame of a cell's prompts, and the call that makes each with every value."""
    fields = dict(arguments.fields)
    if fields.pop("prompt", None) is not None:
        msg = "--prompt is not an option here. Put prompts on the lines below, one per line."
        problems.add(InputError(msg))
    names = arguments.models
    call = read_call(
        names if len(names) > 1 else names[0],
        problems,
        prompt_col="prompt" if prompts else None,
        sweep="zip" if arguments.zip else "cross",
        unchecked=arguments.unchecked,
        # seeds run fastest, as in a form
        fields=dict(sorted(fields.items(), key=lambda item: item[0] == "seed")),
    )
    return prompt_frame(prompts), call


def grid_of(arguments: Options, prompts: list[str], made: Any, *, title: str) -> Grid:
    """Lay the pictures out: the first field that differs is the rows, unless the line says else."""
    from pruna_nb.frames.grids import frame_grid

    lists = {name: value for name, value in arguments.fields.items() if is_several(value)}
    lists = {"prompt": prompts, "model": arguments.models, **lists}
    names = [name for name, values in lists.items() if len(values) > 1]
    names.sort(key=lambda name: name == "seed")
    # Of lists in step, an axis each would leave most cells empty: the grid's own way has none.
    asked = arguments.axes.rows or arguments.axes.cols
    is_laid_out = len(names) > 1 and (asked or not arguments.zip)
    axes = arguments.axes.of(names) if is_laid_out else Axes()
    return frame_grid(
        made, rows=axes.rows or None, cols=axes.cols or None, size=arguments.size, title=title
    )


def register(ipython: Any) -> None:
    """Register the magics in a notebook."""
    ipython.register_magics(PrunaMagics)
