"""What was spent, by day, month, model or tag."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from pruna_nb.arguments import Problems, choice, tags, texts
from pruna_nb.catalog import total_usd
from pruna_nb.errors import InputError
from pruna_nb.frames.moments import read_span
from pruna_nb.settings import current
from pruna_nb.store.bills import DAY_SECONDS, bills
from pruna_nb.store.journal import Journal
from pruna_nb.text import described

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date, timedelta
    from typing import Literal

    from pruna_nb.arguments import Tags
    from pruna_nb.store.bills import Bill

BY = ("day", "month", "model", "tag")


def costs(
    by: Literal["day", "month", "model", "tag"] | Sequence[str] = "day",
    *,
    since: str | date | timedelta | None = None,
    until: str | date | timedelta | None = None,
    tag: Tags | None = None,
    model: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return what was spent at the current service, from this cache folder, by any session.

    Parameters
    ----------
    by : {"day", "month", "model", "tag"} or a list of them
        What the rows stand for. Days are UTC's, written "2026-11-30", and months "2026-11". A
        prediction of several tags counts under each; one without a tag under "".
    since, until : str, date, datetime or timedelta, optional
        As for `history`.
    tag : str or list of str, optional
        Only what was made with any of these tags.
    model : str or list of str, optional
        Only of these models.

    Returns
    -------
    DataFrame
        Indexed by `by`, with ``predictions`` (sent), ``charged`` (accepted for certain),
        ``cost_usd`` (the price of these), ``perhaps_usd`` (the price of what failed or was lost,
        which may have been charged) and ``unpriced`` (charged, and their price is not published).
        What came from the cache is in none of them: it cost nothing.

    Raises
    ------
    InputError
        If an argument is wrong.

    Examples
    --------
    >>> import pandas as pd
    >>> import pruna_nb
    >>> df = pd.DataFrame({"prompt": ["a lighthouse in fog", "a lighthouse at dawn"]})
    >>> out = df.pruna.generate("prompt", tag="postcards", progress=False)
    >>> pruna_nb.costs(by="tag").loc["postcards", ["predictions", "cost_usd"]].tolist()
    [2.0, 0.01]
    """
    problems = Problems()
    keys = problems.read(_keys, by, instead=["day"])
    begin, end = read_span(problems, since, until)
    wanted: tuple[str, ...] = problems.read(tags, "tag", tag, instead=())
    models = problems.read(texts, "model", model, instead=None)
    problems.check("The costs cannot be shown")
    groups: dict[tuple[str, ...], list[Bill]] = defaultdict(list)
    for bill in _bills(begin, end):
        is_tagged = not wanted or any(each in wanted for each in bill.tags)
        if not is_tagged or (models is not None and bill.model not in models):
            continue
        for group in _groups(bill, keys, wanted):
            groups[group].append(bill)
    levels = [[group[place] for group in sorted(groups)] for place in range(len(keys))]
    index: pd.Index[Any] = pd.Index(levels[0], name=keys[0], dtype="str")
    if len(keys) > 1:
        index = pd.MultiIndex.from_arrays(levels, names=keys)
    rows = [_sums(groups[group]) for group in sorted(groups)]
    return pd.DataFrame(rows, index=index, columns=list(_DTYPES)).astype(_DTYPES)


def costs_by_period(since: float) -> pd.DataFrame:
    """Return what was spent since a session began (in seconds since 1970), a day ago and so on."""
    now = time.time()
    starts = {
        "this session": since,
        "last 24 hours": now - DAY_SECONDS,
        "last 30 days": now - 30 * DAY_SECONDS,
    }
    found = list(_bills(min(starts.values()), now + DAY_SECONDS))
    rows = [_sums(bill for bill in found if bill.sent_at >= start) for start in starts.values()]
    return pd.DataFrame(rows, index=pd.Index(list(starts), name="period")).astype(_DTYPES)


_DTYPES = {
    "predictions": "int64",
    "charged": "int64",
    "cost_usd": "float64",
    "perhaps_usd": "float64",
    "unpriced": "int64",
}


def _bills(begin: float, end: float) -> Iterator[Bill]:
    settings = current()
    if not settings.database_path.is_file():
        return iter(())
    Journal(settings.cache_dir, settings.base_url).open_entries()  # settles what was left behind
    return bills(settings.cache_dir, settings.service, begin, end, inputs=False)


def _keys(by: object) -> list[str]:
    keys = [choice("by", key, BY) for key in (by if isinstance(by, (list, tuple)) else [by])]
    if not keys or len(set(keys)) < len(keys):
        raise InputError(f"by must name each of {', '.join(BY)} once; {described(by)} was given.")
    return keys


def _groups(bill: Bill, keys: Sequence[str], tagged: Collection[str]) -> list[tuple[str, ...]]:
    day = time.strftime("%Y-%m-%d", time.gmtime(bill.sent_at))
    groups: list[tuple[str, ...]] = [()]
    for key in keys:
        values: dict[str, Sequence[str]] = {
            "day": [day],
            "month": [day[:7]],
            "model": [bill.model],
            "tag": [each for each in bill.tags if not tagged or each in tagged] or [""],
        }
        groups = [(*group, value) for group in groups for value in values[key]]
    return groups


def _sums(some: Iterable[Bill]) -> dict[str, Any]:
    found = list(some)
    sure = [bill.cost_usd for bill in found if bill.is_charged]
    perhaps = [bill.cost_usd for bill in found if not bill.is_charged]
    return {
        "predictions": len(found),
        "charged": len(sure),
        "cost_usd": _total(sure),
        "perhaps_usd": _total(perhaps),
        "unpriced": sure.count(None),
    }


def _total(prices: Iterable[float | None]) -> float:
    return float(total_usd(price for price in prices if price is not None))
