"""Processes that a session starts: they have its settings, and never another service or key."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pruna_nb import emulator
from tests.faults.cases_process import place

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork")

HEAD = """
import json, multiprocessing as mp, os, subprocess, sys
import pruna_nb
def prompts(way):
    return [f"{way} {number}" for number in range(3)]
def state():
    import pruna_nb.settings
    now = pruna_nb.settings.current()
    return now.base_url, str(now.cache_dir), now.workers, dict(now.limits), now.api_key
"""
# Two workers each, that make three pictures. The session is one: it is what takes the time.
EMULATED = """
def pool(method):
    with mp.get_context(method).Pool(2) as workers:
        workers.map(pruna_nb.generate, prompts(method))
def loky():
    import joblib
    joblib.Parallel(2)(joblib.delayed(pruna_nb.generate)(prompt) for prompt in prompts("loky"))
def command():
    code = "import sys, pruna_nb; [pruna_nb.generate(prompt) for prompt in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *prompts("command")], check=True)
def begin_before():
    import joblib
    joblib.Parallel(2)(joblib.delayed(abs)(n) for n in range(4))
    mp.get_context("forkserver").Pool(1).map(abs, range(2))
WAYS = {
    "loky": loky,
    "spawn": lambda: pool("spawn"),
    "forkserver": lambda: pool("forkserver"),
    "fork": lambda: pool("fork"),
    "command": command,
}
if __name__ == "__main__":
    if sys.argv[1] == "before":
        begin_before()
    trial = pruna_nb.use_emulator(fast=True)
    charged = {}
    for way in sys.argv[2:]:
        before = trial.charged
        WAYS[way]()
        charged[way] = trial.charged - before
    print(json.dumps(charged))
"""


def script(folder, text):
    path = folder / "script.py"
    path.write_text(HEAD + text)
    return f"import runpy, sys; runpy.run_path({str(path)!r}, run_name='__main__')", path


def run(path, environment, *arguments):
    """Run a script as a file, which spawned workers import again."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("begun", "ways"),
    [
        # The forks first: what the others begin has threads, and a fork is without them.
        ("now", ["fork", "loky", "spawn", "forkserver", "command"]),
        ("before", ["loky", "forkserver"]),
    ],
)
def test_workers_of_an_emulator_session_never_reach_the_real_service(begun, ways, tmp_path):
    with (
        emulator.running(fast=True) as real,  # stands for it
        place(real.url, PRUNA_API_KEY="my-real-key") as (_, environment),
    ):
        _, path = script(tmp_path, EMULATED)
        assert json.loads(run(path, environment, begun, *ways)) == dict.fromkeys(ways, 3)
        assert real.charged == 0


CONFIGURED = """
if __name__ == "__main__":
    pruna_nb.configure(
        base_url=sys.argv[1] if len(sys.argv) > 1 else os.environ["HERE"], workers=5,
        limits={"p-image": (7, 1.0)}, cache_dir="of the session",
    )
    os.mkdir("elsewhere")
    os.chdir("elsewhere")
    mine = [*state()[:4], None]
    with mp.get_context("spawn").Pool(1) as workers:
        theirs = [*workers.apply(state)[:4], None]
    print(json.dumps([mine, theirs]))
"""


