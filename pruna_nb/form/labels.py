"""The texts of a form: labels, help, price and progress, as plain text or escaped HTML."""

from __future__ import annotations

import contextlib
import html
from typing import TYPE_CHECKING

from pruna_nb.batch.progress import cost_text, duration, wait_text
from pruna_nb.catalog import limit_for, usd_text
from pruna_nb.errors import PrunaError
from pruna_nb.settings import current
from pruna_nb.show.tints import GREY, rgba
from pruna_nb.text import NO_MATH, counted
from pruna_nb.widgets.notes import FAINT, without_widgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pruna_nb.batch.run import Run
    from pruna_nb.catalog import Field, Model
    from pruna_nb.frames.generate import Estimate

_CODE_CHARACTERS = 2_000
_WRITTEN = {"hf": "HF", "api": "API", "lora": "LoRA", "fps": "FPS"}


def label_of(name: str) -> str:
    """Return a field's name in words.

    Examples
    --------
    >>> label_of("lora_scale")
    'LoRA scale'
    """
    text = " ".join(_WRITTEN.get(word, word) for word in name.split("_"))
    return text[0].upper() + text[1:]


def help_of(field: Field) -> str:
    """Return what a field is for, its range and its default.

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
    default = field.default
    if field.media and field.type == "array":
        low, high = field.min_items, field.max_items
        if low is not None and high is not None:
            limits.append(f"{low} to {high} files")
        else:
            limits.append("any number of files" if high is None else f"at most {high} files")
    elif (
        field.has_default
        and not field.media
        and field.type != "boolean"
        and default not in (None, ())
        and str(default).strip()
    ):
        limits.append(f"default {default}")
    text = "; ".join(limits)
    unit = f" ({field.unit})" if field.unit else ""
    end = f" {text[0].upper()}{text[1:]}{unit}." if text else ""
    return f"{field.help}{end}"


def price_of(model: Model) -> str:
    """Return what a model charges, in a few words."""
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
    """Return in one line what a model costs, and the limit that is in force."""
    limit, seconds = current().limits.get(model.name, limit_for(model))
    pace = f"{limit:,} a minute" if seconds == 60.0 else f"{limit:,} in {seconds:g} s"  # noqa: PLR2004
    parts = [price_of(model), pace]
    return " · ".join(parts) + (f". {model.note}" if model.note else "")


def progress_line(run: Run) -> str:
    """Return the progress of a run: counts, refusals, cost, time left."""
    facts = run.facts()
    counts = facts.counts
    parts = [f"{counts['new'] + counts['cached']:,} of {counted(facts.rows, 'row')}"]
    parts += [
        f"{counts[name]:,} {name}"
        for name in ("new", "cached", "failed", "lost", "skipped", "pending")
        if counts[name]
    ]
    if facts.in_flight and not facts.over:
        parts.append(f"{facts.in_flight:,} under way")
    if facts.refusals:
        parts.append(f"{facts.refusals:,} refused, sent again")
    parts.append(cost_text(facts))
    if facts.seconds_left:
        parts.append(f"{duration(facts.seconds_left)} left")
    return " · ".join(parts)


def code_box(code: str) -> str:
    """Return code as text to be copied, in a box that opens."""
    style = f"{FAINT};cursor:pointer;font-size:.9em;margin-top:8px"
    box = (
        f"background:{rgba(GREY, 0.12)};border-radius:4px;padding:8px 12px;overflow:auto;"
        "max-height:26em;"
        "line-height:1.45;margin:4px 0 0;user-select:text"
    )
    return (
        f"<details class='{NO_MATH}'><summary style='{style}'>The code that makes it again"
        f"</summary><pre style='{box}'>{html.escape(code)}</pre></details>"
    )


def form_without_widgets(code_of: Callable[[], str]) -> str:
    """Return what stands in the form's place where it cannot be shown.

    Parameters
    ----------
    code_of : callable
        Returns the code that makes the form's grid; raises where its fields are not filled in.
    """
    code = ""
    with contextlib.suppress(PrunaError):
        code = code_of()
    # A frame without a name is written out in its code, which may then be as long as the frame.
    code = code if len(code) <= _CODE_CHARACTERS else ""
    way_on = (
        "It works from code everywhere: <code>form.fields['seed'].value = '1-4'</code> sets a "
        "field, <code>form.generate()</code> and <code>form.wait()</code> make the pictures, "
        "<code>form.frame.pruna.grid()</code> shows them."
    )
    return without_widgets("This form", f"{way_on} Without it:" if code else way_on, code)


def _cost(usd: float | None) -> str:
    return "price not published" if usd is None else usd_text(usd)


_NOUNS = {"image": "picture", "video": "video", "zip": "archive"}


def quote_line(estimate: Estimate, *, output: str, took: float | None = None) -> str:
    """Return what a click would make, cost and take.

    Parameters
    ----------
    estimate : Estimate
    output : str
        What the model makes: "image", "video", "zip" or "unknown".
    took : float, optional
        Seconds that a prediction took before, if that is known.

    Examples
    --------
    >>> from pruna_nb.frames.generate import Estimate
    >>> quote_line(Estimate(12, 4, 8, 0, 0, 0, 0.04, 0.0), output="image")
    '12 pictures: 4 cached, 8 new · 0.04 USD · no wait at the limit'
    """
    rows, hits, new, resumed = estimate.rows, estimate.cached, estimate.new, estimate.resumed
    parts = [(hits, "cached"), (new, "new"), (resumed, "sent before")]
    parts.append((rows - hits - new - resumed, "equal to another"))
    counts = ", ".join(f"{count:,} {name}" for count, name in parts if count)
    line = f"{counted(rows, _NOUNS.get(output, 'output'))}: {counts}"
    if not new:
        return f"{line} · nothing to pay"
    cost = _cost(estimate.cost_usd) + (" at most" if estimate.is_at_most else "")
    if len(estimate.cost_usd_by_model) > 1:
        each = estimate.cost_usd_by_model.items()
        cost += f" ({', '.join(f'{name} {_cost(usd)}' for name, usd in each)})"
    seconds = estimate.minutes * 60.0
    wait = wait_text(seconds) if took is None else f"about {duration(seconds + took)}"
    return f"{line} · {cost} · {wait}"
