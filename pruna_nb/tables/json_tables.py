"""JSON Lines and lists of objects, with JSON's own types."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.files import strict_json
from pruna_nb.tables.cells import plain
from pruna_nb.tables.exact import column_of_values
from pruna_nb.tables.text_files import lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_RECORDS = '[{"prompt": "a fox"}, {"prompt": "an owl"}]'


def read_json_lines(text: str, name: str) -> pd.DataFrame:
    """Return the rows of a file with an object a line; empty lines are none.

    Raises
    ------
    InputError
        If a line is not a JSON object, with its number.
    """
    rows = []
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        try:
            row = strict_json.loads(line)
        except ValueError as error:
            msg = f"{name}, line {number}, is not valid JSON: {str(error)[:200]}."
            raise InputError(msg) from None
        if not isinstance(row, dict):
            msg = (
                f"{name}, line {number}, is not a JSON object: each line is a row, such as "
                '{"prompt": "a fox"}. For a prompt a line, use a .txt file.'
            )
            raise InputError(msg)
        rows.append(row)
    return _frame(rows)


def read_json(text: str, name: str) -> pd.DataFrame:
    """Return the rows of a file that is a list of objects.

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        content = strict_json.loads(text)
    except ValueError as error:
        msg = f"{name} is not valid JSON: {str(error)[:200]}. Is it JSON Lines? Call it .jsonl."
        raise InputError(msg) from None
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        msg = f"{name} is not a list of objects, one for each row: {_RECORDS}."
        raise InputError(msg)
    return _frame(content)


def write_json_lines(frame: pd.DataFrame) -> str:
    """Return a frame with an object a line."""
    return "".join(f"{row}\n" for row in _rows(frame))


def write_json(frame: pd.DataFrame) -> str:
    """Return a frame as a list of objects."""
    return "[" + ",".join(f"\n {row}" for row in _rows(frame)) + "\n]\n"


def _frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    columns = {name: column_of_values([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(columns, columns=names, index=range(len(rows)))


def _rows(frame: pd.DataFrame) -> list[str]:
    names = [str(label) for label in frame.columns]
    columns = [map(plain, frame.iloc[:, place].tolist()) for place in range(len(names))]
    return [
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str)
        for row in zip(*columns, strict=True)
    ]
