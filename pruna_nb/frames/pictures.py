"""The call of a verb that starts from pictures: which field takes them, and from which column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.errors import InputError
from pruna_nb.frames.call import is_several, read_call, read_models
from pruna_nb.frames.columns import labels_by_name
from pruna_nb.frames.order import prompts_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model
    from pruna_nb.frames.call import Call


def read_media_call(
    verb: str,
    frame: pd.DataFrame,
    model: object,
    media_col: object,
    problems: Problems,
    *,
    unchecked: object,
    fields: Mapping[str, Any],
    before: str = "output",
    **arguments: Any,
) -> Call:
    """Read the call of a verb that starts from images: without a column, from the step before.

    `before` is the column of its outputs, if there is none that is called "output".
    """
    fields = dict(fields)
    models, _ = read_models(model, problems, unchecked=unchecked is True)
    lead = "images" if verb == "edit" else "image"
    leads: dict[str, str] = {}
    for known in models:
        with problems.noted():
            leads[known.name] = _lead_field(known, verb)
    if leads:
        lead = next(iter(leads.values()))
    if len(set(leads.values())) > 1:
        told = ", ".join(f"{name}: {field}" for name, field in leads.items())
        error = InputError(f"These models take their images in different fields ({told}).")
        problems.add(error)
    if verb == "animate":
        cols = prompts_first(frame, arguments["prompt_col"], media_col)
        arguments["prompt_col"], media_col = cols
    if media_col is not None:
        fields[f"{lead}_col"] = media_col
    # images=None is not given; images="photo.png" replaces the step before.
    elif fields.get(lead) is None:
        label = "output" if "output" in frame.columns else before
        if label in frame.columns:
            fields.setdefault(f"{lead}_col", label)
    # The rest of the call is checked for the models that fit: for the others, all of it is wrong.
    fit = [known for known in models if leads.get(known.name) == lead] or models[:1]
    asked = fit if is_several(model) else models[0]
    return read_call(
        asked,
        problems,
        needs=(lead,),
        names=labels_by_name(frame),
        unchecked=unchecked,
        fields=fields,
        **arguments,
    )


def _lead_field(model: Model, verb: str) -> str:
    """Return the field for the images that a verb starts from."""
    candidates = {"edit": ("images", "image"), "upscale": ("image",), "animate": ("image",)}[verb]
    if not model.known:
        return candidates[0]
    names = {field.name for field in model.media_fields if "image" in field.media}
    lead = next((name for name in candidates if name in names), None)
    if verb == "animate":
        suits = model.output == "video"
    else:
        suits = model.output == "image" and ("prompt" in model.fields) == (verb == "edit")
    if lead is None or not suits:
        msg = (
            f"{verb}() does not suit {model.name} ({model.task}). "
            f'df.pruna.generate(model="{model.name}", ...) takes any model.'
        )
        raise InputError(msg)
    return lead
