"""A frame's columns by name, and its prompt templates; what is missing is named with near names."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from pruna_nb.errors import ColumnError, InputError
from pruna_nb.tables.cells import plain, plain_cells
from pruna_nb.templates import BRACES, is_empty, name_of, parse
from pruna_nb.text import did_you_mean, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


MODEL_COLUMN = "pruna_nb model"
"""The column of each row's model while a sweep over models is under way: results have it then."""
PLACE_COLUMN = "pruna_nb place"
"""The column of the row that each row comes from, while samples and sweeps repeat rows."""
_PROMPT_SHOWN = 80
_NAMED = 20


def column(
    frame: pd.DataFrame, name: object, what_for: str, *, as_shown: bool = False
) -> list[Any]:
    """Return a column's plain cells; `ColumnError` if there is no such column, or more than one.

    `what_for` is the argument or the part that needs it, for the error; `as_shown` as for
    `plain_cells`.
    """
    found = places_of(frame, name)
    if len(found) == 1:
        return plain_cells(frame.iloc[:, found[0]], as_shown=as_shown)
    if found:
        msg = f"{len(found)} columns are called {shown(name)}; {what_for} needs one."
        raise ColumnError(msg)
    labels = own_labels(frame)
    text = label_text(name) if isinstance(name, (str, tuple)) else shown(name)
    near = near_names(text, labels, alike=0.5)
    hint = _way_on(name, what_for, labels, near) or did_you_mean(map(repr, near))
    msg = f"No column {shown(plain_label(name))} for {what_for}.{hint} {columns_told(frame)}"
    raise ColumnError(msg)


def _way_on(name: object, what_for: str, labels: list[str], near: list[str]) -> str:
    """Return what to do where something else was meant than a column of a near name; else ""."""
    if not isinstance(name, str):
        return ""
    if what_for == "prompt_col":
        is_text = "{" in name or (" " in name and not near_names(name, labels, alike=0.8))
        if near and not is_text:
            return ""
        kind = "a template over columns" if "{" in name else "the prompt of all rows"
        way = f"use prompt={name!r}" if len(name) < _PROMPT_SHOWN else "give it as prompt="
        return f" If it is {kind}, {way}."
    if name in {"output", "status"} and not any(label.endswith("output") for label in labels):
        return (
            " There are no outputs yet: generate first, and go on with the frame that comes back "
            "(out = df.pruna.generate(...), out.pruna.grid())."
        )
    return ""


def own_labels(frame: pd.DataFrame) -> list[str]:
    """Return the names of the user's columns, without what a sweep has added for itself."""
    return [label_text(label) for label in frame.columns if plain_label(label) != MODEL_COLUMN]


def columns_told(frame: pd.DataFrame) -> str:
    """Return which columns there are, as the end of an error."""
    return f"The columns are: {', '.join(map(shown, own_labels(frame)[:_NAMED])) or 'none'}."


def optional_column(frame: pd.DataFrame, name: object) -> list[Any]:
    """Return a column's plain cells, or as many None where there is no such column."""
    return column(frame, name, str(name)) if places_of(frame, name) else [None] * len(frame)


def text_columns(frame: pd.DataFrame) -> list[Any]:
    """Return the labels of the columns that hold text, and nothing else."""
    found = []
    for place, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, pd.CategoricalDtype) or not (
            pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)
        ):
            continue
        cells = [cell for cell in plain_cells(frame.iloc[:, place]) if cell is not None]
        if cells and all(isinstance(cell, str) for cell in cells):
            found.append(plain_label(frame.columns[place]))
    return found


def places_of(frame: pd.DataFrame, name: object) -> list[int]:
    """Return the places of the columns of a name: mostly one, or none."""
    wanted = plain_label(name)
    if not isinstance(wanted, Hashable):  # a list, an array: no label
        return []
    return [place for place, label in enumerate(frame.columns) if _same(plain_label(label), wanted)]


