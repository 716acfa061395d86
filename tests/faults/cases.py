"""Everything that breaks on purpose, one function a fault, each on a real socket.

A case runs rows through ``df.pruna.generate`` while the fault happens, then runs them again as a
person would, the trouble being over. What it gives is counted by the service, not by us.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

import pruna_nb
from pruna_nb import emulator
from pruna_nb.errors import PrunaError
from tests.faults.servers import Server, Wire, free_port, reply
from tests.helpers.media import picture

ROWS = 24
SOME = 4
"""Rows that a fault hits."""
KEY = "sk-of-the-fault-cases"


@dataclass
class Result:
    """What became of the rows.

    Attributes
    ----------
    rows : int
        Rows tried.
    lost : int
        Rows without a picture after the second run.
    paid_twice : int
        Predictions that the service charged beyond one a row.
    told : int
        Rows of which the first run said that they may have been charged.
    sees : str
        What stands in the frame, or is raised, after the first run.
    first, second : Counter
        Rows by status after each run.
    refused : int
        Requests answered with 429.
    """

    rows: int
    lost: int
    paid_twice: int
    told: int
    sees: str
    first: Counter = field(default_factory=Counter)
    second: Counter = field(default_factory=Counter)
    refused: int = 0


@dataclass(frozen=True)
class Case:
    """A fault, what is to come of it, and how to make it happen.

    Attributes
    ----------
    name : str
        As the table has it.
    run : callable
        Makes it happen, and gives the `Result`.
    lost : int
        Rows that may have no picture after the second run: what the service itself ended.
    at_most_twice : int
        Predictions that may be charged twice, at the user's word.
    """

    name: str
    run: object
    lost: int = 0
    at_most_twice: int = 0
    slow: bool = False


def prompts(count=ROWS):
    """Return a frame of prompts that are all different."""
    return pd.DataFrame({"prompt": [f"thing {number}" for number in range(count)]})


def generate(frame, **more):
    """Run a frame; give the frame of results and what was raised, if anything was."""
    try:
        return frame.pruna.generate("prompt", progress=False, **more), None
    except PrunaError as error:
        return error.frame, error


@contextlib.contextmanager
def settings_for(url, **more):
    """Set up folders, key and address of a case's own."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        pruna_nb.configure(
            api_key=KEY,
            base_url=url,
            cache_dir=Path(folder) / "cache",
            state_dir=Path(folder) / "state",
            **more,
        ),
    ):
        yield Path(folder)


def _sees(frame, error):
    counts = Counter(frame["status"])
    parts = [f"{count} {status}" for status, count in sorted(counts.items())]
    texts = [] if error is None else [str(error)]
    texts += frame.loc[frame["status"] != "succeeded", "error"].tolist()
    said = f"; “{_short(texts[0])}”" if texts else ""
    raised = "" if error is None else f"; raises {type(error).__name__}"
    return ", ".join(parts) + raised + said


def _short(text):
    anywhere = re.sub(r"'/[^']*/cache", "'…/cache", str(text))
    sentences = anywhere.split(". ")
    short = ". ".join(sentences[:2])
    return (short[:150] + "…") if len(short) > 150 else short.rstrip(".")


def result(first, second, charged, error=None, refused=0):
    """Count what two runs of the same rows came to."""
    rows = len(second)
    told = int(first["error"].fillna("").str.contains("charged", regex=False).sum())
    untold = int(first["error"].fillna("").str.contains("Nothing was charged", regex=False).sum())
    return Result(
        rows=rows,
        lost=int((second["status"] != "succeeded").sum()),
        paid_twice=max(0, charged - rows),
        told=told - untold,
        sees=_sees(first, error),
        first=Counter(first["status"]),
        second=Counter(second["status"]),
        refused=refused,
    )


