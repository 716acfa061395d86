"""A tag says what predictions are for: it stands in the journal, and buys nothing."""

from __future__ import annotations

import json

import pytest

import pruna_nb
from pruna_nb import cli
from pruna_nb.errors import InputError


def tags():
    """Return the tag of each prediction, by its prompt."""
    sent = pruna_nb.journal()
    prompts = [json.loads(request).get("prompt") for request in sent["request"]]
    return dict(zip(prompts, sent["tag"], strict=True))


def test_a_tag_is_in_the_journal_with_each_prediction_of_every_verb(service, frame):
    quiet = {"progress": False}
    made = frame.iloc[:1].pruna.generate("prompt", tag="spring", **quiet)
    edited = made.pruna.edit(prompt="make it night", tag=["night", "sale"], **quiet)
    edited.pruna.upscale(target=1, tag="large", **quiet)
    edited.pruna.animate(prompt="it turns", duration=1, tag="moves", **quiet)
    pruna_nb.generate("a heron", tag="one")
    pruna_nb.generate(["an owl"], tag="listed", **quiet)
    frame["prompt"].iloc[1:2].pruna.generate(tag="series", **quiet)
    pruna_nb.compare(["a cup", "a mug"], 1, tag="vote", **quiet)
    form = pruna_nb.explore(prompt="a ship", seed=1, tag="form")
    form.generate()
    form.wait()
    assert tags() == {
        "a lion": "spring", "make it night": "night, sale", None: "large", "it turns": "moves",
        "a heron": "one", "an owl": "listed", "a fox": "series", "a cup": "vote", "a mug": "vote",
        "a ship": "form",
    }  # fmt: skip


def test_a_tag_buys_nothing_again_and_is_not_sent(service, generate, frame):
    generate(frame, "prompt", tag="first")
    out = generate(frame, "prompt", tag="second")
    assert service.charged == 3
    assert out["cached"].all()
    assert set(tags().values()) == {"first"}
    assert all("tag" not in row["input"] for row in service.accepted)


def test_retry_keeps_the_tag_of_the_record_unless_it_is_given_another(service, frame):
    made = frame.pruna.generate("prompt", tag="spring", progress=False)
    again = made.assign(status="failed", output=None)
    again.iloc[:1].pruna.retry(cache="off", progress=False)
    again.iloc[1:2].pruna.retry(cache="off", tag="repair", progress=False)
    assert sorted(pruna_nb.journal()["tag"]) == ["repair"] + ["spring"] * 4
    unsent = again.iloc[2:].assign(prediction_id=None)  # refused, say: the frame knows the call
    unsent.pruna.retry(cache="off", progress=False)
    assert sorted(pruna_nb.journal()["tag"]) == ["repair"] + ["spring"] * 5


def test_the_command_line_takes_tags(service, tmp_path):
    table = tmp_path / "in.csv"
    table.write_text("prompt\na lion\n")
    asked = ["generate", str(table), "--prompt-col", "prompt", "--out", str(tmp_path / "out")]
    assert cli.main([*asked, "--quiet", "--tag", "spring", "--tag", "sale"]) == 0
    assert tags() == {"a lion": "spring, sale"}


@pytest.mark.parametrize("wrong", [7, [1], "x" * 101, "a\nb", [str(n) for n in range(21)]])
def test_a_tag_that_is_not_a_text_of_one_line_is_refused_before_it_costs(service, frame, wrong):
    with pytest.raises(InputError, match=r"tag (takes|must be)"):
        frame.pruna.generate("prompt", tag=wrong, progress=False)
    assert service.charged == 0
