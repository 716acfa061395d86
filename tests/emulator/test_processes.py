"""An emulator can have a process of its own, be killed, and go on where it was."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
from PIL import Image

from pruna_nb import emulator
from pruna_nb.emulator.predictions import AcceptedLog


def gone(pid, *, within=90.0):
    """Wait until a process has ended."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_process_of_its_own_counts_and_is_configured_like_a_thread(serve):
    caller = serve(process=True, fast=True, limits={"p-image": (2, 60.0)})
    assert [caller.post().status_code for _ in range(3)] == [201, 201, 429]
    service = caller.service
    assert (service.charged, service.refused) == (2, 1)
    assert service.counts["predictions"] == 3
    assert [row["input"] for row in service.accepted] == [{"prompt": "a lion"}] * 2
    service.configure(faults={"error_500": {"first": 1}}, limits={}, latency={"p-image": (0, 0.01)})
    assert [caller.post().status_code for _ in range(2)] == [500, 201]
    assert len(service.accepted) == 3
    with pytest.raises(ValueError, match="no fault"):
        service.configure(faults={"errors": 1})


def test_what_was_counted_can_be_read_after_it_has_stopped():
    with (
        emulator.running(process=True, latency=0) as service,
        requests.Session() as session,
    ):
        session.post(
            f"{service.url}/v1/predictions",
            headers={"apikey": "k", "Model": "p-image"},
            json={"input": {"prompt": "a lion"}},
            timeout=20,
        )
    assert service.charged == 1
    assert service.accepted[0]["input"] == {"prompt": "a lion"}
    assert gone(service.pid)  # type: ignore[attr-defined]


def test_the_control_path_needs_the_token(serve):
    caller = serve(process=True)
    for token in (None, "", "x" * 48):
        headers = {} if token is None else {"x-emulator-token": token}
        answer = caller.session.post(
            f"{caller.url}/_emulator", headers=headers, json={"do": "state"}, timeout=20
        )
        assert answer.status_code == 404
    assert caller.service.charged == 0


def test_a_taken_port_is_an_error_of_the_system(serve):
    caller = serve()
    for process in (False, True):
        with pytest.raises(OSError, match=r"in use|Address"):
            serve(port=caller.service.port, process=process)


def test_the_child_ends_when_its_parent_is_killed(tmp_path):
    script = (
        "import sys, time\n"
        "from pruna_nb import emulator\n"
        "with emulator.running(process=True) as service:\n"
        "    print(service.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)


@pytest.mark.parametrize("process", [False, True])
def test_a_killed_emulator_goes_on_from_its_ledger(serve, tmp_path, process):
    ledger = tmp_path / "ledger.jsonl"
    first = serve(ledger=ledger, process=process, latency=0.4)
    upload = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(upload, "PNG")
    file = first.address_of(upload.getvalue())
    done = first.post({"prompt": "a lion"}, sync=True).json()["generation_url"]
    before = first.get(done).content
    running = first.post({"prompt": "a tiger"}).json()
    first.service.kill()
    with pytest.raises(requests.ConnectionError):
        first.post()

    second = serve(ledger=ledger, process=process, port=first.service.port, latency=0)
    assert second.service.charged == 2
    assert [row["input"]["prompt"] for row in second.service.accepted] == ["a lion", "a tiger"]
    assert second.get(done).content == before
    while (state := second.get(running["get_url"]).json())["status"] != "succeeded":
        assert state["status"] in ("starting", "processing")
    assert second.get(state["generation_url"]).status_code == 200
    large = second.make({"image": file, "target": 1}, model="p-image-upscale")
    assert Image.open(io.BytesIO(large)).width > 1000
    assert second.service.charged == 3


def test_a_failed_prediction_stays_failed_after_a_restart(serve, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    first = serve(ledger=ledger, faults={"failed": 1})
    address = first.post().json()["get_url"]
    state = first.get(address).json()
    first.service.stop()
    second = serve(ledger=ledger, port=first.service.port)
    assert second.get(address).json() == state


def test_a_line_that_a_kill_cut_short_is_left_out_and_written_over(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":2}\n{"c":')
    ledger = AcceptedLog(path)
    assert ledger.read() == [{"a": 1}, {"b": 2}]
    ledger.write({"d": 4})
    ledger.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"a": 1},
        {"b": 2},
        {"d": 4},
    ]


def test_the_ledger_holds_no_key_and_no_secret(serve, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    caller = serve(ledger=ledger, keys={"very-secret-key"})
    caller.post({"prompt": "x", "hf_api_token": "hf_secret"}, key="very-secret-key")
    text = ledger.read_text()
    assert "a lion" not in text
    assert '"prompt":"x"' in text
    assert "secret" not in text


def test_stopping_leaves_nothing_behind(serve):
    caller = serve()
    folder = caller.service._core.files._folder
    caller.upload(b"x")
    assert folder.exists()
    caller.service.stop()
    caller.service.stop()
    assert not folder.exists()
    with pytest.raises(requests.ConnectionError):
        caller.post()


def test_a_connection_that_comes_as_it_stops_is_not_left_open(serve, monkeypatch):
    left = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: left.append(str(found.exc_value)))
    done = threading.Event()

    def knock(port):
        while not done.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
                    client.sendall(b"GET /v1/nothing HTTP/1.1\r\nHost: here\r\n\r\n")
            except OSError:
                time.sleep(0.001)

    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            service = serve(latency=0).service
            done.clear()
            for _ in range(6):
                pool.submit(knock, service.port)
            time.sleep(0.05)
            service.stop()
            done.set()
    gc.collect()
    assert [each for each in left if "transport" in each] == []


def test_requests_that_wait_are_ended_by_a_stop(serve):
    caller = serve(latency=60)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(caller.post, sync=True)
        while caller.service.charged == 0:
            time.sleep(0.01)
        caller.service.stop()
        with pytest.raises(requests.ConnectionError):
            waiting.result(timeout=60)


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pruna_nb.emulator", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_the_command_prints_its_address_and_ends_on_ctrl_c():
    with start("--fast", "--latency", "0", "--limit", "p-image", "1", "60") as command:
        url = command.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        answers = [
            requests.post(
                f"{url}/v1/predictions",
                headers={"apikey": "k", "Model": "p-image"},
                json={"input": {"prompt": "a lion"}},
                timeout=20,
            )
            for _ in range(2)
        ]
        command.send_signal(signal.SIGINT)
        rest, complaints = command.communicate(timeout=90)
    assert [answer.status_code for answer in answers] == [201, 429]
    assert (rest, complaints, command.returncode) == ("", "", 0)


def test_the_command_says_what_is_wrong():
    with start("--fault", "resets", "1") as command:
        out, complaint = command.communicate(timeout=90)
    assert out == ""
    assert complaint.startswith("no fault 'resets'")
    assert command.returncode == 1


def test_an_emulator_tells_its_address():
    with emulator.running(fast=True) as service:
        assert repr(service) == f"<emulator of P-API at {service.url}>"
