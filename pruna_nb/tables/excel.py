"""Excel workbooks, with cells as they are displayed where that is plain."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.errors import InputError, MissingExtraError
from pruna_nb.tables.cells import cell_text, column_names, column_of_values, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_ZEROS = re.compile(r"(0+)(?:\.(0+))?")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# A format's code for a date, as strftime has it. "mm" is minutes beside hours or seconds alone.
_DATE_CODE = re.compile(r"yyyy|yy|mm|m|dd|d|hh|h|ss|[-/. :]", re.IGNORECASE)
_DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "hh": "%H", "ss": "%S"}


def read_workbook(content: bytes, name: str) -> pd.DataFrame:
    """Return the rows of a workbook's sheet; its first row names the columns.

    Raises
    ------
    InputError
        If it is not a workbook, several of its sheets hold cells, a cell holds an error or a
        formula without a value, or two columns have one name.
    MissingExtraError
        If openpyxl is not installed.
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise MissingExtraError("Reading Excel", "excel") from None
    try:
        # Twice: the values are those that Excel kept; the formulas tell where there is none.
        book = load_workbook(io.BytesIO(content), data_only=True)
        formulas = load_workbook(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001 - openpyxl raises what its zip and XML readers do
        msg = f"{name} cannot be read as an Excel workbook: {str(error)[:200]}."
        raise InputError(msg) from None
    filled = [
        sheet
        for sheet in book.worksheets
        if any(cell.value is not None for row in formulas[sheet.title] for cell in row)
    ]
    if len(filled) != 1:
        titles = ", ".join(repr(sheet.title) for sheet in filled) or "none"
        msg = (
            f"{name} must have one sheet with cells; it has {titles}. Save the sheet that is "
            "meant as CSV (UTF-8), or move the others to another workbook."
        )
        raise InputError(msg)
    sheet = filled[0]
    # openpyxl computes nothing, and an empty cell would be another request.
    problems = _unreadable(sheet, formulas[sheet.title])
    if problems:
        msg = f"{name} has cells without a value: {'; '.join(problems[:10])}."
        raise InputError(msg)
    rows = [[_displayed(cell) for cell in row] for row in sheet.iter_rows()]
    rows = [rows[0], *(row for row in rows[1:] if any(value is not None for value in row))]
    return _frame(rows, name)


def write_workbook(frame: pd.DataFrame) -> bytes:
    """Return a frame as a workbook of one sheet; text stays text, also where it begins with =.

    Raises
    ------
    MissingExtraError
        If openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise MissingExtraError("Writing Excel", "excel") from None
    book = Workbook()
    sheet: Any = book.active
    columns = [frame.iloc[:, place].tolist() for place in range(frame.shape[1])]
    for row, values in enumerate([list(frame.columns), *zip(*columns, strict=True)], start=1):
        for column, cell_value in enumerate(values, start=1):
            value = plain(cell_value)
            if value is None:
                continue
            cell = sheet.cell(row, column)
            # Excel keeps 15 digits of a number: longer ones, mostly ids, are safe as text.
            if isinstance(value, (bool, float)) or (type(value) is int and abs(value) < 10**15):
                cell.value = value
            else:
                cell.value = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", cell_text(value) or "")
                cell.data_type = "s"  # openpyxl would take "=..." for a formula
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _unreadable(sheet: Any, formulas: Any) -> list[str]:
    problems = []
    for row in formulas.iter_rows():
        for cell in row:
            value = sheet[cell.coordinate]
            if value.data_type == "e":
                problems.append(f"{cell.coordinate} is {value.value}")
            elif cell.data_type == "f" and value.value is None:
                problems.append(
                    f"{cell.coordinate} is a formula that was never computed (open the workbook "
                    "in a spreadsheet program and save it)"
                )
    return problems


def _displayed(cell: Any) -> Any:
    """Return a cell's value, or its text where the cell's format shows another one."""
    value, code = cell.value, cell.number_format
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return _date_text(value, code)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None if value == "" else value
    zeros = _ZEROS.fullmatch(code)
    if zeros is None:
        return value
    whole, decimals = len(zeros[1]), len(zeros[2] or "")
    text = f"{abs(value):0{whole + decimals + bool(decimals)}.{decimals}f}"
    return f"-{text}" if value < 0 else text


def _date_text(value: dt.datetime | dt.date | dt.time, number_format: str) -> str:
    codes = _DATE_CODE.findall(number_format)
    is_plain = "".join(codes) == number_format and not (
        isinstance(value, dt.time) and "y" in number_format
    )
    text, clock = "", False
    for code in codes if is_plain else ():
        name = code.lower()
        clock = clock or name in {"hh", "h", "ss"}
        if name in {"m", "d", "h"}:
            number = {"m": "minute" if clock else "month", "d": "day", "h": "hour"}[name]
            text += str(getattr(value, number))
        elif name == "mm" and clock:
            text += value.strftime("%M")
        else:
            text += value.strftime(_DATE_PARTS[name]) if name in _DATE_PARTS else code
    if text:
        return text
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    return value.isoformat() if not isinstance(value, dt.datetime) else value.isoformat(" ")


def _frame(rows: Sequence[Sequence[Any]], name: str) -> pd.DataFrame:
    width = max(
        (place + 1 for row in rows for place, value in enumerate(row) if value is not None),
        default=0,
    )
    head = column_names([cell_text(label) or "" for label in rows[0][:width]], name)
    columns = {label: [row[place] for row in rows[1:]] for place, label in enumerate(head)}
    series = {label: column_of_values(values) for label, values in columns.items()}
    return pd.DataFrame(series, columns=head)
