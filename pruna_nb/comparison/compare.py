"""`compare`: make the pictures of all variants, a frame for each model, and compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems, choice
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.options import RunOptions, read_options, unknown_name
from pruna_nb.catalog import SWEEP_HOWS, lookup_model, read_model
from pruna_nb.comparison.comparison import Comparison
from pruna_nb.comparison.pairs import NOT_COMPARED, make_rows, not_compared
from pruna_nb.comparison.scores import mean_scores, read_score, score_rows
from pruna_nb.comparison.variants import read_variants
from pruna_nb.errors import attach_frame, attached_frame
from pruna_nb.frames.call import is_several, read_call, several
from pruna_nb.frames.generate import estimate, generate
from pruna_nb.frames.requests import make_requests
from pruna_nb.frames.results import RESULT_COLUMNS
from pruna_nb.settings import current
from pruna_nb.tables.cells import plain_cells
from pruna_nb.text import counted, near_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pruna_nb.arguments import Amount, Tags
    from pruna_nb.catalog import Model, SweepHow
    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.variants import Variant
    from pruna_nb.frames.call import Call

_OPTIONS = ("seeds", "prompts", "model", "score", "sweep", "max_cost_usd", "progress", "tag")
_NOT_SENT = {
    "output": None,
    "status": "pending",
    "error": "not sent",
    "seconds": 0.0,
    "cost_usd": 0.0,
    "cached": False,
    "prediction_id": None,
}


def compare(
    variants: Mapping[str, object] | Sequence[object],
    seeds: int | Iterable[int] | None = 8,
    *,
    prompts: Iterable[object] | None = None,
    model: str = "p-image",
    score: Any = None,
    sweep: SweepHow = "cross",
    max_cost_usd: Amount | None = None,
    progress: bool = True,
    tag: Tags | None = None,
    **fields: Any,
) -> Comparison:
    """Compare prompts, templates, models or settings on the same seeds.

    Parameters
    ----------
    variants : mapping of str to object, or sequence
        What is compared, by name: a prompt, a template with ``{names}``, a model's name, or a
        dict of settings. Without names each is named by its text or its settings.
    seeds : int, iterable of int or None
        How many seeds, or which; the same for all variants. None sends none.
    prompts : iterable of str or mapping, optional
        What each variant is applied to: prompts (a template's ``{prompt}``), or mappings that
        fill the templates.
    model : str
        For variants without a model of their own.
    score : callable, or mapping of str to callable, optional
        An automatic metric: called with a picture (PIL) and its row (a dict), returns a number
        or a dict of numbers, which are added to the frame.
    sweep : {"cross", "zip"}
        How lists of `fields` meet: "cross" combines each value with each other, "zip" takes lists
        of one length in step.
    max_cost_usd : float, optional
        Refuse to start if the new predictions would cost more in all; 0 reports the price of
        what is not cached, and sends nothing.
    progress : bool
        Show a bar, and one line at the end, for each model.
    tag : str or list of str, optional
        What the predictions are for, as for ``df.pruna.generate``.
    **fields
        Fields for all variants; a list makes one setting of each of its values, such as
        ``aspect_ratio=["1:1", "16:9"]``.

    Returns
    -------
    Comparison
        Its ``grid()`` shows the pictures, ``vote()`` judges them blindly, ``votes`` is a frame,
        and ``result()`` says which variant won and how certain that is.

    Raises
    ------
    InputError
        If the variants cannot be compared, or a model does not take an input; nothing was sent.
    BudgetError
        If it would cost more than `max_cost_usd`; nothing was sent.
    BaseException
        Whatever ends a run or a score; the error's ``frame`` holds what is done.

    Examples
    --------
    >>> import pruna_nb
    >>> comparison = pruna_nb.compare(
    ...     {"plain": "a teapot", "studio": "a teapot, studio light"}, seeds=2, progress=False
    ... )
    >>> len(comparison.rows)
    4
    """
    problems = Problems()
    options = read_options(problems, max_cost_usd=max_cost_usd, progress=progress, tag=tag)
    default = read_model(model, problems).name
    how: SweepHow = problems.read(choice, "sweep", sweep, SWEEP_HOWS, instead="cross")
    fields = {name: several(v) if is_several(v) else v for name, v in fields.items()}
    read: tuple[Variant, ...] = ()
    rows: list[Row] = []
    with problems.noted():
        read = read_variants(variants)
        rows = make_rows(
            read, seeds=seeds, prompts=prompts, model=default, fields=fields, sweep=how
        )
    scorers = None if score is None else problems.read(read_score, score, instead=None)
    calls = _calls_by_model(rows, problems)
    problems.check(NOT_COMPARED)

    budget = Budget.of(options, current())
    estimates = [estimate(frame, call, RunOptions()) for frame, call in calls]
    new = counted(sum(each.new for each in estimates), "new picture")
    budget.check_costs([each.cost_usd for each in estimates], f"The comparison's {new}")

    outcomes: list[dict[str, Any]] = [dict(_NOT_SENT) for _ in rows]
    try:
        for frame, call in calls:
            _fill_in(outcomes, generate(frame, call, options, budget=budget))
        if scorers is None:
            return Comparison(read, rows, outcomes, model=default)
        made = [{**row.as_dict(), **each} for row, each in zip(rows, outcomes, strict=True)]
        scores = score_rows(made, scorers)
    except BaseException as error:
        # An interrupt is not a PrunaError, yet what was paid for must not be lost with it. The
        # run that ended by it has left its own part as a frame.
        if (part := attached_frame(error)) is not None:
            _fill_in(outcomes, part)
        done = Comparison(read, rows, outcomes, model=default)
        attach_frame(error, done.frame)
        raise
    means = mean_scores([row.variant for row in rows], scores)
    scored = [{**each, **more} for each, more in zip(outcomes, scores, strict=True)]
    return Comparison(read, rows, scored, model=default, score_means=means)


def _calls_by_model(rows: Sequence[Row], problems: Problems) -> list[tuple[pd.DataFrame, Call]]:
    """Return a frame and a call for each model; all are checked before any is run."""
    models: dict[str, Model] = {}
    positions: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        name = str(row.request["model"])
        if name not in models:
            models[name] = read_model(row.request["model"], problems)
        positions.setdefault(name, []).append(position)
    fields_of = {
        models[name].name: list(dict.fromkeys(key for n in own for key in rows[n].request))
        for name, own in positions.items()
    }
    with problems.noted():
        _check_fields(fields_of)
    calls = []
    for name, own in positions.items():
        model = models[name]
        fields = [field for field in fields_of[model.name] if field != "model"]
        if model.known:
            fields = [field for field in fields if field in model.fields]
        # The index is the row's position in the comparison: errors name it, and results go by it.
        columns = {
            field: pd.Series([rows[n].request.get(field) for n in own], own, dtype="object")
            for field in fields
        }
        frame = pd.DataFrame(columns, index=own)
        call = read_call(model, problems, fields={f"{field}_col": field for field in fields})
        make_requests(frame, call, current().service, problems)
        calls.append((frame, call))
    return calls


def _check_fields(fields_of: Mapping[str, Sequence[str]]) -> None:
    """Refuse a field that a model lacks, in words about variants instead of columns."""
    problems = []
    for name, fields in fields_of.items():
        model = lookup_model(name)
        for field in fields:
            if field == "model" or field in model.fields:
                continue
            problem = unknown_name(model, field, _OPTIONS)
            if problem is not None and model.known:
                problem = f"{name} takes no {field}: {_advice(field, model, fields_of)}"
            if problem is not None:
                problems.append(problem)
    if problems:
        raise not_compared(problems)


def _advice(field: str, model: Model, fields_of: Mapping[str, Sequence[str]]) -> str:
    if field == "seed":
        return "without seeds in common, seeds=None makes one picture of each"
    if others := [name for name in fields_of if field in lookup_model(name).fields]:
        return (
            f"as {' and '.join(others)} does, set it for those variants alone, such as "
            f"{{'model': {others[0]!r}, {field!r}: ...}}, or leave it out"
        )
    if near := near_names(field, [*model.fields, *_OPTIONS]):
        return f"did you mean {' or '.join(near)}?"
    return f"it takes {', '.join(model.fields)}"


def _fill_in(outcomes: list[dict[str, Any]], frame: pd.DataFrame) -> None:
    """Write a frame's results to their places among all outcomes."""
    columns = {name: plain_cells(frame[name]) for name in RESULT_COLUMNS}
    for number, position in enumerate(frame.index):
        outcomes[position] = {name: cells[number] for name, cells in columns.items()}
