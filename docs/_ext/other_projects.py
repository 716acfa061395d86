"""Link names of other projects to their pages, without asking a network for where these are.

intersphinx reads a project's inventory, which is a file on its site. A build must not need that,
so the few names that these pages use stand below, and are written as the inventories that it takes.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

# Each project's site, and where on it each name stands: "$" is the name itself.
PROJECTS = {
    "python": (
        "https://docs.python.org/3",
        {
            "library/pathlib.html#$": "py:class pathlib.Path",
            "library/datetime.html#$": "py:class datetime.timedelta",
            "library/exceptions.html#$": "py:exception KeyboardInterrupt MemoryError SystemExit "
            "OSError ValueError LookupError ImportError TimeoutError",
            "library/asyncio-runner.html#$": "py:function asyncio.run",
            "library/asyncio-task.html#$": "py:function asyncio.gather asyncio.timeout "
            "asyncio.wait_for",
            # what numpydoc links by itself
            "glossary.html#term-$": "std:term sequence iterable iterator mapping dictionary "
            "generator file-like",
            "library/stdtypes.html#bltin-boolean-values": "std:label bltin-boolean-values",
            "library/functions.html#callable": "py:function callable",
            "library/functions.html#$": "py:class int float",
            "library/stdtypes.html#$": "py:class list tuple str dict",
            "library/constants.html#$": "py:data None True False",
        },
    ),
    "pandas": (
        "https://pandas.pydata.org/docs",
        {"reference/api/$.html#$": "py:class pandas.DataFrame pandas.Series"},
    ),
    "numpy": (
        "https://numpy.org/doc/stable",
        {
            "reference/generated/$.html#$": "py:class numpy.ndarray",
            "glossary.html#term-$": "std:term array_like",
        },
    ),
    "pillow": (
        "https://pillow.readthedocs.io/en/stable",
        {"reference/Image.html#$": "py:class PIL.Image.Image"},
    ),
    "joblib": (
        "https://joblib.readthedocs.io/en/stable",
        {"generated/$.html#$": "py:class joblib.Memory"},
    ),
}


def inventory(project: str, places: dict[str, str]) -> bytes:
    """Return an inventory, in the second version of its format."""
    lines = []
    for place, words in places.items():
        role, *names = words.split()
        lines += [f"{name} {role} 1 {place.replace('$', name)} {name}" for name in names]
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    return head.encode() + zlib.compress("\n".join(lines).encode() + b"\n")


def write_inventories(app: Sphinx, config: Config) -> None:
    """Write them all, and name them to intersphinx."""
    folder = Path(app.doctreedir) / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    for project, (site, places) in PROJECTS.items():
        file = folder / f"{project}.inv"
        file.write_bytes(inventory(project, places))
        config.intersphinx_mapping[project] = (site, str(file))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, before intersphinx reads its configuration."""
    app.connect("config-inited", write_inventories, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
