"""What the figures mean, in sentences for readers without statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruna_nb.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pruna_nb.comparison.stats import Rate
    from pruna_nb.comparison.summary import PairResult, Summary, VariantResult

# Nobody casts more votes than this to settle a difference.
MANY_VOTES = 1_000
# With fewer decided votes than this the interval of a rate spans half of all rates.
FEW_VOTES = 10
# A longer list of names is not read; "any of the other 7" is.
MANY_NAMES = 3

_LEAST_SHARE = 0.005
_LEAST_P = 0.001
_USUAL_LEVEL = 0.05


def percent(share: float) -> str:
    """Return a share as a whole percentage; 0 % and 100 % only where it is exactly that.

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
    """Return a p value as text.

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
    """Return a rate's interval as text.

    Examples
    --------
    >>> from pruna_nb.comparison.stats import win_rate
    >>> interval(win_rate(14, 20), 0.95)
    '95 % interval 48 to 85 %'
    """
    low, high = (percent(end).removesuffix(" %") for end in (rate.low, rate.high))
    return f"{percent(confidence)} interval {low} to {high} %"


def sentence(summary: Summary) -> str:
    """Return what the votes show; plain text, names in quotes."""
    if not summary.votes:
        outcome = "No votes yet."
    elif not summary.decided:
        outcome = "No vote has decided for a variant yet."
    elif len(summary.variants) == 2:  # noqa: PLR2004 - two are compared by one test
        outcome = _of_two(summary)
    else:
        outcome = _of_many(summary)
    undecided = []
    if summary.ties:
        undecided.append(counted(summary.ties, "tie"))
    if summary.both_bad:
        undecided.append(f"{summary.both_bad:,} with both bad")
    parts = [outcome]
    if undecided:
        verb = "is" if summary.ties + summary.both_bad == 1 else "are"
        parts.append(f"{' and '.join(undecided)} {verb} not among the decided votes.")
    return " ".join([*parts, *_cautions(summary)])


def _of_two(summary: Summary) -> str:
    (pair,) = summary.pairs
    best, other = summary.variants
    if pair.tally.wins == pair.tally.losses:
        return (
            f"'{best.name}' and '{other.name}' won {best.rate.wins} of {best.rate.decided} decided "
            f"votes each ({interval(best.rate, summary.confidence)}): no difference is visible."
        )
    won = _won(best, summary)
    clusters = len(pair.tally.clusters)
    test = f"exact sign-flip test over {counted(clusters, summary.unit)}"
    test = f"{test if clusters else 'exact sign test'}, {p_text(pair.p_value)}"
    if pair.p_adjusted <= summary.alpha:
        return f"{won}: better than '{other.name}' ({test})."
    return f"{won}; that could still be chance ({test}). {_more(pair, summary.unit)}"


def _of_many(summary: Summary) -> str:
    best, *others = summary.variants
    won = _won(best, summary)
    against = {pair.other(best.name): pair for pair in summary.pairs if best.name in pair.names}
    names = [other.name for other in others]
    beaten = [name for name in names if against[name].won_by(best.name, summary.alpha)]
    open_ = [name for name in names if name not in beaten]
    kind = f"sign-flip tests over {summary.unit}s" if summary.clusters else "sign tests"
    test = f"exact {kind}, adjusted for their number by Holm's method"
    if not open_:
        return f"{won}: better than {_names(beaten)} ({test})."
    between = f" between '{best.name}' and '{open_[0]}'"
    more = _more(against[open_[0]], summary.unit, between)
    if beaten:
        return (
            f"{won}. It is better than {_names(beaten)}, but not yet clearly better than "
            f"{_names(open_)} ({test}). {more}"
        )
    rivals = f"any of the other {len(open_)}" if len(open_) > MANY_NAMES else _names(open_)
    return f"{won}. That is not yet clearly better than {rivals} ({test}). {more}"


def _won(best: VariantResult, summary: Summary) -> str:
    rate = best.rate
    return (
        f"'{best.name}' won {rate.wins} of {counted(rate.decided, 'decided vote')} "
        f"({percent(rate.rate)}, {interval(rate, summary.confidence)})"
    )


def _more(pair: PairResult, unit: str, between: str = "") -> str:
    if pair.needed == 0:
        # Settled, and the best overall has lost to this one.
        return f"The votes{between} go the other way."
    if pair.tally.decided == 0:
        return f"There are no decided votes{between} yet."
    if pair.needed is None or pair.needed > MANY_VOTES:
        return (
            f"The difference{between} is so small that over {MANY_VOTES:,} more votes would be "
            "needed."
        )
    number = "one more vote" if pair.needed == 1 else f"{pair.needed:,} more votes"
    # Where a prompt has several votes, more of its seeds would tell little more.
    if pair.tally.clusters:
        number += f" on other {unit}s"
    text = f"About {number}{between} would settle it"
    if pair.tally.decided < FEW_VOTES:
        return f"{text} if the rate stays, which so few votes cannot tell."
    return f"{text}, if the rate stays."


def _names(names: Sequence[str]) -> str:
    *first, last = [f"'{name}'" for name in names]
    return f"{', '.join(first)} and {last}" if first else last


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
        votes = counted(summary.not_blind, "vote")
        cautions.append(f"{votes} came after the names had been shown.")
    if len(summary.raters) > 1 and not summary.clusters:
        cautions.append(
            f"The votes of {len(summary.raters):,} raters are counted as if each were on a pair of "
            "its own."
        )
    if summary.damaged_lines:
        lines = counted(summary.damaged_lines, "line")
        cautions.append(f"{lines} of the votes' file could not be read.")
    return cautions
