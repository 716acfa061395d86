"""All pictures of a comparison with their names: a column for each variant, a row for each cell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import lookup_model
from pruna_nb.comparison.variants import secret_fields
from pruna_nb.frames.captions import shared_of, varying
from pruna_nb.show import Cell, Grid, grid
from pruna_nb.statuses import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pruna_nb.comparison.pairs import Row
    from pruna_nb.comparison.votes import Vote

_CAPTION_LIMIT = 300


def picture_grid(
    rows: Sequence[Row],
    outcomes: Sequence[Mapping[str, Any]],
    *,
    size: int,
    max_bytes: int | None,
    thumbs_dir: Path,
    votes: Sequence[Vote] = (),
) -> Grid:
    """Return the grid; see `Comparison.grid`."""
    marks = _marks(votes)
    secrets = secret_fields()
    several = len({row.cell[0] for row in rows}) > 1
    facts = [_plain(row.request, secrets) for row in rows]
    varied = varying(facts)
    texts: dict[tuple[int, int, int], str] = {}
    for row in rows:
        # what all pictures share stands once above them
        own = [f"{name} {value}" for name, value in row.shared.items() if name in varied]
        parts = (row.item if several else "", *own)
        texts.setdefault(row.cell, " · ".join(filter(None, parts)) or row.shared_text)
    # Two items may read the same where they differ in what is not text, such as a picture.
    uses = Counter(texts.values())
    heads = {
        cell: text if text and uses[text] == 1 else f"{text} ({cell[0] + 1})".strip()
        for cell, text in texts.items()
    }
    cells = []
    for row, outcome in zip(rows, outcomes, strict=True):
        # A grid that is saved keeps each picture's request in it.
        sent = {name: value for name, value in row.request.items() if name not in secrets}
        cells.append(
            Cell(
                path=outcome.get("output"),
                caption=row.prompt[:_CAPTION_LIMIT],
                alt=f"{row.variant}: {row.prompt}, {heads[row.cell]}",
                status=status_of(outcome.get("status"), outcome.get("output")),
                error=outcome.get("error"),
                ratio_asked=row.request.get("aspect_ratio"),
                request={"model": sent.pop("model", None), "input": sent},
                row_value=heads[row.cell],
                col_value=row.variant,
                note=marks.get(row.digest, ""),
            )
        )
    return grid(
        cells,
        size=size,
        max_bytes=max_bytes,
        rows=list(dict.fromkeys(heads.values())),
        cols=list(dict.fromkeys(row.variant for row in rows)),
        shared=shared_of(facts, varied, ()),
        thumbs_dir=thumbs_dir,
    )


def _plain(request: Mapping[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    """Return what a caption may say of a request: no secret, no file."""
    fields = lookup_model(request["model"]).fields
    return {
        name: value
        for name, value in request.items()
        if isinstance(value, (str, int, float))
        and name not in secrets
        and not (name in fields and fields[name].media)
    }


def _marks(votes: Sequence[Vote]) -> dict[str, str]:
    """Return by digest how a picture's votes went, with a star where it won more than it lost."""
    counts: dict[str, Counter[str]] = {}
    for vote in votes:
        for digest in (vote.left, vote.right):
            outcome = _OUTCOMES.get(vote.verdict) or ("won" if vote.winner == digest else "lost")
            counts.setdefault(digest, Counter())[outcome] += 1
    marks = {}
    for digest, count in counts.items():
        several = count.total() > 1
        names = [name for name in ("won", "lost", *_OUTCOMES.values()) if count[name]]
        words = ", ".join(f"{name} {count[name]:,}" if several else name for name in names)
        marks[digest] = f"\N{BLACK STAR} {words}" if count["won"] > count["lost"] else words
    return marks


_OUTCOMES = {"tie": "equally good", "both_bad": "both bad"}
