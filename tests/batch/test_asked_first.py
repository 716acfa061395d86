"""What was paid for is asked for by its id before it is bought again, and that is announced."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pruna_nb import settings
from pruna_nb.batch import fetch
from pruna_nb.batch.plan import announcements
from pruna_nb.store.journal import Journal
from tests.helpers.runs import at_each_outcome, planned, prompts, work
from tests.helpers.service import Service

pytestmark = pytest.mark.usefixtures("quickly")
ROWS = 6
DAY = 86400.0


@pytest.fixture
def service():
    with Service() as made, settings.configure(api_key="key-one", base_url=made.url):
        yield made


def journal():
    return Journal.of(settings.current())


def states():
    return sorted(entry.state for entry in journal().entries())


def sent_and_left(service, rows=ROWS):
    """Send rows in a run that ends before any of them is finished."""
    service.finished = False
    run = planned(prompts(rows), timeout=0.05)
    run.start()
    assert run.join(60)
    service.finished = True
    assert states() == ["sent"] * rows


def move_clock(monkeypatch, days):
    """Let this machine's clock go wrong by so many days, for the journal and all others."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + days * DAY)


@pytest.mark.parametrize("days", [-400, -2, 2, 400])
def test_a_clock_that_is_off_throws_no_id_away(service, monkeypatch, days):
    sent_and_left(service)
    move_clock(monkeypatch, days)
    service.days = -days
    _, outcomes = work(prompts(ROWS))
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * ROWS
    assert service.twice == []


def test_what_seems_old_is_announced_with_its_cost_before_it_is_asked_for(service, monkeypatch):
    sent_and_left(service)
    move_clock(monkeypatch, 2)
    run = planned(prompts(ROWS))
    (line,) = announcements(run.plan)
    assert line == (
        "6 predictions older than 24 hours: the service is asked first, and what it no longer "
        "has is generated again (cost: 0.03 USD at most)."
    )
    assert run.plan.cost_usd() == pytest.approx(0.03)


def test_what_is_old_and_gone_at_the_service_is_made_anew_in_the_same_run(service, monkeypatch):
    sent_and_left(service)
    old = {name for _, name in service.posts}
    move_clock(monkeypatch, 2)
    service.finds = lambda name: name not in old
    run, outcomes = work(prompts(ROWS))
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * ROWS
    assert run.cost_usd == pytest.approx(0.03)
    assert all(service.questions[name] for name in old), "asked first"
    assert states() == ["delivered"] * ROWS + ["resent"] * ROWS
    assert {entry.error for entry in journal().entries() if entry.state == "resent"} == {
        "no such prediction"
    }


def test_a_404_is_gone_at_once_where_the_services_own_clock_says_that_a_day_is_over(service):
    sent_and_left(service)
    service.days = 1.5
    service.finds = lambda _: False
    began = time.monotonic()
    _, outcomes = work(prompts(ROWS))
    assert time.monotonic() - began < fetch.MISSING_SECONDS / 3
    assert {outcome.status for outcome in outcomes} == {"failed"}
    (said,) = {outcome.error for outcome in outcomes}
    assert said.endswith("It may have been charged. Run the row again to generate it once more.")
    assert states() == ["expired"] * ROWS
    (line,) = announcements(planned(prompts(ROWS)).plan)
    assert line == (
        "Resending 6 predictions that expired before the output was fetched: charged once more "
        "(cost: 0.03 USD at most)."
    )


@pytest.mark.parametrize("days", [0.0, None])
def test_a_404_that_passes_costs_nothing_and_holds_up_no_other_row(service, monkeypatch, days):
    service.days = days
    sent_and_left(service, rows=4)
    others_done = []
    service.finds = lambda name: name not in {f"id-{n}" for n in range(4)} or bool(others_done)
    monkeypatch.setattr("pruna_nb.batch.state._IN_FLIGHT_AT_MOST", 2)
    run = planned(prompts(8))
    at_each_outcome(run, lambda: run.counts["succeeded"] == 4 and others_done.append(1))
    run.start()
    assert run.join(60)
    assert run.counts == {"succeeded": 8}
    assert service.twice == []


