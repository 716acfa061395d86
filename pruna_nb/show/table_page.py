"""A table as a page for a browser: search, filters, order and zoom, offline."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from pruna_nb.files.disk import replacing
from pruna_nb.show.cells import Cell
from pruna_nb.show.figures import is_number
from pruna_nb.show.page import Entry, document, media_of, shape_rules, with_file
from pruna_nb.show.ratios import mismatch
from pruna_nb.show.requests_in_files import encode, record
from pruna_nb.show.scripts import script_text
from pruna_nb.templates import is_missing
from pruna_nb.text import counted, escaped, isolated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pruna_nb.show.figures import Figures
    from pruna_nb.show.page import Full
    from pruna_nb.show.thumbs import Thumbs

_SHORT = 30
_TEXT_LIMIT = 4_000  # characters of a cell: a page has more room than a notebook


def save_table_page(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    figures: Sequence[Figures],
    target: Path,
    *,
    title: str | None,
    note: str,
    thumbs: Thumbs,
    size: int,
    full: Full,
) -> Path:
    """Write a table as a page; see `Table.save`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    cells = [value for row in rows for value in row if isinstance(value, Cell)]
    made = thumbs.of_cells(cells, size)
    folder = target.with_name(f"{target.stem}_files")
    entries = [
        with_file(Entry(cell, made.get(id(cell)), at), folder, full)
        for at, cell in enumerate(cells)
    ]
    left = iter(entries)
    lines = [map(_cell, row, figures, repeat(left), repeat(size)) for row in rows]
    body = "".join(f"<tr>{''.join(line)}</tr>\n" for line in lines)
    heads = "".join(
        f'<th scope="col"{_NUMBER if form.are_numbers else ""}>{isolated(name, 80)}</th>'
        for name, form in zip(columns, figures, strict=True)
    )
    count = counted(len(rows), "row")
    below = f"<p>{count}</p>" if title else ""
    below += f"<p>{escaped(note, 1_000)}</p>" if note else ""
    page = document(
        escaped(title, 200) if title else count,
        below,
        '<main class="pruna-table"><div>'
        f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div></main>",
        requests=encode(
            [record(entry.cell, beside=target.parent, file=entry.file) for entry in entries]
        ),
        style=(
            f"{script_text('page.css', 'table.css')}td.picture {{ min-width: {size}px; }}\n"
            f"{shape_rules(entries, size)}"
        ),
        script=(
            f"{script_text('page.js', 'table_page.js')}\n{script_text('table.js').strip()}"
            "(document.querySelector('.pruna-table'));"
        ),
    )
    with replacing(target) as file:
        file.write(page.encode())
    return target


_NUMBER = ' class="number"'


def _cell(value: Any, form: Figures, entries: Iterator[Entry], size: int) -> str:
    if isinstance(value, Cell):
        entry = next(entries)
        thumb = entry.thumb
        odd = ""
        if thumb is not None and thumb.webp:
            odd = mismatch(thumb.size[0], thumb.size[1], value.ratio_asked) or ""
        warning = f'<span class="odd">⚠ {escaped(odd, 100)}</span>' if odd else ""
        return f'<td class="picture">{media_of(entry, "", odd, size)}{warning}</td>'
    if is_missing(value):
        return "<td></td>"
    if is_number(value):
        return f"<td{_NUMBER}>{form.text(value)}</td>"
    long = ' class="long"' if len(str(value)) > _SHORT else ""
    return f"<td{long}>{isolated(value, _TEXT_LIMIT)}</td>"
