"""Whatever is given for whatever argument: the package's own error, short, and nothing charged."""

from __future__ import annotations

import inspect
import math
import pickle
import re
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pruna_nb
from pruna_nb.cli import main
from pruna_nb.errors import InputError, PrunaError

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    # thousands of calls of what other tests cover too: counting their lines takes as long as they
    pytest.mark.no_cover,
]


class NoRepr:
    def __repr__(self):
        raise RuntimeError("it does not say what it is")


class NotEqual:
    __hash__ = object.__hash__

    def __eq__(self, other):
        raise RuntimeError("it is not compared")


class NoTruth:
    def __bool__(self):
        raise RuntimeError("neither true nor false")


class Proxy:
    """Like a proxy of a web framework outside of a request."""

    def __getattr__(self, name):
        raise RuntimeError(name)


VALUES = [
    None, math.nan, math.inf, "", "x", [], {}, (), {1}, ["x"], {"a": 1}, True, False, -1, 0, 1,
    2.5, 10**400, 10**5000, -(10**5000), Decimal("1.5"), Decimal("nan"), Decimal("snan"),
    timedelta(seconds=1), pd.NaT, pd.NA, pd.Series(["a", "b"]), pd.Index(["a"]),
    pd.DataFrame({"a": [1]}), np.array([1, 2]), np.array(1.5), np.zeros((2, 2)), np.int64(3),
    np.float32(0.5), np.True_, np.str_("x"), np.timedelta64(1, "Y"), Path("x"), b"x", 1j,
    len, object, object(), NoRepr(), NotEqual(), NoTruth(), Proxy(), [NoRepr()], "\ud83d", "a\0b",
    "a\nb" * 50, "x" * 100_000, ["x" * 50] * 300, slice(0, 1),
]  # fmt: skip
FIELDS = {
    "generate": ("seed", "seed_col", "aspect_ratio", "width", "prompt_upsampling", "unheard_of"),
    "edit": ("images", "reference_image", "seed"),
    "upscale": ("image", "factor"),
    "animate": ("duration", "image", "draft", "fps"),
    "chain.edit": ("images", "seed", "seed_col", "background"),
    "finalize": ("resolution", "seed", "model"),
    "retry": ("seed", "seed_col"),
}


@pytest.fixture
def holder_of(service):
    """Return what has a verb, and what the verb needs; only what is asked for is made."""

    def made(**columns):
        frame = pd.DataFrame({"prompt": ["a lion", "a fox"], "edit": ["as a drawing", "at night"]})
        return frame.pruna.generate("prompt", progress=False).assign(**columns)

    def drafts():
        return made(status="failed").drop(columns=["prediction_id"])

    def comparison():
        return pruna_nb.compare(["a lion", "a fox"], 1, progress=False)

    def pictures():
        return [*made()["output"]]

    def planned():
        frame = pd.DataFrame({"prompt": ["a lion", "a fox"], "edit": ["as a drawing", "at night"]})
        return frame.pruna.plan().generate("prompt")

    def planned_edit():
        def edit(**given):
            return planned().edit(**given).estimate()

        vars(edit)["__signature__"] = inspect.signature(planned().edit)
        return edit

    def holder_of(verb):
        asked = pd.DataFrame({"prompt": ["a lion", "a fox"]}).pruna
        return {
            "generate": lambda: (asked.generate, {"prompt_col": "prompt"}),
            "estimate": lambda: (asked.estimate, {"prompt_col": "prompt"}),
            "edit": lambda: (made().pruna.edit, {"prompt_col": "edit"}),
            "upscale": lambda: (made().pruna.upscale, {}),
            "animate": lambda: (made().pruna.animate, {"prompt_col": "edit", "duration": 1}),
            "chain.edit": lambda: (planned_edit(), {"prompt_col": "edit"}),
            "chain.estimate": lambda: (planned().estimate, {}),
            "finalize": lambda: (drafts().pruna.finalize, {}),
            "retry": lambda: (made(status="failed", output=None).pruna.retry, {}),
            "failed": lambda: (made(status="failed", output=None).pruna.failed, {}),
            "to_zip": lambda: (made().pruna.to_zip, {"path": "a.zip"}),
            "explore": lambda: (asked.explore, {"prompt_col": "prompt"}),
            "grid": lambda: (made().pruna.grid, {}),
            "table": lambda: (made().pruna.table, {}),
            "before_after": lambda: (made().pruna.before_after, {"before_col": "output"}),
            "two pictures": lambda: (
                pruna_nb.before_after,
                dict(zip(["before", "after"], pictures(), strict=True)),
            ),
            "table.save": lambda: (made().pruna.table().save, {"path": "table.html"}),
            "rate": lambda: (made().pruna.rate, {}),
            "ratings": lambda: (made().pruna.ratings, {}),
            "single": lambda: (pruna_nb.generate, {"prompt": "a fox"}),
            "history": lambda: (pruna_nb.history, {}),
            "costs": lambda: (pruna_nb.costs, {}),
            "record": lambda: (made().pruna.record, {}),
            "rerun": lambda: (pruna_nb.rerun, {"record": made().pruna.record()}),
            "comparison.result": lambda: (comparison().result, {}),
            "comparison.grid": lambda: (comparison().grid, {}),
            "grid.save": lambda: (made().pruna.grid().save, {"path": "sheet.png"}),
            "grid.page": lambda: (made().pruna.grid().page, {}),
            "show_images": lambda: (pruna_nb.show_images, {"images": pictures()}),
            "Client": lambda: (lambda **given: pruna_nb.Client(**given).close(), {}),
        }[verb]()

    return holder_of


