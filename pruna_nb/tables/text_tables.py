"""CSV, TSV, JSON Lines and lists of JSON objects: what could be read in two ways is refused.

Every message names the line.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError
from pruna_nb.files import strict_json
from pruna_nb.tables.cells import cell_text, column_names, column_of_text, column_of_values, plain
from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINES_SHOWN = 10
# What parts cells, in one country's spreadsheets or another's.
_SEPARATORS = (";", "\t", "|", ",")
_LONGEST_CELL = 1 << 30  # pictures may stand in cells as data URIs; the csv module's is 131,072
_BEGINS_FORMULA = re.compile(r"'*[=+\-@\t\r].", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_RECORDS = '[{"prompt": "a fox"}, {"prompt": "an owl"}]'


def decoded(content: bytes, name: str) -> str:
    """Return a file's text: UTF-8, or what its byte order mark says."""
    encoding = next((each for mark, each in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = (
            f"{name} is not valid {encoding.removesuffix('-sig').upper()} ({error.reason} at byte "
            f"{error.start}, line {line}): save it as UTF-8."
        )
        raise InputError(msg) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        msg = (
            f"{name} holds a NUL character in line {line}, so it is not a text file, or UTF-16 "
            "without its mark: save it as UTF-8."
        )
        raise InputError(msg)
    return text


def lines_of(text: str) -> list[str]:
    r"""Return the lines, ended by LF, CRLF or CR alone; other separators stand inside a line.

    Examples
    --------
    >>> lines_of("a\r\nb\u2028c\n")
    ['a', 'b\u2028c']
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines


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
    records = list(_read_records(text, name, separator))
    if not records:
        raise InputError(f"{name} is empty: its first line names the columns.")
    if escaped:
        records = [
            (line, [c[1:] if c.startswith("'") and _is_formula(c[1:]) else c for c in fields])
            for line, fields in records
        ]
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
        kind = "tab" if separator == "\t" else "comma"
        shown = ", ".join(f"line {line} has {found}" for line, found in wrong[:_LINES_SHOWN])
        more = f", and {len(wrong) - _LINES_SHOWN:,} more" if len(wrong) > _LINES_SHOWN else ""
        msg = (
            f"{name}: its first line has {counted(len(head), 'field')}, but {shown}{more}. Put a "
            f'cell that contains a {kind} in quotes ("a fox{separator} at night"), and write an '
            f"empty cell as nothing between two {kind}s. Is the file separated by {kind}s?"
        )
        raise InputError(msg)
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


def _read_records(text: str, name: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line that it begins in; empty lines are skipped."""
    lines = lines_of(text)
    # The limit is the whole process's: it is set back, also for the code of others.
    before = csv.field_size_limit(_LONGEST_CELL)
    end = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for fields in reader:
            begin, end = end + 1, reader.line_num
            # Tabs seldom stand in a prompt: lines that are rows by themselves are rows, which
            # two stray quotes would join. A comma proves nothing: prompts are full of them.
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


def _unbalanced(name: str, line: int, reason: str) -> str:
    return (
        f"{name}: a quote in the row at line {line} is not closed where its cell ends ({reason}). "
        'A cell that begins with a quote ends with one, and quotes inside it are doubled: "say '
        '""hi"" twice".'
    )


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute a cell, or an apostrophe before it could be ours."""
    return bool(_BEGINS_FORMULA.match(cell)) and not _NUMBER.fullmatch(cell)


def read_json_lines(text: str, name: str) -> pd.DataFrame:
    """Return the rows of a file with an object a line; empty lines are skipped.

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
    return _frame_of(rows)


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
    return _frame_of(content)


def write_json_lines(frame: pd.DataFrame) -> str:
    """Return a frame with an object a line."""
    return "".join(f"{row}\n" for row in _json_rows(frame))


def write_json(frame: pd.DataFrame) -> str:
    """Return a frame as a list of objects."""
    return "[" + ",".join(f"\n {row}" for row in _json_rows(frame)) + "\n]\n"


def _frame_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    # A row may lack a name or bring a new one: the columns are those of all, in their order.
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    columns = {name: column_of_values([row.get(name) for row in rows]) for name in names}
    return pd.DataFrame(columns, columns=names, index=range(len(rows)))


def _json_rows(frame: pd.DataFrame) -> list[str]:
    names = [str(label) for label in frame.columns]
    columns = [map(plain, frame.iloc[:, place].tolist()) for place in range(len(names))]
    return [
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=str)
        for row in zip(*columns, strict=True)
    ]
