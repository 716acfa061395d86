"""A command that was paid for ends well, whatever becomes of its folder and its screen."""

from __future__ import annotations

import pytest

from tests.faults import cases_tables

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"meanwhile": cases_tables.gone}, 1),
        ({"before": cases_tables.taken}, 0),
        ({"meanwhile": cases_tables.closed}, 0),
    ],
    ids=["folder gone", "links", "screen closed"],
)
def test_a_command_ends_with_the_code_of_what_became_of_its_rows(what, code):
    found, exit_code = cases_tables.commanded(**what)
    assert exit_code == code, found
    assert (found.lost, found.paid_twice) == (0, 0), found
