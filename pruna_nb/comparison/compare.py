"""Comparison by way of frames: a frame a model, each through the batch like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems, listed
from pruna_nb.batch.budget import Budget
from pruna_nb.batch.options import RunOptions, read_options, stranger
from pruna_nb.catalog import find_model, near_names, read_model
from pruna_nb.comparison.assemble import NOT_COMPARED, build
from pruna_nb.errors import InputError
from pruna_nb.frames.call import is_several, read_call, several
from pruna_nb.frames.generate import estimate, generate
from pruna_nb.frames.requests import gather
from pruna_nb.frames.results import RESULT_COLUMNS
from pruna_nb.settings import current
from pruna_nb.tables.cells import plain_cells
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pruna_nb.arguments import Amount
    from pruna_nb.catalog import Model
    from pruna_nb.comparison.comparison import Comparison
    from pruna_nb.frames.call import Call

_Asked = list[tuple[list[int], pd.DataFrame, "Call"]]


def compare(
    variants: Mapping[str, object] | Sequence[object],
    seeds: int | Iterable[int] | None = 8,
    *,
    prompts: Iterable[object] | None = None,
    model: str = "p-image",
    score: Any = None,
    max_cost_usd: Amount | None = None,
    progress: bool = True,
    **fields: Any,
) -> Comparison:
    """Compare prompts, templates, models or settings on the same seeds.

    Parameters
    ----------
    variants : mapping of str to object, or sequence
        What is compared, by name: a prompt, a template with ``{names}``, a model's name, or a
        dict of settings. Without names they are called by what they are.
    seeds : int, iterable of int or None
        How many seeds, or which; the same for all variants. None sends none.
    prompts : iterable of str or mapping, optional
        What each variant is applied to: prompts (a template's ``{prompt}``), or mappings that
        fill the templates.
    model : str
        For the variants that name none.
    score : callable, or mapping of str to callable, optional
        An automatic metric: called with a picture (PIL) and its row (a dict), gives a number
        or a dict of numbers, which join the frame.
    max_cost_usd : float, optional
        Refuse to start if the new predictions would cost more in all; 0 tells the price of what
        is not cached, and sends nothing.
    progress : bool
        Show a bar, and one line at the end, for each model.
    **fields
        Fields for all variants; a list makes one setting of each of its values, such as
        ``aspect_ratio=["1:1", "16:9"]``.

    Returns
    -------
    Comparison
        Its ``grid()`` shows the pictures, ``vote()`` judges them blindly, ``votes`` is a frame,
        and ``result()`` says who won and how sure that is.

    Raises
    ------
    InputError
        If the design cannot be, or a model does not take an input; nothing was sent.
    BudgetError
        If it would cost more than `max_cost_usd`; nothing was sent.

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
    options = read_options(problems, max_cost_usd=max_cost_usd, progress=progress)
    named = read_model(model, problems).name
    return build(
        variants,
        generate=_generator(options, problems),
        cache_dir=current().cache_dir,
        seeds=seeds,
        prompts=prompts,
        model=named,
        score=score,
        to_frame=lambda rows, columns: pd.DataFrame(rows, columns=columns),
        problems=problems,
        **{name: several(value) if is_several(value) else value for name, value in fields.items()},
    )


def _generator(
    options: RunOptions, problems: Problems
) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def run(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        asked = _by_model(requests, problems)
        problems.check(NOT_COMPARED)
        budget = Budget(options.max_cost_usd)
        estimates = [estimate(frame, call, RunOptions()) for _, frame, call in asked]
        new = counted(sum(each.new for each in estimates), "new picture")
        budget.check_costs([each.cost_usd for each in estimates], f"The comparison's {new}")
        outcomes = [dict(_NOT_SENT) for _ in requests]

        def put(places: list[int], made: pd.DataFrame) -> None:
            columns = {name: plain_cells(made[name]) for name in RESULT_COLUMNS}
            for row, place in enumerate(places):
                outcomes[place] = {name: cells[row] for name, cells in columns.items()}

        for places, frame, call in asked:
            try:
                put(places, generate(frame, call, options, budget=budget))
            except BaseException as error:
                if (part := getattr(error, "frame", None)) is not None:
                    put(places, part)
                error.frame = pd.DataFrame(outcomes)  # type: ignore[attr-defined]
                raise
        return outcomes

    return run


_NOT_SENT = {
    "output": None, "status": "pending", "error": "not sent", "seconds": 0.0, "cost_usd": 0.0,
    "cached": False, "prediction_id": None,
}  # fmt: skip


def _by_model(requests: list[dict[str, Any]], problems: Problems) -> _Asked:
    """Make a frame and a call of the requests of each model; all are checked before any runs."""
    models: dict[str, Model] = {}
    places: dict[str, list[int]] = {}
    for place, request in enumerate(requests):
        name = str(request["model"])
        if name not in models:
            models[name] = read_model(request["model"], problems)
        places.setdefault(name, []).append(place)
    given = {
        models[name].name: list(dict.fromkeys(field for place in mine for field in requests[place]))
        for name, mine in places.items()
    }
    with problems.noted():
        _check_fields(given)
    asked: _Asked = []
    for name, mine in places.items():
        model = models[name]
        fields = [field for field in given[model.name] if field != "model"]
        if model.known:
            fields = [field for field in fields if field in model.fields]
        # The index says in an error which row of the comparison is meant.
        columns = {
            field: pd.Series([requests[place].get(field) for place in mine], mine, dtype="object")
            for field in fields
        }
        frame = pd.DataFrame(columns, index=mine)
        call = read_call(model, problems, fields={f"{field}_col": field for field in fields})
        gather(frame, call, current().service, problems)
        asked.append((mine, frame, call))
    return asked


def _check_fields(given: Mapping[str, Sequence[str]]) -> None:
    """Refuse a field that a model does not take, in words about variants, not about columns."""
    problems = []
    for name, fields in given.items():
        model = find_model(name, unchecked=True)
        for field in fields:
            if field == "model" or field in model.fields:
                continue
            told = stranger(model, field, _OPTIONS)
            if told is not None and not model.known:
                problems.append(told)
            elif told is not None:
                problems.append(f"{name} takes no {field}: {_advice(field, model, given)}")
    if problems:
        msg = listed("these variants cannot be compared; nothing was sent:", problems)
        raise InputError(msg, problems)


_OPTIONS = ("seeds", "prompts", "model", "score", "max_cost_usd", "progress")


def _advice(field: str, model: Model, given: Mapping[str, Sequence[str]]) -> str:
    if field == "seed":
        return "without seeds in common, seeds=None makes one picture of each"
    if others := [name for name in given if field in find_model(name, unchecked=True).fields]:
        return (
            f"as {' and '.join(others)} does, set it for those variants alone, such as "
            f"{{'model': {others[0]!r}, {field!r}: ...}}, or leave it out"
        )
    if near := near_names(field, [*model.fields, *_OPTIONS]):
        return f"did you mean {' or '.join(near)}?"
    return f"it takes {', '.join(model.fields)}"
