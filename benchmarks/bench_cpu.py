"""Processor time that a new row costs our process, beside a bare loop of the same HTTP calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from common import KEY, MODEL, PLENTY, Place, Report, cpu_seconds, in_child, place, prompts

if TYPE_CHECKING:
    from pathlib import Path

ROWS, WARM = 1000, 100
REPEATS = 3


def ours(where: Place) -> float:
    """Give the seconds of processor time for a new row, after some to warm up."""
    with where.configure():
        prompts(WARM, "a warm-up").pruna.generate("prompt", progress=False)
        frame = prompts(ROWS)
        before = cpu_seconds()
        frame.pruna.generate("prompt", progress=False)
        return (cpu_seconds() - before) / ROWS


def bare(where: Place, asked: int) -> float:
    """Give the same for a loop that makes the same calls, and saves the pictures.

    Parameters
    ----------
    where : Place
    asked : int
        Status calls in all: as many as ours made.
    """
    folder = where.folder / "bare"
    folder.mkdir(exist_ok=True)
    texts = prompts(ROWS, "a bare")["prompt"].tolist()
    with requests.Session() as session:
        _bare_row(session, where.url, texts[0], 1, folder / "warm.jpg")
        before = cpu_seconds()
        for number, text in enumerate(texts):
            times = asked // ROWS + (number < asked % ROWS)
            _bare_row(session, where.url, text, times, folder / f"{number}.jpg")
        return (cpu_seconds() - before) / ROWS


def _bare_row(session: requests.Session, url: str, text: str, times: int, path: Path) -> None:
    key = {"apikey": KEY}
    body: dict[str, Any] = {"input": {"prompt": text}}
    answer = session.post(f"{url}/v1/predictions", json=body, headers={**key, "Model": MODEL})
    address = answer.json()["get_url"]
    for _ in range(times):
        state = session.get(address, headers=key).json()
    picture = session.get(state["generation_url"], headers=key)
    path.write_bytes(picture.content)


def main() -> None:
    """Take each several times in turn, and the least of each: what it costs undisturbed."""
    with Report(__file__) as report:
        mine, theirs, calls = [], [], 0
        for _ in range(REPEATS):
            with place(limits={"p-image": PLENTY}, latency=0.0) as (where, service):
                mine.append(in_child(ours, where))
                counts = service.counts
                asked = counts["status"] - WARM
                calls = counts["predictions"] + counts["delivery"] - 2 * WARM + asked
                theirs.append(in_child(bare, where, asked))
        report.add(
            "processor time for a new row / bare requests loop, same calls",
            ours=f"{min(mine) * 1e3:.2f} ms ({calls / ROWS:.2f} calls a row)",
            beside=f"bare loop {min(theirs) * 1e3:.2f} ms",
            ratio=min(mine) / min(theirs),
            at_most=1.5,
        )


if __name__ == "__main__":
    main()
