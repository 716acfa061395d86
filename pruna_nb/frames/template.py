"""Prompts made of a row's columns: ``"a {color} {product} on white"``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pruna_nb.errors import ColumnError, InputError
from pruna_nb.frames.columns import column, label_text
from pruna_nb.templates import BRACES, is_empty, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


class Filled(NamedTuple):
    """What a template came to in one row: one of the three.

    Parameters
    ----------
    prompt : str or None
    empty : str or None
        The reason why the row is skipped: a cell that the prompt needs is missing.
    problem : str or None
        Why a cell does not suit the template, such as text in ``{price:.2f}``.
    """

    prompt: str | None = None
    empty: str | None = None
    problem: str | None = None


def template_labels(template: str, frame: pd.DataFrame) -> list[Any]:
    """Return the labels of the columns that a template takes; a name of no column as it stands."""
    labels = _labels(frame)
    return [labels.get(name, name) for name in parse(template, labels).names]


def rename_columns(template: str, frame: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Return a template that takes a frame's columns by other names."""
    return parse(template, _labels(frame)).renamed(names)


def fill(template: str, frame: pd.DataFrame) -> list[Filled]:
    """Fill a template from each row.

    Raises
    ------
    ColumnError
        If the frame has no such column.
    InputError
        If the template cannot be read.
    """
    labels = _labels(frame)
    read = parse(template, labels)
    names = read.names
    cells = [_cells(frame, labels, name) for name in names]
    rows = zip(*cells, strict=True) if cells else (() for _ in range(len(frame)))
    filled = []
    for row in rows:
        empty = [name for name, value in zip(names, row, strict=True) if is_empty(value)]
        if empty:
            filled.append(Filled(empty=f"column {empty[0]!r} of the template is empty"))
            continue
        try:
            filled.append(Filled(read.fill(dict(zip(names, row, strict=True)))))
        except InputError as error:
            filled.append(Filled(problem=f"prompt: {error}"))
    return filled


def _labels(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the columns' labels by the names that a template calls them by.

    Of a column called 2 and one called "2", ``{2}`` is the latter.
    """
    labels: list[Any] = list(frame.columns)
    words = {str(label): label for label in labels if isinstance(label, str)}
    return {label_text(label): label for label in labels} | words


def _cells(frame: pd.DataFrame, labels: Mapping[str, Any], name: str) -> list[Any]:
    try:
        return column(frame, labels.get(name, name), "the template", as_shown=True)
    except ColumnError as error:
        if name in labels:
            raise
        msg = f"{error} {BRACES}"
        raise ColumnError(msg) from None
