"""What a frame holds in a few lines, and what to do next: the repr of ``df.pruna``."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pruna_nb.catalog import total_usd, usd_text
from pruna_nb.frames.chains import TAKEN_OUT, is_failure, is_removed, output_labels
from pruna_nb.frames.columns import label_text, optional_column, places_of, text_columns
from pruna_nb.frames.results import beside
from pruna_nb.statuses import STATUSES
from pruna_nb.text import NO_MATH, counted, escaped, isolated, shown

if TYPE_CHECKING:
    import pandas as pd

_ORDER = ("succeeded", "failed", "lost", "canceled", "pending", "skipped", TAKEN_OUT)
_LINE_AT_MOST = 400
_TEXTS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Step:
    """What a column of outputs came to: how many rows of each status, by which models, its cost."""

    label: Any
    statuses: Counter[str]
    models: tuple[str, ...]
    cost: str
    cached: int
    bad: int  # rows that retry() would run again

    @property
    def line(self) -> str:
        """Return by which models, and what came of it, as the rest of a line."""
        counts = [f"{self.statuses[name]:,} {name}" for name in _ORDER if self.statuses[name]]
        if self.cached and self.statuses["succeeded"]:
            counts[0] += f" ({self.cached:,} cached)"
        others = sum(self.statuses.values()) - sum(self.statuses[name] for name in _ORDER)
        counts += [f"{others:,} of another status"] if others else []
        made = f" by {', '.join(self.models)}" if self.models else ""
        return f"{made}: {', '.join(counts) or 'no rows'}{self.cost}"


def steps_in(frame: pd.DataFrame) -> list[Step]:
    """Return what each column of outputs came to, the last step last."""
    return [_step(frame, label) for label in output_labels(frame)]


def _step(frame: pd.DataFrame, label: Any) -> Step:
    def cells(name: str) -> list[Any]:
        other = label if name == "output" else beside(label, name)
        return optional_column(frame, other) if len(places_of(frame, other)) == 1 else []

    outputs, statuses = cells("output"), cells("status")
    models, costs, cached = cells("model"), cells("cost_usd"), cells("cached")
    if not statuses:  # of pictures that were read from a folder
        statuses = ["succeeded" for cell in outputs if cell is not None]
    errors = cells("error") or [None] * len(statuses)
    removed = [is_removed(*told) for told in zip(statuses, outputs, strict=False)]
    words = Counter(status if status in STATUSES else "" for status in map(str, statuses))
    words += Counter({TAKEN_OUT: sum(removed)})
    words["succeeded"] -= sum(removed)
    known = [cost for cost in costs if isinstance(cost, (int, float)) and math.isfinite(cost)]
    return Step(
        label,
        words,
        tuple(sorted({model for model in models if isinstance(model, str)})),
        f"; {usd_text(total_usd(known))}" if known else "",
        sum(cell is True and not gone for cell, gone in zip(cached, removed, strict=False)),
        sum(is_failure(*told) for told in zip(statuses, errors, strict=True)),
    )


def overview(frame: pd.DataFrame, *, is_series: bool = False) -> tuple[str, list[tuple[str, str]]]:
    """Return a line about a frame, and what can be done next: a reason and the code."""
    rows = counted(len(frame), "row")
    steps = steps_in(frame)
    if not steps:
        texts = text_columns(frame)
        prompts = sorted(texts, key=lambda label: label != "prompt")
        given = shown(prompts[0]) if prompts else 'prompt="a fox"'
        subject, given = ("series", "") if is_series else ("df", given)
        named = ", ".join(map(shown, texts[:_TEXTS_NAMED]))
        more = f" Columns of text: {named}." if texts and not is_series else ""
        return f"{rows}, no outputs yet.{more}", [
            ("the price, before you pay", f"{subject}.pruna.estimate({given})"),
            ("make the outputs", f"out = {subject}.pruna.generate({given})"),
        ]
    last = steps[-1]
    lines = [f"{rows}{last.line}."]
    if before := [f"{label_text(step.label)}{step.line}" for step in steps[:-1]]:
        lines.append(f"Beside it, {'. '.join(before)}.")
    prefix = str(last.label).removesuffix("output")
    option = f"prefix={prefix!r}" if prefix and str(last.label).endswith("output") else ""
    todo: list[tuple[str, str]] = []
    if last.bad:
        is_plain = last.bad == last.statuses["failed"]
        what = "failed" if is_plain else "failed, or without an output yet"
        todo.append((f"{last.bad:,} {what}", f"out.pruna.retry({option})"))
        todo.append(("see why", f"out.pruna.failed({option})"))
    if last.statuses["succeeded"]:
        shown_by = "" if last.label == "output" else f"output_col={last.label!r}"
        todo.append(("look at them", f"out.pruna.grid({shown_by})"))
        folder = f'"pictures", {shown_by}' if shown_by else '"pictures"'
        todo.append(("keep them as files", f"out.pruna.save({folder})"))
    return " ".join(lines), todo


def overview_text(frame: pd.DataFrame, *, is_series: bool = False) -> str:
    """Return the overview as a console shows it."""
    line, todo = overview(frame, is_series=is_series)
    return "\n".join([f"<pruna: {line}>", *(f"  {reason}: {code}" for reason, code in todo)])


def overview_html(frame: pd.DataFrame, *, is_series: bool = False) -> str:
    """Return the overview as a notebook shows it."""
    line, todo = overview(frame, is_series=is_series)
    parts = [f"{escaped(reason, 60)}: <code>{escaped(code, 200)}</code>" for reason, code in todo]
    below = f"<p style='margin:6px 0 0;opacity:.7'>{' &middot; '.join(parts)}</p>" if parts else ""
    return (
        f"<div class='{NO_MATH}' style='line-height:1.6;text-align:left'>"
        f"<p style='margin:0'>{isolated(line, _LINE_AT_MOST)}</p>{below}</div>"
    )
