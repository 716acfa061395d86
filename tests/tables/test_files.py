"""A table on disk is read as it stands: no cell changes, and what is ambiguous is refused."""

from __future__ import annotations

import datetime as dt
import gzip
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.errors import InputError, MissingExtraError
from pruna_nb.tables.files import read_table, write_table
from pruna_nb.tables.text_tables import read_delimited, write_delimited

TEXTS = [
    "007", "1.10", "+4930", "1E5", "1e5", "TRUE", "true", "2024-05-01", "NA", "null", "None", "nan",
    "NaN", "inf", "-inf", "0x10", "1_000", "1,000", " 7", "7 ", "-0", "1.", ".5",
    "12345678901234567890", "0.1234567890123456789", "1.0e400", "٣",
]  # fmt: skip


def table(path, contents):
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
@pytest.mark.parametrize("cell", TEXTS)
def test_a_cell_that_would_not_come_back_as_it_stood_stays_text(tmp_path, suffix, cell):
    comma = "," if suffix == "csv" else "\t"
    quoted = f'"{cell}"' if comma in cell else cell
    path = table(tmp_path / f"t.{suffix}", f"a{comma}b\n{quoted}{comma}1\n12{comma}2\n")
    frame = read_table(path)
    assert frame["a"].tolist() == [cell, "12"]
    assert frame["b"].tolist() == [1, 2]
    write_table(frame, path, escape_formulas=False)
    assert read_table(path)["a"].tolist() == [cell, "12"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["7", "-3", "0"], [7, -3, 0]),
        (["1.5", "", "2.0"], [1.5, None, 2.0]),
        (["3", "3.5"], [3, 3.5]),
        (["1920", ""], [1920, None]),
        (["True", "False"], [True, False]),
        (["9223372036854775807"], [2**63 - 1]),
        (["9223372036854775808"], ["9223372036854775808"]),
    ],
)
def test_cells_that_come_back_as_they_stood_are_numbers(tmp_path, cells, values):
    frame = read_table(table(tmp_path / "t.csv", "a,b\n" + "".join(f"{c},x\n" for c in cells)))
    read = [None if pd.isna(value) else value for value in frame["a"].tolist()]
    assert read == values
    assert list(map(type, read)) == list(map(type, values))
    write_table(frame, tmp_path / "t.csv")
    assert [
        line.split(",")[0] for line in (tmp_path / "t.csv").read_text().splitlines()[1:]
    ] == cells


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
@pytest.mark.parametrize("escaped", [True, False])
def test_any_text_comes_back_from_csv(escaped, cells):
    frame = pd.DataFrame({"a": cells, "b": "x"})
    text = write_delimited(frame, ",", escape_formulas=escaped)
    again = read_delimited(text, "t.csv", ",", escaped=escaped)
    read = [None if pd.isna(cell) else str(cell) for cell in again["a"]]
    assert read == [cell or None for cell in cells]


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ("prompt\na fox, in snow\nan owl\na hen, a cow\n", ["line 2 has 2", "line 4 has 2"]),
        ("prompt,seed\na fox,1\nan owl\n", ["line 3 has 1", "has 2 fields"]),
        ("a,b\n1,2,\n", ["line 2 has 3"]),
        ('a,b\n"one\ntwo",1\n1,2,3\n', ["line 4 has 3"]),
        ('a,b\n1,2\n"a fox,3\n4,5\n', ["line 3", "quote"]),
        ('a,b\n1,2\n"a" fox,3\n', ["line 3", "quote"]),
        ('prompt\n"a fox\nan owl\n"a hen"\n', ["line 2", "quote"]),
        ("a,b,a\n1,2,3\n", ["more than one column called 'a'"]),
        ("prompt;seed\na fox;1\n", ["'prompt;seed'", "';'", "commas"]),
        ("prompt\tseed\na fox\t1\n", ["tabs", ".tsv"]),
        ("", ["is empty"]),
        (b"a,b\n1,2\n\xff,3\n", ["line 3", "UTF-8"]),
        (b"a,b\n1,2\n3,\x004\n", ["line 3", "NUL"]),
        ("prompt,seed\n".encode("utf-16-le"), ["NUL", "UTF-16"]),
    ],
)  # fmt: skip
def test_a_csv_that_may_be_read_in_two_ways_is_refused_with_its_lines(tmp_path, contents, says):
    with pytest.raises(InputError) as refused:
        read_table(table(tmp_path / "t.csv", contents))
    for part in ["t.csv", *says]:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    "contents",
    [
        'a\tb\n"a fox\t1\nan owl"\t2\n',  # two stray quotes would join two rows
        'a\tb\n"a fox\t1\nan owl\t2\n',
        'a\n"a fox\nan owl"\n',
    ],
)
def test_a_quote_that_swallows_lines_of_a_tsv_is_told(tmp_path, contents):
    with pytest.raises(InputError, match="line 2 is not closed"):
        read_table(table(tmp_path / "t.tsv", contents))


