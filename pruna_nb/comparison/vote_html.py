"""The HTML of the voting form; it is never saved, so it may have a style sheet of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pruna_nb.show.ratios import fit
from pruna_nb.text import NO_MATH, counted, isolated
from pruna_nb.widgets.keys import copies
from pruna_nb.widgets.notes import without_widgets

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = 16
_PROMPT_LIMIT = 600
_TEXT_LIMIT = 300
WITHOUT_WIDGETS = without_widgets(
    "This vote",
    "Votes lie in the cache folder: with the same folder it goes on where it stopped. "
    "Or judge from code:",
    "vote = comparison.vote()\n"
    "vote.start()\n"
    "vote.current.left, vote.current.right  # the files of a pair: look at both\n"
    "vote.show('left'), vote.show('right')\n"
    "vote.vote('left')  # or 'right', 'tie', 'both_bad'; vote.undo() takes it back",
)
# Room for the bars above, and still large enough in a low window.
_HEIGHT = "max(62vh, 512px)"

STYLE = """<style>
.p-vote {container-type: inline-size; container-name: pvote; padding: 4px 4px 14px;
  color: var(--jp-content-font-color1, inherit);}
.p-vote .widget-html, .p-vote .widget-html-content {margin: 0; height: auto; line-height: 1.5;
  overflow: visible;}
.p-vote .widget-html-content {width: 100%;}
.p-vote p {margin: 0;}
.p-vote .pv-faint {opacity: .7;}
.p-vote .p-vote-vote-part, .p-vote .p-vote-intro-part, .p-vote .p-vote-outro-part {gap: 10px;
  overflow: visible;}
.p-vote .p-vote-row {display: flex; flex-flow: row wrap; gap: 8px; align-items: center;
  overflow: visible;}
.p-vote .p-vote-row .jupyter-button {margin: 0; padding: 0 14px;}
.p-vote .p-vote-top {margin: 0 0 6px;}
.p-vote .p-vote-head {flex: 1 1 200px;}
.p-vote .p-vote-wide, .p-vote .p-vote-narrow {justify-content: center;}
.p-vote .p-vote-start, .p-vote .p-vote-go-on {align-self: flex-start; padding: 0 22px;}
.p-vote .p-vote-lock, .p-vote .p-vote-status {width: auto; margin-left: 8px;}
/* The key field fills the form, below all that is clicked: no click in the form leaves it. */
.p-vote {position: relative;}
.p-vote .lm-Widget, .p-vote .jupyter-widgets {position: static;}
.p-vote .p-vote-keys {position: absolute !important; inset: 0; margin: 0; width: auto; height: auto;
  z-index: 0; overflow: visible;}
.p-vote .p-vote-keys input {width: 100%; height: 100%; opacity: 0; cursor: default; padding: 0;
  border: 0; scroll-margin: 0;}
.p-vote:focus-within {outline: 2px solid rgba(64,120,220,.55); outline-offset: -2px;
  border-radius: 4px;}
.p-vote .jupyter-button {position: relative; z-index: 1;}
.p-vote .jupyter-button:disabled {pointer-events: none;}
.p-vote .p-vote-outro-part summary, .p-vote .p-vote-intro-part summary {position: relative;
  z-index: 1;}
.p-vote .p-vote-pictures {position: relative !important; overflow: visible; display: block;}
.p-vote .p-vote-on {position: absolute !important; top: 0; bottom: 0; width: 50% !important;
  height: 100%; margin: 0; padding: 0; background: none !important; border: 0; box-shadow: none
  !important; cursor: zoom-in; border-radius: 4px;}
.p-vote .p-vote-on-left {left: 0;}
.p-vote .p-vote-on-right {right: 0;}
.p-vote-view-left .p-vote-on-left, .p-vote-view-right .p-vote-on-right {width: 100% !important;
  cursor: zoom-out;}
