"""Show a picture's dark variant where the page is dark.

A picture whose name ends with ``-light`` and that has a file ``-dark`` beside it is on the page
twice; Furo shows the one that suits, also when the reader changes the page's colours.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class LightAndDark(SphinxTransform):
    """Add the dark picture beside each light one."""

    default_priority = 200  # before Sphinx collects the pictures that a page needs

    def apply(self, **_: Any) -> None:
        """Mark both by the classes that Furo knows."""
        for image in list(self.document.findall(nodes.image)):
            dark = image["uri"].replace("-light.", "-dark.")
            _, path = self.env.relfn2path(dark, self.env.docname)
            if dark == image["uri"] or not Path(path).exists():
                continue
            other = image.deepcopy()
            other["uri"] = dark
            other["classes"].append("only-dark")
            image["classes"].append("only-light")
            image.parent.insert(image.parent.index(image) + 1, other)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_transform(LightAndDark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
