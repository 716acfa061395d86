"""Text of a file as it was written: its encoding, its lines, and where something is wrong."""

from __future__ import annotations

import codecs

from pruna_nb.errors import InputError

# UTF-32's mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, name: str) -> str:
    """Return a file's text: UTF-8, or what its byte order mark says.

    Raises
    ------
    InputError
        If it is not valid text in that encoding, or holds NUL; with the line.
    """
    encoding = next((each for mark, each in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = (
            f"{name} is not valid {encoding.removesuffix('-sig').upper()} ({error.reason} at byte "
            f"{error.start}, line {line}): save it as UTF-8."
        )
        raise InputError(msg) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        msg = (
            f"{name} holds a NUL character in line {line}, so it is not a text file, or UTF-16 "
            "without its mark: save it as UTF-8."
        )
        raise InputError(msg)
    return text


def lines_of(text: str) -> list[str]:
    r"""Return the lines, ended by LF, CRLF or CR alone; other separators stand inside a line.

    Examples
    --------
    >>> lines_of("a\r\nb\u2028c\n")
    ['a', 'b\u2028c']
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if not lines[-1] else lines
