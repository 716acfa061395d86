"""What the package knows, as frames: the models and the journal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import text
from pruna_nb.catalog import all_models, get_model, limit_for
from pruna_nb.settings import current
from pruna_nb.store.entries import Entry
from pruna_nb.store.journal import Journal
from pruna_nb.tables.cells import frame_of_records

if TYPE_CHECKING:
    from pruna_nb.catalog import Model


def models(name: str | None = None) -> pd.DataFrame:
    """Return the catalogue as a frame, one row for each model; or the fields of one model.

    Parameters
    ----------
    name : str, optional
        A model. `get_model` returns the same as an object.

    Returns
    -------
    DataFrame
        Indexed by the model's name, with ``task``, ``output``, ``price_usd`` (for one
        ``price_unit``; of p-video and its like for a second at the default resolution; NaN
        where it is not published), ``price_usd_max`` (where a range of prices is published, its
        upper end, which estimates and costs count; else NaN), ``price_unit``,
        ``requests_per_minute`` (the limit that is kept for one key), ``try_sync``, ``required``
        and ``fields`` (names, as lists).
        With a `name`, indexed by the field's name, with ``type``, ``required``, ``default``,
        ``choices``, ``minimum``, ``maximum``, ``unit`` and ``help``.

    Raises
    ------
    InputError, UnknownModelError
        If it is not a name, or the catalogue has no model of it.

    Examples
    --------
    >>> import pruna_nb
    >>> table = pruna_nb.models()
    >>> int(table.loc["p-image", "requests_per_minute"])
    250
    >>> pruna_nb.models("p-image").loc["aspect_ratio", "default"]
    '16:9'
    """
    if name is not None:
        return _fields_of(get_model(text("name", name)))
    rows = []
    for model in all_models():
        price = model.price
        usd = None
        if price is not None:
            rates = price.usd_by_resolution or {}
            usd = price.usd if price.usd is not None else next(iter(rates.values()), None)
        rows.append(
            {
                "model": model.name,
                "task": model.task,
                "output": model.output,
                "price_usd": usd,
                "price_usd_max": None if price is None else price.usd_max,
                "price_unit": None if price is None else price.unit,
                "requests_per_minute": limit_for(model)[0],
                "try_sync": model.try_sync,
                "required": list(model.required),
                "fields": list(model.fields),
            }
        )
    return pd.DataFrame(rows).set_index("model").astype({"price_usd_max": "float64"})


def _fields_of(model: Model) -> pd.DataFrame:
    facts = ("type", "required", "default", "choices", "minimum", "maximum", "unit", "help")
    rows = [
        {"field": field.name} | {fact: getattr(field, fact) for fact in facts}
        for field in model.fields.values()
    ]
    return frame_of_records(rows, ["field", *facts]).set_index("field")


def journal() -> pd.DataFrame:
    """Return what was sent to the service, and its outcome.

    Returns
    -------
    DataFrame
        One row a prediction, in the order of sending: ``sent_at`` (UTC), ``model``, ``state``
        ("intent", "sent", "delivered", "failed", "canceled", "expired", "lost", or "resent":
        lost or expired, and sent again since), ``prediction_id``, ``cost_usd`` (the price;
        NaN if not published), ``error``, ``media`` (the file below the cache's media folder),
        ``request`` (its input, secrets masked), ``tag`` (what it is for), ``origin`` (the
        service's address) and ``key``.

    Examples
    --------
    >>> import pruna_nb
    >>> output = pruna_nb.generate("a wren at dawn", tag="birds")
    >>> sent = pruna_nb.journal().iloc[-1]
    >>> sent[["model", "state", "tag"]].tolist(), float(sent["cost_usd"])
    (['p-image', 'delivered', 'birds'], 0.005)
    """
    settings = current()
    entries = Journal(settings.cache_dir, settings.base_url).entries()
    names = ["sent_at", "model", "state", "prediction_id", "cost_usd", "error", "media"]
    names += ["request", "tag", "origin", "key"]
    rows: list[dict[str, Any]] = [asdict(entry) for entry in entries]
    frame = pd.DataFrame(rows, columns=list(Entry.__dataclass_fields__))
    frame = frame.rename(columns={"tags": "tag"})[names]
    sent = pd.to_datetime(frame["sent_at"].astype("float64"), unit="s", utc=True)
    return frame.assign(sent_at=sent, cost_usd=frame["cost_usd"].astype("float64"))
