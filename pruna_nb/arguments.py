"""Validation of arguments: numbers, durations, amounts, switches, choices, paths, texts.

A call reads all its arguments with one `Problems`, which is raised before anything is sent: one
error with a line for each mistake, instead of one error after another.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from pruna_nb.errors import (
    ColumnError,
    InputError,
    PrunaError,
    SettingsError,
    TooLargeError,
    UnknownModelError,
)
from pruna_nb.text import described, did_you_mean, is_scalar, near_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

T = TypeVar("T")
Amount: TypeAlias = "float | Decimal"
"""An amount of money, as an argument."""
Seconds: TypeAlias = "float | timedelta"
"""A duration, as an argument."""
Tags: TypeAlias = "str | Iterable[str]"
"""A tag or several, as an argument."""
MISTAKES = (SettingsError, ColumnError, UnknownModelError, InputError, TooLargeError)
"""The errors that mean that a call is wrong; others mean that something failed."""
_LINES_AT_MOST = 20
_TAGS_AT_MOST = 20
_TAG_LENGTH = 100
# How a URL begins. At least two letters, since C: is a drive; one slash, since `Path` joins two.
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


class Problems:
    """The mistakes of a call, to be raised as one error.

    Examples
    --------
    >>> problems = Problems()
    >>> timeout = problems.read(seconds, "timeout", "60", instead=None)
    >>> samples = problems.read(whole, "samples", 0, instead=1)
    >>> try:
    ...     problems.check()
    ... except InputError as error:
    ...     print(error)
    This call cannot be made; nothing was sent:
      timeout must be a number of seconds above 0, or None for the default; '60' was given.
      samples must be a whole number of 1 or more; 0 was given.
    """

    def __init__(self) -> None:
        self._errors: list[PrunaError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def errors(self) -> Sequence[PrunaError]:
        """The mistakes so far, in the order in which they were noted."""
        return self._errors

    def add(self, error: PrunaError) -> None:
        """Add the mistakes of an error, unless the same error is there already."""
        if (type(error), str(error)) not in [(type(each), str(each)) for each in self._errors]:
            self._errors.append(error)

    def noted(self) -> Self:
        """Return a context manager that adds the mistake raised in its block, and goes on."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Add a mistake; other exceptions are raised."""
        if isinstance(error, MISTAKES):
            self.add(error)
            return True
        return False

    def read(self, reader: Callable[..., T], *args: Any, instead: T, **more: Any) -> T:
        """Return the value that a reader returns, or `instead` if the argument is wrong."""
        with self.noted():
            return reader(*args, **more)
        return instead

    def check(self, subject: str = "This call cannot be made; nothing was sent") -> None:
        """Raise the mistakes, if there are any, as one error.

        Parameters
        ----------
        subject : str
            The first line, if there are several mistakes.

        Raises
        ------
        SettingsError, ColumnError, UnknownModelError, InputError
            A single error as it is; several of one class as that class, others as
            `InputError`.
        """
        if not self._errors:
            return
        if len(self._errors) == 1:
            raise self._errors[0]
        # Several models may be told the same.
        lines = list(dict.fromkeys(line for error in self._errors for line in lines_of(error)))
        kinds = {type(error) for error in self._errors}
        kind = kinds.pop() if len(kinds) == 1 else InputError
        if kind is TooLargeError:
            kind = InputError
        error = kind(listed(f"{subject}:", lines))
        error.problems = lines
        raise error from None


def lines_of(error: PrunaError) -> Sequence[str]:
    """Return the mistakes of an error, each as a text."""
    if error.problems:
        return error.problems
    # An API error also says whether it was charged, which the whole call says once.
    return [error.message if isinstance(error, TooLargeError) else str(error)]


def listed(head: str, lines: Sequence[str]) -> str:
    """Return a first line with the mistakes below it: the first 20, and how many more."""
    shown = [line.replace("\n", "\n  ") for line in lines[:_LINES_AT_MOST]]
    more = len(lines) - _LINES_AT_MOST
    if more > 0:
        shown.append(f"and {more:,} more (all are in the error's .problems)")
    return "\n  ".join([head, *shown])


