"""Values that JSON does not carry whole, found before they are sent."""

from __future__ import annotations

_BITS_OF_A_FLOAT = 1023


def broken_at(value: object) -> tuple[str, int] | None:
    r"""Return where text holds half a character, as text does that was cut inside an emoji.

    UTF-8 has no bytes for it (a lone surrogate), so no service, file or database takes it whole.

    Returns
    -------
    tuple of str and int, or None
        The text, and the place in it; of a list or a dict, of the first such text within.

    Examples
    --------
    >>> broken_at("a fox \ud83e"), broken_at(["a fox", "größe"])
    (('a fox \ud83e', 6), None)
    """
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                return value, error.start
        return None
    return next((found for part in _parts(value) if (found := broken_at(part)) is not None), None)


def unsendable(value: object) -> str | None:
    """Return why no service would get a value as it is, and what to do; None where it would.

    Text must be valid Unicode. A whole number beyond those of a float is none to most readers of
    JSON, and one of more than 4,300 digits none to Python's.
    """
    if (place := broken_at(value)) is not None:
        return _broken_words(*place)
    if _is_too_large(value):
        return "holds a number of more than 308 digits, which JSON does not carry. Correct it."
    return None


def _is_too_large(value: object) -> bool:
    if isinstance(value, int):
        return value.bit_length() > _BITS_OF_A_FLOAT
    return any(map(_is_too_large, _parts(value)))


def _parts(value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value)
    return [*value, *value.values()] if isinstance(value, dict) else []


def _broken_words(text: str, place: int) -> str:
    """Return what is wrong with text that `broken_at` found, and what to do."""
    shown = ascii(text[max(0, place - 20) : place + 1])
    return (
        f"holds half a character at position {place + 1} ({shown}), as text does that was cut "
        "inside an emoji; it is not valid Unicode. Correct the text."
    )