.p-vote-view-left .p-vote-on-right, .p-vote-view-right .p-vote-on-left {display: none !important;}
.p-vote .p-vote-on:focus-visible {outline: 2px solid rgba(64,120,220,.9);}
.p-vote .pv-sides {display: flex; justify-content: center; gap: 16px; align-items: center;}
.p-vote .pv-side {flex: 1 1 0; min-width: 0; display: flex; justify-content: center;}
.p-vote-view-both .pv-left {justify-content: flex-end;}
.p-vote-view-both .pv-right {justify-content: flex-start;}
.p-vote-view-left .pv-right, .p-vote-view-right .pv-left {display: none !important;}
.p-vote .pv-side img, .p-vote .pv-side video {display: block; border-radius: 4px;}
.p-vote .pv-track {height: 4px; border-radius: 2px; background: rgba(128,128,128,.25);
  margin: 4px 0 0;}
.p-vote .pv-done {height: 4px; border-radius: 2px; background: rgba(64,120,220,.9);}
.p-vote .p-vote-wide, .p-vote .p-vote-only-wide {display: none;}
/* So that the key field stays in line with the buttons. */
@container pvote (max-width: 680px) {
  .p-vote .p-vote-narrow .jupyter-button {padding: 0 6px;}
}
.p-vote-view-both .p-vote-only-large {display: none !important;}
.p-vote .p-vote-links {position: relative; z-index: 1;}
.p-vote .p-vote-links > * {cursor: pointer; text-decoration: underline !important; margin: 0 6px;
  color: inherit !important;}
.p-vote-view-left .pv-get-right, .p-vote-view-right .pv-get-left {display: none;}
.p-vote kbd {border: 1px solid rgba(128,128,128,.6); border-radius: 3px; padding: 0 5px;
  font-size: .9em; color: inherit; background: rgba(128,128,128,.12); box-shadow: none;}
