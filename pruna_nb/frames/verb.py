"""What all verbs of ``df.pruna`` go through: a call is read, and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb.batch.options import read_options
from pruna_nb.catalog import read_model
from pruna_nb.errors import InputError
from pruna_nb.frames.call import read_call

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.call import Call

_OUTPUT = "output"


class Verbs:
    """What all verbs go through; its frame is the rows that they work on."""

    _frame: pd.DataFrame

    def _run(
        self,
        call: Call,
        problems: Problems,
        frame: pd.DataFrame | None = None,
        *,
        keep: Collection[str] = (),
        **given: Any,
    ) -> pd.DataFrame | BackgroundRun:
        """Run a call on this frame, or on some of its rows; or begin to, in the background."""
        from pruna_nb.frames.generate import generate

        options = read_options(problems, **given)
        rows = self._frame if frame is None else frame
        if options.background:
            from pruna_nb.frames.background import generate_in_background

            return generate_in_background(rows, call, options, problems, keep=keep)
        return generate(rows, call, options, problems, keep=keep)

    def _call(
        self,
        verb: str,
        model: object,
        media_col: object,
        problems: Problems,
        *,
        unchecked: object,
        fields: dict[str, Any],
        **asked: Any,
    ) -> Call:
        """Read a verb's call; without a column of pictures it starts from the step before."""
        anyhow = unchecked is True
        known = read_model(model, problems, unchecked=anyhow)
        lead = "images" if verb == "edit" else "image"
        with problems.noted():
            lead = _lead_field(known, verb)
        if media_col is not None:
            fields[f"{lead}_col"] = media_col
        elif fields.get(lead) is None and _OUTPUT in self._frame.columns:
            fields.setdefault(f"{lead}_col", _OUTPUT)
        return read_call(
            known, problems, needs=(lead,), unchecked=unchecked, fields=fields, **asked
        )


def _lead_field(model: Model, verb: str) -> str:
    """Name the field for the pictures that a verb starts from."""
    if not model.known:
        return "images" if verb == "edit" else "image"
    pictures = [each for each in model.media_fields if "image" in each.media]
    wanted = {"edit": ("images", "image"), "upscale": ("image",), "animate": ("image",)}[verb]
    found = [name for name in wanted if any(each.name == name for each in pictures)]
    fits = not found or _fits(model, verb)
    if not found or not fits:
        msg = (
            f"{verb}() does not suit {model.name} ({model.task}). "
            f'df.pruna.generate(model="{model.name}", ...) takes any model.'
        )
        raise InputError(msg)
    return found[0]


def _fits(model: Model, verb: str) -> bool:
    if verb == "animate":
        return model.output == "video"
    return model.output == "image" and ("prompt" in model.fields) == (verb == "edit")
