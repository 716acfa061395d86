"""Take out of notebooks that are kept what is one machine's, or one moment's.

A saved widget is a bar that stands still; the cache folder of `pruna_nb.use_emulator` has another
name at each run.
"""

from __future__ import annotations

import re
import sys
import tempfile

import nbformat

WIDGET = "application/vnd.jupyter.widget-view+json"
CACHE_FOLDER = re.compile(re.escape(tempfile.gettempdir()) + r"[/\\]+pruna_nb_\w+")


def strip(path: str) -> None:
    """Drop a notebook's widget outputs and their state, and name no folder of this machine."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if WIDGET not in each.get("data", {})]
            for each in cell.outputs:
                data = each.get("data", {})
                if "text/plain" in data:
                    data["text/plain"] = CACHE_FOLDER.sub("cache", data["text/plain"])
        cell.metadata.pop("execution", None)
    book.metadata.pop("widgets", None)
    nbformat.write(book, path)


for name in sys.argv[1:]:
    strip(name)