</style>"""


def _get(side: str) -> str:
    """Return a link that downloads a side; its name is none that tells the variant."""
    script = (
        f"this.href = this.closest('.p-vote').querySelector('.pv-{side} img, .pv-{side} video').src"
    )
    return f"<a class='pv-get-{side}' download='{side}' onclick=\"{script}\">Download</a>"


# a click on them must not take the focus, and with it the keys, from the vote
LINKS = (
    "<span class='p-vote-links' onmousedown='event.preventDefault()'>"
    f"<a {copies('pv-words', 'p-vote')}>Copy the prompt</a>{_get('left')}{_get('right')}</span>"
)

# the right one follows the left one, whatever each of them had to load
_IN_STEP = (
    "const other = this.closest('.pv-sides').querySelector('.pv-right video');"
    "if (other && other.duration) { const time = this.currentTime % other.duration;"
    "if (Math.abs(other.currentTime - time) > 0.12) other.currentTime = time; }"
)


@dataclass(frozen=True, slots=True)
class Side:
    """A picture or video on one side.

    Parameters
    ----------
    uri : str
        The file itself, as a data URI: an address would show its name.
    width, height : int
        Its shape, in pixels.
    is_video : bool
        Whether it plays.
    """

    uri: str = field(repr=False)
    width: int
    height: int
    is_video: bool = False


def stage(left: Side, right: Side, *, large: int, has_sound: bool = False) -> str:
    """Return both pictures, their longer sides equally long, and the width from which both fit.

    A picture counts as seen large from a longer side of `large` pixels on.
    """
    longest = max(left.width, left.height, right.width, right.height)
    least = min(large, longest)
    needed = [fit(side.width, side.height, least, enlarge=True)[0] for side in (left, right)]
    rule = (
        f"<style>@container pvote (min-width: {2 * max(needed) + _GAP}px) {{"
        ".p-vote-view-both .p-vote-wide, .p-vote-view-both .p-vote-only-wide "
        "{display: flex !important;}"
        ".p-vote-view-both .p-vote-narrow, .p-vote-view-both .p-vote-only-narrow, "
        ".p-vote-view-both .p-vote-lock {display: none !important;}}</style>"
    )
    sides = "".join(
        _side(name, side, longest, has_sound=has_sound)
        for name, side in (("left", left), ("right", right))
    )
    return f"{rule}<div class='pv-sides'>{sides}</div>"


def _side(name: str, side: Side, longest: int, *, has_sound: bool) -> str:
    width, height = fit(side.width, side.height, longest, enlarge=True)
    # Never wider than its place, never higher than the window allows, and never out of shape.
    style = (
        f"width:min(100%,{width}px,{_HEIGHT}*{width / height:.4f});height:auto;"
        f"aspect-ratio:{width}/{height}"
    )
    if side.is_video:
        # Browsers start only muted videos by themselves, before anything was clicked. Controls
        # would take the keys: there is a button for the sound.
        muted = "" if has_sound else " muted"
        step = f' ontimeupdate="{_IN_STEP}"' if name == "left" else ""
        media = f"<video src='{side.uri}' autoplay loop{muted}{step} playsinline style='{style}'>"
        media += f"the {name} video</video>"
    else:
        media = f"<img src='{side.uri}' alt='the {name} picture' style='{style}'>"
    return f"<div class='pv-side pv-{name}'>{media}</div>"


def prompt(text: str, note: str) -> str:
    """Return what both pictures have in common."""
    parts = []
    if text:
        parts.append(f"<p class='pv-words'>{isolated(text, _PROMPT_LIMIT)}</p>")
    if note:
        parts.append(f"<p class='pv-faint'>{isolated(note, _TEXT_LIMIT)}</p>")
    return f"<div class='{NO_MATH}'>{''.join(parts)}</div>" if parts else ""


def head(judged: int, total: int, *, at_pair: bool) -> str:
    """Return the progress, with a bar."""
    if not total:
        return ""
    share = 100 * judged / total
    text = f"{judged:,} of {total:,} judged"
    if at_pair:
        text = f"<strong>Pair {judged + 1:,} of {total:,}</strong>"
    return (
        f"<p>{text}</p><div class='pv-track'>"
        f"<div class='pv-done' style='width:{share:.1f}%'></div></div>"
    )


def intro(total: int, judged: int, left_out: Sequence[str], caution: str = "") -> str:
    """Return what the task is, and which keys there are."""
    task = (
        f"<p>{counted(total, 'pair')} of pictures"
        f"{f', {judged:,} of them judged' if judged else ''}. Which one is better? Their "
        "names are shown at the end.</p>"
    )
    keys = (
        ("F", "left is better"),
        ("J", "right is better"),
        ("T", "equally good"),
        ("B", "both bad"),
        ("U", "undo"),
        ("Space", "one at a time, large"),
        ("S", "side by side"),
        ("Click", "on a picture, or ← →: large; Esc or a click: back"),
        ("K", "keep the one that is large"),
    )
    legend = " &nbsp; ".join(f"<kbd>{key}</kbd> {what}" for key, what in keys)
    warning = f"<p style='margin-top:6px'>{isolated(caution, _TEXT_LIMIT)}</p>" if caution else ""
    return f"{task}{warning}<p style='margin-top:6px'>{legend}</p>{_left_out(left_out)}"


def outro(total: int, judged: int, left_out: Sequence[str]) -> str:
    """Return how many pairs were judged."""
    if not total:
        return f"<p>There is nothing to judge.</p>{_left_out(left_out)}"
    if judged >= total:
        text = f"All {counted(total, 'pair')} judged." if total > 1 else "The one pair is judged."
    else:
        text = f"{judged:,} of {counted(total, 'pair')} judged. All votes are kept."
    return f"<p>{text}</p>{_left_out(left_out)}"


def status(text: str) -> str:
    """Return a short message; nothing for an empty one."""
    return f"<p class='{NO_MATH}'>{isolated(text, _TEXT_LIMIT)}</p>" if text else ""


def lock(text: str) -> str:
    """Return what has to be done before a vote counts."""
    return f"<p class='pv-faint'>{text}</p>"


def _left_out(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    counts = Counter(reasons)
    items = "".join(
        f"<li>{isolated(reason, _TEXT_LIMIT)}{f' ({count:,} pairs)' if count > 1 else ''}</li>"
        for reason, count in counts.items()
    )
    number = counted(len(reasons), "pair")
    verb = "is" if len(reasons) == 1 else "are"
    return (
        f"<details class='{NO_MATH}' style='margin-top:6px'><summary>{number} {verb} left out"
        f"</summary><ul>{items}</ul></details>"
    )
