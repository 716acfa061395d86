"""The cost of predictions in USD, as far as the service publishes prices."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pruna_nb.catalog.model import Model


def exact(amount: float | Decimal) -> Decimal:
    """Return a float as the decimal number that was written.

    With floats, the sum of 60,000 prices of 0.025 is not 1,500, and one of 2.56 may exceed 2.56.

    Examples
    --------
    >>> exact(0.1) + exact(0.2)
    Decimal('0.3')
    """
    # repr() is the shortest text that reads back as the same float: what somebody wrote.
    return amount if isinstance(amount, Decimal) else Decimal(repr(float(amount)))


def total_usd(amounts: Iterable[float | Decimal]) -> Decimal:
    """Return the exact sum of amounts.

    Examples
    --------
    >>> total_usd([0.025] * 60_000)
    Decimal('1500.000')
    """
    return sum(map(exact, amounts), Decimal(0))


def usd_text(amount: float | Decimal) -> str:
    """Return an amount as text, rounded up to cents, or to 0.0001 below a dollar.

    Examples
    --------
    >>> usd_text(8), usd_text(0.14), usd_text(0.015), usd_text(0.0001)
    ('8.00 USD', '0.14 USD', '0.015 USD', '0.0001 USD')
    >>> usd_text(2.5601)
    '2.57 USD'
    """
    value = exact(amount)
    if not value.is_finite():
        return f"{value} USD"
    step = Decimal("0.0001") if value < 1 else Decimal("0.01")
    # Up, so that a limit of the amount that is shown does not refuse the run.
    whole, _, part = f"{value.quantize(step, ROUND_CEILING):,f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2} USD"


def cost_usd(
    model: Model,
    input: Mapping[str, Any],  # noqa: A002 - the API's word
    *,
    seconds: float | None = None,
) -> float | None:
    """Return the cost of one prediction; never less than what will be charged.

    - **Images** cost their price, times ``num_outputs`` where a model has that field.
    - **A range** (p-image-upscale: 0.005 to 0.01) counts as its upper end, since the service
      does not publish what decides.
    - **Try-on** adds its price for each garment after the first.
    - **Video** costs its seconds times the price for its resolution, the cheaper one for a
      draft. Where another input decides the length (an audio track, a source video), the
      cost is not known before.

    Parameters
    ----------
    model : Model
        As `get_model` returns it.
    input : mapping
        The fields that are sent; a missing one counts with its default.
    seconds : float, optional
        The length of the output video, once it is known.

    Returns
    -------
    float or None
        USD; None if the price is not published or the length is not known beforehand.

    Examples
    --------
    >>> from pruna_nb.catalog import cost_usd, get_model
    >>> cost_usd(get_model("p-image"), {"prompt": "a lion"})
    0.005
    >>> cost_usd(get_model("p-video"), {"prompt": "a lion", "duration": 10})
    0.2
    >>> cost_usd(get_model("vace"), {"prompt": "a lion"}) is None
    True
    """
    price = model.price
    if price is None:
        return None
    if price.unit == "second":
        # Without a duration, or with an audio track, another input decides the length.
        is_chosen = "duration" in model.fields and input.get("audio") is None
        length = _value(model, input, "duration") if is_chosen else seconds
        rates = price.usd_by_resolution
        if _value(model, input, "draft") is True and price.draft_usd_by_resolution is not None:
            rates = price.draft_usd_by_resolution
        resolution = _value(model, input, "resolution")
        rate = rates.get(resolution) if rates and isinstance(resolution, str) else None
        # True would count as one second.
        if rate is None or isinstance(length, bool) or not isinstance(length, (int, float)):
            return None
        return float(exact(rate) * exact(length))
    usd = price.usd if price.usd_max is None else price.usd_max
    if usd is None:
        return None
    outputs = input.get("num_outputs") or 1
    cost = exact(usd) * outputs if isinstance(outputs, int) else exact(usd)
    if price.usd_per_extra_garment is not None:
        garments = input.get("garment_images")
        extra = len(garments) - 1 if isinstance(garments, (list, tuple)) else 0
        cost += exact(price.usd_per_extra_garment) * max(extra, 0)
    return float(cost)


def _value(model: Model, values: Mapping[str, Any], name: str) -> object:
    value = values.get(name)
    if value is None and name in model.fields:
        return model.fields[name].default
    return value


def price_text(prices: Sequence[float | None]) -> str:
    """Return the sum of prices as text, unless one of them is not published."""
    known = [price for price in prices if price is not None]
    return usd_text(total_usd(known)) if len(known) == len(prices) else "price not published"


def at_most_text(prices: Sequence[float | None]) -> str:
    """Return the most that predictions of these prices may cost, as text."""
    return price_text(prices) if None in prices else f"{price_text(prices)} at most"
