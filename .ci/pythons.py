"""Print the machine's other Pythons that the project supports, one of each minor version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
NEWEST_FIRST = sorted(
    (
        int(found[1])
        for text in tomllib.loads(Path("pyproject.toml").read_text())["project"]["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", text))
    ),
    reverse=True,
)


def main() -> None:
    """Print the paths; a command that is there and does not run, such as a shim, is left out."""
    for minor in NEWEST_FIRST:
        if minor == sys.version_info.minor:
            continue
        pyenv = sorted(PYENV.glob(f"versions/3.{minor}.*/bin/python3.{minor}"))
        for command in [shutil.which(f"python3.{minor}"), *map(str, reversed(pyenv))]:
            if command and _runs(command, minor):
                print(command)
                break


def _runs(command: str, minor: int) -> bool:
    code = "import sys, venv, ensurepip; print(sys.version_info.minor)"
    ran = subprocess.run([command, "-c", code], capture_output=True, text=True, check=False)
    return ran.returncode == 0 and ran.stdout.strip() == str(minor)


if __name__ == "__main__":
    main()