def test_a_tsv_reads_what_pandas_writes(tmp_path):
    cells = ['say "hi"', "a\tb", "one\ntwo", '"', '5" screen', "plain"]
    pd.DataFrame({"a": cells, "b": range(6)}).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    assert read_table(tmp_path / "t.tsv")["a"].tolist() == cells


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("suffix", "lines"),
    [
        ("csv", ["prompt,seed", "ein Löwe,1", "", "世界,2"]),
        ("tsv", ["prompt\tseed", "ein Löwe\t1", "  ", "世界\t2"]),
        ("jsonl", ['{"prompt": "ein Löwe", "seed": 1}', "", '{"prompt": "世界", "seed": 2}']),
        ("json", ['[{"prompt": "ein Löwe", "seed": 1},', '{"prompt": "世界", "seed": 2}]']),
    ],
)
def test_marks_and_line_ends_are_no_part_of_a_table(tmp_path, encoding, end, suffix, lines):
    path = table(tmp_path / f"t.{suffix}", (end.join(lines) + end).encode(encoding))
    frame = read_table(path)
    assert frame.columns.tolist() == ["prompt", "seed"]
    assert frame["prompt"].tolist() == ["ein Löwe", "世界"]
    assert frame["seed"].tolist() == [1, 2]


def test_json_keeps_its_own_types(tmp_path):
    rows = [
        {"s": "007", "d": "2024-05-01", "n": 1, "big": 2**70, "on": True, "l": ["a", 1], "f": 1.0},
        {"s": "8", "d": None, "n": None, "big": 1, "on": False, "l": {"k": None}, "f": 2.5},
    ]  # fmt: skip
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    frame = read_table(path)
    assert frame["n"].tolist() == [1, pd.NA]
    assert frame["big"].tolist() == [2**70, 1]
    write_table(frame, path)
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert written == rows
    kinds = [[type(value) for value in dict(row).values()] for row in rows]
    assert [[type(value) for value in row.values()] for row in written] == kinds


@pytest.mark.parametrize(
    ("suffix", "contents", "says"),
    [
        ("jsonl", '{"a": 1}\n{"a": 1\n', "line 2, is not valid JSON"),
        ("jsonl", '{"a": 1}\n"a fox"\n', "line 2, is not a JSON object"),
        ("jsonl", '{"a": 1, "a": 2}\n', "'a' stands twice"),
        ("jsonl", '{"a": NaN}\n', "NaN is not a number"),
        ("jsonl", '{"a": 1e999}\n', "1e999 is not a number"),
        ("ndjson", b'{"a": "\xff"}\n', "line 1"),
        ("json", '{"prompt": ["a"]}', "is not a list of objects"),
        ("json", '["a", "b"]', "is not a list of objects"),
        ("json", '{"a": 1}\n{"a": 2}\n', "Call it .jsonl"),
        ("json", "[" * 100_000, "is not valid JSON"),
    ],
)
def test_json_that_is_no_table_is_told_with_its_line(tmp_path, suffix, contents, says):
    with pytest.raises(InputError) as refused:
        read_table(table(tmp_path / f"t.{suffix}", contents))
    assert says in str(refused.value)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "ndjson", "json"])
def test_a_packed_table_is_read_and_written(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}.gz"
    frame = pd.DataFrame({"prompt": ["007", "ein Löwe"], "n": [1, 2]})
    write_table(frame, path)
    assert gzip.decompress(path.read_bytes())
    pd.testing.assert_frame_equal(read_table(path), frame, check_dtype=False)


