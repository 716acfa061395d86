"""Install a wheel into an empty environment, with what it asks for and nothing else, and use it.

An emulator of this checkout stands in for the service. Run as: python .ci/wheel.py dist/*.whl
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pruna_nb import emulator

LOCK = Path("requirements.lock")
# What a new user does first; the last lines are what goes without an extra.
FIRST_STEPS = """
import pathlib, sys
import pandas as pd
import pruna_nb

assert pathlib.Path(pruna_nb.__file__).is_relative_to(sys.prefix), pruna_nb.__file__
df = pd.DataFrame({"prompt": ["a lighthouse at dusk", "a fox in the snow"]})
out = df.pruna.generate("prompt", progress=False)
assert out["status"].eq("succeeded").all(), out
out.pruna.grid().save("sheet.png")
out.pruna.save("pictures")
assert out.pruna.grid()._repr_html_().count("<img") >= 2
assert df.pruna.estimate("prompt").new == 0
assert df.pruna.explore("prompt") is not None
try:
    pruna_nb.use_emulator()
except pruna_nb.errors.PrunaError as error:
    assert "pruna_nb[emulator]" in str(error), error
else:
    raise SystemExit("the emulator runs without its extra")
"""


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of all that a package of this environment needs, itself included."""
    names, waiting = set(), [(canonicalize_name(name), extras)]
    while waiting:
        package, wanted = waiting.pop()
        names.add(package)
        for text in requires(package) or []:
            other = Requirement(text)
            there = canonicalize_name(other.name)
            markers = [{"extra": extra} for extra in wanted] or [{"extra": ""}]
            applies = other.marker is None or any(map(other.marker.evaluate, markers))
            if applies and there not in names:
                waiting.append((there, frozenset(other.extras)))
    return names


def main(wheel: str) -> None:
    """Install and use the wheel; any failure ends this with its output."""
    packages = needed("pruna_nb") - {"pruna-nb"}
    pins = [
        block
        for block in re.split(r"\n(?=\S)", LOCK.read_text())
        if canonicalize_name(re.split(r"[=\[ ]", block, maxsplit=1)[0]) in packages
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "pins.txt").write_text("\n".join(pins))
        python = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        pip = [python, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"]
        subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
        subprocess.run([*pip, "--require-hashes", "-r", home / "pins.txt"], check=True)
        subprocess.run([*pip, wheel], check=True)
        with emulator.running(latency=0.01) as service:
            mine = {
                "PRUNA_API_KEY": "a-key",
                "PRUNA_API_URL": service.url,
                "PRUNA_NB_CACHE_DIR": str(home / "cache"),
                "PRUNA_NB_STATE_DIR": str(home / "state"),
            }
            environment = {
                **{
                    name: text for name, text in os.environ.items() if not name.startswith("PYTHON")
                },
                **mine,
            }
            for command in (
                ["-m", "pruna_nb", "--version"],
                ["-c", FIRST_STEPS],
                ["-m", "pip", "check"],
            ):
                subprocess.run([python, *command], check=True, cwd=home, env=environment)
    print(f"{Path(wheel).name}: works with {len(packages)} packages beside it")


if __name__ == "__main__":
    main(sys.argv[1])
