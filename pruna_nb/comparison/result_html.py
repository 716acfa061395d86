"""A result as HTML: readable in a notebook's output, and also without its style sheets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pruna_nb.comparison.sentences import interval, percent, sentence
from pruna_nb.show.markup import FAINT, SMALL
from pruna_nb.show.tints import BLUE, GREY, rgba
from pruna_nb.text import NO_MATH, counted, escaped, isolated

if TYPE_CHECKING:
    from pruna_nb.comparison.stats import Rate
    from pruna_nb.comparison.summary import Summary

_NAME_LIMIT = 80
_SENTENCE_LIMIT = 1_000
# Everything is said in line: a saved notebook may be shown where style sheets are stripped.
_CELL = "padding:6px 18px 6px 0;text-align:left;vertical-align:middle;border:none;"
_NUMBER = _CELL + "font-variant-numeric:tabular-nums;white-space:nowrap;"
_HEAD = f"{_CELL}{SMALL}{FAINT}font-weight:400;white-space:nowrap;"
_NAME = f"{_CELL}font-weight:600;min-width:8em;overflow-wrap:anywhere"
_TABLE = "border-collapse:collapse;border:none;margin:0;color:inherit"
_BAR = 160
_NONE = "&ndash;"


def result_html(summary: Summary) -> str:
    """Return a result: its sentence, a row for each variant, and what was left undecided."""
    said = isolated(sentence(summary), _SENTENCE_LIMIT)
    parts = [
        f"<div class='{NO_MATH}'>",
        f"<p style='margin:0 0 10px;max-width:46em;line-height:1.5;text-align:left'>{said}</p>",
    ]
    if summary.votes:
        foot = f"<p style='{SMALL}{FAINT}margin:8px 0 0;text-align:left'>{_foot(summary)}</p>"
        parts += [_table(summary), foot]
    parts.append("</div>")
    return "".join(parts)


def _table(summary: Summary) -> str:
    heads: list[str] = []
    rows: list[str] = []
    for variant in summary.variants:
        rate, strength = variant.rate, variant.strength
        # Heads and cells are paired, not keyed by head: a score may be named "ties" too.
        cells = [
            ("won", f"{rate.wins} of {rate.decided}"),
            ("win rate", f"<strong>{percent(rate.rate) if rate.decided else _NONE}</strong>"),
            (f"{percent(summary.confidence)} interval", _NONE),
            ("", ""),
        ]
        if rate.decided:
            low, high = percent(rate.low).removesuffix(" %"), percent(rate.high)
            cells[2:] = [(cells[2][0], f"{low} to {high}"), ("", _bar(rate))]
        if summary.strengths and strength:
            reach = f"({strength.low:+.2f} to {strength.high:+.2f})"
            cell = f"{strength.value:+.2f} <span style='{FAINT}'>{reach}</span>"
            cells.append(("strength", cell))
        cells += [("ties", str(variant.ties)), ("both bad", str(variant.both_bad))]
        cells += [
            (escaped(name, _NAME_LIMIT), _score(score, variant.score_intervals.get(name)))
            for name, score in variant.scores.items()
        ]
        heads = ["variant", *(head for head, _ in cells)]
        name = f"<th scope='row' style='{_NAME}'>{isolated(variant.name, _NAME_LIMIT)}</th>"
        numbers = "".join(f"<td style='{_NUMBER}'>{cell}</td>" for _, cell in cells)
        rows.append(f"<tr style='background:none'>{name}{numbers}</tr>")
    head = "".join(f"<th scope='col' style='{_HEAD}'>{text}</th>" for text in heads)
    return (
        f"<div style='overflow:auto'><table style='{_TABLE}'><thead><tr style='border:none'>"
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _score(mean: float, ends: tuple[float, float] | None) -> str:
    if ends is None or not all(map(math.isfinite, ends)):
        return f"{mean:.3g}"
    return f"{mean:.3g} <span style='{FAINT}'>({ends[0]:.3g} to {ends[1]:.3g})</span>"


def _bar(rate: Rate) -> str:
    """Return the interval as a band and the rate as a mark; numbers stand beside it."""
    low, width = round(rate.low * _BAR), max(2, round((rate.high - rate.low) * _BAR))
    mark = min(max(0, round(rate.rate * _BAR) - low - 2), width)
    half = f"border-left:1px solid {rgba(GREY, 0.6)};margin-left:{_BAR // 2}px;height:14px"
    return (
        f"<div style='width:{_BAR}px;height:14px;background:{rgba(GREY, 0.18)};border-radius:3px'>"
        f"<div style='{half}'></div>"
        f"<div style='margin:-14px 0 0 {low}px;width:{width}px;height:14px;"
        f"background:{rgba(BLUE, 0.35)};border-radius:3px'>"
        f"<div style='margin-left:{mark}px;width:4px;height:14px;background:{rgba(BLUE, 0.9)}'>"
        "</div></div></div>"
    )


def _foot(summary: Summary) -> str:
    text = (
        f"{counted(summary.votes, 'vote')}: {summary.decided:,} decided, "
        f"{counted(summary.ties, 'tie')}, {summary.both_bad:,} both bad"
    )
    if summary.decided:
        side = summary.side
        text += (
            f". Left was chosen in {side.wins:,} of {counted(side.decided, 'decided vote')} "
            f"({percent(side.rate)}, {interval(side, summary.confidence)})"
        )
    text += f". Intervals of rates: Wilson, {percent(summary.confidence)}"
    if summary.clusters:
        units = counted(summary.clusters, summary.unit)
        text += f", the votes on one {summary.unit} as a cluster ({units})"
    if summary.strengths:
        text += "; strengths: Bradley-Terry, in logits, mean 0"
        text += ", ties after Davidson" if summary.ties else ""
        text += ", penalised after Firth" if summary.strengths.method == "Firth" else ""
    return f"{text}."
