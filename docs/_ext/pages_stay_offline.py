"""Fail the build where a page would load something from another host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# A link (`<a href>`) is followed by a person; these are loaded by the page itself.
LOADS = re.compile(
    r"<(?:script|img|iframe|video|audio|source|link(?![^>]*rel=\"canonical\"))\b[^>]*"
    r"\b(?:src|href)=\"((?:https?:)?//[^\"]*)",
)
IMPORTS = re.compile(r"(?:@import\s+|url\()[\"']?((?:https?:)?//[^\"')\s]+)")


def outside(text: str, *, style: bool = False) -> list[str]:
    """Give the addresses on other hosts that a page or a style sheet loads."""
    return (IMPORTS if style else LOADS).findall(text)


def check(app: Sphinx, failed: Exception | None) -> None:
    """Look through everything that was built."""
    if failed is not None or app.builder.format != "html":
        return
    found = []
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in {".html", ".css"}:
            loaded = outside(path.read_text(encoding="utf-8"), style=path.suffix == ".css")
            found += [f"{path.relative_to(app.outdir)} loads {address}" for address in loaded]
    if found:
        raise ExtensionError("\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
