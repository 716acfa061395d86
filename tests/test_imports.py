"""The accessors are there whatever is imported first, and pandas is not imported for them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from pruna_nb.imports import when_imported

USE = """
assert pd.DataFrame({"p": ["a"]}).pruna.estimate("p", cache="off").new == 1
assert pd.Series(["a"]).pruna.estimate(cache="off").new == 1
assert pd.DataFrame.pruna.generate.__doc__
"""
ORDERS = {
    "the package first": "import pruna_nb\nimport pandas as pd",
    "pandas first": "import pandas as pd\nimport pruna_nb",
    "a part of pandas": "import pruna_nb\nfrom pandas import DataFrame\nimport pandas as pd",
    "by what needs pandas": "import pruna_nb\npruna_nb.models()\nimport pandas as pd",
    "by another library": "import pruna_nb\nimport pruna_nb.frames.call\nimport pandas as pd",
    "reloaded": "import pruna_nb, importlib\nimportlib.reload(pruna_nb)\nimport pandas as pd",
}


def python(script):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_accessors_are_there_whatever_is_imported_first(order):
    python(order + USE)


def test_a_library_that_is_not_there_or_fails_may_come_later(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    done = []
    when_imported("late_library", lambda: done.append(sys.modules["late_library"].ready))
    with pytest.raises(ModuleNotFoundError):
        __import__("late_library")
    module = tmp_path / "late_library.py"
    module.write_text("raise RuntimeError('half a library')")
    with pytest.raises(RuntimeError):
        __import__("late_library")
    assert done == []
    module.write_text("ready = 'whole'  # longer than before, so that it is compiled anew")
    __import__("late_library")
    assert done == ["whole"]
    when_imported("late_library", lambda: done.append("at once"))
    assert done == ["whole", "at once"]
    assert sys.modules.pop("late_library").__spec__.loader.get_source("late_library")
