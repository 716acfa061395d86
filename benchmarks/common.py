"""What every benchmark stands on: a folder, a service, figures, and the machine's name.

A script measures ours and what stands beside it in the same run, prints one line a figure, and
leaves its figures in build/benchmarks, from which table.py makes the page's table.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    import pandas as pd

    from pruna_nb.emulator import Service

RESULTS = Path(__file__).resolve().parent.parent / "build" / "benchmarks"
LIBRARIES = ("pandas", "numpy", "requests", "joblib", "pillow", "pruna-client")
PLENTY = (1_000_000, 1.0)
"""A limit that is never reached."""
MODEL = "p-image"
KEY = "benchmark-key"


@dataclass(frozen=True)
class Place:
    """Where one measurement happens: a service's address, folders of its own, its limits.

    It can be handed to another process, which calls `configure` for itself.
    """

    url: str
    folder: Path
    limits: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    def configure(self, **more: Any) -> Any:
        """Point the package to this place."""
        import pruna_nb

        return pruna_nb.configure(
            api_key=KEY,
            base_url=self.url,
            cache_dir=self.folder / "cache",
            state_dir=self.folder / "state",
            limits=dict(self.limits),
            **more,
        )


@contextlib.contextmanager
def place(**options: Any) -> Iterator[tuple[Place, Service]]:
    """Run an emulator in a process of its own, with folders that are gone afterwards."""
    from pruna_nb import emulator

    with (
        tempfile.TemporaryDirectory(prefix="pruna_nb-bench-") as folder,
        emulator.running(process=True, fast=True, **options) as service,
    ):
        yield Place(service.url, Path(folder), options.get("limits", {})), service


def prompts(count: int, what: str = "a lighthouse") -> pd.DataFrame:
    """Make a frame of different prompts, about as long as people write them."""
    import pandas as pd

    text = f"{what} on a cliff above a stormy sea at dusk, oil on canvas, thick strokes, no. "
    return pd.DataFrame({"prompt": [f"{text}{number}" for number in range(count)]})


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process, so that nothing that ran before is counted."""
    with fresh_processes(1) as pool:
        return pool.submit(function, *arguments).result()


def fresh_processes(count: int) -> ProcessPoolExecutor:
    """Give processes that begin with nothing loaded."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def cpu_seconds() -> float:
    """Give the processor time that this process has taken, in user and system mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_bytes() -> int:
    """Give the most memory that this process has held (Linux counts kB, macOS bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def seconds(value: float) -> str:
    """Write a length of time."""
    if value < 0.1:
        return f"{value * 1e3:.1f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    figure: str
    ours: str
    beside: str
    ratio: float
    bound: str
    met: bool

    def line(self) -> str:
        """Say it in one line."""
        verdict = "ok" if self.met else "NOT MET"
        return (
            f"{self.figure}: ours {self.ours}; beside it {self.beside}; "
            f"{self.ratio:.3g} (bound: {self.bound}) {verdict}"
        )


class Report:
    """Prints a script's figures as they come, and leaves them for the table.

    Parameters
    ----------
    script : str
        The script's ``__file__``.
    """

    def __init__(self, script: str) -> None:
        self.name = Path(script).stem
        self.figures: list[Figure] = []
        self.began = time.strftime("%Y-%m-%d")
        self.load = _load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the figures, unless the script broke."""
        if kind is not None:
            return
        RESULTS.mkdir(parents=True, exist_ok=True)
        kept = {
            "day": self.began,
            "machine": machine(),
            "load": self.load,
            "figures": [asdict(figure) for figure in self.figures],
        }
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    def add(
        self,
        figure: str,
        *,
        ours: str,
        beside: str,
        ratio: float,
        at_most: float | None = None,
        at_least: float | None = None,
        also: Mapping[str, bool] | None = None,
        unit: str = "",
    ) -> None:
        """Print one figure with its bound, and whether it is met.

        Parameters
        ----------
        figure, ours, beside : str
            What was measured, what we take, and what others take (or what is ideal).
        ratio : float
            What is held against the bound.
        at_most, at_least : float, optional
            The bound.
        also : mapping of str to bool, optional
            What else must hold, in words, and whether it does.
        unit : str
            Of the bound; empty for a plain ratio.
        """
        extra = dict(also or {})
        words: list[str] = []
        met = all(extra.values())
        if at_most is not None:
            words.append(f"at most {at_most:,g}{unit}")
            met = met and ratio <= at_most
        if at_least is not None:
            words.append(f"at least {at_least:,g}{unit}")
            met = met and ratio >= at_least
        made = Figure(figure, ours, beside, ratio, ", ".join([*words, *extra]), met)
        self.figures.append(made)
        print(made.line(), flush=True)


def machine() -> str:
    """Name the machine by what matters: processor, cores, memory, Python and libraries."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{_processor()}, {cores} cores, {_memory()}; {_system()}; "
        f"Python {platform.python_version()}; {libraries}"
    )


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 1024**3:.0f} GiB"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _load() -> float:
    return round(os.getloadavg()[0], 2)
