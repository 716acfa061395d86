"""Which of the fields that differ are the rows of the board, and which its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruna_nb.arguments import listed
from pruna_nb.errors import InputError
from pruna_nb.text import described, did_you_mean, near_names, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pruna_nb.arguments import Problems


@dataclass(frozen=True, slots=True)
class Axes:
    """The fields of the rows and of the columns, the outer ones first."""

    rows: tuple[str, ...] = ()
    cols: tuple[str, ...] = ()

    def of(self, names: Sequence[str]) -> Axes:
        """Return the axes of the fields that differ, each of them on one.

        Those that nobody placed are columns; without any wish, the first is the rows.

        Examples
        --------
        >>> Axes().of(["prompt", "seed", "model"])
        Axes(rows=('prompt',), cols=('seed', 'model'))
        >>> Axes(rows=("seed", "prompt")).of(["prompt", "seed", "model"])
        Axes(rows=('seed', 'prompt'), cols=('model',))
        """
        # the rows of a frame stand in for the prompts
        wanted = [
            tuple("row" if name == "prompt" and "row" in names else name for name in axis)
            for axis in (self.rows, self.cols)
        ]
        rows, cols = (tuple(name for name in axis if name in names) for axis in wanted)
        rest = tuple(name for name in names if name not in rows + cols)
        if not any(wanted):
            return Axes(rest[:1], rest[1:])
        return Axes(rest + rows, cols) if wanted[1] and not wanted[0] else Axes(rows, cols + rest)


def read_axes(rows: object, cols: object, known: Collection[str], problems: Problems) -> Axes:
    """Return axes as code names them, a field or a list of fields each; mistakes are noted."""
    found: list[tuple[str, ...]] = []
    wrong = []
    for word, value in (("rows", rows), ("cols", cols)):
        names = (
            [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
        )
        for name in names:
            if not isinstance(name, str):
                wrong.append(f"{word}= takes a field's name or a list; it holds {described(name)}.")
            elif name not in known:
                meant = did_you_mean(map(repr, near_names(name, known)))
                wrong.append(f"{word}= names {shown(name)}, which is no field of the model.{meant}")
            elif name in {each for axis in found for each in axis} or names.count(name) > 1:
                wrong.append(
                    f"rows= and cols= name {shown(name)} twice. Each level is another field."
                )
        found.append(tuple(name for name in names if isinstance(name, str)))
    if wrong:
        wrong = list(dict.fromkeys(wrong))
        problems.add(InputError("\n".join(wrong) if len(wrong) == 1 else listed("axes:", wrong)))
        return Axes()
    return Axes(*found)
