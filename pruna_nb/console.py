"""Words on the screen, which never end what they tell of."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TextIO


class Log(logging.LoggerAdapter[logging.Logger]):
    """The package's logger, whose handlers never end what they tell of.

    A handler of the user's may fail in any way, and where there is none, Python's own raises if
    stderr was closed.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message as `logging.Logger.log` does, and go on whatever that does."""
        with contextlib.suppress(Exception):
            super().log(level, msg, *args, **{"stacklevel": 3, **kwargs})


LOG = Log(logging.getLogger("pruna_nb"), {})


def say(words: object, *, error: bool = False) -> None:
    r"""Write a line to stdout, or to stderr; a screen that takes none is left alone.

    What it tells of was paid for: neither a missing screen (pythonw, a service), nor one that was
    closed (``| head``), nor an encoding without the letters may end it. Letters that the screen's
    encoding does not have are written as ``\u65e5``.

    Parameters
    ----------
    words : object
        What to say.
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
        LOG.debug("a stream takes no words: %s", type(failure).__name__)


def _let_go(stream: TextIO) -> None:
    """Lead the process's own stream nowhere, so that Python's last flush does not fail."""
    if stream not in (sys.__stdout__, sys.__stderr__):
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