def test_workers_have_what_was_configured_for_the_session(tmp_path):
    with place("https://api.pruna.ai", HERE="http://127.0.0.1:9") as (_, environment):
        _, path = script(tmp_path, CONFIGURED)
        done = subprocess.run(
            [sys.executable, str(path)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    mine, theirs = json.loads(done.stdout)
    assert mine == theirs
    assert mine[:4] == [
        "http://127.0.0.1:9",
        str(tmp_path / "of the session"),
        5,
        {"p-image": [7, 1.0]},
    ]


OWN_KEY = """
def key():
    from pruna_nb.settings import current
    try:
        return current().require_key()
    except pruna_nb.PrunaError as error:
        return str(error)
if __name__ == "__main__":
    pruna_nb.configure(api_key="key-of-the-session")
    assert "key-of-the-session" not in os.environ["PRUNA_NB_SESSION"]
    with mp.get_context("spawn").Pool(1) as workers:
        print(workers.apply(key))
"""


@pytest.mark.parametrize(
    ("in_the_environment", "found"),
    [
        ("key-of-the-session", "key-of-the-session"),
        ("another-key", "No API key: the session that started this process has one of its own"),
        ("pass", "No API key: the session that started this process has one of its own"),
    ],
)
def test_a_key_is_handed_to_no_worker_and_none_pays_with_another(
    in_the_environment, found, tmp_path
):
    with place("http://127.0.0.1:9", PRUNA_API_KEY=in_the_environment) as (_, environment):
        _, path = script(tmp_path, OWN_KEY)
        assert run(path, environment).startswith(found)


EXPLICIT = """
if __name__ == "__main__":
    pruna_nb.configure(cache_dir="of the session", workers=5)
    code = "from pruna_nb.settings import current; print(current().cache_dir, current().workers)"
    own = {**os.environ, "PRUNA_NB_CACHE_DIR": "/own"}
    subprocess.run([sys.executable, "-c", code], env=own, check=True)
"""


def test_what_is_set_for_one_process_alone_counts_there(tmp_path):
    with place("http://127.0.0.1:9") as (_, environment):
        _, path = script(tmp_path, EXPLICIT)
        assert run(path, environment) == "/own 5"


FORKED = """
if __name__ == "__main__":
    import pathlib
    trial = pruna_nb.use_emulator(fast=True)
    output = pruna_nb.generate("a fox")
    with mp.get_context("fork").Pool(1) as workers:
        workers.map(abs, range(2))
    there = [output.path.exists()]
    process = mp.get_context("fork").Process(target=abs, args=(1,))
    process.start()
    process.join()
    there.append(output.path.exists())
    if os.fork() == 0:
        sys.exit()
    os.wait()
    there += [output.path.exists(), pruna_nb.generate("a hen").path.exists(), trial.charged]
    print(there)
"""


def test_a_forked_process_leaves_its_parents_folder_and_emulator_alone(tmp_path):
    with place("http://127.0.0.1:9") as (_, environment):
        _, path = script(tmp_path, FORKED)
        assert run(path, environment) == "[True, True, True, True, 2]"


LEAVING = """
if __name__ == "__main__":
    with pruna_nb.emulator.running(process={process}, fast=True) as service:
        pruna_nb.configure(api_key="k", base_url=service.url)
        pid = os.fork()
        if pid == 0:
            sys.exit()  # which leaves the with, in the child
        os.waitpid(pid, 0)
        print(pruna_nb.generate("a fox").path.exists(), service.charged)
"""


@pytest.mark.parametrize("process", [False, True])
def test_a_forked_process_that_leaves_an_emulators_with_does_not_stop_it(process, tmp_path):
    with place("http://127.0.0.1:9") as (_, environment):
        _, path = script(tmp_path, LEAVING.format(process=process))
        assert run(path, environment) == "True 1"


UNDER_A_RUN = """
import time
import pandas as pd
if __name__ == "__main__":
    trial = pruna_nb.use_emulator(fast=True, latency=(0.1, 0.3))
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(150)]})
    pruna_nb.configure(limits={"p-image": (20, 1.0)})
    under_way = frame.pruna.generate("prompt", progress=False, background=True)
    while trial.charged < 5:
        time.sleep(0.005)
    pid = os.fork()
    if pid == 0:
        began = time.monotonic()
        try:
            under_way.result()
        except pruna_nb.PrunaError as error:
            assert str(os.getppid()) in str(error), error
            under_way.cancel()
            os._exit(0 if time.monotonic() - began < 30 else 2)
        os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    if os.fork() == 0:
        sys.exit()  # with what is registered for the exit
    began = time.monotonic()
    os.wait()
    assert time.monotonic() - began < 30
    for number in range(4):
        with mp.get_context("fork").Pool(2) as workers:
            made = workers.map(pruna_nb.generate, [f"{number} {each}" for each in range(2)])
        assert all(output.path.exists() for output in made)
    out = under_way.result(60)
    print(out["status"].tolist().count("succeeded"), trial.charged)
"""


def test_a_pool_that_is_forked_under_a_run_works_and_the_run_goes_on(tmp_path):
    with place("http://127.0.0.1:9") as (_, environment):
        _, path = script(tmp_path, UNDER_A_RUN)
        assert run(path, environment) == "150 158"