def on_emulator(faults=None, *, timeout=None, rows=ROWS, fields=None, ours=None, **options):
    """Make a case of the emulator's options."""

    def run():
        options.setdefault("latency", (0.02, 0.1))
        frame = prompts(rows)
        given = fields() if fields is not None else {}
        with (
            emulator.running(fast=True, faults=faults or {}, **options) as service,
            settings_for(service.url, timeout=timeout, **(ours or {})),
        ):
            first, error = generate(frame, **given)
            service.configure(faults={}, quota=None, keys=None)
            second, _ = generate(frame, **given)
            return result(first, second, service.charged, error, service.refused)

    return run


def some(name, **more):
    """Return the option that lets a fault hit some rows in the middle of the batch."""
    return {name: {"first": SOME, "after": 6, **more}}


def refused_as(how):
    """Make a case of refusals that say in one of the ways when to come back."""
    ours = {"limits": {"p-image": (250, 5.0)}}
    return on_emulator(some("refuse_429", wait=0.5), refusal=how, ours=ours)


# ------------------------------------------------- cases that need more than an option


def refused_at_first():
    """Nobody listens; the service comes two seconds later."""
    port = free_port()
    frame = prompts()
    started = []

    def later():
        time.sleep(2.0)
        started.append(stack.enter_context(emulator.running(fast=True, latency=0.02, port=port)))

    with contextlib.ExitStack() as stack, settings_for(f"http://127.0.0.1:{port}"):
        thread = threading.Thread(target=later)
        thread.start()
        first, error = generate(frame)
        thread.join()
        second, _ = generate(frame)
        return result(first, second, started[0].charged, error)


def network_gone(seconds):
    """Make a case of a line that is cut in mid-run and mended after so many seconds."""

    def run():
        frame = prompts(60)
        limits = {"p-image": (10, 0.5)}
        with (
            emulator.running(fast=True, latency=(0.2, 0.6)) as service,
            Wire(service.port) as wire,
            settings_for(wire.url, limits=limits),
        ):

            def break_it():
                while service.charged < 20:
                    time.sleep(0.01)
                wire.cut()
                time.sleep(seconds)
                wire.mend()

            breaker = threading.Thread(target=break_it)
            breaker.start()
            first, error = generate(frame)
            breaker.join()
            second, _ = generate(frame)
            return result(first, second, service.charged, error)

    return run


def slower_than_the_time_out():
    """Predictions take longer than we wait; the next run takes them up."""
    frame = prompts()
    with (
        emulator.running(fast=True, latency=1.5) as service,
        settings_for(service.url),
    ):
        first, error = generate(frame, timeout=0.3)
        time.sleep(1.5)
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def key_revoked():
    """The key is refused from some row on; then it is right again."""
    frame = prompts(60)
    with (
        emulator.running(fast=True, latency=0.2) as service,
        settings_for(service.url, limits={"p-image": (10, 0.5)}),
    ):

        def revoke():
            while service.charged < 20:
                time.sleep(0.01)
            service.configure(keys=["another"])

        thread = threading.Thread(target=revoke)
        thread.start()
        first, error = generate(frame)
        thread.join()
        service.configure(keys=None)
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def quota_spent():
    """The quota ends in mid-run; then it is raised."""
    frame = prompts(60)
    with (
        emulator.running(fast=True, latency=0.2, quota=20) as service,
        settings_for(service.url, limits={"p-image": (10, 0.5)}),
    ):
        first, error = generate(frame)
        service.configure(quota=None)
        second, _ = generate(frame)
        return result(first, second, service.charged, error)


def upload_expires():
    """One file for all rows; it lives for two seconds, the batch for five."""
    frame = prompts()
    with (
        emulator.running(fast=True, latency=0.05, file_ttl=2.0) as service,
        settings_for(service.url, limits={"p-image-edit": (4, 0.9)}),
    ):
        given = {"model": "p-image-edit", "images": [picture()]}
        first, error = generate(frame, **given)
        second, _ = generate(frame, **given)
        return result(first, second, service.charged, error)


def upload_fails():
    """The first uploads fail with 500 and with a reset."""
    frame = prompts(8)
    faults = {"files_500": {"first": 1}, "files_reset": {"first": 1}}
    with (
        emulator.running(fast=True, latency=0.05, faults=faults) as service,
        settings_for(service.url),
    ):
        given = {"model": "p-image-edit", "images": [picture()]}
        first, error = generate(frame, **given)
        second, _ = generate(frame, **given)
        return result(first, second, service.charged, error)


