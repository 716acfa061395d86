"""ddf.pruna on a cluster of three worker processes, each with folders of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import pruna_nb
from pruna_nb import emulator, errors, settings
from pruna_nb.cluster import channel, gate
from tests.helpers.runs import end_predictions, states

dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore::ResourceWarning")]
QUIET = {"progress": False}
LONG = 60.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Run three workers that have neither key nor folders of the client's."""
    folder = tmp_path_factory.mktemp("workers")
    workers = {
        number: {
            "cls": distributed.Nanny,
            "options": {
                "nthreads": 1,
                "host": "127.0.0.1",
                "env": {
                    "PRUNA_NB_STATE_DIR": str(folder / f"state-{number}"),
                    "PRUNA_NB_CACHE_DIR": str(folder / f"cache-{number}"),
                    "PRUNA_API_KEY": "",
                },
            },
        }
        for number in range(3)
    }
    # Any free port: the usual one may be another test's.
    options = {"dashboard": False, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    scheduler = {"cls": distributed.Scheduler, "options": options}
    with distributed.SpecCluster(workers, scheduler, silence_logs=50) as running:
        running.folder = folder
        yield running


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as connected:
        connected.wait_for_workers(3)
        yield connected


@pytest.fixture
def held(monkeypatch):
    """Run an emulator whose predictions end when the test says so."""
    with (
        emulator.running(fast=True, latency=3600) as running,
        settings.configure(api_key="test-key", base_url=running.url),
    ):
        yield running


def table(rows, npartitions, **columns):
    return dd.from_pandas(pd.DataFrame({"prompt": rows, **columns}), npartitions=npartitions)


def until(condition):
    """Wait for a condition, long enough for a busy machine."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def prompts_of(service):
    return Counter(entry["input"]["prompt"] for entry in service.accepted)


def waiting(client):
    """Return how many tasks wait in each worker for the sender."""
    return client.run(lambda: len(channel._REPLIES))


def key_in(dask_worker):
    found = pruna_nb.settings.current().api_key
    return found, b"test-key" in repr(dask_worker.state.tasks).encode()


def test_one_process_sends_for_all_workers_and_only_what_requests_are_made_of(
    cluster, client, monkeypatch
):
    def part(number):
        rows = ["a lion", f"thing {number}", "a lion", f"other {number}"]
        # What cannot be pickled cannot leave its worker.
        return pd.DataFrame({"prompt": rows, "wide": [threading.Lock() for _ in rows]})

    meta = pd.DataFrame({"prompt": pd.Series(dtype="str"), "wide": pd.Series(dtype=object)})
    frame = dd.from_map(part, range(9), meta=meta)
    with (
        emulator.running(fast=True, latency=0, limits={"p-image": (10, 1.0)}) as service,
        pruna_nb.configure(api_key="test-key", base_url=service.url, limits={"p-image": (10, 1.0)}),
    ):
        out = frame.pruna.generate("prompt", **QUIET)[["prompt", "status", "output", "cost_usd"]]
        made = out.compute()
        assert made["status"].tolist() == ["succeeded"] * 36
        assert prompts_of(service) == dict.fromkeys(made["prompt"], 1)
        assert len(service.accepted) == 19
        assert service.refused == 0
        assert made["cost_usd"].sum() == pytest.approx(19 * 0.005)
        assert all(Path(path).exists() for path in made["output"])
    assert set(client.run(key_in).values()) == {(None, False)}
    assert [*cluster.folder.iterdir()] == []  # no worker has sent or kept anything


def test_other_tasks_run_in_a_worker_while_its_partitions_wait(client, held):
    frame = table([f"thing {number}" for number in range(12)], 12)
    first = frame.pruna.generate("prompt", **QUIET)
    edited = {"prompt": "in snow", "model": "p-image-edit", "images_col": "output"}
    future = client.compute(first.pruna.generate(**edited, **QUIET))
    for count in (12, 24):
        until(lambda count=count: len(held.accepted) == count)
        assert client.submit(sum, [1, 2], pure=False).result(LONG) == 3
        end_predictions(held)
    made = future.result(LONG)
    assert set(made["step1_status"]) == set(made["status"]) == {"succeeded"}


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_paid_twice(client, held):
    frame = table([f"thing {number}" for number in range(6)], 3)
    future = client.compute(frame.pruna.generate("prompt", **QUIET))
    until(lambda: len(held.accepted) == 6)
    busy = [name for name, count in waiting(client).items() if count]
    os.kill(client.run(os.getpid, workers=busy[:1])[busy[0]], signal.SIGKILL)
    until(lambda: busy[0] not in client.scheduler_info(n_workers=-1)["workers"])
    until(lambda: sum(waiting(client).values()) == 3)  # its partition is elsewhere
    end_predictions(held)
    made = future.result(LONG)
    assert made["status"].tolist() == ["succeeded"] * 6
    assert set(prompts_of(held).values()) == {1}
    assert made["cost_usd"].sum() == pytest.approx(6 * 0.005)


SENDER = """
import sys
import pandas as pd
import dask.dataframe as dd
import distributed
import pruna_nb

if __name__ == "__main__":
    address, url, dataset = sys.argv[1:]
    pruna_nb.configure(api_key="test-key", base_url=url)
    client = distributed.Client(address)
    rows = pd.DataFrame({"prompt": [f"thing {number}" for number in range(6)]})
    out = dd.from_pandas(rows, npartitions=3).pruna.generate("prompt", progress=False)
    if dataset:
        client.publish_dataset(out, name=dataset)
    out.compute()
"""


def test_a_sender_that_is_killed_loses_nothing_and_its_tasks_end(cluster, client, held):
    order = [sys.executable, "-c", SENDER, cluster.scheduler_address, held.url, "left"]
    sender = subprocess.Popen(order, stderr=subprocess.DEVNULL)
    try:
        until(lambda: states()["sent"] == 6 or sender.poll() is not None)
        assert len(held.accepted) == 6
    finally:
        sender.kill()
        sender.wait()
    until(lambda: not any(waiting(client).values()))
    # Who computes what the sender left is told so, and does not wait for ever.
    client.run(setattr, channel, "_GONE_SECONDS", 0.1)
    try:
        left = client.get_dataset("left")
        with pytest.raises(errors.PrunaError, match="has ended or closed its client"):
            left.compute()
    finally:
        client.unpublish_dataset("left")
        client.run(setattr, channel, "_GONE_SECONDS", channel._GONE_SECONDS)
    rows = [f"thing {number}" for number in range(6)]
    future = client.compute(table(rows, 3).pruna.generate("prompt", **QUIET))
    until(lambda: sum(waiting(client).values()) == 3)
    end_predictions(held)
    assert future.result(LONG)["status"].tolist() == ["succeeded"] * 6
    assert prompts_of(held) == dict.fromkeys(rows, 1)


def test_a_computation_that_is_given_up_stops_sending(cluster, held):
    rows = [f"thing {number}" for number in range(40)]
    with (
        pruna_nb.configure(limits={"p-image": (4, 3600.0)}),
        distributed.Client(cluster, set_as_default=False) as own,
        distributed.Client(cluster, set_as_default=False) as watcher,
    ):
        out = table(rows, 4).pruna.generate("prompt", **QUIET)
        future = own.compute(out)
        until(lambda: len(held.accepted) == 4)
        future.cancel()
        until(lambda: not any(waiting(watcher).values()))
        until(lambda: not active_runs())
        # And so does one whose client is closed.
        future = own.compute(out)
        until(lambda: any(waiting(watcher).values()))
        own.close()
        until(lambda: not any(waiting(watcher).values()))
        until(lambda: not active_runs())
    assert set(prompts_of(held).values()) == {1}
    assert len(held.accepted) == 4


def active_runs():
    from pruna_nb.batch import interrupts

    return list(interrupts.ACTIVE_RUNS)


def test_an_order_that_is_lost_on_its_way_is_repeated(client, service, monkeypatch):
    lost = []

    def read(scheduler, message):
        if lost:
            return arrived(scheduler, message)
        return lost.append(message)

    arrived = channel._read
    monkeypatch.setattr(channel, "_read", read)
    usual = channel._AGAIN_SECONDS
    client.run(setattr, channel, "_AGAIN_SECONDS", 0.1)
    try:
        made = table(["a lion"], 1).pruna.generate("prompt", **QUIET).compute()
    finally:
        client.run(setattr, channel, "_AGAIN_SECONDS", usual)
    assert made["status"].tolist() == ["succeeded"]
    assert len(lost) == 1
    assert service.charged == 1


def test_workers_in_the_senders_own_process_wait_beside_other_tasks_too(held):
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",  # the usual one looks for this machine's address elsewhere
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as here,
        distributed.Client(here, set_as_default=False) as own,
    ):
        frame = table([f"thing {number}" for number in range(3)], 3)
        future = own.compute(frame.pruna.generate("prompt", **QUIET))
        until(lambda: len(held.accepted) == 3)
        assert own.submit(sum, [1, 2], pure=False).result(LONG) == 3
        end_predictions(held)
        assert set(future.result(LONG)["status"]) == {"succeeded"}


def test_mistakes_in_cells_come_back_from_a_worker_with_partition_and_row(client, service):
    frame = table(["a lion", "a fox"], 2, seed=[1.0, 4.5])
    with pytest.raises(errors.InputError, match=r"partition 1: (?s:.*)row 1.*seed") as caught:
        frame.pruna.generate("prompt", seed_col="seed", **QUIET).compute()
    assert caught.value.problems
    assert prompts_of(service).keys() <= {"a lion"}


def test_a_partition_is_let_in_when_those_before_it_are_nearly_sent():
    entrance, inside, left = gate.Gate(), [], threading.Event()
    with entrance.entered(10_000, lambda: True) as turn:

        def enter():
            with entrance.entered(1, lambda: True):
                inside.append(entrance.inside)
                left.set()

        waiter = threading.Thread(target=enter)
        waiter.start()
        with pytest.raises(gate.GivenUpError), entrance.entered(1, lambda: False):
            pass
        assert not inside
        turn.waiting = lambda: 100
        assert left.wait(LONG)
    waiter.join()
    assert inside == [2]
