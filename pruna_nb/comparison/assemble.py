"""From variants to a comparison: what to make, made by whoever is handed in."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from pruna_nb.arguments import Problems
from pruna_nb.catalog import all_models, model_names
from pruna_nb.comparison.comparison import Comparison
from pruna_nb.comparison.pairs import make_rows, votes_name
from pruna_nb.comparison.scores import mean_scores, read_score, score_rows
from pruna_nb.comparison.variants import read_variants
from pruna_nb.settings import CacheFolder
from pruna_nb.show.decode import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pruna_nb.comparison.comparison import ToFrame
    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.scores import Score
    from pruna_nb.comparison.variants import Variant

NOT_COMPARED = "these variants cannot be compared; nothing was sent"
_WHOLE = 1_000_000
"""Pixels: a box into which any picture fits at its full size."""


def build(
    variants: Mapping[str, object] | Sequence[object],
    *,
    generate: Callable[[list[dict[str, Any]]], Sequence[Mapping[str, Any]]],
    cache_dir: Path,
    seeds: int | Iterable[int] | None = 8,
    prompts: Iterable[object] | None = None,
    model: str = "p-image",
    score: Score | Mapping[str, Score] | None = None,
    to_frame: ToFrame | None = None,
    problems: Problems | None = None,
    **fields: Any,
) -> Comparison:
    """Make the pictures of a comparison.

    Parameters
    ----------
    variants : mapping of str to object, or sequence
        What is compared, by name: a prompt, a template with ``{names}``, a model's name, or a
        dict of settings.
    generate : callable
        Given one request a row (``model`` and input fields), gives one outcome a row:
        ``output`` (a path or None), ``status``, ``error``, ``cost_usd``, ``cached`` and more.
    cache_dir : Path
        Where votes and small pictures are kept.
    seeds : int, iterable of int or None
        How many seeds, or which; the same for all variants. None sends none.
    prompts : iterable of str or mapping, optional
        What each variant is applied to: prompts, or what fills the templates.
    model : str
        For the variants that name none.
    score : callable, or mapping of str to callable, optional
        Called with picture and row, gives a number or a dict of numbers.
    to_frame : callable, optional
        Makes a table of a list of dicts and of the columns' names.
    problems : Problems, optional
        What was found wrong before, which `generate` raises together with what it finds.
    **fields
        Input fields for all variants; a list makes one setting of each of its values.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the design cannot be; nothing is generated then.
    BaseException
        Whatever ends the making or the scoring; its ``frame`` holds what is done.
    """
    known = {each.name: each for each in all_models()}
    catalogued = [field for each in known.values() for field in each.fields.values()]
    secrets = sorted({field.name for field in catalogued if field.secret})
    lists = {field.name for field in catalogued if field.type == "array"}
    wrong = Problems() if problems is None else problems
    read: tuple[Variant, ...] = ()
    rows: list[Row] = []
    with wrong.noted():
        read = read_variants(variants, models=model_names(), secrets=secrets)
        rows = make_rows(
            read,
            seeds=seeds,
            prompts=prompts,
            model=model,
            fields=fields,
            is_list=lists.__contains__,
            secrets=secrets,
        )
    scorers = None if score is None else wrong.read(read_score, score, instead=None)
    if problems is None or not rows:
        wrong.check(NOT_COMPARED)
    folder = CacheFolder(cache_dir).votes_dir

    def comparison(
        outcomes: Sequence[Mapping[str, Any]],
        means: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Comparison:
        return Comparison(
            rows,
            outcomes,
            votes_paths={
                frozenset((one.name, two.name)): folder
                / f"{votes_name(one, two, model, secrets)}.jsonl"
                for one, two in itertools.combinations(read, 2)
            },
            shown_path=folder / "names-shown.jsonl",
            score_means=means,
            to_frame=to_frame,
            secrets=secrets,
            thumbs_dir=CacheFolder(cache_dir).thumbs_dir,
        )

    outcomes: list[dict[str, Any]] = []
    try:
        outcomes = [dict(each) for each in generate([dict(row.request) for row in rows])]
        if scorers is None:
            return comparison(outcomes)
        made = [{**row.as_dict(), **each} for row, each in zip(rows, outcomes, strict=True)]
        scores = score_rows(made, scorers, open_image=_open_image)
        means = mean_scores([row.variant for row in rows], scores)
        scored = [{**each, **more} for each, more in zip(outcomes, scores, strict=True)]
        return comparison(scored, means)
    except BaseException as error:
        part = getattr(error, "frame", None)
        done = outcomes if part is None else part.to_dict("records")
        if done:
            error.frame = comparison(done).frame  # type: ignore[attr-defined]
        raise


def _open_image(path: str) -> Any:
    return load(path, _WHOLE).image
