"""Prompt templates: one parser and one dialect for frames, comparisons and magics.

- ``{name}`` stands for the value of that name: a column's, an item's or a variable's. A name may
  hold spaces, dots and digits (``{first name}``, ``{item.name}``, ``{2}``).
- ``{name:.2f}`` writes it in a format of Python's.
- ``{{`` and ``}}`` are braces that are meant as such.
- A brace that a quotation mark follows begins text, such as JSON, and ends with the brace that
  closes it: ``{"subject": "a {color} fox", "light": {"from": "left"}}``.

All else is refused, since what is sent is paid for: ``{}``, a brace without its partner, braces
within a name, and names that nothing fills.

Values are written as the table shows them: whole numbers without a point also where a gap made
their column float (1920, not 1920.0), other numbers as Python writes them, dates as
``2024-05-01 00:00:00`` (``{day:%d %B}`` takes the format of `datetime.strftime`), decimals with all
their digits. A number that stands as text (``1.10``) takes a number's format. A list, a dict, bytes
or a picture is no text, and is refused, and so is a float whose last digits are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from numbers import Number
from typing import TYPE_CHECKING, Any, Final

from pruna_nb.errors import InputError
from pruna_nb.text import is_scalar

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

BRACES: Final = "Write {{ and }} for braces that are meant as such."
EXACT: Final = 2**53
"""From here on a float no longer tells neighbouring whole numbers apart."""
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
"""Text that says a number, in digits as programs write them."""
_BRACE = re.compile(r"[{}]")
# A format's sign, zeros, grouping and type: all that only a number takes, or text takes otherwise.
_FORMAT = re.compile(
    r"(?:.?[<>=^])?([-+ ]?)z?#?(0?)\d*([,_]?)(?:\.\d+)?([bcdeEfFgGnoxX%]?)", re.DOTALL
)
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in braces.

    Parameters
    ----------
    name : str
        What fills it.
    spec : str
        The format behind the colon; empty for none.
    start, end : int
        Where it stands in the template.
    """

    name: str
    spec: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """A template as `parse` read it.

    Parameters
    ----------
    source : str
        As it was written.
    parts : tuple of str and Placeholder
        Text, and what is filled in between.
    """

    source: str
    parts: tuple[str | Placeholder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it asks for, in order, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if not isinstance(part, str)))

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the text with the values filled in; braces inside a value stay as they are.

        Raises
        ------
        InputError
            If a value is missing or no text, or its format does not suit it.
        """
        return "".join(
            part if isinstance(part, str) else _written(part, values[part.name])
            for part in self.parts
        )

    def renamed(self, names: Mapping[str, str]) -> str:
        """Return the template that takes its values by other names.

        Examples
        --------
        >>> parse("a {color} {price:.2f} {{color}}").renamed({"color": "shade"})
        'a {shade} {price:.2f} {{color}}'
        """
        pieces, done = [], 0
        for part in self.parts:
            if not isinstance(part, str) and part.name in names:
                start = part.start + 1
                pieces += [self.source[done:start], names[part.name]]
                done = start + len(part.name)
        return "".join([*pieces, self.source[done:]])


def parse(template: str, names: Collection[str] = ()) -> Template:
    """Read a template.

    Parameters
    ----------
    template : str
        See the module for the dialect.
    names : collection of str
        The names that there are. They decide where a name ends that holds a colon; without
        them the first colon begins the format.

    Raises
    ------
    InputError
        If it cannot be read.

    Examples
    --------
    >>> parse("a {color} {first name}, {color}, {{as is}}").names
    ('color', 'first name')
    >>> parse('{"scene": {"subject": "a {animal}"}}').fill({"animal": "fox"})
    '{"scene": {"subject": "a fox"}}'
    """
    parts: list[str | Placeholder] = []
    open_braces: list[str] = []  # that are text, as they were written: "{" or "{{"
    place = 0
    while match := _BRACE.search(template, place):
        start = match.start()
        parts.append(template[place:start])
        if match[0] == "}":
            # Two braces that close are one, but where they close two that opened singly: JSON.
            single = bool(open_braces) and open_braces[-1] == "{"
            if not single and not template.startswith("}}", start):
                raise _unreadable(template, f"the }} at position {start + 1} closes nothing")
            if open_braces:
                open_braces.pop()
            parts.append("}")
            place = start + (1 if single else 2)
        elif template.startswith("{{", start):
            open_braces.append("{{")
            parts.append("{")
            place = start + 2
        elif (found := _placeholder(template, start, names, within=bool(open_braces))) is None:
            open_braces.append("{")
            parts.append("{")
            place = start + 1
        else:
            parts.append(found)
            place = found.end
    if "{" in open_braces:
        raise _unreadable(template, "a { is not closed")
    parts.append(template[place:])
    return Template(template, tuple(part for part in parts if part != ""))


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, NaT or NA, of Python, numpy, pandas or decimal.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(None), is_missing(""), is_missing(0)
    (True, True, False, False)
    """
    if value is None:
        return True
    if isinstance(value, (str, bool, int)):
        return False
    if isinstance(value, Decimal):
        return value.is_nan()  # a signaling one raises where it is compared
    kind = type(value).__name__
    if kind in {"NAType", "NaTType"}:  # pandas' own
        return True
    # Nothing else is compared with itself: a picture would decode all its pixels for that.
    can_be_missing = isinstance(value, Number) or kind in {"datetime64", "timedelta64"}
    return can_be_missing and bool(value != value)  # noqa: PLR0124 - what NaN and NaT are known by