def with_columns(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a new frame with some columns, in place of those of the same names or behind all.

    Unlike `DataFrame.assign`, it keeps columns of several levels (a name is then the first, and
    the others are empty), of categories, and of equal names.
    """
    out = frame.copy()
    new: dict[str, Any] = {}
    for name, values in columns.items():
        found = places_of(frame, name)
        if found:
            cells: Any = pd.Series(values, index=frame.index)
            out.isetitem(found[0], cells)
        else:
            new[name] = values
    if new:
        made = pd.DataFrame(new, index=frame.index)
        made.columns = _index_like(frame.columns, list(new))
        # Where there is no column yet, the frame's empty index of columns would say what they are.
        labels = frame.columns.append(made.columns) if len(frame.columns) else made.columns
        out = pd.concat([out, made], axis=1) if len(frame.columns) else made
        out.columns = labels
        out.index = frame.index.view()  # else renaming it would rename the frame's
    out.attrs = dict(frame.attrs)
    return out.set_flags(allows_duplicate_labels=frame.flags.allows_duplicate_labels)


def without_columns(frame: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Return a frame without the columns of some names."""
    gone = {place for name in names for place in places_of(frame, name)}
    return frame.iloc[:, [place for place in range(frame.shape[1]) if place not in gone]]


def with_names(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame whose columns of some names go by other ones."""
    labels = list(frame.columns)
    for name, new in names.items():
        for place in places_of(frame, name):
            labels[place] = _padded(new, frame.columns.nlevels)
    return frame.set_axis(_index_like(frame.columns, labels), axis=1)


def _index_like(columns: pd.Index[Any], labels: list[Any]) -> pd.Index[Any]:
    """Return labels as an index of as many levels as the frame's columns have."""
    levels = columns.nlevels
    if levels == 1:
        # Without tupleize_cols=False, pandas makes levels of labels that are tuples.
        flat: pd.Index[Any] = pd.Index(labels, name=columns.name, tupleize_cols=False)
        return flat
    padded = [_padded(label, levels) for label in labels]
    return pd.MultiIndex.from_tuples(padded, names=columns.names)


def _padded(label: Any, levels: int) -> Any:
    """Return a name as a label of several levels, empty below the first, as pandas does it."""
    return label if levels == 1 or isinstance(label, tuple) else (label, *[""] * (levels - 1))


def plain_label(label: Any) -> Any:
    """Return a label in Python's own types, as all parts of the package compare and keep it.

    A label of several levels that says nothing below its first is that first one, as in pandas:
    ``frame["output"]`` finds ``("output", "")``.

    Examples
    --------
    >>> import numpy as np
    >>> plain_label(np.str_("a")), plain_label(("output", "")), plain_label(("meta", np.int64(1)))
    ('a', 'output', ('meta', 1))
    """
    if not isinstance(label, tuple):
        return plain(label)
    parts = [plain(part) for part in label]
    while len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return tuple(parts) if len(parts) > 1 else parts[0] if parts else ()


def label_text(label: Any) -> str:
    """Return a label in words, as headings and templates name it.

    Examples
    --------
    >>> label_text(("meta", "seed")), label_text(2)
    ('meta.seed', '2')
    """
    return name_of(plain_label(label))


def _same(one: Hashable, two: Hashable) -> bool:
    # True is 1 to Python, and no name of a column called 1.
    try:
        return isinstance(one, bool) == isinstance(two, bool) and bool(one == two)
    except Exception:  # noqa: BLE001 - what cannot be compared is no name of a column
        return False


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
    labels = labels_by_name(frame)
    return [labels.get(name, name) for name in parse(template, labels).names]


def rename_columns(template: str, frame: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Return a template that takes a frame's columns by other names."""
    return parse(template, labels_by_name(frame)).renamed(names)


def fill_template(template: str, frame: pd.DataFrame) -> list[Filled]:
    """Fill a template from each row.

    Raises
    ------
    ColumnError
        If the frame has no such column.
    InputError
        If the template cannot be read.
    """
    labels = labels_by_name(frame)
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


def labels_by_name(frame: pd.DataFrame) -> dict[str, Any]:
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
