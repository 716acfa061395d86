"""A sweep: prompts x aspect ratios x seeds, as pure values, for a form or a magic."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pruna_nb.catalog import Model


class IncompleteError(InputError):
    """Something is missing that a person is about to fill in: nothing is wrong so far."""


# A form's widgets for more would make the browser slow; df.pruna.generate takes any number of rows.
POINTS_AT_MOST = 2_000
# stands for a line break inside a prompt, where there is one prompt a line
LINE_BREAK = "\N{RETURN SYMBOL}"

_SEED = re.compile(r"(-?\d{1,18})(?:\s*-\s*(\d{1,18}))?")
_AXES = ("prompt", "aspect_ratio", "seed")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return seeds from text as people write them.

    Parameters
    ----------
    text : str
        Numbers and ranges, such as "1, 2, 5-8"; empty for none.

    Returns
    -------
    tuple of int
        Each once, in the order given.

    Raises
    ------
    InputError
        If a part is neither a number nor a range.

    Examples
    --------
    >>> parse_seeds("1, 2, 5-8")
    (1, 2, 5, 6, 7, 8)
    """
    seeds: list[int] = []
    for part in re.split(r"[,;\n]|(?<=\d)\s+(?=-?\d)", text):
        if not part.strip():
            continue
        match = _SEED.fullmatch(part.strip())
        first = int(match.group(1)) if match else 0
        last = int(match.group(2)) if match and match.group(2) else first
        shown = repr(part.strip()[:40])
        if match is None:
            msg = f"seed: {shown} is not a seed; give numbers and ranges: 1, 2, 5-8."
            raise InputError(msg)
        if last < first:
            msg = f"seed: the range {shown} is reversed; write {last}-{first}."
            raise InputError(msg)
        if last - first >= POINTS_AT_MOST:
            msg = (
                f"seed: the range {shown} has {last - first + 1:,} seeds, which is too many; "
                f"a form takes {POINTS_AT_MOST:,} pictures, and df.pruna.generate any number."
            )
            raise InputError(msg)
        seeds.extend(range(first, last + 1))
    return tuple(dict.fromkeys(seeds))


def seeds_text(seeds: Iterable[int]) -> str:
    """Return seeds as the text that `parse_seeds` reads.

    Examples
    --------
    >>> seeds_text([1, 2, 5, 6, 7, 8])
    '1, 2, 5-8'
    """
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    parts = []
    for run in runs:
        short = len(run) > 2 and run[0] >= 0  # noqa: PLR2004 - "1, 2" is as short as "1-2"
        parts += [f"{run[0]}-{run[-1]}"] if short else [str(seed) for seed in run]
    return ", ".join(parts)


def parse_prompts(text: str) -> tuple[str, ...]:
    r"""Return the prompts of a text, one a line; empty and repeated lines are left out.

    Examples
    --------
    >>> parse_prompts("a fox\n\nan owl, at night\na fox")
    ('a fox', 'an owl, at night')
    """
    lines = (line.strip().replace(LINE_BREAK, "\n") for line in text.splitlines())
    return tuple(dict.fromkeys(line for line in lines if line.strip()))


def prompts_text(prompts: Iterable[str]) -> str:
    """Return prompts as the text that `parse_prompts` reads."""
    return "\n".join(LINE_BREAK.join(str(prompt).splitlines()) for prompt in prompts)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a sweep: one picture to be made.

    Parameters
    ----------
    fields : dict
        The fields that differ from point to point.
    row : int or None
        The position of the frame's row that it belongs to, if there is a frame.
    heading : str
        The prompt, or what the frame's row is called.
    label : str
        What else distinguishes it from its neighbours, such as "16:9 · seed 1".
    """

    fields: Mapping[str, Any]
    row: int | None = None
    heading: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A product of axes, and what all its points share.

    Parameters
    ----------
    model : Model
        The model.
    axes : mapping of str to sequence
        The values of "prompt", "aspect_ratio" and "seed", as far as they are given.
    shared : mapping
        Fields that are the same everywhere. A value that has a meaning only beside certain
        values of an axis (width beside "custom") is sent there alone.
    rows : sequence of (int, str), optional
        Rows of a frame, by position, and what to call them; they replace the prompts.
    """

    model: Model
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rows: Sequence[tuple[int, str]] | None = None

    def __len__(self) -> int:
        """Return the number of points."""
        sizes = [len(values) for values in self.axes.values()]
        return math.prod(sizes) * (1 if self.rows is None else len(self.rows))

    def constants(self) -> dict[str, Any]:
        """Return the fields that are the same at all points."""
        return {name: value for name, value in self.shared.items() if not self._varies(name)}

    def points(self) -> list[Point]:
        """Return all points: for each prompt its ratios, for each ratio its seeds.

        Raises
        ------
        InputError
            If there are more than a form should show.
        """
        if len(self) > POINTS_AT_MOST:
            msg = (
                f"{len(self):,} pictures are more than a form shows ({POINTS_AT_MOST:,}); "
                "df.pruna.generate takes any number of rows."
            )
            raise InputError(msg)
        names = [name for name in _AXES if name in self.axes]
        varying = [name for name in self.shared if self._varies(name)]
        points = []
        rows = [(None, "")] if self.rows is None else self.rows
        for row, text in rows:
            for product in itertools.product(*(self.axes[name] for name in names)):
                values = dict(zip(names, product, strict=True))
                label = " · ".join(
                    f"seed {value}" if name == "seed" else str(value)
                    for name, value in values.items()
                    if name != "prompt"
                )
                heading = " · ".join(filter(None, [text, str(values.get("prompt", ""))]))
                for name in varying:
                    values[name] = self.shared[name] if self._counts(name, values) else None
                points.append(Point(values, row, heading, label))
        return points

    def _varies(self, name: str) -> bool:
        """Whether a shared field has a meaning at some points alone."""
        rule = self.model.fields[name].only_when if name in self.model.fields else None
        return any(len(self.axes.get(other, ())) > 1 for other in rule or ())

    def _counts(self, name: str, values: Mapping[str, Any]) -> bool:
        rule = self.model.fields[name].only_when or {}
        together = {**self.shared, **values}
        return all(together.get(other) == wanted for other, wanted in rule.items())
