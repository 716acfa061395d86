"""``pruna-nb doctor``: what a setup is, what is wrong with it, and what to do."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from pruna_nb.api.key_check import check_key
from pruna_nb.catalog import all_models
from pruna_nb.errors import PrunaError
from pruna_nb.settings import Settings, current
from pruna_nb.store.database import check_folder
from pruna_nb.store.shared import SharedStorage
from pruna_nb.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

# File systems on which SQLite's locks cannot be relied on.
_REMOTE = ("fuse", "nfs", "cifs", "smb", "9p", "drvfs", "gcsfuse", "s3fs")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    state : str
        What it is.
    is_wrong : bool
        Whether work will fail by it.
    advice : str
        What to do, where there is something to do.
    """

    name: str
    state: str
    is_wrong: bool = False
    advice: str = ""

    def __str__(self) -> str:
        """Return it as a line of the report."""
        mark = "!!" if self.is_wrong else "ok" if not self.advice else "--"
        advice = f"\n   {'':<11}{self.advice}" if self.advice else ""
        return f"{mark} {self.name:<10} {self.state}{advice}"


def examine(*, offline: bool = False) -> list[Finding]:
    """Look at all that a run needs; the service is asked about the key, at no cost."""
    found = [Finding("pruna_nb", f"{VERSION} in Python {platform.python_version()}")]
    try:
        settings = current()
    except PrunaError as error:
        return [*found, Finding("settings", str(error), is_wrong=True)]
    found += _address(settings, offline=offline)
    for name, folder in (("cache", settings.cache_dir), ("state", settings.state_dir)):
        found.append(_folder(name, folder))
    if settings.storage:
        found.append(_storage(settings, offline=offline))
    if settings.limits:
        words = (
            f"{model} {count} in {seconds:g} s"
            for model, (count, seconds) in settings.limits.items()
        )
        found.append(Finding("limits", ", ".join(words)))
    else:
        found.append(Finding("limits", f"as published, for {len(all_models())} models"))
    return [*found, *_extras()]


def _address(settings: Settings, *, offline: bool) -> Iterator[Finding]:
    yield Finding("address", settings.base_url)
    if settings.api_key is None:
        try:
            settings.require_key()
        except PrunaError as error:
            yield Finding("key", "none was found", is_wrong=True, advice=str(error))
        return
    if offline:
        yield Finding("key", "there is one; the service was not asked")
        return
    checked = check_key(settings)
    if checked.verdict == "accepted":
        yield Finding("key", "accepted by the service")
    elif checked.verdict == "not accepted":
        yield Finding(
            "key",
            f"not accepted by the service ({checked.reason})",
            is_wrong=True,
            advice="Set another one: PRUNA_API_KEY, or `pruna-nb login`.",
        )
    else:
        yield Finding(
            "key",
            f"the service could not be asked ({checked.reason})",
            is_wrong=True,
            advice="Check the network and the address: PRUNA_API_URL.",
        )


def _folder(name: str, folder: Path) -> Finding:
    """Return whether a folder takes files and a database."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        check_folder(nearest)
    except OSError as error:
        variable = f"PRUNA_NB_{name.upper()}_DIR"
        return Finding(
            name,
            f"{folder} takes no files ({error})",
            is_wrong=True,
            advice=f"Choose another folder: {variable}.",
        )
    kind = _file_system(nearest)
    if any(kind.startswith(each) for each in _REMOTE):
        return Finding(
            name,
            f"{folder}, on {kind}",
            advice="A database on a network or FUSE folder may be damaged by two processes: "
            f"choose a local one (PRUNA_NB_{name.upper()}_DIR).",
        )
    return Finding(name, str(folder))


def _storage(settings: Settings, *, offline: bool) -> Finding:
    """Return whether the shared storage can be written."""
    if offline:
        return Finding("storage", f"{settings.storage}; it was not asked")
    try:
        SharedStorage(settings).bucket.check()
    except PrunaError as error:
        advice = 'Correct PRUNA_NB_STORAGE, or go on without it: PRUNA_NB_STORAGE="".'
        return Finding("storage", str(error), is_wrong=True, advice=advice)
    return Finding("storage", settings.storage)


def _file_system(folder: Path) -> str:
    """Return the kind of a folder's file system, as Linux tells it; "" elsewhere."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    here, best = str(folder.resolve()), ("", "")
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) > 2:  # noqa: PLR2004 - device, place, kind
            place = parts[1].replace("\\040", " ")
            inside = here == place or here.startswith(place.rstrip("/") + os.sep)
            if inside and len(place) >= len(best[0]):
                best = (place, parts[2])
    return best[1]


def _extras() -> Iterator[Finding]:
    """Yield each extra with the versions that are there, and those that are missing."""
    by_extra: dict[str, list[str]] = {}
    declared: list[str] = []
    with contextlib.suppress(PackageNotFoundError):  # used from a folder, not installed
        declared = requires("pruna_nb") or []
    for text in declared:
        needed = re.fullmatch(r"""([\w.-]+).*;.*\bextra == ["']([\w-]+)["'].*""", text)
        if needed is not None and needed[2] != "all":
            by_extra.setdefault(needed[2], []).append(needed[1])
    for extra, packages in sorted(by_extra.items()):
        there, missing = [], []
        for package in packages:
            try:
                there.append(f"{package} {version(package)}")
            except PackageNotFoundError:
                missing.append(package)
        if missing:
            advice = f"If you need it: {sys.executable} -m pip install 'pruna_nb[{extra}]'"
            yield Finding(f"[{extra}]", f"not installed ({', '.join(missing)})", advice=advice)
        else:
            yield Finding(f"[{extra}]", ", ".join(there))