def choice(name: str, value: object, choices: Sequence[str]) -> Any:
    """Return an argument that must be one of the choices.

    Raises
    ------
    SettingsError
        If it is not one of them.
    """
    if isinstance(value, str) and value in choices:
        return str.__str__(value)
    allowed = ", ".join(map(repr, choices))
    meant = did_you_mean(map(repr, near_names(value, choices))) if isinstance(value, str) else ""
    raise SettingsError(f"{name} must be one of {allowed}; {described(value)} was given.{meant}")


def switch(name: str, value: object) -> bool:
    """Return True or False; 1, 0 and numpy's are accepted.

    Raises
    ------
    SettingsError
        If it is anything else: any text, even "False", would count as True.
    """
    plain = _scalar(value)
    if isinstance(plain, bool) or (isinstance(plain, Integral) and plain in (0, 1)):
        return bool(plain)
    raise SettingsError(f"{name} must be True or False; {described(value)} was given.")


def seconds(name: str, value: object, *, zero: bool = False) -> float | None:
    """Return a duration in seconds; None stays None.

    Parameters
    ----------
    name : str
        The name of the argument.
    value : number, timedelta or None
        Those of numpy and pandas too.
    zero : bool
        Whether 0 is allowed.

    Raises
    ------
    SettingsError
        If it is not a finite duration.

    Examples
    --------
    >>> from datetime import timedelta
    >>> seconds("timeout", timedelta(minutes=1)), seconds("timeout", Decimal("2.5"))
    (60.0, 2.5)
    """
    if value is None:
        return None
    number: float | None = None
    if type(value).__name__ == "timedelta64":  # numpy's, by name: numpy need not be imported here
        span: Any = value
        value = span.astype("timedelta64[us]").item()
    if isinstance(value, timedelta):
        with contextlib.suppress(ValueError, AttributeError):  # pandas' NaT
            number = value.total_seconds()
    elif (plain := _number(value)) is not None:
        with contextlib.suppress(OverflowError, ValueError):  # too large, or a signaling NaN
            number = float(plain)
    if number is not None and math.isfinite(number) and (number > 0 or (zero and number == 0)):
        return number
    allowed = "of 0 or more" if zero else "above 0"
    raise SettingsError(
        f"{name} must be a number of seconds {allowed}, or None for the default; "
        f"{described(value)} was given."
    )


def usd(name: str, value: object) -> Decimal | None:
    """Return an amount of USD, exactly as it was written; None stays None.

    Raises
    ------
    SettingsError
        If it is not an amount of 0 or more: a limit of NaN would never be exceeded.

    Examples
    --------
    >>> usd("max_cost_usd", 2.56), usd("max_cost_usd", 20)
    (Decimal('2.56'), Decimal('20'))
    """
    if value is None:
        return None
    amount = _exact(value)
    if amount is not None and amount.is_finite() and amount >= 0:
        return amount
    raise SettingsError(
        f"{name} must be 0 USD or more, or None for no limit; it is {described(value)}."
    )


def _exact(value: object) -> Decimal | None:
    number = _number(value)
    if number is None:
        return None
    if isinstance(number, Decimal):
        return number
    if isinstance(number, Integral):
        return Decimal(int(number))
    if isinstance(number, Fraction):
        return Decimal(number.numerator) / number.denominator
    # The text of a float is what was typed: 2.56 stays 2.56, and so does numpy's float32(2.56).
    text = str(value) if "float" in type(value).__name__ else str(float(number))
    return Decimal(text)


