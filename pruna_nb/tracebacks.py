"""An error in a notebook: the line of the cell and the message, in place of eighty lines.

IPython asks an exception for ``_render_traceback_`` before it formats one itself. `%tb` asks
again, and gets the whole traceback.
"""

from __future__ import annotations

import functools
import traceback
from pathlib import Path

_PACKAGE = str(Path(__file__).parent)
_RED, _GREEN, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[39m"


def render(error: BaseException) -> list[str]:
    """Return the lines that IPython shows for an error: few at first, all of them for ``%tb``."""
    # Only `%tb` renders an error that was rendered before. A flag on the error is enough to tell:
    # IPython hands nothing to this method.
    if vars(error).get("_rendered"):
        return _whole(error)
    vars(error)["_rendered"] = True
    return _short(error)


def shorten(error: BaseException) -> None:
    """Let IPython show an exception of another's class, such as a `KeyboardInterrupt`, in short."""
    error._render_traceback_ = functools.partial(render, error)  # type: ignore[attr-defined]


def _short(error: BaseException) -> list[str]:
    lines = []
    if (line := _own_line(error)) is not None:
        lines.append(f"{_GREEN}----> {line.lineno}{_PLAIN} {line.line}")
    said = traceback.format_exception_only(error)
    # Without the module's name, which says nothing to who called `df.pruna.generate`.
    kind = type(error).__name__
    text = "".join(said).rstrip().removeprefix(f"{type(error).__module__}.").removeprefix(kind)
    lines.append(f"{_RED}{kind}{_PLAIN}{text}")
    return lines


def _own_line(error: BaseException) -> traceback.FrameSummary | None:
    """Return the user's line that called the package: the last one above its first frame."""
    own = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(_PACKAGE):
            break
        if "site-packages" not in frame.filename:  # pandas' accessors, IPython's magics
            own = frame
    # Of a magic, the line is what IPython made of it; of `%%time`, there is none.
    is_shown = own is not None and own.line and not own.line.startswith("get_ipython().")
    return own if is_shown else None


def _whole(error: BaseException) -> list[str]:
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return traceback.format_exception(error)
    lines: list[str] = shell.InteractiveTB.structured_traceback(
        type(error), error, error.__traceback__, tb_offset=1
    )
    return lines
