"""Prompt templates: one parser and one syntax for frames, comparisons and magics.

- ``{name}`` stands for the value of that name: a column's, an item's or a variable's. A name may
  hold spaces, dots and digits (``{first name}``, ``{item.name}``, ``{2}``).
- ``{name:.2f}`` formats it with a format specification of Python.
- ``{red|blue}`` is a choice: each of its words makes a prompt of its own, in every combination
  with those of other choices (`variants`). ``{very |}`` chooses between a word and nothing, and
  ``||`` is a literal bar inside a choice; elsewhere a bar is text.
- ``{{`` and ``}}`` are literal braces, so ``{{red|blue}}`` is text too.
- A brace before a quotation mark begins text, such as JSON, which ends with its closing brace:
  ``{"subject": "a {color} fox", "light": {"from": "left"}}``.

Everything else raises an error, since a wrong prompt would be paid for: ``{}``, a brace without
its partner, braces within a name, and unknown names.

Values are written as a table shows them: whole numbers without a decimal point even if a gap made
their column float (1920, not 1920.0), other numbers as Python writes them, dates as
``2024-05-01 00:00:00`` (``{day:%d %B}`` takes the format of `datetime.strftime`), decimals with all
their digits. A number given as text (``1.10``) can be formatted as a number. A list, a dict, bytes
or a picture raises an error, and so does a float that has lost digits.
"""

from __future__ import annotations

import csv
import itertools
import math
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

