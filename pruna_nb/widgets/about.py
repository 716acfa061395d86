"""What is known of a picture that is seen large; needs no widgets, so scripts can make it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import cost_usd, usd_text
from pruna_nb.store.favourites import Favourite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pruna_nb.catalog import Model


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown large.

    Parameters
    ----------
    path : str
        The file.
    prompt : str
        What made it, in words.
    facts : sequence of (str, str)
        What else is to be known, such as ("seed", "7").
    """

    path: str
    prompt: str = ""
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Row:
    """What is known of a cell beyond what the grid shows.

    Parameters
    ----------
    place : int
        The position of its row in the frame.
    label : str
        The row's label.
    cost : str
        What it cost, in words.
    favourite : Favourite or None
        What is kept of it, if it can be kept.
    """

    place: int
    label: str
    cost: str
    favourite: Favourite | None


def cost_fact(model: Model, sent: Mapping[str, Any], *, cached: bool) -> str:
    """Return in words what a picture cost, also where that was before."""
    price = None if model.price is None else cost_usd(model, sent)
    cost = "price not published" if price is None else usd_text(price)
    return f"{cost}, paid before" if cached else cost


def favourite_of(
    model: str | None,
    sent: Mapping[str, Any],
    output: str | None,
    prediction_id: str | None,
    *,
    cost_usd: float | None = None,
    seconds: float = 0.0,
) -> Favourite | None:
    """Return what is kept of a picture; None where it has no file or its model is not known."""
    if not output or not model:
        return None
    plain = {name: value for name, value in sent.items() if isinstance(value, (str, int, float))}
    return Favourite(
        id=prediction_id or os.path.basename(output),  # noqa: PTH119 - a str, as it stands
        home="",
        model=model,
        input=plain,
        output=output,
        prediction_id=prediction_id or "",
        cost_usd=cost_usd or 0.0,
        seconds=seconds,
    )
