"""Take live widgets out of notebooks that are kept: a saved one is a bar that stands still."""

from __future__ import annotations

import sys

import nbformat

WIDGET = "application/vnd.jupyter.widget-view+json"


def strip(path: str) -> None:
    """Drop a notebook's widget outputs and their state."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if WIDGET not in each.get("data", {})]
        cell.metadata.pop("execution", None)
    book.metadata.pop("widgets", None)
    nbformat.write(book, path)


for name in sys.argv[1:]:
    strip(name)
