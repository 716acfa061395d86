"""Every fault of the table, on real sockets: nothing lost, nothing paid for twice in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.cases import CASES

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "reliability.md"
pytestmark = pytest.mark.faults


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.slow], ids=lambda case: case.name
)
def test_no_row_is_lost_and_none_is_paid_for_twice_in_silence(case):
    found = case.run()
    assert found.lost <= case.lost, found
    assert found.paid_twice <= case.at_most_twice, found
    assert found.paid_twice <= found.told, found


def test_the_table_of_the_docs_has_the_faults_of_the_code_in_their_order():
    names = re.findall(r"^\| ([^|]+?) \| \d+ \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert names == [case.name for case in table.ALL_CASES]


def test_the_table_of_the_docs_has_the_columns_of_the_code():
    assert f"{table.HEAD}\n{table.RULE}\n" in PAGE.read_text(encoding="utf-8")


def test_no_row_of_the_docs_table_says_more_than_its_case_allows():
    text = PAGE.read_text(encoding="utf-8")
    for case in table.ALL_CASES:
        row = re.search(
            rf"^\| {re.escape(case.name)} \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|",
            text,
            re.MULTILINE,
        )
        _, lost, twice, told = map(int, row.groups())
        assert lost <= case.lost
        assert twice <= case.at_most_twice
        assert told == twice
