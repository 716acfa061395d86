"""Text helpers: values in error messages, similar names, and untrusted text made safe to show.

A prompt may hold markup, dollar signs that JupyterLab reads as mathematics, control characters,
marks that reverse the direction of what follows, or a hundred thousand characters.
"""

from __future__ import annotations

import difflib
import html
import re
import unicodedata
from collections.abc import Iterable, Sized
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pruna_nb.redact import redact_addresses

if TYPE_CHECKING:
    from pruna_nb.errors import PrunaError

CAPTION_LIMIT = 140
"""Characters of a caption below a picture; the alt text has more of it."""

ALT_LIMIT = 1_000
"""Characters of an alt text."""

# CSS classes that stop MathJax from reading ``$`` as mathematics: MathJax 3 knows the first, 2 the
# second.
NO_MATH = "mathjax_ignore tex2jax_ignore"

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # C0 and C1, but for tab and line ends
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"  # direction, zero width
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # byte order mark, interlinear, tags
    "\ud800-\udfff]"  # lone surrogates: no encoding accepts them
)
_SPACE = re.compile(r"\s+")
_MEGABYTE = 950_000  # from here on, "1.0 MB" is clearer than "950 kB"
_JOINER = "\u200d"
_SHOWN_AT_MOST = 60
_COMPARED_AT_MOST = 128  # difflib's time grows with the square of the length
_BITS_AT_MOST = 4096
_ONE_LINE_AT_MOST = 1200
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PLAIN = (str, bytes, int, float, Decimal, Fraction, PurePath, timedelta, type(None))


def shown(value: object, most: int = _SHOWN_AT_MOST) -> str:
    """Return the repr of a value in one line, cut off if it is long.

    Examples
    --------
    >>> shown("60"), shown(object()), shown("x" * 100, 5), shown(10**5000)
    ("'60'", '<object object>', "'xxxx…", 'a number too long to show')
    """
    if isinstance(value, int) and value.bit_length() > _BITS_AT_MOST:
        return "a number too long to show"  # Python refuses more than 4,300 digits
    if isinstance(value, (str, bytes)) and len(value) > most:
        value = value[: most + 1]
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except Exception:  # noqa: BLE001 - a failing repr must not hide the error that names the value
        return f"<{type(value).__name__}>"
    text = " ".join(_ADDRESS.sub("", text).splitlines())
    return text if len(text) <= most else f"{text[:most]}…"


def described(value: object) -> str:
    """Return a value as an error names it: plain values by their repr, others by their type.

    Examples
    --------
    >>> described("60"), described([1, 2]), described(object)
    ("'60'", 'a list of 2', 'a type')
    """
    if isinstance(value, _PLAIN):
        return shown(value)
    kind = type(value).__name__
    if is_scalar(value) or kind in {"NAType", "NaTType"}:
        return shown(value)
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    if isinstance(value, Sized):
        try:
            return f"{article} {kind} of {len(value):,}"
        except Exception:  # noqa: BLE001 - the type says enough
            return f"{article} {kind}"
    return f"{article} {kind}"


def is_scalar(value: Any) -> bool:
    """Whether a value is one of numpy's scalars, or an array without a dimension."""
    # The class is asked: an object may have attributes of any name, or raise for them.
    kind = type(value)
    return all(hasattr(kind, name) for name in ("item", "ndim", "dtype")) and value.ndim == 0


def near_names(name: object, names: Iterable[str], *, alike: float = 0.6) -> list[str]:
    """Return up to three of the names that are like the one given, the nearest first.

    Case does not count, and neither does "_", "-" or a space between words.

    Examples
    --------
    >>> near_names("Aspect-Ration", ["seed", "aspect_ratio"])
    ['aspect_ratio']
    """
    folded = {fold_name(known): known for known in names}
    text = name if isinstance(name, str) else shown(name)
    near = difflib.get_close_matches(fold_name(text[:_COMPARED_AT_MOST]), folded, n=3, cutoff=alike)
    return [folded[match] for match in near]


def did_you_mean(near: Iterable[str]) -> str:
    """Return " Did you mean ...?" for an error's text; "" where no name is near."""
    meant = " or ".join(near)
    return f" Did you mean {meant}?" if meant else ""