def whole(name: str, value: object, *, least: int | None = 1, most: int | None = None) -> int:
    """Return a whole number; 2.0 and numpy's are accepted.

    Raises
    ------
    InputError
        If it is not a whole number, too small or too large.
    """
    number = _number(value)
    try:
        if number is not None and number == int(number):
            whole_number = int(number)
            is_enough = least is None or whole_number >= least
            if is_enough and (most is None or whole_number <= most):
                return whole_number
    except (OverflowError, ValueError):  # infinity, and what is not a number
        pass
    allowed = "" if least is None else f" of {least} or more"
    allowed = allowed if most is None else f" of {least} to {most:,}"
    raise InputError(f"{name} must be a whole number{allowed}; {described(value)} was given.")


def share(name: str, value: object) -> float:
    """Return a number between 0 and 1, such as a confidence.

    Raises
    ------
    InputError
        If it is not such a number, or 0 or 1.
    """
    number = _number(value)
    with contextlib.suppress(ValueError, OverflowError):
        if number is not None and 0 < float(number) < 1:
            return float(number)
    raise InputError(f"{name} must be a number between 0 and 1; {described(value)} was given.")


def path(name: str, value: object) -> Path:
    """Return a path, with the home folder in place of ``~``.

    Raises
    ------
    InputError
        If it is neither a text nor a path, or not a valid path.
    """
    plain = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(plain, str):
        raise InputError(f"{name} must be a path; {described(value)} was given.")
    plain = text(name, plain)
    if not plain.strip() or "\0" in plain:
        raise InputError(f"{name} must be a path; {described(plain)} was given.")
    if address := ADDRESS.match(plain.strip()):
        raise InputError(f"{name} must be a path on this machine, not {address[1]}://...")
    try:
        return Path(plain).expanduser()
    except RuntimeError:  # ~name of an unknown user
        return Path(plain)


def text(name: str, value: object) -> str:
    """Return a text.

    Raises
    ------
    InputError
        If it is not a text, or not valid Unicode.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text; {described(value)} was given.")
    plain = str.__str__(value)  # str() of an enum's member is its name, not its value
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name} is not valid Unicode; {described(value)} was given.") from None
    return plain


def texts(name: str, value: object) -> tuple[str, ...] | None:
    """Return one text or several; None stays None."""
    if value is None:
        return None
    several = value if isinstance(value, (list, tuple)) else [value]
    return tuple(text(name, each) for each in several)


def tags(name: str, value: object) -> tuple[str, ...]:
    """Return tags, each once; one text may hold several, with commas between them.

    Raises
    ------
    InputError
        If they are not texts, or too many or too long.

    Examples
    --------
    >>> tags("tag", "spring, sale"), tags("tag", ["spring", "spring"]), tags("tag", None)
    (('spring', 'sale'), ('spring',), ())
    """
    if value is None:
        return ()
    given: Any = value
    if not isinstance(value, str):
        listed = hasattr(type(value), "tolist") and getattr(value, "ndim", 0) == 1
        given = given.tolist() if listed else given
        if not isinstance(given, (list, tuple, set, frozenset)):
            raise InputError(
                f"{name} must be a text or a list of texts; {described(value)} was given."
            )
    texts = [text(name, each) for each in ([given] if isinstance(given, str) else given)]
    found = [part.strip() for each in texts for part in each.split(",")]
    unique = tuple(dict.fromkeys(part for part in found if part))
    if len(unique) > _TAGS_AT_MOST:
        raise InputError(f"{name} takes up to {_TAGS_AT_MOST} tags; {len(unique):,} were given.")
    for part in unique:
        if len(part) > _TAG_LENGTH or not part.isprintable():
            raise InputError(
                f"{name} takes texts of one line, up to {_TAG_LENGTH} characters each; "
                f"{described(part)} was given."
            )
    return unique


def _scalar(value: Any) -> object:
    """Return a value; numpy's scalars and arrays without a dimension as Python's own."""
    return value.item() if is_scalar(value) else value


def _number(value: object) -> Any:
    """Return a number as Python's own; None for anything else, also for a bool."""
    plain = _scalar(value)
    if isinstance(plain, bool) or not isinstance(plain, (Real, Decimal)):
        return None
    return plain
