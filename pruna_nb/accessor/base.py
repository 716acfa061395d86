"""What all verbs share: the frame, the error for a verb that is not there, and how a run starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pruna_nb import tracebacks
from pruna_nb.text import did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from pruna_nb.arguments import Problems
    from pruna_nb.batch.options import RunOptions
    from pruna_nb.frames.background import BackgroundRun
    from pruna_nb.frames.call import Call


class FrameVerbs:
    """What every group of verbs has: the frame, and the error for a verb that is not there."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __getattr__(self, name: str) -> Any:
        """Raise an error that names the verbs: this is asked only for what is not there."""
        raise no_verb("df.pruna", self, name)

    def __repr__(self) -> str:
        """Return what the frame holds, what it cost, and what to do next."""
        from pruna_nb.frames.overview import overview_text

        return overview_text(self._frame)

    def _repr_html_(self) -> str:
        from pruna_nb.frames.overview import overview_html

        return overview_html(self._frame)


def no_verb(subject: str, accessor: object, name: str, hint: str = "") -> AttributeError:
    """Return the error for a verb that is not there, with the near names and all that are."""
    if name.startswith("_"):  # what Python and IPython ask each object for
        return AttributeError(name)
    verbs = [verb for verb in dir(type(accessor)) if not verb.startswith("_")]
    meant = did_you_mean(near_names(name, verbs)) or hint
    msg = f"{subject} has no {name!r}.{meant} It has: {', '.join(verbs)}."
    # With an `obj`, Python would add a second "Did you mean".
    error = AttributeError(msg, name=name, obj=None)
    tracebacks.shorten(error)
    return error


def run(
    frame: pd.DataFrame,
    call: Call,
    options: RunOptions,
    problems: Problems,
    *,
    keep: Collection[str] = (),
) -> pd.DataFrame | BackgroundRun:
    """Run a call to its end, or start it in the background, as its options say."""
    if options.background:
        from pruna_nb.frames.background import generate_in_background

        return generate_in_background(frame, call, options, problems, keep=keep)
    from pruna_nb.frames.generate import generate

    return generate(frame, call, options, problems, keep=keep)
