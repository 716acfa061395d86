"""Print the lowest versions of what the project itself asks for, out of a resolution of them."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]


def main(resolution: str) -> None:
    """Print the pins of a resolution that pyproject.toml names; the others may be newer."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    named = {canonicalize_name(Requirement(text).name) for texts in lists for text in texts}
    for line in Path(resolution).read_text().splitlines():
        if canonicalize_name(Requirement(line).name) in named:
            print(line)


if __name__ == "__main__":
    main(sys.argv[1])
