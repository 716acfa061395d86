"""Win rates or strengths as a plot, each with its interval and the number behind it."""

from __future__ import annotations

import io
import textwrap
import warnings
from typing import TYPE_CHECKING

from pruna_nb.comparison.sentences import percent
from pruna_nb.errors import InputError, MissingExtraError
from pruna_nb.text import counted, shown, visible_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pruna_nb.comparison.summary import Summary, VariantResult

KINDS = ("rate", "strength")
_INK = "#3a3a3a"
_FAINT = "#8a8a8a"
_TINT = "#4078dc"
_WIDTH = 7.0
_ROW = 0.55
_NAME_LIMIT = 60
_NAME_WIDTH = 32
# For names in other scripts, which matplotlib's own font lacks: as Linux, macOS and Windows have
# them. matplotlib logs a warning for each font that is not installed.
_MORE_FONTS = (
    *("Noto Sans CJK JP", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo"),
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Noto Sans Devanagari", "Nirmala UI"),
)


def plot_result(summary: Summary, kind: object = None) -> Figure:
    """Draw a result; see `Result.plot`."""
    if kind is None:
        kind = "strength" if summary.strengths else "rate"
    if not isinstance(kind, str) or kind not in KINDS:
        msg = f"kind is one of {', '.join(KINDS)}; {shown(kind)} was given"
        raise InputError(msg)
    if kind == "strength" and not summary.strengths:
        msg = (
            "there are no strengths: they need more than two variants, and votes that link all of "
            "them; kind='rate' draws the win rates"
        )
        raise InputError(msg)
    figure, axes = _canvas(len(summary.variants))
    for height, variant in enumerate(reversed(summary.variants)):
        _draw(axes, height, variant, kind)
    _label(axes, summary, kind)
    return figure


def _canvas(rows: int) -> tuple[Figure, Axes]:
    try:
        # pyplot would keep each figure in memory, and show it twice in a notebook.
        from matplotlib.figure import Figure as PlainFigure
    except ImportError as error:
        raise MissingExtraError("A plot of a comparison", "compare") from error

    class ResultFigure(PlainFigure):
        """A figure that a notebook displays without pyplot."""

        def _repr_png_(self) -> bytes:
            content = io.BytesIO()
            with warnings.catch_warnings():
                # One for each letter that no font has: the plot shows boxes, which say the same.
                warnings.filterwarnings("ignore", message="Glyph .* missing from")
                self.savefig(content, format="png")
            return content.getvalue()

    size = (_WIDTH, 1.5 + _ROW * rows)
    figure = ResultFigure(figsize=size, dpi=110, layout="constrained", facecolor="white")
    return figure, figure.add_subplot()


def _draw(axes: Axes, height: int, variant: VariantResult, kind: str) -> None:
    # Without a box the line in the middle runs through words and numbers.
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    rate, strength = variant.rate, variant.strength
    if kind == "strength" and strength is not None:
        value, low, high = strength.value, strength.low, strength.high
        text = f"{value:+.2f}"
    elif rate.decided:
        value, low, high = 100 * rate.rate, 100 * rate.low, 100 * rate.high
        text = f"{rate.wins} of {rate.decided}"
    else:
        text = "no decided votes"
        axes.text(50, height, text, color=_FAINT, ha="center", va="center", bbox=box)
        return
    axes.plot([low, high], [height, height], color=_TINT, lw=5, alpha=0.35, solid_capstyle="round")
    axes.plot([value], [height], "o", color=_TINT, ms=8)
    axes.annotate(
        text,
        (value, height),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center",
        color=_INK,
        fontsize=8,
        bbox=box,
    )


def _label(axes: Axes, summary: Summary, kind: str) -> None:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    fonts = ["DejaVu Sans", *(name for name in _MORE_FONTS if name in installed)]
    # A dollar sign in a name would be read as mathematics.
    names = [
        textwrap.fill(visible_line(variant.name, _NAME_LIMIT), _NAME_WIDTH).replace("$", r"\$")
        for variant in summary.variants
    ]
    axes.set_yticks(range(len(names)), names[::-1], fontfamily=fonts)
    axes.set_ylim(-0.6, len(names) - 0.2)
    level = percent(summary.confidence)
    if kind == "rate":
        axes.set_xlim(-2, 102)
        axes.set_xlabel(f"share of decided votes won, %, with Wilson's {level} interval")
    else:
        axes.margins(x=0.12)
        axes.set_xlabel(f"Bradley-Terry strength, logits, with its {level} interval")
    middle = 50 if kind == "rate" else 0
    axes.axvline(middle, color=_FAINT, lw=1, ls=(0, (4, 4)), zorder=0)
    aside = f"{counted(summary.ties, 'tie')}, {summary.both_bad:,} both bad"
    title = f"n = {counted(summary.decided, 'decided vote')} ({aside})"
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.tick_params(axis="x", color=_FAINT, labelcolor=_INK, labelsize=8)
    axes.xaxis.label.set_color(_INK)
    axes.xaxis.label.set_fontsize(9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
