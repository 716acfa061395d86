"""What remembers what was paid for, broken on purpose, on real disks and in real processes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

import pruna_nb
from pruna_nb import cli, settings
from pruna_nb.catalog import exact, usd_text
from pruna_nb.store import rescue
from tests.faults import cases_journal as cases
from tests.faults.cases import prompts
from tests.helpers.service import Service

pytestmark = pytest.mark.faults


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_nothing_is_lost_and_each_row_that_is_paid_for_twice_was_told(case):
    try:
        found = case.run()
    except NotImplementedError as problem:
        pytest.skip(str(problem))
    assert found.lost <= case.lost, found
    assert found.paid_twice <= case.at_most_twice, found


@pytest.fixture
def orders(tmp_path):
    with Service() as service:
        yield (
            service,
            {
                "base_url": service.url,
                "cache_dir": str(tmp_path / "cache"),
                "state_dir": str(tmp_path / "state"),
                "prompts": prompts(cases.ROWS)["prompt"].tolist(),
                "limit": (10, 0.2),
            },
        )


def unsaved(orders):
    return list(Path(orders["state_dir"]).glob("unsaved/*.jsonl"))


def test_a_locked_database_ends_the_run_and_says_where_the_ids_are(orders):
    service, given = orders
    with cases.locked(service, given) as (begin, _):
        frame, words = cases.ended_by(begin)
    (file,) = unsaved(given)
    assert f"in '{file}', from which the next run takes" in words["raised"]
    count = int(re.search(r"(\d+) predictions? (?:was|were) sent and may be", words["raised"])[1])
    assert count == len(file.read_text().splitlines())
    assert f"may be charged ({usd_text(exact(0.005) * count)} at most)" in words["raised"]
    assert "key-one" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert "pending" in set(frame["status"])
    cases._run(given)
    assert unsaved(given) == []
    assert service.twice == []


def test_ids_that_one_folder_did_not_take_are_taken_up_in_the_folder_that_is_chosen_next(orders):
    service, given = orders
    with cases.locked(service, given) as (begin, _):
        cases.ended_by(begin)
    noted = len(unsaved(given)[0].read_text().splitlines())
    assert noted > 0
    before = len(service.posts)
    other = {**given, "cache_dir": given["cache_dir"] + "-other"}
    frame, _ = cases._run(other)
    assert set(frame["status"]) == {"succeeded"}
    assert len(service.posts) - before == len(frame) - noted
    assert unsaved(given), "kept for the folder that did not take them"


def test_where_no_disk_takes_anything_the_ids_are_printed_when_the_process_ends(orders, tmp_path):
    service, given = orders
    sign = tmp_path / "full"
    child = cases.in_mid_answer(service, {**given, "full": str(sign)})
    sign.touch()
    cases.wait_for(lambda: not sign.exists())
    service.go_on.set()
    out, said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    printed = set(
        re.findall(r"^  id (id-\d+)  model p-image  service http\S+ ", said, re.MULTILINE)
    )
    count = int(re.search(r"took the ids of (\d+) predictions", said)[1])
    assert len(printed) == count > 0
    assert printed <= {name for _, name in service.posts}
    assert "memory alone" in out
    assert "key-one" not in said
    # What was noted before the disk was full, and what was printed, is all that was sent.
    entries = cases._entries(Path(given["cache_dir"]))
    known = {entry.prediction_id for entry in entries if entry.prediction_id}
    assert known | printed == {name for _, name in service.posts}


def test_a_killed_process_leaves_its_unsaved_ids_behind(orders):
    service, given = orders
    with cases.locked(service, given) as (begin, _):
        child = begin()
        cases.wait_for(lambda: unsaved(given))
        child.kill()
        child.communicate()
    found, _ = cases._run(given)
    assert set(found["status"]) == {"succeeded"}


def test_the_command_line_reads_ids_that_stand_beside_its_table(tmp_path, capsys):
    table = tmp_path / "rows.csv"
    table.write_text("prompt\nthing 0\nthing 1\n")
    with Service() as service, pruna_nb.configure(api_key="key-one", base_url=service.url):
        out = tmp_path / "out"
        out.mkdir()
        service.finished = False
        cli.main(["generate", str(table), "--prompt-col", "prompt", "--out", str(out), "--quiet",
                  "--timeout", "0.05"])  # fmt: skip
        service.finished = True
        folder = settings.current().cache_dir
        entries = cases._entries(folder)
        _move_to_a_file(out, folder, entries)
        code = cli.main(["generate", str(table), "--prompt-col", "prompt", "--out", str(out)])
        assert code == 0, capsys.readouterr()
        assert len(service.posts) == 2
        assert not list(out.glob("pruna_nb-unsaved*"))


def _move_to_a_file(place, folder, entries):
    """Leave entries in a file, as a process does that could not write them, and drop them."""
    kept = rescue._Folder(folder, [place], lambda: None, {})
    kept.held = {entry.entry: rescue.Held(entry, known=False) for entry in entries}
    assert kept.write_file()
    database = cases.database_of(folder)
    database.change("DELETE FROM prediction")


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"folder": 1}', '{"folder": "/x", "known": false, "entry": 1}', "\x00"]
)
def test_a_file_that_was_cut_short_gives_what_is_whole(tmp_path, line):
    entry = cases.Journal(tmp_path / "cache", "http://x").begin("k", "p-image", {}, "run", 0.1)
    kept = rescue._Folder(tmp_path / "cache", [tmp_path], lambda: None, {})
    kept.held = {entry.entry: rescue.Held(entry, known=False)}
    assert kept.write_file()
    with kept.file.open("a") as file:
        file.write(line)
    ((_, folder, found),) = rescue.files([tmp_path])
    assert (folder, [held.entry for held in found]) == (tmp_path / "cache", [entry])


def test_a_link_in_the_place_of_such_a_file_is_not_followed(tmp_path):
    with tempfile.NamedTemporaryFile() as target:
        (tmp_path / "pruna_nb-unsaved-1-x.jsonl").symlink_to(target.name)
        assert list(rescue.files([tmp_path])) == []
