"""A list of prompts without a frame: a row for each, in a frame of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems
from pruna_nb.batch.options import OPTION_NAMES, read_options
from pruna_nb.frames.background import generate_in_background
from pruna_nb.frames.call import is_several, read_call, several
from pruna_nb.frames.generate import generate

if TYPE_CHECKING:
    from pruna_nb.frames.background import BackgroundRun


def is_prompts(value: object) -> bool:
    """Whether a value is several prompts: a list, a Series, an array and the like."""
    return isinstance(value, pd.Series) or is_several(value)


def generate_prompts(
    prompts: Any, *, model: object, samples: object, unchecked: object, prefix: object, **more: Any
) -> pd.DataFrame | BackgroundRun:
    """Generate an output for each prompt, as ``series.pruna.generate`` does.

    Parameters
    ----------
    prompts : list, Series or array of str
        A Series keeps its index and its name.
    model, samples, unchecked, prefix
        As for ``df.pruna.generate``.
    **more
        The options of `RunOptions`, and fields of the model.
    """
    problems = Problems()
    options = read_options(problems, **{name: more.pop(name) for name in OPTION_NAMES})
    # Objects: of text that is not valid Unicode pandas makes no column, and the row says so.
    is_series = isinstance(prompts, pd.Series)
    rows = prompts if is_series else pd.Series(several(prompts), dtype=object)
    name = "prompt" if rows.name is None else rows.name
    call = read_call(
        model,
        problems,
        prompt_col=name,
        samples=samples,
        unchecked=unchecked,
        prefix=prefix,
        fields=more,
    )
    work = generate_in_background if options.background else generate
    return work(rows.to_frame(name), call, options, problems)
