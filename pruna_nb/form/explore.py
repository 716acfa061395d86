"""The form's way to tables: what it asks for becomes a frame, a run, and a line of code."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems, switch
from pruna_nb.batch.options import RunOptions, read_options, stranger
from pruna_nb.catalog import check_input, read_model
from pruna_nb.errors import ColumnError, InputError
from pruna_nb.form.code import code_of
from pruna_nb.frames import generate as verbs
from pruna_nb.frames.call import Call, read_call, wrong_call
from pruna_nb.frames.chains import check_own_columns
from pruna_nb.frames.columns import (
    column,
    fill_template,
    places_of,
    plain_label,
    template_labels,
    with_columns,
)
from pruna_nb.frames.generate import snapshot
from pruna_nb.frames.results import with_results
from pruna_nb.frames.samples import with_samples
from pruna_nb.settings import current
from pruna_nb.settings.scopes import Scope
from pruna_nb.tables.cells import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.arguments import Amount
    from pruna_nb.batch.job import Outcome
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Model
    from pruna_nb.form.form import Form
    from pruna_nb.form.sweep import Ask

_ROWS_AT_MOST = 2_000
_ROW_TEXT = 120


class FrameTables:
    """Makes estimates, runs, frames and code of what a form or a magic asks for.

    Parameters
    ----------
    frame : DataFrame, optional
        Whose rows an ask names, as they are now; without one the ask's own axes are the table.
    base : Call, optional
        The columns and the template that the rows' fields are read from.
    options : RunOptions, optional
        How runs go about their work.
    unchecked : bool
        Whether a model is taken that the catalogue does not know.
    """

    def __init__(
        self,
        frame: pd.DataFrame | None = None,
        base: Call | None = None,
        *,
        options: RunOptions | None = None,
        unchecked: bool = False,
    ) -> None:
        self._frame = None if frame is None else snapshot(frame)
        self._original = None if frame is None else weakref.ref(frame)
        self._base = base
        self._options = replace(options or RunOptions(), progress=False)
        self._unchecked = unchecked
        self._scope = Scope()

    def estimate(self, ask: Ask) -> verbs.Estimate:
        """Say what an ask would run and cost; sends nothing."""
        with self._scope.entered():
            return verbs.estimate(self.table(ask), self.call(ask), self._options)

    def begin(self, ask: Ask, places: Sequence[int]) -> Run:
        """Make the run of some places of an ask, not started yet."""
        with self._scope.entered():
            table = self.table(ask).iloc[list(places)]
            _, run = verbs.prepare_run(table, self.call(ask), self._options)
        return run

    def frame(self, ask: Ask, outcomes: Sequence[Outcome]) -> pd.DataFrame:
        """Give the frame of what was made."""
        call = self.call(ask)
        return with_results(with_samples(self.table(ask), call), outcomes, call)

    def code(self, ask: Ask) -> str:
        """Give the Python that makes it again."""
        call = self.call(ask)
        return code_of(ask, call, frame=self._frame, name=self._name(call))

    def _name(self, call: Call) -> str:
        """Find what the notebook calls the frame; empty if it has no name, or was changed since."""
        original = None if self._original is None else self._original()
        if original is None or self._frame is None:
            return ""
        read = [label for label in call.labels() if places_of(self._frame, label)]
        if call.template is not None:
            read += template_labels(call.template, self._frame)
        return _name_of(original) if _is_unchanged(original, self._frame, read) else ""

    def table(self, ask: Ask) -> pd.DataFrame:
        """Give the table of an ask: a row for each place."""
        spots = ask.spots()
        names = list(spots[0].given) if spots else list(ask.axes)
        columns = {name: [spot.given[name] for spot in spots] for name in names}
        if self._frame is None:
            return pd.DataFrame(columns, index=pd.RangeIndex(len(spots)))
        rows = self._frame.iloc[[spot.row for spot in spots if spot.row is not None]]
        rows = rows.set_flags(allows_duplicate_labels=True)  # a row may be there for each seed
        return with_columns(rows, {self._label(name): cells for name, cells in columns.items()})

    def _label(self, name: str) -> str:
        """Name the column of an axis; one of the user's own by that name stays as it is."""
        taken = () if self._frame is None else set(map(plain_label, self._frame.columns))
        free = (f"form{number}_{name}" if number > 1 else f"form_{name}" for number in count(1))
        return name if name not in taken else next(label for label in free if label not in taken)

    def call(self, ask: Ask) -> Call:
        """Give the call that makes an ask's table."""
        varying = dict.fromkeys(ask.spots()[0].given) if len(ask) else dict.fromkeys(ask.axes)
        base = self._base or Call(ask.model.name)
        return replace(
            base,
            model=ask.model.name,
            constants=ask.constants(),
            columns={**base.columns, **{name: self._label(name) for name in varying}},
            unchecked=self._unchecked or base.unchecked,
        )


