"""Processor time that a new row costs our process, beside a bare loop of the same HTTP calls.

Both are measured in one process, by turns: what else the machine does then falls on both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from common import KEY, MODEL, PLENTY, Place, Report, cpu_seconds, place, prompts

if TYPE_CHECKING:
    from pathlib import Path

ROWS, TURNS, WARM = 500, 6, 50


def ours(where: Place, turn: str) -> float:
    """Give the seconds of processor time of some new rows."""
    with where.configure():
        frame = prompts(ROWS, turn)
        before = cpu_seconds()
        frame.pruna.generate("prompt", progress=False)
        return cpu_seconds() - before


def bare(where: Place, turn: str, asked: int) -> float:
    """Give the same for a loop that makes the same calls, and saves the pictures.

    Parameters
    ----------
    where : Place
    turn : str
        For prompts of their own.
    asked : int
        Status calls in all: as many as ours made.
    """
    folder = where.folder / turn
    folder.mkdir()
    texts = prompts(ROWS, f"{turn} again")["prompt"].tolist()
    with requests.Session() as session:
        before = cpu_seconds()
        for number, text in enumerate(texts):
            times = asked // ROWS + (number < asked % ROWS)
            _bare_row(session, where.url, text, times, folder / f"{number}.jpg")
        return cpu_seconds() - before


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
    """Take both by turns."""
    with (
        Report(__file__) as report,
        place(limits={"p-image": PLENTY}, latency=0.0) as (where, service),
    ):
        with where.configure():
            prompts(WARM, "a warm-up").pruna.generate("prompt", progress=False)
        mine = theirs = 0.0
        asked = 0
        for turn in range(TURNS):
            before = service.counts["status"]
            mine += ours(where, f"turn {turn}")
            calls = service.counts["status"] - before
            theirs += bare(where, f"turn {turn}", calls)
            asked += calls
        rows = ROWS * TURNS
        report.add(
            "processor time for a new row / bare requests loop, same calls",
            ours=f"{mine / rows * 1e3:.2f} ms ({2 + asked / rows:.2f} calls a row)",
            beside=f"bare loop {theirs / rows * 1e3:.2f} ms",
            ratio=mine / theirs,
            at_most=1.5,
        )


if __name__ == "__main__":
    main()
