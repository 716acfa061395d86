"""Votes on disk: nothing judged is lost, whatever dies and whoever writes at the same time."""

import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruna_nb.comparison.votes import VERDICTS, Vote, VoteFile, standing
from pruna_nb.errors import CacheError, InputError

VOTER = """
import sys
from pathlib import Path
from pruna_nb.comparison.votes import Vote, VoteFile
file, who, count = VoteFile(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(count):
    file.add(Vote(pair=f"{who}{number}", verdict="left", left="a", right="b"))
    print(number, flush=True)
"""


@pytest.fixture
def file(tmp_path):
    return VoteFile(tmp_path / "votes" / "abc.jsonl")


def vote(pair="p1", verdict="left", **more):
    return Vote(pair=pair, verdict=verdict, left="dx", right="dy", **more)


def start_voter(path, who, count):
    command = [sys.executable, "-c", VOTER, str(path), who, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd(), text=True)


def test_no_file_means_no_votes(file):
    assert file.standing() == []
    assert not file.path.parent.exists()


def test_a_vote_is_read_back_as_it_was_cast(file):
    cast = file.add(vote(rater="ann", seconds=2.5, left_name="plain", names_seen=True))
    assert VoteFile(file.path).standing() == [cast]
    assert (cast.rater, cast.seconds, cast.left_name, cast.names_seen) == (
        "ann",
        2.5,
        "plain",
        True,
    )
    assert cast.id
    assert cast.at.endswith("+00:00")


@pytest.mark.parametrize(
    ("verdict", "winner", "loser"),
    [("left", "dx", "dy"), ("right", "dy", "dx"), ("tie", None, None), ("both_bad", None, None)],
)
def test_the_winner_is_the_side_that_was_chosen(verdict, winner, loser):
    assert (vote(verdict=verdict).winner, vote(verdict=verdict).loser) == (winner, loser)


def test_a_verdict_that_is_none_is_refused_before_anything_is_written(file):
    with pytest.raises(InputError, match="both_bad"):
        file.add(vote(verdict="skip"))
    assert not file.path.exists()


def test_an_undo_is_a_line_more_and_the_vote_no_longer_stands(file):
    first, second = file.add(vote("p1")), file.add(vote("p2"))
    file.undo(second.id)
    assert file.standing() == [first]
    assert len(file.path.read_bytes().splitlines()) == 3


def test_a_later_vote_of_the_same_rater_on_the_same_pair_replaces_the_earlier(file):
    file.add(vote(verdict="left", rater="ann"))
    other = file.add(vote(verdict="left", rater="bob"))
    later = file.add(vote(verdict="tie", rater="ann"))
    assert file.standing() == [other, later]


def test_undoing_a_replacement_brings_the_earlier_vote_back(file):
    earlier = file.add(vote(verdict="left"))
    later = file.add(vote(verdict="right"))
    file.undo(later.id)
    assert file.standing() == [earlier]


def test_an_undo_of_what_is_not_there_does_no_harm(file):
    cast = file.add(vote())
    file.undo("unknown")
    file.undo("unknown")
    assert file.standing() == [cast]


@pytest.mark.parametrize("cut", [1, 10, 60, -1, -2])
def test_a_line_that_a_crash_cut_short_swallows_no_later_vote(file, cut):
    first = file.add(vote("p1"))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + whole[:cut])
    second = file.add(vote("p2"))
    assert [each.pair for each in file.standing()][-1] == "p2"
    assert {first, second} <= set(file.standing())
    # With only its newline missing, the line is whole.
    assert file.damaged_lines() == (0 if cut == -1 else 1)


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[1]",
        b'{"action": "vote"}',
        b'{"action": "vote", "id": 3}',
        b'{"action": "vote", "id": "x", "pair": "p", "left": "a", "right": "b", "verdict": "no"}',
        b'{"action": "vote", "id": "x", "pair": 3, "left": "a", "right": "b", "verdict": "tie"}',
        b'{"action": "vote", "id": "x", "pair": "p", "left": "a", "right": "a", "verdict": "tie"}',
        *(
            b'{"action": "vote", "id": "x", "pair": "p", "left": "a", "right": "b", '
            b'"verdict": "tie", "seconds": ' + seconds + b"}"
            for seconds in (b"NaN", b"1e999", b"-1", b"true", b"1" * 400, b"1" * 5000)
        ),
        b'{"action": "undo", "id": "x", "id": "y"}',
        b'{"action": "vote", "id": "x", "more": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"action": "dance", "id": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_record_is_counted_and_passed_over(file, line):
    first = file.add(vote("p1"))
    with file.path.open("ab") as out:
        out.write(line + b"\n")
    second = file.add(vote("p2"))
    assert file.standing() == [first, second]
    assert file.damaged_lines() == 1


def test_a_field_of_a_later_version_is_passed_over(file):
    cast = file.add(vote())
    record = json.loads(file.path.read_bytes())
    file.path.write_text(json.dumps({**record, "mood": "good"}) + "\n")
    assert file.standing() == [cast]


def test_files_are_made_for_the_user_alone(file):
    file.add(vote())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700


def test_a_folder_that_takes_no_file_is_a_clear_error(tmp_path):
    (tmp_path / "votes").write_text("a file where a folder belongs")
    with pytest.raises(CacheError, match="cannot write the vote to"):
        VoteFile(tmp_path / "votes" / "abc.jsonl").add(vote())


def test_votes_that_cannot_be_read_are_a_clear_error(tmp_path):
    with pytest.raises(CacheError, match="cannot read the votes"):
        VoteFile(tmp_path).standing()


def test_two_processes_at_once_lose_no_vote(file):
    voters = [start_voter(file.path, who, 60) for who in ("x", "y")]
    assert [voter.wait() for voter in voters] == [0, 0]
    for voter in voters:
        voter.stdout.close()
    expected = {f"{who}{number}" for who in ("x", "y") for number in range(60)}
    assert {each.pair for each in file.standing()} == expected
    assert file.damaged_lines() == 0


def test_a_killed_voter_loses_no_vote_that_it_was_told_is_written(file):
    told = set()
    for round_ in range(4):
        voter = start_voter(file.path, f"r{round_}-", 10_000)
        for _ in range(round_ * 7 + 1):
            told.add(f"r{round_}-{int(voter.stdout.readline())}")
        voter.send_signal(signal.SIGKILL)
        voter.wait()
        voter.stdout.close()
    assert told <= {each.pair for each in file.standing()}
    file.add(vote("after"))
    assert file.standing()[-1].pair == "after"


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("vote"),
            st.sampled_from(["p1", "p2", "p3"]),
            st.sampled_from(["", "ann"]),
            st.sampled_from(VERDICTS),
        ),
        st.tuples(st.just("undo")),
    ),
    max_size=30,
)


@given(ACTIONS)
def test_undoing_goes_back_one_vote_at_a_time(actions):
    records, stack = [], []
    for number, action in enumerate(actions):
        if action[0] == "vote":
            _, pair, rater, verdict = action
            cast = vote(pair, verdict, rater=rater, id=f"v{number}")
            stack.append(cast)
            fields = {name: getattr(cast, name) for name in cast.__slots__}
            records.append({"action": "vote", **fields})
        elif stack:
            records.append({"action": "undo", "id": stack.pop().id})
    expected = {(each.pair, each.rater): each for each in stack}
    assert {(each.pair, each.rater): each for each in standing(records)} == expected
    while stack:
        records.append({"action": "undo", "id": stack.pop().id})
    assert standing(records) == []