def test_a_damaged_packed_table_is_told(tmp_path):
    path = table(tmp_path / "t.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9])
    with pytest.raises(InputError, match="cannot be read"):
        read_table(path)


def test_a_text_file_has_a_prompt_a_line(tmp_path):
    path = table(tmp_path / "t.txt", '\ufeffa fox, in snow\r\n\r\n  007 \n"quoted\u2028here\n')
    frame = read_table(path)
    assert frame["prompt"].tolist() == ["a fox, in snow", "  007 ", '"quoted\u2028here']


@pytest.mark.parametrize("name", ["t.ods", "t.xls", "t", "t.parquet.gz", "t.feather", "t.gz"])
def test_another_kind_of_file_says_what_can_be_done(tmp_path, name):
    with pytest.raises(InputError, match=r"\.csv, \.tsv.*save it as CSV"):
        read_table(table(tmp_path / name, b""))


def workbook(path, rows, formats=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, code in formats:
        book.active[cell].number_format = code
    book.save(path)
    return book


def at(hour, minute):
    return dt.datetime(2024, 5, 1, hour, minute)  # noqa: DTZ001 - a workbook knows no zone


def test_a_workbook_is_read_as_it_is_displayed(tmp_path):
    workbook(
        tmp_path / "t.xlsx",
        [
            ["prompt", "sku", "price", "day", "at", "n", "on"],
            ["a fox", 7, 1.1, dt.date(2024, 5, 1), at(9, 30), 3, True],
            [None] * 7,
            ["007", 12, -2, dt.date(2024, 12, 24), at(0, 5), None, False],
        ],
        [("B2", "000"), ("B4", "000"), ("C2", "0.00"), ("C4", "0.00"), ("D4", "dd/mm/yyyy")],
    )  # fmt: skip
    frame = read_table(tmp_path / "t.xlsx")
    assert frame["prompt"].tolist() == ["a fox", "007"]
    assert frame["sku"].tolist() == ["007", "012"]
    assert frame["price"].tolist() == ["1.10", "-2.00"]
    assert frame["day"].tolist() == ["2024-05-01", "24/12/2024"]
    assert frame["at"].tolist()[0].startswith("2024-05-01 9:30")
    assert frame["n"].tolist() == [3, pd.NA]
    assert frame["on"].tolist() == [True, False]


def test_a_workbook_comes_back_as_it_was_written(tmp_path):
    frame = pd.DataFrame(
        {"prompt": ["=1+1", "007", "a\x00b"], "n": [1, 2**60, 3], "f": [1.5, 2.0, None]}
    )
    write_table(frame, tmp_path / "t.xlsx")
    again = read_table(tmp_path / "t.xlsx")
    assert again["prompt"].tolist() == ["=1+1", "007", "a\N{REPLACEMENT CHARACTER}b"]
    assert again["n"].tolist() == [1, str(2**60), 3]


def test_a_workbook_with_cells_that_have_no_value_is_refused_with_the_cells(tmp_path):
    workbook(tmp_path / "t.xlsx", [["prompt"], ["=A1"], ["fox"]])
    with pytest.raises(InputError, match="A2 is a formula that was never computed"):
        read_table(tmp_path / "t.xlsx")


def test_a_workbook_of_several_filled_sheets_is_refused_with_their_names(tmp_path):
    book = workbook(tmp_path / "t.xlsx", [["prompt"], ["a fox"]])
    book.create_sheet("Notes")
    book.save(tmp_path / "t.xlsx")
    assert read_table(tmp_path / "t.xlsx")["prompt"].tolist() == ["a fox"]
    book["Notes"].append(["a note"])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match="'Sheet', 'Notes'"):
        read_table(tmp_path / "t.xlsx")


def test_what_is_no_workbook_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read as an Excel workbook"):
        read_table(table(tmp_path / "t.xlsx", b"prompt\na fox\n"))


def test_a_workbook_without_the_extra_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pruna_nb\[excel\]"):
        read_table(table(tmp_path / "t.xlsx", b"PK"))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"), ("\rx", "\"'\rx\""), ("'=1", "''=1"), ("-5", "-5"), ("+4930", "+4930"),
        ("-1.5e3", "-1.5e3"), ("-", "-"), ("a=b", "a=b"), ("'quoted'", "'quoted'"),
    ],
)  # fmt: skip
def test_a_cell_that_begins_a_formula_is_escaped_and_comes_back(cell, written):
    text = write_delimited(pd.DataFrame({"a": [cell], "b": [1]}), ",", escape_formulas=True)
    assert text == f"a,b\n{written},1\n"
    again = read_delimited(text, "t.csv", ",", escaped=True)["a"].tolist()
    assert [str(value) for value in again] == [cell]
    plain = write_delimited(pd.DataFrame({"a": [cell], "b": [1]}), ",", escape_formulas=False)
    assert plain == f"a,b\n{written if cell == written else written.replace(chr(39), '', 1)},1\n"
