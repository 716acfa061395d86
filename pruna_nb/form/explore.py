"""``explore()`` and ``df.pruna.explore()``: a form from what the code gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems, switch
from pruna_nb.batch.options import read_options
from pruna_nb.catalog import read_model
from pruna_nb.errors import InputError
from pruna_nb.form.axes import read_axes
from pruna_nb.form.choices import expand
from pruna_nb.form.states import states_of
from pruna_nb.form.sweep import in_common, parse_prompts
from pruna_nb.form.tables import SweepTables
from pruna_nb.frames.call import Call, is_several, read_call, several
from pruna_nb.frames.chains import check_own_columns
from pruna_nb.frames.columns import column, fill_template, labels_by_name
from pruna_nb.settings import current
from pruna_nb.text import described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pruna_nb.arguments import Amount, Tags
    from pruna_nb.catalog import Model
    from pruna_nb.form.axes import Axes
    from pruna_nb.form.form import Form

_ROWS_AT_MOST = 2_000
_ROW_TEXT = 120


def explore(
    model: str | Sequence[str] = "p-image",
    *,
    prompt: str | Sequence[str] | None = None,
    replace: str | None = None,
    rows: str | Sequence[str] | None = None,
    cols: str | Sequence[str] | None = None,
    max_cost_usd: Amount | None = None,
    tag: Tags | None = None,
    unchecked: bool = False,
    **fields: Any,
) -> Form:
    """Make pictures with a form, and see the price before the click.

    Parameters
    ----------
    model : str or sequence of str
        The model that the form begins with, or several, which are compared; any other can be
        chosen in it. The form has the fields that all of them have.
    prompt : str or sequence of str, optional
        What the form begins with; any number of prompts. ``a {red|blue} fox`` is two of them.
    replace : str, optional
        Search and replace in the prompts: ``fox -> cat, dog`` makes each prompt with a fox also
        with a cat and with a dog.
    rows, cols : str or sequence of str, optional
        Which of the fields that differ are the rows of the pictures, and which the columns; the
        outer one first. "prompt", "model" and any field; see also ``form.arrange``.
    max_cost_usd : float, optional
        A click that would cost more is refused.
    tag : str or list of str, optional
        What the predictions are for, as for ``df.pruna.generate``.
    unchecked : bool
        Allow a model that the catalogue does not know.
    **fields
        Any field of the model, as the form begins with it. A list of values compares them;
        seeds also as text, such as ``"1, 2, 5-8"``. What was typed into the form stays when its
        cell is run again, unless the code gives another value then.

    Returns
    -------
    Form
        It shows itself. ``form.frame`` is what the round on the screen made, ``form.history``
        what all rounds made, ``form.selected`` the rows whose pictures were selected,
        ``form.kept`` the favourites, ``form.code()`` the Python that makes the grid again, and
        ``form.fields`` the fields, to be set from code.

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
    >>> form.fields["seed"].value = "1, 2"
    >>> form.fields["seed"].value
    (1, 2)
    """
    problems = Problems()
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    options = read_options(problems, max_cost_usd=max_cost_usd, tag=tag)
    known, chosen = _read_models(model, problems, unchecked=anyhow)
    states = states_of(known, {"prompt": prompt, **fields}, problems, unchecked=anyhow)
    states["model"] = chosen
    with problems.noted():
        if replace is not None:
            states["replace"] = _read_rule(replace, states.get("prompt", ""))
    axes = read_axes(rows, cols, ["prompt", "model", *known.fields], problems)
    problems.check()
    return _make_form(states, SweepTables(options=options, unchecked=anyhow), axes)


def _read_models(
    model: object, problems: Problems, *, unchecked: bool
) -> tuple[Model, str | tuple[str, ...]]:
    """Return the model, or what several have in common, and their names as a form keeps them."""
    given = list(dict.fromkeys(several(model))) if is_several(model) else [model]
    models = [read_model(each, problems, unchecked=unchecked) for each in given or [None]]
    known = models[0]
    if len(models) > 1 and not problems:
        with problems.noted():
            known = in_common(models)
    names = tuple(each.name for each in models)
    return known, names if len(names) > 1 else names[0]


def _read_rule(rule: object, prompts: str) -> str:
    """Return a rule of search and replace that can be read and that fits the prompts."""
    if not isinstance(rule, str):
        raise InputError(
            f"replace= takes text such as 'fox -> cat, dog'; {described(rule)} was given."
        )
    if prompts.strip():
        expand(parse_prompts(prompts), rule)
    return rule


def explore_frame(
    frame: pd.DataFrame,
    prompt_col: object,
    *,
    model: object,
    prompt: object,
    axes: tuple[object, object],
    max_cost_usd: object,
    tag: object,
    unchecked: object,
    fields: Mapping[str, Any],
) -> Form:
    """Make a form of a frame's rows; see ``df.pruna.explore``."""
    problems = Problems()
    anyhow = problems.read(switch, "unchecked", unchecked, instead=False)
    options = read_options(problems, max_cost_usd=max_cost_usd, tag=tag)
    known, chosen = _read_models(model, problems, unchecked=anyhow)
    bound = {
        name: value
        for name, value in fields.items()
        if name.endswith("_col") and name not in known.fields and value is not None
    }
    constants = {name: value for name, value in fields.items() if name not in bound}
    base = read_call(
        known,
        problems,
        prompt_col=prompt_col,
        prompt=prompt,
        names=labels_by_name(frame),
        unchecked=anyhow,
        fields=bound,
    )
    templates = base.axes.get("prompt", [])
    base = replace(base, axes={})
    rows: list[tuple[int, str]] = []
    with problems.noted():
        rows = _row_texts(frame, base)
        for template in templates:
            fill_template(template, frame.iloc[:1])  # raises for a column that is not there
    for name, labels in base.columns.items():
        if name != "prompt":
            with problems.noted():
                for label in labels if isinstance(labels, list) else [labels]:
                    column(frame, label, f"{name}_col")
    check_own_columns(frame, base, problems, takes_prefix=False)
    states = states_of(known, constants, problems, unchecked=anyhow)
    states["model"] = chosen
    found = read_axes(*axes, ["prompt", "row", "model", *known.fields], problems)
    problems.check()
    tables = SweepTables(frame, base, options=options, unchecked=anyhow, templates=templates)
    taken = {**base.columns, **({"prompt": prompt} if prompt is not None else {})}
    return _make_form(states, tables, found, rows=rows, bound=taken)


