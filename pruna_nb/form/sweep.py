"""A sweep: prompts x models x any fields, as pure values, for a form or a magic."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import combinations, whole_numbers
from pruna_nb.errors import InputError
from pruna_nb.show.fields import phrase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pruna_nb.catalog import Field, Model


class IncompleteError(InputError):
    """Something is missing that a person is about to fill in: nothing is wrong so far."""


# A form's widgets for more would make the browser slow; df.pruna.generate takes any number of rows.
POINTS_AT_MOST = 2_000
# stands for a line break inside a prompt, where there is one prompt a line
LINE_BREAK = "\N{RETURN SYMBOL}"
# Not splitlines(): a vertical tab or U+2028, as text pasted from slides has, ends no prompt.
_LINE_END = re.compile(r"\r\n|\r|\n")


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
    return tuple(dict.fromkeys(whole_numbers("seed", text, POINTS_AT_MOST)))


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
    lines = (line.strip().replace(LINE_BREAK, "\n") for line in _LINE_END.split(text))
    return tuple(dict.fromkeys(line for line in lines if line.strip()))


def prompts_text(prompts: Iterable[str]) -> str:
    """Return prompts as the text that `parse_prompts` reads."""
    return "\n".join(_LINE_END.sub(LINE_BREAK, str(prompt)) for prompt in prompts)


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
    model : str
        The name of its model.
    """

    fields: Mapping[str, Any]
    row: int | None = None
    heading: str = ""
    label: str = ""
    model: str = ""

    def on(self, axis: str) -> str:
        """Return its place on an axis, as text."""
        if axis in {"prompt", "row"}:
            return self.heading
        value = self.model if axis == "model" else self.fields.get(axis)
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A product of axes, and what all its points share.

    Parameters
    ----------
    model : Model
        The model; the first one, where there are several.
    axes : mapping of str to sequence
        The values of the fields that have an axis: the prompt, and any others.
    shared : mapping
        Fields that are the same everywhere. A value that has a meaning only beside certain
        values of an axis (width beside "custom") is sent there alone.
    rows : sequence of (int, str), optional
        Rows of a frame, by position, and what to call them; they replace the prompts.
    others : sequence of Model
        Further models, which make the same.
    fill : callable, optional
        Returns the prompt that a template of the prompts' axis makes of a row.
    """

    model: Model
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rows: Sequence[tuple[int, str]] | None = None
    others: Sequence[Model] = ()
    fill: Callable[[int, str], str] | None = field(default=None, repr=False, compare=False)

    @property
    def models(self) -> tuple[Model, ...]:
        """All models."""
        return (self.model, *self.others)

    def model_of(self, point: Point) -> Model:
        """Return the model that makes a point."""
        return next((each for each in self.models if each.name == point.model), self.model)

    @property
    def secret_names(self) -> frozenset[str]:
        """The fields of all models whose values are never shown."""
        return frozenset().union(*(each.secret_names for each in self.models))

    def __len__(self) -> int:
        """Return the size of the product."""
        sizes = [len(values) for values in self.axes.values()]
        return math.prod(sizes) * len(self.models) * (1 if self.rows is None else len(self.rows))

    def constants(self) -> dict[str, Any]:
        """Return the fields that are the same at all points."""
        return {name: value for name, value in self.shared.items() if not self._varies(name)}

    def points(self) -> list[Point]:
        """Return all points: for each prompt its models, then the other axes, seeds last.

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
        names = sorted(self.axes, key=lambda name: (name == "seed", name != "prompt"))
        conditional = [name for name in [*self.axes, *self.shared] if self._varies(name)]
        points: dict[object, Point] = {}
        rows = [(None, "")] if self.rows is None else self.rows
        prompts = [(row, text, given) for row, text in rows for given in self._prompts()]
        others = [name for name in names if name != "prompt"]
        if self.fill is not None:
            prompts = [
                (row, text, {name: self.fill(row or 0, one) for name, one in given.items()})
                for row, text, given in prompts
            ]
        for (row, text, given), model in itertools.product(prompts, self.models):
            for chosen in combinations({name: self.axes[name] for name in others}):
                values = {**given, **chosen}
                for name in conditional:
                    value = values.get(name, self.shared.get(name))
                    values[name] = value if self._counts(name, values) else None
                point = Point(
                    values,
                    row,
                    " · ".join(filter(None, [text, str(values.get("prompt", ""))])),
                    self._label(values, others, model),
                    model.name,
                )
                # one that differs only in what has no meaning there is the same picture
                points.setdefault((row, model.name, repr(values)), point)
        return list(points.values())

    def _prompts(self) -> list[dict[str, Any]]:
        return [{"prompt": text} for text in self.axes["prompt"]] if "prompt" in self.axes else [{}]

    def _label(self, values: Mapping[str, Any], names: Sequence[str], model: Model) -> str:
        said = [model.name] if self.others else []
        for name in names:
            if values[name] is not None:
                text = str(values[name])
                said.append(text if name == "aspect_ratio" else phrase(name, text))
        return " · ".join(said)

    def _varies(self, name: str) -> bool:
        """Whether a field has a meaning at some points alone."""
        rule = self.model.fields[name].only_when if name in self.model.fields else None
        return any(len(self.axes.get(other, ())) > 1 for other in rule or ())

    def _counts(self, name: str, values: Mapping[str, Any]) -> bool:
        rule = self.model.fields[name].only_when or {}
        together = {**self.shared, **values}
        return all(together.get(other) == wanted for other, wanted in rule.items())


