"""What forms and panels say: labels, help and counts, as plain text or escaped HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pruna_nb.batch.progress import cost_text, duration, row_counts, seconds_left, wait_text
from pruna_nb.catalog import limit_for, usd_text
from pruna_nb.text import NO_MATH, counted
from pruna_nb.widgets.notes import FAINT

if TYPE_CHECKING:
    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Field, Model

_WRITTEN = {"hf": "HF", "api": "API", "lora": "LoRA", "fps": "FPS"}


def label_of(field: Field) -> str:
    """Say a field's name in words.

    Examples
    --------
    >>> from pruna_nb.catalog import get_model
    >>> label_of(get_model("p-image").fields["lora_scale"])
    'LoRA scale'
    """
    words = [_WRITTEN.get(word, word) for word in field.name.split("_")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def help_of(field: Field) -> str:
    """Say what a field is for, its range and its default.

    Examples
    --------
    >>> from pruna_nb.catalog import get_model
    >>> help_of(get_model("p-image").fields["lora_scale"])
    'How strongly the LoRA acts. -1 to 3; default 0.5.'
    """
    limits = []
    low, high = field.minimum, field.maximum
    if low is not None and high is not None:
        limits.append(f"{low:g} to {high:g}")
    elif high is not None:
        limits.append(f"at most {high:g}")
    elif low is not None:
        limits.append(f"at least {low:g}")
    if field.multiple_of is not None:
        limits.append(f"in steps of {field.multiple_of}")
    if field.media:
        limits += _counts(field)
    elif field.has_default and field.type != "boolean" and not _empty(field.default):
        limits.append(f"default {field.default}")
    said = "; ".join(limits)
    unit = f" ({field.unit})" if field.unit else ""
    end = f" {said[0].upper()}{said[1:]}{unit}." if said else ""
    return f"{field.help}{end}"


def _counts(field: Field) -> list[str]:
    low, high = field.min_items, field.max_items
    if field.type != "array":
        return []
    if low is not None and high is not None:
        return [f"{low} to {high} files"]
    return [f"at most {high} files"] if high is not None else ["any number of files"]


def _empty(value: object) -> bool:
    return value is None or value == () or (isinstance(value, str) and not value.strip())


def price_of(model: Model) -> str:
    """Say what a model charges, in a few words."""
    price = model.price
    if price is None:
        return "price not published"
    if price.unit == "second":
        rates = sorted((price.usd_by_resolution or {}).values())
        if not rates:
            return "price not published"
        ends = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g}"
        return f"{ends} USD a second"
    most = "" if price.usd_max is None else f" to {price.usd_max:g}"
    return f"{price.usd:g}{most} USD each" if price.usd is not None else "price not published"


def model_line(model: Model) -> str:
    """Say in one line what a model costs and allows."""
    limit, seconds = limit_for(model)
    pace = f"{limit:,} a minute" if seconds == 60.0 else f"{limit:,} in {seconds:g} s"  # noqa: PLR2004
    parts = [price_of(model), pace]
    return " · ".join(parts) + (f". {model.note}" if model.note else "")


def progress_line(run: Run) -> str:
    """Say where a run stands: counts, refusals, cost, time left."""
    counts = row_counts(run)
    done = counts["new"] + counts["cached"]
    parts = [f"{done:,} of {counted(len(run.plan.requests), 'row')}"]
    parts += [
        f"{counts[name]:,} {name}"
        for name in ("new", "cached", "failed", "lost", "skipped", "pending")
        if counts[name]
    ]
    if run.in_flight and not run.done:
        parts.append(f"{run.in_flight:,} under way")
    if run.refusals:
        parts.append(f"{run.refusals:,} refused, sent again")
    parts.append(cost_text(run))
    left = 0.0 if run.done else seconds_left(run)
    if left:
        parts.append(f"{duration(left)} left")
    return " · ".join(parts)


def code_box(code: str) -> str:
    """Fold code away, as text that can be copied."""
    style = f"{FAINT};cursor:pointer;font-size:.9em;margin-top:8px"
    box = (
        "background:rgba(128,128,128,.12);border-radius:4px;padding:8px 12px;overflow:auto;"
        "max-height:26em;"
        "line-height:1.45;margin:4px 0 0;user-select:text"
    )
    return (
        f"<details class='{NO_MATH}'><summary style='{style}'>The code that makes it again"
        f"</summary><pre style='{box}'>{html.escape(code)}</pre></details>"
    )


_NOUNS = {"image": "picture", "video": "video", "zip": "archive"}


def quote_line(
    output: str,
    *,
    rows: int,
    hits: int,
    new: int,
    resumed: int,
    cost_usd: float | None,
    seconds: float,
    took: float | None = None,
) -> str:
    """Say what a click would make, cost and take.

    Parameters
    ----------
    output : str
        What the model makes: "image", "video", "zip" or "unknown".
    rows, hits, new, resumed : int
        Pictures in all, there already, to be paid for, and sent before.
    cost_usd : float or None
        None if the price is not published.
    seconds : float
        What the limit alone takes.
    took : float, optional
        What a prediction took before, where that is known.

    Examples
    --------
    >>> quote_line("image", rows=12, hits=4, new=8, resumed=0, cost_usd=0.04, seconds=0.0)
    '12 pictures: 4 cached, 8 new · 0.04 USD · no wait at the limit'
    """
    parts = [(hits, "cached"), (new, "new"), (resumed, "sent before")]
    shares = rows - hits - new - resumed
    parts.append((shares, "equal to another"))
    said = ", ".join(f"{count:,} {name}" for count, name in parts if count)
    head = f"{counted(rows, _NOUNS.get(output, 'output'))}: {said}"
    if not new:
        return f"{head} · nothing to pay"
    cost = "price not published" if cost_usd is None else usd_text(cost_usd)
    wait = wait_text(seconds) if took is None else f"about {duration(seconds + took)}"
    return f"{head} · {cost} · {wait}"
