"""Faults of what remembers what was paid for: disks, locks, clocks, keys and deleted files.

What was told is checked row by row: a prompt that was paid for twice must be one of those that
a run said may have been charged, or will be charged once more.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import pandas as pd

import pruna_nb
from pruna_nb.errors import CacheError
from pruna_nb.settings.cache_folder import DATABASE_NAME
from pruna_nb.store.database import database_of
from pruna_nb.store.journal import Journal
from tests.faults.cases import Case, Result, _sees, generate, prompts, settings_for
from tests.faults.processes import tmpfs
from tests.helpers.service import Service

ROOT = Path(__file__).parents[2]
ROWS = 40
_LIMIT = (10, 0.2)


class Told:
    """The prompts of which a run said that they may have been, or will be, charged again."""

    def __init__(self):
        self.prompts = set()

    def read(self, frame, folder=None):
        """Take in what a frame's rows say, and what the journal gives up as lost or expired."""
        said = frame["error"].fillna("")
        may = said.str.contains("charged") & ~said.str.contains("Nothing was charged")
        self.prompts |= set(frame.loc[may, "prompt"])
        if folder is not None:
            gone = [e for e in _entries(folder) if e.state in {"lost", "expired", "resent"}]
            self.prompts |= {json.loads(entry.request)["prompt"] for entry in gone}

    def result(self, service, first, second, error=None):
        """Return the case's result, the rows that were paid for twice counted one by one."""
        untold = set(service.twice) - self.prompts
        if untold:
            raise AssertionError(f"paid twice and not told: {sorted(untold)[:5]}")
        return Result(
            rows=len(second),
            lost=int((second["status"] != "succeeded").sum()),
            paid_twice=len(service.posts) - len({name for name, _ in service.posts}),
            told=len(self.prompts),
            sees=_sees(first, error),
            first=Counter(first["status"]),
            second=Counter(second["status"]),
        )


def _entries(folder):
    database = database_of(folder)
    names = Journal(folder, "")._select("1")
    database.close()
    return names


# ------------------------------------------------------- a process that cannot write


def in_a_child(fault, *, rows=ROWS):
    """Make a case of a process that ends while its journal cannot be written.

    The fault is a context manager of the service and the child's orders that gives two functions:
    one begins the child, and has the fault come in its middle; the other ends the fault.
    """

    def run():
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            Service() as service,
        ):
            orders = {
                "base_url": service.url,
                "cache_dir": f"{folder}/cache",
                "state_dir": f"{folder}/state",
                "prompts": prompts(rows)["prompt"].tolist(),
                "limit": _LIMIT,
            }
            with fault(service, orders) as (begin, end):
                first, words = ended_by(begin)
                end()
                told = Told()
                told.read(first, Path(orders["cache_dir"]))
                second, _ = _run(orders)
                found = told.result(service, first, second)
            found.sees = f"{found.sees}; raises {words['raised'].split(': ')[0]}"
            return found

    return run


def ended_by(begin):
    """Wait for a process that a fault ends; return its frame, and its words."""
    child = begin()
    out, said = child.communicate(timeout=120)
    if child.returncode:
        raise AssertionError(said)
    words = json.loads(out)
    if words["raised"] is None:
        raise AssertionError(f"the fault did not come: {words}")
    return _frame(words), words | {"stderr": said}


def _run(orders):
    out, said = _begin(orders).communicate(timeout=120)
    words = json.loads(out)
    return _frame(words), words | {"stderr": said}


def _frame(words):
    return pd.DataFrame({name: words[name] for name in ("prompt", "status", "error")})


def _begin(orders):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.unsaved_child", json.dumps(orders)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def in_mid_answer(service, orders):
    """Begin a child, and wait until its POSTs are out and most of their answers are held back."""
    service.answers = 5
    child = _begin(orders)
    wait_for(lambda: len(service.posts) >= 10)
    return child


def wait_for(condition):
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come to it")
        time.sleep(0.005)


@contextlib.contextmanager
def locked(service, orders):
    """Lock the database from another process than the child, from its tenth POST to its end."""
    with contextlib.ExitStack() as stack:

        def begin():
            child = in_mid_answer(service, orders)
            path = Path(orders["cache_dir"]) / DATABASE_NAME
            connection = sqlite3.connect(path, timeout=30, isolation_level=None)
            stack.callback(connection.close)
            connection.execute("BEGIN IMMEDIATE")
            service.go_on.set()
            return child

        yield begin, stack.close


