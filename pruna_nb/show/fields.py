"""The fields that pictures differ in: what a saved page can take for axes, order and captions."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.show.axes import key_of
from pruna_nb.show.requests_in_files import request_of
from pruna_nb.text import visible_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.show.axes import Key
    from pruna_nb.show.cells import Cell

PHRASE_LIMIT = 60  # characters of a value in a caption
_VALUE_LIMIT = 1_000
_UPLOAD = re.compile(r"https?://[^\s?#]+/v1/files/([^\s/?#]+)")


def phrase(name: str, value: str) -> str:
    """Return a field in a caption's words.

    Examples
    --------
    >>> phrase("aspect_ratio", "16:9"), phrase("model", "p-image")
    ('aspect ratio 16:9', 'p-image')
    """
    text = visible_line(without_address(value), PHRASE_LIMIT)
    return text if name == "model" else f"{name.replace('_', ' ')} {text}"


def without_address(value: str) -> str:
    """Return a value as a caption tells it: of an uploaded file's address the file's id.

    Examples
    --------
    >>> without_address("https://api.example/v1/files/file-7"), without_address("https://a.example/b")
    ('file-7', 'https://a.example/b')
    """
    found = _UPLOAD.fullmatch(value)
    return value if found is None else found[1]


@dataclass(frozen=True)
class Fields:
    """The fields in which some cells differ.

    Attributes
    ----------
    values : dict
        By field, the text of each cell, in their order; empty where it has none.
    told : frozenset of str
        Those that captions tell: fields of the requests and of the axes.
    rows, cols : tuple of str
        Those that are the axes at first.
    """

    values: dict[str, list[str]]
    told: frozenset[str]
    rows: Key
    cols: Key

    def attribute(self) -> str:
        """Return all of it as JSON for an attribute, each value once."""
        fields = []
        for name, texts in self.values.items():
            numbers = {text: i for i, text in enumerate(dict.fromkeys(texts))}
            shown = [visible_line(text, _VALUE_LIMIT) for text in numbers]
            at = [numbers[text] for text in texts]
            fields.append({"name": visible_line(name, PHRASE_LIMIT), "values": shown, "at": at})
        places = {name: i for i, name in enumerate(self.values)}
        axes = {
            "fields": fields,
            "rows": [places[name] for name in self.rows],
            "cols": [places[name] for name in self.cols],
        }
        return html.escape(json.dumps(axes), quote=True)


def fields_of(cells: Sequence[Cell], row_names: Key, col_names: Key) -> Fields:
    """Return the fields in which cells differ: of the axes, the requests, and beside them."""
    rows = _names([key_of(cell.row_value) for cell in cells], row_names, "row")
    cols = _names([key_of(cell.col_value) for cell in cells], col_names, "column")
    facts = []
    for cell in cells:
        asked = _asked(cell)
        axes = dict(zip(rows, key_of(cell.row_value), strict=False))
        axes.update(zip(cols, key_of(cell.col_value), strict=False))
        facts.append((axes, asked, cell.fields))
    values: dict[str, list[str]] = {}
    told = set()
    for group in range(3):
        for name in dict.fromkeys(name for fact in facts for name in fact[group]):
            if name in values:
                continue
            texts = [str(fact[group].get(name, "")) for fact in facts]
            # an axis of one value is one all the same; a column of the same values as a field is
            # that field by another name
            if any(texts) if group == 0 else len(set(texts)) > 1 and texts not in values.values():
                values[name] = texts
                told.update([name] if group < 2 else [])  # noqa: PLR2004 - axes and requests
    return Fields(
        values,
        frozenset(told),
        tuple(name for name in rows if name in values),
        tuple(name for name in cols if name in values),
    )


def _names(keys: Sequence[Key], names: Key, what: str) -> Key:
    """Return a name for each level of an axis, also of one that has none."""
    depth = max(map(len, keys), default=0)
    spare = (f"{what} {i + 1}" if depth > 1 else what for i in range(len(names), depth))
    return (*names[:depth], *spare)


def _asked(cell: Cell) -> dict[str, str]:
    """Return a cell's request as plain texts, without what is secret or no single value."""
    request = request_of(dict(cell.request))
    asked = request.get("input")
    found = dict(asked) if isinstance(asked, Mapping) else {}
    found["model"] = request.get("model")
    return {
        name: _text(value)
        for name, value in found.items()
        if isinstance(value, (str, int, float)) and value != ""
    }


def _text(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
