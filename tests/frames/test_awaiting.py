"""Verbs that are awaited: the loop goes on, and a task that is canceled stops the run."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from pruna_nb import settings
from pruna_nb.errors import InputError, QuotaError
from pruna_nb.frames.background import run_awaited
from tests.helpers.runs import end_predictions, states

ROOT = Path(__file__).parents[2]
QUIET = {"progress": False}
LOOK = 60.0


async def until(condition):
    end = time.monotonic() + LOOK
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)


def test_an_awaited_verb_gives_the_verbs_frame_while_the_loop_goes_on(frame, service, capsys):
    service.configure(latency=600)
    names = [*frame.columns, "output", "status", "error", "prediction_id"]

    async def main():
        making = asyncio.create_task(frame.pruna.agenerate("prompt"))
        await until(lambda: service.charged == 3)  # which the loop hears meanwhile
        service.configure(latency=0)
        end_predictions(service)
        out = await making
        large, edited = await asyncio.gather(
            out.pruna.aupscale(target=1, **QUIET), out.pruna.aedit(prompt="in snow", **QUIET)
        )
        moving = await large.head(1).pruna.aanimate(prompt="it moves", duration=1, **QUIET)
        alone = await frame["prompt"].pruna.agenerate(**QUIET)
        return out, large, edited, moving, alone

    out, large, edited, moving, alone = asyncio.run(main())
    assert alone["output"].tolist() == out["output"].tolist()
    assert alone.index.equals(frame.index)
    assert "3 rows: 3 new, 0 cached, 0 failed" in capsys.readouterr().out
    pd.testing.assert_frame_equal(out[names], frame.pruna.generate("prompt", **QUIET)[names])
    for made in (large, edited, moving):
        assert (made["status"] == "succeeded").all()
    assert service.charged == 3 + 3 + 3 + 1
    run = asyncio.run(frame.pruna.plan().generate("prompt").upscale(target=1).arun(**QUIET))
    assert run["cached"].all()
    assert service.charged == 10


def test_a_background_run_is_awaited_and_so_are_its_errors(frame, service):
    async def wait(run):
        return await run

    run = frame.pruna.generate("prompt", background=True, **QUIET)
    assert asyncio.run(wait(run))["status"].tolist() == ["succeeded"] * 3
    service.configure(quota=service.charged)
    run = frame.pruna.generate("prompt", cache="refresh", background=True, **QUIET)
    with pytest.raises(QuotaError) as raised:
        asyncio.run(wait(run))
    assert len(raised.value.frame) == 3


def test_a_canceled_task_stops_sending_and_keeps_what_was_paid_for(service):
    frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(8)]})
    settings.configure(limits={"p-image": (3, 600.0)})
    service.configure(latency=600)

    async def main():
        task = asyncio.create_task(frame.pruna.agenerate("prompt", **QUIET))
        await until(lambda: service.charged == 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    error = asyncio.run(main())
    assert states() == {"sent": 3}
    assert error.frame["status"].tolist() == ["pending"] * 8
    assert "3 predictions sent and not delivered" in " ".join(error.__notes__)
    settings.configure(limits={"p-image": (100, 1.0)})
    service.configure(latency=0)
    for prediction in service._core.accepted:
        prediction.finish = time.time()
    out = asyncio.run(frame.pruna.agenerate("prompt", **QUIET))
    assert out["status"].tolist() == ["succeeded"] * 8
    assert service.charged == 8


def test_a_task_that_is_canceled_while_it_plans_sends_nothing(service, monkeypatch):
    planning, go_on = threading.Event(), threading.Event()
    frame = pd.DataFrame({"prompt": ["a lion"]})
    from pruna_nb.frames import background

    prepare = background.prepare_run

    def prepared(*args, **more):
        planning.set()
        go_on.wait(LOOK)
        return prepare(*args, **more)

    monkeypatch.setattr(background, "prepare_run", prepared)

    async def main():
        task = asyncio.create_task(frame.pruna.agenerate("prompt", **QUIET))
        await until(planning.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        alive = [each for each in threading.enumerate() if each.name.startswith("asyncio")]
        assert alive
        await until(
            lambda: not any(each.name == "pruna_nb-close" for each in threading.enumerate())
        )

    asyncio.run(main())
    assert service.charged == 0
    assert states() == {}


def test_a_task_that_is_canceled_while_its_run_begins_has_its_frame(frame, service):
    service.configure(latency=600)
    canceled = threading.Event()

    def start():
        run = frame.pruna.generate("prompt", background=True, **QUIET)
        canceled.wait()  # the loop has not seen the run yet, and its rows are sent
        return run

    async def main():
        task = asyncio.create_task(run_awaited(start, shown=False))
        await until(lambda: service.charged == 3)
        task.cancel()
        asyncio.get_running_loop().call_soon(canceled.set)
        with pytest.raises(asyncio.CancelledError) as stopped:
            await task
        return vars(stopped.value)["frame"]

    out = asyncio.run(main())
    assert out["status"].tolist() == ["pending"] * 3
    assert out["prediction_id"].notna().all()


def test_mistakes_are_raised_as_by_the_verb_and_its_signature_is_shown(frame, service):
    with pytest.raises(InputError, match="sed: p-image has no such field"):
        asyncio.run(frame.pruna.agenerate("prompt", sed=1))
    with pytest.raises(InputError, match=r"agenerate\(\) is awaited in place of background="):
        asyncio.run(frame.pruna.agenerate("prompt", background=True))
    names = list(inspect.signature(frame.pruna.agenerate).parameters)
    assert "aspect_ratio" not in names
    assert names[0] == "prompt_col"
    assert "background" not in names
    assert inspect.iscoroutinefunction(frame.pruna.aedit)
    assert frame.pruna.agenerate.__doc__.startswith("As `generate`, to be awaited")
    assert "aspect_ratio" in frame.pruna.agenerate.getdoc()
    assert service.charged == 0


SCRIPT = """
import asyncio, sys
import pandas as pd
import pruna_nb
frame = pd.DataFrame({"prompt": [f"thing {number}" for number in range(40)]})
pruna_nb.configure(limits={"p-image": (5, 0.5)})