def other_host(fault):
    """Make a case of answers that lead to another host, which gives nothing and sees no key."""

    def run():
        frame = prompts(6)
        with Server(lambda _: reply(404, {})) as other:
            with (
                emulator.running(
                    fast=True, latency=0.02, faults={fault: {"first": 4, "to": other.url}}
                ) as service,
                settings_for(service.url),
            ):
                first, error = generate(frame)
                service.configure(faults={})
                second, _ = generate(frame)
                found = result(first, second, service.charged, error)
            seen = [asked for asked in other.asked if KEY in str(asked)]
        if seen:
            raise AssertionError(f"the key went to another host: {seen[0].path}")
        return found

    return run


CASES = [
    Case("connection refused, then the service comes", refused_at_first),
    Case("connection reset before acceptance", on_emulator(some("reset_before"))),
    Case("connection reset after acceptance", on_emulator(some("reset_after")), at_most_twice=SOME),
    Case("no answer (read time-out)", on_emulator(some("hang"), timeout=1.0), at_most_twice=SOME),
    Case("500, not accepted", on_emulator(some("error_500"))),
    Case("500, and yet accepted", on_emulator(some("error_500_after")), at_most_twice=SOME),
    Case("502 as HTML, not accepted", on_emulator(some("html_502"))),
    Case("502 as HTML, and yet accepted", on_emulator(some("html_502_after")), at_most_twice=SOME),
    Case("503 as HTML", on_emulator(some("html_503"))),
    Case("504 as HTML, and yet accepted", on_emulator(some("html_504")), at_most_twice=SOME),
    Case("429 with RateLimit-Reset", refused_as("ratelimit")),
    Case("429 with Retry-After in seconds", refused_as("retry-after")),
    Case("429 with Retry-After as a date", refused_as("date")),
    Case("429 bare", refused_as("bare")),
    Case("201 with JSON cut short", on_emulator(some("json_cut"))),
    Case("201 without an id", on_emulator(some("no_id")), at_most_twice=SOME),
    Case("prediction slower than the time-out", slower_than_the_time_out),
    Case(
        "prediction that never ends",
        on_emulator(some("never_ends"), fields=lambda: {"timeout": 1.0}),
        lost=SOME,
    ),
    Case("prediction fails", on_emulator(some("failed")), at_most_twice=SOME),
    Case("prediction is canceled", on_emulator(some("canceled")), at_most_twice=SOME),
    Case("status 404 that passes", on_emulator({"status_404_once": 1.0})),
    Case("status 500", on_emulator(some("status_500"))),
    Case("status 502 as HTML", on_emulator(some("status_502"))),
    Case("status reset", on_emulator(some("status_reset"))),
    Case("delivery cut short", on_emulator(some("delivery_cut"))),
    Case("delivery empty", on_emulator(some("delivery_empty"))),
    Case("delivery is HTML with 200", on_emulator(some("delivery_html"))),
    Case("delivery reset", on_emulator(some("delivery_reset"))),
    Case("delivery damaged", on_emulator(some("delivery_damaged"))),
    Case("delivery 500", on_emulator(some("delivery_500"))),
    Case("delivery 410 once", on_emulator({"delivery_410": {"first": 1, "after": 6}})),
    Case("delivery 410 for good", on_emulator({"delivery_410": 1.0}, rows=4), at_most_twice=4),
    Case("upload fails", upload_fails),
    Case("upload expires in mid-batch", upload_expires),
    Case("answers name another host", other_host("absolute_other_host")),
    Case("status and delivery redirect to another host", other_host("redirect")),
    Case("key refused in mid-run", key_revoked),
    Case("quota spent in mid-run", quota_spent),
    Case("network gone for 3 s", network_gone(3.0), at_most_twice=32),
    Case("network gone for 30 s", network_gone(30.0), at_most_twice=32, slow=True),
]
"""Every fault of the network and the service, in the order of the table."""
