"""From a picture onwards: its settings again, new seeds, or the picture as another model's input.

Each sets the form's fields and no more: the price stands there before the next click.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import lookup_model, model_names
from pruna_nb.form.choices import as_text
from pruna_nb.show.cells import kind_of

if TYPE_CHECKING:
    from pruna_nb.form.controls import Controls
    from pruna_nb.form.rounds import Round

_VARIATIONS = 4
_SEEDS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Action:
    """A way on from a picture.

    Parameters
    ----------
    text, hint : str
        Its button's.
    model : str
        The model that takes the picture; empty for the same one.
    field : str
        The field of that model that takes it.
    """

    text: str
    hint: str
    model: str = ""
    field: str = ""


ACTIONS = {
    "vary": Action("Vary", f"The same settings with {_VARIATIONS} new seeds, to be generated"),
    "reuse": Action("Reuse settings", "Its prompt, seed and fields into the form"),
    "edit": Action("Edit", "The picture as the input of an edit", "p-image-edit", "images"),
    "upscale": Action(
        "Upscale", "The picture as the input of p-image-upscale", "p-image-upscale", "image"
    ),
    "animate": Action("Animate", "The picture as the start of a video", "p-video", "image"),
}


def possible(word: str, made: Round, output: str | None) -> bool:
    """Whether there is a way on from a picture of a round."""
    action = ACTIONS[word]
    if action.model:
        known = action.model in model_names() and action.field in lookup_model(action.model).fields
        return known and made.sweep.rows is None and kind_of(output) == "image"
    return word != "vary" or "seed" in made.sweep.model.fields


def go_on(word: str, controls: Controls, made: Round, number: int) -> None:
    """Set a form's fields for the way on from a picture.

    Raises
    ------
    InputError
        If the form does not take a value.
    """
    action, point = ACTIONS[word], made.points[number]
    if action.model:
        controls.set("model", action.model)
        image = made.outcomes[number].output
        listed = lookup_model(action.model).fields[action.field].type == "array"
        controls.set(action.field, [image] if listed else image)
        controls.set("seed", None) if "seed" in controls.names else None
        if "prompt" in controls.names and word != "animate":
            controls.set("prompt", None)
        return
    model = made.sweep.model_of(point)
    values: dict[str, Any] = {**made.sweep.constants(), **point.fields}
    if word == "vary":
        highest = model.fields["seed"].maximum
        end = int(_SEEDS if highest is None else min(_SEEDS, highest))
        values["seed"] = sorted(random.sample(range(end), _VARIATIONS))
    controls.set("model", model.name)
    if point.row is not None and "rows" in controls.names:
        controls.set("rows", [point.row])
    secret = model.secret_names
    for name in controls.names:
        if name not in {"model", "rows"} | secret:
            value = values.get(name)
            controls.set(name, as_text(value) if name == "prompt" and value else value)