VERBS = [
    "generate", "estimate", "edit", "upscale", "animate", "chain.edit", "chain.estimate",
    "finalize", "retry", "failed", "to_zip",
    "explore", "grid", "table", "before_after", "two pictures", "table.save", "rate", "ratings",
    "single", "comparison.result", "comparison.grid", "grid.save",
    "grid.page", "show_images", "Client", "history", "costs", "record", "rerun",
]  # fmt: skip


def flaws(error):
    """Return what is wrong with an error that a wrong argument raised."""
    text = str(error)
    found = {
        "not the package's own": not isinstance(error, PrunaError),
        "too many lines": len(text.splitlines()) > 25,
        "too long a line": max(map(len, text.splitlines())) > 1500,
        "an object's address": re.search(r"0x[0-9a-f]{6,}", text),
        "not Unicode": not text.isascii() and "\ud83d" in text,
    }
    pickle.loads(pickle.dumps(error))  # noqa: S301
    return [name for name, wrong in found.items() if wrong]


@pytest.mark.parametrize("verb", VERBS)
def test_any_value_for_any_argument_is_taken_or_refused_before_it_costs(
    holder_of, service, monkeypatch, tmp_path, verb
):
    monkeypatch.chdir(tmp_path)
    method, needed = holder_of(verb)
    wanted = inspect.signature(pruna_nb.Client if verb == "Client" else method).parameters
    named = [name for name, each in wanted.items() if each.kind is not each.VAR_KEYWORD]
    quiet = {"progress": False} if "progress" in named else {}
    bad = []
    for name in (*named, *FIELDS.get(verb, ())):
        for value in VALUES:
            before = service.charged
            try:
                run = method(**{**quiet, **needed, name: value})
                if name == "background" and hasattr(run, "result"):
                    run.result()
            except Exception as error:  # noqa: BLE001
                wrong = flaws(error) + ["charged"] * (service.charged != before)
                if wrong:
                    bad.append((name, type(value).__name__, wrong, str(error)[:200]))
    assert bad == []


def test_a_prefix_that_is_not_valid_unicode_is_refused_before_it_costs(service):
    frame = pd.DataFrame({"prompt": ["a lion"]})
    with pytest.raises(InputError, match="prefix is not valid Unicode"):
        frame.pruna.generate("prompt", prefix="\ud83d", progress=False)
    assert service.charged == 0


@pytest.mark.parametrize("seed", [10**400, 10**5000, -(10**5000)], ids=["400", "5000", "-5000"])
def test_a_number_that_json_does_not_carry_is_refused_before_it_costs(service, seed):
    with pytest.raises(InputError, match="more than 308 digits"):
        pruna_nb.generate("a fox", seed=seed)
    with pruna_nb.Client() as client, pytest.raises(InputError, match="308 digits"):
        client.create("p-image", {"prompt": "a", "new": [{"a": seed}]}, unchecked=True)
    assert service.charged == 0


def test_members_of_an_enum_of_texts_are_the_texts(service):
    class Choice(str, Enum):  # noqa: UP042 - whose str() is its name
        MODEL = "p-image"
        CACHE = "refresh"
        PREFIX = "my_"

    frame = pd.DataFrame({"prompt": ["a lion"]})
    for _ in range(2):
        out = frame.pruna.generate(
            "prompt", model=Choice.MODEL, cache=Choice.CACHE, prefix=Choice.PREFIX, progress=False
        )
    assert "my_output" in out.columns
    assert service.charged == 2
    pruna_nb.generate(Choice.PREFIX)
    assert service.accepted[-1]["input"]["prompt"] == "my_"


@pytest.mark.parametrize("address", ["s3://bucket/out", "gs:/bucket/out", "https://example.org/a"])
def test_an_address_is_no_place_to_write_to(service, monkeypatch, tmp_path, capfd, address):
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("prompt\na lion\n", encoding="utf-8")
    assert main(["generate", "p.csv", "--prompt-col", "prompt", "--out", address]) == 1
    assert "--out must be a path on this machine" in capfd.readouterr().err
    assert service.charged == 0
    made = pd.DataFrame({"prompt": ["a lion"]}).pruna.generate("prompt", progress=False)
    with pytest.raises(InputError, match="a path on this machine"):
        made.pruna.to_zip(f"{address}.zip")
    with pytest.raises(InputError, match="a path on this machine"):
        made.pruna.grid().save(f"{address}.png")
    with pruna_nb.Client() as client, pytest.raises(InputError, match="a path on this machine"):
        client.deliver(client.wait(client.create("p-image", {"prompt": "a"})), address)
    assert [path.name for path in tmp_path.iterdir() if path.name[-1] == ":"] == []
