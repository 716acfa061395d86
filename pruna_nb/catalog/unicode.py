"""Values that JSON cannot carry unchanged, found before they are sent."""

from __future__ import annotations

from pruna_nb.redact import is_masked

# The largest float lies between 2**1023 and 2**1024.
_BITS_OF_A_FLOAT = 1023


def broken_at(value: object) -> tuple[str, int] | None:
    r"""Return where a text holds a lone surrogate, such as after a cut inside an emoji.

    UTF-8 cannot encode it, so no service, file or database accepts it.

    Returns
    -------
    tuple of str and int, or None
        The text and the position; in a list or a dict, of the first such text.

    Examples
    --------
    >>> broken_at("a fox \ud83e"), broken_at(["a fox", "größe"])
    (('a fox \ud83e', 6), None)
    """
    if isinstance(value, str):
        if not value.isascii():  # Python knows this of each text; encoding would copy it
            try:
                value.encode()
            except UnicodeEncodeError as error:
                return value, error.start
        return None
    return next((found for part in _parts(value) if (found := broken_at(part)) is not None), None)


def unsendable(value: object) -> str | None:
    """Return why no service would receive a value unchanged, and what to do; None if it would."""
    if (broken := broken_at(value)) is not None:
        text, position = broken
        shown = ascii(text[max(0, position - 20) : position + 1])
        return (
            f"holds half a character at position {position + 1} ({shown}), as text does that was "
            "cut inside an emoji; it is not valid Unicode. Correct the text."
        )
    if is_masked(value):
        return (
            "holds an address with *** in place of its secret part, as records and histories have "
            "it; the service could not fetch it. Give the whole address."
        )
    if _is_too_large(value):
        return "holds a number of more than 308 digits, which JSON cannot carry. Correct it."
    return None


def _is_too_large(value: object) -> bool:
    # Most JSON readers turn a number into a float, and Python refuses one of 4,300 digits.
    if isinstance(value, int):
        return value.bit_length() > _BITS_OF_A_FLOAT
    return any(map(_is_too_large, _parts(value)))


def _parts(value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value)
    # A dict's keys are text that is sent too.
    return [*value, *value.values()] if isinstance(value, dict) else []