BRACES: Final = "Write {{ and }} for literal braces."
# From here on, a float cannot represent every whole number.
EXACT: Final = 2**53
# Text that is a number; Python's \d would take the digits of every script.
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BRACE = re.compile(r"[{}]")
# A format's sign, zeros, grouping and type: these apply to numbers only, or differ for text.
_FORMAT = re.compile(
    r"(?:.?[<>=^])?([-+ ]?)z?#?(0?)\d*([,_]?)(?:\.\d+)?([bcdeEfFgGnoxX%]?)", re.DOTALL
)
_SHOWN = 100
# An odd number of braces: the last one opens, those before it are literal ones. A brace before a
# quotation mark begins text.
_CHOICE = re.compile(r"(?<!\{)((?:\{\{)*)\{(?!\s*[\"'])([^{}|]*\|[^{}]*)\}(?=(?:\}\})*(?!\}))")
_VARIANTS_AT_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name in braces."""

    name: str
    spec: str  # the format after the colon; may be empty
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: its text, and the same as parts of text and placeholders."""

    source: str
    parts: tuple[str | Placeholder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its placeholders, in order, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if not isinstance(part, str)))

    def fill(self, values: Mapping[str, Any]) -> str:
        """Return the text with the values filled in; braces inside a value stay as they are.

        Raises
        ------
        InputError
            If a value is missing or cannot be written as text, or does not fit its format.
        """
        return "".join(
            part if isinstance(part, str) else written(part, values[part.name])
            for part in self.parts
        )

    def renamed(self, names: Mapping[str, str]) -> str:
        """Return the template with other names in its placeholders.

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
    """Return a template, parsed.

    Parameters
    ----------
    template : str
        See the module for the syntax.
    names : collection of str
        The known names. They decide where a name with a colon ends; otherwise the first colon
        begins the format.

    Raises
    ------
    InputError
        If it cannot be parsed.

    Examples
    --------
    >>> parse("a {color} {first name}, {color}, {{as is}}").names
    ('color', 'first name')
    >>> parse('{"scene": {"subject": "a {animal}"}}').fill({"animal": "fox"})
    '{"scene": {"subject": "a fox"}}'
    """
    parts: list[str | Placeholder] = []
    open_braces: list[str] = []  # those that are text: "{" or "{{"
    position = 0
    while match := _BRACE.search(template, position):
        start = match.start()
        parts.append(template[position:start])
        if match[0] == "}":
            # "}}" is one literal brace, except where it closes two braces of JSON.
            single = bool(open_braces) and open_braces[-1] == "{"
            if not single and not template.startswith("}}", start):
                raise _unreadable(template, f"the }} at position {start + 1} has no opening brace")
            if open_braces:
                open_braces.pop()
            parts.append("}")
            position = start + (1 if single else 2)
        elif template.startswith("{{", start):
            open_braces.append("{{")
            parts.append("{")
            position = start + 2
        elif (
            placeholder := _placeholder(template, start, names, within=bool(open_braces))
        ) is None:
            open_braces.append("{")
            parts.append("{")
            position = start + 1
        else:
            parts.append(placeholder)
            position = placeholder.end
    if "{" in open_braces:
        raise _unreadable(template, "a { is not closed")
    parts.append(template[position:])
    return Template(template, tuple(part for part in parts if part != ""))


def variants(
    template: str, names: Collection[str] = (), *, most: int = _VARIANTS_AT_MOST
) -> list[str]:
    """Return a template once for each combination of its choices, in order, each once.

    All are made and none is drawn, so that a seed is no part of the choice: two pictures of one
    seed differ by the choice alone.

    Parameters
    ----------
    template : str
        See the module for the syntax. What is no choice stays as it is.
    names : collection of str
        The known names; one of them is no choice, whatever it is called.
    most : int
        The combinations that are allowed.

    Raises
    ------
    InputError
        If there are more.

    Examples
    --------
    >>> variants("a {red|blue} {animal} {at noon|at night}")[:2]
    ['a red {animal} at noon', 'a red {animal} at night']
    >>> variants("a {very |}dark fox"), variants("{{red|blue}}"), variants("{a||b|c}")
    (['a very dark fox', 'a dark fox'], ['{{red|blue}}'], ['a|b', 'c'])
    """
    texts, choices, done = [], [], 0
    for match in _CHOICE.finditer(template):
        words = choice_of(match[2], names)
        if words:
            start = match.end(1)
            texts.append(template[done:start])
            choices.append(words)
            done = match.end()
    if (count := math.prod(map(len, choices))) > most:
        raise InputError(
            f"prompt: the choices of {template[:60]!r} have {count:,} combinations, which are too "
            f"many; {most:,} are allowed. Leave some of them out."
        )
    texts.append(template[done:])
    found = []
    for chosen in itertools.product(*choices):
        made = texts[0]
        for word, after in zip(chosen, texts[1:], strict=True):
            # where nothing is chosen, one of the two blanks around it is left
            gap = not word.strip() and (not made or made[-1].isspace())
            made += after.lstrip(" ") if gap else word + after
        found.append(made)
    return list(dict.fromkeys(found))


def choice_of(content: str, names: Collection[str] = ()) -> list[str]:
    """Return the words of a choice between its braces; none if it is a known name or no choice."""
    name, _, spec = content.partition(":")
    is_format = name and "|" not in name and _FORMAT.fullmatch(spec)
    known = any(content == one or content.startswith(f"{one}:") for one in names)
    words = content.replace("||", "\0").split("|")
    if known or is_format or len(words) == 1:
        return []
    return [word.replace("\0", "|") for word in words]


def replaced(prompts: Iterable[str], rule: str) -> list[str]:
    """Return prompts and their variants with a text replaced, as ``fox -> cat, dog`` says.

    Each prompt that holds the text comes first as it is, then with each of the replacements; other
    prompts stay as they are.

    Parameters
    ----------
    prompts : iterable of str
    rule : str
        One rule a line; several are combined. A replacement with a comma stands in quotation
        marks: ``fox -> "cat, black", dog``.

    Raises
    ------
    InputError
        If a rule cannot be read, or no prompt holds its text.

    Examples
    --------
    >>> replaced(["a fox", "an owl"], "fox -> cat, dog")
    ['a fox', 'a cat', 'a dog', 'an owl']
    """
    made = list(prompts)
    for line in filter(str.strip, rule.splitlines()):
        old, arrow, new = (part.strip() for part in line.partition("->"))
        words = [each.strip() for each in next(csv.reader([new], skipinitialspace=True), [])]
        if not old or not arrow or not any(words):
            msg = f"replace: {line.strip()[:60]!r} is not a rule; write it as fox -> cat, dog."
            raise InputError(msg)
        if made and not any(old in prompt for prompt in made):
            raise InputError(
                f"replace: no prompt holds {old[:60]!r}, so there is nothing to replace."
            )
        made = [
            text
            for prompt in made
            for text in [prompt, *(prompt.replace(old, word) for word in words if old in prompt)]
        ]
    return list(dict.fromkeys(made))


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
    # Other values are not compared with themselves: a picture would decode all its pixels.
    can_be_missing = isinstance(value, Number) or kind in {"datetime64", "timedelta64"}
    return can_be_missing and bool(value != value)  # noqa: PLR0124 - only NaN and NaT differ from themselves


def is_empty(value: object) -> bool:
    """Whether a value is missing or blank text.

    Examples
    --------
    >>> is_empty(None), is_empty(" "), is_empty("nan"), is_empty(0)
    (True, True, False, False)
    """
    return not value.strip() if isinstance(value, str) else is_missing(value)


def name_of(label: object) -> str:
    """Return the name of a column, an item's key or a variable in a template.

    Examples
    --------
    >>> name_of("first name"), name_of(2), name_of(("meta", "seed")), name_of(("output", ""))
    ('first name', '2', 'meta.seed', 'output')
    """
    if isinstance(label, tuple):
        return ".".join(str(part) for part in label if not (isinstance(part, str) and not part))
    return str(label)


def plain_number(value: Any) -> Any:
    """Return numpy's numbers as Python's own, a whole float as an int, other values unchanged."""
    kind = getattr(value.dtype, "kind", "") if is_scalar(value) else ""
    if kind in tuple("biuf"):
        # float(text) keeps 0.1 of a float32; item() would be 0.10000000149011612.
        value = float(str(value)) if kind == "f" else value.item()
    exact = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    return int(value) if exact else value


def value_text(value: Any, spec: str = "") -> str:
    """Return a value as it is written into a prompt.

    Raises
    ------
    ValueError, TypeError
        If it does not fit the format, or is missing, or is not text, a number or a date.

    Examples
    --------
    >>> value_text(1920.0), value_text(3.5), value_text(20, ".2f"), value_text(7.0, "03d")
    ('1920', '3.5', '20.00', '007')
    """
    if is_missing(value):
        raise ValueError("it is empty")
    value = plain_number(value)
    if isinstance(value, str):
        form = _FORMAT.fullmatch(spec)
        if form is not None and any(form.groups()):  # one of numbers: the text is read as one
            if not NUMBER.fullmatch(value.strip()):
                raise ValueError("it is not a number")
            number = Decimal(value.strip())
            value = int(number) if number == number.to_integral_value() else number
    elif isinstance(value, float) and value.is_integer() and spec[-1:] not in tuple("eEfFgGn%"):
        # Such a number is often an ID in a column that a gap made float: 2**60 and its
        # neighbours all became 1.152921504606847e+18.
        raise ValueError(
            "a float of 2**53 or more has lost the last digits of a whole number; read the column "
            'as integers (dtype "Int64"), or choose a format such as :g'
        )
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return format(value, spec)
        except ValueError:  # such as ".3", which is not allowed for int
            return format(float(value), spec)
    # object.__str__ gives an address in memory, or a class's repr for debuggers.
    to_text: object = type(value).__str__
    is_opaque = isinstance(value, (Iterable, memoryview)) or to_text is object.__str__
    if is_opaque and not isinstance(value, (str, Number)):
        raise TypeError(f"it is of type {type(value).__name__}; use text, numbers or dates")
    return format(value, spec)


def _placeholder(
    template: str, start: int, names: Collection[str], *, within: bool
) -> Placeholder | None:
    """Return the placeholder that begins at a brace; None if the brace is text."""
    end = _BRACE.search(template, start + 1)
    content = template[start + 1 : end.start() if end else None]
    closed = end is not None and end[0] == "}"
    # The longest known name counts: names may hold colons, as formats do.
    name, colon, spec = content, ":", ""
    while closed and colon and name not in names:
        name, colon, rest = name.rpartition(":")
        spec = f"{rest}:{spec}" if spec else rest
    if closed and colon:
        return Placeholder(name, spec, start, start + len(content) + 2)
    text = content.strip()
    if text[:1] in {'"', "'"} or (closed and within and not text):
        return None
    if not closed:
        what = "is not closed" if end is None else "holds another brace"
        raise _unreadable(template, f"the {{ at position {start + 1} {what}")
    if not text:
        raise _unreadable(template, f"{{{content}}} has no name")
    name, _, spec = content.partition(":")
    return Placeholder(name, spec, start, start + len(content) + 2)


def _unreadable(template: str, why: str) -> InputError:
    return InputError(f"The template {template[:_SHOWN]!r} cannot be read: {why}. {BRACES}")


def written(part: Placeholder, value: Any) -> str:
    """Return a value as its placeholder writes it; `InputError` if it does not fit the format."""
    try:
        return value_text(value, part.spec)
    except (ValueError, TypeError, OverflowError) as error:
        shown = f"{part.name}:{part.spec}" if part.spec else part.name
        raise InputError(
            f"{{{shown}}} in the template does not fit {repr(value)[:_SHOWN]}: {error}."
        ) from None