def explore(
    model: str = "p-image",
    *,
    prompt: str | Sequence[str] | None = None,
    max_cost_usd: Amount | None = None,
    unchecked: bool = False,
    **fields: Any,
) -> Form:
    """Make pictures with a form, and see the price before the click.

    Parameters
    ----------
    model : str
        The model that the form begins with; any other can be chosen in it.
    prompt : str or sequence of str, optional
        What the form begins with; any number of prompts.
    max_cost_usd : float, optional
        A click that would cost more is refused.
    unchecked : bool
        Take a model that the catalogue does not know.
    **fields
        Any field of the model, as the form is to begin with. ``aspect_ratio`` and ``seed``
        take several values; seeds also as text, such as ``"1, 2, 5-8"``. What was typed into
        the form stays when its cell is run again, unless the code gives another value then.

    Returns
    -------
    Form
        It shows itself. ``form.frame`` is what was made, ``form.selected`` the rows whose
        pictures were selected, ``form.code()`` the Python that makes the grid again.

    Raises
    ------
    UnknownModelError, InputError
        If the model, a field or a value is wrong.

    Examples
    --------
    >>> import pruna_nb
    >>> form = pruna_nb.explore(prompt=["a fox", "an owl"], aspect_ratio=["1:1", "16:9"], seed=1)
    >>> form.generate()
    >>> form.wait()
    True
    >>> form.frame["status"].tolist()
    ['succeeded', 'succeeded', 'succeeded', 'succeeded']
    """
    problems = Problems()
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    options = read_options(problems, max_cost_usd=max_cost_usd)
    known = read_model(model, problems, unchecked=anyhow)
    states = states_of(known, {"prompt": prompt, **fields}, problems, unchecked=anyhow)
    problems.check()
    return _make_form(states, FrameTables(options=options, unchecked=anyhow))


def explore_frame(
    frame: pd.DataFrame,
    prompt_col: object,
    *,
    model: object,
    prompt: object,
    max_cost_usd: object,
    unchecked: object,
    fields: Mapping[str, Any],
) -> Form:
    """Make a form of a frame's rows; see ``df.pruna.explore``."""
    problems = Problems()
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    options = read_options(problems, max_cost_usd=max_cost_usd)
    known = read_model(model, problems, unchecked=anyhow)
    bound = {
        name: value
        for name, value in fields.items()
        if name.endswith("_col") and name not in known.fields and value is not None
    }
    given = {name: value for name, value in fields.items() if name not in bound}
    base = read_call(
        known, problems, prompt_col=prompt_col, prompt=prompt, unchecked=anyhow, fields=bound
    )
    rows: list[tuple[int, str]] = []
    with problems.noted():
        rows = _row_texts(frame, base)
    for name, label in base.columns.items():
        if name != "prompt":
            problems.read(_check_columns, frame, name, label, instead=None)
    check_own_columns(frame, base, problems, takes_prefix=False)
    states = states_of(known, given, problems, unchecked=anyhow)
    problems.check()
    tables = FrameTables(frame, base, options=options, unchecked=anyhow)
    taken = {**base.columns, **({"prompt": prompt} if prompt is not None else {})}
    return _make_form(states, tables, rows=rows, bound=taken)


def _check_columns(frame: pd.DataFrame, name: str, given: Any) -> None:
    for label in given if isinstance(given, list) else [given]:
        column(frame, label, f"{name}_col")


def _make_form(
    states: dict[str, Any],
    tables: FrameTables,
    *,
    rows: Sequence[tuple[int, str]] | None = None,
    bound: Mapping[str, str] | None = None,
) -> Form:
    from pruna_nb.form.controls import Controls
    from pruna_nb.form.form import Form
    from pruna_nb.form.memory import Memory, this_place

    place = this_place(("explore", states["model"], repr(sorted(states)), repr(bound)))
    memory = Memory(place, states)
    scope = Scope()  # that of the cell: the form is used when it is over
    uploads = scope.bind(lambda: current().uploads_dir)
    controls = Controls(states, memory, uploads=uploads, rows=rows, bound=bound)
    form = Form(controls, tables, thumbs_dir=scope.bind(lambda: current().thumbs_dir))
    earlier = memory.replace(form)
    if earlier is not None:
        form.take_over(earlier)
    return form


