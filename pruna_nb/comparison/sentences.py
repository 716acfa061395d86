"""What the figures mean, in sentences that a reader without statistics can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.comparison.stats import Rate
    from pruna_nb.comparison.summary import PairResult, Summary, VariantResult

MANY_VOTES = 1_000
"""More votes than this are not called "votes that would settle it"."""

FEW_VOTES = 10
"""With fewer decided votes than this, a rate is hardly known: its interval spans half of all."""

MANY_NAMES = 3
"""More names than this are not listed where they are all that there are."""

_LEAST_SHARE = 0.005
_LEAST_P = 0.001
_USUAL_LEVEL = 0.05


def percent(share: float) -> str:
    """Say a share as a whole percentage, without claiming a certainty that rounding made.

    Examples
    --------
    >>> percent(0.704), percent(0.9996), percent(1.0)
    ('70 %', '>99 %', '100 %')
    """
    if 0 < share < _LEAST_SHARE:
        return "<1 %"
    if 1 - _LEAST_SHARE <= share < 1:
        return ">99 %"
    return f"{share:.0%}".replace("%", " %")


def p_text(p_value: float) -> str:
    """Say a p value.

    Examples
    --------
    >>> p_text(0.1153), p_text(0.0004), p_text(0.04996)
    ('p = 0.12', 'p < 0.001', 'p = 0.04996')
    """
    if p_value < _LEAST_P:
        return f"p < {_LEAST_P}"
    text = f"{p_value:.2g}"
    # Rounding must not move a value to the level that it is just below or above.
    crossed = float(text) == _USUAL_LEVEL != p_value
    return f"p = {p_value:.4g}" if crossed else f"p = {text}"


def interval(rate: Rate, confidence: float) -> str:
    """Say a rate's interval.

    Examples
    --------
    >>> from pruna_nb.comparison.stats import win_rate
    >>> interval(win_rate(14, 20), 0.95)
    '95 % interval 48 to 85 %'
    """
    low, high = (percent(each).removesuffix(" %") for each in (rate.low, rate.high))
    return f"{percent(confidence)} interval {low} to {high} %"


def sentence(summary: Summary) -> str:
    """Say what the votes show; plain text, names in quotes."""
    parts = [_outcome(summary)]
    if aside := _undecided(summary):
        parts.append(aside)
    parts += _cautions(summary)
    return " ".join(parts)


def _outcome(summary: Summary) -> str:
    if not summary.votes:
        return "No votes yet."
    if not summary.decided:
        return "No vote has decided for a variant yet."
    if len(summary.variants) == 2:  # noqa: PLR2004 - two are compared by one test, more by several
        return _of_two(summary)
    return _of_many(summary)


def _of_two(summary: Summary) -> str:
    (pair,) = summary.pairs
    best, other = summary.variants
    if pair.tally.wins == pair.tally.losses:
        return (
            f"'{best.name}' and '{other.name}' won {best.rate.wins} of {best.rate.decided} decided "
            f"votes each ({interval(best.rate, summary.confidence)}): no difference is to be seen."
        )
    won = _won(best, summary)
    test = f"exact sign test, {p_text(pair.p_value)}"
    if pair.p_adjusted <= summary.alpha:
        return f"{won}: better than '{other.name}' ({test})."
    return f"{won}; that could still be chance ({test}). {_more(pair)}"


def _of_many(summary: Summary) -> str:
    best, *others = summary.variants
    won = _won(best, summary)
    against = {each.other(best.name): each for each in summary.pairs if best.name in each.names}
    ahead = [o.name for o in others if against[o.name].won_by(best.name, summary.alpha)]
    open_ = [o.name for o in others if o.name not in ahead]
    test = "exact sign tests, adjusted for their number by Holm's method"
    if not open_:
        return f"{won}: better than {_names(ahead)} ({test})."
    text = f"{won}. "
    if ahead:
        text += f"It is better than {_names(ahead)}, but not yet clearly better than "
        text += f"{_names(open_)} ({test}). "
    else:
        text += f"That is not yet clearly better than {_open_names(open_, summary)} ({test}). "
    return text + _more(against[open_[0]], between=f" between '{best.name}' and '{open_[0]}'")


def _won(best: VariantResult, summary: Summary) -> str:
    rate = best.rate
    return (
        f"'{best.name}' won {rate.wins} of {counted(rate.decided, 'decided vote')} "
        f"({percent(rate.rate)}, {interval(rate, summary.confidence)})"
    )


def _more(pair: PairResult, between: str = "") -> str:
    if pair.needed == 0:
        return f"The votes{between} go the other way."
    if pair.tally.decided == 0:
        return f"There are no decided votes{between} yet."
    if pair.needed is None or pair.needed > MANY_VOTES:
        return (
            f"The difference{between} is so small that over {MANY_VOTES:,} more votes would be "
            "needed."
        )
    number = "one more vote" if pair.needed == 1 else f"{pair.needed:,} more votes"
    if pair.tally.decided < FEW_VOTES:
        return (
            f"About {number}{between} would settle it if the rate stays, which so few votes "
            "cannot tell."
        )
    return f"About {number}{between} would settle it, if the rate stays."


def _names(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) == 1:
        return quoted[0]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _open_names(names: Sequence[str], summary: Summary) -> str:
    """Name those that the best has not beaten; all of many are no list that anybody reads."""
    if len(names) > MANY_NAMES and len(names) == len(summary.variants) - 1:
        return f"any of the other {len(names)}"
    return _names(names)


def _undecided(summary: Summary) -> str:
    parts = []
    if summary.ties:
        parts.append(counted(summary.ties, "tie"))
    if summary.both_bad:
        parts.append(f"{summary.both_bad:,} with both bad")
    if not parts:
        return ""
    verb = "is" if summary.ties + summary.both_bad == 1 else "are"
    return f"{' and '.join(parts)} {verb} not among the decided votes."


def _cautions(summary: Summary) -> list[str]:
    cautions = []
    side = summary.side
    if summary.side_p_value <= summary.alpha:
        wins = max(side.wins, side.decided - side.wins)
        name = "left" if 2 * side.wins > side.decided else "right"
        cautions.append(
            f"Mind the sides: the {name} one was chosen in {wins} of {side.decided} decided votes "
            f"({p_text(summary.side_p_value)})."
        )
    if summary.not_blind:
        cautions.append(
            f"{counted(summary.not_blind, 'vote')} came after the names had been shown."
        )
    if len(summary.raters) > 1:
        cautions.append(
            f"The votes of {len(summary.raters):,} raters are counted as if each were on a pair of "
            "its own."
        )
    if summary.damaged_lines:
        cautions.append(
            f"{counted(summary.damaged_lines, 'line')} of the votes' file could not be read."
        )
    return cautions