async def cell():
    try:
        if @HOW == "sync":
            await asyncio.sleep(0)
            frame.pruna.generate("prompt", progress=False)
        elif @HOW == "chain":
            chain = frame.pruna.plan().generate("prompt").upscale(target=1)
            chain.run(progress=False)
        elif @HOW == "gather":
            parts = frame.head(20).pruna, frame.tail(20).pruna
            await asyncio.gather(*[part.agenerate("prompt", progress=False) for part in parts])
        else:
            await frame.pruna.agenerate("prompt", progress=False)
    except BaseException as error:
        told = getattr(error, "frame", None)
        rows = "no" if told is None else len(told)
        print(type(error).__name__, rows, "rows", getattr(error, "__notes__", [""])[0], flush=True)
        raise

try:
    @RUN
except BaseException as error:
    print("ended by", type(error).__name__, flush=True)
charged = int(sys.stdin.readline())
print("alive", sum(run.on_the_wire for run in pruna_nb.batch.interrupts.ACTIVE_RUNS), flush=True)
"""
# What a terminal's IPython does: its loop leaves Ctrl-C to Python.
BARE_LOOP = "asyncio.new_event_loop().run_until_complete(cell())"


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("how", "loop"),
    [
        ("await", "asyncio.run(cell())"),
        ("await", BARE_LOOP),
        ("gather", BARE_LOOP),
        ("sync", "asyncio.run(cell())"),
        ("chain", BARE_LOOP),
    ],
)
def test_ctrl_c_is_heard_while_a_loop_runs(service, tmp_path, how, loop):
    service.configure(latency=600)
    script = SCRIPT.replace("@HOW", repr(how)).replace("@RUN", loop)
    now = settings.current()
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PRUNA_API_KEY": now.api_key,
            "PRUNA_API_URL": service.url,
            "PRUNA_NB_CACHE_DIR": str(tmp_path / "cache"),
            "PRUNA_NB_STATE_DIR": str(tmp_path / "state"),
            "PYTHONPATH": str(ROOT),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + LOOK
        while service.charged < 5:
            assert child.poll() is None, child.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        lines = [child.stdout.readline()]
        while not lines[-1].startswith("ended by"):
            lines.append(child.stdout.readline())
            assert lines[-1], child.stderr.read()
        charged = service.charged
        said, problem = child.communicate(f"{charged}\n", timeout=LOOK)
    finally:
        child.kill()
        child.wait()
    assert lines[-1].split()[-1] == "KeyboardInterrupt"
    if how != "gather":
        done = "0 of 80 outputs" if how == "chain" else "0 of 40 rows"
        assert f"40 rows {done} are done and kept" in lines[0]
    assert said.startswith("alive 0"), problem
    # Nothing more was sent after the interrupt: 40 rows are 8 windows.
    assert service.charged == charged < 40
