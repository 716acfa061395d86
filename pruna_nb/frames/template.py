"""Prompts made of a row's columns: ``"a {color} {product} on white"``."""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.frames.columns import column

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_FORMATTER = Formatter()
_HELP = "Write {{ and }} for braces that are meant as such."


def template_columns(template: str) -> list[str]:
    """Name the columns that a template takes, in order, each once.

    Raises
    ------
    InputError
        If it cannot be read, or asks for more than a column: ``{x.y}`` and ``{x[0]}`` reach
        into objects, and are not taken.

    Examples
    --------
    >>> template_columns("a {color} {product}, {color}, {{as is}}")
    ['color', 'product']
    """
    try:
        parts = list(_FORMATTER.parse(template))
    except ValueError as error:
        msg = f"The template {template[:100]!r} cannot be read: {error}. {_HELP}"
        raise InputError(msg) from None
    names: list[str] = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if not name or conversion or "{" in (spec or "") or set(name) & set(".[]"):
            msg = f"{{{name}}} in the template is no column's name. {_HELP}"
            raise InputError(msg)
        if name not in names:
            names.append(name)
    return names


def rename_columns(template: str, names: Mapping[str, str]) -> str:
    """Give a template that takes its columns by other names.

    Examples
    --------
    >>> rename_columns("a {color} {price:.2f} {{color}}", {"color": "shade"})
    'a {shade} {price:.2f} {{color}}'
    """
    parts = []
    for text, name, spec, _ in _FORMATTER.parse(template):
        parts.append(text.replace("{", "{{").replace("}", "}}"))
        if name is not None:
            parts.append(f"{{{names.get(name, name)}{f':{spec}' if spec else ''}}}")
    return "".join(parts)


def fill(template: str, frame: pd.DataFrame) -> tuple[list[str | None], list[str | None]]:
    """Fill a template from each row.

    Returns
    -------
    prompts : list of str or None
        None where a cell that it needs is missing.
    reasons : list of str or None
        Which, for those rows.

    Raises
    ------
    ColumnError
        If the frame has no such column.
    InputError
        If a format such as ``{price:.2f}`` does not suit a cell.
    """
    names = template_columns(template)
    cells = [column(frame, name, "the template") for name in names]
    rows = zip(*cells, strict=True) if cells else (() for _ in range(len(frame)))
    prompts: list[str | None] = []
    reasons: list[str | None] = []
    for row in rows:
        empty = [name for name, value in zip(names, row, strict=True) if _is_empty(value)]
        prompts.append(None if empty else _filled(template, dict(zip(names, row, strict=True))))
        reasons.append(f"column {empty[0]!r} of the template is empty" if empty else None)
    return prompts, reasons


def _filled(template: str, row: dict[str, Any]) -> str:
    try:
        return _FORMATTER.vformat(template, (), row)
    except (ValueError, TypeError) as error:
        msg = f"The template {template[:100]!r} does not suit a row's cells: {error}."
        raise InputError(msg) from None


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