def test_a_404_that_does_not_pass_counts_as_gone_after_a_fair_time(service, monkeypatch):
    sent_and_left(service)
    monkeypatch.setattr(fetch, "MISSING_SECONDS", 0.2)
    service.finds = lambda _: False
    _, outcomes = work(prompts(ROWS))
    assert all("may have been charged" in outcome.error for outcome in outcomes)
    assert all(count > 2 for count in service.questions.values())
    assert states() == ["expired"] * ROWS
    service.finds = lambda _: True
    run, _ = work(prompts(ROWS))
    assert run.cost_usd == pytest.approx(0.03)
    assert service.twice == sorted(prompts(ROWS))


def test_the_users_own_time_out_ends_the_wait_for_a_404_and_throws_nothing_away(service):
    sent_and_left(service)
    service.finds = lambda _: False
    _, outcomes = work(prompts(ROWS), timeout=0.1)
    assert {outcome.status for outcome in outcomes} == {"pending"}
    assert states() == ["sent"] * ROWS


def test_a_run_with_another_key_in_between_throws_nothing_away_and_says_what_it_buys(service):
    sent_and_left(service)
    with settings.configure(api_key="key-two"):
        run = planned(prompts(ROWS))
        (line,) = announcements(run.plan)
        assert "sent with another key before" in line
        assert "Resending 6 predictions with this API key (cost: 0.03 USD at most)" in line
        asked_before = service.questions.total()
        work(prompts(ROWS), cache="off")
        theirs = {f"id-{number}" for number in range(ROWS)}
        assert sum(service.questions[name] for name in theirs) == asked_before
    _, outcomes = work(prompts(ROWS))
    assert [outcome.status for outcome in outcomes] == ["succeeded"] * ROWS
    assert len(service.posts) == 2 * ROWS, "one of each account"
    assert states() == ["delivered"] * 2 * ROWS


def test_no_key_can_be_told_from_the_database(service):
    work(prompts(2))
    text = b"".join(path.read_bytes() for path in settings.current().cache_dir.glob("pruna_nb*"))
    assert b"key-one" not in text
    assert settings.current().key_hash.encode() in text


@pytest.mark.parametrize("how", ["deleted", "damaged", "folder", "verified"])
def test_files_that_vanished_are_fetched_again_at_no_cost(service, how):
    _, first = work(prompts(ROWS))
    _vanish(how, [Path(outcome.output) for outcome in first])
    run = planned(prompts(ROWS))
    assert run.plan.cost_usd() == 0.0
    assert announcements(run.plan) == [
        "6 outputs no longer on disk: fetched again by id, at no cost."
    ]
    run, outcomes = work(prompts(ROWS))
    assert len(service.posts) == ROWS
    assert run.cost_usd == 0.0
    assert all(Path(outcome.output).is_file() for outcome in outcomes)
    assert states() == ["delivered"] * ROWS
    assert {entry.cost_usd for entry in journal().entries()} == {0.005}


def _vanish(how, paths):
    import shutil

    import pruna_nb

    if how == "folder":
        shutil.rmtree(paths[0].parents[1])
        return
    for path in paths:
        if how == "damaged":
            path.write_bytes(path.read_bytes()[:-20])
        else:
            path.unlink()
    if how == "verified":
        assert len(pruna_nb.cache.verify()) == ROWS


def test_files_that_vanished_and_are_gone_at_the_service_are_told_before_they_are_bought(service):
    _, first = work(prompts(ROWS))
    _vanish("deleted", [Path(outcome.output) for outcome in first])
    service.delivers = False
    _, outcomes = work(prompts(ROWS))
    assert {outcome.status for outcome in outcomes} == {"failed"}
    assert len(service.posts) == ROWS
    service.delivers = True
    run = planned(prompts(ROWS))
    (line,) = announcements(run.plan)
    assert line.startswith("Resending 6 predictions that expired")


def test_what_was_not_to_be_kept_is_not_fetched_again_for_a_later_run(service):
    work(prompts(2), cache="off")
    run, _ = work(prompts(2))
    assert run.cost_usd == pytest.approx(0.01)
    assert len(service.posts) == 4
