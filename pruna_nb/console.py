"""Write to the terminal and the log without ever raising: what they report was paid for."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TextIO


class Log(logging.LoggerAdapter[logging.Logger]):
    """The package's logger, which never raises.

    A user's handler may fail in any way; without one, Python's last resort raises if stderr was
    closed.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message as `logging.Logger.log` does, and go on whatever that does."""
        with contextlib.suppress(Exception):
            super().log(level, msg, *args, **{"stacklevel": 3, **kwargs})


LOG = Log(logging.getLogger("pruna_nb"), {})


def say(words: object, *, error: bool = False) -> None:
    r"""Write a line to stdout or stderr; do nothing where that is not possible.

    A run that is paid for must not end because there is no terminal (pythonw, a service), or it
    was closed (``| head``). Letters that its encoding does not have are written as ``\u65e5``.

    Parameters
    ----------
    words : object
        The line.
    error : bool
        Whether it goes to stderr.
    """
    stream = sys.stderr if error else sys.stdout
    if stream is None:
        return
    line = f"{words}\n"
    try:
        try:
            stream.write(line)
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):  # a full disk, a reader that is gone, a stream that was closed
        _let_go(stream)
    except Exception as failure:  # noqa: BLE001 - a program's own stream may fail in any way
        LOG.debug("a stream cannot be written: %s", type(failure).__name__)


def _let_go(stream: TextIO) -> None:
    """Redirect the process's own stream to nowhere, so that Python's last flush succeeds."""
    if stream not in (sys.__stdout__, sys.__stderr__):
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