@contextlib.contextmanager
def full_cache_disk(service, orders):
    """Fill the disk of the cache folder (a small tmpfs) in mid-run; free it after."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tmpfs(folder, "16m"):
        orders["cache_dir"] = f"{folder}/cache"

        def begin():
            child = in_mid_answer(service, orders)
            _fill(Path(folder) / "ballast")
            service.go_on.set()
            return child

        yield begin, (Path(folder) / "ballast").unlink


def _fill(path):
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)


# ----------------------------------------------------------- the same session, or a later one


def run_twice(between, *, after=None, first_finishes=False):
    """Make a case of a run that is left or finished, of what happens, and of another run."""

    def run():
        frame = prompts(ROWS)
        with (
            Service() as service,
            settings_for(service.url) as folder,
            pruna_nb.configure(api_key="key-one", timeout=10.0),
            contextlib.ExitStack() as stack,
        ):
            service.finished = first_finishes
            more = {} if first_finishes else {"timeout": 0.05}
            first, error = generate(frame, **more)
            service.finished = True
            told = Told()
            told.read(first, folder / "cache")
            between(service, first, stack)
            second, _ = generate(frame)
            if after is not None:
                second = after(service, frame)
            found = told.result(service, first, second, error)
            database_of(folder / "cache").close()
            return found

    return run


def clock_wrong(days):
    """Move this machine's clock, and leave the service its own."""

    def move(service, first, stack):
        del first
        now = time.time
        wrong = mock.Mock(side_effect=lambda: now() + days * 86400.0)
        stack.enter_context(mock.patch.object(time, "time", wrong))
        service.days = -days

    return move


def not_found_for_a_while(service, first, stack):
    """Answer 404 to all questions for two seconds, which is within the fair time."""
    del first, stack
    until = time.monotonic() + 2.0
    service.finds = lambda _: time.monotonic() > until


def another_key(service, first, stack):
    """Run the same rows with another account's key, which cannot see the first one's."""
    del first, stack
    with pruna_nb.configure(api_key="key-two"):
        generate(prompts(ROWS), cache="off")
    theirs = [name for name, owner in service._owners.items() if owner == "key-two"]
    service.posts = [post for post in service.posts if post[1] not in theirs]


def files_deleted(service, first, stack):
    """Delete every output."""
    del service, stack
    for path in first["output"]:
        Path(path).unlink()


def index_deleted(service, first, stack):
    """Delete the database, and leave the media and what lies beside them."""
    del service, first, stack
    folder = pruna_nb.settings.current().cache_dir
    database_of(folder).close()
    for file in folder.glob(f"{DATABASE_NAME}*"):
        file.unlink()


def index_damaged(service, first, stack):
    """Write over the database's pages."""
    del service, first, stack
    folder = pruna_nb.settings.current().cache_dir
    database_of(folder).close()
    path = folder / DATABASE_NAME
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def index_of_a_later_release(service, first, stack):
    """Write a version that this release does not know into the database, run, and restore it."""
    del first, stack
    folder = pruna_nb.settings.current().cache_dir
    database_of(folder).close()
    with contextlib.closing(sqlite3.connect(folder / DATABASE_NAME)) as connection:
        (ours,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {ours + 1}")
        sent = len(service.posts)
        frame, error = generate(prompts(ROWS))
        if not isinstance(error, CacheError) or frame is not None or len(service.posts) != sent:
            raise AssertionError(f"a later release's database was used: {error!r}")
        connection.execute(f"PRAGMA user_version = {ours}")


def tended_among_the_users_files(service, first, stack):
    """Prune, verify and clear a cache whose folders hold files and links of the user's."""
    del service, first
    folder = pruna_nb.settings.current().cache_dir
    elsewhere = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    theirs = [elsewhere / "photo.jpg", folder / "media" / "photo.jpg", folder / "thumbs" / "a.webp"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"the user's own")
    (folder / "media" / f"{'a' * 64}.jpg").symlink_to(theirs[0])
    pruna_nb.cache.prune(older_than=0.0)
    pruna_nb.cache.verify()
    pruna_nb.cache.clear()
    if gone := [path for path in theirs if not path.is_file()]:
        raise AssertionError(f"deleted, and not the cache's: {gone}")


def expired(service, first, stack):
    """Let the service's 24 hours pass: 404, and its Date says so."""
    del first, stack
    old = {name for _, name in service.posts}
    service.days = 1.5
    service.finds = lambda name: name not in old


def expired_then_again(service, frame):
    """Run once more: what expired was told in its row by the run before."""
    del service
    return generate(frame)[0]


CASES = [
    Case("database locked to the end of the process", in_a_child(locked)),
    Case("cache disk full to the end of the process", in_a_child(full_cache_disk)),
    Case("clock two days ahead", run_twice(clock_wrong(2))),
    Case("clock two days behind", run_twice(clock_wrong(-2))),
    Case("status 404 for a while, in a later run", run_twice(not_found_for_a_while)),
    Case("another account's key in between", run_twice(another_key)),
    Case("media files deleted", run_twice(files_deleted, first_finishes=True)),
    Case("index deleted", run_twice(index_deleted, first_finishes=True)),
    Case("index damaged", run_twice(index_damaged, first_finishes=True)),
    Case("index of a later release", run_twice(index_of_a_later_release)),
    Case(
        "cache tended among the user's own files",
        run_twice(tended_among_the_users_files, first_finishes=True),
    ),
    Case(
        "24 hours over at the service, unfetched",
        run_twice(expired, after=expired_then_again),
        at_most_twice=ROWS,
    ),
]
"""Every fault of the journal, in the order of the table."""