def varying(points: Sequence[Point]) -> list[str]:
    """Return the axes on which points differ: prompt or row, model, fields.

    Examples
    --------
    >>> varying([Point({"seed": 1}, None, "a fox"), Point({"seed": 2}, None, "a fox")])
    ['seed']
    """
    if not points:
        return []
    first = "prompt" if points[0].row is None else "row"
    fields = dict.fromkeys(name for point in points for name in point.fields if name != "prompt")
    names = [first, "model", *fields]
    return [name for name in names if len({point.on(name) for point in points}) > 1]


def in_common(models: Sequence[Model]) -> Model:
    """Return a model of the fields that several models have, with what all of them take.

    Raises
    ------
    InputError
        If one of them needs a field that another has not, or two make other kinds of output.

    Examples
    --------
    >>> from pruna_nb.catalog import get_model
    >>> list(in_common([get_model("p-image"), get_model("z-image-turbo")]).fields)
    ['prompt', 'seed']
    """
    first = models[0]
    if len(models) == 1:
        return first
    for one, other in itertools.product(models, models):
        if unknown := [each.name for each in (one, other) if not each.known]:
            raise InputError(f"{unknown[0]} is not in the catalogue: nobody knows what it takes.")
        if lacking := [name for name in one.required if name not in other.fields]:
            raise InputError(
                f"model: {one.name} needs {' and '.join(lacking)}, which {other.name} does not "
                "take. Choose models that take the same."
            )
        if one.output != other.output:
            raise InputError(
                f"model: {one.name} makes {one.output}s and {other.name} {other.output}s. Choose "
                "models that make the same."
            )
    names = [name for name in first.fields if all(name in each.fields for each in models)]
    fields = {name: _narrowed([each.fields[name] for each in models]) for name in names}
    return replace(first, fields={name: one for name, one in fields.items() if one is not None})


def _narrowed(fields: Sequence[Field]) -> Field | None:
    """Return a field with the values that all of several take; None if they have none in common."""
    first = fields[0]
    # what has a meaning beside other values for one model, such as a width, is left out
    if any(
        (each.type, each.media, each.only_when) != (first.type, first.media, first.only_when)
        for each in fields
    ):
        return None
    listed = [each.choices for each in fields if each.choices]
    choices = tuple(c for c in listed[0] if all(c in each for each in listed)) if listed else ()
    if listed and not choices:
        return None
    low = [each.minimum for each in fields if each.minimum is not None]
    high = [each.maximum for each in fields if each.maximum is not None]
    steps = [each.multiple_of for each in fields if each.multiple_of is not None]
    # where defaults differ, each model has its own as long as nothing is chosen
    same = all((each.has_default, each.default) == (True, first.default) for each in fields)
    return replace(
        first,
        required=any(each.required for each in fields),
        choices=choices,
        minimum=max(low, default=None),
        maximum=min(high, default=None),
        multiple_of=math.lcm(*steps) if steps else None,
        has_default=same,
        default=first.default if same else None,
        secret=any(each.secret for each in fields),
    )
