"""CSV and TSV, read strictly: what could be read in two ways is refused, with its lines."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.tables.exact import cell_text, column_names, column_of_text
from pruna_nb.tables.text_files import lines_of
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINES_SHOWN = 10
_SEPARATORS = (";", "\t", "|", ",")
"""What parts cells, in one country's spreadsheets or another's."""
_LONGEST_CELL = 1 << 30  # pictures may stand in cells as data URIs; the csv module's is 131,072
_BEGINS_FORMULA = re.compile(r"'*[=+\-@\t\r].", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def read_delimited(text: str, name: str, separator: str, *, escaped: bool) -> pd.DataFrame:
    """Return a table's rows; a column holds numbers only where they are written exactly so.

    Parameters
    ----------
    text : str
        What the file holds.
    name : str
        Its name, for messages.
    separator : str
        A comma or a tab.
    escaped : bool
        Whether `write_delimited` escaped what begins a formula.

    Raises
    ------
    InputError
        If a row has more or fewer fields than the head, a quote is not closed, or two columns
        have one name; with the lines.
    """
    records = list(_records(text, name, separator))
    if not records:
        raise InputError(f"{name} is empty: its first line names the columns.")
    if escaped:
        records = [(line, [_unescaped(cell) for cell in fields]) for line, fields in records]
    head = column_names(records[0][1], name)
    other = next((each for each in _SEPARATORS if len(head) == 1 and each in head[0]), None)
    if other is not None:
        kinds = "tabs; call it .tsv" if other == "\t" else f"{other!r}; save it with commas"
        msg = f"{name} has one column called {head[0]!r}: it seems to be separated by {kinds}."
        raise InputError(msg)
    # Among several columns, a line of spaces is an empty line, not a row that lacks cells.
    rows = [row for row in records[1:] if len(head) == 1 or "".join(row[1]).strip() or row[1][1:]]
    wrong = [(line, len(fields)) for line, fields in rows if len(fields) != len(head)]
    if wrong:
        raise InputError(_ragged(wrong, len(head), name, separator))
    cells = zip(*(fields for _, fields in rows), strict=True) if rows else ([] for _ in head)
    columns = [column_of_text([cell or None for cell in column]) for column in cells]
    return pd.DataFrame(dict(zip(head, columns, strict=True)), columns=head)


def write_delimited(frame: pd.DataFrame, separator: str, *, escape_formulas: bool) -> str:
    """Return a frame as CSV or TSV; cells are quoted where they need it, as pandas does.

    Parameters
    ----------
    frame : DataFrame
    separator : str
        A comma or a tab.
    escape_formulas : bool
        Whether an apostrophe goes before a cell that a spreadsheet would compute.
    """

    def written(value: object) -> str:
        cell = cell_text(value) or ""
        if escape_formulas and _is_formula(cell):
            cell = f"'{cell}"
        if any(character in cell for character in (separator, '"', "\r", "\n")):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    columns = [map(written, frame.iloc[:, place]) for place in range(frame.shape[1])]
    lines = [[written(label) for label in frame.columns], *map(list, zip(*columns, strict=True))]
    # A line that is one empty cell would be no line.
    return "".join((separator.join(line) or '""') + "\n" for line in lines)


def _records(text: str, name: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it begins in; an empty line is none."""
    lines = lines_of(text)
    before = csv.field_size_limit(_LONGEST_CELL)
    end = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for fields in reader:
            begin, end = end + 1, reader.line_num
            # Tabs seldom stand in a prompt: lines that are rows by themselves are rows, which
            # two stray quotes would join. A comma tells nothing of the kind.
            is_joined = (
                separator == "\t"
                and begin < end
                and all(line.count("\t") == len(fields) - 1 for line in lines[begin - 1 : end])
            )
            if is_joined:
                raise InputError(_unbalanced(name, begin, f"it goes on to line {end}"))
            if fields:
                yield begin, fields
    except csv.Error as error:
        raise InputError(_unbalanced(name, end + 1, str(error))) from None
    finally:
        csv.field_size_limit(before)


def _ragged(wrong: list[tuple[int, int]], width: int, name: str, separator: str) -> str:
    kind = "tab" if separator == "\t" else "comma"
    shown = ", ".join(f"line {line} has {found}" for line, found in wrong[:_LINES_SHOWN])
    more = f", and {len(wrong) - _LINES_SHOWN:,} more" if len(wrong) > _LINES_SHOWN else ""
    return (
        f"{name}: its first line has {counted(width, 'field')}, but {shown}{more}. Put a cell "
        f'that contains a {kind} in quotes ("a fox{separator} at night"), and write an empty '
        f"cell as nothing between two {kind}s. Is the file separated by {kind}s?"
    )


def _unbalanced(name: str, line: int, reason: str) -> str:
    return (
        f"{name}: a quote in the row at line {line} is not closed where its cell ends ({reason}). "
        'A cell that begins with a quote ends with one, and quotes inside it are doubled: "say '
        '""hi"" twice".'
    )


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute a cell, or an apostrophe before it could be ours."""
    return bool(_BEGINS_FORMULA.match(cell)) and not _NUMBER.fullmatch(cell)


def _unescaped(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell
