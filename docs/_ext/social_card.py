"""What other sites show beside a link to a page: its title, its first sentences, and a picture."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PICTURE = "_static/card.jpg"  # made by `make pictures`
LONGEST = 200


def summary(doctree: nodes.document) -> str:
    """Return a page's first paragraph, cut between words; nothing where there is none."""
    text = next((node.astext() for node in doctree.findall(nodes.paragraph)), "")
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else words[:LONGEST].rpartition(" ")[0] + " …"


def add_tags(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the tags to a page's head; the addresses are absolute, as these sites ask for."""
    if doctree is None:
        return
    site = app.config.html_baseurl
    tags = {
        "og:type": "website",
        "og:site_name": app.config.project,
        "og:title": context["title"],
        "og:description": summary(doctree),
        "og:url": f"{site}{page}.html",
        "og:image": f"{site}{PICTURE}",
        "og:image:alt": "A table of prompts, and the grid of pictures that it becomes",
    }
    lines = [f'<meta property="{name}" content="{escape(text)}">' for name, text in tags.items()]
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    lines.append(f'<meta name="description" content="{escape(tags["og:description"])}">')
    context["metatags"] = context.get("metatags", "") + "\n".join(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
