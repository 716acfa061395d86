"""A journal of 100,000 predictions: its size, its history and costs, and the next run beside it."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import MODEL, Place, Report, in_child, prompts, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 100_000
NOWHERE = "http://127.0.0.1:9"
"""Nothing is sent: all is in the journal."""


def fill(where: Place) -> float:
    """Write a line for each prompt, a minute apart, and give the megabytes of 10,000."""
    from pruna_nb.settings import current
    from pruna_nb.store.database import database_of
    from pruna_nb.store.entries import INSERT, Entry, values_of

    now = time.time()
    with where.configure():
        settings = current()
        database = database_of(settings.cache_dir)
        with database.transaction() as connection:
            for number, prompt in enumerate(prompts(ROWS)["prompt"].tolist()):
                key, sent = f"{number:064x}", now - 60.0 * number
                asked = json.dumps({"prompt": prompt, "aspect_ratio": "16:9", "seed": number})
                media = f"{key[-2:]}/{key}.jpg"
                head = (f"{number:032x}", key, settings.origin, MODEL, asked, "a run", "delivered")
                id_ = f"bench{number:021d}"
                entry = Entry(*head, id_, None, media, None, 0.005, sent, sent + 1.0, tags="bench")
                connection.execute(INSERT, values_of(entry))
        database.close()
        return settings.database_path.stat().st_size / 1e6 / (ROWS / 10_000)


def times(where: Place) -> dict[str, float]:
    """Give the seconds of each question to the journal, the second time that it is asked."""
    import pruna_nb

    with where.configure():
        one = prompts(1, "not made yet")
        asked: dict[str, Callable[[], Any]] = {
            "history": pruna_nb.history,
            "search": lambda: pruna_nb.history("no. 7", since="30d"),
            "costs": lambda: pruna_nb.costs(["month", "model"]),
            "estimate": lambda: one.pruna.estimate("prompt"),
        }
        taken = {}
        for name, ask in asked.items():
            ask()
            began = time.perf_counter()
            ask()
            taken[name] = time.perf_counter() - began
        return taken


def main() -> None:
    """Measure and print."""
    with Report(__file__) as report, tempfile.TemporaryDirectory() as folder:
        where = Place(NOWHERE, Path(folder))
        size = in_child(fill, where)
        report.add(
            "10,000 lines of the journal on the disk",
            ours=f"{size:.1f} MB",
            beside="-",
            ratio=size,
            at_most=15,
            unit=" MB",
        )
        taken = in_child(times, where)
        for name, what, most in (
            ("history", "history() of 100,000 rows", 5.0),
            ("search", "history(prompt, since='30d') among 100,000 rows", 2.0),
            ("costs", "costs() of 100,000 rows", 3.0),
            ("estimate", "estimate() of one row beside 100,000 in the journal", 0.1),
        ):
            report.add(
                what,
                ours=seconds(taken[name]),
                beside="-",
                ratio=taken[name],
                at_most=most,
                unit=" s",
            )


if __name__ == "__main__":
    main()
