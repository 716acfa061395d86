"""Text that is not valid Unicode, found before it is sent."""

from __future__ import annotations


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
    parts: list[object] = []
    if isinstance(value, (list, tuple)):
        parts = list(value)
    elif isinstance(value, dict):
        parts = [*value, *value.values()]
    return next((found for part in parts if (found := broken_at(part)) is not None), None)


def broken_words(text: str, place: int) -> str:
    """Return what is wrong with text that `broken_at` found, and what to do."""
    shown = ascii(text[max(0, place - 20) : place + 1])
    return (
        f"holds half a character at position {place + 1} ({shown}), as text does that was cut "
        "inside an emoji; it is not valid Unicode. Correct the text."
    )