def is_empty(value: object) -> bool:
    """Whether a value leaves nothing to write into a template: missing, or blank text.

    Examples
    --------
    >>> is_empty(None), is_empty(" "), is_empty("nan"), is_empty(0)
    (True, True, False, False)
    """
    return not value.strip() if isinstance(value, str) else is_missing(value)


def name_of(label: object) -> str:
    """Return what a template calls a column, an item's key or a variable.

    Examples
    --------
    >>> name_of("first name"), name_of(2), name_of(("meta", "seed")), name_of(("output", ""))
    ('first name', '2', 'meta.seed', 'output')
    """
    if isinstance(label, tuple):
        return ".".join(str(part) for part in label if not (isinstance(part, str) and not part))
    return str(label)


def plain_number(value: Any) -> Any:
    """Return numpy's numbers as Python's own, and a whole float as the int that it is equal to.

    Other values are returned as they are.
    """
    kind = getattr(value.dtype, "kind", "") if is_scalar(value) else ""
    if kind in tuple("biuf"):
        # numpy's own text has the digits of a float32, Python's those of the float64 beside it.
        value = float(str(value)) if kind == "f" else value.item()
    exact = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    return int(value) if exact else value


def value_text(value: Any, spec: str = "") -> str:
    """Return a value as a prompt says it.

    Raises
    ------
    ValueError, TypeError
        If the format does not suit it, or if it is missing or no text, number or date.

    Examples
    --------
    >>> value_text(1920.0), value_text(3.5), value_text(20, ".2f"), value_text(7.0, "03d")
    ('1920', '3.5', '20.00', '007')
    """
    if is_missing(value):
        raise ValueError("it is empty")
    value = plain_number(value)
    if isinstance(value, str):
        value = _formatted_as(value, spec)
    elif isinstance(value, float) and value.is_integer() and spec[-1:] not in tuple("eEfFgGn%"):
        # A whole number of that size in a column of floats is an ID beside a gap: 2**60 is
        # 1.152921504606847e+18 there, and its neighbours too.
        msg = (
            "a float of 2**53 or more has lost the last digits of a whole number; keep the column "
            'whole (dtype "Int64"), or choose a format such as :g'
        )
        raise ValueError(msg)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return format(value, spec)
        except ValueError:  # such as ".3", which whole numbers don't take
            return format(float(value), spec)
    if not isinstance(value, (str, Number)) and _is_no_text(value):
        kind = type(value).__name__
        msg = f"it is of type {kind}; text, numbers and dates fit"
        raise TypeError(msg)
    return format(value, spec)


def _formatted_as(value: str, spec: str) -> str | int | Decimal:
    """Return text that is to be written in a number's format as the number that it says."""
    found = _FORMAT.fullmatch(spec)
    if found is None or not any(found.groups()):
        return value
    text = value.strip()
    if not NUMBER.fullmatch(text):
        raise ValueError("it is not a number")
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def _placeholder(
    template: str, start: int, names: Collection[str], *, within: bool
) -> Placeholder | None:
    """Return the placeholder that a brace begins; None where the brace is text."""
    end = _BRACE.search(template, start + 1)
    content = template[start + 1 : end.start() if end else None]
    closed = end is not None and end[0] == "}"
    if closed and (found := _split(content, names)) is not None:
        return Placeholder(*found, start, start + len(content) + 2)
    text = content.strip()
    if text[:1] in {'"', "'"} or (closed and within and not text):
        return None
    if not closed:
        what = "is not closed" if end is None else "holds another"
        raise _unreadable(template, f"the {{ at position {start + 1} {what}")
    if not text:
        raise _unreadable(template, f"{{{content}}} names nothing")
    name, _, spec = content.partition(":")
    return Placeholder(name, spec, start, start + len(content) + 2)


def _split(content: str, names: Collection[str]) -> tuple[str, str] | None:
    """Part a known name from its format; the longest name counts, since names may hold colons."""
    name, spec = content, ""
    while name not in names:
        name, colon, rest = name.rpartition(":")
        if not colon:
            return None
        spec = f"{rest}:{spec}" if spec else rest
    return name, spec


def _unreadable(template: str, why: str) -> InputError:
    return InputError(f"The template {template[:_SHOWN]!r} cannot be read: {why}. {BRACES}")


def _written(part: Placeholder, value: Any) -> str:
    try:
        return value_text(value, part.spec)
    except (ValueError, TypeError, OverflowError) as error:
        shown = f"{part.name}:{part.spec}" if part.spec else part.name
        msg = f"{{{shown}}} in the template does not suit {repr(value)[:_SHOWN]}: {error}."
        raise InputError(msg) from None


def _is_no_text(value: object) -> bool:
    # object.__str__ tells an address in memory, or what the class says for debuggers.
    return isinstance(value, (Iterable, memoryview)) or type(value).__str__ is object.__str__