def states_of(
    known: Model, given: Mapping[str, Any], problems: Problems, *, unchecked: bool
) -> dict[str, Any]:
    """Give a form's controls what they begin with, in the words that the controls take.

    What is wrong with a field or a value is noted.
    """
    from pruna_nb.form.sweep import prompts_text, seeds_text

    states: dict[str, Any] = {"model": known.name}
    wrong: list[str] = []
    for name, value in given.items():
        if value is None:
            continue
        strange = name not in known.fields and not unchecked
        if strange and (told := stranger(known, name, _OPTIONS)) is not None:
            wrong.append(told)
            continue
        try:
            several = _several(name, value)
        except InputError as error:  # seeds as text
            problems.add(error)
            continue
        found = _problems(known, name, several)
        wrong += found
        if name == "seed":
            states[name] = "" if found else seeds_text(several)
        elif name == "prompt":
            states[name] = prompts_text(several)
        else:
            states[name] = tuple(several) if name == "aspect_ratio" else value
    if wrong:
        problems.add(wrong_call(known, wrong))
    return states


def axes_of(
    known: Model, given: Mapping[str, Any], problems: Problems, *, unchecked: bool
) -> tuple[dict[str, Sequence[Any]], dict[str, Any]]:
    """Part fields into axes, which take several values, and the rest; mistakes are noted."""
    states_of(known, given, problems, unchecked=unchecked)
    if problems:
        return {}, {}
    present = {name: value for name, value in given.items() if value is not None}
    axes = {name: _several(name, present.pop(name)) for name in _AXES if name in present}
    return axes, present


_OPTIONS = ("model", "prompt", "max_cost_usd", "unchecked")
_AXES = ("prompt", "aspect_ratio", "seed")


def _several(name: str, value: Any) -> Sequence[Any]:
    """Give the values of a field that takes several in a form; others have one."""
    from pruna_nb.form.sweep import parse_seeds

    if name == "seed" and isinstance(value, str):
        return parse_seeds(value)
    if name in _AXES and not isinstance(value, str):
        plain_value = plain(value)
        if hasattr(plain_value, "tolist"):
            plain_value = plain_value.tolist()
        if isinstance(plain_value, Iterable):
            return [_whole(plain(each)) for each in plain_value]
        return [_whole(plain_value)]
    return [value]


def _whole(value: Any) -> Any:
    """Return 2.0 as 2, which is what an array of seeds may hold."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _problems(model: Model, name: str, values: Sequence[Any]) -> list[str]:
    if name in model.fields and model.fields[name].media:
        return []  # what a file is, its control sees
    return [
        str(problem)
        for value in values
        for problem in check_input(model, {name: value})
        if problem.field == name and problem.kind not in {"missing", "only_when"}
    ]


def _row_texts(frame: pd.DataFrame, call: Call) -> list[tuple[int, str]]:
    """Name the rows by their prompts; those beyond a form's reach are left out."""
    some = frame.iloc[:_ROWS_AT_MOST]
    texts: Sequence[Any]
    if call.template is not None:
        texts = [filled.prompt for filled in fill_template(call.template, some)]
    elif "prompt" in call.columns:
        texts = column(some, call.columns["prompt"], "prompt_col")
    else:
        texts = [None] * len(some)
    return [
        (place, str(label) if text is None else " ".join(str(text).split())[:_ROW_TEXT])
        for place, (label, text) in enumerate(zip(some.index, texts, strict=True))
    ]


def _is_unchanged(frame: pd.DataFrame, before: pd.DataFrame, labels: Sequence[Any]) -> bool:
    """Whether some columns of a frame, and its rows, are what they were."""
    try:
        return frame.index.equals(before.index) and all(
            column(frame, label, "the code") == column(before, label, "the code")
            for label in labels
        )
    except (ColumnError, ValueError):  # a column is gone; arrays have no one answer
        return False


def _name_of(frame: pd.DataFrame) -> str:
    """Find what the notebook calls a frame; empty where it has no name."""
    import sys

    main = sys.modules.get("__main__")
    names = [
        name
        for name, value in list(vars(main).items())
        if value is frame and not name.startswith("_")
    ]
    return names[0] if names else ""