def _make_form(
    states: dict[str, Any],
    tables: SweepTables,
    axes: Axes,
    *,
    rows: Sequence[tuple[int, str]] | None = None,
    bound: Mapping[str, str] | None = None,
) -> Form:
    # ipywidgets takes a third of a second to import: only once a form is made
    from pruna_nb.form.controls import Controls
    from pruna_nb.form.form import Form
    from pruna_nb.form.memory import Memory, home_of, this_place
    from pruna_nb.form.remembering import Remembering

    fallback = ("explore", states["model"], repr(sorted(states)), repr(bound))
    place = this_place(fallback)
    home = home_of(place, fallback)
    with tables.scope.entered():
        remembering = Remembering(current().cache_dir, "" if place is None else home)
    memory = Memory(place, states, remembering.typed)
    controls = Controls(
        states,
        memory,
        scope=tables.scope,
        rows=rows,
        bound=bound,
        templates=tables.templates,
        fill=tables.fill,
    )
    earlier = memory.rounds(lambda: remembering.rounds(tables, rows))
    form = Form(controls, tables, remembering, rounds=earlier, home=home, axes=axes)
    before = memory.replace(form)
    if before is not None:
        form.take_over(before)
    return form


def _row_texts(frame: pd.DataFrame, call: Call) -> list[tuple[int, str]]:
    """Return the positions of the rows and their prompts; the form shows only the first rows."""
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