def fold_name(name: str) -> str:
    """Return a name in small letters, with "-" for whatever separates its words."""
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def one_line(text: object) -> str:
    """Return a text, or that of an error, on one line, with secrets in its URLs masked."""
    return cut(redact_addresses(" ".join(str(text).split())), _ONE_LINE_AT_MOST)


def brief(error: PrunaError) -> str:
    """Return an error's status, code and message, without what was charged and what to do."""
    parts = [getattr(error, name, None) for name in ("status", "code", "message")]
    return one_line(" ".join(str(part) for part in parts if part is not None) or error)


def visible(text: str) -> str:
    r"""Return a text on one line, with a visible sign for each invisible control character.

    Parameters
    ----------
    text : str
        Any text, also one with lone surrogates.

    Returns
    -------
    str
        Text that every encoding of Unicode accepts. Joiners, which emoji and several scripts
        need, are left.

    Examples
    --------
    >>> visible("a\x00b\u202ec")
    'a␀b⟨U+202E⟩c'
    """

    def sign(match: re.Match[str]) -> str:
        character = match.group()
        if character < " ":
            return chr(0x2400 + ord(character))
        if character == "\x7f":
            return "\u2421"
        if "\ud800" <= character <= "\udfff":
            return "\ufffd"
        return f"\u27e8U+{ord(character):04X}\u27e9"

    return _SPACE.sub(" ", _HIDDEN.sub(sign, text)).strip()


def cut(text: str, limit: int) -> str:
    """Return a text cut to at most `limit` characters, including the ellipsis.

    Parameters
    ----------
    text : str
    limit : int
        At least 1.

    Returns
    -------
    str
        The text itself if it is short enough; else its beginning, cut between two words if
        possible, and never inside a character that is joined of several.

    Examples
    --------
    >>> cut("a small red fox", 10)
    'a small…'
    """
    if len(text) <= limit:
        return text
    end = limit - 1

    def is_inside_character(at: int) -> bool:
        return (
            _JOINER in text[at - 1 : at + 1]
            or unicodedata.category(text[at]) in {"Mn", "Me", "Mc"}
            or "\U0001f3fb" <= text[at] <= "\U0001f3ff"  # skin tones
        )

    # At most 16 characters are searched: a text may consist of combining marks alone.
    while end > max(0, limit - 17) and is_inside_character(end):
        end -= 1
    space = text.rfind(" ", end - limit // 4, end + 1)
    if space > 0:
        end = space
    return text[:end].rstrip() + "…"


def visible_line(text: object, limit: int) -> str:
    r"""Return any value as one line of visible text of at most `limit` characters.

    Examples
    --------
    >>> visible_line("a\tfox", 20)
    'a fox'
    """
    whole = str(text)
    # A prompt of 100,000 characters is not processed for the 140 that are shown.
    head = whole[: 8 * limit]
    seen = visible(redact_addresses(head))
    return cut(seen + "…" if len(whole) > len(head) else seen, limit)


def escaped(text: object, limit: int) -> str:
    """Return any value as HTML text that is also safe in a quoted attribute.

    Parameters
    ----------
    text : object
        Shown as ``str(text)``.
    limit : int
        The most characters that are shown.

    Returns
    -------
    str
        One line of HTML.

    Examples
    --------
    >>> escaped("<b>fox</b>", 40)
    '&lt;b&gt;fox&lt;/b&gt;'
    """
    return html.escape(visible_line(text, limit), quote=True)


def isolated(text: object, limit: int) -> str:
    """Return escaped text whose reading direction cannot affect what is around it.

    Examples
    --------
    >>> isolated("a fox", 40)
    '<bdi>a fox</bdi>'
    """
    return f"<bdi>{escaped(text, limit)}</bdi>"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun and a separator of thousands.

    Examples
    --------
    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def seconds_in(text: str) -> float | None:
    """Return the seconds of a duration as it is written; None if it is none.

    Examples
    --------
    >>> seconds_in("90m"), seconds_in("7 d"), seconds_in("soon")
    (5400.0, 604800.0, None)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text)
    return float(match[1]) * _UNITS[match[2]] if match else None


def megabytes(size: int) -> str:
    """Return a number of bytes in kB or MB.

    Examples
    --------
    >>> megabytes(1_000_000), megabytes(64_200)
    ('1.0 MB', '64 kB')
    """
    return f"{size / 1e6:.1f} MB" if size >= _MEGABYTE else f"{max(1, round(size / 1e3))} kB"
