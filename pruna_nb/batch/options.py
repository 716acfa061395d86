"""How a run goes about its work: the options of every verb, in one record, read in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from pruna_nb import arguments
from pruna_nb.text import did_you_mean, near_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from pruna_nb.arguments import Problems
    from pruna_nb.catalog import Model
    from pruna_nb.store.cache import CacheMode

OnLost = Literal["report", "resend"]
CACHE_MODES = ("use", "refresh", "off")
ON_LOST = ("report", "resend")
_VERY_NEAR = 0.85
_OTHERS_SAY = {
    "n": "samples",
    "num_images": "samples",
    "num_outputs": "samples",
    "ratio": "aspect_ratio",
    "max_cost": "max_cost_usd",
    "budget": "max_cost_usd",
    "tags": "tag",
    "label": "tag",
}
"""What other tools call it."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run goes about its work; what it works on is the `Plan`.

    The one list of these options: all that reads, documents or passes them on is derived from
    its fields or checked against them.

    Parameters
    ----------
    cache : {"use", "refresh", "off"}
        "use" takes an output that is in the cache; "refresh" generates it again and stores it;
        "off" generates it again and does not store it for later runs.
    on_lost : {"report", "resend"}
        What to do with a prediction whose answer was lost.
    max_cost_usd : Decimal or None
        What the new predictions may cost; None: no limit.
    progress : bool
        Whether a progress bar and a closing line are shown.
    timeout : float or None
        Seconds that a prediction may take; None takes what suits the model's kind.
    tag : tuple of str
        What the predictions are for; no part of what makes two requests the same.
    background : bool
        Whether to return at once.
    """

    cache: CacheMode = field(default="use", metadata={"read": (arguments.choice, CACHE_MODES)})
    on_lost: OnLost = field(default="report", metadata={"read": (arguments.choice, ON_LOST)})
    max_cost_usd: Decimal | None = field(default=None, metadata={"read": (arguments.usd,)})
    progress: bool = field(default=True, metadata={"read": (arguments.switch,)})
    timeout: float | None = field(default=None, metadata={"read": (arguments.seconds,)})
    tag: tuple[str, ...] = field(default=(), metadata={"read": (arguments.tags,)})
    background: bool = field(default=False, metadata={"read": (arguments.switch,)})


_FIELDS = {each.name: each for each in fields(RunOptions)}
OPTION_NAMES = tuple(_FIELDS)


def read_options(problems: Problems, **given: object) -> RunOptions:
    """Read a verb's options; what is wrong is noted, and its default is used meanwhile.

    Parameters
    ----------
    problems : Problems
        Where mistakes are noted.
    **given
        Those of `OPTION_NAMES` that the verb was given.
    """
    options: dict[str, Any] = {}
    for name, value in given.items():
        read, *more = _FIELDS[name].metadata["read"]
        options[name] = problems.read(read, name, value, *more, instead=_FIELDS[name].default)
    return RunOptions(**options)


def unknown_name(
    model: Model, name: str, options: Sequence[str], *, columns: bool = False
) -> str | None:
    """Return what is wrong with a name that is not a field of a model, or None.

    Any name may be a field of a model that the catalogue does not know, unless it is very near to
    an option: a budget that goes to the service as a field would hold nothing back. `options` are
    those that the call takes beside fields; `columns` says that it takes ``<field>_col`` too.
    """
    also = [f"{field}_col" for field in model.fields] if columns else []
    near = near_names(name, [*model.fields, *also, *options])
    if _OTHERS_SAY.get(name) in (*model.fields, *options):
        near = [_OTHERS_SAY[name]]
    elif not model.known and not near_names(name, OPTION_NAMES, alike=_VERY_NEAR):
        return None
    instead = did_you_mean(near)
    if not model.known:
        return f"{name} is not an option.{instead} As a field, it is sent with unchecked=True."
    each = " (each also as <field>_col=)" if columns else ""
    return (
        f"{name}: {model.name} has no such field.{instead} Its fields are: "
        f"{', '.join(model.fields)}{each}. A field that is newer than this catalogue is sent with "
        "unchecked=True."
    )
