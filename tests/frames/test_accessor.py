"""The accessor as editors, type checkers and help() see it: every option is written out."""

from __future__ import annotations

import inspect
import traceback
import typing

import pandas as pd
import pytest

import pruna_nb  # noqa: F401 - registers the accessor
from pruna_nb.accessor import PrunaFrame, PrunaSeries
from pruna_nb.arguments import Problems
from pruna_nb.batch.options import OPTION_NAMES, RunOptions, read_options

RUNS = [
    PrunaFrame.generate, PrunaFrame.estimate, PrunaFrame.edit, PrunaFrame.upscale,
    PrunaFrame.animate, PrunaFrame.finalize, PrunaSeries.generate, PrunaSeries.estimate,
]  # fmt: skip
IN_BACKGROUND = [verb for verb in RUNS if verb.__name__ != "estimate"]


def name_of(verb):
    return verb.__qualname__


@pytest.mark.parametrize("verb", RUNS, ids=name_of)
def test_a_verb_names_every_run_option_with_its_default(verb):
    parameters = inspect.signature(verb).parameters
    defaults = {name: parameters[name].default for name in OPTION_NAMES}
    assert read_options(Problems(), **defaults) == RunOptions()
    assert all(parameters[name].kind is inspect.Parameter.KEYWORD_ONLY for name in OPTION_NAMES)


def test_retry_names_every_run_option_but_the_background():
    names = set(inspect.signature(PrunaFrame.retry).parameters)
    assert set(OPTION_NAMES) - names == {"background"}


@pytest.mark.parametrize("verb", IN_BACKGROUND, ids=name_of)
def test_the_overloads_say_what_the_verb_itself_says_but_for_background(verb):
    overloads = typing.get_overloads(verb)
    assert [inspect.signature(each).return_annotation for each in overloads] == [
        "pd.DataFrame",
        "BackgroundRun",
    ]
    own = inspect.signature(verb).parameters
    for each in overloads:
        parameters = inspect.signature(each).parameters
        assert list(parameters) == list(own)
        assert {name: value for name, value in parameters.items() if name != "background"} == {
            name: value for name, value in own.items() if name != "background"
        }


def test_help_on_a_verb_shows_its_options_and_its_example(capsys):
    help(pd.DataFrame().pruna.edit)
    text = capsys.readouterr().out
    assert all(f"{name}:" in text for name in OPTION_NAMES)
    assert "images_col" in text
    assert "Examples" in text


def test_a_misspelt_verb_is_told_with_the_near_one_and_all_that_there_are(frame):
    with pytest.raises(AttributeError) as raised:
        frame.pruna.generat  # noqa: B018
    verbs = [name for name in dir(frame.pruna) if not name.startswith("_")]
    assert str(raised.value) == (
        "df.pruna has no 'generat'. Did you mean generate or agenerate? "
        f"It has: {', '.join(verbs)}."
    )
    with pytest.raises(AttributeError, match=r"of a frame: series\.to_frame\(\)\.pruna\.grid"):
        frame["prompt"].pruna.grid  # noqa: B018
    assert not hasattr(frame.pruna, "_repr_png_")


def test_a_misspelt_verb_is_suggested_once_in_a_traceback(frame):
    try:
        frame.pruna.generat  # noqa: B018
    except AttributeError as error:
        told = "".join(traceback.format_exception(error))
    assert told.count("Did you mean") == 1
