"""A ``.env`` file of the working folder or one above it: this package's own names, and no others.

It is read as text: nothing in it is executed, expanded or put into the environment. The nearest
file that names a setting counts, and stays the session's, wherever the program goes then.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb.console import LOG
from pruna_nb.redact import Hidden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_NAME = ".env"
_BYTES_AT_MOST = 64 * 1024
_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(PRUNA_[A-Z_]+)[ \t]*=[ \t]*
    (?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^\n]*?))
    [ \t]*(?:(?<=[\s"'=])\#[^\n]*)?\r?$""",
    re.MULTILINE | re.VERBOSE,
)
_FOUND: list[Path] = []
_TOLD: set[Path] = set()


def from_dotenv(names: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that a ``.env`` file has.

    Parameters
    ----------
    names : mapping of str to str
        The variable of each setting; a variable that is none of them is not looked at.
    """
    for path in list(_FOUND) or _candidates():
        values = _read(path)
        found: dict[str, str] = {
            name: values[variable] for name, variable in names.items() if variable in values
        }
        if found:
            if not _FOUND:
                _FOUND.append(path)
            for name in {"cache_dir", "state_dir"} & found.keys():
                # A relative folder begins where the file lies, not where the notebook runs.
                if "://" not in found[name] and not found[name].startswith("~"):
                    found[name] = str(path.parent / found[name])
            return found
    return {}


def tell_ignored_address() -> None:
    """Warn, once a file, that its address is not used with another place's key.

    The folder may be anybody's: its address must not get a key that is not its own.
    """
    for path in _FOUND:
        if path not in _TOLD:
            _TOLD.add(path)
            LOG.warning(
                "PRUNA_API_URL in %s is not used: it counts only with the PRUNA_API_KEY of the "
                "same file. Set it in the environment, or call pruna_nb.configure(base_url=...)",
                path,
            )


def forget() -> None:
    """Forget the file that was found."""
    _FOUND.clear()
    _TOLD.clear()


def _candidates() -> Iterator[Path]:
    try:
        here, home = Path.cwd(), Path.home()
    except (OSError, RuntimeError):  # the folder is gone, or there is no home
        return
    for folder in (here, *here.parents):
        yield folder / FILE_NAME
        if folder == home:
            return


def _read(path: Path) -> dict[str, Hidden]:
    """Return this package's variables in a file; none if it is no file of this user's."""
    try:
        known = path.stat()
        # Above a shared folder, somebody else's file would decide where prompts are sent.
        user = os.getuid() if hasattr(os, "getuid") else 0
        is_own = user == 0 or _owner_of(known) in {user, 0}
        if not is_own or not stat.S_ISREG(known.st_mode):
            return {}
        with path.open("rb") as file:
            text = Hidden(file.read(_BYTES_AT_MOST).decode("utf-8-sig", "replace"))
    except OSError:
        return {}
    values = {}
    for line in _LINE.finditer(text):
        value = next(filter(None, line.group("double", "single", "bare")), "")
        values[line[1]] = Hidden(value.strip())
    return {name: value for name, value in values.items() if value}


def _owner_of(known: os.stat_result) -> int:
    return known.st_uid
