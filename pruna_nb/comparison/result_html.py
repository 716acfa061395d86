"""A result as HTML that stands in a notebook's output, also with all styling gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.comparison.sentences import interval, percent, sentence
from pruna_nb.show.markup import FAINT, SMALL
from pruna_nb.text import NO_MATH, counted, escaped, isolated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.comparison.stats import Rate
    from pruna_nb.comparison.summary import Summary, VariantResult

_NAME_LIMIT = 80
_SENTENCE_LIMIT = 1_000
_CELL = "padding:6px 18px 6px 0;text-align:left;vertical-align:middle;border:none;"
_NUMBER = _CELL + "font-variant-numeric:tabular-nums;white-space:nowrap;"
_HEAD = f"{_CELL}{SMALL}{FAINT}font-weight:400;white-space:nowrap;"
_NAME = f"{_CELL}font-weight:600;min-width:8em;overflow-wrap:anywhere"
_TABLE = "border-collapse:collapse;border:none;margin:0;color:inherit"
_BAR = 160
_NONE = "&ndash;"
_TINT = "rgba(64,120,220,.9)"
_TRACK = "rgba(128,128,128,.18)"
_SPAN = "rgba(64,120,220,.35)"


def result_html(summary: Summary) -> str:
    """Write a result: its sentence, a row for each variant, and what was left undecided."""
    said = isolated(sentence(summary), _SENTENCE_LIMIT)
    parts = [
        f"<div class='{NO_MATH}'>",
        f"<p style='margin:0 0 10px;max-width:46em;line-height:1.5;text-align:left'>{said}</p>",
    ]
    if summary.votes:
        parts.append(_table(summary))
        parts.append(
            f"<p style='{SMALL}{FAINT}margin:8px 0 0;text-align:left'>{_foot(summary)}</p>"
        )
    parts.append("</div>")
    return "".join(parts)


def _table(summary: Summary) -> str:
    columns = _columns(summary)
    heads = "".join(f"<th scope='col' style='{_HEAD}'>{head}</th>" for head in columns)
    rows = "".join(
        f"<tr style='background:none'>{_row(each, summary, columns)}</tr>"
        for each in summary.variants
    )
    return (
        f"<div style='overflow:auto'><table style='{_TABLE}'>"
        f"<thead><tr style='border:none'>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _columns(summary: Summary) -> list[str]:
    columns = ["variant", "won", "win rate", f"{percent(summary.confidence)} interval", ""]
    if summary.strengths:
        columns.append("strength")
    columns += ["ties", "both bad"]
    return columns + [escaped(name, _NAME_LIMIT) for name in summary.variants[0].scores]


def _row(variant: VariantResult, summary: Summary, columns: Sequence[str]) -> str:
    rate = variant.rate
    shown = percent(rate.rate) if rate.decided else _NONE
    cells = [
        f"{rate.wins} of {rate.decided}",
        f"<strong>{shown}</strong>",
        f"{percent(rate.low).removesuffix(' %')} to {percent(rate.high)}"
        if rate.decided
        else _NONE,
        _bar(rate),
    ]
    if summary.strengths and variant.strength:
        strength = variant.strength
        cells.append(
            f"{strength.value:+.2f} <span style='{FAINT}'>"
            f"({strength.low:+.2f} to {strength.high:+.2f})</span>"
        )
    cells += [str(variant.ties), str(variant.both_bad)]
    cells += [f"{score:.3g}" for score in variant.scores.values()]
    assert len(cells) == len(columns) - 1  # noqa: S101 - a table with a column short misleads
    name = isolated(variant.name, _NAME_LIMIT)
    head = f"<th scope='row' style='{_NAME}'>{name}</th>"
    return head + "".join(f"<td style='{_NUMBER}'>{cell}</td>" for cell in cells)


def _bar(rate: Rate) -> str:
    """Draw the interval as a band and the rate as a mark; words stand beside it."""
    if not rate.decided:
        return ""
    low, width = round(rate.low * _BAR), max(2, round((rate.high - rate.low) * _BAR))
    mark = min(max(0, round(rate.rate * _BAR) - low - 2), width)
    half = f"border-left:1px solid rgba(128,128,128,.6);margin-left:{_BAR // 2}px;height:14px"
    return (
        f"<div style='width:{_BAR}px;height:14px;background:{_TRACK};border-radius:3px'>"
        f"<div style='{half}'></div>"
        f"<div style='margin:-14px 0 0 {low}px;width:{width}px;height:14px;background:{_SPAN};"
        "border-radius:3px'>"
        f"<div style='margin-left:{mark}px;width:4px;height:14px;background:{_TINT}'></div>"
        "</div></div>"
    )


def _foot(summary: Summary) -> str:
    parts = [f"{counted(summary.votes, 'vote')}: {summary.decided:,} decided"]
    parts.append(counted(summary.ties, "tie"))
    parts.append(f"{summary.both_bad:,} both bad")
    said = ", ".join(parts)
    if summary.decided:
        side = summary.side
        said += f". Left was chosen in {side.wins:,} of {side.decided:,} decided ones "
        said += f"({percent(side.rate)}, {interval(side, summary.confidence)})"
    said += f". Intervals of rates: Wilson, {percent(summary.confidence)}"
    if summary.strengths:
        said += "; strengths: Bradley-Terry, in logits, mean 0"
        said += ", ties after Davidson" if summary.ties else ""
        said += ", penalised after Firth" if summary.strengths.method == "Firth" else ""
    return said + "."
